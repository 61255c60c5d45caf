"""Refresh with OneFile as staff meet it: the button, the Delivery Plan, the action, the preview."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from example_project.picsweb.models import Learner, Qualification, Review
from onefile_sync.models import LearnerOutcome

from .office import Office
from .steps import (
    BLANK_SIDE_FILLED,
    at_run,
    changes,
    choose_learners,
    enter_registration_number,
    headline,
    open_delivery_plan,
    open_in_admin,
    preview_button,
    receive_certificate,
    refresh_button,
    watch_until,
)

pytestmark = pytest.mark.browser

Picture = Callable[[Page, str], None]

RECEIVED = date(2026, 3, 17)


def test_refresh_on_the_learners_admin_page(
    staff: Page, assessor: Page, office: Office, picture: Picture
) -> None:
    learner = office.learner_in_step()
    aim = office.qualification(learner)
    before = aim.registration_number or "blank"
    enter_registration_number(assessor, office, aim, "NCFE-ADMIN-1")
    receive_certificate(office, aim, RECEIVED)

    open_in_admin(staff, office, learner)
    picture(staff, "admin-learner")
    with office.worker_held():
        refresh_button(staff).click()
        at_run(staff)
        expect(headline(staff)).to_have_text("Waiting to start.")
        expect(staff.get_by_role("progressbar")).to_have_attribute("value", "0")
        picture(staff, "run-waiting-to-start")
    watch_until(staff, "Finished: updated.")

    picture(staff, "run-finished")
    expect(staff.get_by_role("heading", name=f"{learner} Updated")).to_be_visible()
    assert changes(staff) == [
        ("Certificate Received Date", "blank", "17/03/2026", "OneFile", BLANK_SIDE_FILLED),
        ("Registration Number", before, "NCFE-ADMIN-1", "PICSWeb", BLANK_SIDE_FILLED),
    ]
    staff.get_by_role("link", name="Open the learner").click()
    expect(staff.get_by_text("Last synchronised")).to_contain_text("Outcome: Updated")
    expect(staff.locator('input[value="NCFE-ADMIN-1"]')).to_be_visible()


def test_refresh_on_the_delivery_plan(staff: Page, assessor: Page, office: Office, picture: Picture) -> None:
    learner = office.learner_in_step()
    enter_registration_number(assessor, office, office.qualification(learner), "NCFE-PLAN-1")

    open_delivery_plan(staff, office, learner)
    refresh_button(staff).click()
    at_run(staff)
    watch_until(staff, "Finished: updated.")

    assert [(field, after, side) for field, _, after, side, _ in changes(staff)] == [
        ("Registration Number", "NCFE-PLAN-1", "PICSWeb")
    ]
    open_delivery_plan(staff, office, learner)
    expect(staff.get_by_text("NCFE-PLAN-1")).to_be_visible()
    expect(staff.get_by_text("Last synchronised")).to_contain_text("Outcome: Updated")
    picture(staff, "delivery-plan")


def test_what_needs_attention_is_said_with_whose_move_it_is(
    open_browser: Callable[..., Page], assessor: Page, office: Office, picture: Picture
) -> None:
    staff = open_browser("admin")
    learner = office.learner_in_step()
    review = office.rows(Review).filter(learner=learner, onefile_id__isnull=False).first()
    assessor.goto(f"{office.demo.sandbox}learner/{learner.onefile_id}")
    assessor.locator(f'form[action="/review/{review.onefile_id}/delete"]').get_by_role("button").click()
    assessor.get_by_role("button", name="Delete the review").click()

    open_in_admin(staff, office, learner)
    refresh_button(staff).click()
    watch_until(staff, "Finished: needs attention.")

    problem = staff.locator(".onefile-problems li")
    expect(problem).to_contain_text(
        "OneFile has no review with this OneFile ID, even when asked for that record directly. "
        "PICSWeb's review was left as it is."
    )
    expect(problem).to_contain_text(
        "What to do: Look for the review in OneFile. If it was deleted by mistake, ask OneFile to restore it"
    )
    expect(problem).to_contain_text("Who acts: You")
    assert office.rows(Review).filter(pk=review.pk).exists()
    picture(staff, "run-needs-attention")


def test_refresh_of_selected_learners_says_first_who_and_who_not(
    staff: Page, assessor: Page, office: Office, has_javascript: bool, picture: Picture
) -> None:
    changed = office.learner_in_step()
    enter_registration_number(assessor, office, office.qualification(changed), "NCFE-ACTION-1")
    others = [learner for learner in learners_with_onefile_id(office) if learner.pk != changed.pk][-2:]
    without_id = office.rows(Learner).filter(onefile_id=None).first()

    choose_learners(staff, office, changed, *others, without_id)

    runs_before = office.runs()
    expect(staff.get_by_role("heading", name="3 learners will be refreshed")).to_be_visible()
    expect(staff.get_by_role("heading", name="1 learner will not be refreshed")).to_be_visible()
    reason = staff.get_by_role("heading", name="The learner has no OneFile ID.")
    expect(reason).to_contain_text("enter the OneFile ID on the learner's record. (1)")
    for learner in (changed, *others, without_id):
        expect(staff.get_by_role("listitem").filter(has_text=str(learner))).to_be_visible()
    picture(staff, "action-confirmation")
    assert office.runs() == runs_before

    with office.worker_held():
        refresh_button(staff).click()
        run = at_run(staff)
        expect(staff.get_by_text("0 / 3")).to_be_visible()
        if has_javascript:
            staff.evaluate("document.body.dataset.opened = 'once'")
        office.take_by_another_worker(run, others[1])
    watch_until(staff, "Comparing with OneFile: 2 of 3 learners done.")
    expect(staff.get_by_role("progressbar")).to_have_attribute("value", "2")
    expect(staff.locator('[data-tally="working"] [data-count]')).to_have_text("1")
    if has_javascript:
        # The page was kept up to date in place, not loaded again.
        expect(staff.locator("body")).to_have_attribute("data-opened", "once")
        expect(
            staff.locator("section.onefile-learner").filter(has_text="Waiting to be processed.")
        ).to_have_count(0)
    picture(staff, "run-under-way")
    office.lose_the_other_worker(run)
    watch_until(staff, re.compile(r"^Finished: 3 learners\. .*Updated 1"))

    outcomes = staff.locator("section.onefile-learner h2")
    assert outcomes.count() == 3
    assert not office.rows(LearnerOutcome).filter(run=run, learner_pk=str(without_id.pk)).exists()
    staff.locator('[data-tally="updated"] a').click()
    expect(outcomes).to_have_count(1)
    expect(outcomes).to_contain_text(f"{changed} Updated")
    picture(staff, "run-of-several-finished")


def learners_with_onefile_id(office: Office) -> list[Any]:
    return list(office.rows(Learner).filter(onefile_id__isnull=False, status="live").order_by("pk"))


def test_a_preview_writes_nothing_and_the_refresh_after_it_does_what_it_said(
    staff: Page, assessor: Page, office: Office, picture: Picture
) -> None:
    learner = office.learner_in_step()
    aim = office.qualification(learner)
    enter_registration_number(assessor, office, aim, "NCFE-PREVIEW-1")
    receive_certificate(office, aim, RECEIVED)
    picsweb_before, onefile_before = office.picsweb_as_stored(), office.onefile_writes()

    open_in_admin(staff, office, learner)
    preview_button(staff).click()
    preview = at_run(staff)
    watch_until(staff, "Finished: would change.")

    expect(staff.get_by_text("This is a preview: nothing was written")).to_be_visible()
    promised = changes(staff)
    assert [(field, after, side) for field, _, after, side, _ in promised] == [
        ("Certificate Received Date", "17/03/2026", "OneFile"),
        ("Registration Number", "NCFE-PREVIEW-1", "PICSWeb"),
    ]
    picture(staff, "preview")
    assert office.picsweb_as_stored() == picsweb_before
    assert office.onefile_writes() == onefile_before

    refresh_button(staff).click()
    expect(staff).not_to_have_url(re.compile(preview))
    at_run(staff)
    watch_until(staff, "Finished: updated.")

    assert changes(staff) == promised
    assert office.qualification_by_pk(aim.pk).registration_number == "NCFE-PREVIEW-1"
    assert office.onefile_writes() == onefile_before + 1


def test_a_second_click_leads_to_the_run_that_is_under_way(staff: Page, office: Office) -> None:
    learner = office.learner_in_step()
    with office.worker_held():
        open_delivery_plan(staff, office, learner)
        refresh_button(staff).click()
        run = at_run(staff)

        open_in_admin(staff, office, learner)
        expect(staff.get_by_text("Under way now:")).to_be_visible()
        runs_before = office.runs()
        refresh_button(staff).click()
        assert at_run(staff) == run
        assert office.runs() == runs_before
    watch_until(staff, re.compile("^Finished: "))


def test_the_demos_own_learner_has_something_to_bring_together(
    open_browser: Callable[..., Page], office: Office, picture: Picture
) -> None:
    staff = open_browser("admin")
    learner = office.rows(Learner).get(pk=1)
    open_delivery_plan(staff, office, learner)
    picture(staff, "delivery-plan-before")
    refresh_button(staff).click()
    watch_until(staff, re.compile("^Finished: (updated|needs attention)"))

    made = {(field, after, side) for field, _, after, side, _ in changes(staff)}
    picture(staff, "run-finished-demo")
    assert ("Registration Number", "NCFE-2026-0417", "PICSWeb") in made
    assert ("Attended", "Yes", "PICSWeb") in made
    assert {side for _, _, side in made} == {"PICSWeb", "OneFile"}
    open_delivery_plan(staff, office, learner)
    picture(staff, "delivery-plan-after")
    numbers = office.rows(Qualification).filter(learner=learner).values_list("registration_number", flat=True)
    assert "NCFE-2026-0417" in numbers
