"""Processes a run until no learner is left or time is up.

A run that reads everyone first reads OneFile's lists and compares learners in bulk; the learners who remain are
exchanged one by one. Such a run uses several threads, except on SQLite, so that waiting for OneFile's answers does not
leave the permitted rate unused.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Event

from django.db import connection, connections

from onefile_sync import events, host
from onefile_sync.conf import deployment
from onefile_sync.models import OneFileSettings, OutcomeState, RunKind, SyncRun
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.errors import OneFileError
from onefile_sync.onefile.retry import RetryPolicy
from onefile_sync.transactions import drop_closed_connections

from .bulk import compare, listings
from .connection import assessors, id_owner
from .connection.rate_limit import RateLimitLost
from .connection.session import NotConnected, connect
from .learner.exchange import Exchange
from .learner.sources import LiveSource
from .runs import leases, lifecycle

#: Does one step of a run: returns false if other workers have claimed all that remain. It is given the run, a client,
#: and a function that says whether time is up, and raises as :func:`onefile_sync.sync.bulk.listings.read_on` does.
Step = Callable[[SyncRun, OneFile, Callable[[], bool]], bool]
#: The steps of runs without learners, by the kind of run. The packages above this one add theirs.
STEPS: dict[str, Step] = {}
#: What other kinds of runs do with each of their learners, and what they read before the first one.
EXCHANGES: dict[str, type[Exchange]] = {}
READ_FIRST: dict[str, Step] = {}

#: Seconds between two checks while other workers process the last learners.
LOOK_AGAIN = 1.0
#: Seconds between two checks while other workers read the last pages or records.
LOOK_SOON = 0.5
#: Refusals for the rate limit after which a run gives up reading for everyone.
MOST_REFUSALS = 40
#: Maximum number of learners in a refresh whose calls go ahead of the daily sync's.
AT_A_GLANCE = 20


def work_on(
    run: SyncRun,
    retry_policy: RetryPolicy,
    *,
    time_is_up: Callable[[], bool] = lambda: False,
    too_long: Callable[[float], bool] = lambda _seconds: False,
    after_each: Callable[[], None] = lambda: None,
    after_piece: Callable[[], None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Process a run until nothing is left to do here, or it is held; ``False`` if time is up or we are paused.

    After ``time_is_up`` nothing new is begun. A learner being processed is queued again if a call would have to wait
    ``too_long`` (seconds).

    A failure that would affect every learner (no token, OneFile unreachable) ends the run for all remaining learners.
    """
    if run.state not in lifecycle.AT_WORK:
        return True  # the task was delivered late, or twice
    lifecycle.start(run)

    stopping = Event()

    def is_over() -> bool:
        return stopping.is_set() or time_is_up()

    def hand() -> bool:
        ours = SyncRun.objects.get(pk=run.pk)
        return WorkerThread(ours, retry_policy, is_over, too_long, after_each, after_piece, sleep).work()

    by_pieces = run.reads_everyone or run.has_no_learners
    hands = deployment.calls_at_once if by_pieces and connection.vendor != "sqlite" else 1
    if hands == 1:
        return hand()
    with ThreadPoolExecutor(hands) as threads:
        working = [threads.submit(_with_a_connection_of_its_own, hand) for _hand in range(hands)]
        try:
            wait(working, return_when=FIRST_EXCEPTION)
        finally:
            stopping.set()  # if one thread failed or Ctrl-C was pressed, the others stop as well
    drop_closed_connections()  # this thread's own connection was idle meanwhile
    return all([each.result() for each in working])  # noqa: C419 - result() must be called on all, as it may raise


def _with_a_connection_of_its_own(hand: Callable[[], bool]) -> bool:
    try:
        return hand()
    finally:
        connections.close_all()


