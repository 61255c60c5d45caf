"""The OneFile we are connected to: address, token and session, the shared rate limit, and what it has shown of itself.

In: the settings and calls made. Out: a client to call with, and whether its lists carry a property or what an
assessor is called. Called by ``sync.worker``, ``sync.learner``, ``sync.bulk``, and by ``setup`` and ``reporting``.
"""
