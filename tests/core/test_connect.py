"""What all processes share on the way to OneFile: one session, one pace."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from onefile_sync import crypto
from onefile_sync.models import ApiSession, OneFileSettings
from onefile_sync.onefile.transport import Patience
from onefile_sync.sync.connect import NotConnected, SharedPace, SharedSession, connect, customer_token
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


class Process:
    """A process with a pace of its own over the shared row; its waiting moves the clock."""

    def __init__(self, now: time_machine.Traveller, calls_per_minute: int | None) -> None:
        self.now = now
        self.waits: list[float] = []
        self.pace = SharedPace(calls_per_minute, None, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.waits.append(round(seconds, 6))
        self.now.shift(seconds)


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


class TestSharedPace:
    def test_spaces_calls_evenly(self, now: time_machine.Traveller) -> None:
        process = Process(now, calls_per_minute=120)

        for _call in range(4):
            process.pace.wait()

        assert process.waits == [0.5, 0.5, 0.5]

    def test_does_not_save_up_calls(self, now: time_machine.Traveller) -> None:
        process = Process(now, calls_per_minute=120)
        process.pace.wait()
        now.shift(60)

        process.pace.wait()
        process.pace.wait()

        assert process.waits == [0.5]

    def test_is_one_for_all_processes(self, now: time_machine.Traveller) -> None:
        one, other = Process(now, 120), Process(now, 120)

        for process in (one, other, one, other):
            process.pace.wait()

        assert (one.waits, other.waits) == ([0.5], [0.5, 0.5])
        assert ApiSession.objects.count() == 1

    def test_a_pause_makes_everybody_wait(self, now: time_machine.Traveller) -> None:
        one, other = Process(now, 120), Process(now, 120)
        one.pace.wait()
        one.pace.pause(30)

        other.pace.wait()
        one.pace.wait()

        assert (other.waits, one.waits) == ([30], [0.5])

    def test_the_longest_pause_counts(self, now: time_machine.Traveller) -> None:
        process = Process(now, None)
        process.pace.pause(60)
        process.pace.pause(10)

        process.pace.wait()

        assert process.waits == [60]

    def test_without_a_limit_nobody_waits_but_for_a_pause(self, now: time_machine.Traveller) -> None:
        process = Process(now, None)
        process.pace.wait()
        process.pace.wait()
        assert process.waits == []

        process.pace.pause(5)
        process.pace.wait()
        process.pace.wait()

        assert process.waits == [5]

    def test_whoever_is_about_to_call_is_asked_first(self, now: time_machine.Traveller) -> None:
        asked: list[float] = []
        pace = SharedPace(60, asked.append, now.shift)

        pace.wait()
        pace.wait()

        assert asked == [0, 1]  # for how long the call would wait for its turn

    def test_whoever_must_not_call_takes_no_place(self, now: time_machine.Traveller) -> None:
        def lost(seconds: float) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            SharedPace(60, lost, now.shift).wait()

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
