"""Rows of PICSWeb's lookup tables that the mapping names, by primary key or by natural key."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import (
    ImproperlyConfigured,
    MultipleObjectsReturned,
    ObjectDoesNotExist,
    ValidationError,
)
from django.db.models import Field, ForeignKey

from .mapping import Part


class NoSuchRow(ImproperlyConfigured):
    """No row, or more than one, has the natural key that the mapping names."""


def is_natural_key(field: Field[Any, Any], value: Any) -> bool:
    """Whether a value of the mapping is the natural key of a row to which this field may lead."""
    return isinstance(value, tuple) and _finds_by_natural_key(field)


def why_no_natural_key(field: Field[Any, Any], value: Any) -> str:
    """Why a value that looks like a natural key is none, or ``""``. No query."""
    if not isinstance(value, list | tuple) or is_natural_key(field, value):
        return ""
    if not isinstance(field, ForeignKey):
        return f"{field.name!r} is no foreign key, and takes no natural keys"
    if not _finds_by_natural_key(field):
        label = field.related_model._meta.label
        return f"the manager of {label} has no get_by_natural_key, so a row is named by its primary key only"
    return 'a natural key is written as a tuple, such as ("PROG",)'


def kept_for(part: Part, field: Field[Any, Any], value: Any) -> Any:
    """What a field of a part holds for a value of the mapping.

    One query for a natural key, which is looked up afresh so that a row renamed or deleted meanwhile is not used; none
    otherwise. Raises :class:`NoSuchRow`.
    """
    if not is_natural_key(field, value):
        return field.to_python(value)
    related: Any = field.related_model
    try:
        row = related._default_manager.db_manager(part.database).get_by_natural_key(*value)
    except (ObjectDoesNotExist, MultipleObjectsReturned, ValidationError, ValueError, TypeError):
        raise NoSuchRow(f"There is no {related._meta.label} {value!r}, or more than one.") from None
    foreign_key: Any = field
    return getattr(row, foreign_key.target_field.attname)


def _finds_by_natural_key(field: Field[Any, Any]) -> bool:
    related: Any = field.related_model
    return isinstance(field, ForeignKey) and hasattr(related._default_manager, "get_by_natural_key")
