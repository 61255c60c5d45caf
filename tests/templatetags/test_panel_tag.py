"""{% refresh_with_onefile learner %}: what each visitor of PICSWeb's own pages is shown."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.template import Context, RequestContext, Template
from django.urls import reverse
from django.utils import timezone

from onefile_sync.models import LearnerOutcome, OneFileSettings
from tests.factories import LearnerFactory
from tests.staff_fixtures import a_run, long_ago, words

pytestmark = pytest.mark.usefixtures("integration")

TAG = Template("{% load onefile_sync %}{% refresh_with_onefile learner %}")


@pytest.fixture
def panel(rf, learner):
    def show(member) -> str:
        request = rf.get("/learners/?page=2")
        request.user = member
        return " ".join(TAG.render(RequestContext(request, {"learner": learner})).split())

    return show


def test_the_button_posts_with_a_csrf_token_and_knows_the_way_back(panel, learner, staff):
    text = panel(staff("refresh_learner"))
    assert f'<form method="post" action="{reverse("onefile_sync:refresh", args=[learner.pk])}">' in text
    assert 'name="csrfmiddlewaretoken"' in text
    assert 'name="next" value="/learners/?page=2"' in text
    assert "OneFile ID: <strong>501</strong>" in text
    assert "Not synchronised yet." in text
    assert "<script" not in text


def test_the_reason_stands_in_place_of_the_button(panel, staff):
    OneFileSettings.objects.update(enabled=False)
    text = panel(staff("refresh_learner"))
    assert "The OneFile integration is switched off." in text
    assert "<form" not in text


def test_users_who_may_view_runs_see_the_status_but_not_the_button(panel, learner, staff):
    outcome = a_run((learner, "updated")).outcomes.get()
    run = a_run((learner, "queued"), state="queued")
    text = panel(staff("view_syncrun"))
    assert "<form" not in text
    back = "next=%2Flearners%2F%3Fpage%3D2"
    assert f'<a href="{reverse("onefile_sync:outcome", args=[outcome.pk])}?{back}">Updated</a>' in text
    assert f'href="{run.get_absolute_url()}?{back}"' in text


def test_a_failure_is_shown_beside_the_last_success_each_with_its_own_time(panel, learner, staff):
    success = a_run((learner, "updated")).outcomes.get()
    LearnerOutcome.objects.filter(pk=success.pk).update(finished_at=long_ago(days=2))
    viewer = staff("view_syncrun")
    assert "Last attempt" not in panel(viewer)
    attempt = a_run((learner, "failed"), kind="daily").outcomes.get()

    text = panel(viewer)

    day_of = {
        outcome: f"{timezone.localtime(at):%d/%m/%Y %H:%M}"
        for outcome, at in ((success, long_ago(days=2)), (attempt, attempt.finished_at))
    }
    back = "?next=%2Flearners%2F%3Fpage%3D2"
    link = {each: reverse("onefile_sync:outcome", args=[each.pk]) + back for each in (success, attempt)}
    assert f'Last synchronised {day_of[success]}. Outcome: <a href="{link[success]}">Updated</a>' in text
    failed = f'<a href="{link[attempt]}" class="onefile-failed">Failed</a>'
    assert f"Last attempt {day_of[attempt]}. Outcome: {failed}" in text


def test_a_learner_whose_only_attempt_failed_was_not_synchronised(panel, learner, staff):
    a_run((learner, "failed"))
    text = panel(staff("view_syncrun"))
    assert "Not synchronised yet." in text
    assert "Last attempt" in text


def test_nothing_at_all_for_those_who_may_not_know(panel, learner, staff):
    a_run((learner, "attention"))
    assert panel(AnonymousUser()) == ""
    assert panel(staff()) == ""
    assert panel(staff("refresh_learner", sees_learners=False)) == ""


def test_the_delivery_plan_page_shows_it_to_users_who_may_refresh(learner, staff, browser):
    address = learner.get_absolute_url()
    assert "Refresh with OneFile" in words(browser(staff("refresh_learner")).get(address))
    assert "Refresh with OneFile" not in words(browser(staff()).get(address))


def test_a_page_without_a_request_is_told_what_is_missing(learner):
    with pytest.raises(KeyError, match="request"):
        TAG.render(Context({"learner": learner}))


def test_a_learner_without_onefile_id_has_no_id_and_the_reason(rf, staff):
    request = rf.get("/")
    request.user = staff("refresh_learner")
    text = TAG.render(RequestContext(request, {"learner": LearnerFactory()}))
    assert "OneFile ID:" not in text
    assert "The learner has no OneFile ID." in text
