"""Invents the learning of one learner on both sides: aims with their qualifications, and reviews."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Final, TypeVar

from onefile_sync.sandbox.entities import (
    LONDON,
    SandboxAim,
    SandboxReview,
    SandboxUser,
    SandboxVisit,
    on_london_date,
)

from . import names
from .demo_data import DemoOfficer, DemoQualification, DemoReview

Shared = TypeVar("Shared", str, date)


@dataclass(frozen=True, slots=True)
class Colleague:
    """One person as officer in PICSWeb and assessor in OneFile. PICSWeb may not have linked the two."""

    officer: DemoOfficer
    assessor: SandboxUser


@dataclass(frozen=True, slots=True)
class Numbers:
    """Sequences of OneFile IDs."""

    users: Iterator[int] = field(default_factory=lambda: count(1250001))
    aims: Iterator[int] = field(default_factory=lambda: count(4000001))
    visits: Iterator[int] = field(default_factory=lambda: count(700001))
    reviews: Iterator[int] = field(default_factory=lambda: count(1000001))


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A learner's programme, staff and dates. ``ended`` is ``None`` while the learner is in learning."""

    learner_id: int
    centre_id: int
    today: date
    start: date
    planned_end: date
    ended: date | None
    main: Colleague
    colleagues: tuple[Colleague, ...]

    @property
    def last_day(self) -> date:
        return self.ended or self.today

    @property
    def elapsed(self) -> float:
        """The elapsed part of the programme, from 0 to 1."""
        whole = (self.planned_end - self.start).days
        return min(1.0, max(0.0, (self.last_day - self.start).days / whole))


@dataclass(slots=True)
class Learning:
    """What has been invented so far; each list belongs to one side."""

    qualifications: list[DemoQualification] = field(default_factory=list)
    aims: list[SandboxAim] = field(default_factory=list)
    reviews: list[DemoReview] = field(default_factory=list)
    visits: list[SandboxVisit] = field(default_factory=list)
    onefile_reviews: list[SandboxReview] = field(default_factory=list)


# Learning aims


def add_aims(learning: Learning, enrolment: Enrolment, dice: random.Random, numbers: Numbers) -> None:
    """Add one to five aims: an apprenticeship's main aim, some of its parts, and shorter qualifications."""
    main, *parts = dice.choice(names.APPRENTICESHIPS)
    others = dice.sample([*parts, *names.OTHER_QUALIFICATIONS], dice.choice((0, 1, 1, 2, 2, 2, 3, 4)))
    for standard in (main, *sorted(others, key=lambda other: other.id)):
        add_aim(learning, standard, enrolment, dice, numbers)


def add_aim(
    learning: Learning,
    standard: names.DemoStandard,
    enrolment: Enrolment,
    dice: random.Random,
    numbers: Numbers,
) -> None:
    total = dice.randint(12, 120)
    done = min(total, round(total * enrolment.elapsed * dice.uniform(0.7, 1.2)))
    registered = enrolment.start + timedelta(days=dice.randint(7, 60))
    applied = enrolment.planned_end - timedelta(days=dice.randint(20, 60))
    received = applied + timedelta(days=dice.randint(14, 40))
    number, other_number = _registration_number(dice), _registration_number(dice)
    our_number, their_number = _on_two_sides(number, other_number, "", dice)
    our_registered, their_registered = _day_on_two_sides(registered, enrolment, dice)
    our_applied, their_applied = _day_on_two_sides(applied, enrolment, dice)
    our_received, their_received = _day_on_two_sides(received, enrolment, dice)
    aim = SandboxAim.of(
        id=next(numbers.aims),
        user_id=enrolment.learner_id,
        standard_id=standard.id,
        title=standard.onefile_title,
        start_date=enrolment.start,
        planned_end=enrolment.planned_end,
        registration_number=their_number,
        registration_date=their_registered,
        certificate_applied_date=their_applied,
        certificate_received_date=their_received,
        total_elements=total,
        elements_done=done,
        progress=round(100 * done / total, 2),
    )
    how_far_picsweb_is = dice.choice(("in step", "in step", "behind", "blank"))
    qualification = DemoQualification(
        reference=standard.reference,
        title=standard.title,
        onefile_id=aim.id,
        start_date=enrolment.start,
        assessor=enrolment.main.officer.ident,
        total_elements=None if how_far_picsweb_is == "blank" else total,
        elements_done={"in step": done, "behind": max(0, done - dice.randint(1, 6)), "blank": None}[
            how_far_picsweb_is
        ],
        registration_number=our_number,
        registration_date=our_registered,
        certificate_applied_date=our_applied,
        certificate_received_date=our_received,
        units=standard.units,
    )
    learning.aims.append(aim)
    learning.qualifications.append(qualification)


