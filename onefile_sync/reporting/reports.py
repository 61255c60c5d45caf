"""Reads the ledger for people: the progress of a run, and the outcome of a learner as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Max, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from onefile_sync.conf import deployment
from onefile_sync.messages import catalogue
from onefile_sync.messages.labels import field_label
from onefile_sync.models import (
    OPEN_OUTCOMES,
    Change,
    LearnerOutcome,
    ListedPage,
    ListingKind,
    Move,
    OutcomeState,
    RunState,
    Side,
    StagedRecord,
    SyncRun,
)
from onefile_sync.sync.bulk.selection import ROTATION
from onefile_sync.sync.connection.rate_limit import RateLimitLost, shared_store
from onefile_sync.sync.planning import rules
from onefile_sync.sync.runs.lifecycle import COMPARED

from .list_reports import progress_of_lists
from .matches import matching_steps

#: The result of a finished run in which no learner was compared.
RESULT_FAILED = "failed"
#: A run without activity for this long counts as waiting for a worker, unless OneFile has asked for a pause. The time
#: is longer than one call may take and shorter than a minute.
PATIENCE_WITH_WORKERS = timedelta(seconds=50)


@dataclass(frozen=True, slots=True)
class Reading:
    """The progress of reading OneFile for everyone: list pages read, and records still to be read individually."""

    pages: int
    records_left: int | None


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a run. ``counts`` has the number of learners by state of their outcome, without zeros.

    ``is_final``: nothing more happens without a person's action, because the run is finished or held. ``reading`` is
    set while the run reads OneFile for everyone, before the first learner is compared. ``goes_on_at`` is set while the
    run waits for a lost worker: when the last of its leases expires and another worker may continue.

    In a run without learners, ``total`` and ``done`` are lists of OneFile, and ``failed`` of them could not be read.
    ``failure`` is the code of why such a run ended early.
    """

    state: str
    total: int
    done: int
    counts: Mapping[str, int]
    waiting_for_worker: bool
    is_final: bool
    reading: Reading | None = None
    goes_on_at: datetime | None = None
    failed: int = 0
    failure: str = ""

    @property
    def has_failed(self) -> bool:
        """Whether the run is finished, with failed learners and none that was compared, or ended by a failure."""
        if self.failure:
            return True
        came_through = any(self.counts.get(state) for state in COMPARED)
        return (
            self.state == RunState.FINISHED
            and bool(self.counts.get(OutcomeState.FAILED))
            and not came_through
        )

    @property
    def result(self) -> str:
        """The state for programs: ``failed`` instead of ``finished`` if :attr:`has_failed`."""
        return RESULT_FAILED if self.has_failed else self.state


@dataclass(frozen=True, slots=True)
class Totals:
    """The calls and changes of a run. ``changes`` is by side."""

    changes: Mapping[str, int]
    api_calls: int
    rate_limited: int


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One change, as text for staff."""

    side: str
    side_text: str
    subject: str
    field: str
    old: str
    new: str
    rule_text: str
    made: bool


@dataclass(frozen=True, slots=True)
class ProblemLine:
    """One problem, as text for staff: subject, what happened, what to do, who acts."""

    code: str
    subject: str
    text: str
    remedy: str
    move: str
    move_text: str


@dataclass(frozen=True, slots=True)
class OutcomeReport:
    """One learner's outcome, with its changes and problems as text."""

    outcome: LearnerOutcome
    changes: list[ChangeLine]
    problems: list[ProblemLine]

    @property
    def made(self) -> list[ChangeLine]:
        return [change for change in self.changes if change.made]

    @property
    def planned(self) -> list[ChangeLine]:
        """Changes that were not made: in a preview, or for a learner put aside."""
        return [change for change in self.changes if not change.made]


def progress(run: SyncRun, *, among: QuerySet[LearnerOutcome] | None = None) -> Progress:
    """The current progress of a run. Three queries; three more while it reads OneFile for everyone.

    ``among`` are the outcomes to count, for a user who may not see all learners of the run. Such a user does not get
    ``reading``, as its numbers are about all learners.
    """
    run.refresh_from_db(
        fields=[
            "state",
            "started_at",
            "finished_at",
            "cleared_at",
            "listed_at",
            "read_at",
            "worked_at",
            "failure",
        ]
    )
    if run.has_no_learners:
        return _progress_without_learners(run)
    by_state = (
        run.outcomes.order_by().values("state").annotate(learners=Count("pk"), latest=Max("started_at"))
    )
    counts = {row["state"]: row["learners"] for row in by_state}
    if among is not None:
        counted = among.order_by().values_list("state").annotate(learners=Count("pk"))
        counts = dict(counted)
    total = sum(counts.values())
    left = sum(counts.get(state, 0) for state in OPEN_OUTCOMES)
    now = timezone.now()
    asked, worked = run.cleared_at or run.created_at, run.worked_at or run.created_at
    leases = run.outcomes.filter(state=OutcomeState.WORKING, lease_expires_at__gte=now)
    lease = leases.aggregate(latest=Max("lease_expires_at"))["latest"]
    signs = [row["latest"] for row in by_state if row["latest"] is not None]
    latest = max([asked, worked, *signs, *([lease - deployment.lease] if lease else [])])
    waiting = run.is_open and not run.is_held and now - latest > PATIENCE_WITH_WORKERS and not _all_pause(now)
    is_reading = run.is_open and run.reads_everyone and run.read_at is None
    return Progress(
        state=run.state,
        total=total,
        done=total - left,
        counts=counts,
        waiting_for_worker=waiting,
        is_final=not run.is_open or run.is_held,
        reading=_reading(run) if is_reading and among is None else None,
        goes_on_at=lease if waiting else None,
    )


