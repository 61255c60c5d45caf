"""How many calls a check and a creation make, with fresh lists and everybody linked whom the learner needs."""

from __future__ import annotations

from datetime import date, time
from itertools import count
from typing import Any

import pytest

from example_project.picsweb.models import Learner, Review
from onefile_sync import services
from onefile_sync.linking import directory
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World

from .conftest import NEEDED, NewLearner, add_qualification, perform

pytestmark = [
    pytest.mark.parametrize("host", ["picsweb"], indirect=True),
    pytest.mark.usefixtures("defaults_chosen"),
]

CODES = ("196AS", "600/1234/5", "ST0001")


@pytest.fixture
def everybody_is_linked(onefile: SandboxServer, world: World, new_learner: NewLearner) -> Learner:
    """The learner's officer and employer are in OneFile, and the standards are listed."""
    learner = new_learner()
    officer, employer = learner.main_officer, learner.placements.get().organisation
    officer.onefile_id = world.add_assessor(
        first_name="Ola", last_name="Reed", email=officer.email, misid=officer.ident
    ).id
    officer.save()
    employer.onefile_id = world.add_placement(name=employer.name, misid=employer.ident).id
    employer.save()
    for code in CODES:
        world.add_standard(title="Award", code=code, organisation_ids=[world.centre_id])
    perform(directory.start_reading(NEEDED, queued=False))
    return learner


def calls_of(run: Any) -> int:
    return sum(outcome.api_calls for outcome in run.outcomes.all()) + run.api_calls


@pytest.mark.parametrize("matches", [0, 1, 3])
def test_a_check(everybody_is_linked: Learner, world: World, matches: int) -> None:
    numbers = count(1)
    for _match in range(matches):
        world.add_learner(first_name="Ann", last_name="Bell", email=f"a{next(numbers)}@elsewhere.example")

    run = perform(services.enrol_check([everybody_is_linked], queued=False))

    # A search that found somebody ends with a page that has nothing new.
    assert calls_of(run) == 3 + matches + (1 if matches else 0)


@pytest.mark.parametrize("items", ["thin", "rich"])
@pytest.mark.parametrize(("qualifications", "reviews"), [(0, 0), (1, 0), (3, 0), (1, 2)])
def test_a_creation(
    everybody_is_linked: Learner, onefile: SandboxServer, items: Any, qualifications: int, reviews: int
) -> None:
    onefile.switches = Switches(rate_limit=0, items=items)
    learner = everybody_is_linked
    for code in CODES[:qualifications]:
        add_qualification(learner, code, start_date=date(2026, 9, 7))
    for number in range(reviews):
        Review.objects.create(
            learner=learner,
            proposed_date=date(2026, 12, 1 + number),
            proposed_time=time(10),
            officer=learner.main_officer,
        )
    perform(services.enrol_check([learner], queued=False))
    plan = services.enrolment.enrolment_window(learner).plan
    assert plan is not None
    run = perform(services.enrol(learner, services.EnrolmentChoices(), plan.shown, queued=False))

    assert [problem.code for problem in run.outcomes.get().problems.all()] == []
    assert calls_of(run) <= 8 + 4 * qualifications + 3 * reviews
