"""PICSWeb's side as plain values: what the rules decide on, whatever PICSWeb calls its models and fields.

Nothing here knows Django. :mod:`onefile_sync.host` turns model instances into these and back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import Enum


class Attendance(Enum):
    """Whether a review took place, in PICSWeb's words."""

    BLANK = "blank"
    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


#: A value of one field as the rules see it. ``None`` and ``""`` both mean blank.
Value = int | str | date | time | Attendance | None
#: What staff call a row: ``str()`` of it, which may be made up only then.
Label = object


def comparable(value: Value | datetime) -> str:
    """A value as text: the same for values between which there is no difference, such as all kinds of blank."""
    if isinstance(value, Attendance):
        return value.value
    if isinstance(value, date | time):
        return value.isoformat()
    return "" if value is None else str(value).strip()


@dataclass(frozen=True, slots=True)
class QualificationRow:
    """A learner's qualification in PICSWeb (not an ILR learning aim)."""

    pk: str
    label: Label
    onefile_id: int | None
    has_units: bool = False
    total_elements: int | None = None
    elements_done: int | None = None
    registration_number: str = ""
    registration_date: date | None = None
    certificate_applied_date: date | None = None
    certificate_received_date: date | None = None


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """A learner's progress review in PICSWeb. ``officer`` is the primary key of the reviewer, as text."""

    pk: str
    label: Label
    onefile_id: int | None
    is_normal: bool = True
    proposed_date: date | None = None
    proposed_time: time | None = None
    attended: Attendance = Attendance.BLANK
    actual_date: date | None = None
    officer: str | None = None
    officer_onefile_id: int | None = None
    trainee_signed_date: date | None = None


@dataclass(frozen=True, slots=True)
class LearnerRow:
    """A learner with everything of theirs that the exchange can touch."""

    pk: str
    label: Label
    onefile_id: int
    centre_id: int | None = None
    main_officer: str | None = None
    main_officer_onefile_id: int | None = None
    qualifications: tuple[QualificationRow, ...] = ()
    reviews: tuple[ReviewRow, ...] = ()
    #: Linked reviews that PICSWeb hides: they are there, and nothing else is known of them.
    hidden_reviews: tuple[ReviewRow, ...] = ()
    #: Whether PICSWeb has exactly one place for a new review of theirs.
    has_place_for_reviews: bool = True


@dataclass(frozen=True, slots=True)
class Officers:
    """PICSWeb's officers by the OneFile user ID of the assessor they are linked to.

    ``names`` serves the reader of a plan: it maps an officer's primary key to the officer's name.
    An assessor to whom several officers are linked is in ``ambiguous`` and not in ``by_onefile_id``.
    """

    by_onefile_id: Mapping[int, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    ambiguous: frozenset[int] = frozenset()