def _progress_without_learners(run: SyncRun) -> Progress:
    lists, now = progress_of_lists(run), timezone.now()
    held_since = [lists.lease - deployment.lease] if lists.lease else []
    latest = max([run.created_at, run.worked_at or run.created_at, *held_since])
    waiting = run.is_open and now - latest > PATIENCE_WITH_WORKERS and not _all_pause(now)
    goes_on_at = lists.lease if lists.lease and lists.lease > now else None
    steps = matching_steps(run)
    return Progress(
        state=run.state,
        total=steps.total if steps else lists.total,
        done=steps.done if steps else lists.done,
        counts={},
        waiting_for_worker=waiting,
        is_final=not run.is_open,
        reading=None if steps else Reading(pages=lists.pages, records_left=None),
        goes_on_at=goes_on_at if waiting else None,
        failed=steps.failed if steps else lists.failed,
        failure=run.failure,
    )


def _all_pause(now: datetime) -> bool:
    """Whether a pause requested by OneFile is in force: workers then sleep, but are not lost."""
    try:
        paused_until = shared_store().read().paused_until
    except RateLimitLost:
        return False
    return paused_until is not None and paused_until > now


def _reading(run: SyncRun) -> Reading:
    begun = run.listings.aggregate(pages=Sum(F("next_page") - 1, default=0))["pages"]
    pages = begun - ListedPage.objects.filter(listing__run=run).count()
    left = StagedRecord.objects.filter(due_in=run.pk).count() if run.listed_at else None
    return Reading(pages=pages, records_left=left)


def how_it_read(run: SyncRun) -> list[str]:
    """Notes on how a run read OneFile for everyone: where lists could not be used, and what was put off."""
    notes = []
    for listing in run.listings.all():
        what = {"what": ListingKind(listing.kind).label}
        if listing.fallback and listing.kind == ListingKind.CENTRES:
            notes.append(
                _("The centres could not be listed, so the reviews of all centres were read from one list.")
            )
        elif listing.fallback:
            notes.append(
                _("OneFile does not list the %(what)s of all learners, so they are read learner by learner.")
                % what
            )
        elif listing.differs:
            notes.append(
                _(
                    "Some %(what)s differed between the list and the full record, so every "
                    "record was fetched individually."
                )
                % what
            )
    if run.put_off:
        notes.append(
            _(
                "%(number)d settled reviews were left for another night, as one night is too short to read them all. "
                "Each is read every %(days)d days."
            )
            % {"number": run.put_off, "days": ROTATION}
        )
    return list(dict.fromkeys(notes))


def totals(run: SyncRun) -> Totals:
    """The calls and changes of a run so far; for a preview, the planned changes. Two queries."""
    run.refresh_from_db(fields=["api_calls", "rate_limited"])
    outcomes = run.outcomes.order_by()
    counted = (
        outcomes.filter(changes__made=not run.is_preview)
        .values("changes__side")
        .annotate(number=Count("changes"))
    )
    changed = {row["changes__side"]: row["number"] for row in counted}
    sums = outcomes.aggregate(calls=Sum("api_calls", default=0), limited=Sum("rate_limited", default=0))
    return Totals(
        changes={side: changed.get(side, 0) for side in Side.values},
        api_calls=sums["calls"] + run.api_calls,
        rate_limited=sums["limited"] + run.rate_limited,
    )


def report(outcome: LearnerOutcome) -> OutcomeReport:
    """One learner's outcome in the active language. Two queries; none if changes and problems are prefetched."""
    changes = [
        ChangeLine(
            side=change.side,
            side_text=str(Side(change.side).label),
            subject=_subject(change.subject_label, change.subject_kind, change.subject_onefile_id),
            field=field_label(change.field),
            old=change.old,
            new=change.new or (_("given by OneFile") if _is_to_be_linked(change) else ""),
            rule_text=rule_text(change.rule),
            made=change.made,
        )
        for change in outcome.changes.all()
    ]
    lines = []
    for problem in outcome.problems.all():
        text, remedy = catalogue.read_out(problem.code, problem.details)
        lines.append(
            ProblemLine(
                code=problem.code,
                subject=_subject(problem.subject_label, problem.subject_kind, problem.subject_onefile_id),
                text=text,
                remedy=remedy,
                move=problem.move,
                move_text=str(Move(problem.move).label),
            )
        )
    return OutcomeReport(outcome, changes, lines)


def _is_to_be_linked(change: Change) -> bool:
    """Whether OneFile will give the record's ID. A change without an ID after it may also be an unlinking."""
    return change.field == "onefile_id" and not change.old


def rule_text(rule: str) -> str:
    """The text of a rule; its code, if this version no longer has the rule."""
    known = rules.rule_of(rule)
    return str(known.text) if known else rule


def _subject(label: str, kind: str, onefile_id: int | None) -> str:
    if label:
        return label
    words = {
        "learner": _("Learner with OneFile ID %s"),
        "qualification": _("Qualification with OneFile ID %s"),
        "review": _("Review with OneFile ID %s"),
        "officer": _("Officer with OneFile ID %s"),
        "organisation": _("Organisation with OneFile ID %s"),
    }
    return words[kind] % (onefile_id or "–")
