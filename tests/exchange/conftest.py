"""What the tests of the exchange say; the hosts, the sandbox and the rest come from ``tests/conftest.py``."""

from tests.conftest import changes, preview, problems, sync

__all__ = ["changes", "preview", "problems", "sync"]
