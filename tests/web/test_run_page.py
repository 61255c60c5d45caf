"""The run's page, the progress it polls, and the page of one learner's outcome."""

import html
import re

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from onefile_sync.models import OPEN_OUTCOMES, LearnerOutcome, OneFileSettings, SyncRun
from tests.factories import LearnerFactory
from tests.staff_fixtures import a_change, a_problem, a_run, long_ago, words

NO_JS = '<noscript><meta http-equiv="refresh" content="3"></noscript>'
ESCAPED = "&lt;b&gt;Máire O&#x27;Brien&lt;/b&gt;"


@pytest.fixture
def clerk(staff):
    return staff("refresh_learner", "preview_learner", "view_syncrun")


@pytest.fixture
def page(browser, clerk):
    def get(run, query="") -> str:
        return words(browser(clerk).get(f"{run.get_absolute_url()}{query}"))

    return get


def test_a_click_queues_a_run_and_a_second_click_leads_to_the_same_run(learner, clerk, browser):
    address = reverse("onefile_sync:refresh", args=[learner.pk])
    first = browser(clerk).post(address)
    second = browser(clerk).post(address)
    run = SyncRun.objects.get()
    assert first["Location"] == second["Location"] == run.get_absolute_url()
    assert (run.kind, run.state, run.requested_by) == ("refresh", "queued", clerk)
    assert [each.learner for each in run.outcomes.all()] == [learner]


def test_a_colleagues_second_click_leads_to_the_same_run_and_they_may_see_it(learner, clerk, staff, browser):
    browser(clerk).post(reverse("onefile_sync:refresh", args=[learner.pk]))
    colleague = browser(staff("refresh_learner"))
    answer = colleague.post(reverse("onefile_sync:refresh", args=[learner.pk]), follow=True)
    assert answer.status_code == 200
    assert SyncRun.objects.count() == 1


@pytest.mark.parametrize(
    ("came_from", "back_to"),
    [
        ("/learners/", "/learners/"),
        ("", "/learners/{pk}/delivery-plan/"),
        ("https://elsewhere.example/", "/learners/{pk}/delivery-plan/"),
        ("//elsewhere.example/", "/learners/{pk}/delivery-plan/"),
        *(
            (odd, "/learners/{pk}/delivery-plan/")
            for odd in (
                *(
                    "foo",
                    "login",
                    "learners",
                    "onefile_sync:health",
                    "javascript:alert(1)",
                    "?page=2",
                    "#top",
                ),
                *(
                    "http://testserver/learners/",
                    "///elsewhere.example/",
                    "/\\elsewhere.example/",
                    "\\elsewhere",
                ),
                *(" /learners/", "/\n/elsewhere.example/", "/" + 500 * "x"),
            )
        ),
    ],
)
def test_a_refusal_leads_back_with_the_reason(came_from, back_to, learner, clerk, browser):
    OneFileSettings.objects.update(paused=True)
    client = browser(clerk)
    answer = client.post(reverse("onefile_sync:refresh", args=[learner.pk]), {"next": came_from})
    assert answer["Location"] == back_to.format(pk=learner.pk)
    assert not SyncRun.objects.exists()
    assert "The OneFile integration is paused" in words(
        client.get(reverse("admin:picsweb_learner_changelist"))
    )


