"""Connections that were dropped while nobody used them: the call goes again at once, and no try is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from onefile_sync.onefile.retry import RetryPolicy

from .fakes import RESET, KeptSession, PieceServer, head
from .wire import CREATE, SEARCH, Connect, failure_of

ONE_TRY = RetryPolicy(tries=1, longest_wait=4, total=60, pauses=0)


def whole() -> Iterator[bytes]:
    yield head("Content-Length: 2") + b"[]"


def reset() -> Iterator[bytes]:
    yield RESET


def test_a_connection_that_the_server_closed_meanwhile_is_not_used(
    connect: Connect, serve: Callable[..., PieceServer], clock
) -> None:
    server = serve(whole)
    transport = connect(server.url, retry_policy=ONE_TRY)
    assert transport.send(SEARCH, (1, 100), {}) == []
    server.drop_connections()
    assert transport.send(SEARCH, (1, 100), {}) == []
    assert (transport.calls, server.connections, clock.slept) == (2, 2, [])


def test_a_kept_connection_that_is_reset_when_used_again_costs_no_try_and_no_waiting(
    connect: Connect, serve: Callable[..., PieceServer], clock, rate_limiter
) -> None:
    server = serve(whole, reset, whole)
    transport = connect(server.url, retry_policy=ONE_TRY)
    assert transport.send(SEARCH, (1, 100), {}) == []
    assert transport.send(SEARCH, (1, 100), {}) == []
    assert (transport.calls, rate_limiter.waits, clock.slept) == (3, 3, [])


def test_that_happens_once_for_a_call(connect: Connect, serve: Callable[..., PieceServer], clock) -> None:
    transport = connect(serve(whole, reset).url, retry_policy=ONE_TRY)
    assert transport.send(SEARCH, (1, 100), {}) == []
    assert failure_of(lambda: transport.send(SEARCH, (1, 100), {})).code == "cut_off"
    assert transport.calls == 3


def test_a_new_connection_that_is_reset_was_not_dropped_while_idle(
    connect: Connect, serve: Callable[..., PieceServer]
) -> None:
    transport = connect(serve(reset).url, retry_policy=ONE_TRY)
    assert failure_of(lambda: transport.send(SEARCH, (1, 100), {})).code == "cut_off"
    assert transport.calls == 1


def test_an_answer_that_breaks_off_counts_as_a_try(
    connect: Connect, serve: Callable[..., PieceServer]
) -> None:
    def half() -> Iterator[bytes]:
        yield head("Content-Length: 200") + b"["
        yield RESET

    transport = connect(serve(whole, half, whole).url, retry_policy=ONE_TRY)
    assert transport.send(SEARCH, (1, 100), {}) == []
    assert failure_of(lambda: transport.send(SEARCH, (1, 100), {})).code == "cut_off"
    assert transport.calls == 2


def test_a_create_that_is_reset_is_in_doubt_and_not_sent_again(
    connect: Connect, serve: Callable[..., PieceServer]
) -> None:
    server = serve(whole, reset, whole)
    transport = connect(server.url)
    assert transport.send(SEARCH, (1, 100), {}) == []
    error = failure_of(lambda: transport.send(CREATE, (), {}))
    assert (error.code, error.unsure, len(server.requests)) == ("cut_off", True, 2)


@pytest.mark.parametrize(("seconds", "connections"), [(30, 1), (60, 2)])
def test_after_a_pause_a_call_goes_out_on_a_new_connection(
    connect: Connect, serve: Callable[..., PieceServer], clock, seconds: int, connections: int
) -> None:
    """A firewall may have dropped the old one and tell neither side: the call would wait for nothing."""
    server = serve(whole)
    transport = connect(server.url)
    transport.send(SEARCH, (1, 100), {})
    clock.now += timedelta(seconds=seconds)
    transport.send(SEARCH, (1, 100), {})
    assert server.connections == connections


def test_a_session_is_opened_again_at_once_too(
    connect: Connect, serve: Callable[..., PieceServer], sessions: KeptSession, clock
) -> None:
    def token() -> Iterator[bytes]:
        yield head("Content-Length: 5") + b"token"

    transport = connect(serve(whole, reset, token, whole).url, retry_policy=ONE_TRY)
    transport.send(SEARCH, (1, 100), {})
    sessions.kept = None
    assert transport.send(SEARCH, (1, 100), {}) == []
    assert clock.slept == []
