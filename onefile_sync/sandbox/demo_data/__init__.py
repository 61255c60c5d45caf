"""An invented training provider: learners, officers, qualifications and reviews, on both sides.

In: a seed and a number of learners. Out: PICSWeb's side as plain values and a OneFile to serve. Called by the demo,
the sandbox's command and fixtures, and the benchmark.
"""
