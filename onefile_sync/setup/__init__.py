"""Getting connected: is OneFile there, does it take the token, and what does it really send.

In: the settings, saved or as typed. Out: reports in which values never stand. Called by ``services`` only.
"""
