"""A learner's OneFile status."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from onefile_sync.models import LearnerOutcome, Problem, SyncRun

from .callers import (
    VIEW_RUNS,
    absent_learner,
    clerk,
    member_of_staff,
    refresh_url,
    signed_in,
    status_url,
    view_learner,
)

pytestmark = pytest.mark.matrix


def finished(learner, state, *, kind="refresh", ago=timedelta(0)):
    """The outcome of a finished run."""
    moment = timezone.now() - ago
    run = SyncRun.objects.create(
        kind=kind, state="finished", created_at=moment, started_at=moment, finished_at=moment
    )
    return LearnerOutcome.objects.create(
        run=run,
        learner_type=ContentType.objects.get_for_model(learner),
        learner_pk=str(learner.pk),
        onefile_id=learner.onefile_id,
        state=state,
        started_at=moment,
        finished_at=moment,
    )


def status_of(host, learner):
    return clerk(host).get(status_url(learner)).json()


def test_a_learner_who_was_never_synchronised_may_be_refreshed(host):
    learner = host.learner()
    assert status_of(host, learner) == {
        "learner": str(learner.pk),
        "onefile_id": 501,
        "last_synchronised_at": None,
        "last_outcome": None,
        "last_success": None,
        "last_attempt": None,
        "current_run": None,
        "may_refresh": True,
        "why_not": None,
    }


def test_the_last_outcome_is_returned_with_its_problems(host):
    learner = host.learner()
    finished(learner, "unchanged", ago=timedelta(days=1))
    last = finished(learner, "attention")
    Problem.objects.create(outcome=last, subject_kind="learner", code="officer_unmatched", move="yours")
    answer = status_of(host, learner)
    assert parse_datetime(answer["last_synchronised_at"]) == last.finished_at
    assert answer["last_outcome"]["id"] == last.pk
    assert answer["last_outcome"]["state"] == "attention"
    assert [problem["code"] for problem in answer["last_outcome"]["problems"]] == ["officer_unmatched"]


@pytest.mark.parametrize("state", ["failed", "skipped", "attention"])
def test_the_last_success_and_the_last_attempt_have_each_their_own_time_and_outcome(host, state):
    learner = host.learner()
    success = finished(learner, "unchanged", ago=timedelta(days=1))
    attempt = finished(learner, state)
    Problem.objects.create(outcome=attempt, subject_kind="learner", code="learner_gone", move="yours")
    answer = status_of(host, learner)
    assert parse_datetime(answer["last_synchronised_at"]) == success.finished_at
    assert parse_datetime(answer["last_success"]["at"]) == success.finished_at
    assert answer["last_success"]["outcome"] == "unchanged"
    assert answer["last_success"]["run_url"].endswith(f"/runs/{success.run_id}/")
    assert parse_datetime(answer["last_attempt"]["at"]) == attempt.finished_at
    assert answer["last_attempt"]["outcome"] == state == answer["last_outcome"]["state"]
    assert answer["last_attempt"]["run_url"].endswith(f"/runs/{attempt.run_id}/")


def test_a_preview_does_not_count_as_a_synchronisation(host):
    learner = host.learner()
    finished(learner, "updated", kind="preview")
    answer = status_of(host, learner)
    assert (answer["last_synchronised_at"], answer["last_outcome"]) == (None, None)


def test_the_open_run_is_returned(host):
    learner, asker = host.learner(), clerk(host)
    run = asker.post(refresh_url(learner)).json()
    assert asker.get(status_url(learner)).json()["current_run"] == run


def test_a_learner_without_a_onefile_id_may_not_be_refreshed_and_the_reason_is_given(host):
    learner = host.learner(onefile_id=None)
    answer = status_of(host, learner)
    assert answer["onefile_id"] is None
    assert answer["may_refresh"] is False
    assert answer["why_not"]["code"] == "no_onefile_id"
    assert answer["why_not"] == clerk(host).post(refresh_url(learner)).json()


def test_a_caller_who_may_see_the_learner_but_nothing_of_onefile_is_refused(host):
    answer = signed_in(member_of_staff(view_learner(host))).get(status_url(host.learner()))
    assert answer.status_code == 403


def test_a_caller_without_the_permission_reads_that_they_may_not_refresh(host):
    caller = signed_in(member_of_staff(VIEW_RUNS, view_learner(host)))
    answer = caller.get(status_url(host.learner())).json()
    assert answer["may_refresh"] is False
    assert answer["why_not"] == {
        "code": "not_permitted",
        "detail": "You may not refresh this learner with OneFile.",
    }


@pytest.mark.parametrize("key", ["absent", "not-a-key"])
def test_an_unknown_learner_is_not_found(host, key):
    answer = clerk(host).get(status_url(absent_learner(host) if key == "absent" else key))
    assert answer.status_code == 404
