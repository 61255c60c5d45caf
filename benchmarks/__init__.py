"""Measures the cost of a daily sync (calls, time, database, memory), compared with reading learner by learner.

``python -m benchmarks`` (``make bench``) needs PostgreSQL in ``DATABASE_URL``. Each measured run is a separate process,
and so is the sandbox OneFile on the same machine.
"""
