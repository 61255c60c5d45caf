"""The sandbox gives whole records or a few properties in its lists; nobody waits, and everything is at once."""

from __future__ import annotations

from typing import Any

import pytest

from onefile_sync.sandbox.switches import Switches


@pytest.fixture(params=["thin", "rich"])
def items(request: pytest.FixtureRequest) -> Any:
    """What OneFile's lists give of each record."""
    return request.param


@pytest.fixture
def switches(items: Any) -> Switches:
    return Switches(rate_limit=0, items=items)
