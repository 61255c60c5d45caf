"""The texts of the pages of runs that check and that create in OneFile."""

from __future__ import annotations

from typing import Any

import pytest

from onefile_sync import services
from onefile_sync.models import OutcomeState, SyncRun
from onefile_sync.web import text
from tests.factories import LearnerFactory
from tests.staff_fixtures import a_run

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize("host", ["picsweb"], indirect=True)]


@pytest.fixture
def learner(host: Any) -> Any:
    return LearnerFactory(first_name="Ann", surname="Bell", onefile_id=None)


def told(run: SyncRun) -> tuple[str, str, str]:
    (outcome,) = run.outcomes.all()
    headline = text.headline(run, services.progress(run))
    return text.run_title(run, outcome), headline, text.outcome_in_words(outcome)


@pytest.mark.parametrize(
    ("kind", "state", "headline", "in_words"),
    [
        ("enrolcheck", OutcomeState.UNCHANGED, "Finished: ready.", "Ready to be created in OneFile."),
        ("enrolcheck", OutcomeState.ATTENTION, "Finished: needs attention.", "something is to be done first"),
        ("enrol", OutcomeState.UPDATED, "Finished: created.", "In OneFile, and linked."),
        ("enrol", OutcomeState.ATTENTION, "Finished: needs attention.", "In OneFile; something needs"),
        (
            "enrol",
            OutcomeState.FAILED,
            "Failed: the learner was not created in OneFile.",
            "Not created in OneFile",
        ),
    ],
)
def test_a_finished_run_says_what_became_of_the_learner(
    learner: Any, kind: str, state: OutcomeState, headline: str, in_words: str
) -> None:
    title, said, outcome = told(a_run((learner, state), kind=kind))

    assert "in OneFile" in title
    assert "Ann Bell" in title
    assert said == headline
    assert in_words in outcome


@pytest.mark.parametrize(
    ("kind", "headline"),
    [
        ("enrolcheck", "Looking in OneFile: 0 of 1 learners done."),
        ("enrol", "Creating in OneFile: 0 of 1 learners done."),
    ],
)
def test_a_run_at_work_says_what_it_does(learner: Any, kind: str, headline: str) -> None:
    run = a_run((learner, OutcomeState.WORKING), kind=kind, state="running")

    assert told(run)[1] == headline
