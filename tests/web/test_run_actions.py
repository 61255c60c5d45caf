"""The pages for cancelling a run, and for applying or discarding one that the safety stop holds."""

from __future__ import annotations

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse
from django.utils.html import escape
from django_q.models import OrmQ

from onefile_sync import services
from onefile_sync.models import LearnerOutcome, OutcomeState, SyncRun
from tests.factories import LearnerFactory
from tests.staff_fixtures import a_change, a_held_run, a_run, words

ESCAPED = "&lt;b&gt;Máire O&#x27;Brien&lt;/b&gt;"
TOO_LATE = "Too late: the run has already continued or ended."


@pytest.fixture
def manager(staff):
    return staff("view_syncrun", "cancel_syncrun", "decide_syncrun", "refresh_learner")


@pytest.fixture
def get(browser, manager):
    def get(decision, run, member=None):
        return browser(member or manager).get(reverse(f"onefile_sync:{decision}", args=[run.pk]))

    return get


@pytest.fixture
def post(browser, manager, django_capture_on_commit_callbacks):
    def post(decision, run, member=None):
        with django_capture_on_commit_callbacks(execute=True):
            answer = browser(member or manager).post(reverse(f"onefile_sync:{decision}", args=[run.pk]))
        assert answer["Location"] == run.get_absolute_url()
        run.refresh_from_db()
        return answer

    return post


@pytest.fixture
def page(browser, manager):
    def page(run, member=None) -> str:
        return words(browser(member or manager).get(run.get_absolute_url()))

    return page


@pytest.fixture
def other(db):
    return LearnerFactory(onefile_id=502)


@pytest.fixture
def held(learner, other):
    return a_held_run(learner, other)


def said(answer) -> list[tuple[str, str]]:
    return [(message.level_tag, str(message)) for message in get_messages(answer.wsgi_request)]


def link_to(decision: str, run: SyncRun) -> str:
    return f'href="{reverse(f"onefile_sync:{decision}", args=[run.pk])}"'


def explained(code: str) -> str:
    """A problem's text as it appears on a page."""
    return escape(services.read_out(code, {})[0])


def states(run: SyncRun) -> list[str]:
    return list(run.outcomes.order_by("id").values_list("state", flat=True))


def codes(run: SyncRun) -> list[str]:
    return list(run.outcomes.order_by("id").values_list("problems__code", flat=True))


class TestCancelling:
    @pytest.fixture
    def run(self, learner, other):
        return a_run((learner, "updated"), (other, "queued"), kind="daily", state="running", open_key="daily")

    def test_it_is_asked_first_and_nothing_happens_meanwhile(self, run, get, page):
        assert link_to("cancel", run) in page(run)
        text = words(get("cancel", run))
        assert "<h1>Cancel this run?</h1>" in text
        assert "all learners who are waiting are left out of this run. Changes made so far stay." in text
        assert "It concerns 1 learner of this run:" in text
        assert '<form method="post">' in text
        assert f'<a href="{run.get_absolute_url()}" class="button">No, take me back</a>' in text
        run.refresh_from_db()
        assert (run.state, run.ending, states(run)) == ("running", "", ["updated", "queued"])

    def test_then_it_is_cancelled_and_the_page_says_so(self, run, post, page, manager):
        assert said(post("cancel", run)) == [("success", "The run was cancelled.")]
        assert (run.state, run.ending, run.decided_by, run.open_key) == (
            "finished",
            "cancelled",
            manager,
            None,
        )
        assert states(run) == ["updated", "skipped"]
        text = page(run)
        assert "Cancelled: 2 learners. Updated 1, Skipped 1." in text
        assert f"<dt>Cancelled by</dt><dd>{manager}</dd>" in text
        assert explained("run_cancelled") in text
        assert link_to("cancel", run) not in text

    def test_the_second_is_too_late_and_says_so(self, run, post, get, manager, staff):
        colleague = staff("view_syncrun", "cancel_syncrun")
        post("cancel", run)
        assert said(post("cancel", run, colleague)) == [("warning", TOO_LATE)]
        assert run.decided_by == manager
        assert get("cancel", run)["Location"] == run.get_absolute_url()

    def test_learners_being_processed_are_finished_first(self, run, learner, post, page, get):
        third = LearnerFactory(onefile_id=503)
        run = a_run((learner, "working"), (third, "queued"), state="running")
        post("cancel", run)
        assert (run.state, states(run)) == ("running", ["working", "skipped"])
        text = page(run)
        assert "Ending: learners who are being compared now will still be finished." in text
        assert "progress.js" in text
        assert link_to("cancel", run) not in text
        assert get("cancel", run)["Location"] == run.get_absolute_url()
        assert said(post("cancel", run)) == [("warning", TOO_LATE)]

    def test_if_no_learner_is_waiting_the_question_says_so(self, learner, get):
        run = a_run((learner, "working"), state="running")
        assert "No learner is waiting in this run:" in words(get("cancel", run))

    @pytest.mark.parametrize("state", ["updated", "failed"])
    def test_a_run_that_is_over_cannot_be_cancelled(self, state, learner, get, post, page):
        run = a_run((learner, state))
        assert link_to("cancel", run) not in page(run)
        assert get("cancel", run)["Location"] == run.get_absolute_url()
        assert said(post("cancel", run)) == [("warning", TOO_LATE)]
        assert (run.ending, states(run)) == ("", [state])

    def test_the_link_is_for_those_who_may(self, run, page, staff):
        assert link_to("cancel", run) not in page(run, staff("view_syncrun"))
        assert link_to("cancel", run) not in page(run, staff("view_syncrun", "decide_syncrun"))

    def test_the_requester_of_a_refresh_may_cancel_it(self, learner, page, post, staff):
        clerk = staff("refresh_learner", "cancel_syncrun")
        run = a_run((learner, "queued"), state="queued", requested_by=clerk)
        assert link_to("cancel", run) in page(run, clerk)
        post("cancel", run, clerk)
        assert "Cancelled: skipped." in page(run, clerk)

    def test_a_preview_too(self, learner, page, post):
        run = a_run((learner, "queued"), kind="preview", state="queued")
        post("cancel", run)
        assert "Cancelled: skipped." in page(run)

    def test_a_held_run_is_shown_to_users_who_may_decide_about_it(self, held, page, post, staff):
        clerk = staff("view_syncrun", "cancel_syncrun")
        assert link_to("cancel", held) not in page(held, clerk)
        assert said(post("cancel", held, clerk)) == [("warning", TOO_LATE)]
        assert (held.state, held.ending) == ("held", "")

    def test_one_that_made_room_for_another_says_that(self, learner, page):
        run = a_run((learner, "skipped"), (LearnerFactory(onefile_id=503), "updated"), ending="replaced")
        assert "Replaced by a new run: 2 learners. Updated 1, Skipped 1." in page(run)


