"""One apprentice on both sides of the third host, and the two ways in which they are synchronised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from onefile_sync import services
from onefile_sync.models import LearnerOutcome
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from tests.conftest import dont_wait, sync

from .mapping import ACADEMY
from .models import Apprentice, Award, Coach, Sitting

SUMMER = date(2026, 7, 1)
SUMMER_AT_TEN = datetime(2026, 7, 1, 9, 0, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def host(settings: Any, db: None) -> Any:
    settings.ONEFILE_SYNC = ACADEMY
    return SimpleNamespace(name="academy", mapping=ACADEMY)


@dataclass
class Academy:
    apprentice: Apprentice
    coach: Coach
    aim: Any
    award: Award
    record: Any
    sitting: Sitting


@pytest.fixture
def academy(onefile: SandboxServer, world: World) -> Academy:
    """An apprentice with one learning aim and one review that was held, in step but for what a test changes."""
    gwen, person = world.add_assessor(), world.add_learner()
    coach = Coach.objects.create(name="Gwen Price", onefile_id=gwen.id)
    apprentice = Apprentice.objects.create(
        ident="A1", onefile_id=person.id, onefile_centre_id=person.organisation_id, coach=coach
    )
    aim = world.add_aim(person.id, registration_number="AB1", total_elements=20, elements_done=7)
    award = Award.objects.create(
        apprentice=apprentice,
        onefile_id=aim.id,
        registration_number="AB1",
        total_elements=20,
        elements_done=7,
    )
    record = world.add_review(
        person.id,
        scheduled_for=SUMMER_AT_TEN,
        created_on=LONG_AGO,
        assessor_id=gwen.id,
        started_on=SUMMER_AT_TEN,
    )
    sitting = Sitting.objects.create(
        apprentice=apprentice,
        onefile_id=record.id,
        proposed_date=SUMMER,
        proposed_time="10:00",
        attended="yes",
        actual_date=SUMMER,
        officer=coach,
    )
    return Academy(apprentice, coach, aim, award, record, sitting)


def daily() -> LearnerOutcome:
    """The daily sync of the only learner, who is read together with everyone."""
    run = services.perform(services.start_daily(new_run=True), sleep=dont_wait)
    outcome: LearnerOutcome = run.outcomes.get()
    return outcome


@pytest.fixture(params=["direct", "bulk"])
def once(request: pytest.FixtureRequest, academy: Academy) -> Callable[[], LearnerOutcome]:
    """Synchronises the apprentice once, in either of the two ways."""
    return daily if request.param == "bulk" else lambda: sync(academy.apprentice)
