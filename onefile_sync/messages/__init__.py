"""The texts for problems, refusals and failed calls to OneFile: what happened, what to do, who acts.

In: a code and details. Out: a text and a remedy. Called by ``reporting``, ``sync`` and ``web``; imports none of them.
"""
