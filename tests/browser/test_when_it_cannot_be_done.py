"""No worker, the integration switched off, no permission: what the pages say and what they refuse."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from .office import Office
from .steps import at_run, open_delivery_plan, open_in_admin, preview_button, refresh_button, watch_until

pytestmark = pytest.mark.browser

Picture = Callable[[Page, str], None]


def test_without_a_worker_the_page_says_so_and_the_run_finishes_when_one_is_back(
    staff: Page, office: Office, picture: Picture
) -> None:
    learner = office.learner_in_step()
    with office.worker_held():
        open_delivery_plan(staff, office, learner)
        refresh_button(staff).click()
        run = at_run(staff)
        waiting = staff.get_by_role("status").filter(
            has_text="No worker has processed this run for a minute."
        )
        expect(waiting).to_be_hidden()

        office.ask_long_ago(run)

        expect(waiting).to_be_visible()
        expect(waiting).to_contain_text("python manage.py qcluster")
        expect(waiting).to_contain_text("Nothing is lost")
        picture(staff, "run-without-a-worker")
    watch_until(staff, "Finished: unchanged.")
    expect(waiting).to_be_hidden()


def test_switched_off_there_is_no_button_but_the_reason(
    staff: Page, office: Office, picture: Picture
) -> None:
    learner = office.learner_in_step()
    off = "The OneFile integration is switched off. Switch it on in the OneFile settings."
    staff.goto(office.address("/admin/onefile_sync/onefilesettings/1/change/"))
    staff.get_by_label("Integration Enabled").uncheck()
    staff.get_by_role("button", name="Save", exact=True).click()

    for open_page in (open_in_admin, open_delivery_plan):
        open_page(staff, office, learner)
        expect(staff.get_by_text(off)).to_be_visible()
        expect(refresh_button(staff)).to_have_count(0)
        expect(preview_button(staff)).to_have_count(0)
        picture(staff, f"switched-off-{open_page.__name__}")

    staff.goto(office.address("/admin/onefile_sync/onefilesettings/1/change/"))
    staff.get_by_label("Integration Enabled").check()
    staff.get_by_role("button", name="Save", exact=True).click()
    open_in_admin(staff, office, learner)
    expect(refresh_button(staff)).to_be_visible()
    expect(staff.get_by_text(off)).to_have_count(0)


def test_a_page_that_was_opened_before_it_was_switched_off_says_why_not(
    open_browser: Callable[..., Page], office: Office
) -> None:
    staff = open_browser("admin")
    learner = office.learner_in_step()
    open_delivery_plan(staff, office, learner)
    office.configure(enabled=False)
    runs_before = office.runs()

    refresh_button(staff).click()

    expect(staff).to_have_url(re.compile(re.escape(learner.get_absolute_url())))
    expect(staff.get_by_text("Not refreshed: The OneFile integration is switched off.")).to_be_visible()
    assert office.runs() == runs_before


@pytest.mark.parametrize(
    "has_javascript", [True, False], ids=["with JavaScript", "without JavaScript"], indirect=True
)
class TestWhoMayOnlyLook:
    @pytest.fixture
    def clerk(self, open_browser: Callable[..., Page], has_javascript: bool) -> Page:
        return open_browser("clerk", has_javascript=has_javascript)

    def test_sees_no_button_and_no_action(self, clerk: Page, office: Office, picture: Picture) -> None:
        learner = office.learner_in_step()
        for open_page in (open_in_admin, open_delivery_plan):
            open_page(clerk, office, learner)
            expect(clerk.get_by_text("Last synchronised")).to_be_visible()
            expect(refresh_button(clerk)).to_have_count(0)
            expect(preview_button(clerk)).to_have_count(0)
            picture(clerk, f"clerk-{open_page.__name__}")
        clerk.goto(office.address("/admin/picsweb/learner/"))
        expect(clerk.locator("#result_list")).to_be_visible()
        expect(clerk.get_by_text("Refresh selected learners with OneFile")).to_have_count(0)

    def test_is_refused_when_posting_all_the_same(self, clerk: Page, office: Office) -> None:
        learner = office.learner_in_step()
        open_delivery_plan(clerk, office, learner)
        token = clerk.locator('input[name="csrfmiddlewaretoken"]').first.input_value()
        runs_before = office.runs()
        for path in (
            f"/onefile/learner/{learner.pk}/refresh/",
            f"/admin/picsweb/learner/{learner.pk}/onefile/refresh/",
            f"/admin/picsweb/learner/{learner.pk}/onefile/preview/",
        ):
            answer = clerk.context.request.post(
                office.address(path),
                form={"csrfmiddlewaretoken": token},
                headers={"Referer": clerk.url},
                max_redirects=0,
            )
            assert answer.status == 403, path
            # Refused for want of the permission, and not because the form was not ours.
            assert "Not permitted" in answer.text(), path
        assert office.runs() == runs_before
