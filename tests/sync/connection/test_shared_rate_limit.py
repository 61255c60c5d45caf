"""The rate limit as each process sees it, stored in our own table or in Redis."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from redis.exceptions import ConnectionError as RedisConnectionError

from onefile_sync.models import ApiSession
from onefile_sync.sync.connection import rate_limit
from onefile_sync.sync.connection.rate_limit import (
    DatabaseStore,
    RateLimitLost,
    RateLimitState,
    RedisStore,
    SharedRateLimiter,
    pause,
    shared_store,
    throttle_at,
)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Process:
    """A process with its own rate limiter over the shared row; its waiting moves the clock."""

    def __init__(
        self, now: time_machine.Traveller, calls_per_minute: int | None, *, for_a_person: bool = False
    ) -> None:
        self.now = now
        self.waits: list[float] = []
        self.meanwhile: list[Callable[[], None]] = []
        self.rate_limiter = SharedRateLimiter(calls_per_minute, None, self.sleep, for_a_person=for_a_person)

    def sleep(self, seconds: float) -> None:
        """``meanwhile`` is called half-way through the wait."""
        self.waits.append(round(seconds, 6))
        self.now.shift(seconds / 2)
        if self.meanwhile:
            self.meanwhile.pop(0)()
        self.now.shift(seconds / 2)


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def seconds_since_noon() -> float:
    return (datetime.now(UTC) - NOON).total_seconds()


#: Seconds between two calls at 120 a minute.
APART = pytest.approx(60 / (120 * 0.97), abs=1e-5)


@pytest.mark.django_db
class TestSharedPace:
    def test_spaces_calls_evenly(self, now: time_machine.Traveller) -> None:
        process = Process(now, calls_per_minute=120)

        for _call in range(4):
            process.rate_limiter.wait()

        assert process.waits == [APART, APART, APART]

    def test_makes_up_for_one_call_and_saves_up_no_others(self, now: time_machine.Traveller) -> None:
        process = Process(now, calls_per_minute=120)
        process.rate_limiter.wait()
        now.shift(60)

        for _call in range(3):
            process.rate_limiter.wait()

        assert process.waits == [APART]

    def test_is_one_for_all_processes(self, now: time_machine.Traveller) -> None:
        one, other = Process(now, 120), Process(now, 120)

        for process in (one, other, one, other):
            process.rate_limiter.wait()

        assert (one.waits, other.waits) == ([APART], [APART, APART])
        assert ApiSession.objects.count() == 1

    @pytest.mark.parametrize("for_a_person", [True, False])
    def test_a_pause_makes_everybody_wait_and_go_slower(
        self, now: time_machine.Traveller, for_a_person: bool
    ) -> None:
        one, other = Process(now, 120), Process(now, 120, for_a_person=for_a_person)
        one.rate_limiter.wait()
        one.rate_limiter.pause(30)

        other.rate_limiter.wait()
        assert sum(other.waits) == pytest.approx(30, abs=1e-5)

        one.rate_limiter.wait()
        assert one.waits == [pytest.approx(60 / (120 * 0.97 * 0.75), abs=1e-5)]

    @pytest.mark.parametrize("for_a_person", [True, False])
    @pytest.mark.parametrize("limit", [120, 300])
    def test_a_caller_waiting_for_a_turn_when_a_429_arrives_waits_for_the_pause_too(
        self, now: time_machine.Traveller, for_a_person: bool, limit: int
    ) -> None:
        sleeper, refused = Process(now, limit, for_a_person=for_a_person), Process(now, limit)
        for _call in range(10):
            sleeper.rate_limiter.wait()
        assert sleeper.waits
        refused_at = []

        def refuse() -> None:
            refused_at.append(seconds_since_noon())
            refused.rate_limiter.pause(30)

        sleeper.meanwhile = [refuse]
        sleeper.rate_limiter.wait()

        assert seconds_since_noon() >= refused_at[0] + 30

    def test_a_caller_waiting_for_a_pause_waits_longer_if_it_is_extended(
        self, now: time_machine.Traveller
    ) -> None:
        sleeper, refused = Process(now, 120, for_a_person=True), Process(now, 120)
        refused.rate_limiter.pause(30)
        sleeper.meanwhile = [lambda: refused.rate_limiter.pause(60)]

        sleeper.rate_limiter.wait()

        assert seconds_since_noon() == pytest.approx(15 + 60, abs=1e-5)

    def test_several_refusals_of_one_incident_slow_down_once(self, now: time_machine.Traveller) -> None:
        one, other = Process(now, 120), Process(now, 120)
        for process in (one, other, one, other):
            process.rate_limiter.pause(60)
            now.shift(0.5)

        assert throttle_at(DatabaseStore().read(), NOON) == pytest.approx(0.75)

        now.shift(120)
        one.rate_limiter.pause(60)
        assert DatabaseStore().read().share == pytest.approx(0.75 * 0.75, abs=0.01)

    def test_the_longest_pause_counts(self, now: time_machine.Traveller) -> None:
        process = Process(now, None)
        process.rate_limiter.pause(60)
        process.rate_limiter.pause(10)

        process.rate_limiter.wait()

        assert process.waits == [60]

    def test_without_a_limit_calls_wait_only_for_a_pause(self, now: time_machine.Traveller) -> None:
        process = Process(now, None)
        process.rate_limiter.wait()
        process.rate_limiter.wait()
        assert process.waits == []

        process.rate_limiter.pause(5)
        process.rate_limiter.wait()
        process.rate_limiter.wait()

        assert process.waits == [5]

    def test_the_callback_is_called_before_each_call(self, now: time_machine.Traveller) -> None:
        asked: list[float] = []
        shared = SharedRateLimiter(120, asked.append, now.shift)

        shared.wait()
        shared.wait()

        # How long the call would wait for its turn.
        assert asked == [0, APART]

    @pytest.mark.parametrize("calls_per_minute", [60, None])
    def test_a_caller_whose_callback_raises_takes_no_turn(
        self, now: time_machine.Traveller, calls_per_minute: int | None
    ) -> None:
        def lost(seconds: float) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            SharedRateLimiter(calls_per_minute, lost, now.shift).wait()

        assert not ApiSession.objects.exists()

    def test_a_caller_may_give_up_during_a_long_pause(self, now: time_machine.Traveller) -> None:
        SharedRateLimiter(60).pause(60)
        told: list[float] = []

        def leave(seconds: float) -> None:
            told.append(seconds)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            SharedRateLimiter(60, leave, now.shift).wait()

        assert told == [60]
        assert seconds_since_noon() == 0


@pytest.mark.django_db
class TestDatabaseStore:
    def test_there_is_nothing_to_begin_with(self) -> None:
        assert DatabaseStore().read() == RateLimitState()
        assert not ApiSession.objects.exists()

    def test_keeps_the_state(self) -> None:
        keeps_what_it_is_given(DatabaseStore())

    def test_leaves_the_session_in_the_same_row_alone(self) -> None:
        ApiSession.objects.create(pk=1, encrypted_token="secret", belongs_to="fingerprint", issued_at=NOON)

        DatabaseStore().change(lambda state: (pause(state, NOON, 30), None))

        row = ApiSession.objects.get()
        assert (row.encrypted_token, row.belongs_to, row.issued_at) == ("secret", "fingerprint", NOON)


def keeps_what_it_is_given(store: rate_limit.Store) -> None:
    """A store returns the state that was last stored, and nothing of a change that failed."""
    full = RateLimitState(NOON, NOON + timedelta(microseconds=1), 0.42, NOON - timedelta(hours=1))

    assert store.change(lambda state: (full, state)) == RateLimitState()
    assert store.read() == full
    assert store.change(lambda state: (replace(state, paused_until=None), state.share)) == 0.42
    assert store.read() == replace(full, paused_until=None)

    def fail(state: RateLimitState) -> tuple[RateLimitState, None]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.change(fail)
    assert store.read() == replace(full, paused_until=None)


@pytest.mark.parametrize(
    ("cluster", "kind"),
    [
        ({"orm": "default"}, DatabaseStore),
        ({"redis": "redis://127.0.0.1:1/0"}, RedisStore),
        ({"redis": {"host": "127.0.0.1"}}, RedisStore),
        ({"orm": "default", "redis": "redis://127.0.0.1:1/0"}, DatabaseStore),  # as django-q2 has it
        ({"sqs": {}}, DatabaseStore),
        ({"redis": None}, DatabaseStore),
    ],
    ids=str,
)
def test_the_state_lies_where_the_queue_is(settings: Any, cluster: dict[str, Any], kind: type) -> None:
    settings.Q_CLUSTER = {"name": "picsweb", **cluster}
    rate_limit._redis_store.cache_clear()
    try:
        assert isinstance(shared_store(), kind)
    finally:
        rate_limit._redis_store.cache_clear()


class OneValue:
    """The part of redis-py's client that the store uses, for one key or for an unreachable Redis."""

    def __init__(self, *, is_away: bool = False) -> None:
        self.is_away = is_away
        self.value: bytes | None = None

    def get(self, _key: str) -> bytes | None:
        if self.is_away:
            raise RedisConnectionError
        return self.value

    def set(self, _key: str, value: str) -> None:
        self.value = value.encode()

    def multi(self) -> None:
        """From here on, redis-py would queue the commands."""

    def transaction(self, step: Callable[[OneValue], Any], *_watched: str, value_from_callable: bool) -> Any:
        return step(self)


