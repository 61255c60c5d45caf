"""What people read: problems, refusals and failures of OneFile, each with what to do about it and who acts.

In: a code and details. Out: a text and a remedy. Called by ``reporting``, ``sync`` and ``web``; imports nothing of
them.
"""
