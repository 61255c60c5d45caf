"""Works on a run: one learner after the other, claimed from the ledger, until nobody is left or time is up."""

from __future__ import annotations

import time
from collections.abc import Callable

from onefile_sync import events
from onefile_sync.models import OneFileSettings, OutcomeState, SyncRun
from onefile_sync.onefile.errors import OneFileError
from onefile_sync.onefile.patience import Patience

from . import claims, runs
from .connect import NotConnected, connect
from .exchange import Exchange

#: Seconds between two looks when every learner who is left is being worked on by somebody else.
LOOK_AGAIN = 1.0
#: So many learners of a refresh may go ahead of the daily sync.
AT_A_GLANCE = 20


def work_on(
    run: SyncRun,
    patience: Patience,
    *,
    time_is_up: Callable[[], bool] = lambda: False,
    too_long: Callable[[float], bool] = lambda _seconds: False,
    after_each: Callable[[], None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Work on a run until nothing is left to do here (it may be held); ``False`` when time was up or we are paused.

    No new learner is begun once ``time_is_up``; one under way is put back into the queue rather than waited for
    ``too_long`` (seconds).

    What would meet every learner alike (no token, OneFile unreachable) ends the run for all who are left.
    """
    settings = OneFileSettings.load()
    current: claims.Claim | None = None
    if run.state not in runs.AT_WORK:
        return True  # a task that was delivered late, or again

    def hold_on(seconds: float) -> None:
        if too_long(seconds):
            raise claims.TimeIsUp
        if current is not None:
            current.renew()

    try:
        onefile = connect(
            settings,
            patience,
            before_each_call=hold_on,
            sleep=sleep,
            for_a_person=_somebody_waits_for(run),
        )
    except NotConnected as reason:
        _give_up(run, reason.code)
        runs.settle(run)
        return True  # nobody is left for us; whoever is being worked on elsewhere closes the run
    connected_to = _connection(settings)
    try:
        while not time_is_up():
            settings = OneFileSettings.load()
            if settings.paused or _connection(settings) != connected_to:
                return False  # somebody changed where to, or as whom: the next task signs in afresh
            if not settings.enabled:
                _give_up(run, "off")
            if runs.settle(run):
                return True
            current = claims.claim_next(run)
            if current is None:
                sleep(LOOK_AGAIN)
                claims.sweep()
                continue
            exchange = Exchange(current, onefile, settings, preview=run.is_preview, puts_aside=run.puts_aside)
            try:
                exchange.carry_out()
            except claims.LostClaim:
                events.warning("claim_lost", run=run.pk, outcome=current.outcome.pk)
            except claims.PutBack:
                return False
            except OneFileError as error:
                _give_up(run, error.code)
            after_each()
    finally:
        onefile.transport.close()
    return runs.settle(run)


def _connection(settings: OneFileSettings) -> tuple[str, str]:
    return settings.environment, settings.encrypted_customer_token


def _somebody_waits_for(run: SyncRun) -> bool:
    """Whether a person watches: a bulk refresh is for the coffee break, and takes its turn with the daily sync."""
    return run.is_for_a_person and run.outcomes.all()[: AT_A_GLANCE + 1].count() <= AT_A_GLANCE


def _give_up(run: SyncRun, code: str) -> None:
    """What would meet every learner alike ends the run for all who wait."""
    events.warning("run_given_up", run=run.pk, code=code)
    runs.give_up(run, OutcomeState.FAILED, code)
