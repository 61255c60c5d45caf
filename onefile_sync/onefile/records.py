"""What OneFile sends, as exact records: lenient in what is accepted, exact inside.

Every oddity of the wire ends here: absent, ``null`` and ``""`` all mean blank; numbers may come as text; date-times
come with or without a zone (then UTC), with 0-7 digits of a second, and become London dates only after conversion.
A value that cannot be read is blank *and* named in ``unreadable``, so that nobody mistakes it for a blank.
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
    """A value that the caller wants of a learning aim: our name for it, OneFile's, how it is read (a function of
    :mod:`.parsing`), and whether updates set it.
    """

    name: str
    json_name: str
    read: Callable[[object], AimValue]
    is_writable: bool


@dataclass(frozen=True, slots=True)
class LearningAim:
    """A learner's copy of a standard. ``values`` has what the caller wanted, by our names.

    ``silent`` names the fields for which an item of a list has no value: that is not to say that they are blank. What
    is not ``complete`` leaves out something that matters; a record that was read by itself is complete, and not silent.
    ``writable`` holds the other writable values exactly as read, to be sent along with an update. ``odd`` names those
    of them that cannot be read: OneFile's name for each, and ours.
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
class Review:
    """A review. ``scheduled_for`` is aware, in UTC; the others are London dates. ``complete``, ``silent`` as above.

    ``assessor_signed_on`` is not synchronised: together with the learner's it tells a review that is through.
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
    """``name`` is first and last name, or whichever of them OneFile has."""

    id: int
    centre_id: int | None = None
    role: int | None = None
    name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Centre:
    """What OneFile calls an organisation."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Customer:
    id: int
    name: str


@dataclass(frozen=True, slots=True)
class SearchPage(Generic[Record]):
    """One page of a search: its records, how many of its items could not be read at all, and how many it had."""

    records: tuple[Record, ...]
    unreadable_items: int
    items: int


@dataclass(frozen=True, slots=True)
class SearchResult(Generic[Record]):
    """The records of a search, one per ID, and how many items could not be read at all (no ID, not an object)."""

    records: tuple[Record, ...] = ()
    unreadable_items: int = 0
