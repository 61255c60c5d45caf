"""What one exchange does, decided on plain values: no database, no network, no clock.

In: PICSWeb's rows and OneFile's records of one learner. Out: a plan (changes to either side, uploads, problems) and
whether a run changes implausibly much. Called by ``sync.learner``, ``sync.bulk`` and ``sync.runs``.
"""
