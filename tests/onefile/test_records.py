"""Lenient in, exact inside: records from whatever JSON comes, and that nothing at all raises."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefile_sync.onefile import parsing
from onefile_sync.onefile.records import Centre, Customer, LearningAim, Review, User

from .aims import BLANK, aim_fields

NAMES = aim_fields()
# Time is no matter here: a busy machine is no fault of the parsers.
at_leisure = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc]  # the parts are no more than six


FULL_AIM = {
    "ID": 7001,
    "UserID": 41,
    "Status": 0,
    "Progress": 40,
    "StartDate": "2025-09-01T00:00:00Z",
    "TotalElements": 20,
    "ElementsDone": "8",
    "RegistrationNumber": "REG1",
    "RegistrationDate": "2025-09-30T23:00:00Z",
    "CertificateAppliedDate": None,
    "CertificateReceivedDate": "",
}


def test_learning_aim() -> None:
    assert parsing.learning_aim(FULL_AIM, NAMES) == LearningAim(
        id=7001,
        learner_id=41,
        values={
            "total_elements": 20,
            "elements_done": 8,
            "registration_number": "REG1",
            "registration_date": date(2025, 10, 1),
            "certificate_applied_date": None,
            "certificate_received_date": None,
        },
        complete=False,
        silent=frozenset({"certificate_applied_date", "certificate_received_date"}),
        writable={"Status": 0, "StartDate": "2025-09-01T00:00:00Z"},
    )


def test_property_names_count_in_any_case() -> None:
    shouted = {name.upper(): value for name, value in FULL_AIM.items()}
    camel = {name[0].lower() + name[1:]: value for name, value in FULL_AIM.items()}
    assert parsing.learning_aim(shouted, NAMES) == parsing.learning_aim(FULL_AIM, NAMES)
    assert parsing.learning_aim(camel, NAMES) == parsing.learning_aim(FULL_AIM, NAMES)


def test_names_on_a_learning_aim_are_configuration() -> None:
    names = aim_fields(total_elements="ElementsTotal", certificate_received_date="CertificateRecievedDate")
    sent = {"ID": 1, "ElementsTotal": 9, "CertificateRecievedDate": "2026-01-15", "TotalElements": 5}
    aim = parsing.learning_aim(sent, names)
    assert aim is not None
    assert (aim.values["total_elements"], aim.values["certificate_received_date"]) == (9, date(2026, 1, 15))
    other = parsing.learning_aim(sent, NAMES)
    assert other is not None
    assert (other.values["total_elements"], other.values["certificate_received_date"]) == (5, None)


def test_what_cannot_be_read_is_blank_and_named() -> None:
    sent = FULL_AIM | {
        "TotalElements": -1,
        "RegistrationDate": "soon",
        "RegistrationNumber": ["x"],
        "UserID": "me",
    }
    aim = parsing.learning_aim(sent, NAMES)
    assert aim is not None
    assert (aim.values, aim.learner_id) == (BLANK | {"elements_done": 8}, None)
    assert aim.unreadable == {"total_elements", "registration_date", "registration_number", "learner_id"}


def test_a_two_way_value_that_cannot_be_read_is_kept_for_sending_back() -> None:
    aim = parsing.learning_aim(FULL_AIM | {"RegistrationDate": "soon", "TotalElements": "many"}, NAMES)
    assert aim is not None
    assert aim.writable == {"Status": 0, "StartDate": "2025-09-01T00:00:00Z", "RegistrationDate": "soon"}


THIN_AIM = {"ID": 7001, "StandardID": 5, "UserID": 41, "Status": 0}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, set()),
        ({"MISID": "X", "Progress": 0, "AchievedDate": "2025-09-01"}, set()),
        ({"TotalElements": 20}, {"total_elements"}),
        ({"elementsdone": 0}, {"elements_done"}),
        ({"TotalElements": "many"}, {"total_elements"}),
        ({"RegistrationNumber": ""}, set()),
        ({"RegistrationDate": None, "CertificateAppliedDate": "0001-01-01T00:00:00"}, set()),
        ({"CertificateReceivedDate": "2026-01-02"}, {"certificate_received_date"}),
    ],
)
def test_a_listed_learning_aim_is_silent_about_what_it_has_no_value_for(
    more: dict[str, object], said: set[str]
) -> None:
    aim = parsing.learning_aim(THIN_AIM | more, NAMES)
    assert aim is not None
    assert aim.silent == set(parsing.aim_names(NAMES)) - {"learner_id"} - said
    assert not aim.complete


def test_a_learning_aim_is_silent_by_the_names_that_are_set() -> None:
    names = aim_fields(total_elements="ElementsTotal")
    renamed = parsing.learning_aim(THIN_AIM | {"ElementsTotal": 9}, names)
    not_ours = parsing.learning_aim(THIN_AIM | {"TotalElements": 9}, names)
    assert renamed is not None
    assert not_ours is not None
    assert not_ours.silent - renamed.silent == {"total_elements"}


def test_a_record_that_was_read_alone_is_complete() -> None:
    aim = parsing.learning_aim(THIN_AIM, NAMES, read_alone=True)
    record = parsing.review({"ID": 5}, read_alone=True)
    assert aim is not None
    assert record is not None
    assert (aim.complete, aim.silent) == (True, frozenset())
    assert (record.complete, record.silent) == (True, frozenset())


def test_review() -> None:
    sent = {
        "ID": "9001",
        "LearnerID": 41,
        "AssessorID": 0,
        "VisitID": 77,
        "ScheduledFor": "2026-06-15T08:00:00",
        "StartedOn": "2026-06-14T23:30:00Z",
        "LearnerSignedOn": "never",
        "CreatedOn": "2026-05-01T10:00:00Z",
    }
    assert parsing.review(sent) == Review(
        id=9001,
        learner_id=41,
        assessor_id=None,
        visit_id=77,
        scheduled_for=utc(2026, 6, 15, 8),
        started_on=date(2026, 6, 15),
        complete=False,
        silent=frozenset({"assessor_id", "assessor_signed_on"}),
        unreadable=frozenset({"learner_signed_on"}),
    )


WHOLE_REVIEW = {
    "ID": 5,
    "LearnerID": 41,
    "AssessorID": 71,
    "ScheduledFor": "2026-06-15",
    "StartedOn": "2026-06-15",
    "LearnerSignedOn": "2026-06-15",
}


def test_a_listed_review_is_complete_with_everything_that_something_is_concluded_from() -> None:
    record = parsing.review(WHOLE_REVIEW)
    assert record is not None
    assert record.complete
    assert record.silent == {"visit_id", "assessor_signed_on"}


@pytest.mark.parametrize("name", [name for name in WHOLE_REVIEW if name != "ID"])
def test_a_listed_review_without_one_of_them_is_not(name: str) -> None:
    sent = {each: value for each, value in WHOLE_REVIEW.items() if each != name}
    record = parsing.review(sent | {"CreatedOn": "2026-05-01"})
    assert record is not None
    assert not record.complete


def test_user_centre_and_customer() -> None:
    assert parsing.user({"ID": 41, "OrganisationID": 5740, "Role": "1"}) == User(41, 5740, 1)
    assert parsing.user({"ID": 41}) == User(41, None, None)
    named = parsing.user({"ID": 41, "FirstName": " Gwen ", "LastName": "Price"})
    assert named == User(41, name="Gwen Price")
    assert "Gwen" not in repr(named)
    assert parsing.user({"ID": 41, "FirstName": None, "LastName": "Price"}) == User(41, name="Price")
    assert parsing.user({"ID": 41, "FirstName": ["Gwen"]}) == User(41)
    assert parsing.centre({"ID": 5740, "Name": "Care"}) == Centre(5740, "Care")
    assert parsing.customer({"ID": 2070, "Name": "Beta"}) == Customer(2070, "Beta")


@pytest.mark.parametrize(
    "sent", [None, 5, "x", [], {}, {"ID": 0}, {"ID": -4}, {"ID": True}, {"ID": "x"}, {"ID": None}]
)
def test_no_record_without_a_usable_id(sent: object) -> None:
    readers = (parsing.review, parsing.user, parsing.centre, parsing.customer)
    assert [read(sent) for read in readers] == [None] * 4
    assert parsing.learning_aim(sent, NAMES) is None


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (1000001, 1000001),
        ("1000001", 1000001),
        ({"ID": 1000001}, 1000001),
        ({"id": "5", "Name": "x"}, 5),
        (0, None),
        (-1, None),
        (1.5, None),
        (True, None),
        (None, None),
        ("created", None),
        ([1000001], None),
        ({}, None),
    ],
)
def test_created_id(sent: object, expected: int | None) -> None:
    assert parsing.created_id(sent) == expected


@pytest.mark.parametrize(
    "content", [b"{", b"<html>", b"NaN", b"[Infinity]", b"\xff\xfe\xfd", b"[" * 100_000, b"9" * 5_000]
)
def test_what_is_not_json_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError):
        parsing.from_json(content)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(str),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(), parts, max_size=3),
    max_leaves=6,
)
properties = st.sampled_from(
    [
        *(each.json_name for each in NAMES),
        *(
            "ID",
            "UserID",
            "LearnerID",
            "AssessorID",
            "VisitID",
            "OrganisationID",
            "Role",
            "Name",
            "Status",
            "StartDate",
        ),
        *("ScheduledFor", "StartedOn", "LearnerSignedOn", "CreatedOn"),
    ]
)


@at_leisure
@given(st.dictionaries(properties, anything), st.integers(1, 2**63 - 1))
def test_no_json_in_any_property_raises_and_what_comes_of_it_is_exact(
    sent: dict[str, object], record_id: int
) -> None:
    aim = parsing.learning_aim({**sent, "ID": record_id}, NAMES)
    record = parsing.review({**sent, "ID": record_id})
    user = parsing.user({**sent, "ID": record_id})
    assert aim is not None
    assert record is not None
    assert user is not None
    assert aim.id == record.id == user.id == record_id
    for number in (aim.values["total_elements"], aim.values["elements_done"]):
        assert number is None or (type(number) is int and 0 <= number < 2**63)
    for day in (
        aim.values["registration_date"],
        aim.values["certificate_applied_date"],
        record.started_on,
        record.learner_signed_on,
    ):
        assert day is None or type(day) is date
    assert record.scheduled_for is None or record.scheduled_for.tzinfo is UTC
    number = aim.values["registration_number"]
    assert isinstance(number, str)
    number.encode()


@at_leisure
@given(anything)
def test_no_json_at_all_raises(sent: object) -> None:
    for read in (parsing.review, parsing.user, parsing.centre, parsing.customer):
        record = read(sent)
        assert record is None or record.id > 0
    new_id = parsing.created_id(sent)
    assert new_id is None or new_id > 0
