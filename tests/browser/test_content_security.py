"""Every page works under a content security policy that allows no inline script and no inline style."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from .office import Office
from .steps import (
    at_run,
    enter_registration_number,
    open_delivery_plan,
    open_in_admin,
    refresh_button,
    watch_until,
)

pytestmark = pytest.mark.browser

POLICY = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'"


def put_under_policy(route: Route) -> None:
    """Let the site answer, and add the policy to its answer."""
    if route.request.method != "GET":
        route.continue_()
        return
    answer = route.fetch()
    route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": POLICY})


def test_all_pages_work_under_a_strict_policy(
    open_browser: Callable[..., Page], assessor: Page, office: Office
) -> None:
    """A violation is an error on the console, and those fail every test here."""
    staff = open_browser("admin")
    learner = office.learner_in_step()
    enter_registration_number(assessor, office, office.qualification(learner), "NCFE-POLICY-1")
    staff.route(re.compile(f"^{office.demo.site}(?!static/|.*/progress/)"), put_under_policy)

    staff.goto(office.address("/"))
    open_delivery_plan(staff, office, learner)
    open_in_admin(staff, office, learner)
    with office.worker_held():
        refresh_button(staff).click()
        run = at_run(staff)
        staff.goto(office.address(f"/onefile/run/{run}/"))  # a form's answer is out of the policy's reach
        expect(staff.get_by_role("progressbar")).to_be_visible()
        staff.get_by_role("link", name="Cancel this run …").click()
        expect(staff.get_by_role("button", name="Cancel the run")).to_be_visible()
        staff.get_by_role("link", name="No, take me back").click()
    watch_until(staff, "Finished: updated.")
    open_in_admin(staff, office, learner)
    staff.get_by_role("link", name="Updated").click()
    expect(staff.locator("table.onefile-changes")).to_be_visible()
    for path in ("onefilesettings/1/change/", "syncrun/", "learneroutcome/", "change/", "problem/"):
        staff.goto(office.address(f"/admin/onefile_sync/{path}"))
        expect(staff.locator("#content")).to_be_visible()
    staff.goto(office.address("/onefile/health/"))
    expect(staff.locator("table.onefile-health")).to_be_visible()
