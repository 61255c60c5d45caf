"""The budget of calls that all processes share: evenly spaced, people first, slower after a refusal (decision 2).

The algorithm is GCRA, the generic cell rate algorithm (a leaky bucket as a meter), delaying calls instead of refusing
them: ``next_call_at`` is its theoretical arrival time, the spacing its emission interval. Ours are two additions: only
people have its tolerance, so that they go first; and after a 429 the interval grows, and recovers little by little.

What to do is decided by pure functions on a :class:`RateLimitState`; where the state lies (our own table, or Redis
where it is the queue's broker) makes no difference to them.
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
#: The longest pause that a 429 can mean, and how far ahead places are ever taken.
LONGEST_WAIT, LONGEST_QUEUE = timedelta(seconds=LONGEST_PAUSE), 2 * MINUTE
#: Seconds after which whoever is not a person takes a place although people stand before it.
INSISTS_AFTER = 5.0
#: Per cent of the allowed calls that are spaced evenly. The others let people go ahead of their turn.
SPACED = 97
#: … of which there are so many at the least: both ends of a minute count, and one place may be made up for.
SPARE = 2
#: Of those others, how many nobody may use: both ends of a minute count, one place may be made up for, and two calls
#: may arrive a little late.
KEPT_FREE = 4
#: How many places nobody wanted may still be taken afterwards, so that a late process does not leave the rate unused.
MADE_UP_FOR = 1
#: After a 429 we call at this share of the rate that met it, at the least at the other, and gain so much a minute.
SLOWER, SLOWEST, RECOVERY = 0.75, 0.1, 0.01


ONE_HAND_AT_A_TIME = threading.Lock()


class RateLimitLost(Exception):
    """The shared state cannot be reached, so nobody knows whose turn it is."""


@dataclass(frozen=True, slots=True)
class RateLimitState:
    """Whose turn is when. ``share`` is the part of the allowed rate that was in use at ``slowed_at``."""

    next_call_at: datetime | None = None
    paused_until: datetime | None = None
    share: float = 1.0
    slowed_at: datetime | None = None


def throttle_at(state: RateLimitState, now: datetime) -> float:
    """The part of the allowed rate in use now: it recovers little by little from what a 429 made of it."""
    if state.slowed_at is None:
        return 1.0
    minutes = max(now - state.slowed_at, timedelta()) / MINUTE
    return min(1.0, state.share + RECOVERY * minutes)


@dataclass(frozen=True, slots=True)
class Reservation:
    """How many seconds off a place in the queue is, reckoned with a pause until ``paused_until``.

    One that is not ``taken`` is too far off: ``look_again`` after so many seconds.
    """

    seconds: float
    paused_until: datetime | None
    taken: bool = True
    look_again: float = 0.0


def reserve(
    state: RateLimitState, now: datetime, calls_per_minute: int, *, ahead: bool, insists: bool = False
) -> tuple[RateLimitState, Reservation]:
    """The next place in the queue of all calls.

    Everybody's call moves the queue on by one place. A person's may go ``ahead`` of its turn by as many places as the
    allowed number leaves free. Everyone else takes a place only when it is the very next one: so nobody stands between
    a person and OneFile, and the queue catches up before others call again. Whoever ``insists`` takes a place all the
    same, at the end of the queue: people go first, and not for ever.

    A place or a pause further off than there can be any is what a wrong clock has left behind, and does not count.
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
    """After a 429: nobody calls for so long, and then more slowly, as somebody else seems to use the same token.

    The calls that were under way when the first was refused are refused as well, and say nothing new.
    """
    until = now + timedelta(seconds=seconds)
    if state.paused_until is not None and state.paused_until > now:
        return replace(state, paused_until=max(until, state.paused_until))
    share = max(SLOWEST, throttle_at(state, now) * SLOWER)
    return replace(state, paused_until=until, share=share, slowed_at=until)


class Store(Protocol):
    """Where all processes find the state. Both methods raise :class:`RateLimitLost`."""

    def read(self) -> RateLimitState: ...

    def change(self, how: Callable[[RateLimitState], tuple[RateLimitState, Answer]]) -> Answer:
        """Replace the state by what ``how`` makes of it, as if nobody else did at that moment.

        ``how`` may be called several times and may raise: then nothing is changed.
        """


class DatabaseStore:
    """The state in the one row of :class:`onefile_sync.models.ApiSession`, locked while it is changed."""

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
    """The state under one key, changed by redis-py's own optimistic transaction. ``connection`` is its client."""

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
    """Redis where it is django-q2's broker, else our own table."""
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
    """The rate limit as one caller sees it.

    ``for_a_person``: somebody is watching, so the call may go ahead of its turn. ``before_each_call`` is told for how
    many seconds the call will wait, and may raise: then no place is taken.
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
        """Wait for the next place in the queue of all processes; for another one, if all are paused meanwhile."""
        if self.for_a_person or self.calls_per_minute is None:
            self._wait()
        else:
            with ONE_HAND_AT_A_TIME:  # of a process: the others would only take turns in looking
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
        """Nobody calls for so long."""
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
