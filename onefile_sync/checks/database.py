"""Checks of what lies in the database: tables, the schedules (decision 10) and the rows that the mapping names.

Warnings only: ``migrate`` runs these checks too and must not be kept from its work by a row.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.checks import CheckMessage, Warning  # noqa: A004 - Django's own name for it
from django.db import DatabaseError, router, transaction
from django.db.models import Field, ForeignKey

from onefile_sync.conf import DAILY, SCHEDULED_TASKS, ScheduledTask
from onefile_sync.host.conditions import values_of
from onefile_sync.host.lookups import NoSuchRow, kept_for
from onefile_sync.host.mapping import PARTS, REVIEW, Kind, Part
from onefile_sync.models import OneFileSettings

from . import cluster, picsweb

if TYPE_CHECKING:
    from django_q.models import Schedule

INSTALL = "Run manage.py onefile_schedule install."
#: How many of the keys that there are a hint names.
MOST_NAMED = 10


def messages(databases: Sequence[str]) -> Iterator[CheckMessage]:
    """All messages about rows; none of a database that is not among those checked."""
    if router.db_for_read(OneFileSettings) not in databases:
        return
    try:
        with transaction.atomic(using=router.db_for_read(OneFileSettings)):
            is_enabled = OneFileSettings.load().enabled
            found = [
                *_schedules(databases, is_enabled),
                *(_rows_that_the_mapping_names() if is_enabled else ()),
            ]
    except DatabaseError:
        yield Warning(
            "OneFile's tables are missing, or their database cannot be reached.",
            hint="Run manage.py migrate. While it makes them, this is to be expected.",
            id="onefile_sync.W035",
        )
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
        if why := why_it_cannot_run(scheduled, row):
            yield Warning(
                f"The schedule {scheduled.name!r} ({row.pk}) cannot run: {why}.",
                hint=f"Mend it in the admin of django-q2, or delete it there. {INSTALL}",
                id="onefile_sync.W032",
            )


def _rows_that_the_mapping_names() -> Iterator[CheckMessage]:
    """Where a value of the mapping is a row of another table: whether there is such a row."""
    if any(picsweb.messages()):
        return  # first things first
    for part, role, field, values in _values_named():
        if not isinstance(field, ForeignKey):
            continue
        related = field.related_model
        if missing := _missing(part, field, [value for value in values if value is not None]):
            keys = related._base_manager.using(part.database).values_list(
                field.target_field.attname, flat=True
            )
            known = ", ".join(str(key) for key in keys.order_by("pk")[:MOST_NAMED]) or "none yet"
            yield Warning(
                f"ONEFILE_SYNC[{part.key!r}]: there is no {related._meta.label} {', '.join(missing)} for {role!r}.",
                hint=f"Write primary keys of rows that there are ({known}), or natural keys, or create the rows.",
                id="onefile_sync.W034",
            )


def _values_named() -> Iterator[tuple[Part, str, Field[Any, Any], list[Any]]]:
    """The values in the mapping, with the part, the role and the field that they are for."""
    kinds = [REVIEW.option("created_type"), *REVIEW.option("normal_types")]
    yield REVIEW, "type", REVIEW.field("type"), kinds
    yield REVIEW, "attended", REVIEW.field("attended"), list(REVIEW.option("attended_values").values())
    for part in PARTS:
        for role in (role for role, kind in part.roles.items() if kind is Kind.CONDITION):
            wanted = part.field_name(role)
            for name, value in wanted.items() if isinstance(wanted, Mapping) else ():
                field: Any = part.model._meta.get_field(name)
                yield part, role, field, values_of(field, value)


def _missing(part: Part, field: ForeignKey[Any, Any], values: list[Any]) -> list[str]:
    """Those of the values, as the mapping writes them, for which there is no row."""
    keys: dict[str, Any] = {}
    for value in values:
        try:
            keys[repr(value)] = kept_for(part, field, value)
        except NoSuchRow:
            keys[repr(value)] = None
    attname = field.target_field.attname
    rows = field.related_model._base_manager.using(part.database)
    there = set(rows.filter(**{f"{attname}__in": list(keys.values())}).values_list(attname, flat=True))
    return [written for written, key in keys.items() if key not in there]


def why_it_cannot_run(scheduled: ScheduledTask, row: Schedule) -> str:
    """What keeps a schedule of ours from starting its task, or ``""``."""
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