def _registration_number(dice: random.Random) -> str:
    return f"{dice.choice(names.REGISTRATION_PREFIXES)}{dice.randint(100000, 9999999)}"


def _on_two_sides(value: Shared, other: Shared, blank: Shared, dice: random.Random) -> tuple[Shared, Shared]:
    """PICSWeb's and OneFile's value of a field that staff fill in on both sides, not always consistently."""
    roll = dice.random()
    if roll < 0.55:
        return value, value
    if roll < 0.68:
        return blank, value
    if roll < 0.81:
        return value, blank
    return (other, value) if roll < 0.9 else (blank, blank)


def _day_on_two_sides(
    day: date, enrolment: Enrolment, dice: random.Random
) -> tuple[date | None, date | None]:
    """As above for a date; a date in the future is blank on both sides."""
    never = date.max
    ours, theirs = _on_two_sides(day, day + timedelta(days=7), never, dice)
    return ours if ours <= enrolment.last_day else None, theirs if theirs <= enrolment.last_day else None


# Reviews

_PAST: Final = ("held",) * 14 + ("missed",) * 2 + ("ad hoc", "welfare", "undated")
_FUTURE: Final = ("planned",) * 5 + ("only in PICSWeb",) * 3 + ("undated",)


def add_reviews(learning: Learning, enrolment: Enrolment, dice: random.Random, numbers: Numbers) -> None:
    """Add two to twelve reviews, a few weeks apart. Those after the last day of learning are planned ones."""
    how_many, weeks_apart = dice.randint(2, 12), dice.randint(4, 9)
    since_start = (enrolment.last_day - enrolment.start).days // (7 * weeks_apart)
    past = min(how_many, since_start)
    # A leaver has no planned reviews; a learner who has just started has no past ones.
    future = 0 if enrolment.ended else max(min(2, how_many - 1), how_many - past)
    past = max(0, how_many - future) if not enrolment.ended else max(2, past)
    for number in range(-past, future):
        day = _working_day(enrolment.last_day + timedelta(weeks=weeks_apart * number, days=7))
        if number < 0:
            day = min(day, _working_day(enrolment.last_day - timedelta(days=1), back=True))
            add_past_review(learning, day, dice.choice(_PAST), enrolment, dice, numbers)
        else:
            add_future_review(learning, day, dice.choice(_FUTURE), enrolment, dice, numbers)


def add_past_review(
    learning: Learning,
    day: date,
    kind: str,
    enrolment: Enrolment,
    dice: random.Random,
    numbers: Numbers,
) -> None:
    ident = enrolment.main.officer.ident
    if kind == "welfare":
        learning.reviews.append(
            DemoReview(type="Welfare", proposed_date=day, attended="yes", actual_date=day, officer=ident)
        )
        return
    if kind == "undated":
        learning.reviews.append(DemoReview(attended="no", officer=ident))
        return
    review = onefile_review(day, enrolment, dice, numbers)
    if kind != "missed":
        review = held(review, day, enrolment, dice)
    if kind == "ad hoc":
        review = replace(review, scheduled_for=None, visit_id=None)
    put_on_both_sides(learning, review, enrolment, dice)


def add_future_review(
    learning: Learning,
    day: date,
    kind: str,
    enrolment: Enrolment,
    dice: random.Random,
    numbers: Numbers,
) -> None:
    officer = dice.choice((enrolment.main.officer.ident, None))
    if kind == "only in PICSWeb":
        learning.reviews.append(
            DemoReview(
                proposed_date=day,
                proposed_time=_time_of_day(dice),
                attended=dice.choice(("", "unknown")),
                officer=officer,
            )
        )
    elif kind == "undated":
        learning.reviews.append(DemoReview(officer=officer))
    else:
        review = onefile_review(day, enrolment, dice, numbers)
        put_on_both_sides(learning, review, enrolment, dice)


