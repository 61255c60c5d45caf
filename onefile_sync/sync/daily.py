"""Starts and continues runs: by command, by the schedule and by workers' tasks; applies held runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from onefile_sync import events, host
from onefile_sync.conf import deployment
from onefile_sync.models import OneFileSettings, RunKind, RunState, SyncRun
from onefile_sync.onefile.retry import RetryPolicy

from .eligibility import CLOCK_WRONG, HELD, Refused, check_setup
from .runs import heartbeat, leases, lifecycle, queue
from .worker import LOOK_AGAIN, work_on


def today() -> date:
    """Today's date in the provider's time zone."""
    return timezone.localdate(timezone=deployment.time_zone)


def check_here() -> None:
    """Check that this process can work on a run. Raises :class:`Refused`."""
    check_setup()
    if not heartbeat.clock_is_right():
        raise Refused(CLOCK_WRONG)


def start_daily(*, new_run: bool = False, by: Any = None) -> SyncRun:
    """The open daily run, or a new one with all learners in scope (R2). It is not queued: see :func:`perform`.

    ``new_run`` first ends an open run, recording its queued learners as skipped. The safety stop does not guard the
    very first sync, which is started manually and replaces values of most learners. Raises :class:`Refused`, also if
    the open run is held.
    """
    check_here()
    for earlier in SyncRun.objects.filter(open_key=lifecycle.DAILY_KEY):
        if new_run:
            lifecycle.replace(earlier)
        elif earlier.is_held:
            raise Refused(HELD)
    in_use = lifecycle.successful_daily_runs().exists()
    return _open_daily(by=by, guarded=in_use)


def start_scheduled_daily() -> str:
    """Queue today's scheduled daily run once, however often the queue delivers the schedule's task.

    Replaces a run of an earlier day that is still held, as its learners are compared again. Also recovers what earlier
    workers left behind. Returns a short text for django-q2's list of tasks.
    """
    sweep()
    OneFileSettings.renew_encryption()
    try:
        check_setup()
    except Refused as refused:
        events.warning("daily_not_started", code=refused.code)
        return f"not started: {refused.code}"
    if not SyncRun.objects.filter(scheduled_for=today()).exists():
        for earlier in SyncRun.objects.filter(open_key=lifecycle.DAILY_KEY, state=RunState.HELD):
            lifecycle.replace(earlier, only_held=True)
    run = _open_daily(scheduled_for=today(), guarded=True)
    if not run.is_open:
        return f"already done today: {run.pk}"
    if run.is_held:
        return f"held: {run.pk}"
    queue.enqueue(run)
    return f"queued: {run.pk}"


def _open_daily(*, guarded: bool, by: Any = None, scheduled_for: date | None = None) -> SyncRun:
    run, _created = lifecycle.open_run(
        RunKind.DAILY,
        host.scope(today()),
        by=by,
        open_key=lifecycle.DAILY_KEY,
        scheduled_for=scheduled_for,
        guarded=guarded,
        reads_everyone=True,
    )
    return run


def perform(
    run: SyncRun,
    *,
    after_each: Callable[[], None] = lambda: None,
    after_piece: Callable[[], None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
) -> SyncRun:
    """Process a run in this process until it is closed or held. Other workers may be processing it too.

    ``after_each`` is called after each learner, ``after_piece`` after each step of reading OneFile for everyone.

    Raises :class:`Refused` if this machine's clock is wrong.
    """
    if not heartbeat.clock_is_right():
        raise Refused(CLOCK_WRONG)
    leases.recover_expired()
    while not work_on(
        run, _retry_policy_for(run), after_each=after_each, after_piece=after_piece, sleep=sleep
    ):
        if OneFileSettings.load().paused:
            break
        sleep(LOOK_AGAIN)
    run.refresh_from_db()
    return run


def work(run_pk: str, *, sleep: Callable[[float], None] = time.sleep) -> str:
    """Process a run for a limited time and queue a new task for the rest. Returns a short text without names."""
    if not heartbeat.beat():
        return "clock wrong"
    leases.recover_expired()
    run = SyncRun.objects.filter(pk=run_pk).first()
    if run is None:
        return "gone"
    seconds = deployment.task_seconds
    until = time.monotonic() + seconds
    is_finished = work_on(
        run,
        _retry_policy_for(run),
        time_is_up=lambda: time.monotonic() > until,
        too_long=lambda wait: time.monotonic() + wait > until + seconds,
        sleep=sleep,
    )
    if not is_finished and OneFileSettings.load().paused:
        return "paused"
    if not is_finished:
        queue.enqueue(run, tasks=1)
    # After the work, so that two runs cannot keep queueing each other.
    _hand_out(lifecycle.stalled_runs().exclude(pk=run.pk))
    return "finished" if is_finished else "to be continued"


def _retry_policy_for(run: SyncRun) -> RetryPolicy:
    return RetryPolicy.unattended() if run.kind == RunKind.DAILY else RetryPolicy.person()


def sweep() -> int:
    """Recover what killed workers left behind and the queue has lost. Returns the number of runs queued again."""
    if not heartbeat.beat():
        return 0
    leases.recover_expired()
    return 0 if OneFileSettings.load().paused else _hand_out(lifecycle.stalled_runs())


def resume() -> int:
    """Queue every waiting run again, after a pause or after the queue was lost. Returns how many."""
    leases.recover_expired()
    return _hand_out(lifecycle.waiting())


def apply_held(run: SyncRun, by: Any) -> bool:
    """Continue a held run and queue it. Returns false if the run is not held."""
    applied = lifecycle.apply_held(run, by)
    if applied:
        queue.enqueue(run)
    return applied


def _hand_out(waiting: QuerySet[SyncRun]) -> int:
    runs_waiting = list(waiting)
    for run in runs_waiting:
        events.info("run_queued_again", run=run.pk)
        queue.enqueue(run)
    return len(runs_waiting)
