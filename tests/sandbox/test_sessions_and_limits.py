"""Who may call, for how long, and how often."""

from __future__ import annotations

import base64
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import pytest
import requests

from onefile_sync.sandbox.switches import Switches

from .conftest import Client, Clock

Serve = Callable[..., Client]


def test_the_session_token_is_a_bare_string_of_300_awkward_characters(onefile: Client) -> None:
    answer = onefile.authenticate()
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert len(answer.text) == 300
    assert set("+/=") <= set(answer.text)
    assert len(base64.b64decode(answer.text)) == 224


def test_the_session_token_can_come_quoted(serve: Serve) -> None:
    onefile = serve(switches=Switches(auth_body="quoted"))
    assert onefile.authenticate().json() == onefile.http.headers["X-TokenID"]
    assert onefile.get("/Customer").status_code == 200


def test_a_wrong_customer_token_is_refused(serve: Serve) -> None:
    assert serve().authenticate("wrong").status_code == 401
    assert serve(switches=Switches(bad_customer_token=403)).authenticate("wrong").status_code == 403


def test_the_customer_token_can_be_chosen(serve: Serve) -> None:
    onefile = serve(customer_token="ours")
    assert onefile.authenticate("ours").status_code == 200


@pytest.mark.parametrize("status", [401, 403])
def test_a_call_without_a_session_is_refused_with_an_empty_body(serve: Serve, status: int) -> None:
    onefile = serve(switches=Switches(bad_session=status))
    del onefile.http.headers["X-TokenID"]
    answer = onefile.get("/Customer")
    assert (answer.status_code, answer.content) == (status, b"")
    assert onefile.server.refusals == {status: 1}


def test_a_session_lives_for_24_hours_and_others_beside_it(onefile: Client, clock: Clock) -> None:
    first = onefile.http.headers["X-TokenID"]
    clock.advance(hours=23, minutes=59)
    onefile.authenticate()
    assert onefile.get("/Customer", headers={"X-TokenID": first}).status_code == 200
    clock.advance(minutes=1)
    assert onefile.get("/Customer", headers={"X-TokenID": first}).status_code == 401
    assert onefile.get("/Customer").status_code == 200


def test_sessions_can_be_forgotten_as_by_a_restart(onefile: Client) -> None:
    onefile.server.sessions.forget_all()
    assert onefile.get("/Customer").status_code == 401


def test_the_301st_call_within_a_minute_is_refused_until_the_minute_is_over(
    onefile: Client, clock: Clock
) -> None:
    statuses = [onefile.get("/Customer").status_code for _ in range(301)]
    assert statuses == [200] * 300 + [429]
    clock.advance(seconds=59)
    refused = onefile.get("/Customer")
    assert (refused.status_code, refused.content) == (429, b"")
    assert "Retry-After" not in refused.headers
    clock.advance(seconds=1)
    assert onefile.get("/Customer").status_code == 200


def test_authentication_does_not_count_towards_the_limit(serve: Serve) -> None:
    onefile = serve(switches=Switches(rate_limit=1))
    onefile.authenticate()
    assert onefile.get("/Customer").status_code == 200
    assert onefile.get("/Customer").status_code == 429


def test_the_limit_is_that_of_the_customer_whatever_the_session(serve: Serve) -> None:
    onefile = serve(switches=Switches(rate_limit=1))
    onefile.get("/Customer")
    onefile.authenticate()
    assert onefile.get("/Customer").status_code == 429


def test_no_limit(serve: Serve) -> None:
    onefile = serve(switches=Switches(rate_limit=0))
    assert {onefile.get("/Customer").status_code for _ in range(310)} == {200}


def test_retry_after_in_seconds_and_as_a_date(serve: Serve, clock: Clock) -> None:
    def refused(**switches: object) -> requests.Response:
        onefile = serve(switches=Switches(rate_limit=1, rate_window=30, **switches))
        onefile.get("/Customer")
        clock.advance(seconds=9.5)
        return onefile.get("/Customer")

    assert refused(retry_after="seconds").headers["Retry-After"] == "21"
    again_at = parsedate_to_datetime(refused(retry_after="date").headers["Retry-After"])
    assert 20 <= (again_at - clock.now).total_seconds() <= 22
