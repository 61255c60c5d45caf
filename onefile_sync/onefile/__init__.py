"""The OneFile REST API v2.1, and nothing of Django's models or of PICSWeb.

:mod:`.client` has a method for each operation that we use, :mod:`.transport` the one place through which every call
goes, :mod:`.records` what OneFile sends as exact records, :mod:`.errors` the table of everything that can go wrong.
"""
