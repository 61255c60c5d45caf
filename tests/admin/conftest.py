"""The pages of a PICSWeb that is connected to OneFile."""

import pytest


@pytest.fixture(autouse=True)
def connected(integration) -> None:
    """Every page is seen with the integration in use."""