class TestOpenTheLearner:
    """The link leads back to where somebody came from, else to a page of the learner that they may open."""

    @pytest.fixture
    def office_worker(self, clerk):
        """Somebody who works with PICSWeb's own pages and has no log-in for the admin."""
        clerk.is_staff = False
        clerk.save()
        return clerk

    def link(self, answer) -> str:
        found = re.search(r'<a href="([^"]*)">Open the learner</a>', words(answer))
        return html.unescape(found[1]) if found else ""

    @pytest.mark.parametrize("came_from", ["/learners/?q=%C3%A1&page=2", "/learners/7/delivery-plan/"])
    def test_it_leads_back_to_the_page_of_the_click(self, came_from, learner, clerk, browser):
        client = browser(clerk)
        answer = client.post(reverse("onefile_sync:refresh", args=[learner.pk]), {"next": came_from})
        page = client.get(answer["Location"])
        assert self.link(page) == came_from
        assert f'href="{answer["Location"].replace("&", "&amp;")}">Reload' in words(page)
        assert (
            self.link(client.get(f"{SyncRun.objects.get().get_absolute_url()}?outcome=queued")) != came_from
        )

    def test_it_leads_back_to_the_admin_for_users_who_came_from_there(self, learner, clerk, browser):
        client = browser(clerk)
        for name in ("refresh", "preview"):
            answer = client.post(reverse(f"admin:picsweb_learner_onefile_{name}", args=[learner.pk]))
            page = client.get(answer["Location"])
            assert self.link(page) == reverse("admin:picsweb_learner_change", args=[learner.pk])

    @pytest.mark.parametrize("elsewhere", ["https://elsewhere.example/", "login", "//elsewhere.example/"])
    def test_no_address_leads_elsewhere(self, elsewhere, learner, clerk, browser):
        run = a_run((learner, "updated"))
        for address in (
            run.get_absolute_url(),
            reverse("onefile_sync:outcome", args=[run.outcomes.get().pk]),
        ):
            page = browser(clerk).get(address, {"next": elsewhere})
            assert self.link(page) == reverse("admin:picsweb_learner_change", args=[learner.pk])

    def test_users_who_cannot_log_in_to_the_admin_are_not_sent_there(self, learner, office_worker, browser):
        run = a_run((learner, "updated"))
        client = browser(office_worker)
        pages = [client.get(run.get_absolute_url())]
        pages.append(client.get(reverse("onefile_sync:outcome", args=[run.outcomes.get().pk])))
        for page in pages:
            assert self.link(page) == learner.get_absolute_url()
            assert 'href="/admin/' not in words(page)
            assert "PICSWeb administration" in words(page)

    def test_where_there_is_no_page_for_them_there_is_no_link(
        self, learner, office_worker, browser, monkeypatch
    ):
        run = a_run((learner, "updated"))
        monkeypatch.delattr(type(learner), "get_absolute_url")
        assert self.link(browser(office_worker).get(run.get_absolute_url())) == ""

    def test_each_of_several_learners_has_a_link_of_their_own(self, learner, clerk, browser):
        other = LearnerFactory(onefile_id=502)
        run = a_run((learner, "updated"), (other, "updated"))
        text = words(browser(clerk).get(run.get_absolute_url(), {"next": "/learners/"}))
        for each in (learner, other):
            link = reverse("admin:picsweb_learner_change", args=[each.pk])
            assert f'<a href="{link}">Open the learner</a>' in text

    def test_pages_and_tallies_keep_the_way_back(self, learner, clerk, browser):
        run = a_run((learner, "updated"), (LearnerFactory(onefile_id=502), "failed"))
        text = words(browser(clerk).get(run.get_absolute_url(), {"next": "/learners/"}))
        assert "?outcome=failed&amp;next=%2Flearners%2F" in text


def test_a_host_without_learner_pages_gets_the_refusal_on_the_learners_admin_page(
    learner, clerk, browser, monkeypatch
):
    monkeypatch.delattr(type(learner), "get_absolute_url")
    OneFileSettings.objects.update(enabled=False)
    answer = browser(clerk).post(reverse("onefile_sync:refresh", args=[learner.pk]))
    assert answer["Location"] == reverse("admin:picsweb_learner_change", args=[learner.pk])


def test_the_page_says_what_changed_where_and_by_which_rule(learner, page):
    run = a_run((learner, "updated"))
    a_change(run.outcomes.get(), old="OLD-1", new="<i>REG</i>-77", side="onefile")
    text = page(run)
    assert "Finished: updated." in text
    for cell in (
        '<td data-column="What">196AS Business Administrator</td>',
        '<th data-column="Field" scope="row">Registration Number</th>',
        '<td data-column="Before">OLD-1</td>',
        '<td data-column="After">&lt;i&gt;REG&lt;/i&gt;-77</td>',
        '<td data-column="Changed in">OneFile</td>',
        '<td data-column="By which rule">The blank side is filled from the other; where both have a value, ',
    ):
        assert cell in text
    assert "<caption>What changed</caption>" in text


