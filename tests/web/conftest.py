"""Fixtures for the pages of a PICSWeb that is connected to OneFile."""

import pytest


@pytest.fixture(autouse=True)
def connected(integration) -> None:
    """The integration is switched on for every page."""
