"""Following a run and reading each learner's outcome."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from onefile_sync.models import Change, LearnerOutcome, Problem, SyncRun

from .callers import clerk, outcomes_url, refresh_url, run_url, status_url, supervisor

pytestmark = pytest.mark.matrix


def a_run(host, *states, **values):
    """A run with one learner in each of these states."""
    run = SyncRun.objects.create(**{"kind": "daily", "state": "running", **values})
    for number, state in enumerate(states, start=600):
        learner = host.learner(onefile_id=number)
        LearnerOutcome.objects.create(
            run=run,
            learner_type=ContentType.objects.get_for_model(learner),
            learner_pk=str(learner.pk),
            onefile_id=number,
            state=state,
        )
    return run


def test_a_run_says_how_far_it_is(host):
    run = a_run(host, "updated", "updated", "attention", "working", "queued")
    answer = supervisor(host).get(run_url(run)).json()
    assert answer["kind"] == "daily"
    assert answer["state"] == "running"
    assert (answer["done"], answer["total"]) == (3, 5)
    assert answer["counts"] == {
        "queued": 1,
        "working": 1,
        "aside": 0,
        "updated": 2,
        "unchanged": 0,
        "attention": 1,
        "failed": 0,
        "skipped": 0,
    }


@pytest.mark.parametrize(
    ("states", "state", "result"),
    [
        (["failed", "failed"], "finished", "failed"),
        (["failed", "unchanged"], "finished", "finished"),
        (["failed", "queued"], "running", "running"),
        (["aside"], "held", "held"),
    ],
)
def test_a_run_says_that_it_failed(host, states, state, result):
    answer = supervisor(host).get(run_url(a_run(host, *states, state=state))).json()
    assert (answer["state"], answer["result"]) == (state, result)
    assert answer["counts"]["failed"] == states.count("failed")


def test_a_run_that_is_held_says_how_many_are_put_aside(host):
    run = a_run(host, "aside", "aside", "updated", state="held")
    answer = supervisor(host).get(run_url(run)).json()
    assert answer["state"] == "held"
    assert (answer["done"], answer["total"]) == (1, 3)
    assert answer["counts"]["aside"] == 2
    assert answer["waiting_for_worker"] is False


def test_a_run_says_when_it_was_asked_for_begun_and_over(host):
    run = a_run(host, "unchanged", state="finished")
    run.started_at = run.created_at + timedelta(seconds=1)
    run.finished_at = run.created_at + timedelta(seconds=4)
    run.save()
    answer = supervisor(host).get(run_url(run)).json()
    moments = [answer["created_at"], answer["started_at"], answer["finished_at"]]
    assert [timezone.datetime.fromisoformat(each) for each in moments] == [
        run.created_at,
        run.started_at,
        run.finished_at,
    ]


def test_a_run_that_was_just_queued_has_neither_begun_nor_waited_too_long(host):
    answer = clerk(host).post(refresh_url(host.learner())).json()
    assert (answer["started_at"], answer["finished_at"], answer["waiting_for_worker"]) == (None, None, False)


def test_a_run_that_no_worker_picks_up_says_so(host):
    asked = timezone.now() - timedelta(minutes=2)
    run = a_run(host, "queued", state="queued", created_at=asked)
    assert supervisor(host).get(run_url(run)).json()["waiting_for_worker"] is True


def test_a_run_links_to_itself_and_to_its_outcomes(host):
    run = a_run(host, "updated")
    reader = supervisor(host)
    answer = reader.get(run_url(run)).json()
    assert answer["url"] == f"http://testserver{run_url(run)}"
    assert reader.get(answer["outcomes_url"]).json()["results"][0]["run_url"] == answer["url"]


@pytest.mark.parametrize("address", [run_url, outcomes_url])
def test_an_unknown_run_is_not_found(host, address):
    assert supervisor(host).get(address(uuid.uuid4())).status_code == 404


@pytest.mark.parametrize("address", [run_url, outcomes_url])
def test_no_cache_keeps_an_answer(host, address):
    answer = supervisor(host).get(address(a_run(host, "updated")))
    assert {"no-store", "private"} <= set(answer.headers["Cache-Control"].split(", "))


class TestOutcomes:
    def test_an_outcome_says_what_changed_on_which_side_and_by_which_rule(self, host):
        run = a_run(host, "updated")
        outcome = run.outcomes.get()
        Change.objects.create(
            outcome=outcome,
            side="picsweb",
            subject_kind="qualification",
            subject_pk="9",
            subject_label="Business Administrator",
            field="elements_done",
            old="12",
            new="14",
            rule="elements",
        )
        (answer,) = supervisor(host).get(outcomes_url(run)).json()["results"]
        assert answer["state"] == "updated"
        assert answer["learner"] == outcome.learner_pk
        assert answer["onefile_id"] == outcome.onefile_id
        (change,) = answer["changes"]
        assert "Business Administrator" in change.pop("subject")
        assert change == {
            "side": "picsweb",
            "side_text": "PICSWeb",
            "field": "Elements Done",
            "before": "12",
            "after": "14",
            "rule": "Copied from OneFile; a qualification with units attached in PICSWeb is left alone.",
            "made": True,
        }
        assert answer["problems"] == []

    def test_an_outcome_tells_what_was_planned_from_what_was_made(self, host):
        run = a_run(host, "aside", state="held")
        for made in (True, False):
            Change.objects.create(
                outcome=run.outcomes.get(),
                side="picsweb",
                subject_kind="qualification",
                field="elements_done",
                old="12",
                new="14",
                rule="elements",
                made=made,
            )
        (answer,) = supervisor(host).get(outcomes_url(run)).json()["results"]
        assert answer["state"] == "aside"
        assert answer["finished_at"] is None
        assert [change["made"] for change in answer["changes"]] == [True, False]

    def test_an_outcome_says_what_needs_someone_whose_move_it_is_and_what_to_do(self, host):
        run = a_run(host, "attention")
        Problem.objects.create(
            outcome=run.outcomes.get(),
            subject_kind="learner",
            subject_label="Zoë Llewellyn",
            code="officer_unmatched",
            move="yours",
            details={"assessor": 3001, "reviews": 2},
        )
        (answer,) = supervisor(host).get(outcomes_url(run)).json()["results"]
        assert answer["changes"] == []
        (problem,) = answer["problems"]
        assert "Zoë Llewellyn" in problem.pop("subject")
        assert problem == {
            "code": "officer_unmatched",
            "text": (
                "No officer is linked to OneFile's assessor 3001. Reviews concerned: 2. "
                "The officer was left as it is."
            ),
            "remedy": "Enter OneFile ID 3001 on the officer's record, then refresh again.",
            "move": "yours",
        }

    def test_an_outcome_names_an_assessor_whose_name_is_known(self, host):
        run = a_run(host, "attention")
        Problem.objects.create(
            outcome=run.outcomes.get(),
            subject_kind="learner",
            code="officer_unmatched",
            move="yours",
            details={"assessor": 3001, "reviews": 2, "assessor_name": "Gwen Price"},
        )
        (answer,) = supervisor(host).get(outcomes_url(run)).json()["results"]
        (problem,) = answer["problems"]
        assert "assessor Gwen Price (OneFile ID 3001). Reviews concerned: 2." in problem["text"]
        assert problem["remedy"].startswith("Enter OneFile ID 3001 on")

    def test_an_outcome_leads_to_its_learner(self, host):
        run = a_run(host, "updated")
        reader = supervisor(host)
        (answer,) = reader.get(outcomes_url(run)).json()["results"]
        assert answer["learner_status_url"] == f"http://testserver{status_url(answer['learner'])}"
        assert reader.get(answer["learner_status_url"]).json()["learner"] == answer["learner"]

    def test_a_long_run_is_read_page_by_page_each_learner_once(self, host):
        run = a_run(host, *["unchanged"] * 120)
        a_run(host, "failed")  # another run's
        reader, url, lengths, seen = supervisor(host), outcomes_url(run), [], []
        while url:
            page = reader.get(url).json()
            lengths.append(len(page["results"]))
            seen += [outcome["id"] for outcome in page["results"]]
            url = page["next"]
        assert lengths == [50, 50, 20]
        assert seen == sorted(run.outcomes.values_list("pk", flat=True))

    def test_a_page_takes_as_many_queries_for_fifty_learners_as_for_two(
        self, host, django_assert_max_num_queries
    ):
        short, long = a_run(host, *["updated"] * 2), a_run(host, *["updated"] * 50)
        for outcome in LearnerOutcome.objects.all():
            Change.objects.create(
                outcome=outcome,
                side="picsweb",
                subject_kind="learner",
                field="elements_done",
                rule="elements",
            )
        reader = supervisor(host)
        reader.get(outcomes_url(short))
        with django_assert_max_num_queries(20) as for_two:
            reader.get(outcomes_url(short))
        with django_assert_max_num_queries(len(for_two)):
            answer = reader.get(outcomes_url(long))
        assert len(answer.json()["results"]) == 50
