"""The read-only admin of runs, outcomes, changes and problems: what needs attention, found quickly."""

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from example_project.picsweb.models import Learner
from onefile_sync import services
from onefile_sync.models import Change, LearnerOutcome, Problem, SyncRun
from tests.factories import LearnerFactory
from tests.staff_fixtures import a_change, a_held_run, a_problem, a_run, words

NAMES = ("syncrun", "learneroutcome", "change", "problem")


@pytest.fixture
def auditor(staff):
    return staff("view_syncrun", "view_learneroutcome", "view_change", "view_problem")


@pytest.fixture
def found(browser, auditor):
    """The rows that a list shows for a query."""

    def find(name, **query):
        answer = browser(auditor).get(reverse(f"admin:onefile_sync_{name}_changelist"), query)
        assert answer.status_code == 200
        return list(answer.context["cl"].result_list)

    return find


@pytest.fixture
def daily(learner):
    """A daily run in which one learner needs staff, one the support team, one failed, and one is fine."""
    states = ["attention", "attention", "failed", "updated"]
    run = a_run(
        *((LearnerFactory(onefile_id=600 + n), state) for n, state in enumerate(states)), kind="daily"
    )
    staffs, supports, failed, updated = run.outcomes.order_by("id")
    a_problem(staffs)
    a_problem(supports, code="push_not_taken", move="ours", details={"field": "registration_date"})
    a_problem(failed, code="interrupted", move="ours")
    a_change(updated)
    a_change(updated, side="onefile", field="registration_date", rule="registration_date")
    a_run((learner, "unchanged"))
    return run


def test_what_needs_attention_among_runs(daily, found):
    assert len(found("syncrun")) == 2
    assert found("syncrun", attention="yes") == [daily]
    assert found("syncrun", attention="yours") == [daily]
    Problem.objects.filter(move="yours").delete()
    assert found("syncrun", attention="yours") == []


@pytest.mark.parametrize(
    ("attention", "states"),
    [
        ("yes", ["attention", "attention", "failed"]),
        ("yours", ["attention"]),
        ("ours", ["attention", "failed"]),
    ],
)
def test_what_needs_attention_among_outcomes(attention, states, daily, found):
    assert sorted(each.state for each in found("learneroutcome", attention=attention)) == states


def everybody_put_right(run):
    """What needed attention was put right, and everybody was refreshed again."""
    return a_run(*((outcome.learner, "unchanged") for outcome in run.outcomes.all()))


def needing_attention(found):
    """How many runs, outcomes and problems the lists show to whoever asks what needs attention."""
    return (
        len(found("syncrun", attention="yes")),
        len(found("learneroutcome", attention="yes")),
        len(found("problem")),
    )


def test_what_was_put_right_and_synced_clean_needs_no_attention_any_more(daily, found):
    assert needing_attention(found) == (1, 3, 3)
    everybody_put_right(daily)
    assert needing_attention(found) == (0, 0, 0)
    assert len(found("problem", standing="all")) == 3


def test_a_problem_that_is_met_every_night_is_shown_once(learner, found):
    nights = [a_run((learner, "attention"), kind="daily").outcomes.get() for _night in range(3)]
    problems = [a_problem(outcome) for outcome in nights]
    assert found("syncrun", attention="yours") == [nights[-1].run]
    assert found("learneroutcome", attention="yours") == [nights[-1]]
    assert found("problem") == [problems[-1]]
    assert len(found("problem", standing="all")) == 3


def test_the_sync_that_ended_last_counts_and_not_the_one_that_began_last(learner, found):
    """A daily sync may take hours, in which somebody refreshes a learner before their turn comes."""
    ended_last = a_run((learner, "unchanged"), kind="daily").outcomes.get()
    a_problem(a_run((learner, "attention")).outcomes.get())
    LearnerOutcome.objects.filter(pk=ended_last.pk).update(finished_at=timezone.now())
    assert needing_attention(found) == (0, 0, 0)


@pytest.mark.parametrize("state", ["queued", "working"])
def test_a_sync_that_is_under_way_settles_nothing_yet(state, learner, found):
    problem = a_problem(a_run((learner, "attention")).outcomes.get())
    a_run((learner, state), state="running")
    assert needing_attention(found) == (1, 1, 1)
    assert found("problem") == [problem]


