"""The exchange of one learner: read OneFile, plan, apply to both sides, record.

In: a learner, a client and perhaps a source of staged records. Out: what was changed and found, in the ledger. Called
by ``sync.worker`` for a learner who is refreshed, and by ``sync.bulk`` for those whom a daily sync has to write to.
"""
