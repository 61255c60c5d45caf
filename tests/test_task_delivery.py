"""Tasks as django-q2 has them: they fail without telling anybody's name, and come as often as it likes."""

from __future__ import annotations

import logging
import random
import traceback
from collections.abc import Callable
from multiprocessing import Value
from queue import Queue
from typing import Any

import pytest
from django_q.worker import worker

from onefile_sync import services, tasks
from onefile_sync.models import Change, LearnerOutcome, OneFileSettings, Problem, RunState, SyncRun
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from tests.factories import Host
from tests.run_fixtures import people, queued_tasks, rows_of, states

pytestmark = pytest.mark.matrix

Commit = Callable[[], Any]
Linked = Callable[[int], list[Any]]


class TestATaskThatGoesWrong:
    @pytest.fixture(params=["work_on_run", "daily", "sweep"])
    def goes_wrong(
        self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
    ) -> Callable[[], Any]:
        """A task that fails inside PICSWeb, with an error that quotes a learner's name."""

        def fail(*_given: Any) -> str:
            try:
                raise KeyError("Zoë Llewellyn was born on 01/02/2007")
            except KeyError as cause:
                raise ValueError("Zoë Llewellyn") from cause

        for inside in ("work", "start_scheduled_daily", "sweep"):
            monkeypatch.setattr(services, inside, fail)
        task = getattr(tasks, request.param)
        return (lambda: task("a run")) if request.param == "work_on_run" else task

    def test_says_what_kind_of_error_it_was_and_where_and_nothing_else(
        self, goes_wrong: Callable[[], Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)

        with pytest.raises(tasks.TaskFailed, match=r"^ValueError at test_task_delivery\.py:\d+$") as failed:
            goes_wrong()

        assert (failed.value.__cause__, failed.value.__context__) == (None, None)
        told = "".join(traceback.format_exception(failed.value))
        for said in (told, caplog.text, repr([record.__dict__ for record in caplog.records])):
            assert "Zoë" not in said
            assert "Llewellyn" not in said
        assert "task_failed" in caplog.text

    def test_is_a_failure_to_django_q2(
        self,
        host: Host,
        switched_on: OneFileSettings,
        commit: Commit,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """What django-q2 keeps of it for its admin is what the task says."""

        def fail(*_given: Any) -> str:
            raise ValueError("Zoë Llewellyn")

        monkeypatch.setattr(services, "work", fail)
        with commit():
            services.refresh([host.learner()])

        done = carried_out_by_django_q2(queued_tasks()[0])

        assert not done["success"]
        assert "TaskFailed" in done["result"]
        assert "ValueError at test_task_delivery.py:" in done["result"]
        assert "Zoë" not in done["result"]

    def test_keeps_its_name_and_its_words(self) -> None:
        assert tasks.daily.__name__ == "daily"
        assert "daily schedule" in (tasks.daily.__doc__ or "")


class TestDeliveredFiveTimes:
    """django-q2 delivers a task once, or more often, or late, or not at all."""

    @pytest.mark.parametrize("seed", range(4))
    def test_in_any_order_everything_ends_the_same(
        self, linked: Linked, onefile: SandboxServer, commit: Commit, seed: int
    ) -> None:
        learners = linked(3)
        with commit():
            tasks.daily()
        run = SyncRun.objects.get()
        with commit():
            by_hand = services.refresh(learners[:1])
        deliveries: list[Callable[[], str]] = [
            tasks.daily,
            tasks.sweep,
            lambda: tasks.work_on_run(str(run.pk)),
            lambda: tasks.work_on_run(str(by_hand.pk)),
        ] * 5
        random.Random(seed).shuffle(deliveries)

        for deliver in deliveries:
            with commit():
                deliver()

        assert set(SyncRun.objects.all()) == {run, by_hand}
        assert set(SyncRun.objects.values_list("state", "open_key", "ending")) == {("finished", None, "")}
        assert [row.qualifications[0].values["registration_number"] for row in rows_of(learners)] == [
            f"REG-{learner.onefile_id}" for learner in learners
        ]
        # Whichever of the two runs came first made the first learner's changes; they were made once.
        ended = sorted([*states(run), *states(by_hand)])
        assert ended == ["unchanged", "updated", "updated", "updated"]
        assert Change.objects.filter(made=True).count() == Change.objects.count() == 2 * 3
        assert set(LearnerOutcome.objects.values_list("attempts", flat=True)) == {1}
        assert not Problem.objects.exists()

    @pytest.mark.parametrize("seed", range(4))
    def test_a_run_that_is_held_stays_as_it_was_held(
        self, held: SyncRun, onefile: SandboxServer, world: World, commit: Commit, seed: int
    ) -> None:
        learners = people(held)
        before, planned = rows_of(learners), list(Change.objects.order_by("pk").values())
        deliveries: list[Callable[[], str]] = [
            tasks.daily,
            tasks.sweep,
            lambda: tasks.work_on_run(str(held.pk)),
        ] * 5
        random.Random(seed).shuffle(deliveries)

        for deliver in deliveries:
            with commit():
                deliver()

        assert SyncRun.objects.get().state == RunState.HELD
        assert states(held) == ["aside", "aside"]
        assert rows_of(learners) == before
        assert list(Change.objects.order_by("pk").values()) == planned
        assert world.writes == 0


def carried_out_by_django_q2(task: dict[str, Any]) -> dict[str, Any]:
    """What a worker process of django-q2 makes of a task."""
    given: Queue[Any] = Queue()
    results: Queue[Any] = Queue()
    given.put(task)
    given.put("STOP")
    worker(given, results, Value("f", -1))
    done: dict[str, Any] = results.get()
    return done