@pytest.mark.parametrize("previewed", ["attention", "failed", "updated", "unchanged"])
def test_previews_never_count(previewed, learner, found):
    a_problem(a_run((learner, previewed), kind="preview").outcomes.get())
    assert needing_attention(found) == (0, 0, 0)
    problem = a_problem(a_run((learner, "attention")).outcomes.get())
    a_problem(a_run((learner, previewed), kind="preview").outcomes.get())
    assert needing_attention(found) == (1, 1, 1)
    assert found("problem") == [problem]


@pytest.mark.parametrize("ended", ["failed", "skipped"])
def test_a_run_that_compared_no_learner_settles_nothing(ended, daily, found):
    """A night with OneFile down; a run that was cancelled, discarded or replaced."""
    standing = found("problem")
    assert len(standing) == 3
    a_run(*((outcome.learner, ended) for outcome in daily.outcomes.all()), kind="daily")
    assert found("problem") == standing
    assert needing_attention(found) == (1, 3, 3)


def test_problems_of_a_learner_who_left_the_daily_sync_are_kept_apart(daily, found, browser, auditor):
    """The learner left its scope, or the OneFile ID was blanked: nothing would ever settle them."""
    left, *others = daily.outcomes.order_by("id")
    a_run(*((outcome.learner, "failed") for outcome in others), kind="daily")
    assert needing_attention(found) == (1, 2, 2)
    assert [problem.outcome for problem in found("problem", standing="left")] == [left]
    text = words(browser(auditor).get(reverse("admin:onefile_sync_problem_changelist")))
    assert '<a href="?standing=left">Learner no longer in the daily sync (1)</a>' in text
    a_run((left.learner, "unchanged"))
    assert found("problem", standing="left") == []


def test_restricted_staff_count_only_their_learners_who_left(daily, browser, auditor, restrict):
    left, *others = daily.outcomes.order_by("id")
    a_run(*((outcome.learner, "failed") for outcome in others), kind="daily")
    address = reverse("admin:onefile_sync_problem_changelist")
    told = "Learner no longer in the daily sync (1)"
    assert told in words(browser(restrict(auditor, left.learner)).get(address))
    assert told not in words(browser(restrict(auditor, others[0].learner)).get(address))


def test_problems_are_offered_in_words_and_those_that_stand_unless_all_are_asked_for(daily, browser, auditor):
    text = words(browser(auditor).get(reverse("admin:onefile_sync_problem_changelist")))
    for code, offered in {
        "officer_unmatched": "Officer unmatched",
        "push_not_taken": "Push not taken",
    }.items():
        assert f'<a href="?code={code}">{offered}</a>' in text
    assert "Aim gone" not in text, "nobody has met that one"
    assert '<li class="selected"> <a href="?">Open</a>' in text
    assert '<a href="?standing=all">All</a>' in text


def test_a_problem_of_the_learner_names_them_once(learner, browser, auditor):
    outcome = a_run((learner, "attention")).outcomes.get()
    a_problem(outcome)
    a_problem(outcome, subject_kind="learner", subject_label=str(learner), code="learner_duplicate")
    text = words(browser(auditor).get(reverse("admin:onefile_sync_problem_changelist")))
    assert '<td class="field-which">–</td>' in text
    assert '<td class="field-which">Normal review 03/04/2025</td>' in text
    assert text.count("&lt;b&gt;Máire O&#x27;Brien&lt;/b&gt;") == 2


def test_lists_are_narrowed_by_kind_state_side_rule_code_and_move(daily, found):
    assert found("syncrun", kind__exact="daily") == [daily]
    assert len(found("learneroutcome", state__exact="failed")) == 1
    assert len(found("learneroutcome", run__kind__exact="refresh")) == 1
    assert [each.side for each in found("change", side__exact="onefile")] == ["onefile"]
    assert [each.rule for each in found("change", rule="registration_number")] == ["registration_number"]
    assert len(found("change")) == 2
    assert [each.code for each in found("problem", code="push_not_taken")] == ["push_not_taken"]
    assert len(found("problem", move__exact="ours")) == 2


