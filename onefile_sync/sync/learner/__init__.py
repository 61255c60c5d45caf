"""The exchange of one learner: read OneFile, plan, apply to both sides, record.

In: a learner, a client and optionally a source of staged records. Out: changes and problems, in the ledger. Called by
``sync.worker``, for refreshes and for those learners of a daily sync who could not be finished in bulk.
"""
