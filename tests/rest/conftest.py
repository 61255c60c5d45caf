"""Callers with various permissions, and the integration switched on, on both hosts."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from onefile_sync.models import OneFileSettings
from tests.factories import HOSTS


@pytest.fixture(params=HOSTS)
def host(request, settings, db):
    """Each of the two hosts in turn; the second has UUIDs for primary keys."""
    settings.ONEFILE_SYNC = HOSTS[request.param].mapping
    return HOSTS[request.param]


@pytest.fixture(autouse=True)
def integration(db):
    """The integration switched on, with a customer token and no requests counted by the throttle yet."""
    cache.clear()
    integration = OneFileSettings(enabled=True)
    integration.set_customer_token("a-customer-token")
    integration.save()
    return integration
