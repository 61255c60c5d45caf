"""What may be paired of a learner's history, and what is surely the same. Calls no OneFile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from django.utils import timezone

from onefile_sync import host
from onefile_sync.conf import deployment
from onefile_sync.host.snapshot import Label, ReviewLinkRow
from onefile_sync.models import RecordLink, Tenant
from onefile_sync.onefile.records import Review

from . import history

#: The kind, primary key and OneFile ID of a row that was linked before.
Part = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Choice:
    """A qualification or review of PICSWeb without a OneFile ID. ``chosen`` is the record that is surely the same.

    ``day`` is when a review is to take place, and ``held`` when it did.
    """

    pk: str
    label: Label = field(repr=False)
    chosen: int | None = None
    day: date | None = None
    held: date | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """A learning aim or review in OneFile that no row of PICSWeb is linked to: its standard's code, or its day."""

    onefile_id: int
    code: str = ""
    title: str = ""
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Choices:
    """What may be paired, on both sides. ``needs_a_look``: what is not surely the same may be the same."""

    ours: tuple[Choice, ...]
    theirs: tuple[Option, ...]
    needs_a_look: bool = False

    def __bool__(self) -> bool:
        return bool(self.ours and self.theirs)

    @property
    def certain(self) -> dict[str, int]:
        """The OneFile IDs of the pairs that are surely the same, by PICSWeb's primary key."""
        return {each.pk: each.chosen for each in self.ours if each.chosen is not None}


def restorable(tenant: Tenant, learners: Mapping[str, int]) -> dict[str, tuple[Part, ...]]:
    """The qualifications and reviews that were unlinked with the last link of these learners to the same record.

    ``learners`` are OneFile IDs by primary key. A few queries for any number of learners.
    """
    last: dict[str, RecordLink] = {}
    ended = RecordLink.objects.filter(tenant=tenant, subject_kind="learner", subject_pk__in=learners)
    for each in ended.exclude(ended_at=None).order_by("ended_at", "pk"):
        if each.onefile_id == learners[each.subject_pk]:
            last[each.subject_pk] = each
    parts: dict[str, list[Part]] = {pk: [] for pk in learners}
    if last:
        of_learner = {each.pk: pk for pk, each in last.items()}
        unlinked = RecordLink.objects.filter(parent__in=of_learner).exclude(ended_at=None).order_by("pk")
        for each in unlinked:
            parts[of_learner[each.parent_id or 0]].append(
                (each.subject_kind, each.subject_pk, each.onefile_id)
            )
    free = _still_free([part for of in parts.values() for part in of])
    return {pk: tuple(part for part in of if part in free) for pk, of in parts.items()}


def _still_free(parts: Sequence[Part]) -> set[Part]:
    """Those whose row has no OneFile ID, and whose OneFile ID no row has."""
    free: set[Part] = set()
    for kind in {part[0] for part in parts}:
        found = [part for part in parts if part[0] == kind]
        rows = host.onefile_ids(kind, [pk for _kind, pk, _id in found])
        taken = host.pks_with_onefile_id(kind, [onefile_id for _kind, _pk, onefile_id in found])
        free |= {part for part in found if part[1] in rows and rows[part[1]] is None and part[2] not in taken}
    return free


def review_options(records: Iterable[Review]) -> list[Option]:
    """OneFile's reviews, each with its day, by day."""
    return in_order(
        Option(review.id, day=_day(review.scheduled_for) or review.started_on) for review in records
    )


def as_kept(options: Iterable[Option]) -> list[list[Any]]:
    """OneFile's reviews as they are kept in a JSON column."""
    return [[each.onefile_id, each.day.isoformat() if each.day else None] for each in options]


def from_kept(kept: Iterable[Sequence[Any]]) -> list[Option]:
    return [Option(number, day=date.fromisoformat(day) if day else None) for number, day in kept]


def in_order(options: Iterable[Option]) -> list[Option]:
    return sorted(options, key=lambda each: (each.day or date.min, each.onefile_id))


def review_choices(
    rows: Iterable[ReviewLinkRow], theirs: Sequence[Option], restored: Iterable[Part]
) -> Choices:
    """The reviews of one learner, those in PICSWeb that are linked left out. ``theirs`` are linked to no review."""
    rows = [row for row in rows if row.onefile_id is None]
    paired = history.review_pairs(
        [(row.pk, _day_of(row)) for row in rows], [(each.onefile_id, each.day) for each in theirs]
    )
    certain = {pair.ours: pair.theirs for pair in paired.pairs if pair.certain}
    found = proposed("review", [(row.pk, row.label) for row in rows], theirs, certain, restored)
    days_of = {row.pk: (_day(row.proposed), row.actual_date) for row in rows}
    ours = (replace(each, day=days_of[each.pk][0], held=days_of[each.pk][1]) for each in found.ours)
    found = replace(found, ours=tuple(ours))
    left = [
        history.ReviewDay(day, row.actual_date is not None)
        for row in rows
        if row.pk not in found.certain
        for day in {_day_of(row), row.actual_date or _day_of(row)}
    ]
    days = [each.day for each in theirs if each.onefile_id not in found.certain.values()]
    today = timezone.localdate(timezone=deployment.time_zone)
    return replace(found, needs_a_look=history.may_be_the_same(left, days, today))


def proposed(
    kind: str,
    rows: Sequence[tuple[str, Label]],
    theirs: Sequence[Option],
    certain: Mapping[str, int],
    restored: Iterable[Part],
) -> Choices:
    """The rows with what is surely the same: first what was linked before, then what is unique on both sides."""
    there = {each.onefile_id for each in theirs}
    before = {pk: each for of, pk, each in restored if of == kind and each in there}
    chosen = {
        pk: each for pk, each in certain.items() if pk not in before and each not in before.values()
    } | before
    return Choices(tuple(Choice(pk, label, chosen.get(pk)) for pk, label in rows), tuple(theirs))


def fits(pairs: Mapping[str, int], choices: Choices) -> bool:
    """Whether every pair is of two that were shown, and no record is in two of them."""
    ours, theirs = {each.pk for each in choices.ours}, {each.onefile_id for each in choices.theirs}
    records = list(pairs.values())
    return pairs.keys() <= ours and set(records) <= theirs and len(set(records)) == len(records)


def _day_of(row: ReviewLinkRow) -> date | None:
    return _day(row.proposed) or row.actual_date


def _day(moment: datetime | date | None) -> date | None:
    """The day in the deployment's time zone."""
    if isinstance(moment, datetime):
        return (moment.astimezone(deployment.time_zone) if moment.tzinfo else moment).date()
    return moment