class TestHeld:
    def test_the_page_says_who_and_what_and_that_nothing_was_written(self, learner, other, page):
        run = a_held_run(learner, other)
        LearnerOutcome.objects.filter(learner_pk=str(other.pk)).update(state="updated")
        text = page(run)
        assert "Held: existing values of 1 of 2 learners would be replaced." in text
        assert "This run would change an unusually large number of learners." in text
        assert "Nothing has been written for them in PICSWeb or OneFile." in text
        assert "<dt>Held</dt>" in text
        assert 'aria-current="true">All <span data-total>2</span>' in text
        assert 'href="?outcome=aside">Put aside <span data-count>1</span>' in text
        put_aside = text[
            text.index(f'">{ESCAPED} ({learner.ident}) <span class="onefile-state onefile-aside">') :
        ]
        for part in (
            "Put aside: existing values would be replaced. Nothing was written.",
            "<caption>What a refresh would change</caption>",
            '<th scope="col">Now</th><th scope="col">Would be</th>',
            '<td data-column="Now">P-1</td>',
            '<td data-column="Would be">&lt;i&gt;REG&lt;/i&gt;-77</td>',
        ):
            assert part in put_aside
        assert text.index("onefile-aside") < text.index("onefile-updated")

    def test_the_page_does_not_change_until_a_decision(self, held, page):
        text = page(held)
        for absent in ("http-equiv", "progress.js", "<progress"):
            assert absent not in text
        assert "data-waiting hidden>" in text

    @pytest.mark.parametrize(
        ("permissions", "decide"),
        [
            ((), False),
            (("decide_syncrun",), True),
            (("cancel_syncrun",), False),
            (("decide_syncrun", "cancel_syncrun"), True),
        ],
    )
    def test_apply_and_discard_are_for_those_who_may(self, permissions, decide, held, page, staff):
        text = page(held, staff("view_syncrun", *permissions))
        assert (link_to("apply", held) in text) == decide
        assert (link_to("discard", held) in text) == decide
        assert link_to("cancel", held) not in text
        assert (
            "A person who may decide about held runs and may see every learner in this run" in text
        ) != decide

    @pytest.mark.parametrize(
        ("decision", "title", "meaning", "button"),
        [
            (
                "apply",
                "Apply what this run would change?",
                "there is no button to restore them.",
                "Apply",
            ),
            (
                "discard",
                "Discard what this run would change?",
                "The next daily sync compares them again, and is held again if it would still change as many.",
                "Discard",
            ),
        ],
    )
    def test_it_is_asked_first(self, decision, title, meaning, button, held, get):
        text = words(get(decision, held))
        assert f"<h1>{title}</h1>" in text
        assert meaning in text
        assert "It concerns 2 learners of this run:" in text
        assert f'<button type="submit" class="button default">{button}</button>' in text
        held.refresh_from_db()
        assert (held.state, states(held), OrmQ.objects.count()) == ("held", ["aside", "aside"], 0)

    def test_applying_hands_it_to_the_workers(self, held, post, page, manager):
        assert said(post("apply", held)) == [("success", "The run continues.")]
        assert (held.state, held.decided_by, states(held)) == ("running", manager, ["queued", "queued"])
        assert OrmQ.objects.count() == 1
        text = page(held)
        assert "Comparing with OneFile: 0 of 2 learners done." in text
        assert f"<dt>Applied by</dt><dd>{manager}</dd>" in text
        assert "progress.js" in text

    def test_discarding_ends_it(self, held, post, page, manager):
        assert said(post("discard", held)) == [("success", "The run was discarded.")]
        assert (held.state, held.ending, held.decided_by) == ("finished", "discarded", manager)
        assert (states(held), codes(held)) == (["skipped"] * 2, ["run_discarded"] * 2)
        assert OrmQ.objects.count() == 0
        text = page(held)
        assert "Discarded: 2 learners. Skipped 2." in text
        assert f"<dt>Discarded by</dt><dd>{manager}</dd>" in text
        assert explained("run_discarded") in text

    @pytest.mark.parametrize(
        ("first", "second", "stays"),
        [
            ("discard", "apply", ("finished", "discarded")),
            ("apply", "discard", ("running", "")),
            ("discard", "discard", ("finished", "discarded")),
            ("apply", "apply", ("running", "")),
        ],
    )
    def test_the_second_decision_is_too_late(self, first, second, stays, held, post, get, manager, staff):
        colleague = staff("view_syncrun", "decide_syncrun")
        post(first, held)
        assert get(second, held, colleague)["Location"] == held.get_absolute_url()
        assert said(post(second, held, colleague)) == [("warning", TOO_LATE)]
        assert (held.state, held.ending) == stays
        assert held.decided_by == manager

    @pytest.mark.parametrize("kind", ["refresh", "daily"])
    @pytest.mark.parametrize("decision", ["apply", "discard"])
    def test_a_run_that_is_not_held_has_nothing_to_decide(self, kind, decision, learner, get, post, page):
        run = a_run((learner, "queued"), kind=kind, state="running")
        assert link_to(decision, run) not in page(run)
        assert get(decision, run)["Location"] == run.get_absolute_url()
        assert said(post(decision, run)) == [("warning", TOO_LATE)]
        assert (run.state, states(run)) == ("running", ["queued"])

    def test_the_learners_page_says_that_it_waits_and_offers_the_refresh(
        self, held, learner, browser, manager
    ):
        text = words(browser(manager).get(reverse("admin:picsweb_learner_change", args=[learner.pk])))
        assert "<strong>Waiting for a decision:</strong>" in text
        assert "Under way now" not in text
        assert ">Refresh with OneFile</button>" in text

    def test_a_name_is_never_markup(self, learner, page, get, post, browser, manager):
        run = a_held_run(learner)
        outcome = reverse("onefile_sync:outcome", args=[run.outcomes.get().pk])
        pages = [page(run), words(get("apply", run)), words(get("discard", run)), words(get("cancel", run))]
        pages.append(words(browser(manager).get(outcome)))
        post("discard", run)
        pages += [page(run), words(browser(manager).get(outcome))]
        for text in pages:
            assert "<b>Máire" not in text
            assert "<i>REG" not in text
        assert sum(ESCAPED in text for text in pages) == 4


