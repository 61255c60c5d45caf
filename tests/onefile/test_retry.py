"""How long and how often a call is tried, and what a 429 does."""

from __future__ import annotations

import pytest
from pytest_httpserver import HTTPServer

from onefile_sync.onefile.errors import Scope
from onefile_sync.onefile.operations import Operation
from onefile_sync.onefile.retry import RetryPolicy
from onefile_sync.onefile.transport import Transport, seconds_to_pause
from tests.onefile.fakes import NOON, CountedRateLimiter, KeptSession
from tests.onefile.wire import (
    BASE,
    CREATE,
    CREATED,
    NEW_SESSION,
    OK,
    READ,
    Answers,
    Connect,
    failure_of,
    status,
)


def test_waits_between_tries_grow_are_jittered_and_capped(connect: Connect, answers: Answers, clock) -> None:
    answers("/Review/5", status(500))
    retry_policy = RetryPolicy(tries=12, longest_wait=4, total=1_000, pauses=0)
    transport = connect(retry_policy=retry_policy)
    failure_of(lambda: transport.send(READ, (5,)))
    assert transport.calls == 12
    assert len(clock.slept) == 11
    assert all(0.5 <= seconds <= min(2**nth, 4) for nth, seconds in enumerate(clock.slept))
    assert len(set(clock.slept)) > 5


def test_trying_ends_when_the_time_is_up(connect: Connect, answers: Answers, clock) -> None:
    answers("/Review/5", status(500))
    retry_policy = RetryPolicy(tries=1_000, longest_wait=4, total=20, pauses=0)
    failure_of(lambda: connect(retry_policy=retry_policy).send(READ, (5,)))
    assert 10 < sum(clock.slept) <= 20


def test_a_person_is_kept_waiting_less_than_the_daily_run() -> None:
    person, unattended = RetryPolicy.person(), RetryPolicy.unattended()
    assert person.tries < unattended.tries
    assert person.total < unattended.total
    assert person.longest_wait < unattended.longest_wait
    assert person.pauses < unattended.pauses


@pytest.mark.parametrize(
    ("retry_policy", "calls"), [(RetryPolicy.person(), 2), (RetryPolicy.unattended(), 6)]
)
def test_what_cannot_be_read_is_asked_for_once_more_while_a_person_waits(
    connect: Connect, answers: Answers, clock, retry_policy: RetryPolicy, calls: int
) -> None:
    answers("/Review/5", status(200, "<html>maintenance</html>"))
    transport = connect(retry_policy=retry_policy)
    assert failure_of(lambda: transport.send(READ, (5,))).code == "bad_answer"
    assert transport.calls == calls
    assert calls > 2 or sum(clock.slept) <= 2


@pytest.mark.parametrize("operation", [READ, CREATE])
def test_a_429_pauses_everybody_and_then_the_call_goes_again(
    transport: Transport,
    httpserver: HTTPServer,
    rate_limiter: CountedRateLimiter,
    clock,
    operation: Operation,
) -> None:
    path = BASE + operation.path.format(5)
    httpserver.expect_oneshot_request(path).respond_with_response(status(429, Retry_After="7"))
    httpserver.expect_request(path).respond_with_response(OK)
    assert transport.send(operation, (5,)) == {"ID": 5}
    assert (transport.calls, transport.rate_limited) == (2, 1)
    assert (rate_limiter.pauses, rate_limiter.waits) == ([7.0], 2)
    assert clock.slept == []


@pytest.mark.parametrize("operation", [READ, CREATE])
def test_a_rate_limit_that_stays_ends_the_run(
    transport: Transport, httpserver: HTTPServer, rate_limiter: CountedRateLimiter, operation: Operation
) -> None:
    httpserver.expect_request(BASE + operation.path.format(5)).respond_with_response(status(429))
    error = failure_of(lambda: transport.send(operation, (5,)))
    assert (error.code, error.scope, error.unsure) == ("rate_limited", Scope.RUN, False)
    assert transport.rate_limited == 3
    assert rate_limiter.pauses == [60.0, 60.0, 60.0]


def test_a_429_to_authentication_pauses_too(
    connect: Connect, answers: Answers, sessions: KeptSession, rate_limiter: CountedRateLimiter
) -> None:
    sessions.kept = None
    answers("/Authentication", status(429), status(200, NEW_SESSION))
    answers("/Review", CREATED)
    transport = connect()
    assert transport.send(CREATE, (), {}) == 1000001
    assert (transport.calls, transport.rate_limited, rate_limiter.pauses) == (1, 1, [60.0])


def test_trouble_429_and_a_lapsed_session_in_one_call_each_have_their_own_bound(
    transport: Transport, answers: Answers
) -> None:
    answers("/Authentication", status(200, NEW_SESSION))
    answers("/Review/5", status(500), status(429), status(401), status(500), status(429), OK)
    assert transport.send(READ, (5,)) == {"ID": 5}
    assert transport.calls == 6


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 60),
        ("", 60),
        ("30", 30),
        (" 30 ", 30),
        ("0", 1),
        ("3600", 120),
        ("9" * 400, 120),
        ("-5", 60),
        ("soon", 60),
        ("1.5", 60),
        ("٣", 60),
        ("Mon, 01 Jun 2026 12:00:45 GMT", 45),
        ("Mon, 01 Jun 2026 13:00:45 +0100", 45),
        ("Mon, 01 Jun 2026 12:00:45 -0000", 45),
        ("Mon, 01 Jun 2026 11:00:00 GMT", 1),
        ("Mon, 01 Jun 2026 23:00:00 GMT", 120),
        ("Mon, 32 Jun 2026 23:00:00 GMT", 60),
    ],
)
def test_retry_after_is_honoured_within_bounds(header: str | None, seconds: float) -> None:
    assert seconds_to_pause(header, NOON) == seconds
