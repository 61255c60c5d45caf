"""People, placements, classrooms and standards, from whatever JSON comes."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onefile_sync.onefile import centre_records
from onefile_sync.onefile.records import AimOutline, NamedRecord, Person, Standard

FULL_USER = {
    "ID": 41,
    "OrganisationID": 5740,
    "Role": 1,
    "FirstName": " Zoë ",
    "LastName": "Quill",
    "Email": "zoe@example.org",
    "MISID": 10041,
    "ULN": "1234567890",
    "NINO": "QQ123456C",
    "DOB": "1999-06-14T23:00:00Z",
    "StartOn": "2026-01-05T00:00:00Z",
    "PlannedEndDate": "2027-08-31T23:00:00Z",
    "DefaultAssessorID": "122762",
    "PlacementID": 0,
    "ClassroomID": 77,
    "LastModified": "2026-05-01T09:30:00.123",
    "Telephone": "01632 960001",
    "MobileNumber": 7700900001,
    "L12": "31",
    "L13": "F",
    "L14": 1,
    "PrimaryLLDDCode": "12",
}


def person(sent: object, **options: object) -> Person:
    found = centre_records.person(sent, **options)  # type: ignore[arg-type]  # each test names its own options
    assert found is not None
    return found


def test_person() -> None:
    assert person(FULL_USER, read_alone=True) == Person(
        id=41,
        centre_id=5740,
        role=1,
        first_name="Zoë",
        last_name="Quill",
        email="zoe@example.org",
        mis_value="10041",
        uln="1234567890",
        ni_number="QQ123456C",
        date_of_birth=date(1999, 6, 15),
        start_date=date(2026, 1, 5),
        planned_end_date=date(2027, 9, 1),
        default_assessor_id=122762,
        placement_id=None,
        classroom_id=77,
        last_modified=datetime(2026, 5, 1, 9, 30, 0, 123000, tzinfo=UTC),
        telephone="01632 960001",
        mobile="7700900001",
        ethnicity="31",
        sex="F",
        disability="1",
        primary_lldd="12",
    )


def test_a_persons_details_are_not_in_the_text_of_the_record() -> None:
    shown = repr(person(FULL_USER))
    hidden = ("Zoë", "Quill", "example.org", "10041", "1234567890", "QQ123456C", "1999", "2027")
    assert [detail for detail in hidden if detail in shown] == []


@pytest.mark.parametrize("written", ["1900-01-01T00:00:00Z", "1900-01-01", "0001-01-01T00:00:00", "", None])
def test_a_date_that_stands_for_none_is_blank(written: object) -> None:
    read = person(FULL_USER | {"DOB": written}, read_alone=True)
    assert read.date_of_birth is None
    assert read.unreadable == frozenset()


def test_a_listed_person_is_silent_about_what_the_item_has_no_value_for() -> None:
    listed = person({"ID": 41, "FirstName": "Zoë", "LastName": "", "MISID": None, "DOB": "soon"})
    assert listed.silent == set(centre_records.USER_NAMES) - {"first_name", "date_of_birth"}
    assert listed.unreadable == {"date_of_birth"}


def test_what_cannot_be_read_of_a_person_is_blank_and_named() -> None:
    odd = {
        "Role": "learner",
        "MISID": ["x"],
        "ULN": 1.5,
        "DOB": "1899-01-01",
        "Email": "a\x00b",
        "PlacementID": -1,
        "L12": ["31"],
    }
    read = person(FULL_USER | odd, read_alone=True)
    assert read.unreadable == {
        "role",
        "mis_value",
        "uln",
        "date_of_birth",
        "email",
        "placement_id",
        "ethnicity",
    }
    assert (read.role, read.mis_value, read.uln, read.email) == (None, "", "", "")


def test_names_on_a_user_are_configuration() -> None:
    names = {**centre_records.USER_NAMES, "ni_number": "NationalInsurance"}
    assert person(FULL_USER | {"nationalInsurance": "AB1"}, names=names).ni_number == "AB1"


@pytest.mark.parametrize(
    "sent", [None, "x", 5, [], {}, {"ID": 0}, {"ID": -1}, {"ID": "9" * 20}, {"Name": "x"}]
)
def test_an_item_without_a_usable_id_is_no_record(sent: object) -> None:
    for parse in (centre_records.person, centre_records.named_record, centre_records.standard):
        assert parse(sent) is None  # type: ignore[operator]  # three signatures that begin alike


class TestArchived:
    @pytest.mark.parametrize(("role", "archived"), [(2, True), (1, None), (None, None), ("2", True)])
    def test_by_role(self, role: object, archived: bool | None) -> None:
        assert person({"ID": 41, "Role": role}, archived_roles=[2]).archived is archived

    @pytest.mark.parametrize(
        ("value", "archived"),
        [
            (True, True),
            (False, False),
            ("true", True),
            ("False", False),
            (1, True),
            (0, False),
            ("0", False),
            ("2026-05-01T00:00:00Z", True),
            ("0001-01-01T00:00:00", False),
            (None, None),
            ("", None),
        ],
    )
    def test_by_a_property(self, value: object, archived: bool | None) -> None:
        listed = person({"ID": 41, "Role": 1, "Gone": value}, archived_property="Gone", archived_roles=[2])
        assert listed.archived is archived

    @pytest.mark.parametrize("value", ["Status 5", [], {}, 1.5, "soon"])
    def test_a_property_that_cannot_be_read_says_nothing(self, value: object) -> None:
        read = person({"ID": 41, "Gone": value}, archived_property="Gone", read_alone=True)
        assert (read.archived, read.unreadable) == (None, {"archived"})

    def test_a_missing_property_means_no_in_the_record_and_nothing_in_a_list(self) -> None:
        assert person({"ID": 41}, archived_property="Gone", read_alone=True).archived is False
        assert person({"ID": 41}, archived_property="Gone").archived is None

    def test_an_archived_role_counts_whatever_the_property_says(self) -> None:
        sent = {"ID": 41, "Role": 2, "Gone": False}
        assert person(sent, archived_property="Gone", archived_roles=[2]).archived is True

    def test_without_a_property_a_record_does_not_say_that_a_user_is_not_archived(self) -> None:
        assert person({"ID": 41, "Role": 1}, archived_roles=[2], read_alone=True).archived is None


def test_a_placement() -> None:
    sent = {
        "ID": 9,
        "OrganisationID": 5740,
        "Name": "Mill & Co",
        "MISID": "E9",
        "Email": "mill@example.org",
        "Active": "true",
    }
    placement = NamedRecord(9, 5740, "Mill & Co", "E9", "mill@example.org", True)
    assert centre_records.named_record(sent) == placement
    assert "mill" not in repr(placement).casefold()


def test_a_thin_item_of_a_placement() -> None:
    assert centre_records.named_record({"ID": 9, "Name": "Mill"}) == NamedRecord(9, None, "Mill")


def test_names_on_a_placement_are_configuration() -> None:
    names = {**centre_records.PLACEMENT_NAMES, "mis_value": "ExternalID"}
    found = centre_records.named_record({"ID": 9, "ExternalID": 5, "MISID": 6}, names)
    assert found is not None
    assert found.mis_value == "5"


@pytest.mark.parametrize(
    ("title", "code"),
    [
        ("Adult Care Worker [196AS]", "196AS"),
        ("Adult Care [Level 2] [ 196AS ]", "196AS"),
        ("[196AS] Adult Care", "196AS"),
        ("Adult [[Care] 600/1234/5]", "Care"),
        ("Adult Care", ""),
        ("Adult Care [196AS", ""),
        ("Adult Care []", ""),
        ("", ""),
    ],
)
def test_the_code_of_a_standard_is_the_last_text_in_square_brackets(title: str, code: str) -> None:
    assert centre_records.standard({"ID": 5, "Title": title}) == Standard(5, title, code)


def test_the_code_of_a_standard_may_be_a_property() -> None:
    names = {**centre_records.STANDARD_NAMES, "code": "Code"}
    sent = {"ID": 5, "Title": "Adult Care [2019]", "Code": " 196AS ", "OrganisationID": 5740}
    assert centre_records.standard(sent, names) == Standard(5, "Adult Care [2019]", "196AS", 5740)
    assert centre_records.standard({"ID": 5, "Title": "Care [2019]"}, names) == Standard(5, "Care [2019]")


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["2026-01-05", "1"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)
PROPERTIES = sorted({*centre_records.USER_NAMES.values(), "Name", "Active", "Title", "Gone"})


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(PROPERTIES), ANYTHING))
def test_nothing_that_onefile_sends_raises(sent: dict[str, object]) -> None:
    item = {"ID": 41, **sent}
    read = person(item, archived_property="Gone", archived_roles=[2])
    assert read.silent.isdisjoint(read.unreadable)
    assert centre_records.named_record(item) is not None
    assert centre_records.standard(item) is not None


@pytest.mark.parametrize("sent", [None, "x", 7, [], {}, {"ID": "x"}], ids=str)
def test_what_is_no_learning_aim_has_no_outline(sent: object) -> None:
    assert centre_records.aim_outline(sent) is None
    assert centre_records.aim_outline({"ID": 5, "UserID": 7, "StandardID": 9}) == AimOutline(5, 7, 9)
