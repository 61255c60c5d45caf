"""An invented training provider: learners, officers, qualifications and reviews in PICSWeb and in OneFile.

In: a seed and a number of learners. Out: PICSWeb's side as plain values and a OneFile to serve. Called by the demo,
the sandbox's command and fixtures, and the benchmark.
"""
