"""Starts, advances and ends runs. Each learner gets exactly one outcome, however the run ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from django.db import IntegrityError, models, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from onefile_sync import events, host
from onefile_sync.conf import deployment
from onefile_sync.models import (
    UNDER_WAY,
    WITHOUT_LEARNERS,
    WITHOUT_WRITING,
    Ending,
    LearnerOutcome,
    OneFileSettings,
    OutcomeState,
    Problem,
    RunKind,
    RunState,
    SyncRun,
)
from onefile_sync.sync.planning import safety_stop
from onefile_sync.sync.planning.types import FoundProblem, Subject
from onefile_sync.transactions import retried

from . import ledger

#: The states of learners who were completely compared with OneFile.
COMPARED = (OutcomeState.UPDATED, OutcomeState.UNCHANGED, OutcomeState.ATTENTION)
#: The ``open_key`` of the one daily run that may be open.
DAILY_KEY = "daily"
#: The states of a run that workers process.
AT_WORK = (RunState.QUEUED, RunState.RUNNING)
#: Outcomes written in one query or transaction.
BATCH = 500


def learner_key(kind: RunKind, learner_pk: str) -> str:
    """The ``open_key`` of a run for one learner."""
    return f"{kind}:{host.learner_model()._meta.label_lower}:{learner_pk}"


def open_run(
    kind: RunKind,
    learners: Iterable[models.Model],
    *,
    by: Any = None,
    open_key: str | None = None,
    scheduled_for: date | None = None,
    guarded: bool = False,
    reads_everyone: bool = False,
    options: Mapping[str, Any] | None = None,
) -> tuple[SyncRun, bool]:
    """Create a run with a queued outcome for each learner, or return the existing run with this key or for this day."""
    learner_type, to_come = host.learner_type(), iter(learners)
    known: list[tuple[str, int | None]] = []

    @retried
    @transaction.atomic
    def write() -> SyncRun:
        run = SyncRun.objects.create(
            kind=kind,
            requested_by_id=by,
            open_key=open_key,
            scheduled_for=scheduled_for,
            guarded=guarded,
            reads_everyone=reads_everyone,
            options=dict(options or {}),
        )
        # Read only once, in case the transaction is retried, and not at all if the run exists already.
        known.extend((str(learner.pk), getattr(learner, "onefile_id", None)) for learner in to_come)
        for first in range(0, len(known), BATCH):
            LearnerOutcome.objects.bulk_create(
                LearnerOutcome(run=run, learner_type=learner_type, learner_pk=pk, onefile_id=onefile_id)
                for pk, onefile_id in known[first : first + BATCH]
            )
        return run

    try:
        run = write()
    except IntegrityError:
        same_day = Q(scheduled_for=scheduled_for) if scheduled_for else Q(pk__in=[])
        same_key = Q(open_key=open_key) if open_key else Q(pk__in=[])
        existing = SyncRun.objects.filter(same_key | same_day).first()
        if existing is None:
            raise
        return existing, False
    events.info("run_opened", run=run.pk, kind=kind)
    return run, True


@retried
def count_calls(run: SyncRun, *, api_calls: int, rate_limited: int) -> None:
    """Add calls to a run that are not recorded with any of its learners."""
    SyncRun.objects.filter(pk=run.pk).update(
        api_calls=F("api_calls") + api_calls, rate_limited=F("rate_limited") + rate_limited
    )


@retried
def start(run: SyncRun) -> None:
    """Record that a worker starts or continues to process a run."""
    now = timezone.now()
    SyncRun.objects.filter(pk=run.pk, state=RunState.QUEUED).update(state=RunState.RUNNING, started_at=now)
    SyncRun.objects.filter(pk=run.pk).update(worked_at=now)


def note_environment(run: SyncRun, settings: OneFileSettings, *, unless_known: bool = False) -> None:
    """Record which OneFile a run calls. ``unless_known``: only if none is recorded yet."""
    where = {"environment": settings.environment, "address": settings.address}
    known = Q(environment="", address="") if unless_known else ~Q(**where)
    SyncRun.objects.filter(known, pk=run.pk).update(**where)


def note_policy(run: SyncRun, settings: OneFileSettings) -> None:
    """Record that learners are compared without their reviews, if they are."""
    if not (settings.download_reviews or run.without_reviews):
        SyncRun.objects.filter(pk=run.pk).update(without_reviews=True)


def advance(run: SyncRun) -> bool:
    """Advance a run in which no learner is queued or working. Returns true if nothing is left to process.

    The run is then closed or held; otherwise the learners put aside are queued. If the run was ended early, its waiting
    learners are recorded as skipped.
    """
    run.refresh_from_db()
    if run.state not in AT_WORK:
        return True
    if run.ending:
        _leave_out(run, Ending(run.ending))
    if _has_work_left(run):
        return False
    nothing_left = _advance_locked(run)
    run.refresh_from_db()
    return nothing_left


@retried
@transaction.atomic
def _advance_locked(run: SyncRun) -> bool:
    locked = SyncRun.objects.select_for_update().get(pk=run.pk)
    if locked.state not in AT_WORK:
        return True
    if _has_work_left(locked):
        return False
    return _advance(locked)


def _has_work_left(run: SyncRun) -> bool:
    if run.has_no_learners:
        return run.read_at is None and not (run.failure or run.ending)
    return run.outcomes.filter(state__in=UNDER_WAY).exists()


def _advance(run: SyncRun) -> bool:
    if run.ending:
        _leave_out(run, Ending(run.ending))  # includes learners put aside while the run was being ended
    aside = run.outcomes.filter(state=OutcomeState.ASIDE).count()
    if not aside:
        _close(run)
        return True
    compared = (
        run.outcomes.exclude(state__in=[OutcomeState.FAILED, OutcomeState.SKIPPED])
        .exclude(problems__code__in=safety_stop.NOT_COMPARED)
        .count()
    )
    settings = OneFileSettings.load()
    if run.cleared_at is None and safety_stop.is_implausible(
        aside, compared, settings.safety_stop_percent, settings.safety_stop_learners
    ):
        run.state, run.held_at = RunState.HELD, timezone.now()
        run.save(update_fields=["state", "held_at"])
        events.warning("run_held", run=run.pk, learners=aside, compared=compared)
        return True
    _clear(run)
    return False


def _close(run: SyncRun) -> None:
    run.state, run.open_key, run.finished_at = RunState.FINISHED, None, timezone.now()
    run.save(update_fields=["state", "open_key", "finished_at"])
    counted = run.outcomes.order_by().values_list("state").annotate(models.Count("pk"))
    events.info("run_finished", run=run.pk, kind=run.kind, ending=run.ending or None, **dict(counted))


def _clear(run: SyncRun) -> None:
    """Queue the learners who were put aside."""
    run.state, run.cleared_at = RunState.RUNNING, timezone.now()
    run.save(update_fields=["state", "cleared_at"])
    run.outcomes.filter(state=OutcomeState.ASIDE).update(state=OutcomeState.QUEUED)


def apply_held(run: SyncRun, by: Any) -> bool:
    """Continue a held run. Returns false if it is not held."""
    applied = _apply_locked(run, by)
    if applied:
        events.info("run_applied", run=run.pk, by=str(by) if by is not None else None)
    return applied


@retried
@transaction.atomic
def _apply_locked(run: SyncRun, by: Any) -> bool:
    locked = _held(run)
    if locked is None:
        return False
    locked.decided_by_id = by
    locked.save(update_fields=["decided_by"])
    _clear(locked)
    return True


def discard_held(run: SyncRun, by: Any) -> bool:
    """End a held run without writing the changes held back. Returns false if it is not held."""
    return _end_early(run, Ending.DISCARDED, by, RunState.HELD)


def cancel(run: SyncRun, by: Any) -> bool:
    """Cancel a run: no further learner is started, and learners being processed are finished.

    Returns false if the run is closed, or held, in which case it can be discarded instead.
    """
    return _end_early(run, Ending.CANCELLED, by, *AT_WORK)


def replace(run: SyncRun, *, only_held: bool = False) -> bool:
    """End a run that a newer one replaces. Returns false if it is closed, or if ``only_held`` and it is not held."""
    states = (RunState.HELD,) if only_held else (*AT_WORK, RunState.HELD)
    return _end_early(run, Ending.REPLACED, None, *states)


def _held(run: SyncRun) -> SyncRun | None:
    return SyncRun.objects.select_for_update().filter(pk=run.pk, state=RunState.HELD).first()


def _end_early(run: SyncRun, ending: Ending, by: Any, *states: RunState) -> bool:
    ended = _note_ending(run, ending, by, states)
    if ended:
        events.info("run_ended_early", run=run.pk, ending=ending, by=str(by) if by is not None else None)
        advance(run)
    run.refresh_from_db()
    return bool(ended)


@retried
def _note_ending(run: SyncRun, ending: Ending, by: Any, states: tuple[RunState, ...]) -> int:
    decided_by = {} if by is None else {"decided_by_id": by}
    return SyncRun.objects.filter(pk=run.pk, state__in=states, ending="").update(
        ending=ending, open_key=None, state=RunState.RUNNING, **decided_by
    )


#: The problem recorded for waiting learners, by how the run was ended.
LEFT_OUT = {
    Ending.CANCELLED: "run_cancelled",
    Ending.DISCARDED: "run_discarded",
    Ending.REPLACED: "run_replaced",
}


def _leave_out(run: SyncRun, ending: Ending) -> None:
    if run.has_no_learners:
        return  # it was ended by a person and has not failed
    give_up(run, OutcomeState.SKIPPED, LEFT_OUT[ending], of=(OutcomeState.QUEUED, OutcomeState.ASIDE))


def give_up(
    run: SyncRun,
    state: OutcomeState,
    code: str,
    *,
    of: tuple[OutcomeState, ...] = (OutcomeState.QUEUED, OutcomeState.ASIDE),
) -> None:
    """End all waiting learners of a run with the same problem. Learners being processed are finished.

    A run without learners ends with the failure ``code``.
    """
    if run.has_no_learners:
        SyncRun.objects.filter(pk=run.pk, state__in=AT_WORK, failure="").update(failure=code)
    for waiting in _in_batches(run, of):
        _end(waiting, state, code, of)


@retried
@transaction.atomic
def _end(waiting: list[int], state: OutcomeState, code: str, of: tuple[OutcomeState, ...]) -> None:
    locked = LearnerOutcome.objects.select_for_update().filter(pk__in=waiting, state__in=of)
    ended = {
        outcome.pk: [FoundProblem(code, Subject("learner", outcome.learner_pk, outcome.onefile_id))]
        for outcome in locked.order_by("pk")
    }
    LearnerOutcome.objects.filter(pk__in=ended).update(state=state, finished_at=timezone.now())
    ledger.note_problems(ended)


def _in_batches(run: SyncRun, of: tuple[OutcomeState, ...]) -> Iterator[list[int]]:
    last = 0
    while batch := list(
        run.outcomes.filter(state__in=of, pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]
    ):
        yield batch
        last = batch[-1]


def successful_daily_runs() -> models.QuerySet[SyncRun]:
    """The completed daily runs in which at least one learner was compared, or which had no learners."""
    of_run = LearnerOutcome.objects.filter(run=OuterRef("pk"))
    came_through = Exists(compared().filter(run=OuterRef("pk"))) | ~Exists(of_run)
    return SyncRun.objects.filter(came_through, kind=RunKind.DAILY, state=RunState.FINISHED, ending="")


def daily_attempts() -> models.QuerySet[SyncRun]:
    """The daily runs that are finished, with whatever result, or held; the latest first."""
    over = SyncRun.objects.filter(kind=RunKind.DAILY, state__in=(RunState.FINISHED, RunState.HELD))
    return over.order_by(Coalesce("finished_at", "held_at").desc(nulls_last=True))


def waiting() -> models.QuerySet[SyncRun]:
    """The open runs with queued learners and none being processed, and those without learners that are not over."""
    queued = LearnerOutcome.objects.filter(run=OuterRef("pk"), state=OutcomeState.QUEUED)
    working = LearnerOutcome.objects.filter(run=OuterRef("pk"), state=OutcomeState.WORKING)
    unfinished = Q(kind__in=WITHOUT_LEARNERS, read_at=None)
    return SyncRun.objects.filter(Exists(queued) | unfinished, ~Exists(working), state__in=AT_WORK)


def stalled_runs() -> models.QuerySet[SyncRun]:
    """The waiting runs that were queued so long ago that their task must be lost."""
    lately = timezone.now() - deployment.lease
    return waiting().filter(queued_at__lt=lately).exclude(worked_at__gte=lately)


def compared() -> QuerySet[LearnerOutcome]:
    """The outcomes of learners who were compared with OneFile in a run that writes."""
    nothing_compared = Problem.objects.filter(code__in=safety_stop.NOT_COMPARED)
    ended = LearnerOutcome.objects.filter(state__in=COMPARED).exclude(run__kind__in=WITHOUT_WRITING)
    return ended.exclude(pk__in=nothing_compared.values("outcome"))
