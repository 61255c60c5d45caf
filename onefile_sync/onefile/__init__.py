"""A client for OneFile's REST API v2.1. It knows nothing of Django's models or of PICSWeb.

:mod:`.client` has one method for each operation that we use (:mod:`.operations`); :mod:`.creating` has a function for
each create of an enrolment. Every call goes through :mod:`.transport`, which repeats it as :mod:`.retry` allows.
:mod:`.parsing` turns answers into the typed records of :mod:`.records`; :mod:`.errors` lists every way a call can fail.
``sync`` and ``setup`` call it.
"""
