"""A client for OneFile's REST API v2.1. It knows nothing of Django's models or of PICSWeb.

:mod:`.client` has one method for each operation that we use, and every call goes through :mod:`.transport`.
:mod:`.records` defines typed records for what OneFile sends; :mod:`.errors` lists every way a call can fail.
"""
