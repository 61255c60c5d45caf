"""The system check of our schedules in django-q2's table (decision 10). Registered where django-q2 is installed.

Warnings only, because ``migrate`` runs this check too and must not fail because of a row.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004 - Django's own name for it
from django.db import DatabaseError, router, transaction
from django_q.models import Schedule

from onefile_sync.checks import cluster
from onefile_sync.models import OneFileSettings

from .schedule import DAILY, SCHEDULED_TASKS, ScheduledTask

INSTALL = "Run manage.py onefile_schedule install."


@register(Tags.database)
def check_schedules(*, databases: Sequence[str] | None = None, **_kwargs: Any) -> list[CheckMessage]:
    """Check that each of our schedules exists once and can start its task, if their databases are being checked."""
    ours, queue = router.db_for_read(OneFileSettings), router.db_for_read(Schedule)
    if not apps.is_installed("django_q") or not {ours, queue} <= set(databases or ()):
        return []
    try:
        with transaction.atomic(using=ours):
            is_enabled = OneFileSettings.load().enabled
    except DatabaseError:
        return []  # reported by the check of our tables
    try:
        with transaction.atomic(using=queue):
            schedules = list(Schedule.objects.order_by("pk"))
    except DatabaseError:
        text = "The tables of django-q2 are missing, or their database cannot be reached."
        hint = "Run manage.py migrate. While it makes them, this is to be expected."
        return [Warning(text, hint=hint, id="onefile_sync.W035")]
    return list(_messages(schedules, is_enabled))


def _messages(schedules: Sequence[Schedule], is_enabled: bool) -> Iterator[CheckMessage]:
    for schedule in schedules:
        if schedule.args and not _is_literal(schedule.args):
            yield Warning(
                f"django-q2 cannot read the args of schedule {schedule.pk}, and starts no schedule at all meanwhile.",
                hint="Mend or delete that schedule in the admin of django-q2.",
                id="onefile_sync.W033",
            )
    for scheduled in SCHEDULED_TASKS:
        yield from _schedules_of(
            scheduled, [row for row in schedules if row.name == scheduled.name], is_enabled
        )


def _schedules_of(
    scheduled: ScheduledTask, rows: Sequence[Schedule], is_enabled: bool
) -> Iterator[CheckMessage]:
    what = "the daily sync" if scheduled is DAILY else "the sweep, which takes up what workers leave behind"
    if not rows and is_enabled:
        yield Warning(
            f"The integration is on, but nothing starts {what}.", hint=INSTALL, id="onefile_sync.W030"
        )
    if len(rows) > 1:
        yield Warning(
            f"{scheduled.name!r} is scheduled {len(rows)} times.", hint=INSTALL, id="onefile_sync.W031"
        )
    for row in rows:
        if why := _why_it_cannot_run(scheduled, row):
            yield Warning(
                f"The schedule {scheduled.name!r} ({row.pk}) cannot run: {why}.",
                hint=f"Mend it in the admin of django-q2, or delete it there. {INSTALL}",
                id="onefile_sync.W032",
            )


def _why_it_cannot_run(scheduled: ScheduledTask, row: Schedule) -> str:
    """Why one of our schedules cannot start its task; ``""`` if it can."""
    if row.func != scheduled.task:
        return f"it starts {row.func} and not {scheduled.task}"
    if row.repeats == 0:
        return "it has no repeats left; -1 means for ever"
    if row.cluster not in cluster.names():
        return "it is for a cluster that Q_CLUSTER does not have"
    return ""


def _is_literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False
    return True