class TestHeldAndEndedEarly:
    """What the lists say of runs that are held, and of those that ended before everybody's turn."""

    @pytest.fixture
    def held(self, learner):
        return a_held_run(learner, LearnerFactory(onefile_id=502))

    def test_the_ones_that_wait_for_a_decision_are_found(self, daily, held, found):
        assert found("syncrun", state__exact="held") == [held]
        assert len(found("learneroutcome", state__exact="aside")) == 2
        assert len(found("learneroutcome", run__state__exact="held")) == 2

    def test_putting_aside_needs_attention_only_from_the_person_who_decides(self, held, found):
        assert needing_attention(found) == (0, 0, 0)
        problem = a_problem(a_run((held.outcomes.earliest("id").learner, "attention")).outcomes.get())
        assert found("problem") == [problem]

    def test_planned_changes_are_distinguished_from_made_ones(self, daily, held, found):
        assert len(found("change", made__exact="1")) == 2
        assert len(found("change", made__exact="0")) == 2
        assert {each.outcome.run for each in found("change", made__exact="0")} == {held}

    def test_the_record_of_a_run_says_how_it_ended_and_who_decided(self, held, browser, auditor, admin_user):
        def record() -> str:
            return words(browser(auditor).get(reverse("admin:onefile_sync_syncrun_change", args=[held.pk])))

        text = record()
        for shown in ("Held:", "Ending:", "Decided by:", f"{timezone.localtime(held.held_at):%H:%M}"):
            assert shown in text
        services.discard_held(held, by=admin_user)
        text = record()
        assert '<div class="readonly">Discarded</div>' in text
        assert f">{admin_user}</a></div>" in text


def test_a_run_links_to_its_outcomes_and_to_its_report(daily, browser, auditor):
    text = words(browser(auditor).get(reverse("admin:onefile_sync_syncrun_changelist")))
    outcomes = f"/admin/onefile_sync/learneroutcome/?run__id__exact={daily.pk}"
    assert f'<a href="{outcomes}">4</a>' in text
    assert f'<a href="{outcomes}&amp;state__exact=attention">2</a>' in text
    assert f'<span class="onefile-failed"><a href="{outcomes}&amp;state__exact=failed">1</a></span>' in text
    assert f'<a href="{daily.get_absolute_url()}">' in text
    everybody_put_right(daily)
    answer = browser(auditor).get(f"{outcomes}&state__exact=attention")
    assert len(answer.context["cl"].result_list) == 2, "a run's own numbers stay what they were"


@pytest.mark.parametrize(
    ("outcomes", "values", "label"),
    [
        (["failed", "failed"], {}, "Failed"),
        (["failed", "skipped"], {}, "Failed"),
        (["failed", "unchanged"], {}, "Finished"),
        (["failed", "attention"], {}, "Finished"),
        (["skipped"], {"ending": "cancelled"}, "Cancelled"),
        (["unchanged"], {}, "Finished"),
        (["failed", "queued"], {"state": "running"}, "Running"),
        ([], {}, "Finished"),
    ],
)
def test_a_run_that_failed_for_everybody_says_so_in_the_list(outcomes, values, label, browser, auditor):
    run = a_run(*((LearnerFactory(onefile_id=600 + n), state) for n, state in enumerate(outcomes)), **values)
    text = words(browser(auditor).get(reverse("admin:onefile_sync_syncrun_changelist")))
    shown = '<span class="onefile-failed">Failed</span>' if label == "Failed" else label
    assert f'<td class="field-result">{shown}</td>' in text
    assert '<td class="field-attention">0</td>' in text or "attention" in outcomes
    assert "onefile_sync/onefile.css" in text, "without it there is no colour"
    assert run.get_absolute_url() in text


@pytest.mark.parametrize("name", NAMES)
def test_searching_by_ids(name, daily, found):
    models = {"syncrun": SyncRun, "learneroutcome": LearnerOutcome, "change": Change, "problem": Problem}
    row = models[name].objects.last()
    assert row in found(name, q=str(row.pk))
    for nothing in ("O'Nobody", "0" * 40, str(2**70), "00000000-0000-4000-8000-000000000000"):
        assert found(name, q=nothing) == []
    assert len(found(name, q="   ")) == models[name].objects.count()


