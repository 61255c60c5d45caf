"""Opens requested runs: refreshes and previews, queued for the workers or processed in the calling process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import Model

from onefile_sync import host
from onefile_sync.models import OPEN_OUTCOMES, OneFileSettings, RunKind, RunState, SyncRun

from . import daily
from .eligibility import NOBODY, Refused, outcomes, partition, refusal_for, refuse_wrong_mapping
from .planning import safety_stop
from .runs import leases, lifecycle, queue

#: Whether the task of an open run seems lost, so that it is queued again.
IsLost = Callable[[SyncRun], bool]


def refresh(learners: Sequence[Model], by: Any, is_lost: IsLost) -> SyncRun:
    """Queue a refresh: the open one, if it is of a single learner. ``by`` is the user's primary key, of whatever type.

    Of several learners, those who cannot be refreshed are left out. Raises :class:`Refused` if nobody is left.
    """
    refuse_wrong_mapping()
    learners = list(dict.fromkeys(learners))
    if len(learners) == 1:
        return _queue_one(RunKind.REFRESH, learners[0], by, is_lost)
    selection = partition(learners)
    accepted = selection.accepted
    if not accepted:
        reasons = {refusal.code for _learner, refusal in selection.refused}
        raise Refused(selection.refused[0][1] if len(reasons) == 1 else NOBODY)
    run, _created = lifecycle.open_run(RunKind.REFRESH, accepted, by=by, guarded=is_guarded(len(accepted)))
    queue.enqueue(run)
    return run


def preview(learner: Model, by: Any, is_lost: IsLost) -> SyncRun:
    """Queue a preview, or return the open one. Raises :class:`Refused`."""
    refuse_wrong_mapping()
    return _queue_one(RunKind.PREVIEW, learner, by, is_lost)


def is_guarded(learners: int) -> bool:
    """Whether the safety stop guards a refresh of this number of learners, by the minimum in the settings."""
    settings = OneFileSettings.load()
    return safety_stop.can_be_implausible(
        learners, settings.safety_stop_percent, settings.safety_stop_learners
    )


def _queue_one(kind: RunKind, learner: Model, by: Any, is_lost: IsLost) -> SyncRun:
    refusal = refusal_for(learner)
    if refusal is not None:
        raise Refused(refusal)
    leases.recover_expired()
    if kind == RunKind.REFRESH:
        under_way = (
            outcomes()
            .filter(learner_pk=str(learner.pk), run__kind=kind, state__in=OPEN_OUTCOMES)
            .exclude(run__state=RunState.HELD)
            .first()
        )
        if under_way is not None and under_way.run.open_key is None:
            return under_way.run  # a refresh of several learners includes this one
    key = lifecycle.learner_key(kind, str(learner.pk))
    run, created = lifecycle.open_run(kind, [learner], by=by, open_key=key)
    if created or is_lost(run):
        queue.enqueue(run)
    return run


def refresh_now(learners: Sequence[Model]) -> SyncRun:
    """Create a refresh for :func:`.daily.perform`, without queueing it. Raises :class:`Refused` for any learner."""
    return _now(RunKind.REFRESH, learners)


def preview_now(learners: Sequence[Model] | None = None) -> SyncRun:
    """Create a preview for :func:`.daily.perform`, without queueing it; without ``learners``, of all learners in scope.

    Raises :class:`Refused` if any of ``learners`` is refused. In a preview of all, refused learners get an outcome, as
    in a daily sync.
    """
    if learners is not None:
        return _now(RunKind.PREVIEW, learners)
    daily.check_here()
    run, _created = lifecycle.open_run(RunKind.PREVIEW, host.scope(daily.today()))
    return run


def _now(kind: RunKind, learners: Sequence[Model]) -> SyncRun:
    daily.check_here()
    learners = list(dict.fromkeys(learners))
    for learner in learners:
        refusal = refusal_for(learner)
        if refusal is not None:
            raise Refused(refusal)
    guarded = kind == RunKind.REFRESH and is_guarded(len(learners))
    run, _created = lifecycle.open_run(kind, learners, guarded=guarded)
    return run
