"""Reads the optional roles of PICSWeb's rows: fields of the row, fields of related rows, and functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from django.db.models import Model

from onefile_sync.fields import Kind

from .elsewhere import source
from .mapping import Part
from .values import local_date

#: What a function returns by mistake where a text is wanted. Its ``str()`` would be sent to OneFile as a value.
_NO_TEXT = (bool, bytes, list, tuple, set, frozenset, dict, Model)


def optional_reader(part: Part, roles: Iterable[str]) -> tuple[list[str], Callable[[Model], dict[str, Any]]]:
    """The relations to fetch with a part's rows, and a function that reads those of the roles that are played.

    The function raises ``TypeError``, which names the entry of the mapping, if a function of PICSWeb's returns anything
    but what its role needs.
    """
    sources = {role: source(part, role) for role in roles if part.is_played(role)}
    relations = [relation for each in sources.values() for relation in each.relations]

    def read(row: Model) -> dict[str, Any]:
        return {role: _plain(part, role, each.read(row)) for role, each in sources.items()}

    return relations, read


def row_of(part: Part, role: str, target: Part, value: Any) -> Any:
    """The row to which a role leads, or ``None``. Raises ``TypeError`` if a function returned anything else."""
    if value is not None and not is_row_of(target, value):
        raise wrong(part, role, value, f"a row of {target.model._meta.label}")
    return value


def is_row_of(part: Part, value: Any) -> bool:
    """Whether a value is a row of a part's model."""
    return isinstance(value, Model) and value._meta.concrete_model is part.model._meta.concrete_model


def wrong(part: Part, role: str, value: Any, wanted: str) -> TypeError:
    """The error that names the entry of the mapping and the type of what came, but not the value."""
    return TypeError(f"{part.field_name(role)} returned {type(value).__name__}, not {wanted}.")


def _plain(part: Part, role: str, value: Any) -> str | date | None:
    match part.kind(role):
        case Kind.TEXT:
            if isinstance(value, _NO_TEXT) or callable(value):
                raise wrong(part, role, value, "a text")
            return "" if value is None else str(value).strip()
        case Kind.CODE:
            if isinstance(value, bool) or not isinstance(value, str | int | None):
                raise wrong(part, role, value, "a text or a whole number")
            return "" if value is None else str(value).strip()
        case _:
            if value is not None and not isinstance(value, date):
                raise wrong(part, role, value, "a date")
            return local_date(value)
