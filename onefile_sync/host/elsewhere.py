"""What PICSWeb may keep elsewhere than on the row itself: over relations, or where only a function can tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model

from .conditions import function_at
from .mapping import Part


@dataclass(frozen=True, slots=True)
class Source:
    """``path`` as a query writes it, ``""`` where a function tells; ``relations`` as ``select_related`` takes them."""

    path: str
    relations: tuple[str, ...]
    read: Callable[[Model], Any]


def source(part: Part, role: str) -> Source:
    """Where a role's value, or the row that a foreign key leads to, is found."""
    if part.is_told_by_function(role):
        return Source("", (), function_at(part.field_name(role)))
    path, field = part.field_name(role), part.field(role)
    names = path.split("__")
    related = names if field.is_relation else names[:-1]
    return Source(path, ("__".join(related),) if related else (), lambda row: follow(row, names))


def follow(row: Any, names: list[str]) -> Any:
    """What is at the end of these relations, or ``None`` where they end before."""
    for name in names:
        try:
            row = getattr(row, name) if row is not None else None
        except ObjectDoesNotExist:  # the other end of a one-to-one relation
            return None
    return row
