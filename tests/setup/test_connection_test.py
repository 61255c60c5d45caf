"""*Test connection* names the token's customer, or says in one sentence why the test failed."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from onefile_sync import services
from onefile_sync.models import ApiSession, OneFileSettings
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.setup import connection_test
from onefile_sync.sync import short_calls
from onefile_sync.sync.connection.rate_limit import SharedRateLimiter
from tests.run_fixtures import Away


def test_the_customers_number_is_asked_within_a_request(onefile: SandboxServer, world: World) -> None:
    assert services.customer_id(OneFileSettings.load()) == world.customer_id
    onefile.customer_token = "another"
    with pytest.raises(services.Refused) as refused:
        services.customer_id(OneFileSettings.load())
    assert refused.value.code == "bad_customer_token"


class TestConnection:
    def test_names_the_customer(self, onefile: SandboxServer) -> None:
        report = services.test_connection(OneFileSettings.load())

        assert report == services.ConnectionReport(
            True, "Northvale Training", "Connected to OneFile as “Northvale Training”."
        )
        services.check_connection()

    def test_a_wrong_token_is_said_to_be_one(self, onefile: SandboxServer) -> None:
        onefile.customer_token = "another"

        report = services.test_connection(OneFileSettings.load())

        assert (report.ok, report.customer_name) == (False, "")
        assert report.text.startswith("OneFile did not accept the customer token.")
        with pytest.raises(services.Refused) as refused:
            services.check_connection()
        assert (refused.value.code, refused.value.reason) == ("bad_customer_token", report.text)

    def test_a_onefile_that_does_not_answer(self, onefile: SandboxServer) -> None:
        onefile.stop()

        report = services.test_connection(OneFileSettings.load())

        assert not report.ok
        assert report.text.startswith("OneFile could not be reached.")

    def test_a_onefile_in_trouble(self, onefile: SandboxServer) -> None:
        onefile.faults.append(Fault(operation="*", kind="html", times=99))

        report = services.test_connection(OneFileSettings.load())

        assert not report.ok
        assert report.text.startswith("OneFile sent an answer that PICSWeb cannot read.")

    def test_does_not_keep_a_person_waiting_for_a_long_pause(
        self, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        slept: list[float] = []
        monkeypatch.setattr(short_calls, "time", SimpleNamespace(sleep=slept.append))
        rate_limiter = SharedRateLimiter(None)
        rate_limiter.pause(4)
        assert services.test_connection(OneFileSettings.load()).ok
        assert slept
        assert max(slept) <= 4

        rate_limiter.pause(60)
        slept.clear()
        report = services.test_connection(OneFileSettings.load())

        assert not report.ok
        assert report.text.startswith("OneFile limits the number of calls a minute")
        assert slept == []

    def test_the_check_before_a_run_says_what_it_cost(
        self, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connection_test, "time", SimpleNamespace(sleep=lambda seconds: None))
        onefile.faults.append(Fault(operation="Customer/get", kind="status", status=429))

        assert services.check_connection() == {"api_calls": 2, "rate_limited": 1}

    def test_a_pace_that_cannot_be_reached(self, onefile: SandboxServer, away: Away) -> None:
        report = services.test_connection(OneFileSettings.load())

        assert not report.ok
        with pytest.raises(services.Refused):
            services.check_connection()

    def test_the_session_that_all_share_is_left_alone(self, onefile: SandboxServer) -> None:
        services.check_connection()
        shared = ApiSession.objects.values("encrypted_token", "belongs_to", "issued_at").get()

        assert services.test_connection(OneFileSettings.load()).ok

        assert ApiSession.objects.values("encrypted_token", "belongs_to", "issued_at").get() == shared
        assert onefile.calls["Authentication"] == 2

    def test_what_is_not_saved_is_tried_and_not_kept(self, onefile: SandboxServer) -> None:
        typed = OneFileSettings.load()
        typed.set_customer_token("another")

        report = services.test_connection(typed)

        assert report.text.startswith("OneFile did not accept the customer token.")
        assert services.test_connection(OneFileSettings.load()).ok

    def test_no_token(self, onefile: SandboxServer, configure: Callable[..., None]) -> None:
        configure(encrypted_customer_token="")

        report = services.test_connection(OneFileSettings.load())

        assert (report.ok, report.text) == (
            False,
            (
                "There is no customer token. Enter it in the OneFile settings. "
                "OneFile Support issues it to Centre Managers."
            ),
        )

    def test_an_address_that_would_give_the_token_away(self, onefile: SandboxServer, settings: Any) -> None:
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "BASE_URL": "http://onefile.example/api/v2.1"}

        report = services.test_connection(OneFileSettings.load())

        assert not report.ok
        assert "manage.py check" in report.text
