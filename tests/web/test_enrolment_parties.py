"""People, employer and centre in the window *Create Learner in OneFile*."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from example_project.picsweb.models import Learner, Officer
from onefile_sync.enrolment.centre_directory import NEEDED
from onefile_sync.linking import directory
from onefile_sync.models import OneFileSettings
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from tests.enrolment.conftest import NewLearner, add_qualification, perform
from tests.staff_fixtures import words

from .test_enrolment_window import Form, looked_for, window_of

pytestmark = [
    pytest.mark.parametrize("host", ["picsweb"], indirect=True),
    pytest.mark.usefixtures("defaults_chosen"),
]


@pytest.fixture
def office(staff: Callable[..., User], browser: Callable[..., Any]) -> Any:
    return browser(staff("enrol_learner", "link_records", "change_learner", "change_officer"))


@pytest.fixture
def learner(new_learner: NewLearner) -> Learner:
    return new_learner()


def read_lists() -> None:
    perform(directory.start_reading(NEEDED, queued=False))


def test_an_officer_who_may_be_in_onefile_is_shown_and_a_person_decides(
    office: Any, learner: Learner, world: World
) -> None:
    alike = world.add_assessor(first_name="Ola", last_name="Reed", email="o.reed@elsewhere.example")
    read_lists()

    asked = words(looked_for(office, learner))
    answered = words(
        office.post(
            window_of(learner),
            {
                **Form(office.get(window_of(learner))).values,
                "action": "show",
                "create": f"assessor:{Officer.objects.get().pk}",
            },
        )
    )

    assert "Potential match: look up first" in asked
    assert f"OneFile ID {alike.id}" in asked
    assert "Will be created in OneFile" in answered


def test_one_with_the_same_mis_value_will_be_linked(office: Any, learner: Learner, world: World) -> None:
    same = world.add_assessor(first_name="O", last_name="R", email="o@r.example", misid="OFF9")
    read_lists()

    page = words(looked_for(office, learner))

    assert f"Same MIS Value: will be linked (OneFile ID {same.id})" in page


def test_one_who_is_linked_says_so_and_an_archived_one_cannot_be_used(
    office: Any, learner: Learner, world: World
) -> None:
    user = world.add_assessor(first_name="Ola", last_name="Reed", email="o@r.example")
    Officer.objects.update(onefile_id=user.id)
    read_lists()

    linked = words(looked_for(office, learner))
    user.archived = True
    read_lists()
    archived = words(looked_for(office, learner))

    assert f"Linked (OneFile ID {user.id})" in linked
    assert "archived" in archived


def test_nobody_is_created_along_if_the_settings_say_so(office: Any, learner: Learner) -> None:
    OneFileSettings.objects.update(create_missing="never")

    page = words(looked_for(office, learner))

    assert "is not in OneFile, and the settings say that nobody is created along with learners" in page


def test_a_learner_without_an_employer_gets_the_centres_default(office: Any, learner: Learner) -> None:
    learner.placements.all().delete()

    assert "default (OneFile ID" in words(looked_for(office, learner))


def test_an_additional_assessor_and_the_assessor_of_an_aim_have_their_roles(
    office: Any, learner: Learner, world: World
) -> None:
    world.add_standard(title="Welding", code="196AS", organisation_ids=[world.centre_id])
    read_lists()
    colleague = Officer.objects.create(ident="OFF8", first_name="Bo", surname="Lund", email="bo@p.example")
    add_qualification(learner, "196AS", assessor=colleague)

    page = words(looked_for(office, learner))

    assert "Assessor of 196AS" in page
    assert "Bo Lund" in page


def test_of_several_centres_one_is_chosen_and_only_its_standards_count(
    office: Any, learner: Learner, world: World, onefile: SandboxServer
) -> None:
    york = world.add_centre(name="York")
    world.add_standard(title="Welding", code="196AS", organisation_ids=[york.id])
    add_qualification(learner, "196AS")
    read_lists()

    undecided = words(looked_for(office, learner))
    here = words(
        office.post(
            window_of(learner),
            {
                **Form(office.get(window_of(learner))).values,
                "action": "show",
                "centre": world.centre_id,
            },
        )
    )

    assert "York" in undecided
    assert "In another centre only: York" in here
