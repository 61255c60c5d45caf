"""A learner who is not in OneFile yet: created from the learner's page, reviewed in OneFile, and back in PICSWeb."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, time

import pytest
from playwright.sync_api import Page, expect

from example_project.picsweb.models import Learner, Officer, Organisation, Placement, Qualification, Review

from .office import Office
from .steps import headline, open_delivery_plan, refresh_button

pytestmark = pytest.mark.browser

FINISHED = re.compile("^Finished")


@pytest.fixture
def newcomer(office: Office, has_javascript: bool) -> Learner:
    """A learner with a new officer, a new employer, one qualification and a planned review."""
    number = 1 if has_javascript else 2
    officer = office.rows(Officer).create(
        ident=f"NEW{number}",
        first_name="Bo",
        surname=f"Lund{'a' * number}",
        email=f"bo{number}@provider.example",
    )
    employer = office.rows(Organisation).create(ident=f"MILL{number}", name=f"Mill number {number}")
    learner: Learner = office.rows(Learner).create(
        ident=f"ANN{number}",
        first_name="Ann",
        surname=f"Bellamy{'a' * number}",
        email=f"ann{number}@home.example",
        date_of_birth=date(2005, 3, 4),
        start_date=date(2026, 9, 7),
        planned_end_date=date(2027, 9, 7),
        main_officer=officer,
    )
    office.rows(Placement).create(learner=learner, organisation=employer, start_date=date(2026, 9, 7))
    known = office.rows(Qualification).exclude(onefile_id=None).first()
    office.rows(Qualification).create(
        learner=learner, reference=known.reference, title=known.title, start_date=date(2026, 9, 7)
    )
    office.rows(Review).create(
        learner=learner, proposed_date=date(2026, 12, 1), proposed_time=time(10), officer=officer
    )
    return learner


def choose_defaults(page: Page, office: Office) -> None:
    """The first class and the first placement of OneFile's lists are the centre's defaults."""
    page.goto(office.address("/onefile/centre-defaults/"))
    for menu in page.locator(".onefile-defaults select").all():
        menu.select_option(index=1)
    for box in page.locator(".onefile-defaults input[list]").all():
        proposed = page.locator(f"#{box.get_attribute('list')} option").first
        box.fill(proposed.get_attribute("value") or "")
    page.get_by_role("button", name="Save").click()


def test_from_the_learners_page_to_a_review_that_comes_back(
    staff: Page,
    assessor: Page,
    office: Office,
    newcomer: Learner,
    picture: Callable[[Page, str], None],
) -> None:
    open_delivery_plan(staff, office, newcomer)
    staff.get_by_role("link", name="Create in OneFile").click()
    staff.get_by_role("button", name="Look for this learner in OneFile").click()
    expect(staff.get_by_role("heading", name="Learner Details")).to_be_visible(timeout=60_000)
    choose_defaults(staff, office)
    open_delivery_plan(staff, office, newcomer)
    staff.get_by_role("link", name="Create in OneFile").click()
    pathways = staff.locator("select[name^=pathway-]")
    if pathways.count():
        pathways.first.select_option(index=1)
    picture(staff, "create-learner")
    staff.get_by_role("button", name="Create in OneFile").click()
    expect(headline(staff)).to_have_text(FINISHED, timeout=60_000)

    made = office.rows(Learner).get(pk=newcomer.pk)
    review = office.rows(Review).get(learner=newcomer)
    assert headline(staff).inner_text() == "Finished: created."
    assert made.onefile_id is not None
    assert office.rows(Qualification).get(learner=newcomer).onefile_id is not None
    assert office.rows(Officer).get(pk=newcomer.main_officer_id).onefile_id is not None
    assert review.onefile_id is not None

    assessor.goto(f"{office.demo.sandbox}learner/{made.onefile_id}")
    for step in ("Start review", "Sign as assessor", "Sign as learner"):
        assessor.get_by_role("button", name=step).first.click()
    open_delivery_plan(staff, office, newcomer)
    refresh_button(staff).click()
    expect(headline(staff)).to_have_text(FINISHED, timeout=60_000)

    back = office.rows(Review).get(pk=review.pk)
    assert back.attended == "yes"
    assert back.trainee_signed_date is not None
