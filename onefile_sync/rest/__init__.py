"""The REST interface: request a refresh, follow the run, read a learner's OneFile status.

The only package that imports rest_framework and drf_spectacular. The host includes ``onefile_sync.rest.urls`` under a
path of its choice; its own REST_FRAMEWORK settings define how callers authenticate.
"""
