"""The public interface. Every entrance (button, action, template tag, REST, command, task) calls this, nothing deeper.

A developer of PICSWeb needs three of these::

    from onefile_sync import services

    run = services.refresh([learner], by=request.user)   # queues the work; the run has a page of its own
    services.refusal_for(learner)                        # why the button is not there, or None
    services.learner_status(learner)                     # when and how the learner was last synchronised

Nothing here calls OneFile from a web request but :func:`test_connection`, which is two short calls.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Model
from django.utils import timezone

from . import host
from .host import learner_by_pk as find_learner
from .host import learner_model, learner_type, visible_learners
from .messages.catalogue import read_out
from .messages.labels import field_label
from .models import (
    OPEN_OUTCOMES,
    LearnerOutcome,
    OneFileSettings,
    RunKind,
    RunState,
    SyncRun,
)
from .reporting.attention import NEEDS_ATTENTION, Unsettled, open_problems, unsettled_problems
from .reporting.findings import Finding, Level
from .reporting.health import Health, health
from .reporting.reports import (
    RESULT_FAILED,
    ChangeLine,
    OutcomeReport,
    ProblemLine,
    Progress,
    Reading,
    Totals,
    how_it_read,
    progress,
    report,
    rule_text,
    totals,
)
from .setup.connection_test import ConnectionReport, check_connection, look_closely, test_connection
from .setup.probe import ProbeReport, learner_to_probe
from .sync import daily
from .sync.daily import perform, resume, start_daily, start_scheduled_daily, sweep, work
from .sync.eligibility import (
    MAPPING_WRONG,
    NOBODY,
    Refusal,
    Refused,
    Selection,
    check_setup,
    outcomes,
    partition,
    refusal_for,
    refuse_missing_rows,
    refuse_wrong_mapping,
)
from .sync.planning import safety_stop
from .sync.planning.rules import RULES
from .sync.runs import leases, lifecycle, queue, retention
from .sync.runs.leases import Cost
from .sync.runs.lifecycle import COMPARED, compared
from .sync.runs.schedule import (
    SCHEDULED_TASKS,
    SWEEP,
    ScheduledTask,
    install_schedules,
    installed_schedules,
    remove_schedules,
)

__all__ = [
    "COMPARED",
    "NEEDS_ATTENTION",
    "RESULT_FAILED",
    "RULES",
    "SCHEDULED_TASKS",
    "SWEEP",
    "ChangeLine",
    "ConnectionReport",
    "Finding",
    "Health",
    "LearnerStatus",
    "Level",
    "OutcomeReport",
    "ProbeReport",
    "ProblemLine",
    "Progress",
    "Reading",
    "Refusal",
    "Refused",
    "ScheduledTask",
    "Selection",
    "Totals",
    "Unsettled",
    "apply_held",
    "cancel",
    "check_connection",
    "count_calls",
    "check_setup",
    "discard_held",
    "field_label",
    "find_learner",
    "health",
    "how_it_read",
    "install_schedules",
    "is_guarded",
    "installed_schedules",
    "last_daily_attempt",
    "last_daily_run",
    "learner_model",
    "learner_status",
    "learner_type",
    "open_problems",
    "partition",
    "perform",
    "preview",
    "preview_now",
    "probe",
    "progress",
    "prune",
    "read_out",
    "refresh",
    "refresh_now",
    "refusal_for",
    "remove_schedules",
    "report",
    "resume",
    "rule_text",
    "start_daily",
    "start_scheduled_daily",
    "sweep",
    "test_connection",
    "totals",
    "unsettled_problems",
    "visible_learners",
    "work",
]

User = AbstractBaseUser | AnonymousUser


def refresh(learners: Sequence[Model], *, by: User | None = None) -> SyncRun:
    """Queue a refresh of these learners (R1) and return its run, whose page shows the progress and the outcome.

    While a refresh of a single learner is open, asking again returns the same run. Of several learners, those who
    cannot be refreshed are left out (:func:`partition` tells who). Raises :class:`Refused` when nobody is left.
    """
    refuse_wrong_mapping()
    learners = list(dict.fromkeys(learners))
    if len(learners) == 1:
        return _queue_one(RunKind.REFRESH, learners[0], by)
    selection = partition(learners)
    if not selection.accepted:
        raise Refused(selection.refused[0][1] if len(_reasons(selection)) == 1 else NOBODY)
    accepted = selection.accepted
    run, _created = lifecycle.open_run(
        RunKind.REFRESH, accepted, by=_person(by), guarded=is_guarded(len(accepted))
    )
    queue.enqueue(run)
    return run


def is_guarded(learners: int) -> bool:
    """Whether the safety stop guards a refresh of so many learners: from the number in the settings on."""
    settings = OneFileSettings.load()
    return safety_stop.can_be_implausible(
        learners, settings.safety_stop_percent, settings.safety_stop_learners
    )


def preview(learner: Model, *, by: User | None = None) -> SyncRun:
    """Queue a preview: what a refresh of this learner would change. Nothing is written on either side.

    Raises :class:`Refused`.
    """
    refuse_wrong_mapping()
    return _queue_one(RunKind.PREVIEW, learner, by)


def _queue_one(kind: RunKind, learner: Model, by: User | None) -> SyncRun:
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
            return under_way.run  # one of several whom somebody refreshes together
    key = lifecycle.learner_key(kind, str(learner.pk))
    run, created = lifecycle.open_run(kind, [learner], by=_person(by), open_key=key)
    if created or progress(run).waiting_for_worker:
        queue.enqueue(run)
    return run


def refresh_now(learners: Sequence[Model]) -> SyncRun:
    """A refresh of these learners that is not queued, for :func:`perform`. Raises :class:`Refused` for any of them."""
    return _now(RunKind.REFRESH, learners)


def preview_now(learners: Sequence[Model] | None = None) -> SyncRun:
    """A preview that is not queued, for :func:`perform`; of everyone in scope where no learners are named.

    Raises :class:`Refused` for any of the learners named. Of everyone, each learner has an outcome, as in a daily run.
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


