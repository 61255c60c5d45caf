"""Everything that can go wrong on the way: what is tried again, and what a create then is."""

from __future__ import annotations

import json
import logging
import socket

import pytest
import requests
from pytest_httpserver import HTTPServer
from urllib3.exceptions import MaxRetryError, NameResolutionError

from onefile_sync.onefile.errors import Scope
from onefile_sync.onefile.operations import Operation
from onefile_sync.onefile.transport import Transport, code_of_exception

from .fakes import CUSTOMER_TOKEN, SESSION, raw_answer
from .wire import (
    BAD_LINES,
    BASE,
    CREATE,
    OK,
    READ,
    SEARCH,
    TROUBLE,
    UPDATE,
    Answers,
    Connect,
    failure_of,
    status,
)


@pytest.mark.parametrize("trouble", TROUBLE)
def test_trouble_that_passes_is_sat_out_where_the_call_may_be_repeated(
    transport: Transport, answers: Answers, clock, trouble: str
) -> None:
    answer, _ = TROUBLE[trouble]
    answers("/Review/Search/1/100", answer, answer, OK)
    assert transport.send(SEARCH, (1, 100), {}) == {"ID": 5}
    assert transport.calls == 3
    assert len(clock.slept) == 2


@pytest.mark.parametrize("trouble", TROUBLE)
def test_trouble_leaves_a_create_unsure_and_it_is_not_repeated(
    transport: Transport, answers: Answers, clock, trouble: str
) -> None:
    answer, code = TROUBLE[trouble]
    answers("/Review", answer)
    error = failure_of(lambda: transport.send(CREATE, (), {}))
    assert (error.code, error.unsure, error.scope) == (code, True, Scope.ITEM)
    assert transport.calls == 1
    assert clock.slept == []


@pytest.mark.parametrize("trouble", TROUBLE)
def test_trouble_that_stays_is_an_error_in_the_end(
    transport: Transport, answers: Answers, clock, trouble: str
) -> None:
    answer, code = TROUBLE[trouble]
    answers("/Review/Search/1/100", answer)
    error = failure_of(lambda: transport.send(SEARCH, (1, 100), {}))
    assert (error.code, error.unsure, error.scope) == (code, False, Scope.ITEM)
    assert transport.calls == 3


@pytest.mark.parametrize("fate", BAD_LINES)
def test_a_bad_line(connect: Connect, bad_line, fate: str) -> None:
    happens, code = BAD_LINES[fate]
    options = {"timeout": (1, 0.2)}
    line = bad_line([happens, raw_answer(b"[]")])
    assert connect(line.url, **options).send(SEARCH, (1, 100), {}) == []
    assert len(line.requests) == 2

    line = bad_line([happens])
    error = failure_of(lambda: connect(line.url, **options).send(SEARCH, (1, 100), {}))
    assert (error.code, error.unsure) == (code, False)
    assert len(line.requests) == 3

    line = bad_line([happens])
    error = failure_of(lambda: connect(line.url, **options).send(CREATE, (), {}))
    assert (error.code, error.unsure, error.scope) == (code, True, Scope.ITEM)
    assert len(line.requests) == 1


@pytest.mark.parametrize("operation", [READ, CREATE])
def test_a_refused_connection_sent_nothing_so_even_a_create_is_repeated(
    connect: Connect, clock, operation: Operation
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    transport = connect(f"http://127.0.0.1:{port}")
    error = failure_of(lambda: transport.send(operation, (5,), None))
    assert (error.code, error.scope, error.unsure) == ("unreachable", Scope.RUN, False)
    assert transport.calls == 3
    assert len(clock.slept) == 2


@pytest.mark.parametrize(
    ("exception", "code"),
    [
        (requests.ConnectTimeout(), "unreachable"),
        (requests.ReadTimeout(), "timed_out"),
        (requests.ConnectionError(), "cut_off"),
        (requests.exceptions.SSLError("unexpected end"), "cut_off"),
        (requests.exceptions.ChunkedEncodingError(), "cut_off"),
        (requests.exceptions.InvalidURL(), "gone_wrong"),
        (requests.TooManyRedirects(), "gone_wrong"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_case_of_an_exception(exception: requests.RequestException, code: str) -> None:
    assert code_of_exception(exception) == code


def test_a_name_that_cannot_be_resolved_is_unreachable() -> None:
    not_resolved = NameResolutionError("onefile.invalid", None, socket.gaierror())  # type: ignore[arg-type]
    gave_up = MaxRetryError(None, "/", not_resolved)  # type: ignore[arg-type]
    assert code_of_exception(requests.ConnectionError(gave_up)) == "unreachable"


def everything_about(error: BaseException | None) -> str:
    told = []
    while error is not None:
        told.append(f"{error!r} {error.args!r} {vars(error)!r}")
        error = error.__cause__ or error.__context__
    return " ".join(told)


@pytest.mark.parametrize("fate", [*BAD_LINES, *TROUBLE, "nobody listens"])
def test_tokens_and_payloads_stay_out_of_errors_and_logs(
    connect: Connect,
    httpserver: HTTPServer,
    bad_line,
    caplog: pytest.LogCaptureFixture,
    fate: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    if fate in BAD_LINES:
        address = bad_line([BAD_LINES[fate][0]]).url
    elif fate in TROUBLE:
        address = httpserver.url_for(BASE)
        httpserver.expect_request(BASE + "/Review").respond_with_response(TROUBLE[fate][0])
    else:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    transport = connect(address, timeout=(1, 0.2))
    body = {"RegistrationNumber": "payload-canary"}
    told = everything_about(failure_of(lambda: transport.send(CREATE, (), body))) + caplog.text
    assert "create review" in told
    assert "canary" not in told


def test_a_body_that_json_cannot_hold_is_an_error_without_it(transport: Transport) -> None:
    error = failure_of(lambda: transport.send(UPDATE, (7,), {"canary": float("inf")}))
    assert error.code == "gone_wrong"
    assert "canary" not in everything_about(error)


def test_a_refused_session_leaves_no_token_in_the_error(transport: Transport, answers: Answers) -> None:
    answers("/Authentication", status(401, json.dumps({"token": CUSTOMER_TOKEN})))
    answers("/Review/5", status(401, SESSION))
    error = failure_of(lambda: transport.send(READ, (5,)))
    assert error.code == "bad_customer_token"
    assert "canary" not in everything_about(error)
