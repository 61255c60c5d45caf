"""PICSWeb's side as plain values: what the rules decide on, whatever PICSWeb calls its models and fields.

Nothing here knows Django's models. :mod:`onefile_sync.host` turns instances into these and back. A value that the
mapping names a field for is declared once: here, by the kind that its annotation has, or in the table of synchronised
fields (:mod:`onefile_sync.fields`). Mapping, checks and reading follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import Enum
from typing import Annotated, Any, get_origin, get_type_hints

from onefile_sync.fields import Kind, blank_values


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


def roles_of(row: type[Any]) -> dict[str, Kind]:
    """What the mapping names a field or a condition for in a row: whatever is annotated with its kind."""
    hints = get_type_hints(row, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items() if get_origin(hint) is Annotated}


@dataclass(frozen=True, slots=True)
class QualificationRow:
    """A learner's qualification in PICSWeb (not an ILR learning aim). ``values`` has every synchronised field."""

    pk: str
    label: Label
    onefile_id: int | None
    has_units: Annotated[bool, Kind.CONDITION] = False
    values: Mapping[str, Value] = field(default_factory=blank_values)


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """A learner's progress review in PICSWeb. ``officer`` is the primary key of the reviewer, as text."""

    pk: str
    label: Label
    onefile_id: int | None
    is_normal: bool = True
    proposed_date: Annotated[date | None, Kind.DATE] = None
    proposed_time: Annotated[time | None, Kind.TIME] = None
    attended: Annotated[Attendance, Kind.ATTENDED] = Attendance.BLANK
    actual_date: Annotated[date | None, Kind.DATE] = None
    officer: Annotated[str | None, Kind.OFFICER] = None
    officer_onefile_id: int | None = None
    trainee_signed_date: Annotated[date | None, Kind.DATE] = None


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