def count_calls(run: SyncRun, cost: Cost) -> None:
    """Count what :func:`check_connection` cost with the run that it was made for."""
    lifecycle.count_calls(run, **cost)


def cancel(run: SyncRun, *, by: User | None = None) -> bool:
    """End a run early: nobody else is begun, and whoever is being worked on comes to an end.

    Those who still waited are recorded as skipped. False where the run was closed already, or is held.
    """
    return lifecycle.cancel(run, _person(by))


def apply_held(run: SyncRun, *, by: User | None = None) -> bool:
    """Let a run that the safety stop holds go on, and hand it to the workers; false where it is not held."""
    return daily.apply_held(run, _person(by))


def discard_held(run: SyncRun, *, by: User | None = None) -> bool:
    """End a run that the safety stop holds, without writing what it was held for; false where it is not held."""
    return lifecycle.discard_held(run, _person(by))


def probe(learner_pk: str | None = None) -> ProbeReport:
    """See what OneFile really sends for one learner: the one named, else the first in scope (R2) who is linked.

    At most twelve reads, also while the integration is off: they may be needed to set it up. Raises :class:`Refused`.
    """
    refuse_wrong_mapping()
    refuse_missing_rows()
    return look_closely(learner_to_probe(learner_pk, daily.today()))


@dataclass(frozen=True, slots=True)
class LearnerStatus:
    """What a learner's page says: why no refresh, how it went last, and what is running now. Previews do not count.

    ``last`` is the last attempt, whatever came of it; ``last_success`` the last time the learner was really compared,
    and ``last_synchronised`` when that was.
    """

    refusal: Refusal | None
    last: LearnerOutcome | None
    current: SyncRun | None
    last_synchronised: datetime | None
    last_success: LearnerOutcome | None = None


def learner_status(learner: Model) -> LearnerStatus:
    """When and how a learner was last synchronised. No network, a handful of queries."""
    refusal = refusal_for(learner)
    if refusal is MAPPING_WRONG:
        return LearnerStatus(refusal, last=None, current=None, last_synchronised=None)
    mine = outcomes().filter(learner_pk=str(learner.pk)).exclude(run__kind=RunKind.PREVIEW)
    done = mine.exclude(state__in=OPEN_OUTCOMES)
    last_success = done.filter(pk__in=compared().values("pk")).order_by("-finished_at").first()
    current = mine.filter(state__in=OPEN_OUTCOMES).exclude(run__state=RunState.FINISHED).first()
    return LearnerStatus(
        refusal=refusal,
        last=done.order_by("-finished_at").first(),
        current=current.run if current else None,
        last_synchronised=last_success.finished_at if last_success else None,
        last_success=last_success,
    )


def last_daily_run() -> SyncRun | None:
    """The last daily run that came to its own end for somebody: what PICSWeb calls *Last Synchronised* (R25)."""
    return lifecycle.successful_daily_runs().order_by("-finished_at").first()


def last_daily_attempt() -> SyncRun | None:
    """The last daily run that is not under way, whatever came of it."""
    return lifecycle.daily_attempts().first()


def prune(older_than_days: int) -> int:
    """Delete finished runs, with all that was recorded in them, that ended so long ago; returns how many.

    Finished upload intents of that age go too, and what was last read of OneFile so long ago. What is open stays,
    whatever its age.
    """
    return retention.prune(timezone.now() - timedelta(days=older_than_days))


def _reasons(selection: Selection) -> set[str]:
    return {refusal.code for _learner, refusal in selection.refused}


def _person(by: User | None) -> Any:
    """The primary key of whoever asked, of whatever type the host's users have; nobody where nobody is signed in."""
    return by.pk if by is not None and by.is_authenticated else None


#: Names of earlier releases, and what they are called now. They work for one release, with a warning.
_RENAMED = {"sort_out": "partition", "why_not": "refusal_for"}


def __getattr__(name: str) -> Any:
    if name in _RENAMED:
        renamed = _RENAMED[name]
        warnings.warn(
            f"onefile_sync.services.{name} is called {renamed} now.", DeprecationWarning, stacklevel=2
        )
        return globals()[renamed]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
