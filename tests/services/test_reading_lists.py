"""Several threads read OneFile's lists at once, each list by one of them."""

from __future__ import annotations

from typing import Any

import pytest

from onefile_sync import services
from onefile_sync.linking import directory
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import DirectoryKind, DirectoryList, RunState
from onefile_sync.sandbox.server import SandboxServer
from tests.conftest import dont_wait

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]


def test_each_page_is_read_once_and_nothing_is_missing(provider: SandboxServer, settings: Any) -> None:
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "PAGE_SIZE": 3, "CALLS_AT_ONCE": 4}
    provider.latency = 0.01
    world, tenant = provider.world, present_tenant()
    for _time in range(2):
        provider.reset_counts()
        run = services.perform(directory.start_reading(DirectoryKind, queued=False), sleep=dont_wait)
        assert (run.state, run.failure) == (RunState.FINISHED, "")
        expected = {
            DirectoryKind.CENTRE: world.centres,
            DirectoryKind.CLASSROOM: world.classrooms,
            DirectoryKind.PLACEMENT: world.placements,
            DirectoryKind.STANDARD: world.standards,
        }
        for kind, records in expected.items():
            kept = directory.entries(tenant, kind).values_list("onefile_id", flat=True)
            assert sorted(kept) == sorted(records), kind
        assert not directory.entries(tenant, DirectoryKind.LEARNER, gone=True).exists()
        pages = sum(DirectoryList.objects.values_list("next_page", flat=True)) - DirectoryList.objects.count()
        searches = sum(number for name, number in provider.calls.items() if name.endswith("/Search"))
        assert searches == pages
