"""Values that PICSWeb stores elsewhere than on the row itself: on related rows, or computed by a function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model, QuerySet

from .conditions import function_at
from .mapping import REVIEW, Part


@dataclass(frozen=True, slots=True)
class Location:
    """Where a value is. ``path`` is a query lookup, or ``""`` for a function; ``relations`` are for select_related."""

    path: str
    relations: tuple[str, ...]
    read: Callable[[Model], Any]


def source(part: Part, role: str) -> Location:
    """The location of a role's value, or of the row to which a foreign key leads."""
    if part.is_told_by_function(role):
        return Location("", (), function_at(part.field_name(role)))
    path, field = part.field_name(role), part.field(role)
    names = path.split("__")
    related = names if field.is_relation else names[:-1]
    return Location(path, ("__".join(related),) if related else (), lambda row: follow(row, names))


def follow(row: Any, names: list[str]) -> Any:
    """Follow these relations from a row; ``None`` if one of them is null."""
    for name in names:
        try:
            row = getattr(row, name) if row is not None else None
        except ObjectDoesNotExist:  # the other end of a one-to-one relation
            return None
    return row


def parents_of_reviews(learners: Sequence[Model]) -> QuerySet[Model]:
    """The rows to which these learners' reviews belong, if reviews do not belong to the learner directly."""
    first, *onward = REVIEW.field_name("learner").split("__")
    relation: Any = REVIEW.model._meta.get_field(first)
    rows: QuerySet[Model] = relation.related_model._default_manager.using(REVIEW.database)
    return rows.filter(**{f"{'__'.join(onward)}__in": learners}) if relation.concrete else rows.none()


def with_a_place_for_reviews(learners: Sequence[Model]) -> set[Any]:
    """The primary keys of learners with exactly one row to which a new review can belong."""
    _first, *onward = REVIEW.field_name("learner").split("__")
    if not onward:
        return {learner.pk for learner in learners}
    found = Counter(parents_of_reviews(learners).values_list(f"{'__'.join(onward)}__pk", flat=True))
    return {pk for pk, rows in found.items() if rows == 1}
