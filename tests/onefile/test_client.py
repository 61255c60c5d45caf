"""What each operation sends, what it makes of the answer, and that every search ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from werkzeug import Response

from onefile_sync.onefile.centre_records import PLACEMENT_NAMES, STANDARD_NAMES, USER_NAMES
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.errors import Scope
from onefile_sync.onefile.records import Centre, Customer, LearningAim, Person, SearchPage, User
from onefile_sync.onefile.transport import Transport

from .aims import aim_fields
from .wire import NOTHING, OPERATIONS, Exchange, failure_of

LONDON = ZoneInfo("Europe/London")


def create_visit(onefile: OneFile, assessor_id: int | None = 12) -> int:
    return onefile.create_visit(
        learner_id=41,
        centre_id=5740,
        start=datetime(2026, 6, 15, 9, tzinfo=LONDON),
        end=datetime(2026, 6, 15, 10, tzinfo=LONDON),
        visit_type=2,
        assessor_id=assessor_id,
        about_to_send=lambda: None,
    )


def create_review(onefile: OneFile, assessor_id: int | None = 12) -> int:
    return onefile.create_review(
        learner_id=41,
        centre_id=5740,
        visit_id=77,
        scheduled_for=datetime(2026, 1, 15, 9, tzinfo=LONDON),
        assessor_id=assessor_id,
        about_to_send=lambda: None,
    )


# The operations


def test_only_creates_are_not_repeatable() -> None:
    assert [each.name for each in OPERATIONS if not each.repeatable] == [
        "create visit",
        "create review",
        "create user",
        "create placement",
        "create classroom",
        "assign standard",
        "assign user",
    ]


def test_customer(onefile: OneFile, exchange: Exchange) -> None:
    exchange.will_answer({"ID": 2070, "Name": "Example Beta Customer"})
    assert onefile.customer() == Customer(2070, "Example Beta Customer")
    assert exchange.asked == [("GET", "/Customer", None)]


def test_centres(onefile: OneFile, exchange: Exchange) -> None:
    exchange.will_answer([{"ID": 5740, "Name": "Business"}, {"ID": 5741, "Name": "Care"}], NOTHING)
    assert onefile.centres(2070).records == (Centre(5740, "Business"), Centre(5741, "Care"))
    assert exchange.asked[0] == ("POST", "/Organisation/Search/1/3", {"CustomerID": 2070})


def test_user(onefile: OneFile, exchange: Exchange) -> None:
    exchange.will_answer({"ID": 41, "FirstName": "Zoë", "OrganisationID": 5740, "Role": 1})
    assert onefile.user(41) == User(41, 5740, 1, "Zoë")
    assert exchange.asked == [("GET", "/User/41", None)]


def test_person(onefile: OneFile, exchange: Exchange) -> None:
    exchange.will_answer({"ID": 41, "FirstName": "Zoë", "ULN": "1234567890"})
    read = onefile.person(41)
    assert (read.first_name, read.uln, read.silent) == ("Zoë", "1234567890", frozenset())
    assert exchange.asked == [("GET", "/User/41", None)]


def test_people_are_searched_by_the_filters_that_are_given(onefile: OneFile, exchange: Exchange) -> None:
    exchange.will_answer([{"ID": 41}, {"ID": 42}], [{"ID": 42}, None], NOTHING)
    found = onefile.people(centre_id=5740, role=1, mis_value="10041", email="")
    assert [(person.id, "uln" in person.silent) for person in found.records] == [(41, True), (42, True)]
    body = {"OrganisationID": 5740, "Role": 1, "MISID": "10041"}
    assert exchange.asked == [("POST", f"/User/Search/{number}/3", body) for number in (1, 2)]


def test_people_are_searched_by_name_and_email(onefile: OneFile, exchange: Exchange) -> None:
    exchange.will_answer(NOTHING)
    onefile.people(email="a@b.example", first_name="Zoë", last_name="Quill")
    assert exchange.asked[0][2] == {"Email": "a@b.example", "FirstName": "Zoë", "LastName": "Quill"}


@pytest.mark.parametrize(
    ("page", "path", "body"),
    [
        (
            lambda api: api.page_of_people(2, centre_id=5740, role=5),
            "User",
            {"OrganisationID": 5740, "Role": 5},
        ),
        (lambda api: api.page_of_people(2, centre_id=None, role=None), "User", {}),
        (lambda api: api.page_of_placements(2, 5740), "Placement", {"OrganisationID": 5740}),
        (lambda api: api.page_of_classrooms(2, 5740), "Classroom", {"OrganisationID": 5740}),
        (lambda api: api.page_of_standards(2, 5740), "Standard", {"OrganisationID": 5740}),
        (lambda api: api.page_of_standards(2, None), "Standard", {}),
    ],
    ids=["people", "everybody", "placements", "classrooms", "standards", "all standards"],
)
def test_one_page_of_what_a_centre_has(
    onefile: OneFile,
    exchange: Exchange,
    page: Callable[[OneFile], SearchPage[Person]],
    path: str,
    body: dict[str, int],
) -> None:
    exchange.will_answer([{"ID": 7}, {"Name": "x"}])
    found = page(onefile)
    assert ([record.id for record in found.records], found.unreadable_items, found.items) == ([7], 1, 2)
    assert exchange.asked == [("POST", f"/{path}/Search/2/3", body)]


def test_the_names_of_what_a_centre_has_are_configuration(transport: Transport, exchange: Exchange) -> None:
    onefile = OneFile(
        transport,
        user_names={**USER_NAMES, "mis_value": "ExternalID"},
        placement_names={**PLACEMENT_NAMES, "name": "Employer"},
        standard_names={**STANDARD_NAMES, "code": "Code"},
        archived_property="Gone",
        archived_roles=[7],
    )
    exchange.will_answer(
        {"ID": 41, "ExternalID": "X1", "Gone": True},
        {"ID": 42, "Role": 7},
        NOTHING,
        [{"ID": 9, "Employer": "Mill"}],
        [{"ID": 9, "Name": "Autumn"}],
        [{"ID": 5, "Code": "196AS"}],
    )
    first, second = onefile.person(41), onefile.person(42)
    assert (first.mis_value, first.archived, second.archived) == ("X1", True, True)
    onefile.people(mis_value="X1")
    assert exchange.asked[-1][2] == {"ExternalID": "X1"}
    assert onefile.page_of_placements(1, None).records[0].name == "Mill"
    assert onefile.page_of_classrooms(1, None).records[0].name == "Autumn"
    assert onefile.page_of_standards(1, None).records[0].code == "196AS"


def test_learning_aims_may_come_thin_and_are_read_one_by_one(onefile: OneFile, exchange: Exchange) -> None:
    thin = {"ID": 7001, "StandardID": 5, "UserID": 41, "Status": 0}
    exchange.will_answer([thin], thin | {"TotalElements": 20})
    (listed,) = onefile.learning_aims(41, wanted=[7001]).records
    assert not listed.complete
    aim = onefile.learning_aim(listed.id)
    assert aim.complete
    assert aim.values["total_elements"] == 20
    assert exchange.asked == [
        ("POST", "/LearningAim/Search/1/3", {"UserID": 41}),
        ("GET", "/LearningAim/7001", None),
    ]


@pytest.mark.parametrize(
    ("centre_id", "body"),
    [(5740, {"LearnerID": 41, "OrganisationID": 5740}), (None, {"LearnerID": 41})],
)
def test_reviews(onefile: OneFile, exchange: Exchange, centre_id: int | None, body: dict[str, int]) -> None:
    exchange.will_answer(
        [{"ID": 9001, "ScheduledFor": "2026-06-15T08:00:00Z"}], NOTHING, {"ID": 9001, "LearnerID": 41}
    )
    (listed,) = onefile.reviews(41, centre_id).records
    assert listed.scheduled_for == datetime(2026, 6, 15, 8, tzinfo=UTC)
    assert not listed.complete
    assert onefile.review(9001).complete
    assert exchange.asked == [
        ("POST", "/Review/Search/1/3", body),
        ("POST", "/Review/Search/2/3", body),
        ("GET", "/Review/9001", None),
    ]


AIM = {
    "ID": 7001,
    "UserID": 41,
    "Status": 0,
    "Progress": 40,
    "StartDate": "2025-09-01T00:00:00Z",
    "PlannedEnd": "2027-08-31T23:00:00Z",
    "RegistrationNumber": "REG1",
    "RegistrationDate": "2025-09-30T23:00:00Z",
    "CertificateAppliedDate": None,
    "CertificateReceivedDate": "",
}


@pytest.mark.parametrize("answer", [NOTHING, Response(status=200), Response("7001"), Response("Saved"), AIM])
def test_an_update_sends_what_is_new_and_all_else_as_it_was_read(
    onefile: OneFile, exchange: Exchange, answer: object
) -> None:
    exchange.will_answer(AIM, answer)
    aim = onefile.learning_aim(7001)
    onefile.update_learning_aim(aim, registration_number="REG2", certificate_applied_date=date(2026, 6, 15))
    assert exchange.asked[1] == (
        "POST",
        "/LearningAim/7001",
        {
            "ID": 7001,
            "UserID": 41,
            "Status": 0,
            "StartDate": "2025-09-01T00:00:00Z",
            "PlannedEnd": "2027-08-31T23:00:00Z",
            "RegistrationNumber": "REG2",
            "RegistrationDate": "2025-10-01T00:00:00.000Z",
            "CertificateAppliedDate": "2026-06-15T00:00:00.000Z",
        },
    )


def test_an_update_uses_the_configured_names_and_keeps_what_could_not_be_read(
    transport: Transport, exchange: Exchange
) -> None:
    onefile = OneFile(transport, aim_fields(certificate_received_date="CertificateRecievedDate"))
    exchange.will_answer({"ID": 7001, "RegistrationDate": "soon"}, NOTHING)
    aim = onefile.learning_aim(7001)
    onefile.update_learning_aim(aim, certificate_received_date=date(2026, 6, 15))
    assert exchange.asked[1][2] == {
        "ID": 7001,
        "RegistrationDate": "soon",
        "CertificateRecievedDate": "2026-06-15T00:00:00.000Z",
    }


def test_an_update_never_sends_a_blank(onefile: OneFile, exchange: Exchange) -> None:
    exchange.will_answer(NOTHING)
    onefile.update_learning_aim(
        LearningAim(7001, values={"registration_number": "REG1"}), registration_number=""
    )
    assert exchange.asked[0][2] == {"ID": 7001, "RegistrationNumber": "REG1"}


@pytest.mark.parametrize(
    "values",
    [
        {"total_elements": "5"},
        {"RegistrationNumber": "x"},
        {"registration_date": datetime(2026, 6, 15, tzinfo=UTC)},
    ],
)
def test_an_update_sets_writable_values_only(onefile: OneFile, exchange: Exchange, values) -> None:
    with pytest.raises(TypeError):
        onefile.update_learning_aim(LearningAim(7001), **values)
    assert exchange.asked == []


def test_create_visit(onefile: OneFile, exchange: Exchange) -> None:
    exchange.will_answer(77)
    assert create_visit(onefile) == 77
    assert exchange.asked == [
        (
            "POST",
            "/Visit",
            {
                "LearnerID": 41,
                "OrganisationID": 5740,
                "DateFrom": "2026-06-15T08:00:00.000Z",
                "DateTo": "2026-06-15T09:00:00.000Z",
                "VisitTypeID": 2,
                "SMSReminder": False,
                "AssessorID": 12,
            },
        )
    ]


def test_create_review(onefile: OneFile, exchange: Exchange) -> None:
    exchange.will_answer({"ID": 1000001})
    assert create_review(onefile) == 1000001
    assert exchange.asked == [
        (
            "POST",
            "/Review",
            {
                "LearnerID": 41,
                "OrganisationID": 5740,
                "Status": 1,
                "ScheduledFor": "2026-01-15T09:00:00.000Z",
                "VisitID": 77,
                "AssessorID": 12,
            },
        )
    ]


@pytest.mark.parametrize("create", [create_visit, create_review])
def test_without_an_assessor_none_is_sent(onefile: OneFile, exchange: Exchange, create) -> None:
    exchange.will_answer("1000001")
    assert create(onefile, assessor_id=None) == 1000001
    body = exchange.asked[0][2]
    assert isinstance(body, dict)
    assert "AssessorID" not in body


# Answers that make no sense


@pytest.mark.parametrize("create", [create_visit, create_review])
@pytest.mark.parametrize(
    "answer", [NOTHING, 0, -5, 1.5, True, None, "created", [], [5], {}, {"ID": 0}, {"Name": "x"}]
)
def test_a_create_without_an_id_in_its_answer_is_unsure(
    onefile: OneFile, exchange: Exchange, create, answer: object
) -> None:
    exchange.will_answer(answer)
    error = failure_of(lambda: create(onefile))
    assert (error.code, error.unsure, error.scope) == ("bad_answer", True, Scope.ITEM)
    assert len(exchange.asked) == 1


@pytest.mark.parametrize("read", [OneFile.user, OneFile.person, OneFile.learning_aim, OneFile.review])
@pytest.mark.parametrize(
    "answer", [{"ID": 42}, {"Name": "x"}, {"ID": None}, {}, [], [{"ID": 41}], "41", 41, Response()]
)
def test_a_record_without_the_id_asked_for_is_a_bad_answer(
    onefile: OneFile, exchange: Exchange, read, answer: object
) -> None:
    exchange.will_answer(answer)
    error = failure_of(lambda: read(onefile, 41))
    assert (error.code, error.unsure, error.scope) == ("bad_answer", False, Scope.ITEM)


@pytest.mark.parametrize("answer", [[], "x", {"Name": "x"}, Response()])
def test_a_customer_without_an_id_is_a_bad_answer(
    onefile: OneFile, exchange: Exchange, answer: object
) -> None:
    exchange.will_answer(answer)
    assert failure_of(onefile.customer).code == "bad_answer"


@pytest.mark.parametrize("read", [OneFile.user, OneFile.person, OneFile.learning_aim, OneFile.review])
@pytest.mark.parametrize("status", [404, 400, 204, 410])
def test_an_unknown_id_is_not_found(onefile: OneFile, exchange: Exchange, read, status: int) -> None:
    exchange.will_answer(Response(status=status))
    assert failure_of(lambda: read(onefile, 41)).code == "not_found"


@pytest.mark.parametrize("answer", [{"ID": 5}, {"Items": []}, 5, "x", True])
def test_a_search_that_answers_with_no_list_is_a_bad_answer(
    onefile: OneFile, exchange: Exchange, answer: object
) -> None:
    exchange.will_answer(answer)
    error = failure_of(lambda: onefile.reviews(41, 5740))
    assert (error.code, error.operation, error.unsure) == ("bad_answer", "search reviews", False)
