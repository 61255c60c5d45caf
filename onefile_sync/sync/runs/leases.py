"""Claims learners one at a time, with a lease, and recovers expired leases.

The outcome row is both the record and the lock. A worker that processes a learner holds a claim with a lease; the
database allows one working row per learner. :func:`recover_expired` queues learners again whose lease has expired, so
a killed worker loses nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict

from django.db import IntegrityError, models, transaction
from django.db.models import F
from django.utils import timezone

from onefile_sync import events, host
from onefile_sync.conf import deployment
from onefile_sync.host.snapshot import Officers
from onefile_sync.models import LearnerOutcome, OutcomeState, SyncRun
from onefile_sync.sync.planning.types import FieldChange, FoundProblem, Subject
from onefile_sync.transactions import retried

from . import heartbeat, ledger, lifecycle

#: A learner whose exchange is interrupted this often is given up, so that one learner cannot stop the others.
MOST_ATTEMPTS = 3

#: How many queued learners a worker considers at a time, as other workers may claim some of them first.
CANDIDATES = 20


#: The fraction of a lease after which a worker renews it. The last renewal shows whether the worker is still alive.
SHOWN_EVERY = 1 / 30


class Cost(TypedDict):
    """The calls made in one attempt at a learner, and how many of them were rate limited."""

    api_calls: int
    rate_limited: int


class TimeIsUp(Exception):
    """The task must end now, or django-q2 would kill it. Raised before a call, never after one."""


class PutBack(Exception):
    """The learner has been queued again. The caller must end the task and queue the rest."""


class LostClaim(Exception):
    """The lease has expired and another worker has the learner. The caller must stop immediately."""


@dataclass(slots=True)
class Claim:
    """One learner of one run, ours until the lease ends; :meth:`renew` while working."""

    outcome: LearnerOutcome
    token: uuid.UUID
    renewed_at: datetime

    def renew(self) -> None:
        """Renew the lease, at most once per :data:`SHOWN_EVERY`. Raises :class:`LostClaim`."""
        if timezone.now() - self.renewed_at >= deployment.lease * SHOWN_EVERY:
            self.hold()

    @retried
    def hold(self) -> datetime:
        """Renew the lease in full and return the current time. Raises :class:`LostClaim`."""
        now = timezone.now()
        if not self._mine().update(lease_expires_at=now + deployment.lease):
            raise LostClaim(self.outcome.pk)
        self.renewed_at = now
        return now

    def _mine(self) -> models.QuerySet[LearnerOutcome]:
        return LearnerOutcome.objects.filter(
            pk=self.outcome.pk, state=OutcomeState.WORKING, claimed_by=self.token
        )

    def put_back(self, cost: Cost, *, counts: bool = True) -> None:
        """Queue the learner again. Changes recorded so far stay.

        ``counts``: whether this attempt counts towards :data:`MOST_ATTEMPTS`.
        """
        self._let_go(OutcomeState.QUEUED, cost, attempts=F("attempts") - (0 if counts else 1))

    @retried
    def put_aside(self, changes: Sequence[FieldChange], officers: Officers, cost: Cost) -> None:
        """Put the learner aside until the safety stop has decided about the run. Raises :class:`LostClaim`."""
        with transaction.atomic():
            if not self._let_go(OutcomeState.ASIDE, cost, attempts=0):
                raise LostClaim(self.outcome.pk)
            ledger.note_changes(self.outcome, changes, officers, made=False)

    @retried
    def finish(self, state: OutcomeState, problems: Iterable[FoundProblem], cost: Cost) -> None:
        """Record the outcome. Raises :class:`LostClaim` if we no longer hold the learner."""
        with transaction.atomic():
            if state == OutcomeState.UNCHANGED and self.outcome.changes.filter(made=True).exists():
                state = OutcomeState.UPDATED  # an earlier, interrupted attempt has saved changes
            if not self._let_go(state, cost, finished_at=timezone.now()):
                raise LostClaim(self.outcome.pk)
            ledger.note_problems({self.outcome.pk: problems})

    @retried
    def _let_go(self, state: OutcomeState, cost: Cost, **values: Any) -> int:
        return self._mine().update(
            **values,
            state=state,
            lease_expires_at=None,
            claimed_by=None,
            api_calls=F("api_calls") + cost["api_calls"],
            rate_limited=F("rate_limited") + cost["rate_limited"],
        )


def claim_next(run: SyncRun) -> Claim | None:
    """Claim the next queued learner of a run; ``None`` if none is left, or all are being processed elsewhere."""
    learner_type = host.learner_type()
    busy = LearnerOutcome.objects.filter(is_working=True, learner_type=learner_type)
    queued = run.outcomes.filter(state=OutcomeState.QUEUED).exclude(learner_pk__in=busy.values("learner_pk"))
    for outcome in queued.order_by("id")[:CANDIDATES]:
        claim = _claim(outcome)
        if claim is not None:
            return claim
    return None


def _claim(outcome: LearnerOutcome) -> Claim | None:
    token, now = uuid.uuid4(), timezone.now()
    try:
        claimed = _take(outcome, token, now)
    except IntegrityError:  # another run is processing the learner
        return None
    if not claimed:
        return None
    outcome.refresh_from_db()
    if outcome.attempts > 1 or outcome.run.guarded:
        outcome.changes.filter(made=False).delete()  # planned by an earlier attempt; they are planned again
    return Claim(outcome, token, now)


@retried
@transaction.atomic
def _take(outcome: LearnerOutcome, token: uuid.UUID, now: datetime) -> int:
    return LearnerOutcome.objects.filter(pk=outcome.pk, state=OutcomeState.QUEUED).update(
        state=OutcomeState.WORKING,
        claimed_by=token,
        lease_expires_at=now + deployment.lease,
        started_at=now,
        attempts=F("attempts") + 1,
    )


def recover_expired() -> None:
    """Queue every learner with an expired lease again, and advance the runs in which no learner is left.

    Does nothing on a machine whose clock is wrong, as leases would seem to have expired there.
    """
    if not heartbeat.clock_is_right():
        return
    now = timezone.now()
    expired = LearnerOutcome.objects.filter(is_working=True, lease_expires_at__lt=now)
    for outcome in expired:
        mine = expired.filter(pk=outcome.pk, claimed_by=outcome.claimed_by)
        given_up = outcome.attempts >= MOST_ATTEMPTS
        taken_up = _give_up(mine, outcome, now) if given_up else _queue_again(mine)
        if taken_up:
            events.warning("lease_expired", run=outcome.run_id, outcome=outcome.pk, attempts=outcome.attempts)
    for run in SyncRun.objects.filter(state__in=lifecycle.AT_WORK):
        lifecycle.advance(run)


@retried
def _queue_again(mine: models.QuerySet[LearnerOutcome]) -> int:
    return mine.update(state=OutcomeState.QUEUED, claimed_by=None, lease_expires_at=None)


@retried
@transaction.atomic
def _give_up(mine: models.QuerySet[LearnerOutcome], outcome: LearnerOutcome, now: datetime) -> int:
    ended = mine.update(state=OutcomeState.FAILED, claimed_by=None, lease_expires_at=None, finished_at=now)
    if ended:
        about = Subject("learner", outcome.learner_pk, outcome.onefile_id)
        ledger.note_problems({outcome.pk: [FoundProblem("interrupted", about)]})
    return ended
