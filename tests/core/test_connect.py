"""The way to OneFile: the session that all processes share, the customer token, and how long an answer may take."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from onefile_sync import crypto
from onefile_sync.models import ApiSession, OneFileSettings
from onefile_sync.onefile.patience import Patience
from onefile_sync.sync.connect import NotConnected, SharedSession, connect, customer_token
from onefile_sync.sync.pace import SharedPace
from tests.factories import Host

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


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
        SharedPace(None).wait()  # makes the row
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
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "CUSTOMER_TOKEN": "of-the-deployment"}
        assert customer_token(switched_on) == "of-the-deployment"
        switched_on.encrypted_customer_token = "unreadable"
        assert customer_token(switched_on) == "of-the-deployment"

    @pytest.mark.parametrize(("stored", "code"), [("", "no_token"), ("unreadable", "token_unreadable")])
    def test_without_a_token_there_is_no_way(self, host: Host, stored: str, code: str) -> None:
        with pytest.raises(NotConnected) as reason:
            connect(OneFileSettings(encrypted_customer_token=stored), Patience.person())

        assert (reason.value.code, str(reason.value)) == (code, code)

    def test_a_session_goes_with_the_environment(
        self, host: Host, switched_on: OneFileSettings, settings: Any
    ) -> None:
        sandbox, live = OneFileSettings.load(), OneFileSettings.load()
        live.environment = "live"
        fingerprints = set()
        for chosen in (sandbox, live):
            onefile = connect(chosen, Patience.person())
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

        onefile = connect(switched_on, Patience.person())

        assert onefile.transport._timeout == timeout  # to connect, and for each part of the answer
        onefile.transport.close()
