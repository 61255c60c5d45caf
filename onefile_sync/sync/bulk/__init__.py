"""Reading and comparing everyone at once, for a daily sync.

In: a run. Out: staged records of OneFile, and an outcome for each learner who needs no change; the others are left to
``sync.learner``. Called by ``sync.worker``.
"""
