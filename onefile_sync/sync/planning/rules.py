"""The rules of the exchange, one row each, and the pure functions that decide.

The rules of synchronised fields come from the table of fields (:mod:`onefile_sync.fields`). ``docs/rules.md`` and
parametrised tests have the same rows, and a test checks that they agree. ``R…`` are the rules of PICSWeb's published
integration; *seed* is the client's own description of the exchange.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum

from django.utils.functional import Promise, lazy
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from onefile_sync.fields import Direction, SynchronisedField, synchronised_fields, two_way_fields
from onefile_sync.host.snapshot import Attendance, QualificationRow, ReviewRow, Value
from onefile_sync.onefile.parsing import LONDON
from onefile_sync.onefile.records import LearningAim, Review

from .enrolment_rules import ENROLMENT_RULES
from .rule import Rule
from .types import OpenUpload

#: The length of a visit, as PICSWeb has no duration for reviews (R9).
VISIT_LENGTH = timedelta(hours=1)


OTHER_RULES: tuple[Rule, ...] = (
    Rule(
        "review_upload",
        _("PICSWeb review not yet in OneFile"),
        Direction.TO_ONEFILE,
        _(
            "A Normal review with a proposed date, no actual date and no attendance yet is created in OneFile, for the "
            "officer's user in the learner's centre."
        ),
        "seed, R7, R8, R9, R15",
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
        _(
            "The officer who is linked to OneFile's assessor, in whichever centre; without a match the officer is left "
            "as it is."
        ),
        "seed, R12, R15",
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
        _("Looked up in OneFile once and kept, because OneFile requires it with every review."),
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


def all_rules() -> tuple[Rule, ...]:
    """All current rules: one for each field decided on separately, and one for each group decided on together."""
    by_code: dict[str, list[SynchronisedField]] = {}
    for each in synchronised_fields():
        by_code.setdefault(each.rule_code, []).append(each)
    of_fields = (
        Rule(code, _all_labels(named), named[0].rule.direction, named[0].rule.text, named[0].rule.source)
        for code, named in by_code.items()
    )
    return (*of_fields, *OTHER_RULES, *ENROLMENT_RULES)


def _all_labels(named: Sequence[SynchronisedField]) -> Promise:
    labels: Promise = format_lazy(", ".join(["{}"] * len(named)), *(each.label for each in named))
    return labels


#: All rules. Lazy, because the table of fields must not be read while modules are imported.
RULES: Sequence[Rule] = lazy(all_rules, tuple)()


def rule_of(code: str) -> Rule | None:
    """The rule with this code; ``None`` for a rule of an earlier version that no longer exists."""
    return next((rule for rule in all_rules() if rule.code == code), None)


#: The two progress figures, which are decided on together.
TOTAL, DONE = "total_elements", "elements_done"


class Winner(Enum):
    """The side whose value both sides get in a two-way field."""

    NEITHER = "nothing to do"
    PICSWEB = "OneFile is filled from PICSWeb"
    ONEFILE = "PICSWeb is filled from OneFile"


def is_blank(value: object) -> bool:
    """Whether a value is blank: ``None``, ``""`` or white space."""
    return value is None or (isinstance(value, str) and not value.strip())


def two_way(picsweb: Value, onefile: Value) -> Winner:
    """Rule R5 for one field: fill the blank side; if both have a value, OneFile's wins; never blank a value.

    White space around a text makes no difference.
    """
    if is_blank(onefile):
        return Winner.NEITHER if is_blank(picsweb) else Winner.PICSWEB
    return Winner.NEITHER if _trimmed(picsweb) == _trimmed(onefile) else Winner.ONEFILE


def _trimmed(value: Value) -> Value:
    return value.strip() if isinstance(value, str) else value


def progress_after(ours: Mapping[str, Value], theirs: Mapping[str, Value]) -> dict[str, int | None]:
    """Rule R3: PICSWeb's new figures. A figure that OneFile does not have stays as it is."""
    figures = {name: ours[name] if theirs[name] is None else theirs[name] for name in (TOTAL, DONE)}
    return {name: figure if isinstance(figure, int) else None for name, figure in figures.items()}


