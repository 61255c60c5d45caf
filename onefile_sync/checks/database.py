"""Checks of the database's content: tables, and the rows named in the mapping.

Warnings only, because ``migrate`` runs these checks too and must not fail because of a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.core.checks import INFO, CheckMessage, Warning  # noqa: A004 - Django's own name for it
from django.db import DatabaseError, router, transaction
from django.db.models import Field, ForeignKey

from onefile_sync.fields import Kind
from onefile_sync.host.conditions import values_of
from onefile_sync.host.lookups import NoSuchRow, kept_for
from onefile_sync.host.mapping import PARTS, PLACEMENT, REVIEW, Part
from onefile_sync.models import OneFileSettings

from . import picsweb

#: Maximum number of existing keys named in a hint.
MOST_NAMED = 10


def messages(databases: Sequence[str]) -> Iterator[CheckMessage]:
    """All messages about rows; none if the database is not among those being checked."""
    if router.db_for_read(OneFileSettings) not in databases:
        return
    try:
        with transaction.atomic(using=router.db_for_read(OneFileSettings)):
            found = list(_rows_that_the_mapping_names()) if OneFileSettings.load().enabled else []
    except DatabaseError:
        yield Warning(
            "OneFile's tables are missing, or their database cannot be reached.",
            hint="Run manage.py migrate. While it makes them, this is to be expected.",
            id="onefile_sync.W035",
        )
        return
    yield from found


def _rows_that_the_mapping_names() -> Iterator[CheckMessage]:
    """Check that a row exists for each value in the mapping that names a row of another table."""
    if any(message.level > INFO for message in picsweb.messages()):
        return  # the mapping itself has to be put right first
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
    """The values in the mapping, each with its part, role and field."""
    kinds = [REVIEW.option("created_type"), *REVIEW.option("normal_types")]
    yield REVIEW, "type", REVIEW.field("type"), kinds
    yield REVIEW, "attended", REVIEW.field("attended"), list(REVIEW.option("attended_values").values())
    if PLACEMENT.is_mapped and PLACEMENT.is_played("type") and not PLACEMENT.is_told_by_function("type"):
        yield PLACEMENT, "type", PLACEMENT.field("type"), list(PLACEMENT.option("placement_types"))
    for part in PARTS:
        optional = {role: kind for role, kind in part.optional_roles.items() if role in part.written}
        for role in (role for role, kind in {**optional, **part.roles}.items() if kind is Kind.CONDITION):
            wanted = part.field_name(role)
            for name, value in wanted.items() if isinstance(wanted, Mapping) else ():
                field: Any = part.model._meta.get_field(name)
                yield part, role, field, values_of(field, value)


def _missing(part: Part, field: ForeignKey[Any, Any], values: list[Any]) -> list[str]:
    """The values without a row, as written in the mapping."""
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
