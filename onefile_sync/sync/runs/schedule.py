"""Our schedules in django-q2's own table: the daily sync, and the sweep every minute. Only a command installs them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import router, transaction
from django.utils import timezone
from django_q.models import Schedule

from onefile_sync.conf import deployment
from onefile_sync.models import OneFileSettings
from onefile_sync.transactions import retried


@dataclass(frozen=True, slots=True)
class ScheduledTask:
    """A task that django-q2 starts by one of our schedules."""

    name: str
    task: str
    kwargs: str | None = None


DAILY = ScheduledTask("onefile_sync daily", "onefile_sync.tasks.daily")
#: Runs every minute, so its successes are not kept; they would push others out of django-q2's list.
SWEEP = ScheduledTask("onefile_sync sweep", "onefile_sync.tasks.sweep", "{'q_options': {'save': False}}")
SCHEDULED_TASKS = (DAILY, SWEEP)


@dataclass(frozen=True, slots=True)
class Installed:
    """The result of :func:`install_schedules`: whether the daily schedule is new, and the duplicates removed."""

    created: bool
    removed_doubles: int


def installed_schedules(scheduled: ScheduledTask = DAILY) -> list[Schedule]:
    """The rows of one of our schedules, the valid one first. There should be exactly one."""
    schedules = Schedule.objects.using(router.db_for_write(Schedule))
    return list(schedules.filter(name=scheduled.name).order_by("pk"))


@retried
def install_schedules() -> Installed:
    """See that there is exactly one schedule for each scheduled, and that it runs our task; safe to repeat.

    A new one of the daily sync runs at ``DAILY_AT`` in ``TIME_ZONE``, one of the sweep every minute. Of one that is
    there, only what makes it run is put right (task, arguments, cluster): the time, the kind of schedule and the
    repeats stay as an operator left them.
    """
    with transaction.atomic():
        OneFileSettings.objects.get_or_create(pk=1)
        OneFileSettings.objects.select_for_update().get(pk=1)  # makes concurrent deployments take turns
        done = [_install(scheduled) for scheduled in SCHEDULED_TASKS]
    return Installed(done[0][0], sum(doubles for _created, doubles in done))


def _install(scheduled: ScheduledTask) -> tuple[bool, int]:
    rows = installed_schedules(scheduled)
    for double in rows[1:]:
        double.delete()
    if not rows:
        Schedule.objects.create(
            name=scheduled.name,
            func=scheduled.task,
            kwargs=scheduled.kwargs,
            repeats=-1,
            cluster=deployment.cluster,
            **_timing(scheduled),
        )
        return True, 0
    schedule = rows[0]
    schedule.func, schedule.args, schedule.kwargs = scheduled.task, None, scheduled.kwargs
    schedule.cluster = deployment.cluster
    schedule.save(update_fields=["func", "args", "kwargs", "cluster"])
    return False, len(rows) - 1


def _timing(scheduled: ScheduledTask) -> dict[str, Any]:
    now = timezone.now()
    if scheduled is DAILY:
        return {"schedule_type": Schedule.DAILY, "next_run": next_daily_run(now)}
    return {"schedule_type": Schedule.MINUTES, "minutes": 1, "next_run": now}


def remove_schedules() -> int:
    """Delete our schedules. Returns the number of rows deleted."""
    removed: int = Schedule.objects.filter(
        name__in=[scheduled.name for scheduled in SCHEDULED_TASKS]
    ).delete()[0]
    return removed


def next_daily_run(now: datetime) -> datetime:
    """The next ``DAILY_AT`` in ``TIME_ZONE`` after ``now``, in local time before and after a clock change."""
    zone = deployment.time_zone
    today = now.astimezone(zone).date()
    candidate = datetime.combine(today, deployment.daily_at, zone)
    if candidate <= now:
        candidate = datetime.combine(today + timedelta(days=1), deployment.daily_at, zone)
    return candidate