def elements_fit(total: int | None, done: int | None) -> bool:
    """Whether the elements done do not exceed the total."""
    return total is None or done is None or done <= total


def may_be_uploaded(review: ReviewRow) -> bool:
    """Rule R8: whether one of PICSWeb's reviews is to be created in OneFile."""
    return (
        review.onefile_id is None
        and review.is_normal
        and review.proposed_date is not None
        and review.actual_date is None
        and review.attended in (Attendance.BLANK, Attendance.UNKNOWN)
    )


def scheduled_for(proposed_date: date, proposed_time: time | None) -> datetime:
    """The date-time, in UTC and to the minute, sent to OneFile for a proposed date and time (R9).

    Without a time it is midnight UK time, which is how OneFile itself marks "no time given".
    """
    at = (proposed_time or time()).replace(second=0, microsecond=0)
    return datetime.combine(proposed_date, at, LONDON).astimezone(UTC)


def proposed(scheduled: datetime) -> tuple[date, time | None]:
    """The proposed date and time for a date-time in OneFile's schedule. The time is ``None`` if none was given."""
    local = scheduled.astimezone(LONDON)
    at = local.time().replace(second=0, microsecond=0)
    return local.date(), at if at != time() else None


def in_words(scheduled: datetime) -> str:
    """A date-time in OneFile's schedule, as text for staff."""
    on, at = proposed(scheduled)
    return f"{on:%d/%m/%Y}" + (f" {at:%H:%M}" if at else "")


def attendance(review: Review) -> tuple[Attendance, date | None]:
    """Rule R11: attendance and actual date, according to whether the review was started in OneFile."""
    return (Attendance.YES, review.started_on) if review.started_on else (Attendance.UNKNOWN, None)


def rests_on_silence(row: QualificationRow | ReviewRow, record: LearningAim | Review) -> bool:
    """Whether PICSWeb would lose, send or combine a value with one of OneFile's because a list item lacks a value.

    Such a record is read individually first, whatever is known about lists.
    """
    if isinstance(row, QualificationRow):
        return _progress_rests_on_silence(row, record) or any(
            name in record.silent and not is_blank(row.values[name]) for name in two_way_fields()
        )
    staff_know_more = row.actual_date is not None or row.attended in (Attendance.YES, Attendance.NO)
    return staff_know_more and "started_on" in record.silent


def _progress_rests_on_silence(row: QualificationRow, record: LearningAim | Review) -> bool:
    """The same for progress: a 0 may mean that the list did not load the number, and neither figure is useful alone."""
    if not isinstance(record, LearningAim):
        return False
    ours, theirs, both = row.values, record.values, (TOTAL, DONE)
    if not row.has_units and any(theirs[name] == 0 and ours[name] for name in both):
        return True
    given = [name for name in both if theirs[name] is not None and theirs[name] != ours[name]]
    return bool(given) and any(name in record.silent and ours[name] is not None for name in both)


@dataclass(frozen=True, slots=True)
class Resumption:
    """How to continue with a review whose creation in OneFile was begun, with an unknown result (R7).

    Exactly one of: ``found`` (it was created, so store its ID), ``ambiguous`` (a person must say which one it is), or
    neither (it was not created, so it may be created now).
    """

    found: int | None = None
    ambiguous: tuple[int, ...] = ()


def resume_upload(
    begun: OpenUpload | None, in_onefile: Collection[Review], linked: Collection[int]
) -> Resumption:
    """Look for a review that we may have created: by its stored ID, else by its visit.

    If OneFile's reviews do not name their visit, a review of this learner at that time counts as the visit's. Without
    a recorded visit we cannot have created a review, and reviews are never matched on dates (seed).

    ``linked`` are the OneFile IDs of PICSWeb's other reviews.
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


#: The values that identify a review that we began to create.
TELL_AN_UPLOAD = frozenset({"learner_id", "visit_id", "scheduled_for"})


def may_hide_an_upload(record: Review) -> bool:
    """Whether a record may be a review that we began to create, as its identifying values are unreadable."""
    return not record.unreadable.isdisjoint(TELL_AN_UPLOAD)
