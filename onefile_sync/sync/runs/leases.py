"""Leases: which worker has a row, and until when. A killed worker therefore loses nothing.

Learners, listings, pages and records are leased in the same way: :func:`claim` or :func:`claim_some`, then
:func:`renew` during the work, and :func:`release` at the end. Listings, pages and records can be claimed again as soon
as their lease has expired. A learner is first queued again by :func:`recover_expired`, because the outcome row is both
the record and the lock: it counts attempts, and the database allows one working row per learner.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict, TypeVar

from django.db import IntegrityError, connection, models, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from onefile_sync import events, host
from onefile_sync.conf import deployment
from onefile_sync.host.snapshot import Officers
from onefile_sync.models import LearnerOutcome, Leased, OutcomeState, SyncRun
from onefile_sync.sync.planning.types import FieldChange, FoundProblem, Subject
from onefile_sync.transactions import retried

from . import heartbeat, ledger, lifecycle

#: A learner whose exchange is interrupted this often is given up, so that one learner cannot stop the others.
MOST_ATTEMPTS = 3

#: How many queued learners a worker considers at a time, as other workers may claim some of them first.
CANDIDATES = 20


#: The fraction of a lease after which a worker renews it. The last renewal shows whether the worker is still alive.
SHOWN_EVERY = 1 / 30


Row = TypeVar("Row", bound=models.Model)

#: The columns of a row that no worker has.
FREE: Mapping[str, None] = {"claimed_by": None, "lease_expires_at": None}


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's lease on rows, from ``since`` for ``LEASE_SECONDS``, unless it is renewed."""

    token: uuid.UUID = field(default_factory=uuid.uuid4)
    since: datetime = field(default_factory=timezone.now)

    @property
    def columns(self) -> dict[str, Any]:
        return {"claimed_by": self.token, "lease_expires_at": self.since + deployment.lease}

    def held(self, rows: QuerySet[Row]) -> QuerySet[Row]:
        """The rows that this lease still holds."""
        return rows.filter(claimed_by=self.token)


def expired(rows: QuerySet[Row]) -> QuerySet[Row]:
    """The rows whose lease has expired."""
    return rows.filter(lease_expires_at__lt=timezone.now())


def free(rows: QuerySet[Row]) -> QuerySet[Row]:
    """The rows that no worker has claimed, or whose lease has expired."""
    return rows.filter(Q(lease_expires_at=None) | Q(lease_expires_at__lt=timezone.now()))


def is_free(row: Leased) -> bool:
    """Whether :func:`free` would select this row."""
    return row.lease_expires_at is None or row.lease_expires_at < timezone.now()


@retried
def claim(rows: QuerySet[Any], **values: Any) -> Lease | None:
    """Claim the row in ``rows`` and set ``values``; ``None`` if another worker was faster."""
    lease = Lease()
    with transaction.atomic():
        return lease if rows.update(**lease.columns, **values) else None


@retried
def claim_some(rows: QuerySet[Row], most: int, **values: Any) -> tuple[Lease, list[Row]]:
    """Claim some rows and set ``values``. Rows that another worker is claiming at the moment are skipped."""
    lease = Lease()
    with transaction.atomic():
        locked = rows.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
        taken = list(locked[:most])
        rows.model._default_manager.filter(pk__in=[row.pk for row in taken]).update(**lease.columns, **values)
    return lease, taken


def renew(held: QuerySet[Any], **values: Any) -> datetime | None:
    """Renew the lease in full and return the current time; ``None`` if the rows are no longer ours."""
    now = timezone.now()
    return now if held.update(lease_expires_at=now + deployment.lease, **values) else None


def release(held: QuerySet[Any], **values: Any) -> int:
    """Give up the lease and set ``values``; return how many rows were still ours."""
    return held.update(**FREE, **values)


def work_begun() -> dict[str, Any]:
    """The values to set on the outcomes of claimed learners."""
    return {"state": OutcomeState.WORKING, "started_at": timezone.now(), "attempts": F("attempts") + 1}


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
    lease: Lease
    renewed_at: datetime

    def renew(self) -> None:
        """Renew the lease, at most once per :data:`SHOWN_EVERY`. Raises :class:`LostClaim`."""
        if timezone.now() - self.renewed_at >= deployment.lease * SHOWN_EVERY:
            self.hold()

    @retried
    def hold(self) -> datetime:
        """Renew the lease in full and return the current time. Raises :class:`LostClaim`."""
        since = renew(self._mine())
        if since is None:
            raise LostClaim(self.outcome.pk)
        self.renewed_at = since
        return since

    def _mine(self) -> QuerySet[LearnerOutcome]:
        return self.lease.held(LearnerOutcome.objects.filter(pk=self.outcome.pk, state=OutcomeState.WORKING))

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
        return release(
            self._mine(),
            **values,
            state=state,
            api_calls=F("api_calls") + cost["api_calls"],
            rate_limited=F("rate_limited") + cost["rate_limited"],
        )


def claim_next(run: SyncRun) -> Claim | None:
    """Claim the next queued learner of a run; ``None`` if none is left, or all are being processed elsewhere."""
    learner_type = host.learner_type()
    busy = LearnerOutcome.objects.filter(is_working=True, learner_type=learner_type)
    queued = run.outcomes.filter(state=OutcomeState.QUEUED).exclude(learner_pk__in=busy.values("learner_pk"))
    for outcome in queued.order_by("id")[:CANDIDATES]:
        claimed = _claim(outcome)
        if claimed is not None:
            return claimed
    return None


def _claim(outcome: LearnerOutcome) -> Claim | None:
    try:
        lease = claim(LearnerOutcome.objects.filter(pk=outcome.pk, state=OutcomeState.QUEUED), **work_begun())
    except IntegrityError:  # another run is processing the learner
        return None
    if lease is None:
        return None
    outcome.refresh_from_db()
    if outcome.attempts > 1 or outcome.run.guarded:
        outcome.changes.filter(made=False).delete()  # planned by an earlier attempt; they are planned again
    return Claim(outcome, lease, lease.since)


def recover_expired() -> None:
    """Queue every learner with an expired lease again, and advance the runs in which no learner is left.

    Does nothing on a machine whose clock is wrong, as leases would seem to have expired there.
    """
    if not heartbeat.clock_is_right():
        return
    left_behind = expired(LearnerOutcome.objects.filter(is_working=True))
    for outcome in left_behind:
        still_so = left_behind.filter(pk=outcome.pk, claimed_by=outcome.claimed_by)
        given_up = outcome.attempts >= MOST_ATTEMPTS
        taken_up = _give_up(still_so, outcome) if given_up else _queue_again(still_so)
        if taken_up:
            events.warning("lease_expired", run=outcome.run_id, outcome=outcome.pk, attempts=outcome.attempts)
    for run in SyncRun.objects.filter(state__in=lifecycle.AT_WORK):
        lifecycle.advance(run)


@retried
def _queue_again(left_behind: QuerySet[LearnerOutcome]) -> int:
    return release(left_behind, state=OutcomeState.QUEUED)


@retried
@transaction.atomic
def _give_up(left_behind: QuerySet[LearnerOutcome], outcome: LearnerOutcome) -> int:
    ended = release(left_behind, state=OutcomeState.FAILED, finished_at=timezone.now())
    if ended:
        about = Subject("learner", outcome.learner_pk, outcome.onefile_id)
        ledger.note_problems({outcome.pk: [FoundProblem("interrupted", about)]})
    return ended
