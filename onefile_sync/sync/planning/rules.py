"""The contract, one row per documented rule, and the pure functions that decide.

The same rows stand in ``docs/rules.md`` and as parametrised tests; a test holds the three together. ``R…`` are the
rules of PICSWeb's published integration; *seed* is the client's own description of the exchange.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from onefile_sync.host.snapshot import Attendance, QualificationRow, ReviewRow, Value
from onefile_sync.onefile.parsing import LONDON
from onefile_sync.onefile.records import LearningAim, Review

from .types import OpenUpload

#: PICSWeb keeps no duration for a review, so OneFile is told this one (R9).
VISIT_LENGTH = timedelta(hours=1)


class Direction(Enum):
    """Which way a value may travel."""

    TO_PICSWEB = "OneFile → PICSWeb"
    BOTH = "both"
    TO_ONEFILE = "PICSWeb → OneFile"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the contract. ``text`` is the rule as staff read it beside a change that was made by it."""

    code: str
    about: Promise
    direction: Direction
    text: Promise
    source: str


RULES: tuple[Rule, ...] = (
    Rule(
        "elements",
        _("Total Elements, Elements Done"),
        Direction.TO_PICSWEB,
        _("Copied from OneFile; a qualification with units attached in PICSWeb is left alone."),
        "seed, R3, R4",
    ),
    Rule(
        "registration_number",
        _("Registration Number"),
        Direction.BOTH,
        _("The blank side is filled from the other; where both have a value, OneFile's wins."),
        "seed, R5, R6",
    ),
    Rule(
        "registration_date",
        _("Registration Date"),
        Direction.BOTH,
        _("The blank side is filled from the other; where both have a value, OneFile's wins."),
        "seed, R5, R6",
    ),
    Rule(
        "certificate_applied_date",
        _("Certificate Applied For Date"),
        Direction.BOTH,
        _("The blank side is filled from the other; where both have a value, OneFile's wins."),
        "seed, R5, R6",
    ),
    Rule(
        "certificate_received_date",
        _("Certificate Received Date"),
        Direction.BOTH,
        _("The blank side is filled from the other; where both have a value, OneFile's wins."),
        "seed, R5, R6",
    ),
    Rule(
        "review_upload",
        _("PICSWeb review not yet in OneFile"),
        Direction.TO_ONEFILE,
        _(
            "A Normal review with a proposed date, no actual date and no attendance yet is created in OneFile."
        ),
        "seed, R7, R8, R9",
    ),
    Rule(
        "review_match",
        _("OneFile review"),
        Direction.TO_PICSWEB,
        _("Matched on the OneFile System ID only; a review that PICSWeb does not have is created."),
        "seed, R10",
    ),
    Rule(
        "review_attended",
        _("Attended, actual date"),
        Direction.TO_PICSWEB,
        _("Started in OneFile: attended Yes, on the date it started. Otherwise: Unknown, no actual date."),
        "seed, R11",
    ),
    Rule(
        "review_officer",
        _("Officer of a review"),
        Direction.TO_PICSWEB,
        _("The officer who is linked to OneFile's assessor; without a match the officer is left as it is."),
        "seed, R12",
    ),
    Rule(
        "review_signed",
        _("Trainee signed date"),
        Direction.TO_PICSWEB,
        _("Set when the learner has signed in OneFile; otherwise left as it is."),
        "seed, R13",
    ),
    Rule(
        "review_proposed",
        _("Proposed date and time"),
        Direction.TO_PICSWEB,
        _("Taken from OneFile's schedule; midnight means that no time was given."),
        "R10",
    ),
    Rule(
        "centre",
        _("OneFile centre of a learner"),
        Direction.TO_PICSWEB,
        _("Found out from OneFile once and kept, because OneFile asks for it with every review."),
        "design, decision 8",
    ),
    Rule(
        "deleted",
        _("Deleted in OneFile"),
        Direction.NEVER,
        _("Reported, never deleted in PICSWeb."),
        "design, section 3",
    ),
    Rule(
        "units",
        _("Units, outcomes, criteria"),
        Direction.NEVER,
        _("Never exchanged."),
        "seed",
    ),
)

RULE_BY_CODE = {rule.code: rule for rule in RULES}

#: The fields that travel both ways, each decided on its own (R5). Every one has its own rule of the same name.
TWO_WAY_FIELDS = (
    "registration_number",
    "registration_date",
    "certificate_applied_date",
    "certificate_received_date",
)

#: The fields of which one makes no sense without the other.
PROGRESS = ("total_elements", "elements_done")


class Winner(Enum):
    """Whose value ends up on both sides of a two-way field."""

    NEITHER = "nothing to do"
    PICSWEB = "OneFile is filled from PICSWeb"
    ONEFILE = "PICSWeb is filled from OneFile"


def is_blank(value: object) -> bool:
    """Absent, ``null`` and ``""`` all mean blank; so does text of nothing but spaces."""
    return value is None or (isinstance(value, str) and not value.strip())


