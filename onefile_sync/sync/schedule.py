"""The one schedule: the daily sync, in django-q2's own table. Installed by a command, never at start-up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django_q.models import Schedule

from onefile_sync.conf import SCHEDULE_NAME, SCHEDULED_TASK, deployment
from onefile_sync.models import OneFileSettings


@dataclass(frozen=True, slots=True)
class Installed:
    """What :func:`install_schedule` did."""

    created: bool
    removed_doubles: int
    next_run: datetime | None


def installed_schedules() -> list[Schedule]:
    """The rows of our schedule, the one that counts first. There should be exactly one."""
    return list(Schedule.objects.filter(name=SCHEDULE_NAME).order_by("pk"))


def install_schedule() -> Installed:
    """See that there is exactly one schedule and that it runs our task; safe to repeat at every deployment.

    A new one runs daily at ``DAILY_AT`` in ``TIME_ZONE``. Of one that is there, only what makes it run is put right
    (task, arguments, cluster): the time, the kind of schedule and the repeats stay as an operator left them.
    """
    with transaction.atomic():
        OneFileSettings.objects.get_or_create(pk=1)
        OneFileSettings.objects.select_for_update().get(pk=1)  # two deployments at once take turns
        rows = installed_schedules()
        for double in rows[1:]:
            double.delete()
        if not rows:
            schedule = Schedule.objects.create(
                name=SCHEDULE_NAME,
                func=SCHEDULED_TASK,
                schedule_type=Schedule.DAILY,
                repeats=-1,
                next_run=next_daily_run(timezone.now()),
                cluster=deployment.cluster,
            )
            return Installed(True, 0, schedule.next_run)
        schedule = rows[0]
        schedule.func, schedule.args, schedule.kwargs = SCHEDULED_TASK, None, None
        schedule.cluster = deployment.cluster
        schedule.save(update_fields=["func", "args", "kwargs", "cluster"])
    return Installed(False, len(rows) - 1, schedule.next_run)


def remove_schedule() -> int:
    """Take the schedule away; returns how many rows that were."""
    removed: int = Schedule.objects.filter(name=SCHEDULE_NAME).delete()[0]
    return removed


def next_daily_run(now: datetime) -> datetime:
    """The next ``DAILY_AT`` in ``TIME_ZONE`` after ``now``, by the clock on the wall on either side of a DST change."""
    zone = deployment.time_zone
    today = now.astimezone(zone).date()
    candidate = datetime.combine(today, deployment.daily_at, zone)
    if candidate <= now:
        candidate = datetime.combine(today + timedelta(days=1), deployment.daily_at, zone)
    return candidate
