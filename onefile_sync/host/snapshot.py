"""PICSWeb's side as plain values, on which the rules decide, independent of PICSWeb's models and field names.

Nothing here knows Django's models. :mod:`onefile_sync.host` turns instances into these and back. A value that the
mapping names a field for is declared once: here, by the kind that its annotation has, or in the table of synchronised
fields (:mod:`onefile_sync.fields`). Mapping, checks and reading follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import Enum
from typing import Annotated, Any, Literal, get_origin, get_type_hints

from onefile_sync.fields import Kind, blank_values


class Attendance(Enum):
    """Whether a review took place, in PICSWeb's terms."""

    BLANK = "blank"
    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


#: A field's value. ``None`` and ``""`` both mean blank.
Value = int | str | date | time | Attendance | None
#: The name of a row for staff: ``str()`` of this object, which may be computed only then.
Label = object


def comparable(value: Value | datetime) -> str:
    """A value as text. Values that count as equal, such as all kinds of blank, have the same text."""
    if isinstance(value, Attendance):
        return value.value
    if isinstance(value, date | time):
        return value.isoformat()
    return "" if value is None else str(value).strip()


def roles_of(row: type[Any]) -> dict[str, Kind]:
    """The roles of a row class with their kinds: the attributes annotated with a :class:`Kind`."""
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
    """A learner, with the qualifications and reviews that the exchange can change."""

    pk: str
    label: Label
    onefile_id: int
    centre_id: int | None = None
    main_officer: str | None = None
    main_officer_onefile_id: int | None = None
    qualifications: tuple[QualificationRow, ...] = ()
    reviews: tuple[ReviewRow, ...] = ()
    #: Linked reviews that PICSWeb hides, without their values.
    hidden_reviews: tuple[ReviewRow, ...] = ()
    #: Whether there is exactly one row to which a new review of the learner can belong.
    has_place_for_reviews: bool = True


@dataclass(frozen=True, slots=True)
class Officers:
    """PICSWeb's officers by the OneFile user ID of the assessor to whom they are linked.

    ``names`` maps an officer's primary key to the officer's name, for display. An assessor to whom several officers are
    linked is in ``ambiguous`` instead of ``by_onefile_id``.

    Where the customer has ``several_centres``, an officer has a user in each: ``users`` has their IDs by the officer's
    primary key and the centre, and ``centres`` the centre of each user, as far as it is known.
    """

    by_onefile_id: Mapping[int, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    ambiguous: frozenset[int] = frozenset()
    several_centres: bool = False
    users: Mapping[tuple[str, int], int] = field(default_factory=dict)
    centres: Mapping[int, int] = field(default_factory=dict)

    def assessor_in(self, centre_id: int, officer: str | None, own: int | None) -> int | None:
        """The user of an officer in a centre; ``None`` if the only known users belong to other centres.

        ``own`` is the OneFile ID on the officer's record. It is used if its centre is unknown.
        """
        if not self.several_centres or officer is None:
            return own
        if (officer, centre_id) in self.users:
            return self.users[officer, centre_id]
        return own if own is not None and self.centres.get(own, centre_id) == centre_id else None


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A learner or an officer, with what tells who it is. What the mapping has no field for is blank.

    ``centre_id`` and what follows ``email`` belong to learners.
    """

    pk: str
    label: Label = field(repr=False)
    kind: Literal["learner", "officer"]
    onefile_id: int | None = None
    centre_id: int | None = None
    ident: Annotated[str, Kind.TEXT] = field(default="", repr=False)
    first_name: Annotated[str, Kind.TEXT] = field(default="", repr=False)
    surname: Annotated[str, Kind.TEXT] = field(default="", repr=False)
    email: Annotated[str, Kind.TEXT] = field(default="", repr=False)
    date_of_birth: Annotated[date | None, Kind.DATE] = field(default=None, repr=False)
    uln: Annotated[str, Kind.TEXT] = field(default="", repr=False)
    ni_number: Annotated[str, Kind.TEXT] = field(default="", repr=False)
    start_date: Annotated[date | None, Kind.DATE] = None
    planned_end_date: Annotated[date | None, Kind.DATE] = None


@dataclass(frozen=True, slots=True)
class OrganisationRow:
    """An employer. What the mapping has no field for is blank."""

    pk: str
    label: Label
    onefile_id: int | None = None
    ident: Annotated[str, Kind.TEXT] = ""
    name: Annotated[str, Kind.TEXT] = ""


@dataclass(frozen=True, slots=True)
class QualificationLinkRow:
    """A learner's qualification, with what it is linked by. ``reference`` is PICSWeb's VQ Reference."""

    pk: str
    label: Label
    learner_pk: str
    onefile_id: int | None = None
    reference: Annotated[str, Kind.TEXT] = ""
    start_date: Annotated[date | None, Kind.DATE] = None


@dataclass(frozen=True, slots=True)
class ReviewLinkRow:
    """A learner's review, with what it is linked by. ``proposed`` is a moment if a time is known, else a date."""

    pk: str
    label: Label
    learner_pk: str
    onefile_id: int | None = None
    proposed: datetime | date | None = None
    actual_date: date | None = None


@dataclass(frozen=True, slots=True)
class QualificationToCreate:
    """A learner's qualification with what its learning aim needs. ``uploaded``: PICSWeb wants it in OneFile."""

    pk: str
    label: Label = field(repr=False)
    onefile_id: int | None = None
    reference: Annotated[str, Kind.TEXT] = ""
    start_date: Annotated[date | None, Kind.DATE] = None
    planned_end_date: Annotated[date | None, Kind.DATE] = None
    uploaded: Annotated[bool, Kind.CONDITION] = True
    assessor: PersonRow | None = None


@dataclass(frozen=True, slots=True)
class LearnerToCreate:
    """A learner with everything that is sent when the learner is created in OneFile.

    ``ethnicity``, ``sex`` and ``disability`` are PICSWeb's codes as text. ``additional`` are the officers in the roles
    of *Additional Assessors*. ``employer`` is the organisation of the latest placement of the right type, else of any
    (R17). ``reviews`` are those of normal types.
    """

    person: PersonRow
    telephone: Annotated[str, Kind.TEXT] = field(default="", repr=False)
    mobile: Annotated[str, Kind.TEXT] = field(default="", repr=False)
    main_tag: Annotated[str, Kind.TEXT] = ""
    ethnicity: Annotated[str, Kind.CODE] = field(default="", repr=False)
    sex: Annotated[str, Kind.CODE] = field(default="", repr=False)
    disability: Annotated[str, Kind.CODE] = field(default="", repr=False)
    main_officer: PersonRow | None = None
    additional: tuple[PersonRow, ...] = ()
    employer: OrganisationRow | None = None
    qualifications: tuple[QualificationToCreate, ...] = ()
    reviews: tuple[ReviewRow, ...] = ()
