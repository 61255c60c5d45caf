"""The rate limit that all processes share: evenly spaced calls, people first, slower after a 429 (decision 2).

The algorithm is GCRA, the generic cell rate algorithm (a leaky bucket as a meter), but calls are delayed instead of
refused: ``next_call_at`` is its theoretical arrival time, the spacing its emission interval. We add two things: only
people get its tolerance, so that they go first; and after a 429 the interval grows, then recovers gradually.

Pure functions on a :class:`RateLimitState` decide. The state is stored in our own table, or in Redis where that is the
queue's broker.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Protocol, TypeVar

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from onefile_sync.models import ApiSession
from onefile_sync.onefile.transport import LONGEST_PAUSE
from onefile_sync.transactions import retried

Answer = TypeVar("Answer")

MINUTE = timedelta(minutes=1)
#: The longest pause after a 429, and how far ahead a call may be reserved.
LONGEST_WAIT, LONGEST_QUEUE = timedelta(seconds=LONGEST_PAUSE), 2 * MINUTE
#: Seconds after which an unattended caller reserves a call at the end of the queue, although people are waiting.
INSISTS_AFTER = 5.0
#: Percentage of the allowed calls that are spaced evenly. The rest lets people go ahead of their turn.
SPACED = 97
#: Minimum number of calls per minute not spaced evenly: both ends of a minute count, and :data:`MADE_UP_FOR`.
SPARE = 2
#: Calls per minute that nobody may use: both ends of a minute count, one may be made up for, and two may arrive late.
KEPT_FREE = 4
#: Unused turns that may be made up for, so that a slightly late process does not waste them.
MADE_UP_FOR = 1
#: After a 429: the factor for the current share of the rate, the minimum share, and the share regained per minute.
SLOWER, SLOWEST, RECOVERY = 0.75, 0.1, 0.01


ONE_HAND_AT_A_TIME = threading.Lock()


class RateLimitLost(Exception):
    """The shared state cannot be reached, so no call may be made."""


@dataclass(frozen=True, slots=True)
class RateLimitState:
    """When the next call may be made. ``share`` is the fraction of the allowed rate in use at ``slowed_at``."""

    next_call_at: datetime | None = None
    paused_until: datetime | None = None
    share: float = 1.0
    slowed_at: datetime | None = None


def throttle_at(state: RateLimitState, now: datetime) -> float:
    """The fraction of the allowed rate in use now. It recovers gradually after a 429."""
    if state.slowed_at is None:
        return 1.0
    minutes = max(now - state.slowed_at, timedelta()) / MINUTE
    return min(1.0, state.share + RECOVERY * minutes)


@dataclass(frozen=True, slots=True)
class Reservation:
    """A turn in the queue of calls, in ``seconds`` from now, including a pause until ``paused_until``.

    If it is not ``taken``, it was too far ahead to be reserved; try again after ``look_again`` seconds.
    """

    seconds: float
    paused_until: datetime | None
    taken: bool = True
    look_again: float = 0.0


def reserve(
    state: RateLimitState, now: datetime, calls_per_minute: int, *, ahead: bool, insists: bool = False
) -> tuple[RateLimitState, Reservation]:
    """Reserve the next turn in the queue of all calls.

    Every call moves the queue on by one turn. A person's call may go ``ahead`` of its turn by as many turns as the
    limit leaves free. Other callers reserve a turn only if it is due next, so that they never delay a person, and the
    queue catches up before they call again. A caller that ``insists`` reserves a turn at the end of the queue, so that
    people cannot hold it up indefinitely.

    A turn or a pause that is implausibly far ahead was left behind by a wrong clock and is ignored.
    """
    state = _believable(state, now)
    spaced = max(min(calls_per_minute * SPACED / 100, calls_per_minute - SPARE), calls_per_minute / 2)
    spacing = MINUTE / (spaced * throttle_at(state, now))
    free = max(0, calls_per_minute * (100 - SPACED) // 100 - KEPT_FREE)
    turn = max(state.next_call_at or now, now - MADE_UP_FOR * spacing)
    goes = max(now, turn - free * spacing if ahead else turn)
    if state.paused_until is not None and state.paused_until > goes:
        goes = state.paused_until
        turn = max(turn, goes)
    seconds = (goes - now).total_seconds()
    if not (ahead or insists) and goes - now > spacing:
        look_again = (goes - now - spacing).total_seconds()
        return state, Reservation(seconds, state.paused_until, taken=False, look_again=look_again)
    return replace(state, next_call_at=turn + spacing), Reservation(seconds, state.paused_until)


def _believable(state: RateLimitState, now: datetime) -> RateLimitState:
    if state.next_call_at is not None and state.next_call_at - now > LONGEST_QUEUE + LONGEST_WAIT:
        state = replace(state, next_call_at=None)
    if state.paused_until is not None and state.paused_until - now > LONGEST_WAIT:
        state = replace(state, paused_until=None)
    return state


def pause(state: RateLimitState, now: datetime, seconds: float) -> RateLimitState:
    """After a 429: hold back all calls for ``seconds``, then slow down, as another program seems to use the token.

    Further calls that were already being made are refused as well; they do not slow us down again.
    """
    until = now + timedelta(seconds=seconds)
    if state.paused_until is not None and state.paused_until > now:
        return replace(state, paused_until=max(until, state.paused_until))
    share = max(SLOWEST, throttle_at(state, now) * SLOWER)
    return replace(state, paused_until=until, share=share, slowed_at=until)


class Store(Protocol):
    """Stores the state for all processes. Both methods raise :class:`RateLimitLost`."""

    def read(self) -> RateLimitState: ...

    def change(self, how: Callable[[RateLimitState], tuple[RateLimitState, Answer]]) -> Answer:
        """Replace the state by the result of ``how``, atomically, and return the answer of ``how``.

        ``how`` may be called several times. If it raises, nothing is changed.
        """


class DatabaseStore:
    """Stores the state in the single row of :class:`onefile_sync.models.ApiSession`, locked while it is changed."""

    def read(self) -> RateLimitState:
        row = ApiSession.objects.filter(pk=1).first()
        return RateLimitState() if row is None else _state_of(row)

    @retried
    def change(self, how: Callable[[RateLimitState], tuple[RateLimitState, Answer]]) -> Answer:
        with transaction.atomic():
            row = ApiSession.objects.select_for_update().filter(pk=1).first()
            if row is None:
                ApiSession.objects.get_or_create(pk=1)
                row = ApiSession.objects.select_for_update().get(pk=1)
            before = _state_of(row)
            after, answer = how(before)
            if after != before:
                ApiSession.objects.filter(pk=1).update(**asdict(after))
        return answer


def _state_of(row: ApiSession) -> RateLimitState:
    return RateLimitState(row.next_call_at, row.paused_until, row.share, row.slowed_at)


class RedisStore:
    """Stores the state under one key, changed in redis-py's optimistic transaction. ``connection`` is its client."""

    def __init__(self, connection: Any, key: str) -> None:
        self.connection = connection
        self.key = key

    def read(self) -> RateLimitState:
        from redis.exceptions import RedisError

        try:
            return _from_json(self.connection.get(self.key))
        except RedisError:
            raise RateLimitLost from None

    def change(self, how: Callable[[RateLimitState], tuple[RateLimitState, Answer]]) -> Answer:
        from redis.exceptions import RedisError

        def step(pipe: Any) -> Answer:
            state, answer = how(_from_json(pipe.get(self.key)))
            pipe.multi()
            pipe.set(self.key, _to_json(state))
            return answer

        try:
            answer: Answer = self.connection.transaction(step, self.key, value_from_callable=True)
        except RedisError:
            raise RateLimitLost from None
        return answer