def test_each_problem_says_what_to_do_and_whose_move_it_is(learner, page):
    run = a_run((learner, "attention"))
    a_problem(run.outcomes.get())
    text = page(run)
    assert (
        "<strong>Normal review 03/04/2025:</strong> No officer is linked to OneFile&#x27;s assessor 4711"
        in text
    )
    assert "<strong>What to do:</strong> Enter OneFile ID 4711 on the officer&#x27;s record" in text
    assert "Who acts: You" in text


def test_a_problem_without_an_action_says_that_it_is_retried(learner, page):
    run = a_run((learner, "failed"))
    a_problem(run.outcomes.get(), code="server_error", move="wait")
    text = page(run)
    assert "No action needed: we retry automatically" in text
    assert "Who acts:" not in text


def test_a_learners_name_is_never_markup(learner, page):
    text = page(a_run((learner, "unchanged")))
    assert ESCAPED in text
    assert "<b>Máire" not in text


def test_a_deleted_learner_is_named_by_primary_key(learner, page):
    run = a_run((learner, "updated"))
    LearnerOutcome.objects.update(learner_pk="98765")
    assert "Learner 98765" in page(run)


def test_the_learner_is_linked_for_users_who_may_open_the_admin_page(learner, page, staff, browser):
    run = a_run((learner, "updated"))
    link = reverse("admin:picsweb_learner_change", args=[learner.pk])
    assert f'href="{link}"' in page(run)
    only_runs = browser(staff("view_syncrun", sees_learners=False))
    assert link not in words(only_runs.get(run.get_absolute_url()))


def test_while_it_is_not_final_the_page_follows_with_and_without_javascript(learner, page):
    open_page = page(a_run((learner, "working"), state="running", open_key="1"))
    assert NO_JS in open_page
    assert "onefile_sync/progress.js" in open_page
    assert "<progress" in open_page
    assert ">Reload</a>" in open_page
    assert 'aria-live="polite"' in open_page
    final_page = page(a_run((learner, "unchanged")))
    for left_out in ("http-equiv", "progress.js", "<progress", "data-progress-url"):
        assert left_out not in final_page


def test_no_page_has_scripts_or_styles_of_its_own(learner, page):
    """A Content Security Policy that allows only the site's own files lets everything through."""
    text = page(a_run((learner, "queued"), state="queued"))
    assert " style=" not in text
    assert "<style" not in text
    assert "<script>" not in text


@pytest.mark.parametrize(
    ("state", "asked_for", "outcome", "shown"),
    [
        ("queued", {"minutes": 2}, "queued", True),
        ("queued", {"seconds": 20}, "queued", False),
        ("running", {"minutes": 2}, "working", False),
        ("finished", {"minutes": 2}, "updated", False),
    ],
)
def test_waiting_for_a_worker_is_said_within_a_minute(state, asked_for, outcome, shown, learner, page):
    text = page(a_run((learner, outcome), state=state, created_at=long_ago(**asked_for)))
    notice = text[text.index("data-waiting") :]
    assert notice.startswith("data-waiting >" if shown else "data-waiting hidden>")
    assert (
        "All workers may be busy with another run; this one then starts as soon as they are free." in notice
    )
    assert "Or the worker was stopped; another one then continues" in notice
    assert "If no worker is running" in notice
    assert "<code>python manage.py qcluster</code>" in notice
    assert "Nothing is lost" in notice


def test_a_run_that_waits_because_of_the_pause_says_so(learner, page):
    OneFileSettings.objects.update(paused=True)
    text = page(a_run((learner, "queued"), state="queued", created_at=long_ago(minutes=2)))
    assert "The OneFile integration is paused." in text
    assert "qcluster" not in text


