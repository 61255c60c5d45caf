"""Lists of the sandbox with full records or with a few properties; no test waits for anything."""

from __future__ import annotations

from typing import Any

import pytest

from onefile_sync.sandbox.switches import Switches


@pytest.fixture(params=["thin", "rich"])
def items(request: pytest.FixtureRequest) -> Any:
    """How much of each record OneFile's lists contain."""
    return request.param


@pytest.fixture
def switches(items: Any) -> Switches:
    return Switches(rate_limit=0, items=items)
