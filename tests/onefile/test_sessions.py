"""The session token: opened on first use, kept, renewed in time and once when it is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from onefile_sync.onefile.errors import Scope
from onefile_sync.onefile.transport import Transport

from .fakes import CUSTOMER_TOKEN, NOON, SESSION, KeptSession
from .wire import (
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


@pytest.mark.parametrize("body", [NEW_SESSION, f'"{NEW_SESSION}"', f" {NEW_SESSION}\r\n"])
def test_a_session_is_opened_on_first_use_and_kept(
    connect: Connect,
    answers: Answers,
    sessions: KeptSession,
    httpserver: HTTPServer,
    paths: Callable[[], list[str]],
    body: str,
) -> None:
    sessions.kept = None
    answers("/Authentication", status(200, body))
    answers("/Review/5", OK)
    transport = connect()
    transport.send(READ, (5,))
    transport.send(READ, (5,))
    assert paths() == ["/Authentication", "/Review/5", "/Review/5"]
    opening, first, _ = [request for request, _ in httpserver.log]
    assert (opening.method, opening.headers["X-CustomerToken"]) == ("POST", CUSTOMER_TOKEN)
    assert first.headers["X-TokenID"] == NEW_SESSION
    assert sessions.kept == (NEW_SESSION, NOON)


@pytest.mark.parametrize(
    ("age", "renewed"), [(timedelta(hours=22, minutes=59), False), (timedelta(hours=23), True)]
)
def test_a_session_is_renewed_before_it_ends(
    transport: Transport,
    answers: Answers,
    sessions: KeptSession,
    paths: Callable[[], list[str]],
    age: timedelta,
    renewed: bool,
) -> None:
    sessions.kept = (SESSION, NOON - age)
    answers("/Authentication", status(200, NEW_SESSION))
    answers("/Review/5", OK)
    transport.send(READ, (5,))
    assert ("/Authentication" in paths()) is renewed


@pytest.mark.parametrize("refusal", [401, 403])
def test_a_refused_session_is_renewed_and_the_call_repeated_even_a_create(
    transport: Transport,
    answers: Answers,
    sessions: KeptSession,
    paths: Callable[[], list[str]],
    refusal: int,
) -> None:
    answers("/Authentication", status(200, NEW_SESSION))
    answers("/Review", status(refusal, "<html>"), CREATED)
    assert transport.send(CREATE, (), {"LearnerID": 41}) == 1000001
    assert paths() == ["/Review", "/Authentication", "/Review"]
    assert sessions.forgotten == [SESSION]
    assert sessions.kept == (NEW_SESSION, NOON)


@pytest.mark.parametrize(
    ("refusal", "code", "scope"), [(401, "session_refused", Scope.RUN), (403, "forbidden", Scope.ITEM)]
)
def test_a_session_is_renewed_once_only(
    transport: Transport,
    answers: Answers,
    paths: Callable[[], list[str]],
    refusal: int,
    code: str,
    scope: Scope,
) -> None:
    answers("/Authentication", status(200, NEW_SESSION))
    answers("/Review", status(refusal))
    error = failure_of(lambda: transport.send(CREATE, (), {}))
    assert (error.code, error.scope, error.unsure, error.status) == (code, scope, False, refusal)
    assert paths() == ["/Review", "/Authentication", "/Review"]


def test_a_session_that_another_process_has_opened_meanwhile_is_used(
    transport: Transport,
    answers: Answers,
    sessions: KeptSession,
    httpserver: HTTPServer,
    paths: Callable[[], list[str]],
) -> None:
    sessions.successor = (NEW_SESSION, NOON)
    answers("/Review/5", status(401), OK)
    transport.send(READ, (5,))
    assert paths() == ["/Review/5", "/Review/5"]
    assert httpserver.log[1][0].headers["X-TokenID"] == NEW_SESSION


def test_a_store_that_cannot_forget_does_not_bring_the_refused_session_back(
    transport: Transport, answers: Answers, sessions: KeptSession, paths: Callable[[], list[str]]
) -> None:
    sessions.successor = sessions.kept
    answers("/Authentication", status(200, NEW_SESSION))
    answers("/Review/5", status(401), OK)
    transport.send(READ, (5,))
    assert paths() == ["/Review/5", "/Authentication", "/Review/5"]


@pytest.mark.parametrize(
    ("answer", "code", "calls"),
    [
        (status(401), "bad_customer_token", 1),
        (status(403), "bad_customer_token", 1),
        (status(400), "bad_customer_token", 1),
        (status(404), "wrong_address", 1),
        (status(500), "server_error", 3),
        (status(409), "conflict", 1),
        (status(302, Location="https://example.com"), "redirected", 1),
        (status(200), "bad_answer", 3),
        (status(204), "bad_answer", 3),
        (status(200, "<html>"), "bad_answer", 3),
        (status(200, "not a token"), "bad_answer", 3),
        (status(200, "x" * 4097), "bad_answer", 3),
        (status(200, "schlüssel"), "bad_answer", 3),
        (status(200, "one\ntwo"), "bad_answer", 3),
    ],
    ids=lambda value: value if isinstance(value, str | int) else "",
)
def test_without_a_session_no_call_is_possible(
    connect: Connect,
    answers: Answers,
    sessions: KeptSession,
    paths: Callable[[], list[str]],
    answer: Response,
    code: str,
    calls: int,
) -> None:
    sessions.kept = None
    answers("/Authentication", answer)
    transport = connect()
    error = failure_of(lambda: transport.send(CREATE, (), {}))
    assert (error.code, error.scope, error.unsure) == (code, Scope.RUN, False)
    assert error.operation == "authenticate"
    assert paths() == ["/Authentication"] * calls
    assert transport.calls == 0
    assert sessions.kept is None


def test_a_create_waits_for_a_session_that_is_hard_to_get(
    connect: Connect, answers: Answers, sessions: KeptSession, paths: Callable[[], list[str]]
) -> None:
    sessions.kept = None
    answers("/Authentication", status(503), status(200, "<html>"), status(200, NEW_SESSION))
    answers("/Review", CREATED)
    assert connect().send(CREATE, (), {}) == 1000001
    assert paths() == ["/Authentication"] * 3 + ["/Review"]


@pytest.mark.parametrize("token", ["", "  ", "two words", "line\nbreak", "schlüssel"])
def test_a_customer_token_that_cannot_be_one_is_not_even_tried(
    connect: Connect, sessions: KeptSession, paths: Callable[[], list[str]], token: str
) -> None:
    sessions.kept = None
    error = failure_of(lambda: connect(customer_token=token).send(READ, (5,)))
    assert (error.code, error.scope) == ("bad_customer_token", Scope.RUN)
    assert paths() == []