class TestTheReportOfALearnerWhoWasPutAside:
    @pytest.fixture
    def report(self, browser, manager):
        def report(run, page) -> str:
            outcome = run.outcomes.earliest("id")
            address = {
                "run": run.get_absolute_url(),
                "outcome": reverse("onefile_sync:outcome", args=[outcome.pk]),
                "record": reverse("admin:onefile_sync_learneroutcome_change", args=[outcome.pk]),
            }[page]
            return words(browser(manager).get(address))

        return report

    @pytest.fixture
    def manager(self, staff):
        return staff("view_syncrun", "view_learneroutcome", "decide_syncrun")

    @pytest.mark.parametrize("page", ["run", "outcome", "record"])
    def test_tells_what_is_planned_as_planned(self, page, held, report):
        text = report(held, page)
        assert "<caption>What a refresh would change</caption>" in text
        assert "What changed" not in text

    @pytest.mark.parametrize("page", ["run", "outcome", "record"])
    def test_tells_afterwards_what_was_not_done_as_not_done(self, page, held, post, report):
        post("discard", held)
        text = report(held, page)
        assert "<caption>What would have changed but did not</caption>" in text
        assert '<th scope="col">Value then</th><th scope="col">Would have been</th>' in text
        assert "What changed" not in text
        assert "What a refresh would change" not in text
        assert '<td data-column="Value then">P-1</td>' in text

    @pytest.mark.parametrize("page", ["run", "outcome", "record"])
    def test_tells_what_was_done_and_what_was_not_apart(self, page, held, report):
        """As after a worker was killed between two of a learner's steps."""
        a_change(held.outcomes.earliest("id"), side="onefile", field="registration_date", new="08/09/2025")
        text = report(held, page)
        done, planned = text.index("What changed"), text.index("What a refresh would change")
        assert done < text.index("08/09/2025") < planned < text.index("P-1")


def test_a_preview_still_tells_what_a_refresh_would_change(learner, browser, manager):
    run = a_run((learner, OutcomeState.UPDATED), kind="preview")
    a_change(run.outcomes.get(), made=False)
    text = words(browser(manager).get(run.get_absolute_url()))
    assert "<caption>What a refresh would change</caption>" in text
