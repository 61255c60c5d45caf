"""Checks of what lies in the database: the schedule of the daily sync (decision 10) and the type of new reviews.

Warnings only: ``migrate`` runs these checks too and must not be kept from its work by a row.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from django.apps import apps
from django.core.checks import CheckMessage, Warning  # noqa: A004 - Django's own name for it
from django.db import DatabaseError, router, transaction
from django.db.models import ForeignKey

from onefile_sync.conf import SCHEDULE_NAME, SCHEDULED_TASK
from onefile_sync.host.mapping import REVIEW
from onefile_sync.models import OneFileSettings

from . import cluster, mapping

INSTALL = "Run manage.py onefile_schedule install."


def messages(databases: Sequence[str]) -> Iterator[CheckMessage]:
    """All messages about rows; none of a database that is not among those checked, or has no tables yet."""
    if router.db_for_read(OneFileSettings) not in databases:
        return
    try:
        with transaction.atomic(using=router.db_for_read(OneFileSettings)):
            is_enabled = OneFileSettings.load().enabled
            found = [*_schedules(databases, is_enabled), *(_type_of_new_reviews() if is_enabled else ())]
    except DatabaseError:
        return
    yield from found


def _schedules(databases: Sequence[str], is_enabled: bool) -> Iterator[CheckMessage]:
    if not apps.is_installed("django_q"):
        return
    from django_q.models import Schedule  # cannot be imported where the app is not installed

    if router.db_for_read(Schedule) not in databases:
        return
    schedules = list(Schedule.objects.order_by("pk"))
    for schedule in schedules:
        if schedule.args and not _is_literal(schedule.args):
            yield Warning(
                f"django-q2 cannot read the args of schedule {schedule.pk}, and starts no schedule at all meanwhile.",
                hint="Mend or delete that schedule in the admin of django-q2.",
                id="onefile_sync.W033",
            )
    ours = [schedule for schedule in schedules if schedule.name == SCHEDULE_NAME]
    if not ours and is_enabled:
        yield Warning(
            "The integration is on, but nothing starts the daily sync.", hint=INSTALL, id="onefile_sync.W030"
        )
    if len(ours) > 1:
        yield Warning(f"The daily sync is scheduled {len(ours)} times.", hint=INSTALL, id="onefile_sync.W031")
    for schedule in ours:
        if why := _why_it_cannot_run(schedule.func, schedule.repeats, schedule.cluster):
            yield Warning(
                f"The schedule of the daily sync ({schedule.pk}) cannot run: {why}.",
                hint=f"Mend it in the admin of django-q2, or delete it there. {INSTALL}",
                id="onefile_sync.W032",
            )


def _type_of_new_reviews() -> Iterator[CheckMessage]:
    if any(mapping.messages()):
        return  # first things first
    field, value = REVIEW.field("type"), REVIEW.option("created_type")
    if isinstance(field, ForeignKey) and not field.related_model._base_manager.filter(pk=value).exists():
        yield Warning(
            f"ONEFILE_SYNC['REVIEW']: there is no {field.related_model._meta.label} {value!r} for new reviews.",
            hint='Write as "created_type" the primary key of one that there is, or create it.',
            id="onefile_sync.W034",
        )


def _why_it_cannot_run(func: str, repeats: int, cluster_name: str | None) -> str:
    if func != SCHEDULED_TASK:
        return f"it starts {func} and not {SCHEDULED_TASK}"
    if repeats == 0:
        return "it has no repeats left; -1 means for ever"
    if cluster_name not in cluster.names():
        return "it is for a cluster that Q_CLUSTER does not have"
    return ""


def _is_literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False
    return True
