"""The life of a run in our own tables, from its start to its deletion: state, leases, ledger, queue and schedules.

In: learners, and the result of each. Out: a lease on one learner at a time, and the ledger.
Called by everything else in ``sync`` and by ``reporting``; knows nothing of OneFile.
"""
