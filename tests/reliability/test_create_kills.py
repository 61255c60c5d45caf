"""``kill -9`` at random moments while learners are created in OneFile: nothing is lost, nothing is doubled.

Twelve learners share three officers and two employers, and OneFile has none of them. Two clusters create them together;
one of them is killed several times in each run.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from typing import Any

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from onefile_sync import services
from onefile_sync.enrolment.centre_directory import NEEDED
from onefile_sync.linking import directory
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import (
    CentreDefaults,
    CreateIntent,
    CreateMissing,
    DirectoryKind,
    LearnerOutcome,
    OneFileSettings,
    OutcomeState,
    SyncRun,
    UploadIntent,
)
from onefile_sync.sandbox.entities import ASSESSOR, LEARNER
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.sync import daily
from onefile_sync.sync.runs import queue
from tests.conftest import dont_wait
from tests.factories import PICSWEB, PlacementFactory
from tests.services.conftest import content_types_afresh, services_are_there

from .clusters import (
    BETWEEN_SWEEPS,
    LEASE,
    THE_REST,
    Machines,
    is_closed,
    machines,
    onefile,
    swept,
    wait_until,
)
from .conftest import LONG

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]

KILLS = 200 if LONG else 20
SEED = int(os.environ.get("KILL_SEED", "1"))
LEARNERS, OFFICERS, EMPLOYERS = 12, 3, 2
#: Kills in one run. A learner is given up after being interrupted several times.
KILLS_A_RUN = 4
#: Clicks after which everybody must have been created.
CLICKS = 4

__all__ = ["content_types_afresh", "machines", "onefile", "services_are_there"]


@dataclass
class Tally:
    """What was counted over all runs."""

    runs: int = 0
    kills: int = 0
    kills_in_mid_create: int = 0
    learners: int = 0
    #: Learners who had to be created by a further click, having been told why.
    clicked_again: int = 0
    duplicates: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    assignments_asked_of_a_person: int = 0
    #: Seconds from the last kill until the run was closed.
    closed_after: list[float] = field(default_factory=list)


@dataclass
class Intake:
    """Learners of one run, with whom they share, and what each has."""

    learners: list[Any]
    officers: list[Any]
    employers: list[Any]
    qualifications: list[Any]
    reviews: list[Any]


@pytest.fixture
def centre(onefile: SandboxServer) -> World:
    """OneFile's lists are read, and the centre has a default class and placement."""
    world = onefile.world
    room, place = world.add_classroom(name="Main class"), world.add_placement(name="No employer yet")
    world.add_standard(title="Business Administrator", code="196AS")
    OneFileSettings.objects.update(create_missing=CreateMissing.BULK)
    daily.perform(directory.start_reading(NEEDED, queued=False), sleep=dont_wait)
    tenant = present_tenant()
    assert len(directory.entries(tenant, DirectoryKind.CLASSROOM, centre_id=world.centre_id)) == 1
    CentreDefaults.objects.create(
        tenant=tenant, centre_id=world.centre_id, classroom_id=room.id, placement_id=place.id
    )
    return world


def test_killing_workers_loses_and_doubles_no_create(
    centre: World, machines: Machines, figures: Callable[..., None]
) -> None:
    dice, tally, numbers = random.Random(SEED), Tally(), count()
    with swept():
        while tally.kills < KILLS:
            one_run(machines, centre, dice, tally, numbers)

    in_order = sorted(tally.closed_after)
    figures(
        f"kill -9 during creates, {tally.kills} times (seed {SEED})",
        runs=tally.runs,
        kills=tally.kills,
        kills_while_somebody_was_created=tally.kills_in_mid_create,
        learners=tally.learners,
        learners_created_by_a_further_click=tally.clicked_again,
        duplicates=sum(tally.duplicates.values()),
        lost=tally.lost,
        assignments_asked_of_a_person=tally.assignments_asked_of_a_person,
        closed_after_a_kill_median=f"{in_order[len(in_order) // 2]:.1f} s",
        closed_after_a_kill_longest=f"{in_order[-1]:.1f} s",
    )
    assert (dict(tally.duplicates), tally.lost) == ({}, 0)
    assert tally.kills_in_mid_create > tally.kills / 4
    assert in_order[-1] <= LEASE + BETWEEN_SWEEPS + THE_REST


def one_run(machines: Machines, world: World, dice: random.Random, tally: Tally, numbers: Any) -> None:
    OrmQ.objects.all().delete()  # whose worker was killed keeps its task for `retry` seconds
    intake = an_intake(numbers)
    before = set(world.users) | set(world.placements) | set(world.aims) | set(world.reviews)
    run = click(intake)
    wait_until(lambda: is_begun(run), machines)
    killed = time.monotonic()
    for _kill in range(KILLS_A_RUN):
        time.sleep(dice.uniform(0.1, 1.0))
        if is_closed(run):
            break
        tally.kills_in_mid_create += run.outcomes.filter(state=OutcomeState.WORKING).exists()
        machines.kill_one(dice.randrange(2))
        tally.kills += 1
        killed = time.monotonic()
    wait_until(lambda: is_closed(run), machines)
    tally.closed_after.append(time.monotonic() - killed)
    tally.runs += 1
    tally.learners += LEARNERS
    assert_told(run)
    for _click in range(CLICKS):
        left = [each for each in intake.learners if refreshed(each).onefile_id is None]
        if not left:
            break
        tally.clicked_again += len(left)
        wait_until(nothing_is_quiet, machines)
        again = click(intake)
        wait_until(lambda again=again: is_closed(again), machines)
        assert_told(again)
    count_up(intake, world, before, tally)


