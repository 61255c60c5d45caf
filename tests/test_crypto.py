"""The few secrets in the database: unreadable there, readable after the key was rotated, and never half read."""

from __future__ import annotations

from typing import Any

import pytest

from onefile_sync import crypto, tasks
from onefile_sync.models import OneFileSettings


def test_what_is_stored_is_not_the_secret() -> None:
    stored = crypto.encrypt("tøken")

    assert "tøken" not in stored
    assert crypto.decrypt(stored) == "tøken"
    assert crypto.encrypt("tøken") != stored


def test_blank_stays_blank() -> None:
    assert crypto.encrypt("") == ""
    assert crypto.decrypt("") == ""


def test_a_rotated_key_still_reads_what_the_old_one_wrote(settings: Any) -> None:
    stored = crypto.encrypt("token")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the next key"

    assert crypto.decrypt(stored) == "token"
    again = crypto.encrypt("token")
    settings.SECRET_KEY_FALLBACKS = []
    assert crypto.decrypt(again) == "token"


def test_only_values_encrypted_with_an_old_key_are_encrypted_again(settings: Any) -> None:
    stored = crypto.encrypt("token")
    assert crypto.renewed(stored) == stored
    assert crypto.renewed("") == ""

    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the next key"
    renewed = crypto.renewed(stored)
    settings.SECRET_KEY_FALLBACKS = []

    assert crypto.decrypt(renewed) == "token"
    assert crypto.renewed(stored) == stored  # no key fits: it is left for whoever has one


@pytest.mark.parametrize("stored", [None, "not a cipher text", "é"])
def test_a_secret_that_fits_no_key_is_never_handed_out(settings: Any, stored: str | None) -> None:
    stored = crypto.encrypt("token") if stored is None else stored
    settings.SECRET_KEY = "the next key"

    with pytest.raises(crypto.Undecipherable) as undecipherable:
        crypto.decrypt(stored)

    assert str(undecipherable.value) == ""
    assert undecipherable.value.__cause__ is None


def test_keys_may_be_bytes(settings: Any) -> None:
    settings.SECRET_KEY = b"bytes"

    assert crypto.decrypt(crypto.encrypt("token")) == "token"


def test_fingerprints_tell_secrets_apart_and_do_not_tell_them(settings: Any) -> None:
    one = crypto.fingerprint("https://onefile.example", "token")

    assert one == crypto.fingerprint("https://onefile.example", "token")
    assert one != crypto.fingerprint("https://onefile.example", "other")
    assert crypto.fingerprint("ab", "c") != crypto.fingerprint("a", "bc")
    assert "token" not in one
    settings.SECRET_KEY = "the next key"
    assert crypto.fingerprint("https://onefile.example", "token") != one


class TestCustomerToken:
    def test_is_encrypted_with_the_present_key_by_the_next_daily_sync(self, db: None, settings: Any) -> None:
        row = OneFileSettings()
        row.set_customer_token("the-customer-token")
        row.save()
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "the next key"

        tasks.daily()

        settings.SECRET_KEY_FALLBACKS = []
        assert OneFileSettings.load().customer_token == "the-customer-token"

    def test_is_encrypted_in_its_row(self, db: None) -> None:
        row = OneFileSettings()
        row.set_customer_token("  the-customer-token ")
        row.save()

        stored = OneFileSettings.objects.values().get()

        assert "the-customer-token" not in repr(stored)
        assert OneFileSettings.load().customer_token == "the-customer-token"
        assert OneFileSettings.load().has_customer_token

    def test_is_forgotten_when_set_to_blank(self, db: None) -> None:
        row = OneFileSettings()
        row.set_customer_token("the-customer-token")
        row.set_customer_token(" ")

        assert not row.has_customer_token
        assert row.customer_token == ""

    def test_there_is_one_row_of_settings(self, db: None) -> None:
        OneFileSettings(enabled=True).save()
        OneFileSettings(enabled=False).save()

        assert OneFileSettings.objects.count() == 1
        assert not OneFileSettings.load().enabled
