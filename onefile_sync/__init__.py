"""Keeps PICSWeb's learners in step with the OneFile e-portfolio.

Start with :mod:`onefile_sync.services`: every button, command, task and endpoint calls it and nothing deeper.
"""

__version__ = "0.1.0"
