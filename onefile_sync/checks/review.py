"""Checks of PICSWeb's review in ``ONEFILE_SYNC``: nullable fields, review types and attendance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's own name for it
from django.core.exceptions import ValidationError
from django.db.models import Field

from onefile_sync.host.lookups import is_natural_key, why_no_natural_key
from onefile_sync.host.mapping import REVIEW
from onefile_sync.host.snapshot import Attendance
from onefile_sync.host.values import accepted

#: Values that a OneFile review may lack, so PICSWeb's fields must be nullable.
MAY_BE_BLANK = ("proposed_time", "actual_date", "officer", "trainee_signed_date")

HOW_TO_NAME_ROWS = (
    "A foreign key's value is the row's primary key, or its natural key as a tuple where the related manager has "
    "get_by_natural_key."
)


def messages(found: Mapping[str, Field[Any, Any]]) -> Iterator[CheckMessage]:
    """All messages about the review. ``found`` are its fields by role."""
    for role in MAY_BE_BLANK:
        if role in found and not found[role].null:
            yield Error(
                f"ONEFILE_SYNC['REVIEW'][{role!r}]: {found[role].name!r} cannot be null, and a review may lack it.",
                hint="Write null=True, blank=True on the field and make a migration.",
                obj=found[role],
                id="onefile_sync.E011",
            )
    if "attended" in found and (wrong := _attendance(found["attended"])):
        yield Error(
            f"ONEFILE_SYNC['REVIEW']['attended_values'] {wrong}.",
            hint='Write {"blank": …, "yes": …, "no": …, "unknown": …} with values of the field; '
            f"blank and unknown may be the same. {HOW_TO_NAME_ROWS}",
            obj=found["attended"],
            id="onefile_sync.E012",
        )
    if "type" in found and (wrong := _types(found["type"])):
        yield Error(
            f"ONEFILE_SYNC['REVIEW']: {wrong}.",
            hint='Write "normal_types": [values of the type field], and as "created_type" one of its values. '
            f"{HOW_TO_NAME_ROWS}",
            obj=found["type"],
            id="onefile_sync.E013",
        )
    parent = str(REVIEW.field_name("learner")).split("__")[0]
    others = [field for field in REVIEW.model._meta.concrete_fields if field not in found.values()]
    if must := [field.name for field in others if field.name != parent and _must_be_filled(field)]:
        yield Warning(
            f"Reviews downloaded from OneFile do not fill {', '.join(must)}, which {REVIEW.model._meta.label} needs.",
            hint="Give the field a default, or null=True, or fill it in the model's save().",
            obj=REVIEW.model,
            id="onefile_sync.W002",
        )


def _attendance(field: Field[Any, Any]) -> str:
    values = REVIEW.option("attended_values")
    names = {attendance.value for attendance in Attendance}
    if not isinstance(values, Mapping) or values.keys() != names:
        return f"does not give a value to each of {', '.join(sorted(names))}, and to nothing else"
    for name, value in values.items():
        if wrong := unfit(field, value):
            return f"gives {name!r} {wrong}"
    others = [values["blank"], values["unknown"]]
    if values["yes"] in [*others, values["no"]] or values["no"] in others:
        return "gives one value two meanings"
    return ""


def _types(field: Field[Any, Any]) -> str:
    normal, created = REVIEW.option("normal_types"), REVIEW.option("created_type")
    if not isinstance(normal, list | tuple) or not normal:
        return "normal_types is not a list with something in it"
    for value in normal:
        if wrong := unfit(field, value):
            return f"normal_types has {wrong}"
    return f"created_type is {wrong}" if (wrong := unfit(field, created)) else ""


def unfit(field: Field[Any, Any], value: Any) -> str:
    """Why a field cannot have a value of the mapping, or ``""``. Makes no query, so it does not look for the row."""
    if is_natural_key(field, value):
        return ""
    cannot = f"a value that {field.name!r} cannot have"
    if why := why_no_natural_key(field, value):
        return f"{cannot}: {why}"
    try:
        accepted(field, value)
    except (ValidationError, ValueError, TypeError):
        return cannot
    return ""


def _must_be_filled(field: Field[Any, Any]) -> bool:
    if field.null or field.primary_key or field.has_default() or field.has_db_default() or field.generated:
        return False
    return not fills_itself(field) and not field.empty_strings_allowed


def fills_itself(field: Field[Any, Any]) -> bool:
    """Whether Django sets the field itself when the row is saved (``auto_now``, ``auto_now_add``)."""
    return bool(getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False))
