"""Checks that the lookup rows exist without which no learner can be compared."""

from __future__ import annotations

from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured, ValidationError

from onefile_sync.fields import Kind

from .conditions import WrongCondition, condition
from .lookups import NoSuchRow, kept_for
from .mapping import PARTS, REVIEW


def is_a_row_missing() -> bool:
    """Whether a natural key of a condition, a normal type or an attendance has no row, or several.

    One query for each natural key. Returns false if the mapping is invalid in another way, which the checks report.
    The row for ``created_type`` is not checked: without it no review can be created, but the rest works.
    """
    try:
        for part in PARTS:
            for role, kind in part.roles.items():
                if kind is Kind.CONDITION:
                    condition(part, role)
        for value in REVIEW.option("normal_types"):
            kept_for(REVIEW, REVIEW.field("type"), value)
        for value in REVIEW.option("attended_values").values():
            kept_for(REVIEW, REVIEW.field("attended"), value)
    except NoSuchRow:
        return True
    except (WrongCondition, ImproperlyConfigured, LookupError, FieldDoesNotExist, ValidationError):
        return False  # the mapping is invalid in another way, which the checks report
    return False