@pytest.mark.parametrize(
    ("kind", "state", "ago", "outcomes", "headline"),
    [
        ("refresh", "queued", {"seconds": 1}, ["queued"], "Waiting to start."),
        (
            "refresh",
            "queued",
            {"minutes": 2},
            ["queued"],
            "Waiting: no worker is processing this run.",
        ),
        ("refresh", "running", {}, ["working"], "Comparing with OneFile: 0 of 1 learner done."),
        ("daily", "running", {}, ["updated", "working"], "Comparing with OneFile: 1 of 2 learners done."),
        ("daily", "finished", {}, [], "Finished: there were no learners to refresh."),
        (
            "refresh",
            "finished",
            {},
            ["failed"],
            "Failed: the learner could not be fully compared with OneFile.",
        ),
        (
            "daily",
            "finished",
            {},
            ["failed", "failed"],
            "Failed: none of 2 learners could be fully compared with OneFile.",
        ),
        ("daily", "finished", {}, ["failed", "skipped"], "Failed: 2 learners. Failed 1, Skipped 1."),
        ("preview", "finished", {}, ["updated"], "Finished: would change."),
        (
            "daily",
            "finished",
            {},
            ["unchanged", "attention", "updated", "updated"],
            "Finished: 4 learners. Needs attention 1, Updated 2, Unchanged 1.",
        ),
        (
            "daily",
            "running",
            {},
            ["aside", "updated", "working"],
            "Comparing with OneFile: 1 of 3 learners done.",
        ),
        (
            "daily",
            "held",
            {"minutes": 2},
            ["aside", "aside", "updated"],
            "Held: existing values of 2 of 3 learners would be replaced.",
        ),
    ],
)
def test_the_headline_and_the_polled_progress_say_the_same(
    kind, state, ago, outcomes, headline, clerk, browser, page
):
    learners = [(LearnerFactory(onefile_id=600 + n), outcome) for n, outcome in enumerate(outcomes)]
    run = a_run(*learners, kind=kind, state=state, created_at=long_ago(**ago))
    polled = browser(clerk).get(reverse("onefile_sync:progress", args=[run.pk])).json()
    assert f"data-headline>{headline}</p>" in page(run)
    assert polled["headline"] == headline
    assert polled["final"] == (state in ("finished", "held"))
    assert polled["total"] == len(outcomes)
    assert polled["done"] == len([each for each in outcomes if each not in ("queued", "working", "aside")])
    assert polled["counts"] == {each: outcomes.count(each) for each in outcomes}
    assert polled["state"] == state
    assert polled["result"] == ("failed" if headline.startswith("Failed") else state)
    assert ("onefile-headline onefile-failed" in page(run)) == headline.startswith("Failed")
    assert polled["waiting_for_worker"] == (ago == {"minutes": 2} and state == "queued")


def test_a_preview_speaks_of_what_would_be_and_offers_the_refresh(learner, page):
    run = a_run((learner, "updated"), kind="preview")
    a_change(run.outcomes.get(), made=False)
    text = page(run)
    assert "This is a preview: nothing was written in PICSWeb or OneFile." in text
    assert "A refresh would make the changes below." in text
    assert '<th scope="col">Would be</th>' in text
    assert f'action="{reverse("onefile_sync:refresh", args=[learner.pk])}"' in text


@pytest.mark.parametrize(
    "reason", ["may not refresh", "cannot be refreshed", "gone", "not finished", "no preview"]
)
def test_no_refresh_button_on_the_page_where_it_would_not_work(reason, learner, staff, browser):
    permissions = ["preview_learner", "view_syncrun"] + (
        ["refresh_learner"] if reason != "may not refresh" else []
    )
    if reason == "cannot be refreshed":
        OneFileSettings.objects.update(enabled=False)
    run = a_run(
        (learner, "queued" if reason == "not finished" else "updated"),
        kind="refresh" if reason == "no preview" else "preview",
        state="queued" if reason == "not finished" else "finished",
    )
    if reason == "gone":
        LearnerOutcome.objects.update(learner_pk="98765")
    answer = browser(staff(*permissions)).get(run.get_absolute_url())
    assert answer.status_code == 200
    assert "/refresh/" not in words(answer)


