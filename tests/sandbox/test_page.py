"""The page where a person plays the assessor, as a browser without JavaScript uses it."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from onefile_sync.sandbox.entities import SandboxAim, SandboxReview, SandboxUser
from onefile_sync.sandbox.world import World

from .conftest import NOON, Browser, Client


def test_learners_are_listed_under_a_banner(
    browser: Browser, learner: SandboxUser, assessor: SandboxUser
) -> None:
    learner.default_assessor_id = assessor.id
    page = browser.get("/").text
    assert "Sandbox OneFile – not the real thing" in page
    assert f'<a href="/learner/{learner.id}">Siân O&#x27;Connor</a>' in page
    assert "Gwen Price" in page


def test_learners_are_found_by_name_and_id(browser: Browser, world: World, learner: SandboxUser) -> None:
    other = world.add_learner(first_name="Zoë", last_name="Brontë")
    assert f"/learner/{other.id}" in browser.get("/?q=zoË bron").text
    assert f"/learner/{learner.id}" not in browser.get("/?q=zoË bron").text
    assert f"/learner/{learner.id}" in browser.get(f"/?q={learner.id}").text
    assert "No learner found." in browser.get("/?q=nobody").text


def test_many_learners_come_on_pages(browser: Browser, world: World) -> None:
    for number in range(51):
        world.add_learner(last_name=f"L{number:02}")
    first, second = browser.get("/?q=L").text, browser.get("/?q=L&page=2").text
    assert "Siân L49" in first
    assert "Siân L50" not in first
    assert 'href="/?q=L&amp;page=2"' in first
    assert "Siân L50" in second
    assert 'href="/?q=L&amp;page=1"' in second
    assert browser.get("/?page=-3").status_code == 200


def test_everything_is_escaped(browser: Browser, world: World, learner: SandboxUser, aim: SandboxAim) -> None:
    learner.first_name = aim.title = aim.registration_number = '"><script>alert(1)</script>'
    for page in (browser.get("/"), browser.get(f"/learner/{learner.id}"), browser.get("/?q=<script>")):
        assert "<script>" not in page.text
    assert "script" not in page.headers["Content-Security-Policy"]


def test_an_aim_is_changed(browser: Browser, world: World, aim: SandboxAim) -> None:
    aim.certificate_applied_date = datetime(2026, 5, 31, 23, tzinfo=UTC)
    shown = browser.get(f"/learner/{aim.user_id}").text
    assert 'name="certificate_applied_date" value="2026-06-01"' in shown
    after = browser.post(
        f"/aim/{aim.id}",
        elements_done="30",
        total_elements="40",
        registration_number=" PN7 ",
        registration_date="2026-06-02",
        certificate_applied_date="2026-06-01",
        certificate_received_date="",
    )
    assert after.history[0].status_code == 303
    assert after.url.startswith(f"{browser.origin}/learner/{aim.user_id}?")
    assert '<p class="done" role="status">Saved.</p>' in after.text
    assert "Saved." not in browser.get(f"/learner/{aim.user_id}").text
    assert (aim.elements_done, aim.total_elements, aim.progress) == (30, 40, 75.0)
    assert (aim.registration_number, aim.registration_date) == ("PN7", date(2026, 6, 2))
    assert aim.certificate_applied_date == datetime(2026, 5, 31, 23, tzinfo=UTC)
    assert world.writes == 0


def test_an_aim_can_be_emptied(browser: Browser, aim: SandboxAim) -> None:
    browser.post(f"/aim/{aim.id}", elements_done="", total_elements="", registration_number="")
    assert (aim.elements_done, aim.total_elements, aim.progress, aim.registration_number) == (
        None,
        None,
        None,
        "",
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"elements_done": "-1"},
        {"elements_done": "²"},
        {"registration_date": "yesterday"},
        {"registration_number": "9" * 256},
    ],
)
def test_nonsense_does_not_change_an_aim(browser: Browser, aim: SandboxAim, fields: dict[str, str]) -> None:
    assert browser.post(f"/aim/{aim.id}", **fields).status_code == 400
    assert (aim.elements_done, aim.registration_number) == (10, "CG123")


def test_a_review_is_started_signed_and_unlocked(browser: Browser, review: SandboxReview) -> None:
    def act(action: str) -> str:
        answer = browser.post(f"/review/{review.id}/{action}")
        assert answer.status_code == 200
        return review.stage

    assert review.stage == "Scheduled"
    assert act("start") == "Started"
    assert act("sign-assessor") == "Assessor signed"
    assert act("sign-learner") == "Learner signed"
    assert review.started_on == review.assessor_signed_on == review.learner_signed_on == NOON
    assert act("unlock") == "Started"


def test_a_review_offers_what_its_stage_allows(browser: Browser, review: SandboxReview) -> None:
    page = browser.get(f"/learner/{review.learner_id}").text
    assert "Start review" in page
    assert "Sign as learner" not in page
    assert "01/06/2026 10:30" in page
    refused = browser.post(f"/review/{review.id}/sign-learner")
    assert refused.status_code == 400
    assert "cannot be done to this review now" in refused.text
    assert review.learner_signed_on is None


def test_a_review_is_deleted_after_a_question(browser: Browser, world: World, review: SandboxReview) -> None:
    assert f'<form action="/review/{review.id}/delete">' in browser.get(f"/learner/{review.learner_id}").text
    asked = browser.get(f"/review/{review.id}/delete").text
    assert "Delete this review?" in asked
    assert f'<form action="/learner/{review.learner_id}">' in asked, "the way back"
    assert world.reviews
    after = browser.post(f"/review/{review.id}/delete")
    assert world.reviews == {}
    assert "The review was deleted." in after.text
    assert browser.post(f"/review/{review.id}/delete").status_code == 404
    assert browser.get(f"/review/{review.id}/delete").status_code == 404


def test_the_page_says_nothing_that_an_address_made_up(browser: Browser, learner: SandboxUser) -> None:
    assert 'class="done"' not in browser.get(f"/learner/{learner.id}?done=Paid").text


def test_reviews_are_scheduled_with_and_without_a_time(
    browser: Browser, world: World, learner: SandboxUser, assessor: SandboxUser
) -> None:
    learner.default_assessor_id = assessor.id
    path = f"/learner/{learner.id}"
    assert f'<option value="{assessor.id}" selected>' in browser.get(path).text
    browser.post(f"{path}/schedule", date="2026-06-01", time="10:00", assessor=assessor.id)
    browser.post(f"{path}/schedule", date="2026-06-02", time="", assessor="")
    timed, dated = world.reviews_of(learner.id)
    assert timed.scheduled_for == datetime(2026, 6, 1, 9, tzinfo=UTC)
    assert (timed.assessor_id, timed.created_on) == (assessor.id, NOON)
    assert (dated.scheduled_for, dated.assessor_id) == (date(2026, 6, 2), None)
    page = browser.get(path).text
    assert "01/06/2026 10:00" in page
    assert "02/06/2026</td>" in page


@pytest.mark.parametrize(
    "fields",
    [
        {"date": ""},
        {"date": "0001-01-01"},
        {"date": "2026-06-01", "time": "noon"},
        {"date": "2026-06-01", "assessor": "1"},
    ],
)
def test_nonsense_schedules_nothing(
    browser: Browser, world: World, learner: SandboxUser, fields: dict[str, str]
) -> None:
    assert browser.post(f"/learner/{learner.id}/schedule", **fields).status_code == 400
    assert world.reviews == {}


@pytest.mark.parametrize("path", ["/learner/1", "/nowhere", "/review/1/start", "/aim/1"])
def test_what_is_not_there(browser: Browser, path: str) -> None:
    answer = browser.get(path) if path in ("/learner/1", "/nowhere") else browser.post(path)
    assert answer.status_code == 404
    assert "All learners" in answer.text


def test_there_is_no_other_action(browser: Browser, review: SandboxReview) -> None:
    assert browser.post(f"/review/{review.id}/burn").status_code == 404
    assert browser.get(f"/review/{review.id}/start").status_code == 405
    assert review.stage == "Scheduled"


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "http://127.0.0.1:1", "null"])
def test_another_sites_form_is_refused(browser: Browser, review: SandboxReview, origin: str) -> None:
    assert browser.post(f"/review/{review.id}/start", origin=origin).status_code == 403
    assert review.started_on is None


def test_another_sites_form_is_refused_by_its_referer_too(browser: Browser, review: SandboxReview) -> None:
    answer = browser.http.post(
        f"{browser.origin}/review/{review.id}/start",
        headers={"Referer": "https://elsewhere.example/page"},
        timeout=5,
    )
    assert answer.status_code == 403


def test_a_foreign_name_for_this_machine_is_refused(browser: Browser) -> None:
    assert browser.get("/", headers={"Host": "rebound.example:80"}).status_code == 403


def test_calls_are_shown_and_counted_from_zero_again(
    browser: Browser, onefile: Client, review: SandboxReview
) -> None:
    onefile.get(f"/Review/{review.id}")
    onefile.get("/Review/1")
    counts = browser.get("/_sandbox/calls").json()
    assert counts == {
        "calls": {"Authentication": 1, "Review/get": 2},
        "refusals": {"404": 1},
        "writes": 0,
    }
    page = browser.get("/").text
    assert "Review/get" in page
    assert "of these answered with 404" in page
    browser.post("/_sandbox/reset")
    assert browser.get("/_sandbox/calls").json() == {"calls": {}, "refusals": {}, "writes": 0}


def test_what_cannot_be_read_as_a_date_is_shown_as_blank(browser: Browser, aim: SandboxAim) -> None:
    aim.registration_date = "nonsense"  # type: ignore[assignment] - a test may put anything there
    assert 'name="registration_date" value=""' in browser.get(f"/learner/{aim.user_id}").text
