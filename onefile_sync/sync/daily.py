"""Sets runs going: by hand, by the schedule, by a worker's task; and stops them, holds them, lets them go on."""

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
    """The day on the wall where the learners are."""
    return timezone.localdate(timezone=deployment.time_zone)


def check_here() -> None:
    """See that nothing stands in the way of working on a run in this process. Raises :class:`Refused`."""
    check_setup()
    if not heartbeat.clock_is_right():
        raise Refused(CLOCK_WRONG)


def start_daily(*, new_run: bool = False, by: Any = None) -> SyncRun:
    """The open daily run, or a new one with everyone in scope (R2). Not queued: see :func:`perform`.

    ``new_run`` ends an open one first; its learners who are still waiting are recorded as skipped. The safety stop
    does not guard the first sync ever, which somebody starts by hand to put the integration into use: until then
    everybody's values differ. Raises :class:`Refused`, also where the open run is held.
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
    """What the schedule does: queue today's daily run once, whatever number of times the queue delivers it.

    A run of an earlier day that is still held makes room: what it would do is compared anew. Also takes up whatever
    an earlier worker left behind. Returns a short text for django-q2's list of tasks.
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
    """Work on a run in this process until it is closed or held; other workers may be at it too.

    ``after_each`` is called for each learner who is done, ``after_piece`` while OneFile is read for everyone.

    Raises :class:`Refused` where this machine's clock is wrong.
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
    """A worker's share of a run: a bounded time of work, and a new task for the rest. Ids and codes only."""
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
    """Take up what workers left behind and what the queue has lost. Returns how many runs were handed out again."""
    if not heartbeat.beat():
        return 0
    leases.recover_expired()
    return 0 if OneFileSettings.load().paused else _hand_out(lifecycle.stalled_runs())


def resume() -> int:
    """Hand every waiting run to the workers again: after a pause, or after the queue was lost. Returns how many."""
    leases.recover_expired()
    return _hand_out(lifecycle.waiting())


def apply_held(run: SyncRun, by: Any) -> bool:
    """Let a held run go on; false where it is not held (any more)."""
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
