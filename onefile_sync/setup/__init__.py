"""Setting up the connection: *Test connection*, the check before a run, and the probe.

In: the settings, saved or unsaved. Out: reports, which never contain values from OneFile's records. Called by
``services`` only.
"""
