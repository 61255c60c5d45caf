"""No token in an error report, wherever it breaks: Django's report, and a traceback that shows local variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
import urllib3
from cryptography.fernet import MultiFernet
from django.core.management import call_command
from django.db import models
from django.utils import timezone

from onefile_sync import crypto, services
from onefile_sync.models import ApiSession, OneFileSettings
from onefile_sync.onefile import transport
from onefile_sync.onefile.retry import RetryPolicy
from onefile_sync.sandbox.limits import Sessions
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.secret import Secret
from onefile_sync.sync.connection import session as connecting
from onefile_sync.sync.connection.rate_limit import SharedRateLimiter
from tests.conftest import dont_wait
from tests.error_reports import everything_shown
from tests.factories import Host

pytestmark = pytest.mark.matrix

TOKEN = "customer-71c1-qzx"
SESSION = "session-88f2-qzx"
#: What all of them have, and no line of a test, because reports quote the lines around.
MARK = "-qz" + "x"
PROXY = "http://name:password-qzx@127.0.0.1:9"


class Broken(Exception):
    """Something that nobody foresaw."""


def broken(*_args: Any, **_kwargs: Any) -> Any:
    raise Broken


@pytest.fixture
def settings_with_token(
    host: Host, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> OneFileSettings:
    onefile.customer_token = TOKEN
    issue = Sessions.issue

    def issue_canary(sessions: Sessions) -> str:
        issued = issue(sessions)
        sessions._issued[SESSION] = sessions._issued.pop(issued)
        return SESSION

    monkeypatch.setattr(Sessions, "issue", issue_canary)
    row = OneFileSettings.load()
    row.set_customer_token(TOKEN)
    row.save()
    return row


#: Where it breaks: what is replaced, and by what.
PLACES: dict[str, tuple[Any, str]] = {
    "in the rate limiter": (SharedRateLimiter, "wait"),
    "in requests": (requests.adapters.HTTPAdapter, "send"),
    "in urllib3": (urllib3.connectionpool.HTTPConnectionPool, "urlopen"),
    "on the connection": (urllib3.connection.HTTPConnection, "putheader"),
    "while the answer is read": (transport, "body_of"),
    "while the session is kept": (models.QuerySet, "update_or_create"),
    "while the session is encrypted": (MultiFernet, "encrypt"),
    "where the session is looked for": (connecting.SharedSession, "_on_record"),
    "when the token is deciphered": (MultiFernet, "decrypt"),
    "in what tells tokens apart": (crypto, "_key"),
    "with the parsed session": (transport, "is_token"),
}


def breaks_at(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*PLACES[place], broken)


def shown_of(call: Callable[[], object]) -> str:
    with pytest.raises(Broken) as raised:
        call()
    return everything_shown(raised.value)


@pytest.mark.parametrize("place", [place for place in PLACES if "the session is" not in place])
def test_of_a_tested_connection(
    settings_with_token: OneFileSettings, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    breaks_at(place, monkeypatch)
    assert MARK not in shown_of(lambda: services.test_connection(settings_with_token))


@pytest.mark.parametrize("place", PLACES)
def test_of_the_check_before_a_command_begins(
    settings_with_token: OneFileSettings, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    breaks_at(place, monkeypatch)
    assert MARK not in shown_of(lambda: call_command("onefile_sync"))


@pytest.mark.parametrize(
    "place", ["in requests", "in urllib3", "on the connection", "while the answer is read"]
)
def test_of_a_call_within_a_session_through_a_proxy(
    settings_with_token: OneFileSettings, monkeypatch: pytest.MonkeyPatch, settings: Any, place: str
) -> None:
    services.check_connection()
    assert crypto.decrypt(ApiSession.objects.get().encrypted_token) == SESSION
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "PROXY": PROXY}
    onefile = connecting.connect(OneFileSettings.load(), RetryPolicy.person(), sleep=dont_wait)
    breaks_at(place, monkeypatch)
    shown = shown_of(onefile.customer)
    onefile.transport.close()
    assert MARK not in shown


def test_of_a_session_that_is_forgotten(
    settings_with_token: OneFileSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = connecting.SharedSession("here")
    session.save(Secret(SESSION), timezone.now())
    monkeypatch.setattr(models.QuerySet, "update", broken)
    assert MARK not in shown_of(lambda: session.forget(Secret(SESSION)))


def test_of_a_token_that_is_set(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MultiFernet, "encrypt", broken)
    assert MARK not in shown_of(lambda: OneFileSettings().set_customer_token(Secret(TOKEN)))


def test_an_answer_and_a_secret_do_not_tell_what_they_hold() -> None:
    received = transport.Received(200, {"Set-Cookie": "canary"}, b"canary")
    assert "canary" not in repr((received, Secret("canary"), {"X-TokenID": Secret("canary")}))
    assert Secret("canary") == "canary"