@pytest.mark.parametrize("name", NAMES)
def test_searching_for_a_learner_as_in_the_list_of_learners(name, found):
    learner = LearnerFactory(first_name="Gwen", surname="Price", ident="NV-4711", onefile_id=611)
    other = LearnerFactory(first_name="Gwen", surname="Pritchard", ident="NV-4712", onefile_id=612)
    for each in (learner, other):
        outcome = a_run((each, "attention")).outcomes.get()
        a_change(outcome)
        a_problem(outcome)
    for term in ("Price", "price gwen", "NV-4711", "4711", "611"):
        assert [outcome_of(row).learner for row in found(name, q=term)] == [learner], term
    assert len(found(name, q="Gwen")) == 2
    assert found(name, q="Gwen Nobody") == []


def outcome_of(row) -> LearnerOutcome:
    if isinstance(row, SyncRun):
        return row.outcomes.get()
    return row if isinstance(row, LearnerOutcome) else row.outcome


def test_an_admin_without_a_search_finds_no_learner_rather_than_all(daily, found, monkeypatch):
    monkeypatch.setattr(type(admin.site._registry[Learner]), "search_fields", [])
    assert found("learneroutcome", q="Llewellyn") == []


def test_searching_by_the_id_of_the_run_the_learner_and_the_problems_code(daily, found):
    assert len(found("learneroutcome", q=str(daily.pk))) == 4
    assert len(found("problem", q=str(daily.pk))) == 3
    assert len(found("learneroutcome", q="603")) == 1
    assert len(found("problem", q="interrupted")) == 1


def test_the_record_of_an_outcome_shows_its_changes_and_problems(learner, browser, auditor):
    outcome = a_run((learner, "attention")).outcomes.get()
    a_change(outcome)
    a_problem(outcome)
    text = words(browser(auditor).get(reverse("admin:onefile_sync_learneroutcome_change", args=[outcome.pk])))
    assert "REG-77" in text
    assert "What to do:" in text
    link = reverse("admin:picsweb_learner_change", args=[learner.pk])
    assert f'<a href="{link}">&lt;b&gt;Máire O&#x27;Brien&lt;/b&gt;' in text


def test_a_learner_is_linked_only_for_users_who_may_open_the_page(learner, staff, browser, auditor):
    a_problem(a_run((learner, "attention")).outcomes.get())
    link = reverse("admin:picsweb_learner_change", args=[learner.pk])
    blind = staff("view_learneroutcome", "view_problem", sees_learners=False)
    for name in ("learneroutcome", "problem"):
        address = reverse(f"admin:onefile_sync_{name}_changelist")
        assert link in words(browser(auditor).get(address))
        assert link not in words(browser(blind).get(address))
    record = reverse("admin:onefile_sync_learneroutcome_change", args=[learner.onefile_outcomes.get().pk])
    assert link not in words(browser(blind).get(record))


def test_records_are_shown_as_text(learner, browser, auditor):
    outcome = a_run((learner, "attention")).outcomes.get()
    change, problem = a_change(outcome), a_problem(outcome)
    text = words(browser(auditor).get(reverse("admin:onefile_sync_change_change", args=[change.pk])))
    assert "Registration Number" in text
    assert "The blank side is filled from the other" in text
    text = words(browser(auditor).get(reverse("admin:onefile_sync_problem_change", args=[problem.pk])))
    assert "No officer is linked to OneFile&#x27;s assessor 4711" in text
    assert "Enter OneFile ID 4711 on the officer" in text