@pytest.fixture
def long_run(db):
    states = ["unchanged"] * 40 + ["attention", "failed"]
    return a_run(
        *((LearnerFactory(onefile_id=600 + n), state) for n, state in enumerate(states)), kind="daily"
    )


def test_a_long_run_is_paged_with_what_needs_someone_first(long_run, page):
    text = page(long_run)
    assert text.count('class="module onefile-learner"') == 25
    assert text.index("onefile-failed") < text.index("onefile-attention") < text.index("onefile-unchanged")
    assert "Page 1 of 2" in text
    assert 'rel="prev"' not in text
    second = page(long_run, "?page=2")
    assert second.count('class="module onefile-learner"') == 17
    assert 'rel="next"' not in second


def test_a_run_can_be_narrowed_to_what_needs_attention(long_run, page):
    text = page(long_run, "?outcome=attention")
    assert text.count('class="module onefile-learner"') == 1
    assert '<a href="?outcome=attention" aria-current="true">' in text
    assert "No learner of this run has this outcome." in page(long_run, "?outcome=skipped")
    assert page(long_run, "?outcome=nonsense").count('class="module onefile-learner"') == 25


def test_a_page_of_many_learners_takes_a_constant_number_of_queries(
    long_run, clerk, browser, django_assert_max_num_queries
):
    for outcome in long_run.outcomes.all():
        a_change(outcome)
        a_problem(outcome)
    client = browser(clerk)
    with django_assert_max_num_queries(20):
        client.get(long_run.get_absolute_url())


def test_the_onefile_that_was_called_is_named_after_a_change_of_settings(learner, page):
    called = {"environment": "practice", "address": "https://wsapi2.onefile.co.uk/api/v2.1"}
    text = page(a_run((learner, "updated"), **called))
    assert "<dt>OneFile</dt><dd>Practice: https://wsapi2.onefile.co.uk/api/v2.1</dd>" in text
    assert "<dt>OneFile</dt>" not in page(
        a_run((learner, "updated"))
    )  # of an earlier release, or not started yet


def test_who_asked_is_named(learner, page):
    run = a_run((learner, "updated"), requested_by=User.objects.create_user("bronwen"))
    assert "<dt>Requested by</dt><dd>bronwen</dd>" in page(run)
    assert "Requested by" not in page(a_run((learner, "updated")))


@pytest.mark.parametrize(
    "code", ["updated", "unchanged", "attention", "failed", "skipped", "queued", "working", "aside"]
)
@pytest.mark.parametrize("kind", ["refresh", "preview", "daily"])
def test_every_outcome_has_a_page_in_words(code, kind, learner, clerk, browser):
    state = "running" if code in OPEN_OUTCOMES else "finished"
    outcome = a_run((learner, code), kind=kind, state=state).outcomes.get()
    text = words(browser(clerk).get(reverse("onefile_sync:outcome", args=[outcome.pk])))
    assert ESCAPED in text
    assert ("Reload" in text) == (state == "running")
    assert ("nothing was written" in text) == (kind == "preview")
    assert outcome.run.get_absolute_url() in text


def test_the_outcome_of_a_daily_run_links_the_run_only_for_users_who_may_open_it(learner, staff, browser):
    run = a_run((learner, "updated"), (LearnerFactory(onefile_id=502), "updated"), kind="daily")
    address = reverse("onefile_sync:outcome", args=[run.outcomes.earliest("id").pk])
    assert run.get_absolute_url() not in words(browser(staff("refresh_learner")).get(address))
    assert run.get_absolute_url() in words(browser(staff("view_syncrun")).get(address))


def test_pages_that_do_not_exist_are_not_found(clerk, browser):
    for address in ("run/00000000-0000-4000-8000-000000000000/", "outcome/4711/"):
        assert browser(clerk).get(f"/onefile/{address}").status_code == 404
