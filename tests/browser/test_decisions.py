"""What people decide about runs: cancel one, apply or discard a daily sync that the safety stop holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from example_project.picsweb.models import Learner

from .office import Office
from .steps import (
    at_run,
    changes,
    choose_learners,
    enter_registration_number,
    headline,
    open_delivery_plan,
    refresh_button,
    watch_until,
)

pytestmark = pytest.mark.browser

Picture = Callable[[Page, str], None]


def cancel_link(page: Page) -> Locator:
    return page.get_by_role("link", name="Cancel this run …")


class TestCancelling:
    def test_a_run_that_waits(self, staff: Page, office: Office, picture: Picture) -> None:
        learner = office.learner_in_step()
        with office.worker_held():
            open_delivery_plan(staff, office, learner)
            refresh_button(staff).click()
            run = at_run(staff)
            cancel_link(staff).click()
            expect(staff.get_by_role("heading", name="Cancel this run?")).to_be_visible()
            expect(staff.get_by_text("It concerns 1 learner of this run:")).to_be_visible()
            picture(staff, "cancel-confirmation")
            staff.get_by_role("link", name="No, take me back").click()
            assert at_run(staff) == run
            expect(headline(staff)).to_have_text("Waiting to start.")

            cancel_link(staff).click()
            staff.get_by_role("button", name="Cancel the run").click()

            assert at_run(staff) == run
            expect(staff.locator(".messagelist .success")).to_have_text("The run was cancelled.")
            expect(headline(staff)).to_have_text("Cancelled: skipped.")
            expect(staff.locator(".onefile-problems")).to_contain_text("The run was cancelled before")
            expect(cancel_link(staff)).to_have_count(0)
            picture(staff, "run-cancelled")

    def test_a_run_that_is_under_way_comes_to_an_end_where_it_is(
        self, staff: Page, office: Office, picture: Picture
    ) -> None:
        one = office.learner_in_step()
        other = office.learner_in_step(besides=[one])
        with office.worker_held():
            choose_learners(staff, office, one, other)
            refresh_button(staff).click()
            run = at_run(staff)
            office.take_by_another_worker(run, one)
            cancel_link(staff).click()
            expect(staff.get_by_text("It concerns 1 learner of this run:")).to_be_visible()
            staff.get_by_role("button", name="Cancel the run").click()
            watch_until(staff, "Ending: learners who are being compared now will still be finished.")
            expect(cancel_link(staff)).to_have_count(0)
            picture(staff, "run-ending")
        office.lose_the_other_worker(run)
        watch_until(staff, "Cancelled: 2 learners. Skipped 2.")


class TestHeld:
    @pytest.fixture
    def different(self, assessor: Page, office: Office) -> Iterator[list[Learner]]:
        """Two learners whose registration number OneFile would replace."""
        office.configure(safety_stop_percent=20, safety_stop_learners=2)
        one = office.learner_in_step()
        learners = [one, office.learner_in_step(besides=[one])]
        for learner in learners:
            aim = office.qualification(learner)
            office.rows(type(aim)).filter(pk=aim.pk).update(registration_number="PICS-1")
            enter_registration_number(assessor, office, aim, f"NCFE-HELD-{learner.pk}")
        yield learners
        for learner in learners:  # in step again, for whichever test comes next
            aim = office.qualification(learner)
            office.rows(type(aim)).filter(pk=aim.pk).update(registration_number=f"NCFE-HELD-{learner.pk}")

    def numbers(self, office: Office, learners: list[Learner]) -> list[str]:
        return [office.qualification(learner).registration_number for learner in learners]

    def test_look_then_apply_then_watch_it_finish(
        self,
        staff: Page,
        open_browser: Callable[..., Page],
        office: Office,
        different: list[Learner],
        has_javascript: bool,
        picture: Picture,
    ) -> None:
        same = office.learner_in_step(besides=different)
        run = office.sync_daily(*different, same)
        staff.goto(office.address(f"/onefile/run/{run}/"))

        watch_until(staff, "Held: existing values of 2 of 3 learners would be replaced.")
        for learner in different:
            section = staff.get_by_role("region", name=f"{learner} Put aside")
            expect(section).to_contain_text("PICS-1")
            expect(section).to_contain_text(f"NCFE-HELD-{learner.pk}")
            expect(section.get_by_role("table", name="What a refresh would change")).to_be_visible()
        expect(staff.get_by_role("region", name=f"{same} Unchanged")).to_be_visible()
        expect(staff.get_by_role("status").filter(has_text="No worker has processed this run")).to_be_hidden()
        expect(cancel_link(staff)).to_have_count(0)  # that is what Discard does
        picture(staff, "run-held")
        colleague = open_browser("clerk", has_javascript=has_javascript)
        colleague.goto(staff.url)
        expect(colleague.get_by_text("A person who may decide about held runs")).to_be_visible()
        expect(colleague.get_by_role("link", name="Apply …")).to_have_count(0)

        staff.get_by_role("link", name="Apply …").click()
        expect(staff.get_by_role("heading", name="Apply what this run would change?")).to_be_visible()
        expect(staff.get_by_text("It concerns 2 learners of this run:")).to_be_visible()
        picture(staff, "apply-confirmation")
        assert self.numbers(office, different) == ["PICS-1", "PICS-1"]
        staff.get_by_role("button", name="Apply").click()

        assert at_run(staff) == run
        expect(staff.locator(".messagelist .success")).to_have_text("The run continues.")
        watch_until(staff, "Finished: 3 learners. Updated 2, Unchanged 1.")
        assert {after for _field, _before, after, _side, _rule in changes(staff)} == {
            f"NCFE-HELD-{learner.pk}" for learner in different
        }
        assert self.numbers(office, different) == [f"NCFE-HELD-{learner.pk}" for learner in different]
        expect(staff.get_by_text("Applied by")).to_be_visible()
        picture(staff, "run-applied")

    def test_discard(self, staff: Page, office: Office, different: list[Learner], picture: Picture) -> None:
        run = office.sync_daily(*different)
        staff.goto(office.address(f"/onefile/run/{run}/"))
        watch_until(staff, "Held: existing values of 2 of 2 learners would be replaced.")

        staff.get_by_role("link", name="Discard …").click()
        picture(staff, "discard-confirmation")
        staff.get_by_role("button", name="Discard").click()

        assert at_run(staff) == run
        expect(headline(staff)).to_have_text("Discarded: 2 learners. Skipped 2.")
        expect(staff.get_by_role("table", name="What would have changed but did not")).to_have_count(2)
        assert self.numbers(office, different) == ["PICS-1", "PICS-1"]
        picture(staff, "run-discarded")


def test_how_it_is_doing(staff: Page, office: Office, picture: Picture) -> None:
    open_delivery_plan(staff, office, office.learner_in_step())
    refresh_button(staff).click()
    watch_until(staff, re.compile("^Finished: "))  # so a worker has been seen
    staff.goto(office.address("/admin/onefile_sync/onefilesettings/1/change/"))
    picture(staff, "settings")
    staff.locator("#content-main").get_by_role("link", name="Is it working?").click()

    expect(staff.get_by_role("heading", name="OneFile: is it working?")).to_be_visible()
    expect(staff.get_by_role("row").filter(has_text="Is a worker running?")).to_contain_text("Fine")
    picture(staff, "health")

    office.configure(paused=True)
    staff.get_by_role("link", name="Check again").click()
    first = staff.locator("table.onefile-health tbody tr").first
    expect(first).to_contain_text("The integration is paused.")
    expect(first).to_contain_text("Untick Paused in the OneFile settings to continue.")
    picture(staff, "health-paused")
