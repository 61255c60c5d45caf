"""Connecting to OneFile: the shared session, the customer token, and how long an answer may take."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from onefile_sync import crypto, services
from onefile_sync.models import ApiSession, OneFileSettings
from onefile_sync.onefile.retry import RetryPolicy
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sync.connection.rate_limit import SharedRateLimiter
from onefile_sync.sync.connection.session import (
    NotConnected,
    OwnSession,
    SharedSession,
    connect,
    customer_token,
)
from tests.factories import Host

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.matrix]


def test_a_session_for_unsaved_settings_is_kept_by_itself_until_it_is_refused() -> None:
    session = OwnSession()
    session.save("session-token", NOON)
    session.forget("an earlier one")
    assert session.load() == ("session-token", NOON)
    session.forget("session-token")
    assert session.load() is None
    assert not ApiSession.objects.exists()


class TestSharedSession:
    def test_is_found_by_every_process_with_the_same_address_and_token(self) -> None:
        SharedSession("fingerprint").save("session-token", NOON)

        assert SharedSession("fingerprint").load() == ("session-token", NOON)

    def test_is_encrypted_in_its_row(self) -> None:
        SharedSession("fingerprint").save("session-token", NOON)

        row = ApiSession.objects.values().get()
        assert "session-token" not in repr(row)
        assert crypto.decrypt(row["encrypted_token"]) == "session-token"
        assert str(ApiSession.objects.get()) == "API session"

    def test_there_is_none_to_begin_with(self) -> None:
        assert SharedSession("fingerprint").load() is None
        SharedRateLimiter(None).wait()  # makes the row
        assert SharedSession("").load() is None

    @pytest.mark.parametrize(
        ("address", "token"), [("https://two.example", "token"), ("https://one.example", "other")]
    )
    def test_of_another_address_or_token_is_not_used(self, address: str, token: str) -> None:
        mine = crypto.fingerprint("https://one.example", "token")
        SharedSession(mine).save("session-token", NOON)

        assert SharedSession(crypto.fingerprint(address, token)).load() is None
        assert SharedSession(mine).load() is not None

    def test_that_cannot_be_deciphered_is_as_good_as_none(self, settings: Any) -> None:
        SharedSession("fingerprint").save("session-token", NOON)
        settings.SECRET_KEY = "another"

        assert SharedSession("fingerprint").load() is None

    def test_is_forgotten(self) -> None:
        session = SharedSession("fingerprint")
        session.save("session-token", NOON)

        session.forget("session-token")

        assert session.load() is None
        assert ApiSession.objects.get().encrypted_token == ""

    def test_a_newer_one_is_not_forgotten_in_place_of_the_old(self) -> None:
        session = SharedSession("fingerprint")
        session.save("old", NOON)
        SharedSession("fingerprint").save("new", NOON)

        session.forget("old")

        assert session.load() == ("new", NOON)

    def test_forgetting_what_is_not_there_does_nothing(self) -> None:
        SharedSession("fingerprint").forget("session-token")

        assert not ApiSession.objects.exists()


class TestConnecting:
    def test_the_deployments_token_goes_before_that_of_staff(
        self, host: Host, switched_on: OneFileSettings, settings: Any
    ) -> None:
        assert customer_token(switched_on) == "a-customer-token"
        settings.ONEFILE_SYNC = {
            **settings.ONEFILE_SYNC,
            "CUSTOMER_TOKEN": {"sandbox": "of-the-deployment"},
        }
        assert customer_token(switched_on) == "of-the-deployment"
        switched_on.encrypted_customer_token = "unreadable"
        assert customer_token(switched_on) == "of-the-deployment"

    @pytest.mark.parametrize(("stored", "code"), [("", "no_token"), ("unreadable", "token_unreadable")])
    def test_without_a_token_there_is_no_way(
        self, host: Host, switched_on: OneFileSettings, stored: str, code: str
    ) -> None:
        switched_on.encrypted_customer_token = stored
        with pytest.raises(NotConnected) as reason:
            connect(switched_on, RetryPolicy.person())

        assert (reason.value.code, str(reason.value)) == (code, code)

    def test_a_session_goes_with_the_environment(
        self, host: Host, switched_on: OneFileSettings, settings: Any
    ) -> None:
        sandbox, live = OneFileSettings.load(), OneFileSettings.load()
        live.environment = "live"
        live.set_customer_token("a-customer-token")
        fingerprints = set()
        for chosen in (sandbox, live):
            onefile = connect(chosen, RetryPolicy.person())
            onefile.transport._sessions.save("session-token", NOON)
            fingerprints.add(ApiSession.objects.get().belongs_to)
            onefile.transport.close()

        assert len(fingerprints) == 2

    @pytest.mark.parametrize(
        ("seconds", "timeout"), [(None, (5, 30)), (60, (5, 60)), (5, (5, 5)), (0.5, (0.5, 0.5))]
    )
    def test_waits_for_an_answer_as_long_as_the_deployment_says(
        self, host: Host, switched_on: OneFileSettings, settings: Any, seconds: float | None, timeout: Any
    ) -> None:
        if seconds is not None:
            settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "TIMEOUT_SECONDS": seconds}

        onefile = connect(switched_on, RetryPolicy.person())

        assert onefile.transport._timeout == timeout  # to connect, and for each part of the answer
        onefile.transport.close()


def choose_live(settings: Any) -> None:
    OneFileSettings.objects.update(environment="live")


def move_the_server(settings: Any) -> None:
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "BASE_URL": "http://127.0.0.1:9"}


def move_the_environment(settings: Any) -> None:
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "BASE_URL": None}


ELSEWHERE = pytest.mark.parametrize("go_elsewhere", [choose_live, move_the_server, move_the_environment])


class TestATokenBelongsToItsEnvironment:
    """The token was entered for one environment at one address, and is not sent anywhere else."""

    @ELSEWHERE
    def test_the_token_that_staff_entered_is_not_sent_elsewhere(
        self, onefile: SandboxServer, settings: Any, go_elsewhere: Callable[[Any], None]
    ) -> None:
        go_elsewhere(settings)

        with pytest.raises(NotConnected) as reason:
            connect(OneFileSettings.load(), RetryPolicy.person())

        assert reason.value.code == "token_other_environment"

    def test_the_other_way_round_a_live_token_reaches_no_sandbox(
        self, onefile: SandboxServer, host: Host, settings: Any
    ) -> None:
        here = settings.ONEFILE_SYNC
        settings.ONEFILE_SYNC = {**here, "BASE_URL": None}
        row = OneFileSettings(enabled=True, environment="live")
        row.set_customer_token("the-live-token")
        row.save()
        settings.ONEFILE_SYNC = here
        OneFileSettings.objects.update(environment="sandbox")

        report = services.test_connection(OneFileSettings.load())
        refusal = services.refusal_for(host.learner(onefile_id=501))

        assert (report.ok, refusal and refusal.code) == (False, "token_other_environment")
        assert "belongs to another environment or address" in report.text
        assert not onefile.calls

    def test_changing_back_is_enough_to_use_it_again(self, onefile: SandboxServer) -> None:
        OneFileSettings.objects.update(environment="live")
        OneFileSettings.objects.update(environment="sandbox")

        assert services.test_connection(OneFileSettings.load()).ok

    def test_entering_it_again_is_what_is_asked_for(self, onefile: SandboxServer) -> None:
        row = OneFileSettings.load()
        row.environment = "practice"
        row.set_customer_token(onefile.customer_token)
        row.save()

        assert services.test_connection(OneFileSettings.load()).ok

    def test_a_forgotten_token_belongs_nowhere(self, onefile: SandboxServer) -> None:
        row = OneFileSettings.load()
        row.set_customer_token("")

        assert (row.token_environment, row.token_address, row.token_belongs_here) == ("", "", False)

    def test_where_the_address_is_not_known_no_token_is_kept_for_it(self, host: Host, settings: Any) -> None:
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "BASE_URL": "nowhere"}
        row = OneFileSettings(environment="live")
        row.set_customer_token("a-customer-token")

        assert (row.token_address, row.token_belongs_here) == ("", False)

    @pytest.mark.parametrize(
        ("given", "base_url", "environment"),
        [
            ("the-token", None, "sandbox"),
            ("the-token", None, "practice"),
            ({"live": "the-token"}, None, "sandbox"),
            ({"live": "the-token"}, "http://127.0.0.1:9000", "sandbox"),
        ],
    )
    def test_neither_is_the_installations_own(
        self, host: Host, settings: Any, given: Any, base_url: str | None, environment: str
    ) -> None:
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "CUSTOMER_TOKEN": given, "BASE_URL": base_url}

        with pytest.raises(NotConnected) as reason:
            customer_token(OneFileSettings(environment=environment))

        assert reason.value.code == "token_other_environment"

    @pytest.mark.parametrize(
        ("given", "base_url", "environment"),
        [
            ("the-token", None, "live"),
            ("the-token", "http://127.0.0.1:9000", "practice"),
            ({"live": "another", "practice": "the-token"}, None, "practice"),
        ],
    )
    def test_the_installations_own_is_sent_where_it_belongs(
        self, host: Host, settings: Any, given: Any, base_url: str | None, environment: str
    ) -> None:
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "CUSTOMER_TOKEN": given, "BASE_URL": base_url}

        assert customer_token(OneFileSettings(environment=environment)) == "the-token"

    def test_where_the_installation_has_none_for_the_environment_that_of_staff_counts(
        self, host: Host, switched_on: OneFileSettings, settings: Any
    ) -> None:
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "CUSTOMER_TOKEN": "the-live-token"}

        assert customer_token(switched_on) == "a-customer-token"


class TestTheMigration:
    """A token stored by an earlier release belongs to the environment that was saved with it."""

    @pytest.mark.parametrize(
        ("base_url", "kept"), [(None, "https://wsapi2.onefile.co.uk/api/v2.1"), ("nowhere", "")]
    )
    def test_a_stored_token_stays_in_use_where_it_is(
        self, host: Host, settings: Any, base_url: str | None, kept: str
    ) -> None:
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "BASE_URL": base_url}
        OneFileSettings(environment="practice", encrypted_customer_token=crypto.encrypt("a-token")).save()
        migration = import_module("onefile_sync.migrations.0004_environments")

        migration.keep_token_where_it_is(apps, SimpleNamespace(connection=connection))

        row = OneFileSettings.load()
        assert (row.token_environment, row.token_address) == ("practice", kept)
        assert row.token_belongs_here == bool(kept)

    def test_where_none_is_stored_none_is_made_up(self, host: Host) -> None:
        OneFileSettings(environment="practice").save()
        migration = import_module("onefile_sync.migrations.0004_environments")

        migration.keep_token_where_it_is(apps, SimpleNamespace(connection=connection))

        assert OneFileSettings.load().token_environment == ""
