"""What a daily sync costs: calls, time, database, memory; beside it, what asking learner by learner costs.

``python -m benchmarks`` (``make bench``) needs PostgreSQL in ``DATABASE_URL``. Each measured run is a process of its
own, and so is the sandbox OneFile, on the same machine.
"""
