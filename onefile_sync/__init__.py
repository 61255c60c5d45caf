"""Keeps PICSWeb's learners in step with the OneFile e-portfolio.

Start with :mod:`onefile_sync.services`, the public interface behind every button, command, task and endpoint.
"""

__version__ = "0.1.0"
