"""Run by :mod:`tests.databases.test_routers`, under ``tests.databases.lagging``: reads go to a replica that lags.

PICSWeb's rows reached the replica as they were at first, and nothing did since.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.apps import apps

from onefile_sync import services
from onefile_sync.models import LearnerOutcome, OutcomeState
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from tests.academy.conftest import daily, host  # noqa: F401 - a fixture
from tests.academy.models import Apprentice, Award, Coach, Sitting
from tests.conftest import problems, sync

Once = Callable[[], LearnerOutcome]


@pytest.fixture
def apprentice(onefile: SandboxServer, world: World) -> Any:
    gwen, person = world.add_assessor(), world.add_learner()
    coach = Coach.objects.create(name="Gwen Price", onefile_id=gwen.id)
    apprentice = Apprentice.objects.create(
        ident="A1", onefile_id=person.id, onefile_centre_id=person.organisation_id, coach=coach
    )
    aim = world.add_aim(person.id, total_elements=20, elements_done=7)
    Award.objects.create(apprentice=apprentice, onefile_id=aim.id, registration_number="AB1")
    Sitting.objects.create(apprentice=apprentice, proposed_date=date(2026, 12, 1))
    for model in apps.get_app_config("academy").get_models():
        for row in model._base_manager.using("default"):
            row.save(using="replica")
    return apprentice


@pytest.fixture(params=["direct", "bulk"])
def once(request: pytest.FixtureRequest, apprentice: Any) -> Once:
    return daily if request.param == "bulk" else lambda: sync(apprentice)


def test_a_review_is_uploaded_once(once: Once, world: World) -> None:
    states = [once().state for _night in range(3)]

    assert len(world.reviews) == 1
    assert states == [OutcomeState.UPDATED, OutcomeState.UNCHANGED, OutcomeState.UNCHANGED]


def test_what_a_clerk_entered_a_moment_ago_is_compared(once: Once, world: World) -> None:
    once()
    Award.objects.using("default").update(registration_number="", elements_done=3)

    outcome = once()

    assert problems(outcome) == []
    assert Award.objects.using("default").get().elements_done == 7
    assert Award.objects.using("replica").get().elements_done is None


def test_a_learner_who_lost_the_onefile_id_is_left_out(apprentice: Any, world: World) -> None:
    run = services.refresh_now([apprentice])
    Apprentice.objects.using("default").update(onefile_id=None)

    services.perform(run)

    assert problems(run.outcomes.get()) == ["learner_left"]
    assert world.writes == 0


def test_a_second_click_leads_to_the_run_that_is_there(apprentice: Any) -> None:
    assert services.refresh(learners := [apprentice]) == services.refresh(learners)


def test_the_schedule_is_installed_once() -> None:
    services.install_schedules()

    assert not services.install_schedules().created