class TestRedisStoreWithoutRedis:
    def test_keeps_the_state(self) -> None:
        keeps_what_it_is_given(RedisStore(OneValue(), "a key"))

    def test_redis_away_means_that_the_state_is_not_known(self) -> None:
        store = RedisStore(OneValue(is_away=True), "a key")

        with pytest.raises(RateLimitLost):
            store.read()
        with pytest.raises(RateLimitLost):
            store.change(lambda state: (state, None))


@pytest.mark.services
class TestRedisStore:
    @pytest.fixture
    def store(self) -> Iterator[RedisStore]:
        import redis

        if not os.environ.get("REDIS_URL"):
            pytest.fail("These tests need Redis: set REDIS_URL.")
        store = RedisStore(redis.from_url(os.environ["REDIS_URL"]), f"onefile_sync tests:{uuid4()}")
        yield store
        store.connection.delete(store.key)
        store.connection.close()

    def test_there_is_nothing_to_begin_with(self, store: RedisStore) -> None:
        assert store.read() == RateLimitState()
        assert not store.connection.exists(store.key)

    def test_keeps_the_state(self, store: RedisStore) -> None:
        keeps_what_it_is_given(store)

    def test_keeps_a_state_in_which_nothing_has_happened_yet(self, store: RedisStore) -> None:
        store.change(lambda state: (state, None))

        assert store.read() == RateLimitState()

    def test_threads_take_places_one_behind_the_other(self, store: RedisStore) -> None:
        workers, calls = 8, 5
        ready = Barrier(workers)

        def waits() -> list[float]:
            asked: list[float] = []
            # No thread really waits, so the reserved turns follow one another.
            shared = SharedRateLimiter(60, None, asked.append, for_a_person=True, store=store)
            ready.wait()
            for _call in range(calls):
                shared.wait()
            return asked

        with ThreadPoolExecutor(workers) as threads:
            done = [each.result() for each in [threads.submit(waits) for _worker in range(workers)]]

        seconds = sorted(each for asked in done for each in asked)
        assert len(seconds) >= workers * calls - 1
        assert min(later - earlier for earlier, later in pairwise(seconds)) > 0.5
        assert seconds[-1] == pytest.approx((workers * calls - 1) * 60 / (60 * 0.97), abs=1)

    def test_a_pause_of_one_thread_is_everybodys(self, store: RedisStore) -> None:
        SharedRateLimiter(60, store=store).pause(30)

        asked: list[float] = []
        SharedRateLimiter(60, None, asked.append, for_a_person=True, store=store).wait()

        assert asked == [pytest.approx(30, abs=1)]

    def test_without_redis_the_rate_limit_is_lost(self, store: RedisStore) -> None:
        import redis

        away = RedisStore(redis.Redis(port=1, retry=None), "onefile_sync tests")

        with pytest.raises(RateLimitLost) as of_reading:
            away.read()
        with pytest.raises(RateLimitLost) as of_changing:
            away.change(lambda state: (state, None))
        for calls_per_minute in (60, None):
            with pytest.raises(RateLimitLost):
                SharedRateLimiter(calls_per_minute, store=away).wait()

        for lost in (of_reading.value, of_changing.value):
            assert lost.__suppress_context__
            assert lost.__cause__ is None