def test_records_speak_of_rows_as_picsweb_does(learner, browser, auditor):
    outcome = a_run((learner, "attention")).outcomes.get()
    change, problem = a_change(outcome), a_problem(outcome)
    for name, row in (("change", change), ("problem", problem)):
        text = words(browser(auditor).get(reverse(f"admin:onefile_sync_{name}_change", args=[row.pk])))
        assert "ID in PICSWeb:" in text
        assert "Subject pk" not in text
    text = words(browser(auditor).get(reverse("admin:onefile_sync_problem_change", args=[problem.pk])))
    assert "<h2>No officer is linked to OneFile&#x27;s assessor 4711" in text
    assert "officer_unmatched" in text, "for whoever looks the code up in the docs"
    assert "› officer_unmatched" not in text
    assert "Officer unmatched" in text
    problem.details["assessor_name"] = "<Gwen> Price"
    problem.save()
    text = words(browser(auditor).get(reverse("admin:onefile_sync_problem_change", args=[problem.pk])))
    assert "assessor &lt;Gwen&gt; Price (OneFile ID 4711)" in text


def test_changes_are_narrowed_to_those_made_or_only_planned(learner, browser, auditor):
    outcome = a_run((learner, "attention")).outcomes.get()
    a_change(outcome)
    planned = a_change(outcome, made=False)
    answer = browser(auditor).get(reverse("admin:onefile_sync_change_changelist"), {"made__exact": "0"})
    assert list(answer.context["cl"].result_list) == [planned]
    text = words(answer)
    assert "By made or planned" in text
    assert "Only planned" in text


@pytest.mark.parametrize("name", NAMES)
def test_a_list_offers_neither_counts_nor_orders_that_would_read_the_whole_ledger(
    name, daily, browser, auditor, django_assert_num_queries
):
    address = reverse(f"admin:onefile_sync_{name}_changelist")
    text = words(browser(auditor).get(address))
    assert "Show counts" not in text
    assert 'class="sortable' not in text
    client = browser(auditor)
    with CaptureQueriesContext(connection) as plain:
        client.get(address)
    with django_assert_num_queries(len(plain)):
        client.get(address, {"_facets": "True"})


@pytest.mark.parametrize("query", [{}, {"standing": "all"}, {"q": "4711"}, {"month": "2026-03"}])
@pytest.mark.parametrize("name", ["learneroutcome", "change", "problem"])
def test_a_list_reads_its_table_for_its_rows_and_their_number_only(name, query, daily, browser, auditor):
    """Which months there are, in which something changed, is no reason to read a million changes twice more."""
    with CaptureQueriesContext(connection) as captured:
        browser(auditor).get(reverse(f"admin:onefile_sync_{name}_changelist"), query)
    table = f'FROM "onefile_sync_{name}"'
    whole = [
        query["sql"]
        for query in captured
        if query["sql"].count(table) and "SELECT DISTINCT" not in query["sql"]
    ]
    rows_or_number = [sql for sql in whole if "LIMIT" in sql or "COUNT(*)" in sql]
    assert not [sql for sql in whole if "MIN(" in sql or "django_datetime" in sql]
    assert len(rows_or_number) <= 2


def test_the_list_of_outcomes_joins_nothing(daily, browser, auditor):
    with CaptureQueriesContext(connection) as captured:
        browser(auditor).get(reverse("admin:onefile_sync_learneroutcome_changelist"))
    rows = [
        each["sql"] for each in captured if 'ORDER BY "onefile_sync_learneroutcome"."id" DESC' in each["sql"]
    ]
    assert len(rows) == 1
    assert "JOIN" not in rows[0]


def test_the_numbers_of_runs_are_counted_for_the_page_and_not_for_each_run(daily, browser, auditor):
    with CaptureQueriesContext(connection) as captured:
        browser(auditor).get(reverse("admin:onefile_sync_syncrun_changelist"))
    counting = [query["sql"] for query in captured if "GROUP BY" in query["sql"]]
    assert len(counting) == 1
    assert 'FROM "onefile_sync_syncrun"' not in counting[0]


@pytest.mark.parametrize(
    ("name", "titles"),
    [
        ("learneroutcome", ["attention needed", "outcome", "kind of run", "state of the run", "month"]),
        ("change", ["made or planned", "side", "rule", "type of record", "kind of run", "month"]),
        (
            "problem",
            ["status", "who acts", "problem", "type of record", "kind of run", "month"],
        ),
    ],
)
def test_a_filter_says_what_it_goes_by(name, titles, daily, browser, auditor):
    shown = browser(auditor).get(reverse(f"admin:onefile_sync_{name}_changelist")).context["cl"]
    assert [str(each.title) for each in shown.filter_specs] == titles


