"""Staff whom PICSWeb shows some learners only: what pages, lists and the REST interface tell them of the others."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib import admin
from django.http import HttpResponse
from django.urls import reverse

from example_project.picsweb.models import Learner
from onefile_sync.models import LearnerOutcome, SyncRun
from tests.factories import LearnerFactory
from tests.staff_fixtures import a_change, a_held_run, a_problem, a_run, words

pytestmark = pytest.mark.usefixtures("integration")

EVERYTHING = (
    *(
        "refresh_learner",
        "preview_learner",
        "view_syncrun",
        "cancel_syncrun",
        "decide_syncrun",
        "view_health",
    ),
    *("view_learneroutcome", "view_change", "view_problem", "change_learner"),
)


#: Names, problems and numbers of the learners whom they are not shown.
OF_OTHERS = re.compile(r"Secret|no longer in OneFile|\b(43|38|81|76)\b")


def read(answer: HttpResponse) -> str:
    """What stands on a page, without its tags and times of day."""
    return " ".join(re.sub(r"<[^>]*>|\d\d:\d\d", " ", words(answer)).split())


@pytest.fixture
def own() -> list[Learner]:
    return [LearnerFactory(surname=f"Own {number}", onefile_id=600 + number) for number in range(5)]


@pytest.fixture
def others() -> list[Learner]:
    return [LearnerFactory(surname=f"Secret {number}", onefile_id=700 + number) for number in range(38)]


@pytest.fixture
def run(own, others) -> SyncRun:
    """A daily run of 43 learners, of whom five are theirs."""
    run = a_run(
        *((learner, "updated") for learner in own[:3]),
        *((learner, "attention") for learner in own[3:]),
        *((learner, "failed") for learner in others),
        kind="daily",
    )
    for outcome in run.outcomes.all():
        whose = "Own" if outcome.learner in own else "Secret"
        a_change(outcome, subject_label=f"{whose} qualification")
        if outcome.state != "updated":
            code = "officer_unmatched" if whose == "Own" else "aim_gone"
            a_problem(outcome, subject_label=f"{whose} review", code=code)
    return run


@pytest.fixture
def client(restrict, staff, browser, own) -> Any:
    return browser(restrict(staff(*EVERYTHING), *own))


@pytest.fixture(params=["get_queryset", "has_view_permission"])
def either_way(request, staff, restrict, browser, own, monkeypatch) -> Any:
    """The same person, restricted by one or the other method of the learner admin."""
    member = staff(*EVERYTHING)
    if request.param == "get_queryset":
        return browser(restrict(member, *own))
    learner_admin = admin.site._registry[Learner]
    for method in ("has_view_permission", "has_change_permission"):
        monkeypatch.setattr(
            learner_admin, method, lambda request, learner=None: learner is None or learner in own
        )
    return browser(member)


def test_the_page_of_a_run_shows_each_person_theirs(either_way, run):
    answer = either_way.get(run.get_absolute_url())
    text = read(answer)
    assert "PICSWeb shows you 5 of the learners in this run." in text
    assert "Finished: 5 learners. Needs attention 2, Updated 3." in text
    assert "All 5 Put aside 0 Failed 0 Needs attention 2 Updated 3" in text
    assert "Own 4" in text
    assert not OF_OTHERS.search(text)
    assert 'data-tally="failed" hidden' in words(answer)
    assert "Secret" not in words(either_way.get(f"{run.get_absolute_url()}?outcome=failed"))


def test_a_user_who_sees_all_of_them_reads_nothing_about_others(staff, browser, run):
    text = words(browser(staff(*EVERYTHING)).get(run.get_absolute_url()))
    assert "Finished: 43 learners." in text
    assert "PICSWeb shows you" not in text


def test_the_progress_counts_theirs(either_way, run):
    now = either_way.get(reverse("onefile_sync:progress", args=[run.pk])).json()
    assert (now["total"], now["done"], now["counts"]) == (5, 5, {"updated": 3, "attention": 2})
    assert now["headline"] == "Finished: 5 learners. Needs attention 2, Updated 3."


def test_how_far_the_reading_for_everyone_is_says_too_much_of_others(client, own, others):
    run = a_run((own[0], "queued"), (others[0], "queued"), kind="daily", state="running", reads_everyone=True)
    run.put_off = 4711
    run.save()
    text = words(client.get(run.get_absolute_url()))
    assert "Comparing with OneFile: 0 of 1 learner done." in text
    assert "4711" not in text.replace(",", "")


def test_the_rest_interface_tells_theirs(either_way, run, own):
    told = either_way.get(reverse("onefile_sync_rest:run", args=[run.pk])).json()
    assert (told["total"], told["done"]) == (5, 5)
    assert told["counts"] == {**dict.fromkeys(told["counts"], 0), "updated": 3, "attention": 2}
    outcomes = either_way.get(reverse("onefile_sync_rest:run-outcomes", args=[run.pk])).json()
    assert {outcome["learner"] for outcome in outcomes["results"]} == {str(learner.pk) for learner in own}


def test_the_status_of_a_learner_counts_theirs_in_the_run_that_is_open(client, own, others):
    a_run((own[0], "queued"), *((learner, "queued") for learner in others), kind="daily", state="running")
    told = client.get(reverse("onefile_sync_rest:learner-status", args=[own[0].pk])).json()
    assert told["current_run"]["total"] == 1


QUERIES = (
    *(
        "",
        "?_facets=True",
        "?attention=yes",
        "?attention=yours",
        "?standing=all",
        "?standing=all&_facets=True",
    ),
    *("?kind__exact=daily", "?code=aim_gone&standing=all", "?q=Secret", "?q=aim_gone&standing=all"),
    *("?o=1", "?o=-1.2", "?state__exact=failed", "?all="),
)


@pytest.mark.matrix
@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("model", ["syncrun", "learneroutcome", "change", "problem"])
def test_no_list_filter_or_count_tells_of_others(model, query, client, run, others):
    a_run(*((learner, "attention") for learner in others))  # a run in which there is nobody for them
    answer = client.get(reverse(f"admin:onefile_sync_{model}_changelist") + query, follow=True)
    assert answer.status_code == 200
    assert not OF_OTHERS.search(read(answer))
    shown = answer.context["cl"].queryset
    if model == "syncrun":
        assert set(shown) <= {run}
        on_page = answer.context["cl"].result_list
        assert all((each.learner_count, each.attention_count) == (5, 2) for each in on_page)
    else:
        outcomes = [row if model == "learneroutcome" else row.outcome for row in shown]
        assert all("Own" in outcome.learner.surname for outcome in outcomes)
    if query == "":
        assert shown.count() == {"syncrun": 1, "learneroutcome": 5, "change": 5, "problem": 2}[model]


def test_a_search_for_another_learner_finds_no_run_that_includes_both(either_way, run, own):
    for model in ("syncrun", "learneroutcome", "change", "problem"):
        address = reverse(f"admin:onefile_sync_{model}_changelist")
        assert not either_way.get(f"{address}?q=Secret").context["cl"].queryset
        assert either_way.get(f"{address}?q={own[4].ident}").context["cl"].queryset


def test_a_run_without_problems_of_visible_learners_needs_no_attention(client, own, others):
    a_run((own[0], "unchanged"), (others[0], "failed"))
    answer = client.get(reverse("admin:onefile_sync_syncrun_changelist") + "?attention=yes")
    assert not answer.context["cl"].queryset


def test_neither_does_the_choice_that_the_admin_offers_elsewhere(client, run):
    """Django looks rows of any foreign key up for whoever may see the list they are in."""
    asked = {"app_label": "onefile_sync", "model_name": "change", "field_name": "outcome"}
    for learner in (701, 600):
        answer = client.get(reverse("admin:autocomplete"), {**asked, "term": str(learner)}).json()
        assert len(answer["results"]) == (learner == 600)


def test_a_decision_is_about_every_learner_of_a_run(client, own, others):
    for run, decisions in (
        (a_held_run(own[0], others[0]), ("apply", "discard")),
        (a_run((own[1], "queued"), (others[1], "queued"), state="queued"), ("cancel",)),
    ):
        page = words(client.get(run.get_absolute_url()))
        for decision in decisions:
            address = reverse(f"onefile_sync:{decision}", args=[run.pk])
            assert [client.get(address).status_code, client.post(address).status_code] == [403, 403]
            assert address not in page
        state = run.state
        run.refresh_from_db()
        assert run.state == state
    ours = a_run((own[2], "queued"), (own[3], "queued"), state="queued")
    address = reverse("onefile_sync:cancel", args=[ours.pk])
    assert address in words(client.get(ours.get_absolute_url()))
    assert client.post(address).status_code == 302


def test_a_held_run_is_counted_for_them(client, own, others):
    run = a_held_run(own[0], *others)
    text = words(client.get(run.get_absolute_url()))
    assert "existing values of 1 of 1 learners would be replaced" in text
    assert "and may see every learner in this run has to apply or discard it" in text


def test_the_health_page_links_a_held_run_only_for_users_who_may_open_it(client, staff, browser, own, others):
    run = a_held_run(*others)
    for member_sees, page in ((False, client), (True, browser(staff("view_health", "view_syncrun")))):
        text = words(page.get(reverse("onefile_sync:health")))
        assert "Secret" not in text
        assert (run.get_absolute_url() in text) == member_sees


def test_the_admin_action_refreshes_theirs(either_way, own, others):
    chosen = {"action": "refresh_with_onefile", "_selected_action": [own[0].pk, own[1].pk, others[0].pk]}
    address = reverse("admin:picsweb_learner_changelist")
    asked = words(either_way.post(address, chosen))
    assert "2 learners will be refreshed" in asked
    assert "Secret" not in asked
    assert either_way.post(address, {**chosen, "onefile_confirmed": "yes"}).status_code == 302
    refreshed = LearnerOutcome.objects.values_list("learner_pk", flat=True)
    assert set(refreshed) == {str(own[0].pk), str(own[1].pk)}


def test_a_page_takes_a_constant_number_of_queries(client, run, own, django_assert_max_num_queries, rf):
    with django_assert_max_num_queries(25):
        client.get(run.get_absolute_url())


def test_a_click_that_joins_a_run_of_others_leads_to_their_own_part(restrict, staff, browser, own, others):
    """While somebody refreshes several learners together, a click on one of them joins that run."""
    run = a_run((own[0], "queued"), (others[0], "queued"), state="queued")
    clerk = browser(restrict(staff("refresh_learner"), *own))
    answer = clerk.post(reverse("onefile_sync:refresh", args=[own[0].pk]), follow=True)
    assert answer.status_code == 200
    text = words(answer)
    assert "Own 0" in text
    assert "Secret" not in text
    assert SyncRun.objects.get() == run
