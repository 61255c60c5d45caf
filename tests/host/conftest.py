"""Every test of the host side runs on both hosts."""

import pytest

from tests.factories import HOSTS


@pytest.fixture(params=HOSTS, autouse=True)
def host(request, settings, db):
    settings.ONEFILE_SYNC = HOSTS[request.param].mapping
    return HOSTS[request.param]
