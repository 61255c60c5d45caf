"""Fixtures for the pages of a PICSWeb that is connected to OneFile."""

import pytest

from tests.enrolment.conftest import defaults_chosen, new_learner  # noqa: F401 - fixtures


@pytest.fixture(autouse=True)
def connected(integration) -> None:
    """The integration is switched on for every page."""
