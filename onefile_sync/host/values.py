"""Converts between PICSWeb's values and plain values, one field at a time.

Makes no query, unless the mapping names a row by its natural key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time
from operator import attrgetter
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import DateTimeField, Field, ForeignKey, Model

from onefile_sync.conf import deployment
from onefile_sync.fields import Kind

from .lookups import NoSuchRow, kept_for
from .mapping import Part
from .snapshot import Attendance, Value


class CannotHold(Exception):
    """PICSWeb's field cannot hold the value: too long, out of range, not among the choices, or not null."""


def plain(part: Part, instance: Model, role: str) -> Any:
    """The plain value (:data:`onefile_sync.host.snapshot.Value`) of a role in one of PICSWeb's rows.

    ``is_normal`` of a review is read in the same way, although the mapping has no field for it.
    """
    return _how_to_read(part, role)(instance)


def reader(part: Part, roles: Iterable[str]) -> Callable[[Model], dict[str, Any]]:
    """A function that reads these roles from a row, as :func:`plain` does. Use it for many rows."""
    how = {role: _how_to_read(part, role) for role in roles}
    return lambda instance: {role: read(instance) for role, read in how.items()}


def _how_to_read(part: Part, role: str) -> Callable[[Model], Any]:
    if role == "is_normal":
        return _has_normal_type(part)
    if role == "proposed_time" and part.has_moment:
        moment_of = attrgetter(part.field("proposed_date").attname)
        return lambda instance: _time_of_moment(moment_of(instance))
    stored = attrgetter(part.field(role).attname)
    match part.kind(role):
        case Kind.TEXT:
            return lambda instance: stored(instance) or ""
        case Kind.DATE:
            return lambda instance: local_date(stored(instance))
        case Kind.ATTENDED:
            attendances = _attendances(part)
            return lambda instance: attendances.get(_key(stored(instance)), Attendance.NO)
        case Kind.OFFICER | Kind.LEARNER:
            return lambda instance: None if stored(instance) is None else str(stored(instance))
        case _:
            return stored


def _has_normal_type(part: Part) -> Callable[[Model], bool]:
    normal, type_of = normal_types(part), attrgetter(part.field("type").attname)
    return lambda review: type_of(review) in normal


def normal_types(part: Part) -> list[Any]:
    """The values of the type of normal reviews. One query for each natural key in the mapping."""
    field = part.field("type")
    return [kept_for(part, field, each) for each in part.option("normal_types")]


def stored(part: Part, role: str, value: Value) -> Any:
    """The value to set on PICSWeb's field (its attname) for a plain value. Raises :class:`CannotHold`."""
    if role == "proposed_time" and part.has_moment:
        return value
    field = part.field(role)
    try:
        return accepted(field, _converted(part, role, field, value))
    except (ValidationError, ValueError, TypeError, KeyError, OverflowError, NoSuchRow):
        raise CannotHold(role) from None


def accepted(field: Field[Any, Any], value: Any) -> Any:
    """The value as the field stores it. Raises ``ValidationError`` by the field's own validators and choices.

    Whether the row of a foreign key exists is left to the database, as checking it would need a query.
    """
    if value is None:
        if not field.null:
            raise ValidationError("null")
        return None
    value = field.to_python(value)
    if isinstance(value, str):
        value.encode()  # fails for a lone surrogate, which the database could not store
        if "\x00" in value:
            raise ValidationError("null character")
    judge = field.target_field if isinstance(field, ForeignKey) else field
    judge.run_validators(value)
    if value != "" and field.choices and value not in [choice for choice, _label in field.flatchoices]:
        raise ValidationError("choice")
    return value


def assign(part: Part, instance: Model, values: Mapping[str, Value]) -> list[str]:
    """Set plain values on an instance and return the names of the fields set. Raises :class:`CannotHold`."""
    names = []
    for role, value in _without_moment(part, instance, values).items():
        field = part.field(role)
        setattr(instance, field.attname, value if isinstance(value, datetime) else stored(part, role, value))
        names.append(field.name)
    return names


def same(one: Value, other: Value) -> bool:
    """Whether two plain values are equal. All kinds of blank count as equal."""
    return one == other or (one in (None, "") and other in (None, ""))


def local_date(value: date | datetime | None) -> date | None:
    """The date in the deployment's time zone."""
    return _local(value).date() if isinstance(value, datetime) else value


def local_midnight(day: date) -> datetime:
    """The start of a day in the deployment's time zone, as a value for a DateTimeField."""
    return moment(day, None)


def moment(day: date, at: time | None) -> datetime:
    zone = deployment.time_zone if settings.USE_TZ else None
    return datetime.combine(day, at or time.min, tzinfo=zone)


def _local(value: datetime) -> datetime:
    return value.astimezone(deployment.time_zone) if value.tzinfo else value


def _time_of_moment(value: datetime | None) -> time | None:
    if value is None:
        return None
    at = _local(value).time()
    return None if at == time.min else at


def _converted(part: Part, role: str, field: Field[Any, Any], value: Value) -> Any:
    match part.kind(role):
        case Kind.TEXT:
            return value or ("" if not field.null else field.get_default() or None)
        case Kind.DATE if isinstance(field, DateTimeField) and isinstance(value, date):
            return local_midnight(value)
        case Kind.ATTENDED:
            return kept_for(part, field, part.option("attended_values")[Attendance(value).value])
        case Kind.TYPE:
            return kept_for(part, field, value)
        case Kind.OFFICER | Kind.LEARNER:
            return field.to_python(value)
        case _:
            return value


def _without_moment(
    part: Part, instance: Model, values: Mapping[str, Value]
) -> Mapping[str, Value | datetime]:
    """Combine proposed date and time if PICSWeb has one field for both. A part that is not given stays as it is."""
    if not part.has_moment or not values.keys() & {"proposed_date", "proposed_time"}:
        return values
    both = {role: plain(part, instance, role) for role in ("proposed_date", "proposed_time")} | dict(values)
    day, at = both["proposed_date"], both["proposed_time"]
    others = {role: value for role, value in values.items() if role not in ("proposed_date", "proposed_time")}
    return {**others, "proposed_date": None if day is None else moment(day, at)}


def _attendances(part: Part) -> Mapping[Any, Attendance]:
    """PICSWeb's attendance values. If blank and unknown share one, it means unknown."""
    field, values = part.field("attended"), sorted(part.option("attended_values").items())
    return {_key(kept_for(part, field, value)): Attendance(name) for name, value in values}


def _key(value: Any) -> Any:
    return "" if value is None else value
