"""Works on a run: one learner after the other, claimed from the ledger, until nobody is left or time is up."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from onefile_sync.models import OneFileSettings, OutcomeState, SyncRun
from onefile_sync.onefile.errors import OneFileError
from onefile_sync.onefile.transport import Patience

from . import ledger
from .connect import NotConnected, connect
from .exchange import Exchange

logger = logging.getLogger("onefile_sync")

#: Seconds between two looks when every learner who is left is being worked on by somebody else.
LOOK_AGAIN = 1.0


def work_on(
    run: SyncRun,
    patience: Patience,
    *,
    time_is_up: Callable[[], bool] = lambda: False,
    too_long: Callable[[float], bool] = lambda _seconds: False,
    after_each: Callable[[], None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Work on a run until nothing is left to do here; ``False`` when time was up or we are paused.

    No new learner is begun once ``time_is_up``; one under way is put back into the queue rather than waited for
    ``too_long`` (seconds).

    What would meet every learner alike (no token, OneFile unreachable) ends the run for all who are left.
    """
    settings = OneFileSettings.load()
    current: ledger.Claim | None = None

    def hold_on(seconds: float) -> None:
        if too_long(seconds):
            raise ledger.TimeIsUp
        if current is not None:
            current.renew()

    try:
        onefile = connect(settings, patience, before_each_call=hold_on, sleep=sleep)
    except NotConnected as reason:
        ledger.give_up(run, OutcomeState.FAILED, reason.code)
        return True  # nobody is left for us; whoever is being worked on elsewhere closes the run
    try:
        while not time_is_up():
            settings = OneFileSettings.load()
            if settings.paused:
                return False
            if not settings.enabled:
                ledger.give_up(run, OutcomeState.FAILED, "off")
            if ledger.close_if_done(run):
                return True
            current = ledger.claim_next(run)
            if current is None:
                sleep(LOOK_AGAIN)
                ledger.sweep()
                continue
            try:
                Exchange(current, onefile, settings, preview=run.is_preview).carry_out()
            except ledger.LostClaim:
                logger.warning("run %s: the lease on outcome %s ran out", run.pk, current.outcome.pk)
            except ledger.PutBack:
                return False
            except OneFileError as error:
                logger.warning("run %s: given up: %s", run.pk, error.code)
                ledger.give_up(run, OutcomeState.FAILED, error.code)
            after_each()
    finally:
        onefile.transport.close()
    return ledger.close_if_done(run)
