"""Typed records for what OneFile sends.

Parsing accepts many forms: absent, ``null`` and ``""`` all mean blank; numbers may be text; date-times may have no zone
(then they are UTC) and 0-7 digits of a second, and become London dates only after conversion. A value that cannot be
read is blank *and* named in ``unreadable``, so that it is not treated as a blank.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Generic, TypeVar

Record = TypeVar("Record")


#: A value of a learning aim.
AimValue = int | str | date | None


@dataclass(frozen=True, slots=True)
class AimField:
    """A value that the caller wants from a learning aim.

    It has our name and OneFile's, a function of :mod:`.parsing` that reads it, and whether updates set it.
    """

    name: str
    json_name: str
    read: Callable[[object], AimValue]
    is_writable: bool


@dataclass(frozen=True, slots=True)
class LearningAim:
    """A learner's copy of a standard. ``values`` has what the caller wanted, by our names.

    ``silent`` names the fields for which a list item has no value; they are not necessarily blank. A record that is not
    ``complete`` lacks something that matters; an individually read record is complete and not silent.
    ``writable`` holds the other writable values exactly as read, to be sent along with an update. ``odd`` maps
    OneFile's names of unreadable ones among them to ours.
    """

    id: int
    learner_id: int | None = None
    values: Mapping[str, AimValue] = field(default_factory=dict)
    complete: bool = True
    silent: frozenset[str] = frozenset()
    unreadable: frozenset[str] = frozenset()
    writable: Mapping[str, object] = field(default_factory=dict, repr=False)
    odd: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AimOutline:
    """A learning aim as far as a search tells which standard it is of."""

    id: int
    learner_id: int | None = None
    standard_id: int | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """A review. ``scheduled_for`` is aware, in UTC; the others are London dates. ``complete``, ``silent`` as above.

    ``assessor_signed_on`` is not synchronised; a review that both have signed counts as settled.
    """

    id: int
    learner_id: int | None = None
    assessor_id: int | None = None
    visit_id: int | None = None
    scheduled_for: datetime | None = None
    started_on: date | None = None
    learner_signed_on: date | None = None
    assessor_signed_on: date | None = None
    complete: bool = True
    silent: frozenset[str] = frozenset()
    unreadable: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class User:
    """A user. ``name`` is the first and last name, as far as OneFile has them."""

    id: int
    centre_id: int | None = None
    role: int | None = None
    name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Person:
    """A user's details. Dates are London dates; ``last_modified`` is aware, in UTC.

    ``ethnicity``, ``sex``, ``disability`` and ``primary_lldd`` are codes of the Individualised Learner Record.
    ``archived`` is ``None`` if OneFile does not say. ``silent`` names the fields for which a list item has no value;
    they are not necessarily blank. An individually read record is not silent.
    """

    id: int
    centre_id: int | None = None
    role: int | None = None
    first_name: str = field(default="", repr=False)
    last_name: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    mis_value: str = field(default="", repr=False)
    uln: str = field(default="", repr=False)
    ni_number: str = field(default="", repr=False)
    date_of_birth: date | None = field(default=None, repr=False)
    start_date: date | None = field(default=None, repr=False)
    planned_end_date: date | None = field(default=None, repr=False)
    default_assessor_id: int | None = None
    placement_id: int | None = None
    classroom_id: int | None = None
    last_modified: datetime | None = None
    archived: bool | None = None
    telephone: str = field(default="", repr=False)
    mobile: str = field(default="", repr=False)
    ethnicity: str = field(default="", repr=False)
    sex: str = field(default="", repr=False)
    disability: str = field(default="", repr=False)
    primary_lldd: str = field(default="", repr=False)
    silent: frozenset[str] = frozenset()
    unreadable: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class NamedRecord:
    """A placement, which is OneFile's record of an employer, or a classroom. ``active`` is ``None`` if not known."""

    id: int
    centre_id: int | None = None
    name: str = field(default="", repr=False)
    mis_value: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    active: bool | None = None


@dataclass(frozen=True, slots=True)
class Standard:
    """A qualification or apprenticeship standard. ``code`` is PICSWeb's VQ Reference, such as 196AS."""

    id: int
    title: str = ""
    code: str = ""
    centre_id: int | None = None


@dataclass(frozen=True, slots=True)
class Centre:
    """A centre; the API calls it an organisation."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Customer:
    id: int
    name: str


@dataclass(frozen=True, slots=True)
class SearchPage(Generic[Record]):
    """One page of a search: its records, the number of unreadable items, and the number of all items."""

    records: tuple[Record, ...]
    unreadable_items: int
    items: int


@dataclass(frozen=True, slots=True)
class SearchResult(Generic[Record]):
    """The records of a search, one per ID, and the number of unreadable items (without an ID, or not an object)."""

    records: tuple[Record, ...] = ()
    unreadable_items: int = 0
