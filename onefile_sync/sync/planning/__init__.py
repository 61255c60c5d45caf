"""Decides on plain values what one exchange does: no database, no network, no clock.

In: PICSWeb's rows and OneFile's records of one learner. Out: a plan (changes to either side, uploads, problems) and
whether a run changes implausibly much. Called by ``sync.learner``, ``sync.bulk`` and ``sync.runs``.
"""
