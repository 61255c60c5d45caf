"""The OneFile settings page: Test connection says who we are or why not, and no token ever comes out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from onefile_sync.models import OneFileSettings
from onefile_sync.sandbox.server import CUSTOMER_TOKEN

from .office import Office

pytestmark = pytest.mark.browser

WRONG = "a-token-of-somebody-else"


def type_token(staff: Page, token: str) -> None:
    staff.get_by_label("Customer Token").fill(token)


def check_connection(staff: Page) -> None:
    staff.get_by_role("button", name="Test connection").click()
    expect(staff.locator(".messagelist li").first).to_be_visible()
    assert_no_token(staff)


def assert_no_token(staff: Page) -> None:
    html = staff.content()
    assert CUSTOMER_TOKEN not in html
    assert WRONG not in html
    expect(staff.get_by_label("Customer Token")).to_have_value("")


def test_test_connection_tries_what_is_typed_and_saves_nothing(
    staff: Page, office: Office, picture: Callable[[Page, str], None]
) -> None:
    staff.goto(office.address("/admin/onefile_sync/onefilesettings/"))
    expect(staff.get_by_text("A token is stored.")).to_be_visible()
    check_connection(staff)
    expect(staff.locator(".messagelist .success")).to_have_text(
        "Connected to OneFile as “Northvale Training”."
    )
    picture(staff, "settings-connected")
    stored = list(office.rows(OneFileSettings).values())

    type_token(staff, WRONG)
    staff.get_by_label("Environment").select_option("practice")
    check_connection(staff)
    expect(staff.locator(".messagelist .error")).to_contain_text("token")
    expect(staff.locator(".messagelist .warning")).to_contain_text("Nothing was saved.")
    expect(staff.get_by_label("Environment")).to_have_value("practice")
    picture(staff, "settings-wrong-token")
    assert list(office.rows(OneFileSettings).values()) == stored

    type_token(staff, CUSTOMER_TOKEN)
    check_connection(staff)
    expect(staff.locator(".messagelist .success")).to_be_visible()
    assert list(office.rows(OneFileSettings).values()) == stored


def test_another_environment_needs_its_token_and_is_warned_of(
    staff: Page, office: Office, picture: Callable[[Page, str], None]
) -> None:
    stored = office.rows(OneFileSettings).values().get()
    staff.goto(office.address("/admin/onefile_sync/onefilesettings/"))
    staff.get_by_label("Environment").select_option("practice")
    staff.get_by_role("button", name="Save and continue editing").click()
    expect(
        staff.get_by_text("The stored token was entered for another environment or address.")
    ).to_be_visible()
    try:
        type_token(staff, CUSTOMER_TOKEN)
        staff.get_by_role("button", name="Save and continue editing").click()
        expect(staff.locator(".messagelist .warning")).to_contain_text(
            "The environment was changed from Sandbox (to practise on) to Practice"
        )
        assert_no_token(staff)
        picture(staff, "settings-another-environment")
    finally:
        office.configure(**stored)
