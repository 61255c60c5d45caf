"""The two schedules: a command installs them, an operator's changes are kept, and UK clock changes are followed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django_q.brokers import get_broker
from django_q.models import Schedule
from django_q.scheduler import scheduler

from onefile_sync.sync.runs.schedule import DAILY, SCHEDULED_TASKS, SWEEP, ScheduledTask, next_daily_run
from tests.run_fixtures import queued_tasks

BEFORE_TWO = datetime(2026, 3, 2, 1, 59, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def configured(settings: Any, **values: Any) -> None:
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, **values}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command and return its output."""

    def command(action: str) -> str:
        call_command("onefile_schedule", action)
        return capsys.readouterr().out.strip()

    return command


def row_of(scheduled: ScheduledTask = DAILY) -> Schedule:
    return Schedule.objects.get(name=scheduled.name)


class TestInstall:
    def test_makes_one_that_runs_daily_at_the_time_of_the_settings(self, run: Any, settings: Any) -> None:
        configured(settings, DAILY_AT="03:15", CLUSTER=None)
        with time_machine.travel(BEFORE_TWO, tick=False):
            said = run("install")

        schedule = row_of(DAILY)
        assert schedule.func == DAILY.task
        assert (schedule.schedule_type, schedule.repeats) == (Schedule.DAILY, -1)
        assert schedule.next_run == datetime(2026, 3, 2, 3, 15, tzinfo=UTC)
        assert said.startswith("Installed. Daily, next on Monday 02/03/2026 at 03:15 (Europe/London)")

    def test_makes_another_that_sweeps_every_minute(self, run: Any, settings: Any) -> None:
        configured(settings, CLUSTER="onefile")
        with time_machine.travel(BEFORE_TWO, tick=False):
            run("install")

        schedule = row_of(SWEEP)
        assert schedule.func == SWEEP.task
        assert (schedule.schedule_type, schedule.minutes, schedule.repeats) == (Schedule.MINUTES, 1, -1)
        assert schedule.next_run == BEFORE_TWO
        assert schedule.cluster == "onefile"

    def test_keeps_the_sweeps_successes_out_of_the_list_of_tasks(self, run: Any) -> None:
        """One a minute would push all other tasks out of it."""
        run("install")

        scheduler(broker=get_broker())

        (task,) = queued_tasks()  # the daily sync is not due yet
        assert (task["func"], task["args"], task["kwargs"]) == (SWEEP.task, (), {})
        assert task["save"] is False

    @pytest.mark.parametrize("scheduled", SCHEDULED_TASKS, ids=lambda scheduled: scheduled.name)
    def test_starts_a_task_that_there_is(self, run: Any, scheduled: ScheduledTask) -> None:
        from django.utils.module_loading import import_string

        run("install")

        assert callable(import_string(row_of(scheduled).func))

    def test_can_be_repeated(self, run: Any) -> None:
        run("install")
        before = list(Schedule.objects.order_by("pk").values())

        assert run("install").startswith("Already there")
        assert list(Schedule.objects.order_by("pk").values()) == before
        assert len(before) == 2

    def test_adds_the_one_that_is_missing(self, run: Any) -> None:
        run("install")
        kept = row_of(DAILY)
        row_of(SWEEP).delete()

        assert run("install").startswith("Already there")

        assert row_of(DAILY) == kept
        assert row_of(SWEEP).func == SWEEP.task

    @pytest.mark.parametrize("scheduled", SCHEDULED_TASKS, ids=lambda scheduled: scheduled.name)
    def test_keeps_what_an_operator_changed(self, run: Any, scheduled: ScheduledTask) -> None:
        run("install")
        at_noon = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)
        Schedule.objects.update(schedule_type=Schedule.WEEKLY, next_run=at_noon, repeats=5)

        said = run("install")

        schedule = row_of(scheduled)
        assert (schedule.schedule_type, schedule.next_run, schedule.repeats) == ("W", at_noon, 5)
        assert "Weekly, next on Monday 09/03/2026 at 12:00" in said

    @pytest.mark.parametrize("scheduled", SCHEDULED_TASKS, ids=lambda scheduled: scheduled.name)
    def test_puts_right_what_keeps_it_from_running(
        self, run: Any, settings: Any, scheduled: ScheduledTask
    ) -> None:
        run("install")
        Schedule.objects.update(func="gone.daily", args="(not python", kwargs="{", cluster="old")
        configured(settings, CLUSTER="onefile")

        said = run("install")

        schedule = row_of(scheduled)
        assert (schedule.func, schedule.args, schedule.kwargs) == (scheduled.task, None, scheduled.kwargs)
        assert schedule.cluster == "onefile"
        assert "cluster onefile." in said

    def test_removes_doubles(self, run: Any) -> None:
        run("install")
        kept = {row_of(scheduled) for scheduled in SCHEDULED_TASKS}
        for scheduled in (DAILY, DAILY, SWEEP):
            Schedule.objects.create(name=scheduled.name, func=scheduled.task)
        assert run("show").startswith("3 schedules are installed")

        assert "Removed 3 surplus row(s)." in run("install")

        assert set(Schedule.objects.all()) == kept

    def test_leaves_other_schedules_alone(self, run: Any) -> None:
        other = Schedule.objects.create(name="mail", func="mail.send")

        run("install")
        run("remove")

        assert Schedule.objects.get() == other


