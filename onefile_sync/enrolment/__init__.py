"""Creates learners in OneFile, with what they need there: placement, assessors, class and learning aims.

In: a learner without a OneFile ID, and what a person chose. Out: a plan for a person to look at, then the learner in
OneFile, linked. Called by the worker (:mod:`.check_run`) and by ``services.py``
(:mod:`.enrolment_runs`).
"""
