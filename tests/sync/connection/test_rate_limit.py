"""The call rate that all processes share: never above the limit, almost fully used, and people go first."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count, cycle

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from onefile_sync.sync.connection.rate_limit import RateLimitState, pause, reserve, throttle_at

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LIMIT = 300
#: One turn at that limit, of which 97 % is spaced evenly; a person may go five turns ahead.
PLACE = timedelta(minutes=1) / (LIMIT * 0.97)
AHEAD = 5


def places(number: float | None) -> datetime | None:
    """The time at this number of turns after noon."""
    return None if number is None else NOON + number * PLACE


def in_places(moment: datetime | None) -> float | None:
    return None if moment is None else (moment - NOON) / PLACE


class TestTakingAPlace:
    @pytest.mark.parametrize(
        ("next_call", "waits", "then_next"),
        [
            (None, 0, 1),
            (0, 0, 1),
            (0.5, 0.5, 1.5),
            (1, 1, 2),
            # Whether one turn was unused or a thousand: one of them may be made up for.
            (-0.5, 0, 0.5),
            (-1, 0, 0),
            (-1000, 0, 0),
        ],
    )
    def test_any_caller_may_take_the_next_turn(
        self, next_call: float | None, waits: float, then_next: float
    ) -> None:
        after, place = reserve(RateLimitState(places(next_call)), NOON, LIMIT, ahead=False)

        assert place.taken
        assert place.seconds == pytest.approx(waits * PLACE.total_seconds(), abs=1e-5)
        assert in_places(after.next_call_at) == pytest.approx(then_next, abs=1e-4)

    @pytest.mark.parametrize(("next_call", "look_again"), [(1.5, 0.5), (2, 1), (40, 39)])
    def test_one_further_off_is_left_to_people(self, next_call: float, look_again: float) -> None:
        before = RateLimitState(places(next_call))

        after, place = reserve(before, NOON, LIMIT, ahead=False)

        assert not place.taken
        assert after == before
        assert place.seconds == pytest.approx(next_call * PLACE.total_seconds(), abs=1e-5)
        assert place.look_again == pytest.approx(look_again * PLACE.total_seconds(), abs=1e-5)

    @pytest.mark.parametrize(
        ("next_call", "waits", "then_next"),
        [(None, 0, 1), (1, 0, 2), (AHEAD, 0, AHEAD + 1), (AHEAD + 1, 1, AHEAD + 2), (40, 35, 41), (-9, 0, 0)],
    )
    def test_a_person_goes_ahead_and_moves_the_queue_on(
        self, next_call: float | None, waits: float, then_next: float
    ) -> None:
        after, place = reserve(RateLimitState(places(next_call)), NOON, LIMIT, ahead=True)

        assert place.taken
        assert place.seconds == pytest.approx(waits * PLACE.total_seconds(), abs=1e-5)
        assert in_places(after.next_call_at) == pytest.approx(then_next, abs=1e-4)

    @pytest.mark.parametrize(
        ("limit", "ahead"), [(30, 0), (60, 0), (166, 0), (167, 1), (200, 2), (300, 5), (600, 14)]
    )
    def test_a_higher_limit_leaves_people_more_room(self, limit: int, ahead: int) -> None:
        place_at_limit = timedelta(minutes=1) / (limit * 0.97)

        _after, place = reserve(RateLimitState(NOON + 20 * place_at_limit), NOON, limit, ahead=True)

        assert place.seconds == pytest.approx((20 - ahead) * place_at_limit.total_seconds(), abs=1e-4)

    @pytest.mark.parametrize(
        ("paused_for", "next_call", "waits", "then_next"),
        [
            (10, None, 10, 11),
            (10, 3, 10, 11),
            (10, 13, 10, 14),  # five ahead of its turn would be in the pause
            (10, 20, 15, 21),
            (-1, 3, 0, 4),  # over by now
        ],
    )
    def test_no_call_goes_ahead_of_a_pause(
        self, paused_for: float, next_call: float | None, waits: float, then_next: float
    ) -> None:
        state = RateLimitState(places(next_call), paused_until=places(paused_for))

        after, place = reserve(state, NOON, LIMIT, ahead=True)

        assert place.seconds == pytest.approx(waits * PLACE.total_seconds(), abs=1e-5)
        assert in_places(after.next_call_at) == pytest.approx(then_next, abs=1e-4)
        assert place.paused_until == after.paused_until == state.paused_until

    def test_the_daily_sync_takes_none_during_a_pause(self) -> None:
        state = RateLimitState(places(0), paused_until=places(10))

        after, place = reserve(state, NOON, LIMIT, ahead=False)

        assert (after, place.taken) == (state, False)
        assert place.look_again == pytest.approx(9 * PLACE.total_seconds(), abs=1e-5)

    def test_places_are_further_apart_while_we_go_slower(self) -> None:
        state = RateLimitState(share=0.5, slowed_at=NOON)

        after, _place = reserve(state, NOON, LIMIT, ahead=False)

        assert in_places(after.next_call_at) == pytest.approx(2, abs=1e-4)


class TestAfterARefusal:
    @pytest.mark.parametrize(
        ("state", "minutes_later", "share"),
        [
            (RateLimitState(), 0, 1.0),
            (RateLimitState(share=0.75, slowed_at=NOON), 0, 0.75),
            (RateLimitState(share=0.75, slowed_at=NOON), -1, 0.75),  # still paused
            (RateLimitState(share=0.75, slowed_at=NOON), 1, 0.76),
            (RateLimitState(share=0.75, slowed_at=NOON), 10, 0.85),
            (RateLimitState(share=0.75, slowed_at=NOON), 25, 1.0),
            (RateLimitState(share=0.75, slowed_at=NOON), 10_000, 1.0),
            (RateLimitState(share=0.1, slowed_at=NOON), 90, 1.0),
        ],
    )
    def test_the_pace_recovers_little_by_little(
        self, state: RateLimitState, minutes_later: float, share: float
    ) -> None:
        assert throttle_at(state, NOON + timedelta(minutes=minutes_later)) == pytest.approx(share)

    @pytest.mark.parametrize(
        ("before", "seconds", "until", "share"),
        [
            # The first 429 of an incident slows the rate down.
            (RateLimitState(), 30, 30, 0.75),
            (RateLimitState(paused_until=NOON - timedelta(seconds=1)), 30, 30, 0.75),
            (RateLimitState(paused_until=NOON), 30, 30, 0.75),
            # Further 429s of calls already under way do not; the longest pause counts.
            (
                RateLimitState(paused_until=NOON + timedelta(seconds=20), share=0.75, slowed_at=NOON),
                30,
                30,
                0.75,
            ),
            (
                RateLimitState(paused_until=NOON + timedelta(seconds=20), share=0.75, slowed_at=NOON),
                5,
                20,
                0.75,
            ),
            # The next incident reduces the rate in use at that time, down to a minimum.
            (RateLimitState(share=0.7, slowed_at=NOON - timedelta(minutes=10)), 30, 30, 0.6),
            (RateLimitState(share=0.1, slowed_at=NOON), 30, 30, 0.1),
            (RateLimitState(share=0.12, slowed_at=NOON), 30, 30, 0.1),
        ],
    )
    def test_everybody_pauses_and_goes_slower(
        self, before: RateLimitState, seconds: float, until: float, share: float
    ) -> None:
        after = pause(before, NOON, seconds)

        assert after.paused_until == NOON + timedelta(seconds=until)
        assert after.share == pytest.approx(share)

    def test_the_pace_begins_to_recover_when_the_pause_is_over(self) -> None:
        after = pause(RateLimitState(), NOON, 60)

        assert throttle_at(after, NOON + timedelta(seconds=60)) == pytest.approx(0.75)
        assert throttle_at(after, NOON + timedelta(seconds=120)) == pytest.approx(0.76)

    def test_the_queue_itself_stays_as_it_was(self) -> None:
        before = RateLimitState(next_call_at=places(3))

        assert pause(before, NOON, 30).next_call_at == before.next_call_at


@dataclass(frozen=True)
class Caller:
    """A caller: when it starts, how often it calls, and the seconds between its calls, used in turn."""

    ahead: bool
    comes: float = 0.0
    calls: int = 10**9
    between: tuple[float, ...] = (0.0,)


def simulate(
    limit: int, callers: list[Caller], until: float, state: RateLimitState | None = None
) -> list[list[float]]:
    """When each caller calls, in seconds: what :class:`SharedRateLimiter` does, but without sleeping."""
    state, order = state or RateLimitState(), count()
    made: list[list[float]] = [[] for _caller in callers]
    rests = [cycle(caller.between) for caller in callers]
    asking = [
        (NOON + timedelta(seconds=caller.comes), next(order), who) for who, caller in enumerate(callers)
    ]
    asking.sort()
    end = NOON + timedelta(seconds=until)
    while asking:
        now, _turn, who = heappop(asking)
        if now >= end:
            continue
        state, place = reserve(state, now, limit, ahead=callers[who].ahead)
        if not place.taken:
            heappush(asking, (now + timedelta(seconds=place.look_again), next(order), who))
            continue
        called = now + timedelta(seconds=place.seconds)
        made[who].append((called - NOON).total_seconds())
        if len(made[who]) < callers[who].calls:
            heappush(asking, (called + timedelta(seconds=next(rests[who])), next(order), who))
    return made


def most_in_a_minute(made: list[list[float]]) -> int:
    """The largest number of calls in any minute, counting both ends."""
    moments = sorted(moment for calls in made for moment in calls)
    return max((bisect_left(moments, first + 60.000001) - at for at, first in enumerate(moments)), default=0)


def callers(ahead: bool) -> st.SearchStrategy[list[Caller]]:
    rests = st.sampled_from([0.0, 0.01, 0.1, 0.3, 1.0, 7.0, 31.0, 59.0])
    one = st.builds(
        Caller,
        ahead=st.just(ahead),
        comes=st.floats(0, 130),
        calls=st.integers(1, 700),
        between=st.lists(rests, min_size=1, max_size=5).map(tuple),
    )
    return st.lists(one, min_size=1, max_size=4)


at_leisure = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


class TestTheLimit:
    @at_leisure
    @given(limit=st.integers(30, 600), people=callers(ahead=True), daily=callers(ahead=False))
    @example(limit=30, people=[Caller(ahead=True, calls=1)], daily=[Caller(ahead=False, comes=6)])
    @example(limit=33, people=[Caller(ahead=True, calls=1)], daily=[Caller(ahead=False, comes=6)])
    @example(limit=34, people=[Caller(ahead=True, calls=1)], daily=[Caller(ahead=False, comes=6)])
    @example(limit=300, people=[Caller(ahead=True)] * 4, daily=[Caller(ahead=False)] * 4)
    @example(limit=600, people=[Caller(ahead=True, comes=60)] * 4, daily=[Caller(ahead=False)])
    def test_holds_in_every_minute_for_all_callers(
        self, limit: int, people: list[Caller], daily: list[Caller]
    ) -> None:
        assert most_in_a_minute(simulate(limit, people + daily, until=200)) <= limit

    @pytest.mark.parametrize("limit", [100, 134, 167, 300, 600])
    @pytest.mark.parametrize(
        "daily",
        [[Caller(ahead=False)], [Caller(ahead=False)] * 4, [Caller(ahead=False, between=(0.2,))] * 4],
        ids=["one", "four", "four whose calls take a while"],
    )
    def test_is_nearly_used_up_by_a_daily_sync(self, limit: int, daily: list[Caller]) -> None:
        made = simulate(limit, daily, until=360)

        in_five_minutes = sum(60 <= moment < 360 for calls in made for moment in calls)
        assert in_five_minutes >= 0.95 * limit * 5

    def test_leaves_a_person_through_in_seconds_while_the_daily_sync_waits(self) -> None:
        daily = [Caller(ahead=False, between=(0.1,))] * 2
        person = Caller(ahead=True, comes=60, calls=14, between=(0.1,))

        made = simulate(LIMIT, [*daily, person], until=120)

        assert len(made[2]) == 14
        assert made[2][-1] + 0.1 - 60 <= 3

    def test_the_daily_sync_continues_after_the_person(self) -> None:
        person = Caller(ahead=True, comes=60, calls=14, between=(0.1,))

        daily, _person = simulate(LIMIT, [Caller(ahead=False), person], until=120)

        assert sum(62 <= moment < 72 for moment in daily) >= 0.8 * LIMIT / 6

    @pytest.mark.parametrize("ahead", [True, False])
    def test_no_call_is_made_before_a_pause_is_over(self, ahead: bool) -> None:
        paused = pause(RateLimitState(), NOON, 30)

        made = simulate(LIMIT, [Caller(ahead=ahead)] * 4, until=60, state=paused)

        moments = sorted(moment for calls in made for moment in calls if moment < 60)
        assert moments[0] == pytest.approx(30, abs=1e-4)
        # Then at three quarters of the rate, with no larger burst than people may go ahead.
        assert moments.count(moments[0]) == (1 + AHEAD if ahead else 1)
        assert len(moments) == pytest.approx(0.75 * 0.97 * LIMIT / 2, abs=1 + AHEAD)


class TestTheOthers:
    def test_insist_when_people_have_stood_before_them_for_too_long(self) -> None:
        before = RateLimitState(places(40))

        after, place = reserve(before, NOON, LIMIT, ahead=False, insists=True)

        assert place.taken
        assert place.seconds == pytest.approx(40 * PLACE.total_seconds(), abs=1e-5)
        assert in_places(after.next_call_at) == pytest.approx(41, abs=1e-4)

    @pytest.mark.parametrize("ahead", [True, False])
    def test_ignore_times_written_by_a_wrong_clock(self, ahead: bool) -> None:
        """A machine whose clock is ten minutes ahead made one call and had another one refused."""
        left = RateLimitState(NOON + timedelta(minutes=10), paused_until=NOON + timedelta(minutes=11))

        after, place = reserve(left, NOON, LIMIT, ahead=ahead)

        assert place.taken
        assert place.seconds == 0
        assert in_places(after.next_call_at) == pytest.approx(1, abs=1e-4)
