"""What is typed on a learner's page and not saved: kept by Save and refresh, and never lost without a word."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Dialog, Page, expect

from example_project.picsweb.models import Learner

from .office import Office
from .steps import at_run, open_in_admin, refresh_button

pytestmark = pytest.mark.browser


def telephone(office: Office, learner: Learner) -> str:
    number: str = office.rows(Learner).values_list("telephone", flat=True).get(pk=learner.pk)
    return number


@pytest.mark.parametrize(
    ("button", "number"), [("Save and refresh", "0114 1"), ("Save and preview", "0114 2")]
)
def test_what_was_typed_is_saved_and_the_run_begins(
    staff: Page, office: Office, picture: Callable[[Page, str], None], button: str, number: str
) -> None:
    learner = office.learner_in_step()
    open_in_admin(staff, office, learner)
    staff.get_by_label("Telephone").fill(number)
    staff.get_by_role("button", name=button).click()
    at_run(staff)
    expect(staff.get_by_text("was changed successfully")).to_be_visible()
    assert telephone(office, learner) == number


def test_without_javascript_nothing_is_offered_that_would_lose_it(
    open_browser: Callable[..., Page], office: Office
) -> None:
    staff = open_browser("admin", has_javascript=False)
    open_in_admin(staff, office, office.learner_in_step())
    for name in ("Refresh with OneFile", "Preview"):
        expect(staff.get_by_role("button", name=name, exact=True)).to_have_count(0)
    for name in ("Save and refresh", "Save and preview"):
        expect(staff.get_by_role("button", name=name)).to_be_visible()


def test_with_javascript_it_is_warned_of(open_browser: Callable[..., Page], office: Office) -> None:
    staff = open_browser("admin")
    learner = office.learner_in_step()
    before = telephone(office, learner)
    asked: list[str] = []

    def refuse(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    open_in_admin(staff, office, learner)
    page = staff.url
    staff.get_by_label("Telephone").fill("0114 3")
    staff.once("dialog", refuse)
    refresh_button(staff).click()
    assert [message[:38] for message in asked] == ["What you have typed on this page has n"]
    expect(staff).to_have_url(page)
    expect(staff.get_by_label("Telephone")).to_have_value("0114 3")

    staff.once("dialog", lambda dialog: dialog.accept())
    refresh_button(staff).click()
    at_run(staff)
    assert telephone(office, learner) == before


@pytest.mark.parametrize("field", ["text", "list", "checkbox"])
def test_what_is_set_back_is_no_edit(open_browser: Callable[..., Page], office: Office, field: str) -> None:
    staff = open_browser("admin")
    open_in_admin(staff, office, office.learner_in_step())
    staff.on("dialog", lambda dialog: pytest.fail(f"asked: {dialog.message}"))
    if field == "text":
        number = staff.get_by_label("Telephone")
        before = number.input_value()
        number.fill("0114 4")
        number.fill(before)
    elif field == "list":
        status = staff.get_by_label("Status")
        before = status.input_value()
        status.select_option("dormant")
        status.select_option(before)
    else:
        box = staff.locator('input[type="checkbox"]').first
        box.check()
        box.uncheck()
    refresh_button(staff).click()
    at_run(staff)