def two_way(picsweb: Value, onefile: Value) -> Winner:
    """Rule R5 for one field: fill the blank side; where both have a value OneFile's wins; never blank a value.

    Space around a text is no difference.
    """
    if is_blank(onefile):
        return Winner.NEITHER if is_blank(picsweb) else Winner.PICSWEB
    return Winner.NEITHER if _trimmed(picsweb) == _trimmed(onefile) else Winner.ONEFILE


def _trimmed(value: Value) -> Value:
    return value.strip() if isinstance(value, str) else value


def elements_fit(total: int | None, done: int | None) -> bool:
    """Whether a qualification can have this progress: no more elements done than there are."""
    return total is None or done is None or done <= total


def may_be_uploaded(review: ReviewRow) -> bool:
    """Rule R8: which of PICSWeb's reviews OneFile is to have."""
    return (
        review.onefile_id is None
        and review.is_normal
        and review.proposed_date is not None
        and review.actual_date is None
        and review.attended in (Attendance.BLANK, Attendance.UNKNOWN)
    )


def scheduled_for(proposed_date: date, proposed_time: time | None) -> datetime:
    """The moment, in UTC and to the minute, that OneFile is told for a proposed date and time (R9).

    Without a time it is midnight UK time, which is how OneFile itself marks "no time given".
    """
    at = (proposed_time or time()).replace(second=0, microsecond=0)
    return datetime.combine(proposed_date, at, LONDON).astimezone(UTC)


def proposed(scheduled: datetime) -> tuple[date, time | None]:
    """The proposed date and time of a moment in OneFile's schedule; ``None`` where no time was given."""
    local = scheduled.astimezone(LONDON)
    at = local.time().replace(second=0, microsecond=0)
    return local.date(), at if at != time() else None


def in_words(scheduled: datetime) -> str:
    """A moment in OneFile's schedule as staff read it."""
    on, at = proposed(scheduled)
    return f"{on:%d/%m/%Y}" + (f" {at:%H:%M}" if at else "")


def attendance(review: Review) -> tuple[Attendance, date | None]:
    """Rule R11: attended and actual date, from whether the review was started in OneFile."""
    return (Attendance.YES, review.started_on) if review.started_on else (Attendance.UNKNOWN, None)


def rests_on_silence(row: QualificationRow | ReviewRow, record: LearningAim | Review) -> bool:
    """Whether PICSWeb would lose a value, send one, or put it beside one of OneFile's, because a list's item has none.

    Such a record is read by itself first, whatever lists are believed to carry.
    """
    if isinstance(row, QualificationRow):
        return _progress_rests_on_silence(row, record) or any(
            name in record.silent and not is_blank(getattr(row, name)) for name in TWO_WAY_FIELDS
        )
    staff_know_more = row.actual_date is not None or row.attended in (Attendance.YES, Attendance.NO)
    return staff_know_more and "started_on" in record.silent


def _progress_rests_on_silence(row: QualificationRow, record: LearningAim | Review) -> bool:
    """Servers write 0 for a number that a list did not load; and one figure makes no sense without the other."""
    ours = {name: getattr(row, name) for name in PROGRESS}
    theirs = {name: getattr(record, name, None) for name in PROGRESS}
    if not row.has_units and any(theirs[name] == 0 and ours[name] for name in PROGRESS):
        return True
    told = [name for name in PROGRESS if theirs[name] is not None and theirs[name] != ours[name]]
    return bool(told) and any(name in record.silent and ours[name] is not None for name in PROGRESS)


@dataclass(frozen=True, slots=True)
class Resumption:
    """How to go on with a review whose creation in OneFile was begun and not seen to end (R7).

    Exactly one of: ``found`` (it was created: keep its ID), ``ambiguous`` (a person must say which one it is), or
    neither (it was not created, and may be).
    """

    found: int | None = None
    ambiguous: tuple[int, ...] = ()


def resume_upload(
    begun: OpenUpload | None, in_onefile: Collection[Review], linked: Collection[int]
) -> Resumption:
    """Look for a review that we may have created: by its stored ID, else by its visit.

    Where OneFile's reviews do not name their visit, one for this learner at that time counts as the visit's. Without
    a visit on record nothing of ours can be there, and reviews are never matched on dates (seed).

    ``linked`` are the OneFile IDs that PICSWeb's reviews already have: those are somebody else.
    """
    if begun is None or not begun.may_be_there:
        return Resumption()
    if begun.review_id is not None:
        return Resumption(found=begun.review_id)
    free = [record for record in in_onefile if record.id not in linked]
    candidates = [record for record in free if record.visit_id == begun.visit_id]
    if not candidates:
        candidates = [
            record
            for record in free
            if record.visit_id is None and record.scheduled_for == begun.scheduled_for
        ]
    if len(candidates) > 1:
        return Resumption(ambiguous=tuple(sorted(record.id for record in candidates)))
    return Resumption(found=candidates[0].id if candidates else None)


#: What tells whether a review is the one that we began to create.
TELL_AN_UPLOAD = frozenset({"learner_id", "visit_id", "scheduled_for"})


def may_hide_an_upload(record: Review) -> bool:
    """Whether a record may be a review that we began to create, because what would tell is unreadable."""
    return not record.unreadable.isdisjoint(TELL_AN_UPLOAD)
