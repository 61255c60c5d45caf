"""The OneFile settings page: Test connection says who we are or why not, and no token ever comes out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from onefile_sync.sandbox.server import CUSTOMER_TOKEN

from .office import Office

pytestmark = pytest.mark.browser

WRONG = "a-token-of-somebody-else"


def save_token(staff: Page, token: str) -> None:
    staff.get_by_label("Customer Token").fill(token)
    staff.get_by_role("button", name="Save and continue editing").click()
    expect(staff.get_by_text("was changed successfully")).to_be_visible()
    assert_no_token(staff)


def check_connection(staff: Page) -> None:
    staff.get_by_role("button", name="Test connection").click()
    expect(staff.locator(".messagelist li")).to_be_visible()
    assert_no_token(staff)


def assert_no_token(staff: Page) -> None:
    html = staff.content()
    assert CUSTOMER_TOKEN not in html
    assert WRONG not in html
    expect(staff.get_by_label("Customer Token")).to_have_value("")


def test_test_connection_says_who_we_are_or_why_not(
    staff: Page, office: Office, picture: Callable[[Page, str], None]
) -> None:
    staff.goto(office.address("/admin/onefile_sync/onefilesettings/"))
    expect(staff.get_by_text("A token is stored.")).to_be_visible()
    check_connection(staff)
    expect(staff.locator(".messagelist .success")).to_have_text(
        "Connected to OneFile as “Northvale Training”."
    )
    picture(staff, "settings-connected")

    save_token(staff, WRONG)
    try:
        check_connection(staff)
        expect(staff.locator(".messagelist .error")).to_contain_text("token")
        picture(staff, "settings-wrong-token")
    finally:
        save_token(staff, CUSTOMER_TOKEN)
    check_connection(staff)
    expect(staff.locator(".messagelist .success")).to_be_visible()
