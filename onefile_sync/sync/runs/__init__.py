"""A run in our own tables, from its beginning to the day it is pruned: state, leases, what happened, queue, schedule.

In: which learners, and what became of each. Out: a lease on one learner at a time, and a record that staff can read.
Called by everything else in ``sync`` and by ``reporting``; knows nothing of OneFile.
"""
