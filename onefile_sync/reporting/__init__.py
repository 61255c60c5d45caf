"""Reports for people: runs and learners, problems that need attention, and the health checks.

In: our own tables. Out: plain objects that pages, commands and REST show. Called by ``services`` only. Writes nothing
and makes no call to OneFile.
"""
