"""Updating learning aims, creating visits and reviews."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from onefile_sync.sandbox.entities import SandboxAim, SandboxUser
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World

from .conftest import NOON, Client

Serve = Callable[..., Client]


def test_an_update_changes_what_was_sent_and_nothing_else(
    onefile: Client, world: World, aim: SandboxAim
) -> None:
    aim.certificate_applied_date = date(2026, 1, 5)
    answer = onefile.post(
        f"/LearningAim/{aim.id}",
        {
            "ID": aim.id,
            "userid": aim.user_id,
            "RegistrationDate": "2026-05-31T23:00:00.000Z",
            "ElementsDone": 1,
        },
    )
    assert (answer.status_code, answer.content) == (204, b"")
    assert aim.registration_date == datetime(2026, 5, 31, 23, tzinfo=UTC)
    assert (aim.registration_number, aim.certificate_applied_date) == ("CG123", date(2026, 1, 5))
    assert aim.elements_done == 10
    assert world.writes == 1


def test_an_update_can_blank_what_was_not_sent(serve: Serve, aim: SandboxAim) -> None:
    aim.registration_date, aim.status = date(2026, 1, 5), 3
    onefile = serve(switches=Switches(update_mode="replace"))
    onefile.post(f"/LearningAim/{aim.id}", {"RegistrationNumber": "PN9"})
    assert (aim.registration_number, aim.registration_date, aim.status) == ("PN9", None, 0)


def test_a_null_blanks_a_value(onefile: Client, aim: SandboxAim) -> None:
    onefile.post(f"/LearningAim/{aim.id}", {"RegistrationNumber": None, "Status": 2})
    assert (aim.registration_number, aim.status) == ("", 2)


def test_an_update_can_answer_with_the_learning_aim(serve: Serve, aim: SandboxAim) -> None:
    onefile = serve(switches=Switches(update_answer="object"))
    answer = onefile.post(f"/LearningAim/{aim.id}", {"RegistrationNumber": "PN9"})
    assert (answer.status_code, answer.json()["RegistrationNumber"]) == (200, "PN9")


@pytest.mark.parametrize(
    "wrong",
    [
        {"ID": 1},
        {"UserID": 1},
        {"RegistrationDate": "31/05/2026"},
        {"RegistrationDate": "0001-01-01T00:00:00Z"},
        {"RegistrationNumber": "9" * 256},
        {"Status": "open"},
        {"Status": True},
        {"RegistrationNumber": ["9"]},
        {"RegistrationNumber": False},
        {"RegistrationDate": 20260531},
        {"RegistrationDate": "9999-12-31T23:30:00-01:00"},
        {"RegistrationNumber": "CG\ud800"},  # half a character: no answer could give it back
    ],
)
def test_an_update_that_makes_no_sense_changes_nothing(
    onefile: Client, world: World, aim: SandboxAim, wrong: dict[str, object]
) -> None:
    answer = onefile.post(f"/LearningAim/{aim.id}", {"CertificateAppliedDate": "2026-05-01"} | wrong)
    assert answer.status_code == 400
    assert set(answer.json()) == {"code", "message"}
    assert aim.certificate_applied_date is None
    assert world.writes == 0


def test_an_unknown_learning_aim_is_not_updated(onefile: Client) -> None:
    assert onefile.post("/LearningAim/1", {}).status_code == 404


# Visits and reviews


@pytest.fixture
def visit(learner: SandboxUser, assessor: SandboxUser) -> dict[str, object]:
    return {
        "LearnerID": learner.id,
        "OrganisationID": 5740,
        "DateFrom": "2026-06-01T09:00:00.000Z",
        "DateTo": "2026-06-01T10:00:00.000Z",
        "VisitTypeID": 2,
        "SMSReminder": False,
        "AssessorID": assessor.id,
    }


@pytest.fixture
def review_to_create(learner: SandboxUser, assessor: SandboxUser) -> dict[str, object]:
    return {
        "LearnerID": learner.id,
        "Status": 1,
        "ScheduledFor": "2026-06-01T09:00:00.000Z",
        "AssessorID": assessor.id,
    }


def test_a_visit_and_then_a_review_answer_with_bare_numbers(
    onefile: Client,
    world: World,
    learner: SandboxUser,
    assessor: SandboxUser,
    visit: dict[str, object],
    review_to_create: dict[str, object],
) -> None:
    visit_id = onefile.post("/Visit", visit).json()
    made_visit = world.visits[visit_id]
    assert (made_visit.visit_type_id, made_visit.assessor_id) == (2, assessor.id)
    assert made_visit.date_to == datetime(2026, 6, 1, 10, tzinfo=UTC)
    answer = onefile.post("/Review", review_to_create | {"VisitID": visit_id})
    assert answer.text.isdigit()
    review = world.reviews[answer.json()]
    assert (review.learner_id, review.visit_id, review.assessor_id) == (learner.id, visit_id, assessor.id)
    assert (review.scheduled_for, review.created_on) == (datetime(2026, 6, 1, 9, tzinfo=UTC), NOON)
    assert world.writes == 2


def test_creates_can_answer_with_an_object(
    serve: Serve, world: World, review_to_create: dict[str, object]
) -> None:
    onefile = serve(switches=Switches(create_answer="object"))
    answer = onefile.post("/Review", review_to_create)
    assert answer.json() == {"ID": next(iter(world.reviews))}


def test_creating_twice_gives_two_reviews(
    onefile: Client, world: World, review_to_create: dict[str, object]
) -> None:
    numbers = [onefile.post("/Review", review_to_create).json() for _ in range(2)]
    assert sorted(world.reviews) == sorted(set(numbers))
    assert len(set(numbers)) == 2


def test_a_review_may_need_a_visit(serve: Serve, review_to_create: dict[str, object]) -> None:
    onefile = serve(switches=Switches(visit_id="required"))
    assert onefile.post("/Review", review_to_create).status_code == 400


def test_the_assessor_is_optional(onefile: Client, world: World, review_to_create: dict[str, object]) -> None:
    del review_to_create["AssessorID"], review_to_create["Status"]
    review = world.reviews[onefile.post("/Review", review_to_create).json()]
    assert (review.assessor_id, review.status) == (None, 1)


def test_an_unknown_centre_is_refused_with_its_code(
    onefile: Client, world: World, visit: dict[str, object]
) -> None:
    answer = onefile.post("/Visit", visit | {"OrganisationID": 1})
    assert (answer.status_code, answer.json()["code"]) == (400, -11)
    assert (world.visits, world.writes) == ({}, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"LearnerID": None},
        {"LearnerID": 1},
        {"OrganisationID": None},
        {"DateFrom": None},
        {"DateTo": "2026-06-01T09:00:00.000Z"},
        {"AssessorID": 1},
        {"LearnerID": {"ID": 1}},
        {"DateFrom": "0001-01-01T00:00:00+01:00"},
        {"DateTo": "9999-12-31T23:30:00-01:00"},
    ],
)
def test_a_visit_that_makes_no_sense_is_not_made(
    onefile: Client, world: World, visit: dict[str, object], wrong: dict[str, object]
) -> None:
    assert onefile.post("/Visit", visit | wrong).status_code == 400
    assert world.visits == {}


def test_a_visit_belongs_to_the_learners_own_centre(
    onefile: Client, world: World, visit: dict[str, object]
) -> None:
    elsewhere = world.add_centre()
    assert onefile.post("/Visit", visit | {"OrganisationID": elsewhere.id}).status_code == 400


def test_a_learner_is_no_assessor(
    onefile: Client,
    world: World,
    learner: SandboxUser,
    assessor: SandboxUser,
    review_to_create: dict[str, object],
) -> None:
    assert onefile.post("/Review", review_to_create | {"AssessorID": learner.id}).status_code == 400
    assert onefile.post("/Review", review_to_create | {"LearnerID": assessor.id}).status_code == 400


def test_a_review_with_a_visit_of_another_learner_is_refused(
    onefile: Client, world: World, visit: dict[str, object], review_to_create: dict[str, object]
) -> None:
    visit_id = onefile.post("/Visit", visit | {"LearnerID": world.add_learner().id}).json()
    assert onefile.post("/Review", review_to_create | {"VisitID": visit_id}).status_code == 400
    assert onefile.post("/Review", review_to_create | {"VisitID": 1}).status_code == 400
    assert onefile.post("/Review", review_to_create | {"ScheduledFor": ""}).status_code == 400
    assert world.reviews == {}


def test_new_ids_go_on_after_those_that_were_given(world: World, learner: SandboxUser) -> None:
    world.add_review(learner.id, id=2_000_000)
    assert world.add_review(learner.id).id == 2_000_001
