"""Steps that people take on the pages, in their words."""

from __future__ import annotations

import re
from datetime import date

from playwright.sync_api import Locator, Page, expect

from example_project.picsweb.models import Learner, Qualification

from .office import Office

RUN_PAGE = re.compile(r"/onefile/run/([0-9a-f-]{36})/(\?next=[^&]*)?$")

BLANK_SIDE_FILLED = "The blank side is filled from the other; where both have a value, OneFile's wins."

#: Values that can be seen only by pushing a table sideways.
HIDDEN_VALUES = """() => [...document.querySelectorAll('.onefile-stacked tbody :is(th, td)')]
    .filter((each) => each.getBoundingClientRect().right > document.documentElement.clientWidth).length"""


def enter_registration_number(assessor: Page, office: Office, aim: Qualification, number: str) -> None:
    """The assessor types a number into OneFile's page of the learner and saves it."""
    assessor.goto(f"{office.demo.sandbox}learner/{aim.learner.onefile_id}")
    card = assessor.locator(f'form[action="/aim/{aim.onefile_id}"]')
    card.get_by_label("Registration number").fill(number)
    card.get_by_role("button", name="Save").click()
    expect(card.get_by_label("Registration number")).to_have_value(number)


def receive_certificate(office: Office, qualification: Qualification, day: date) -> None:
    """A clerk enters the day on which a certificate came, which OneFile does not know yet."""
    mine = office.rows(Qualification).filter(pk=qualification.pk)
    assert mine.update(certificate_received_date=day) == 1


def open_in_admin(page: Page, office: Office, learner: Learner) -> None:
    page.goto(office.address(f"/admin/picsweb/learner/{learner.pk}/change/"))


def open_delivery_plan(page: Page, office: Office, learner: Learner) -> None:
    page.goto(office.address(learner.get_absolute_url()))


def choose_learners(page: Page, office: Office, *learners: Learner) -> None:
    """Tick learners in the admin's list and choose the action, up to its confirmation."""
    page.goto(office.address("/admin/picsweb/learner/"))
    for learner in learners:
        page.locator(f'input[name="_selected_action"][value="{learner.pk}"]').check()
    page.get_by_label("Action:").select_option(label="Refresh selected learners with OneFile")
    page.locator('button[name="index"]').click()


def refresh_button(page: Page) -> Locator:
    """The first that a person meets: without JavaScript, editors of a learner's page have the one that saves first."""
    return page.get_by_role("button", name=re.compile("^(Refresh with OneFile|Save and refresh)$")).first


def preview_button(page: Page) -> Locator:
    return page.get_by_role("button", name=re.compile("^(Preview|Save and preview)$")).first


def at_run(page: Page) -> str:
    """The run whose page this is."""
    expect(page).to_have_url(RUN_PAGE)
    found = RUN_PAGE.search(page.url)
    assert found is not None
    return found[1]


def headline(page: Page) -> Locator:
    return page.locator("[data-headline]")


def watch_until(page: Page, says: str | re.Pattern[str]) -> None:
    """Watch a run's page, touching nothing, until its headline says so."""
    expect(headline(page)).to_have_text(says)


def changes(page: Page) -> list[tuple[str, ...]]:
    """The page's table of changes: field, before, after, side and rule."""
    lines = page.locator("table.onefile-changes tbody tr")
    return [
        tuple(text.strip() for text in lines.nth(at).locator("th, td").all_text_contents()[1:])
        for at in range(lines.count())
    ]
