"""Which qualifications and reviews of a learner about to be linked are in OneFile already. Plain values only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Generic, TypeVar

Ours = TypeVar("Ours")
Theirs = TypeVar("Theirs")


#: A review that was rescheduled on one side only is hardly ever further away.
RESCHEDULED_WITHIN = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class ReviewDay:
    """When a review of PICSWeb takes place, and whether it has."""

    day: date | None
    is_held: bool


@dataclass(frozen=True, slots=True)
class HistoryPair(Generic[Ours, Theirs]):
    """A qualification and a learning aim, or two reviews. ``certain`` pairs are ticked for the person who decides."""

    ours: Ours
    theirs: Theirs
    certain: bool


@dataclass(frozen=True, slots=True)
class PairedHistory(Generic[Ours, Theirs]):
    """The pairs, in the order of ours, and those of either side that are in none."""

    pairs: tuple[HistoryPair[Ours, Theirs], ...]
    ours_left: tuple[Ours, ...]
    theirs_left: tuple[Theirs, ...]


def qualification_pairs(
    ours: Iterable[tuple[Ours, str]], theirs: Iterable[tuple[Theirs, str]]
) -> PairedHistory[Ours, Theirs]:
    """Pair qualifications with learning aims of the same code. Both sides give keys and normalised codes."""
    return _paired(ours, theirs)


def review_pairs(
    ours: Iterable[tuple[Ours, date | None]], theirs: Iterable[tuple[Theirs, date | None]]
) -> PairedHistory[Ours, Theirs]:
    """Pair reviews of the same day in London. Both sides give keys and days."""
    return _paired(ours, theirs)


def may_be_the_same(ours: Iterable[ReviewDay], theirs: Iterable[date | None], today: date) -> bool:
    """Whether a review that was not paired may be one of OneFile's all the same, so that a person has to look.

    A review may have been rescheduled on one side only. So two of different days may be the same if they lie within
    :data:`RESCHEDULED_WITHIN`, or both have yet to take place, or PICSWeb's is overdue and OneFile's is later, or a day
    is unknown. Others are two reviews.
    """
    others = list(theirs)
    return any(
        one.day is None
        or other is None
        or abs(one.day - other) <= RESCHEDULED_WITHIN
        or (not one.is_held and other >= min(today, one.day))
        for one in ours
        for other in others
    )


def _paired(
    ours: Iterable[tuple[Ours, Hashable]], theirs: Iterable[tuple[Theirs, Hashable]]
) -> PairedHistory[Ours, Theirs]:
    """All pairs with equal values. One is certain if its value stands once on each side."""
    our_rows, their_rows = list(ours), list(theirs)
    our_values, their_values = (Counter(value for _key, value in rows) for rows in (our_rows, their_rows))
    pairs = tuple(
        HistoryPair(key, other, our_values[value] == their_values[value] == 1)
        for key, value in our_rows
        for other, their_value in their_rows
        if value and value == their_value
    )
    return PairedHistory(
        pairs,
        tuple(key for key, value in our_rows if not value or value not in their_values),
        tuple(key for key, value in their_rows if not value or value not in our_values),
    )