def refreshed(row: Any) -> Any:
    row.refresh_from_db()
    return row


def an_intake(numbers: Any) -> Intake:
    """Everybody new in PICSWeb, and unknown in OneFile."""
    number = next(numbers)
    officers = [
        PICSWEB.officer(
            first_name=f"Gwen{which}", surname=f"Price{number}", email=f"o{which}.{number}@p.example"
        )
        for which in range(OFFICERS)
    ]
    employers = [PICSWEB.organisation(name=f"Mill {number}.{which}") for which in range(EMPLOYERS)]
    intake = Intake([], officers, employers, [], [])
    for which in range(LEARNERS):
        learner = PICSWEB.learner(
            onefile_id=None,
            first_name=f"Zoe{which}",
            surname=f"Bell{number}",
            email=f"l{which}.{number}@home.example",
            date_of_birth=date(2005, 1, 1 + which),
            main_officer=officers[which % OFFICERS],
        )
        PlacementFactory(learner=learner, organisation=employers[which % EMPLOYERS])
        second = officers[(which + 1) % OFFICERS]
        intake.qualifications.append(
            PICSWEB.qualification(learner, reference="196AS", assessor=second, start_date=date(2026, 9, 7))
        )
        intake.reviews.append(
            PICSWEB.review(learner, proposed_date=date(2027, 1, 11), officer=officers[which % OFFICERS])
        )
        intake.learners.append(learner)
    return intake


def click(intake: Intake) -> SyncRun:
    """Look for those who are not linked, and create whoever is ready."""
    left = [each for each in intake.learners if refreshed(each).onefile_id is None]
    if len(left) > 1:
        check = services.enrol_check(left, queued=False)
        daily.perform(check, sleep=dont_wait)
        run = services.enrolment.enrol_ready(check, queued=False)
    else:
        daily.perform(services.enrol_check(left, queued=False), sleep=dont_wait)
        plan = services.enrolment.enrolment_window(left[0]).plan
        assert plan is not None
        run = services.enrol(left[0], services.EnrolmentChoices(), plan.shown, queued=False)
    queue.enqueue(run, tasks=2)
    return run


def is_begun(run: SyncRun) -> bool:
    return run.outcomes.filter(attempts__gt=0).exists()


def nothing_is_quiet() -> bool:
    doubts = CreateIntent.objects.filter(finished_at=None).values_list("in_doubt_since", flat=True)
    return all(since is None or (timezone.now() - since).total_seconds() > LEASE for since in doubts)


def assert_told(run: SyncRun) -> None:
    """Everybody is linked, or a person is told why not."""
    outcomes = list(run.outcomes.prefetch_related("problems"))
    assert not [each for each in outcomes if each.state in (OutcomeState.QUEUED, OutcomeState.WORKING)]
    for outcome in outcomes:
        assert outcome.state in (OutcomeState.UPDATED, OutcomeState.UNCHANGED) or outcome.problems.all(), (
            outcome.state
        )


def count_up(intake: Intake, world: World, before: set[int], tally: Tally) -> None:
    new = [each for each in world.users.values() if each.id not in before]
    learners = {each.id: each for each in new if each.role == LEARNER}
    rows = [*intake.learners, *intake.officers, *intake.employers, *intake.qualifications, *intake.reviews]
    for row in rows:
        tally.lost += refreshed(row).onefile_id is None
    made = {
        "learners": len(learners) - LEARNERS,
        "assessors": sum(each.role == ASSESSOR for each in new) - OFFICERS,
        "placements": sum(each not in before for each in world.placements) - EMPLOYERS,
        "aims": sum(each not in before for each in world.aims) - LEARNERS,
        "reviews": sum(each not in before for each in world.reviews) - LEARNERS,
        "classes": len(world.classrooms) - 1,
    }
    tally.duplicates.update({what: number for what, number in made.items() if number > 0})
    assignments = Counter(
        (each.learner_id, each.user_id, each.level)
        for each in world.assignments.values()
        if each.learner_id in learners
    )
    tally.duplicates.update({"assignments": sum(times - 1 for times in assignments.values())})
    tally.duplicates = +tally.duplicates
    pks = [str(each.pk) for each in intake.learners]
    asked = CreateIntent.objects.filter(kind="assignment", ending="unsure", learner_pk__in=pks).count()
    tally.assignments_asked_of_a_person += asked
    tally.lost += max(0, LEARNERS - len(assignments) - asked)
    assert not CreateIntent.objects.filter(finished_at=None).exists()
    assert not UploadIntent.objects.filter(finished_at=None).exists()
    assert not LearnerOutcome.objects.filter(state=OutcomeState.WORKING).exists()
