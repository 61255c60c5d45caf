"""Finds rows of PICSWeb's lookup tables that the mapping names by primary key or natural key."""

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
    """No row, or several rows, have a natural key named in the mapping."""


def is_natural_key(field: Field[Any, Any], value: Any) -> bool:
    """Whether a value in the mapping is a natural key for this foreign key."""
    return isinstance(value, tuple) and _finds_by_natural_key(field)


def why_no_natural_key(field: Field[Any, Any], value: Any) -> str:
    """Why a value that looks like a natural key cannot be one; ``""`` if it can. Makes no query."""
    if not isinstance(value, list | tuple) or is_natural_key(field, value):
        return ""
    if not isinstance(field, ForeignKey):
        return f"{field.name!r} is no foreign key, and takes no natural keys"
    if not _finds_by_natural_key(field):
        label = field.related_model._meta.label
        return f"the manager of {label} has no get_by_natural_key, so a row is named by its primary key only"
    return 'a natural key is written as a tuple, such as ("PROG",)'


def kept_for(part: Part, field: Field[Any, Any], value: Any) -> Any:
    """The value that a field holds for a value in the mapping. Raises :class:`NoSuchRow`.

    Makes one query for a natural key. It is not cached, as the row may be renamed or deleted.
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