def _to_json(state: RateLimitState) -> str:
    return json.dumps(asdict(state), default=datetime.isoformat)


def _from_json(written: bytes | None) -> RateLimitState:
    values = json.loads(written or "{}")
    for name in ("next_call_at", "paused_until", "slowed_at"):
        values[name] = values.get(name) and datetime.fromisoformat(values[name])
    return RateLimitState(**values)


def shared_store() -> Store:
    """Redis if it is django-q2's broker, else our own table."""
    cluster = settings.Q_CLUSTER
    if cluster.get("redis") and not cluster.get("orm"):
        return _redis_store()
    return DatabaseStore()


@cache
def _redis_store() -> RedisStore:
    from django_q.brokers.redis_broker import Redis
    from django_q.conf import Conf

    return RedisStore(Redis.get_connection(), f"{Conf.PREFIX}:onefile_sync:pace")


class SharedRateLimiter:
    """The rate limit for one caller.

    ``for_a_person``: a person is waiting, so calls may go ahead of their turn. ``before_each_call`` receives the
    seconds that the call will wait; if it raises, no turn is reserved.
    """

    def __init__(
        self,
        calls_per_minute: int | None,
        before_each_call: Callable[[float], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        *,
        for_a_person: bool = False,
        store: Store | None = None,
    ) -> None:
        self.calls_per_minute = calls_per_minute
        self.before_each_call = before_each_call
        self.sleep = sleep
        self.for_a_person = for_a_person
        self.store = store or shared_store()

    def wait(self) -> None:
        """Wait for the next turn in the queue of all processes; for another one, if a pause begins meanwhile."""
        if self.for_a_person or self.calls_per_minute is None:
            self._wait()
        else:
            with ONE_HAND_AT_A_TIME:  # one thread per process is enough to poll the shared state
                self._wait()

    def _wait(self) -> None:
        waited = 0.0
        while True:
            place = self._next_place(insists=waited >= INSISTS_AFTER)
            if not place.taken:
                self.sleep(min(place.look_again, INSISTS_AFTER))
                waited += min(place.look_again, INSISTS_AFTER)
                continue
            if place.seconds <= 0:
                return
            self.sleep(place.seconds)
            if self.store.read().paused_until == place.paused_until:
                return

    def pause(self, seconds: float) -> None:
        """Hold back the calls of all processes for ``seconds``."""
        self.store.change(lambda state: (pause(state, timezone.now(), seconds), None))

    def _next_place(self, *, insists: bool) -> Reservation:
        now, calls_per_minute = timezone.now(), self.calls_per_minute
        if calls_per_minute is None:
            paused_until = _believable(self.store.read(), now).paused_until
            seconds = (paused_until - now).total_seconds() if paused_until else 0.0
            return self._accept(Reservation(max(0.0, seconds), paused_until))

        def take(state: RateLimitState) -> tuple[RateLimitState, Reservation]:
            state, place = reserve(
                state, timezone.now(), calls_per_minute, ahead=self.for_a_person, insists=insists
            )
            return state, self._accept(place)

        return self.store.change(take)

    def _accept(self, place: Reservation) -> Reservation:
        if self.before_each_call is not None:
            self.before_each_call(place.seconds)
        return place
