"""A worker makes several calls of a daily sync concurrently, each with its own database connection."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from onefile_sync import services
from onefile_sync.models import StagedRecord, SyncRun
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sync.bulk import listings
from tests.conftest import dont_wait

from .conftest import in_scope, states
from .test_cluster import DONE

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]


def daily() -> SyncRun:
    return services.perform(services.start_daily(new_run=True), sleep=dont_wait)


def test_calls_overlap_and_everything_is_done_once(
    provider: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, counting, most = provider._answer, threading.Lock(), [0, 0]
    provider.latency = 0.02

    def counted(request: Any) -> Any:
        with counting:
            most[0] += 1
            most[1] = max(most)
        try:
            return answer(request)
        finally:
            with counting:
                most[0] -= 1

    monkeypatch.setattr(provider, "_answer", counted)

    run = daily()

    assert 1 < most[1] <= 4
    assert sorted(states(run)) == in_scope()
    assert set(states(run).values()) <= DONE
    again = daily()
    assert not again.outcomes.filter(changes__made=True).exists()
    assert StagedRecord.objects.filter(listed_in=again.pk).count() == len(provider.world.aims) + len(
        provider.world.reviews
    )


def test_a_failing_thread_stops_the_others_and_the_next_worker_continues(
    provider: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_on, failed = listings.read_on, threading.Event()

    def fail_once(run: SyncRun, *more: Any) -> bool:
        if run.listed_at is not None and not failed.is_set():
            failed.set()
            raise ZeroDivisionError
        return read_on(run, *more)

    monkeypatch.setattr(listings, "read_on", fail_once)
    run = services.start_daily(new_run=True)

    with pytest.raises(ZeroDivisionError):
        services.perform(run, sleep=dont_wait)
    run.refresh_from_db()
    assert run.is_open
    services.perform(run, sleep=dont_wait)

    assert set(states(run).values()) <= DONE
