"""Writes down what happened: runs, outcomes, changes, problems; and hands out the work, one learner at a time.

The outcome row is record and guard in one. Whoever works on a learner holds a claim with a lease; the database allows
one working row a learner. A claim that ran out is taken up again by :func:`sweep`, so a killed worker loses nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sized
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, TypedDict

from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, models, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from onefile_sync import host
from onefile_sync.models import (
    LEASE,
    OPEN_OUTCOMES,
    LearnerOutcome,
    OutcomeState,
    RunKind,
    RunState,
    SyncRun,
)
from onefile_sync.models import Change as ChangeRow
from onefile_sync.models import Problem as ProblemRow
from onefile_sync.onefile.parsing import LONDON
from onefile_sync.rows import Attendance, Officers, Value

from .parts import Change, Problem, Subject
from .problems import explain

#: A learner whose refresh is cut off this often is given up for the run, so that no learner can stop the others.
MOST_ATTEMPTS = 3


#: How many queued learners a worker tries to claim at a time: other workers may be quicker on some of them.
CANDIDATES = 20


class Cost(TypedDict):
    """The calls that one attempt at a learner took, and how many of them met the rate limit."""

    api_calls: int
    rate_limited: int


class TimeIsUp(Exception):
    """The task must end now: waiting any longer would have django-q2 kill it."""


class PutBack(Exception):
    """The learner waits in the queue again; whoever gets this ends the task and queues the rest."""


class LostClaim(Exception):
    """The lease ran out and somebody else has the learner now; whoever gets this must stop at once."""


def learner_key(kind: RunKind, learner_pk: str) -> str:
    """The ``open_key`` of a run for one learner."""
    return f"{kind}:{host.learner_model()._meta.label_lower}:{learner_pk}"


DAILY_KEY = "daily"


def open_run(
    kind: RunKind,
    learners: Iterable[models.Model],
    *,
    by: Any = None,
    open_key: str | None = None,
    scheduled_for: date | None = None,
) -> tuple[SyncRun, bool]:
    """A run with one queued outcome a learner; or, where one with this key is open or this day is done, that one."""
    try:
        with transaction.atomic():
            run = SyncRun.objects.create(
                kind=kind, requested_by_id=by, open_key=open_key, scheduled_for=scheduled_for
            )
            queued = (
                LearnerOutcome(
                    run=run,
                    learner_type=_learner_type(),
                    learner_pk=str(learner.pk),
                    onefile_id=getattr(learner, "onefile_id", None),
                )
                for learner in learners
            )
            LearnerOutcome.objects.bulk_create(queued, batch_size=500)
    except IntegrityError:
        same_day = Q(scheduled_for=scheduled_for) if scheduled_for else Q(pk__in=[])
        same_key = Q(open_key=open_key) if open_key else Q(pk__in=[])
        existing = SyncRun.objects.filter(same_key | same_day).first()
        if existing is None:
            raise
        return existing, False
    return run, True


@dataclass(slots=True)
class Claim:
    """One learner of one run, ours until the lease ends; :meth:`renew` while working."""

    outcome: LearnerOutcome
    token: uuid.UUID
    renewed_at: datetime

    def renew(self) -> None:
        """Hold on to the learner. Raises :class:`LostClaim` when they are no longer ours."""
        now = timezone.now()
        if now - self.renewed_at < LEASE / 5:
            return
        held = self._mine().update(lease_expires_at=now + LEASE)
        if not held:
            raise LostClaim(self.outcome.pk)
        self.renewed_at = now

    def _mine(self) -> models.QuerySet[LearnerOutcome]:
        return LearnerOutcome.objects.filter(
            pk=self.outcome.pk, state=OutcomeState.WORKING, claimed_by=self.token
        )

    def put_back(self, *, api_calls: int, rate_limited: int) -> None:
        """Let the learner wait for their turn again; what was done so far stays on record."""
        self._mine().update(
            state=OutcomeState.QUEUED,
            lease_expires_at=None,
            claimed_by=None,
            api_calls=F("api_calls") + api_calls,
            rate_limited=F("rate_limited") + rate_limited,
        )

    def finish(
        self, state: OutcomeState, problems: Iterable[Problem], *, api_calls: int, rate_limited: int
    ) -> None:
        """Write the outcome down, once. Raises :class:`LostClaim` when the learner is no longer ours."""
        with transaction.atomic():
            if state == OutcomeState.UNCHANGED and self.outcome.changes.exists():
                state = OutcomeState.UPDATED  # by an earlier attempt, which was cut off after it had saved
            finished = self._mine().update(
                state=state,
                finished_at=timezone.now(),
                lease_expires_at=None,
                claimed_by=None,
                api_calls=F("api_calls") + api_calls,
                rate_limited=F("rate_limited") + rate_limited,
            )
            if not finished:
                raise LostClaim(self.outcome.pk)
            note_problems(self.outcome, problems)


def claim_next(run: SyncRun) -> Claim | None:
    """Take the next queued learner of a run; none when nobody is left, or all who are left are being worked on."""
    busy = LearnerOutcome.objects.filter(learner_type=_learner_type(), state=OutcomeState.WORKING)
    queued = run.outcomes.filter(state=OutcomeState.QUEUED).exclude(learner_pk__in=busy.values("learner_pk"))
    for outcome in queued.order_by("id")[:CANDIDATES]:
        claim = _claim(outcome)
        if claim is not None:
            return claim
    return None


def _claim(outcome: LearnerOutcome) -> Claim | None:
    token, now = uuid.uuid4(), timezone.now()
    try:
        with transaction.atomic():
            claimed = LearnerOutcome.objects.filter(pk=outcome.pk, state=OutcomeState.QUEUED).update(
                state=OutcomeState.WORKING,
                claimed_by=token,
                lease_expires_at=now + LEASE,
                started_at=now,
                attempts=F("attempts") + 1,
            )
    except IntegrityError:  # the learner is being worked on in another run
        return None
    if not claimed:
        return None
    SyncRun.objects.filter(pk=outcome.run_id, state=RunState.QUEUED).update(
        state=RunState.RUNNING, started_at=now
    )
    outcome.refresh_from_db()
    if outcome.attempts > 1 and outcome.run.is_preview:
        outcome.changes.all().delete()  # planned by an attempt that was cut off; they are planned again
    return Claim(outcome, token, now)


def close_if_done(run: SyncRun) -> bool:
    """Close a run none of whose learners is left; True when it is closed."""
    with transaction.atomic():
        if run.outcomes.filter(state__in=OPEN_OUTCOMES).exists():
            return False
        SyncRun.objects.filter(pk=run.pk).exclude(state=RunState.FINISHED).update(
            state=RunState.FINISHED, open_key=None, finished_at=timezone.now()
        )
    run.refresh_from_db()
    return True


def give_up(run: SyncRun, state: OutcomeState, code: str) -> None:
    """End all that is still queued in a run with the same problem, and close the run if nothing is being worked on."""
    for outcome in run.outcomes.filter(state=OutcomeState.QUEUED).iterator():
        with transaction.atomic():
            ended = LearnerOutcome.objects.filter(pk=outcome.pk, state=OutcomeState.QUEUED).update(
                state=state, finished_at=timezone.now()
            )
            if ended:
                about = Subject("learner", outcome.learner_pk, outcome.onefile_id)
                note_problems(outcome, [Problem(code, about)])
    close_if_done(run)


def sweep() -> None:
    """Queue again every learner whose worker went away, and close the runs that are done."""
    now = timezone.now()
    expired = LearnerOutcome.objects.filter(state=OutcomeState.WORKING, lease_expires_at__lt=now)
    for outcome in expired:
        mine = expired.filter(pk=outcome.pk, claimed_by=outcome.claimed_by)
        if outcome.attempts < MOST_ATTEMPTS:
            mine.update(state=OutcomeState.QUEUED, claimed_by=None, lease_expires_at=None)
            continue
        with transaction.atomic():
            if mine.update(
                state=OutcomeState.FAILED, claimed_by=None, lease_expires_at=None, finished_at=now
            ):
                about = Subject("learner", outcome.learner_pk, outcome.onefile_id)
                note_problems(outcome, [Problem("interrupted", about)])
    for run in SyncRun.objects.exclude(state=RunState.FINISHED):
        close_if_done(run)


def waiting() -> models.QuerySet[SyncRun]:
    """The open runs in which learners wait and nobody is being worked on."""
    queued = LearnerOutcome.objects.filter(run=OuterRef("pk"), state=OutcomeState.QUEUED)
    working = LearnerOutcome.objects.filter(run=OuterRef("pk"), state=OutcomeState.WORKING)
    return SyncRun.objects.exclude(state=RunState.FINISHED).filter(Exists(queued), ~Exists(working))


def forgotten() -> models.QuerySet[SyncRun]:
    """The waiting runs that were handed to the workers so long ago that the task must be lost."""
    return waiting().filter(queued_at__lt=timezone.now() - LEASE)


def note_changes(outcome: LearnerOutcome, changes: Iterable[Change], officers: Officers) -> None:
    """Write changes down as staff read them; ``officers`` has the names of the officers in them."""
    ChangeRow.objects.bulk_create(
        ChangeRow(
            outcome=outcome,
            side=change.side,
            field=change.field,
            old=_as_read(change, change.old, officers),
            new=_as_read(change, change.new, officers),
            rule=change.rule,
            **_about(change.subject),
        )
        for change in changes
    )


def note_problems(outcome: LearnerOutcome, problems: Iterable[Problem]) -> None:
    ProblemRow.objects.bulk_create(
        ProblemRow(
            outcome=outcome,
            code=problem.code,
            move=explain(problem.code).move,
            details=dict(problem.details),
            **_about(problem.subject),
        )
        for problem in problems
    )


def _as_read(change: Change, value: Value | datetime, officers: Officers) -> str:
    if change.field == "officer" and isinstance(value, str):
        return officers.names.get(value, value)
    return as_text(value)


def state_of(changes: int, problems: Sized) -> OutcomeState:
    """What became of a learner whose exchange ran to its end."""
    if len(problems):
        return OutcomeState.ATTENTION
    return OutcomeState.UPDATED if changes else OutcomeState.UNCHANGED


def as_text(value: Value | datetime) -> str:
    """A value as staff read it: dates dd/mm/yyyy, times of day hh:mm, both in UK time."""
    match value:
        case None:
            return ""
        case Attendance():
            return "" if value is Attendance.BLANK else value.value.capitalize()
        case datetime():
            return value.astimezone(LONDON).strftime("%d/%m/%Y %H:%M")
        case date():
            return value.strftime("%d/%m/%Y")
        case time():
            return value.strftime("%H:%M")
    return str(value)


def _about(subject: Subject) -> dict[str, str | int | None]:
    return {
        "subject_kind": subject.kind,
        "subject_pk": subject.pk,
        "subject_onefile_id": subject.onefile_id,
        "subject_label": subject.label[:200],
    }


def _learner_type() -> ContentType:
    return ContentType.objects.get_for_model(host.learner_model())
