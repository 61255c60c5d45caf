"""The REST face: ask for a refresh, follow the run, read a learner's OneFile status.

The only package that imports rest_framework and drf_spectacular. A host mounts ``onefile_sync.rest.urls`` where it
likes, and its own REST_FRAMEWORK settings say how callers authenticate.
"""