def onefile_review(day: date, enrolment: Enrolment, dice: random.Random, numbers: Numbers) -> SandboxReview:
    """A review scheduled in OneFile, with or without a time of day."""
    at = _time_of_day(dice)
    by = enrolment.main if dice.random() < 0.8 else dice.choice(enrolment.colleagues)
    return SandboxReview(
        id=next(numbers.reviews),
        learner_id=enrolment.learner_id,
        scheduled_for=day if at is None else datetime.combine(day, at, LONDON).astimezone(UTC),
        assessor_id=by.assessor.id,
        created_on=day - timedelta(days=dice.randint(20, 60)),
        visit_id=next(numbers.visits) if at and dice.random() < 0.5 else None,
    )


def held(review: SandboxReview, day: date, enrolment: Enrolment, dice: random.Random) -> SandboxReview:
    """The review after it was held: started, usually signed by the assessor, often by the learner too."""
    started = datetime.combine(day, time(dice.randint(9, 16), dice.choice((2, 17, 34, 51))), LONDON)
    assessor_signed = started + timedelta(hours=1)
    learner_signed = assessor_signed + timedelta(days=dice.randint(0, 6), hours=dice.randint(0, 5))
    roll = dice.random()
    return replace(
        review,
        started_on=started.astimezone(UTC),
        end_time=assessor_signed.astimezone(UTC),
        assessor_signed_on=assessor_signed.astimezone(UTC) if roll < 0.85 else None,
        learner_signed_on=learner_signed.astimezone(UTC) if roll < 0.7 else None,
        progress=round(100 * enrolment.elapsed),
    )


def put_on_both_sides(
    learning: Learning, review: SandboxReview, enrolment: Enrolment, dice: random.Random
) -> None:
    """Add a OneFile review, with a PICSWeb review that is up to date, out of date or missing."""
    learning.onefile_reviews.append(review)
    if review.visit_id is not None and isinstance(review.scheduled_for, datetime):
        learning.visits.append(
            SandboxVisit(
                id=review.visit_id,
                learner_id=enrolment.learner_id,
                organisation_id=enrolment.centre_id,
                date_from=review.scheduled_for,
                date_to=review.scheduled_for + timedelta(hours=1),
                visit_type_id=dice.choice((1, 2)),
                assessor_id=review.assessor_id,
            )
        )
    known_since = dice.choice(("today", "today", "today", "a while ago", "not yet"))
    if known_since == "today":
        learning.reviews.append(in_step(review, enrolment))
    elif known_since == "a while ago":
        learning.reviews.append(as_it_was(in_step(review, enrolment), dice))


def in_step(review: SandboxReview, enrolment: Enrolment) -> DemoReview:
    """PICSWeb's review as it is after a refresh."""
    proposed_date, proposed_time = None, None
    if isinstance(review.scheduled_for, datetime):
        local = review.scheduled_for.astimezone(LONDON)
        proposed_date, proposed_time = local.date(), local.time()
    elif review.scheduled_for is not None:
        proposed_date = review.scheduled_for
    return DemoReview(
        onefile_id=review.id,
        proposed_date=proposed_date,
        proposed_time=proposed_time,
        attended="yes" if review.started_on else "unknown",
        actual_date=on_london_date(review.started_on) if review.started_on else None,
        officer=_linked_officer(review.assessor_id, enrolment),
        trainee_signed_date=on_london_date(review.learner_signed_on) if review.learner_signed_on else None,
    )


def as_it_was(review: DemoReview, dice: random.Random) -> DemoReview:
    """The review before it was started, moved to another day, or given to another assessor."""
    what_came_later = dice.choice(("start", "start", "move", "assessor"))
    if what_came_later == "start" and review.actual_date:
        return replace(review, attended="", actual_date=None, trainee_signed_date=None)
    if what_came_later == "move" and review.proposed_date:
        return replace(review, proposed_date=review.proposed_date - timedelta(days=7))
    return replace(review, officer=None)


def _linked_officer(assessor_id: int | None, enrolment: Enrolment) -> str | None:
    for colleague in (enrolment.main, *enrolment.colleagues):
        if colleague.officer.onefile_id is not None and colleague.officer.onefile_id == assessor_id:
            return colleague.officer.ident
    return None


def _time_of_day(dice: random.Random) -> time | None:
    """A time in office hours; ``None`` for a review that is planned by date only."""
    hour, minute, dated_only = dice.randint(9, 16), dice.choice((0, 15, 30)), dice.random() < 0.15
    return None if dated_only else time(hour, minute)


def _working_day(day: date, *, back: bool = False) -> date:
    while day.weekday() > 4:
        day += timedelta(days=-1 if back else 1)
    return day