@dataclass(slots=True)
class WorkerThread:
    """Processes one piece of work after the other, with its own client."""

    run: SyncRun
    retry_policy: RetryPolicy
    time_is_up: Callable[[], bool]
    too_long: Callable[[float], bool]
    after_each: Callable[[], None]
    after_piece: Callable[[], None]
    sleep: Callable[[float], None]
    current: leases.Claim | None = None
    all_surveyed: bool = False
    names_wait: bool = False

    def work(self) -> bool:
        settings = OneFileSettings.load()
        if not settings.paused and host.is_a_row_missing():
            self.give_up("row_missing")
            lifecycle.advance(self.run)
            return True
        try:
            onefile = connect(
                settings,
                self.retry_policy,
                before_each_call=self.hold_on,
                sleep=self.sleep,
                for_a_person=_somebody_waits_for(self.run),
            )
        except NotConnected as reason:
            lifecycle.note_environment(self.run, settings, unless_known=True)
            self.give_up(reason.code)
            lifecycle.advance(self.run)
            return True  # nothing is left for us; the last worker to process a learner closes the run
        lifecycle.note_environment(self.run, settings)
        connected_to = _connection(settings)
        try:
            if not self.belongs_here(onefile, settings):
                return lifecycle.advance(self.run)
            while not self.time_is_up():
                settings = OneFileSettings.load()
                if settings.paused or _connection(settings) != connected_to:
                    return False  # the next task signs in again, or ends the run if the OneFile is another
                if not settings.enabled:
                    self.give_up("off")
                if lifecycle.advance(self.run):
                    return True
                lifecycle.note_policy(self.run, settings)
                if not self.next_thing(onefile, settings):
                    return False
        finally:
            onefile.transport.close()
        return lifecycle.advance(self.run)

    def belongs_here(self, onefile: OneFile, settings: OneFileSettings) -> bool:
        """Whether PICSWeb's OneFile IDs belong to this OneFile. If not, the run is given up, or the task ends."""

        def customer_id() -> int:
            with listings.counted(self.run, onefile):
                return onefile.customer().id

        try:
            code = id_owner.confirm(settings, customer_id)
        except (leases.TimeIsUp, RateLimitLost):
            return False
        except OneFileError as error:
            if error.code == "rate_limited":
                return False
            code = error.code
        if code is not None:
            self.give_up(code)
        return code is None

    def next_thing(self, onefile: OneFile, settings: OneFileSettings) -> bool:
        """Do the next piece of work. Returns false to end the task, as OneFile accepts no more calls for now."""
        run = self.run
        if run.has_no_learners:
            return self.read(onefile, STEPS[run.kind])
        if run.reads_everyone and run.read_at is None:
            return self.read(onefile, listings.read_on)
        if run.kind in READ_FIRST and run.read_at is None:
            return self.read(onefile, READ_FIRST[run.kind])
        if run.reads_everyone and not self.all_surveyed:
            ended = compare.survey(run, settings, lambda ids: self.learn_names(onefile, ids))
            self.all_surveyed = ended is None
            for _learner in range(ended or 0):
                self.after_each()
            return True
        self.current = leases.claim_next(run)
        if self.current is None:
            self.wait_for_others()
            return True
        return self.exchange(self.current, onefile, settings)

    def read(self, onefile: OneFile, do_step: Step) -> bool:
        self.current = None
        try:
            if not do_step(self.run, onefile, self.time_is_up):
                self.sleep(LOOK_SOON)
            self.after_piece()
        except (leases.TimeIsUp, RateLimitLost):
            return False
        except OneFileError as error:
            if error.code == "rate_limited" and self.run.rate_limited < MOST_REFUSALS:
                return False
            self.give_up(error.code)
        return True

    def learn_names(self, onefile: OneFile, ids: set[int]) -> None:
        """Read names of assessors for problems. If OneFile accepts no more calls for now, do without them."""
        if self.names_wait:
            return
        try:
            with listings.counted(self.run, onefile):
                assessors.learn_names(onefile, ids)
        except (leases.TimeIsUp, RateLimitLost, OneFileError):
            self.names_wait = True

    def exchange(self, claim: leases.Claim, onefile: OneFile, settings: OneFileSettings) -> bool:
        pk, run = claim.outcome.learner_pk, self.run
        source = compare.staged_for(run, [pk], LiveSource(onefile)).get(pk) if run.reads_everyone else None
        exchange = EXCHANGES.get(run.kind, Exchange)(
            claim, onefile, settings, preview=run.is_preview, puts_aside=run.puts_aside, source=source
        )
        try:
            exchange.carry_out()
        except leases.LostClaim:
            lifecycle.count_calls(run, **exchange.cost())
            events.warning("claim_lost", run=run.pk, outcome=claim.outcome.pk)
        except leases.PutBack:
            return False
        except OneFileError as error:
            self.give_up(error.code)
        self.after_each()
        return True

    def hold_on(self, seconds: float) -> None:
        if self.too_long(seconds):
            raise leases.TimeIsUp
        if self.current is not None:
            self.current.renew()

    def wait_for_others(self) -> None:
        self.sleep(LOOK_AGAIN)
        leases.recover_expired()

    def give_up(self, code: str) -> None:
        """End the run for all remaining learners, because of a failure that would affect each of them."""
        events.warning("run_given_up", run=self.run.pk, code=code)
        lifecycle.give_up(self.run, OutcomeState.FAILED, code)


def _connection(settings: OneFileSettings) -> tuple[str, str, int | None]:
    return settings.environment, settings.encrypted_customer_token, settings.moving_to_id


def _somebody_waits_for(run: SyncRun) -> bool:
    """Whether a person is waiting for the run. A refresh of many learners has no priority over the daily sync."""
    if run.kind in (RunKind.LISTS, RunKind.LINKS):
        return True
    return run.is_for_a_person and run.outcomes.all()[: AT_A_GLANCE + 1].count() <= AT_A_GLANCE
