"""Whether the rows of lookup tables without which no learner can be compared are there."""

from __future__ import annotations

from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured, ValidationError

from onefile_sync.fields import Kind

from .conditions import WrongCondition, condition
from .lookups import NoSuchRow, kept_for
from .mapping import PARTS, REVIEW


def is_a_row_missing() -> bool:
    """Whether a natural key in the mapping has no row, or several: of a condition, a normal type or an attendance.

    One query for each natural key and none otherwise. A mapping that is wrong in another way has none missing.
    The row for ``created_type`` is not looked for: without it no review is created, and the rest goes on.
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
        return False  # the mapping is wrong in another way, which the checks tell
    return False
