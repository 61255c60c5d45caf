"""What PICSWeb may keep elsewhere than on the row itself: over relations, or where only a function can tell."""

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
    """``path`` as a query writes it, ``""`` where a function tells; ``relations`` as ``select_related`` takes them."""

    path: str
    relations: tuple[str, ...]
    read: Callable[[Model], Any]


def source(part: Part, role: str) -> Location:
    """Where a role's value, or the row that a foreign key leads to, is found."""
    if part.is_told_by_function(role):
        return Location("", (), function_at(part.field_name(role)))
    path, field = part.field_name(role), part.field(role)
    names = path.split("__")
    related = names if field.is_relation else names[:-1]
    return Location(path, ("__".join(related),) if related else (), lambda row: follow(row, names))


def follow(row: Any, names: list[str]) -> Any:
    """What is at the end of these relations, or ``None`` where they end before."""
    for name in names:
        try:
            row = getattr(row, name) if row is not None else None
        except ObjectDoesNotExist:  # the other end of a one-to-one relation
            return None
    return row


def parents_of_reviews(learners: Sequence[Model]) -> QuerySet[Model]:
    """The rows under which PICSWeb keeps these learners' reviews, where it does not keep them under the learner."""
    first, *onward = REVIEW.field_name("learner").split("__")
    relation: Any = REVIEW.model._meta.get_field(first)
    rows: QuerySet[Model] = relation.related_model._default_manager.using(REVIEW.database)
    return rows.filter(**{f"{'__'.join(onward)}__in": learners}) if relation.concrete else rows.none()


def with_a_place_for_reviews(learners: Sequence[Model]) -> set[Any]:
    """The primary keys of those learners for whom there is exactly one row under which a new review can be put."""
    _first, *onward = REVIEW.field_name("learner").split("__")
    if not onward:
        return {learner.pk for learner in learners}
    found = Counter(parents_of_reviews(learners).values_list(f"{'__'.join(onward)}__pk", flat=True))
    return {pk for pk, rows in found.items() if rows == 1}
