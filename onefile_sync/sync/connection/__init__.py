"""The connection to OneFile: address, token, session, shared rate limit, and what we have learnt about this OneFile.

In: the settings and the calls made. Out: a client; whether lists include a property; the names of assessors. Called by
``sync.worker``, ``sync.learner``, ``sync.bulk``, and by ``setup`` and ``reporting``.
"""
