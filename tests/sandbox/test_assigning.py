"""Assigning standards, framework templates and assessors to learners."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from onefile_sync.sandbox.entities import (
    ASSESSOR,
    EMPLOYER,
    LEARNER,
    OBSERVER,
    QUALITY_ASSURER,
    TRAINEE_ASSESSOR,
    SandboxStandard,
    SandboxUser,
)
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World

from .conftest import Client, Clock

Serve = Callable[..., Client]


@pytest.fixture
def standard(world: World) -> SandboxStandard:
    return world.add_standard()


def aims_found(onefile: Client, learner: SandboxUser) -> list[dict[str, object]]:
    answer = onefile.post("/LearningAim/Search", {"UserID": learner.id})
    return answer.json() if answer.status_code == 200 else []


# Standards


def test_a_standard_becomes_a_learning_aim_without_elements(
    onefile: Client, world: World, learner: SandboxUser, standard: SandboxStandard
) -> None:
    answer = onefile.post(f"/Standard/{standard.id}/Assign/{learner.id}")
    assert (answer.status_code, answer.text) == (200, str(next(iter(world.aims))))
    expected = {"ID": answer.json(), "StandardID": standard.id, "UserID": learner.id, "Status": 0}
    assert aims_found(onefile, learner) == [expected]
    assert onefile.get(f"/LearningAim/{answer.json()}").json() == expected
    assert world.aims[answer.json()].title == "Business Administrator [196AS]"
    assert world.writes == 1


def test_the_new_learning_aim_can_answer_in_an_object(
    serve: Serve, learner: SandboxUser, standard: SandboxStandard
) -> None:
    onefile = serve(switches=Switches(create_answer="object"))
    answer = onefile.post(f"/Standard/{standard.id}/Assign/{learner.id}").json()
    assert answer == {"ID": aims_found(onefile, learner)[0]["ID"]}


def test_new_learning_aims_take_dates(
    onefile: Client, learner: SandboxUser, standard: SandboxStandard
) -> None:
    aim = onefile.post(f"/Standard/{standard.id}/Assign/{learner.id}").json()
    dates = {"StartDate": "2026-06-01T00:00:00Z", "PlannedEnd": "2027-06-01T00:00:00Z"}
    assert onefile.post(f"/LearningAim/{aim}", {"ID": aim, "UserID": learner.id, **dates}).status_code == 204
    assert dates.items() <= onefile.get(f"/LearningAim/{aim}").json().items()


@pytest.mark.parametrize(
    ("standard_again", "status", "aims"), [("same aim", 200, 1), ("second aim", 200, 2), ("refused", 400, 1)]
)
def test_a_standard_that_is_assigned_again(
    serve: Serve,
    world: World,
    learner: SandboxUser,
    standard: SandboxStandard,
    standard_again: str,
    status: int,
    aims: int,
) -> None:
    onefile = serve(switches=Switches(standard_again=standard_again))
    path = f"/Standard/{standard.id}/Assign/{learner.id}"
    first, again = onefile.post(path), onefile.post(path)
    assert (first.status_code, again.status_code) == (200, status)
    assert len(aims_found(onefile, learner)) == aims
    assert world.writes == aims
    assert (again.json() == first.json()) == (standard_again == "same aim")


def test_unknown_standards_and_learners_are_not_assigned(
    onefile: Client, world: World, learner: SandboxUser, assessor: SandboxUser, standard: SandboxStandard
) -> None:
    elsewhere = world.add_standard(organisation_ids=(world.add_centre().id,))
    for standard_id, user_id, status in (
        (1, learner.id, 404),
        (standard.id, 1, 404),
        (standard.id, assessor.id, 400),
        (elsewhere.id, learner.id, 400),
    ):
        assert onefile.post(f"/Standard/{standard_id}/Assign/{user_id}").status_code == status
    assert world.aims == {}


def test_new_learning_aims_are_found_late_by_searches_that_lag(
    serve: Serve, clock: Clock, learner: SandboxUser, standard: SandboxStandard
) -> None:
    onefile = serve(switches=Switches(search_lag=20))
    aim = onefile.post(f"/Standard/{standard.id}/Assign/{learner.id}").json()
    assert onefile.get(f"/LearningAim/{aim}").status_code == 200
    assert aims_found(onefile, learner) == []
    clock.advance(seconds=20)
    assert [found["ID"] for found in aims_found(onefile, learner)] == [aim]


# Framework templates


def test_templates_are_found_by_centre(onefile: Client, world: World, standard: SandboxStandard) -> None:
    elsewhere = world.add_centre()
    template = world.add_template(title="Admin", standard_ids=(standard.id,))
    world.add_template(organisation_id=elsewhere.id)
    answer = onefile.post("/FrameworkTemplate/Search", {"OrganisationID": 5740}).json()
    assert answer == [{"ID": template.id, "Title": "Admin"}]
    assert len(onefile.post("/FrameworkTemplate/Search/1/10", {}).json()) == 2


def test_a_template_replaces_all_learning_aims(
    onefile: Client, world: World, learner: SandboxUser, standard: SandboxStandard
) -> None:
    template = world.add_template(standard_ids=(standard.id,))
    lost = world.add_aim(learner.id, elements_done=10)
    path = f"/FrameworkTemplate/{template.id}/Assign/{learner.id}"
    assert onefile.post(f"{path}/true").status_code == 204
    assert list(world.aims) == [lost.id]
    answer = onefile.post(f"{path}/False")
    assert (answer.status_code, answer.content) == (204, b"")
    assert [aim["StandardID"] for aim in aims_found(onefile, learner)] == [standard.id]
    assert lost.id not in world.aims


def test_unknown_templates_are_not_assigned(
    onefile: Client, world: World, learner: SandboxUser, assessor: SandboxUser
) -> None:
    template = world.add_template()
    elsewhere = world.add_template(organisation_id=world.add_centre().id)
    for template_id, user_id, status in (
        (1, learner.id, 404),
        (template.id, assessor.id, 400),
        (elsewhere.id, learner.id, 400),
    ):
        path = f"/FrameworkTemplate/{template_id}/Assign/{user_id}/false"
        assert onefile.post(path).status_code == status


# Assessors


@pytest.mark.parametrize("form", [False, True])
def test_an_assessor_of_one_learning_aim(
    onefile: Client,
    world: World,
    learner: SandboxUser,
    assessor: SandboxUser,
    standard: SandboxStandard,
    form: bool,
) -> None:
    world.add_aim(learner.id, standard_id=standard.id)
    body = {"learnerID": learner.id, "LEVEL": 3, "StandardID": standard.id}
    answer = onefile.post(f"/User/{assessor.id}/Assign", **({"data": body} if form else {"json": body}))
    assert (answer.status_code, answer.content) == (204, b"")
    (assignment,) = world.assignments_of(learner.id)
    assert (assignment.user_id, assignment.level, assignment.standard_id) == (assessor.id, 3, standard.id)
    assert world.writes == 1


def test_assigning_twice_gives_two_assignments(
    onefile: Client, world: World, learner: SandboxUser, assessor: SandboxUser
) -> None:
    for _ in range(2):
        onefile.post(f"/User/{assessor.id}/Assign", {"LearnerID": learner.id, "Level": 1})
    assert len(world.assignments_of(learner.id)) == 2


@pytest.mark.parametrize(
    ("role", "levels"),
    [
        (ASSESSOR, {1, 2, 3}),
        (TRAINEE_ASSESSOR, {1, 2, 3}),
        (QUALITY_ASSURER, {1, 2, 3}),
        (EMPLOYER, {1}),
        (OBSERVER, {1}),
        (LEARNER, set()),
    ],
)
def test_who_can_be_assigned_at_which_level(
    onefile: Client,
    world: World,
    learner: SandboxUser,
    standard: SandboxStandard,
    role: int,
    levels: set[int],
) -> None:
    world.add_aim(learner.id, standard_id=standard.id)
    user = world.add_learner(role=role)
    body = {"LearnerID": learner.id, "StandardID": standard.id, "UnitID": "KS_COMM1"}
    taken = {
        level
        for level in (1, 2, 3)
        if onefile.post(f"/User/{user.id}/Assign", body | {"Level": level}).status_code == 204
    }
    assert taken == levels == {each.level for each in world.assignments_of(learner.id)}


@pytest.mark.parametrize(
    "wrong",
    [
        {"LearnerID": None},
        {"LearnerID": 1},
        {"Level": None},
        {"Level": 4},
        {"Level": 3},
        {"Level": 3, "StandardID": 1},
        {"Level": 2},
        {"Level": "main"},
    ],
)
def test_an_assignment_that_makes_no_sense_is_refused(
    onefile: Client, world: World, learner: SandboxUser, assessor: SandboxUser, wrong: dict[str, object]
) -> None:
    body = {"LearnerID": learner.id, "Level": 1} | wrong
    assert onefile.post(f"/User/{assessor.id}/Assign", body).status_code == 400
    assert world.assignments == {}


def test_nobody_is_assigned_across_centres(onefile: Client, world: World, learner: SandboxUser) -> None:
    stranger = world.add_assessor(organisation_id=world.add_centre().id)
    body = {"LearnerID": learner.id, "Level": 1}
    assert onefile.post(f"/User/{stranger.id}/Assign", body).status_code == 400
    assert onefile.post("/User/1/Assign", body).status_code == 404


@pytest.mark.parametrize("assign_path", ["assessor", "learner"])
def test_whose_id_is_in_the_address(
    serve: Serve, world: World, learner: SandboxUser, assessor: SandboxUser, assign_path: str
) -> None:
    onefile = serve(switches=Switches(assign_path=assign_path))
    ours = onefile.post(f"/User/{assessor.id}/Assign", {"LearnerID": learner.id, "Level": 1})
    theirs = onefile.post(f"/User/{learner.id}/Assign", {"LearnerID": assessor.id, "Level": 1})
    statuses = [ours.status_code, theirs.status_code]
    assert statuses == ([204, 400] if assign_path == "assessor" else [400, 204])
    (assignment,) = world.assignments.values()
    assert (assignment.learner_id, assignment.user_id) == (learner.id, assessor.id)
