"""What django-q2 is handed, and what its workers do with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone
from django_q.models import OrmQ

from onefile_sync import services, tasks
from onefile_sync.models import (
    LearnerOutcome,
    OneFileSettings,
    OutcomeState,
    RunKind,
    RunState,
    SyncRun,
)
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sync import daily
from onefile_sync.sync.runs import leases, lifecycle, queue
from onefile_sync.sync.runs.queue import WORK
from tests.factories import Host
from tests.run_fixtures import claimed, learners_of, queued_runs, queued_tasks, run_of, states

pytestmark = pytest.mark.matrix

Commit = Callable[[], Any]
Linked = Callable[[int], list[Any]]


class TestTheQueue:
    def test_carries_only_the_runs_id(self, host: Host, switched_on: OneFileSettings, commit: Commit) -> None:
        with commit():
            run = services.refresh(learners_of(host, 2))

        (task,) = queued_tasks()
        assert (task["func"], task["args"], task["kwargs"]) == (WORK, (str(run.pk),), {})
        assert task["name"] == f"onefile {str(run.pk)[:8]}"
        assert task.keys() <= {"id", "name", "func", "args", "kwargs", "started", "cluster", "ack_failure"}

    def test_gets_nothing_when_the_click_is_rolled_back(
        self, host: Host, switched_on: OneFileSettings, commit: Commit
    ) -> None:
        with commit(), transaction.atomic():
            services.refresh([host.learner()])
            transaction.set_rollback(True)

        assert not OrmQ.objects.exists()
        assert not SyncRun.objects.exists()

    def test_gets_as_many_tasks_for_a_daily_run_as_may_share_it(
        self, host: Host, switched_on: OneFileSettings, commit: Commit, settings: Any
    ) -> None:
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "TASKS_PER_RUN": 3}
        learners_of(host, 1)

        with commit():
            assert tasks.daily().startswith("queued: ")

        assert [task["func"] for task in queued_tasks()] == [WORK] * 3

    def test_may_be_that_of_another_cluster(
        self, host: Host, switched_on: OneFileSettings, commit: Commit, settings: Any
    ) -> None:
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "CLUSTER": "onefile"}

        with commit():
            services.refresh([host.learner()])

        assert OrmQ.objects.get().key == "onefile"
        assert queued_tasks()[0]["cluster"] == "onefile"


class TestWorkOnRun:
    def test_brings_a_run_to_its_end(self, linked: Linked, onefile: SandboxServer) -> None:
        run = services.refresh(linked(2))

        assert tasks.work_on_run(str(run.pk)) == "finished"

        assert states(run) == ["updated", "updated"]

    def test_may_come_again_when_the_run_is_finished(
        self, linked: Linked, onefile: SandboxServer, commit: Commit
    ) -> None:
        run = services.refresh(linked(1))
        tasks.work_on_run(str(run.pk))
        ended = SyncRun.objects.get().finished_at
        onefile.reset_counts()

        with commit():
            assert tasks.work_on_run(str(run.pk)) == "finished"

        assert sum(onefile.calls.values()) == 0
        assert SyncRun.objects.get().finished_at == ended
        assert queued_runs() == []

    def test_may_come_when_the_run_is_gone(self, switched_on: OneFileSettings, commit: Commit) -> None:
        with commit():
            assert tasks.work_on_run(str(uuid4())) == "gone"
        assert queued_runs() == []

    @pytest.mark.parametrize("kind", [RunKind.REFRESH, RunKind.DAILY])
    def test_queues_one_other_task_when_its_time_is_up(
        self,
        linked: Linked,
        onefile: SandboxServer,
        settings: Any,
        commit: Commit,
        monkeypatch: pytest.MonkeyPatch,
        kind: RunKind,
    ) -> None:
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "TASK_SECONDS": 1}
        run = run_of(linked(3), kind=kind)
        # A second for each learner who is done.
        monkeypatch.setattr(
            daily, "time", SimpleNamespace(monotonic=lambda: 2 * states(run).count("updated"))
        )

        with commit():
            assert tasks.work_on_run(str(run.pk)) == "to be continued"

        assert states(run) == ["updated", "queued", "queued"]
        assert queued_runs() == [str(run.pk)]

    def test_stops_while_paused_and_queues_nothing(
        self, host: Host, switched_on: OneFileSettings, commit: Commit
    ) -> None:
        """Runs that queued each other while nothing may be done would fill the queue."""
        waiting = [run_of([learner]) for learner in learners_of(host, 3)]
        SyncRun.objects.update(queued_at=timezone.now() - timedelta(hours=1))
        OneFileSettings.objects.update(paused=True)

        with commit():
            assert [tasks.work_on_run(str(run.pk)) for run in waiting] == ["paused"] * 3

        assert queued_runs() == []
        assert [states(run) for run in waiting] == [["queued"]] * 3

    def test_takes_up_a_run_whose_worker_went_away(
        self, linked: Linked, onefile: SandboxServer, commit: Commit
    ) -> None:
        one, other = linked(2)
        abandoned, run = run_of([one]), run_of([other])
        leases.claim_next(abandoned)
        long_ago = timezone.now() - timedelta(hours=1)
        SyncRun.objects.filter(pk=abandoned.pk).update(created_at=long_ago, queued_at=long_ago)
        LearnerOutcome.objects.filter(run=abandoned).update(started_at=long_ago, lease_expires_at=long_ago)

        with commit():
            tasks.work_on_run(str(run.pk))

        assert states(abandoned) == ["queued"]
        assert queued_runs() == [str(abandoned.pk)]

    def test_leaves_alone_what_has_a_worker_or_has_hardly_waited(
        self, linked: Linked, onefile: SandboxServer, commit: Commit
    ) -> None:
        one, two, three, other = linked(4)
        at_work, run = run_of([one, two]), run_of([other])
        leases.claim_next(at_work)
        SyncRun.objects.filter(pk=at_work.pk).update(queued_at=timezone.now() - timedelta(hours=1))
        run_of([three])

        with commit():
            tasks.work_on_run(str(run.pk))

        assert queued_runs() == []

    def test_queues_nothing_twice_over_for_many_clicks(
        self, linked: Linked, onefile: SandboxServer, commit: Commit
    ) -> None:
        with commit():
            clicked = [services.refresh([learner]) for learner in linked(4)]

        for task in queued_tasks():
            with commit():
                tasks.work_on_run(*task["args"])

        assert OrmQ.objects.count() == 4
        assert not SyncRun.objects.exclude(state=RunState.FINISHED).exists()
        assert all(states(run) == ["updated"] for run in clicked)


class TestResuming:
    def test_queues_everything_that_waits_and_nothing_that_is_worked_on(
        self, host: Host, switched_on: OneFileSettings, commit: Commit
    ) -> None:
        one, two, three = learners_of(host, 3)
        waiting, at_work, abandoned = run_of([one]), run_of([two]), run_of([three])
        leases.claim_next(at_work)
        leases.claim_next(abandoned)
        LearnerOutcome.objects.filter(run=abandoned).update(
            lease_expires_at=timezone.now() - timedelta(seconds=1)
        )

        with commit():
            assert services.resume() == 2

        assert set(queued_runs()) == {str(waiting.pk), str(abandoned.pk)}

    def test_finds_nothing_to_do(self, host: Host, commit: Commit) -> None:
        with commit():
            assert services.resume() == 0
        assert queued_runs() == []


def test_a_queue_that_cannot_be_reached_does_not_fail_the_click(
    host: Host, switched_on: OneFileSettings, commit: Commit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_anything: Any, **_more: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(queue, "async_task", unreachable)
    learner = host.learner()

    with commit():
        run = services.refresh([learner])

    assert SyncRun.objects.get() == run
    assert states(run) == ["queued"]


class TestDaily:
    def test_says_what_it_did(self, host: Host, switched_on: OneFileSettings) -> None:
        learners_of(host, 1)

        said = tasks.daily()

        run = SyncRun.objects.get()
        assert said == f"queued: {run.pk}"
        lifecycle.give_up(run, OutcomeState.SKIPPED, "run_replaced")
        assert tasks.daily() == f"already done today: {run.pk}"

    def test_says_why_it_did_nothing(self, host: Host) -> None:
        assert tasks.daily() == "not started: off"


class TestSweeping:
    """What runs each minute, so that nothing waits for somebody to click."""

    def test_recovers_the_learner_of_a_dead_worker_and_queues_the_run_again(
        self, host: Host, switched_on: OneFileSettings, commit: Commit
    ) -> None:
        run = run_of(learners_of(host, 2))
        claimed(run)
        long_ago = timezone.now() - timedelta(hours=1)
        SyncRun.objects.update(queued_at=long_ago)
        run.outcomes.filter(state=OutcomeState.WORKING).update(lease_expires_at=long_ago)

        with commit():
            assert tasks.sweep() == "handed out again: 1"

        assert states(run) == ["queued", "queued"]
        assert queued_runs() == [str(run.pk)]

    def test_hands_out_what_the_queue_has_lost_once(
        self, host: Host, switched_on: OneFileSettings, commit: Commit
    ) -> None:
        lost, _fresh = (run_of([learner]) for learner in learners_of(host, 2))
        SyncRun.objects.filter(pk=lost.pk).update(queued_at=timezone.now() - timedelta(hours=1))

        with commit():
            said = [tasks.sweep() for _minute in range(3)]

        assert said == ["handed out again: 1", "handed out again: 0", "handed out again: 0"]
        assert queued_runs() == [str(lost.pk)]

    @pytest.mark.parametrize(("minutes", "again"), [(4, 0), (6, 1)])
    def test_gives_the_queue_as_long_as_a_lease(
        self, host: Host, switched_on: OneFileSettings, minutes: int, again: int
    ) -> None:
        run_of(learners_of(host, 1))
        SyncRun.objects.update(queued_at=timezone.now() - timedelta(minutes=minutes))

        assert tasks.sweep() == f"handed out again: {again}"

    def test_hands_out_nothing_while_paused(
        self, host: Host, switched_on: OneFileSettings, commit: Commit
    ) -> None:
        run = run_of(learners_of(host, 1))
        SyncRun.objects.update(queued_at=timezone.now() - timedelta(hours=1))
        OneFileSettings.objects.update(paused=True)

        with commit():
            assert tasks.sweep() == "handed out again: 0"

        assert (states(run), queued_runs()) == (["queued"], [])

    def test_closes_a_run_that_no_worker_closed(self, host: Host) -> None:
        run = run_of([])

        tasks.sweep()

        run.refresh_from_db()
        assert run.state == RunState.FINISHED

    def test_calls_nobody(self, linked: Linked, onefile: SandboxServer) -> None:
        run_of(linked(2))

        tasks.sweep()

        assert sum(onefile.calls.values()) == 0