def test_remove_takes_both_away(run: Any) -> None:
    run("install")

    assert run("remove") == "Removed."
    assert not Schedule.objects.exists()
    assert run("remove") == "There was no schedule."


def test_show_says_when_there_is_none(run: Any) -> None:
    assert run("show") == "No schedule is installed: run “manage.py onefile_schedule install”."
    assert not Schedule.objects.exists()


@pytest.mark.parametrize("switched_off", [{"repeats": 0}, {"next_run": None}])
def test_show_says_when_it_is_switched_off(run: Any, switched_off: dict[str, Any]) -> None:
    run("install")
    Schedule.objects.update(**switched_off)

    assert "switched off" in run("show")


def test_anything_else_is_no_action() -> None:
    with pytest.raises(CommandError):
        call_command("onefile_schedule", "reinstall")


@pytest.mark.parametrize(
    ("now", "at", "following"),
    [
        (datetime(2026, 1, 5, 1, 59, tzinfo=UTC), "02:00", datetime(2026, 1, 5, 2, 0, tzinfo=UTC)),
        (datetime(2026, 1, 5, 2, 0, tzinfo=UTC), "02:00", datetime(2026, 1, 6, 2, 0, tzinfo=UTC)),
        # In summer, two o'clock UK time is one o'clock UTC, and midnight UK time is on the day before in UTC.
        (datetime(2026, 7, 1, 0, 30, tzinfo=UTC), "02:00", datetime(2026, 7, 1, 1, 0, tzinfo=UTC)),
        (datetime(2026, 7, 1, 23, 30, tzinfo=UTC), "02:00", datetime(2026, 7, 2, 1, 0, tzinfo=UTC)),
        # The clocks go forward at one on 29 March 2026 and back at two on 25 October 2026.
        (datetime(2026, 3, 28, 3, 0, tzinfo=UTC), "02:30", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        (datetime(2026, 3, 28, 3, 0, tzinfo=UTC), "01:30", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        (datetime(2026, 3, 29, 1, 30, tzinfo=UTC), "02:30", datetime(2026, 3, 30, 1, 30, tzinfo=UTC)),
        (datetime(2026, 10, 24, 2, 0, tzinfo=UTC), "02:30", datetime(2026, 10, 25, 2, 30, tzinfo=UTC)),
        (datetime(2026, 10, 24, 2, 0, tzinfo=UTC), "01:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        # The second half past one of that night is still the same day.
        (datetime(2026, 10, 25, 1, 0, tzinfo=UTC), "01:30", datetime(2026, 10, 26, 1, 30, tzinfo=UTC)),
    ],
)
def test_the_next_run_is_at_the_same_local_time(
    settings: Any, now: datetime, at: str, following: datetime
) -> None:
    configured(settings, DAILY_AT=at)

    assert next_daily_run(now).astimezone(UTC) == following
