"""A machine whose clock is wrong takes no work: it would take over learners whom others are processing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from onefile_sync import services, tasks
from onefile_sync.models import Heartbeat, OneFileSettings, SyncRun
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sync.runs import heartbeat
from tests.conftest import dont_wait
from tests.factories import Host
from tests.run_fixtures import learners_of, run_of, states

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
#: A tenth of the lease of 300 seconds.
TOLERATED = 30


@pytest.fixture(params=[TOLERATED + 1, -TOLERATED - 1], ids=["ahead", "behind"])
def wrong_clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> float:
    seconds: float = request.param
    monkeypatch.setattr(heartbeat, "_clock_ahead", lambda: seconds)
    return seconds


def test_a_task_does_nothing_and_says_why(
    host: Host, onefile: SandboxServer, wrong_clock: float, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, logger="onefile_sync")
    run = run_of(learners_of(host, 2))

    assert tasks.work_on_run(str(run.pk)) == "clock wrong"

    assert states(run) == ["queued", "queued"]
    assert not onefile.calls
    (said,) = [record for record in caplog.records if record.message.startswith("clock_wrong")]
    assert f"seconds_ahead={round(wrong_clock)}" in said.message


@pytest.mark.parametrize(
    "row", [Heartbeat(worker="w", beaten_at=NOON), OneFileSettings()], ids=["heartbeat", "settings"]
)
def test_the_clock_is_compared_with_that_of_a_database_elsewhere(
    row: Any, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    row.save()
    monkeypatch.setattr(heartbeat.connection, "vendor", "another")

    assert heartbeat._clock_ahead() == pytest.approx(0, abs=5)
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        assert heartbeat._clock_ahead() == pytest.approx(3600, abs=5)


@pytest.mark.usefixtures("wrong_clock")
def test_the_sweep_takes_no_learner_away(host: Host) -> None:
    run = run_of(learners_of(host, 1))
    run.outcomes.update(state="working", lease_expires_at="2020-01-01T00:00Z")

    assert services.sweep() == 0

    assert states(run) == ["working"]


@pytest.mark.usefixtures("wrong_clock")
def test_a_command_is_refused(host: Host) -> None:
    with pytest.raises(services.Refused) as refused:
        services.perform(run_of(learners_of(host, 1)), sleep=dont_wait)

    assert refused.value.code == "clock_wrong"


def test_one_that_is_a_little_off_works(
    linked: Callable[[int], list[Any]], onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "_clock_ahead", lambda: TOLERATED)
    run = run_of(linked(1))

    assert services.work(str(run.pk), sleep=dont_wait) == "finished"
    assert Heartbeat.objects.get().clock_ahead == TOLERATED


@pytest.mark.usefixtures("wrong_clock")
def test_a_command_begins_nothing(host: Host, onefile: SandboxServer) -> None:
    held = SyncRun.objects.create(kind="daily", state="held", open_key="daily")

    for begin in (lambda: services.start_daily(new_run=True), services.preview_now):
        with pytest.raises(services.Refused) as refused:
            begin()
        assert refused.value.code == "clock_wrong"

    held.refresh_from_db()
    assert (SyncRun.objects.get(), held.state) == (held, "held")


@pytest.mark.usefixtures("wrong_clock")
def test_a_click_takes_no_learner_away_from_a_worker(
    host: Host, onefile: SandboxServer, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    learner, other = learners_of(host, 2)
    run = run_of([other])
    run.outcomes.update(state="working", lease_expires_at="2020-01-01T00:00Z")

    services.refresh([learner])

    assert states(run) == ["working"]
