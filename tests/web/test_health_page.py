"""*Is it working?*: each question with its answer, the worst first, and what to do about a fault."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from django_q.models import Schedule

from onefile_sync import services
from onefile_sync.models import ApiSession, Heartbeat, OneFileSettings
from onefile_sync.services import Finding, Level
from onefile_sync.web import text
from tests.staff_fixtures import a_held_run, a_run, long_ago, words

QUESTIONS = [
    "Is the integration on?",
    "Is there a customer token?",
    "Do the OneFile IDs in PICSWeb belong to this OneFile?",
    "Is the daily sync scheduled?",
    "Is a worker running?",
    "Do the machines&#x27; clocks agree?",
    "When did the last daily sync finish?",
    "How did the last attempt at a daily sync end?",
    "Is a run waiting for a decision?",
    "How long has a refresh been waiting?",
    "How long has the daily sync been waiting?",
    "Are any review uploads unfinished?",
    "Is a session with OneFile open?",
    "Did OneFile answer the last call?",
    "How fast do we call OneFile?",
]


@pytest.fixture
def in_order(learner):
    """Everything is as it should be."""
    services.install_schedules()
    services.sweep()
    a_run((learner, "updated"), kind="daily", finished_at=long_ago(hours=3))


@pytest.fixture
def page(browser, staff):
    def page(*more: str) -> str:
        return words(browser(staff("view_health", *more)).get(reverse("onefile_sync:health")))

    return page


def rows(text: str) -> list[tuple[str, str, str]]:
    """(question, state, answer) of each line, without tags."""
    body = text[text.index("<tbody>") : text.index("</tbody>")]
    lines = re.findall(r'<th scope="row">(.*?)</th> <td>(.*?)</td> <td>(.*?)</td>', body)
    return [tuple(" ".join(re.sub("<[^>]+>", "", cell).split()) for cell in line) for line in lines]


def test_when_all_is_well(in_order, page):
    text = page()
    assert "<h1>OneFile: is it working?</h1>" in text
    assert "Everything is fine." in text
    assert [question for question, _state, _answer in rows(text)] == QUESTIONS
    assert {state for _question, state, _answer in rows(text)} == {"Fine"}
    assert "What to do" not in text
    assert ">Check again</a>" in text


def test_it_works_with_warnings(in_order, page):
    OneFileSettings.objects.update(paused=True)
    text = page()
    assert "Working, with warnings." in text
    first, *others = rows(text)
    assert first == (
        "Is the integration on?",
        "Warning",
        "The integration is paused. What to do: Untick Paused in the OneFile settings to continue.",
    )
    assert {state for _question, state, _answer in others} == {"Fine"}
    assert text.count("What to do:") == 1


def test_the_worst_comes_first(in_order, page):
    OneFileSettings.objects.update(paused=True)
    Heartbeat.objects.update(beaten_at=long_ago(hours=1))
    Schedule.objects.filter(name="onefile_sync sweep").delete()
    text = page()
    assert "Something is not working." in text
    assert [(question, state) for question, state, _answer in rows(text)][:4] == [
        ("Is a worker running?", "Not working"),
        ("Is the integration on?", "Warning"),
        ("Is the daily sync scheduled?", "Warning"),
        ("Is there a customer token?", "Fine"),
    ]
    assert text.count("What to do:") == 3
    assert "Start one: “python manage.py qcluster”. If one is already running, restart it." in text


def test_switched_off_there_is_one_answer_and_it_is_not_called_fine(page):
    OneFileSettings.objects.update(enabled=False)
    text = page()
    assert rows(text) == [("Is the integration on?", "Off", "The integration is switched off.")]
    assert "Switched off: nothing is synchronised" in text
    assert "Everything is fine." not in text


def test_an_answer_leads_to_the_run_that_it_speaks_of(in_order, learner, page):
    failed = a_run((learner, "failed"), kind="daily")
    link = f'<a href="{failed.get_absolute_url()}">Open the run</a>'
    assert "The last daily sync failed for 1 of 1 learners." in page()
    assert link not in page()
    assert link in page("view_syncrun")


def test_it_is_found_from_the_admins_front_page_and_navigation(in_order, browser, staff):
    listed = reverse("admin:onefile_sync_heartbeat_changelist")
    visitor = browser(staff("view_health"))
    text = words(visitor.get(reverse("admin:index")))
    assert f'<a href="{listed}">Is it working?</a>' in text
    assert visitor.get(listed)["Location"] == reverse("onefile_sync:health")
    assert listed in words(visitor.get(reverse("onefile_sync:health"))), "the navigation is there too"
    assert listed not in words(browser(staff("view_syncrun")).get(reverse("admin:index")))
    assert listed not in words(
        browser(staff("view_heartbeat", "change_heartbeat")).get(reverse("admin:index"))
    )


def test_it_is_found_from_the_page_of_a_run(in_order, learner, browser, staff):
    run = a_run((learner, "failed"), kind="daily")
    link = f'<a href="{reverse("onefile_sync:health")}">'
    assert link in words(browser(staff("view_syncrun", "view_health")).get(run.get_absolute_url()))
    assert link not in words(browser(staff("view_syncrun")).get(run.get_absolute_url()))


def test_times_are_shown_in_local_time_and_shares_in_per_cent(in_order, page):
    seen = timezone.now() - timedelta(minutes=2)
    Heartbeat.objects.update(beaten_at=seen)
    ApiSession.objects.update_or_create(pk=1, defaults={"share": 0.37, "slowed_at": timezone.now()})
    answers = {question: (state, answer) for question, state, answer in rows(page())}
    assert answers["Is a worker running?"][1].startswith(f"{timezone.localtime(seen):%d/%m/%Y %H:%M} – ")
    state, answer = answers["How fast do we call OneFile?"]
    assert state == "Warning"
    assert answer.startswith("37% – ")
    assert answers["Are any review uploads unfinished?"][1].startswith("0 – ")


def test_a_held_sync_is_linked_for_users_who_may_open_it(in_order, learner, page):
    run = a_held_run(learner)
    link = f'<a href="{run.get_absolute_url()}">Open the run that is held</a>'
    assert "A run is held, because it would replace values of many learners." in page()
    assert link not in page()
    assert link in page("view_syncrun")
    assert "Máire" not in page("view_syncrun")


def test_the_settings_are_linked_for_users_who_may_see_them(in_order, page):
    link = f'<a href="{reverse("admin:onefile_sync_onefilesettings_changelist")}">OneFile settings</a>'
    assert link not in page()
    assert link in page("view_onefilesettings")
    assert link in page("change_onefilesettings")


def test_nothing_on_it_is_a_secret(in_order, page):
    """The fixture's client checks every answer for the customer token."""
    services.sweep()
    ApiSession.objects.update_or_create(pk=1, defaults={"encrypted_token": "c1pher", "issued_at": long_ago()})
    assert "c1pher" not in page()


def test_every_level_and_every_question_has_words():
    told = {
        level: text.finding_in_words(Finding("worker", level, "…", remedy="Do it.", question="Is it?"))
        for level in Level
    }
    assert [told[level].level_text for level in Level] == ["Fine", "Warning", "Not working"]
    assert [told[level].remedy for level in Level] == ["", "Do it.", "Do it."]
    assert {told[level].question for level in Level} == {"Is it?"}
    assert all(text.finding_in_words(finding).question for finding in services.health().findings)