class TestMonths:
    @pytest.fixture(autouse=True)
    def today(self, time_machine):
        time_machine.move_to("2026-03-29T23:30:00Z", tick=False)  # already the 30th in London

    def a_change_of(self, moment: str) -> Change:
        outcome = a_run((LearnerFactory(onefile_id=None), "updated")).outcomes.get()
        LearnerOutcome.objects.filter(pk=outcome.pk).update(finished_at=moment)
        SyncRun.objects.filter(pk=outcome.run_id).update(created_at=moment)
        a_problem(outcome)
        return a_change(outcome)

    def test_are_offered_from_the_first_run_until_now(self, browser, auditor):
        self.a_change_of("2025-12-31T23:59:59Z")
        for name in ("learneroutcome", "change", "problem"):
            text = words(browser(auditor).get(reverse(f"admin:onefile_sync_{name}_changelist")))
            offered = [
                f'<a href="?month={month}">' in text for month in ("2025-11", "2025-12", "2026-03", "2026-04")
            ]
            assert offered == [False, True, True, False]
            assert "March 2026" in text

    def test_begin_and_end_at_midnight_here(self, found):
        march = [self.a_change_of(moment) for moment in ("2026-03-01T00:00:00Z", "2026-03-31T22:59:59Z")]
        for moment in ("2026-02-28T23:59:59Z", "2026-03-31T23:00:00Z", "2025-12-31T23:59:59Z"):
            self.a_change_of(moment)
        assert sorted(row.pk for row in found("change", month="2026-03")) == [row.pk for row in march]
        assert found("learneroutcome", month="2026-03") == [row.outcome for row in reversed(march)]
        assert [
            row.outcome.changes.get() for row in found("problem", month="2026-03", standing="all")
        ] == march[::-1]

    @pytest.mark.parametrize("month", ["2026-13", "2024-01", "x", ""])
    def test_that_are_not_offered_change_nothing(self, month, found):
        change = self.a_change_of("2026-03-01T00:00:00Z")
        assert found("change", month=month) == [change]

    def test_are_none_where_there_was_no_run(self, found, browser, auditor):
        assert found("change") == []
        assert "?month=" not in words(browser(auditor).get(reverse("admin:onefile_sync_change_changelist")))


def test_a_rule_of_an_earlier_version_is_shown_by_its_code(learner, browser, auditor):
    change = a_change(a_run((learner, "updated")).outcomes.get(), rule="rule_of_old", field="field_of_old")
    text = words(browser(auditor).get(reverse("admin:onefile_sync_change_change", args=[change.pk])))
    assert "rule_of_old" in text
    assert "field_of_old" in text


@pytest.mark.parametrize("name", NAMES)
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(
    name, browser, auditor, django_assert_max_num_queries
):
    run = a_run(*((LearnerFactory(onefile_id=600 + n), "attention") for n in range(30)), kind="daily")
    for outcome in run.outcomes.all():
        a_change(outcome)
        a_problem(outcome)
    client = browser(auditor)
    with django_assert_max_num_queries(16):
        client.get(reverse(f"admin:onefile_sync_{name}_changelist"))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_can_be_deleted_in_bulk(name, daily, admin_user, browser):
    address = reverse(f"admin:onefile_sync_{name}_changelist")
    rows = {"syncrun": SyncRun, "learneroutcome": LearnerOutcome, "change": Change, "problem": Problem}[name]
    ids = [str(pk) for pk in rows.objects.values_list("pk", flat=True)]
    client = browser(admin_user)
    assert "delete_selected" not in words(client.get(address))
    client.post(address, {"action": "delete_selected", "_selected_action": ids, "post": "yes"})
    assert rows.objects.count() == len(ids)


def test_those_without_permission_do_not_find_the_ledger_on_the_admins_front_page(staff, browser):
    assert "/admin/onefile_sync/" not in words(browser(staff("refresh_learner")).get("/admin/"))
