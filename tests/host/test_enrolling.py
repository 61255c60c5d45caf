"""A learner with everything that is sent when the learner is created in OneFile, on both hosts."""

from datetime import date, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from onefile_sync import host as picsweb_side
from onefile_sync.host.snapshot import OrganisationRow, PersonRow
from tests.college.mapping import FOR_UPLOAD
from tests.factories import OrganisationFactory, PlacementFactory

COLLEGE_ONLY = pytest.mark.parametrize("host", ["college"], indirect=True)
PICSWEB_ONLY = pytest.mark.parametrize("host", ["picsweb"], indirect=True)

ZOE = {
    "ident": "L00007",
    "first_name": "Zoë",
    "surname": "Llewellyn",
    "email": "zoe@learner.example",
    "date_of_birth": date(2004, 5, 6),
    "uln": "1234567894",
    "ni_number": "QQ123456C",
    "start_date": date(2026, 7, 1),
    "planned_end_date": date(2027, 7, 31),
}
OF_UPLOAD = {
    "telephone": "0115 496 0001",
    "main_tag": "Digital",
    "ethnicity": "31",
    "sex": "F",
    "disability": "2",
}
SIAN = {"ident": "OFF1", "first_name": "Siân", "surname": "O'Neill", "email": "sian@provider.example"}
AOIFE = {"ident": "OFF2", "first_name": "Aoife", "surname": "Bhriain", "email": "aoife@provider.example"}


def read(learner, roles=()):
    return picsweb_side.read_learner_to_create(str(learner.pk), roles)


def given(settings, host, part, **roles):
    settings.ONEFILE_SYNC = {**host.mapping, part: {**host.mapping.get(part, {}), **roles}}


class TestTheLearner:
    def test_is_read_with_everything_that_is_sent(self, host):
        sian = host.officer(onefile_id=71, **SIAN)
        learner = host.learner(onefile_id=None, main_officer=sian, **ZOE, **OF_UPLOAD)
        row = read(learner)
        assert row.person == PersonRow(str(learner.pk), str(learner), "learner", None, None, **ZOE)
        assert {name: getattr(row, name) for name in OF_UPLOAD} == OF_UPLOAD
        assert row.main_officer == PersonRow(str(sian.pk), str(sian), "officer", 71, **SIAN)
        assert (row.employer, row.qualifications, row.reviews, row.additional) == (None, (), (), ())

    def test_is_read_although_linked_already(self, host):
        learner = host.learner(onefile_id=501, centre_id=4740)
        assert (read(learner).person.onefile_id, read(learner).person.centre_id) == (501, 4740)

    @pytest.mark.parametrize("pk", ["no such key", "0", str(UUID(int=7)), ""])
    def test_is_none_for_a_key_that_no_row_has(self, host, pk):
        assert picsweb_side.read_learner_to_create(pk) is None

    def test_is_none_once_deleted(self, host):
        learner = host.learner()
        pk = str(learner.pk)
        learner.delete()
        assert picsweb_side.read_learner_to_create(pk) is None

    @COLLEGE_ONLY
    def test_is_none_if_picsweb_hides_the_learner(self, host):
        assert read(host.learner(binned=True)) is None

    def test_has_blanks_where_nothing_was_entered(self, host):
        row = read(host.learner())
        assert {name: getattr(row, name) for name in OF_UPLOAD} == dict.fromkeys(OF_UPLOAD, "")
        assert (row.mobile, row.main_officer) == ("", None)

    def test_has_blanks_where_only_spaces_were_entered(self, host):
        row = read(host.learner(**{**ZOE, "email": "  "}, telephone="  ", main_tag=" \t "))
        assert (row.person.email, row.telephone, row.main_tag) == ("", "", "")

    @PICSWEB_ONLY
    def test_has_a_code_without_spaces_around_it(self, host):
        assert read(host.learner(ethnicity=" 31 ")).ethnicity == "31"

    @pytest.mark.parametrize(("returned", "expected"), [(31, "31"), (0, "0"), (" F ", "F"), (None, "")])
    def test_has_the_code_that_a_function_returns(self, settings, host, monkeypatch, returned, expected):
        monkeypatch.setattr(f"{__name__}.told", lambda learner: returned)
        given(settings, host, "LEARNER", sex=f"{__name__}.told")
        assert read(host.learner()).sex == expected

    @PICSWEB_ONLY
    def test_has_an_optional_role_from_a_field_of_its_name_only_if_it_is_of_the_right_sort(
        self, settings, host, monkeypatch
    ):
        given(settings, host, "LEARNER", mobile=None)
        row = read(host.learner(telephone="0115 496 0001", mobile="07700 900001"))
        assert (row.telephone, row.mobile) == ("0115 496 0001", "")

    @pytest.mark.parametrize(
        ("role", "returned", "message"),
        [
            ("ethnicity", True, "told returned bool, not a text or a whole number"),
            ("ethnicity", 3.1, "told returned float, not a text or a whole number"),
            ("telephone", ["0115"], "told returned list, not a text"),
            ("telephone", str.upper, "told returned method_descriptor, not a text"),
            ("email", b"zoe@learner.example", "told returned bytes, not a text"),
            ("start_date", "2026-07-01", "told returned str, not a date"),
            ("main_officer", "Siân", r"told returned str, not a row of \w+\.\w+"),
            ("additional_officers", 5, "told returned int, not pairs of a role and an officer"),
            ("additional_officers", "Work Coach", "told returned str, not pairs of a role and an officer"),
            ("additional_officers", ["Work Coach"], "told returned str, not a pair of a role and an officer"),
            ("additional_officers", [("Work Coach", "Siân")], r"told returned str, not a row of \w+\.\w+"),
        ],
    )
    def test_names_the_entry_of_the_mapping_if_a_function_returns_nonsense(
        self, settings, host, monkeypatch, role, returned, message
    ):
        monkeypatch.setattr(f"{__name__}.told", lambda learner: returned)
        learner = host.learner()
        given(settings, host, "LEARNER", **{role: f"{__name__}.told"})
        with pytest.raises(TypeError, match=f"{__name__}.{message}") as raised:
            read(learner, ["Work Coach"])
        assert "Siân" not in str(raised.value)

    def test_names_the_entry_for_a_row_of_another_model(self, settings, host, monkeypatch):
        monkeypatch.setattr(f"{__name__}.told", lambda row: row)
        learner = host.learner()
        host.qualification(learner)
        given(settings, host, "QUALIFICATION", assessor=f"{__name__}.told")
        with pytest.raises(TypeError, match="told returned"):
            read(learner)


def told(learner):
    raise NotImplementedError


class TestAdditionalOfficers:
    @pytest.fixture
    def people(self, settings, host, monkeypatch):
        """A learner with three officers beside the main one; the last has two roles."""
        people = [
            host.officer(**{**SIAN, "ident": f"OFF{number}", "surname": name})
            for number, name in enumerate("ABC")
        ]
        pairs = [
            ("Work Coach", people[1]),
            ("Mentor", people[0]),
            ("Tutor", None),
            ("IQA ", people[2]),
            ("Work Coach", people[2]),
        ]
        monkeypatch.setattr(f"{__name__}.told", lambda learner: iter(pairs))
        given(settings, host, "LEARNER", additional_officers=f"{__name__}.told")
        return host.learner()

    @pytest.mark.parametrize(
        ("roles", "expected"),
        [
            (["Work Coach"], ["B", "C"]),
            ([" work coach "], ["B", "C"]),
            (["IQA", "Mentor"], ["A", "C"]),
            (["Tutor"], []),
            (["Nobody"], []),
            ([], []),
            (["", " "], []),
        ],
    )
    def test_are_those_in_the_chosen_roles_once_each(self, people, roles, expected):
        assert [each.surname for each in read(people, roles).additional] == expected

    def test_are_none_if_the_function_returns_none(self, people, monkeypatch):
        monkeypatch.setattr(f"{__name__}.told", lambda learner: None)
        assert read(people, ["Work Coach"]).additional == ()

    def test_are_not_asked_for_without_a_role(self, people, monkeypatch):
        monkeypatch.setattr(f"{__name__}.told", lambda learner: 1 / 0)
        assert read(people).additional == ()

    @COLLEGE_ONLY
    def test_come_from_the_function_of_the_college(self, host):
        aoife = host.officer(**AOIFE)
        [row] = read(host.learner(work_coach=aoife), ["Work Coach"]).additional
        assert (row.first_name, row.surname, row.email) == ("Aoife", "Bhriain", AOIFE["email"])


class TestQualifications:
    def test_are_read_with_what_a_learning_aim_needs(self, host):
        sian, aoife, learner = host.officer(onefile_id=71, **SIAN), host.officer(**AOIFE), host.learner()
        dates = {"start_date": date(2026, 7, 1), "planned_end_date": date(2027, 7, 31)}
        first = host.qualification(learner, onefile_id=4001, reference=" 196AS ", assessor=sian, **dates)
        second = host.qualification(learner, reference="215AZ", assessor=aoife)
        third = host.qualification(learner, reference="   ")
        rows = {row.pk: row for row in read(learner).qualifications}
        one, two, three = (rows[str(each.pk)] for each in (first, second, third))
        assert (one.label, one.onefile_id, one.reference, one.uploaded) == (str(first), 4001, "196AS", True)
        assert (one.start_date, one.planned_end_date) == (dates["start_date"], dates["planned_end_date"])
        assert (one.assessor.onefile_id, two.assessor.email) == (71, AOIFE["email"])
        assert (three.reference, three.assessor, three.start_date) == ("", None, None)

    def test_of_others_are_left_out(self, host):
        host.qualification(host.learner(onefile_id=502), reference="196AS")
        assert read(host.learner()).qualifications == ()

    @COLLEGE_ONLY
    def test_that_are_not_to_be_uploaded_are_marked(self, host):
        learner = host.learner()
        host.qualification(learner, reference="196AS", withdrawn=True)
        host.qualification(learner, reference="215AZ")
        marks = {row.reference: row.uploaded for row in read(learner).qualifications}
        assert marks == {"196AS": False, "215AZ": True}

    def test_may_be_chosen_by_a_function(self, settings, host, monkeypatch):
        monkeypatch.setattr(f"{__name__}.told", lambda row: "196AS" in (row.onefile_id, "196AS"))
        given(settings, host, "QUALIFICATION", uploaded=f"{__name__}.told")
        learner = host.learner()
        host.qualification(learner)
        assert [row.uploaded for row in read(learner).qualifications] == [True]

    def test_have_no_assessor_where_none_is_mapped(self, settings, host):
        given(settings, host, "QUALIFICATION", assessor=None)
        learner = host.learner()
        host.qualification(learner, assessor=host.officer(**SIAN))
        assert read(learner).qualifications[0].assessor is None

    @COLLEGE_ONLY
    def test_have_their_assessor_from_a_function(self, settings, host, monkeypatch):
        monkeypatch.setattr(f"{__name__}.told", lambda enrolment: enrolment.student.personal_tutor)
        given(settings, host, "QUALIFICATION", assessor=f"{__name__}.told")
        learner = host.learner(main_officer=host.officer(**SIAN))
        host.qualification(learner)
        assert read(learner).qualifications[0].assessor.surname == "O'Neill"


def test_reviews_of_normal_types_are_read_as_the_exchange_reads_them(host):
    sian, learner = host.officer(onefile_id=71, **SIAN), host.learner()
    planned = {"proposed_date": date(2026, 10, 30), "proposed_time": time(10)}
    normal = host.review(learner, officer=sian, **planned)
    host.review(learner, is_normal=False, **planned)
    [review] = read(learner).reviews
    assert (review.pk, review.officer, review.officer_onefile_id) == (str(normal.pk), str(sian.pk), 71)
    [exchanged] = (
        row
        for row in picsweb_side.read_learner(picsweb_side.learner_by_pk(str(learner.pk))).reviews
        if row.is_normal
    )
    assert review == exchanged


class TestTheEmployer:
    pytestmark = PICSWEB_ONLY

    @pytest.fixture
    def place(self, host):
        """Places the learner with an organisation of this name."""
        learner = host.learner()

        def place(name, start=None, **values):
            organisation = OrganisationFactory(name=name, onefile_id=81, ident=name.upper())
            return PlacementFactory(learner=learner, organisation=organisation, start_date=start, **values)

        place.learner = learner
        return place

    def name(self, place):
        employer = read(place.learner).employer
        return employer and employer.name

    def test_is_none_without_a_placement(self, place):
        assert self.name(place) is None

    def test_is_read_with_ident_and_name(self, place):
        placement = place("Hallam", date(2026, 7, 1))
        pk = str(placement.organisation.pk)
        assert read(place.learner).employer == OrganisationRow(pk, "Hallam", 81, "HALLAM", "Hallam")

    def test_is_that_of_the_latest_placement_of_type_p(self, place):
        place("Trent", date(2026, 7, 1))
        place("Hallam", date(2026, 9, 1))
        place("Derwent", date(2026, 8, 1))
        place("College", date(2026, 10, 1), type="T")
        assert self.name(place) == "Hallam"

    def test_is_that_of_the_latest_of_any_type_if_none_is_of_type_p(self, place):
        place("Trent", date(2026, 9, 1), type="T")
        place("Hallam", date(2026, 7, 1), type="W")
        assert self.name(place) == "Trent"

    def test_is_that_of_the_latest_key_if_two_begin_on_one_day(self, place):
        for name in ("Trent", "Hallam", "Derwent"):
            place(name, date(2026, 7, 1))
        assert self.name(place) == "Derwent"

    def test_of_a_placement_without_a_date_counts_last(self, place):
        place("Trent", date(2020, 1, 1))
        place("Hallam")
        assert self.name(place) == "Trent"

    def test_follows_the_types_of_the_mapping(self, place, settings, host):
        given(settings, host, "PLACEMENT", placement_types=["T", "W"])
        place("Trent", date(2026, 7, 1), type="W")
        place("Hallam", date(2026, 9, 1))
        assert self.name(place) == "Trent"

    def test_is_of_any_type_where_no_type_is_mapped(self, place, settings, host):
        given(settings, host, "PLACEMENT", type=None)
        place("Trent", date(2026, 7, 1))
        place("Hallam", date(2026, 9, 1), type="T")
        assert self.name(place) == "Hallam"

    @pytest.mark.parametrize("other", ["", "ORGANISATION"])
    def test_is_none_where_the_mapping_has_no_placements_or_organisations(self, place, settings, host, other):
        place("Trent", date(2026, 7, 1))
        gone = other or "PLACEMENT"
        settings.ONEFILE_SYNC = {key: spec for key, spec in host.mapping.items() if key != gone}
        assert read(place.learner).employer is None

    def test_of_a_date_from_a_function_is_local(self, place, settings, host):
        given(settings, host, "PLACEMENT", start_date=f"{__name__}.begun", type=f"{__name__}.type_of")
        place("Trent", date(2026, 7, 1))
        place("Hallam", date(2026, 9, 1))
        assert self.name(place) == "Trent"


def begun(placement):
    day = date(2026, 12, 24) if placement.organisation.name == "Trent" else placement.start_date
    return datetime.combine(day, time(10), tzinfo=ZoneInfo("Europe/London"))


def type_of(placement):
    return "P"


def test_takes_as_many_queries_for_many_rows_as_for_one(host, django_assert_num_queries):
    sian = host.officer(**SIAN)
    learner = host.learner(main_officer=sian, **ZOE, **OF_UPLOAD)
    for number in range(5):
        officer = host.officer(**{**AOIFE, "ident": f"A{number}"})
        host.qualification(learner, reference="196AS", assessor=officer)
        host.review(learner, officer=officer, proposed_date=date(2026, 10, 30))
        if host.name == "picsweb":
            PlacementFactory(learner=learner)
    with django_assert_num_queries({"picsweb": 6, "college": 4}[host.name]):
        row = read(learner, ["Work Coach"])
        assert str(row.person.label)
    assert (len(row.qualifications), len(row.reviews)) == (5, 5)


def test_reads_nothing_of_the_upload_for_linking(host, django_assert_num_queries):
    """Values that only an upload sends are not read, nor are the relations to them fetched."""
    host.learner(**ZOE, **OF_UPLOAD)
    with django_assert_num_queries(1) as queries:
        list(picsweb_side.all_people("learner"))
    assert "gender" not in queries[0]["sql"].split(" FROM ")[1].casefold().replace("gender_id", "")


class TestTheMappingForUpload:
    def test_lacks_nothing_on_either_host(self, host):
        assert picsweb_side.has_upload_mapping() == []

    def test_lacks_what_neither_field_nor_function_plays(self, settings, host):
        given(settings, host, "LEARNER", email=None)
        assert picsweb_side.has_upload_mapping() == ["LEARNER.email"]
        given(settings, host, "OFFICER", first_name=None, surname=None)
        assert picsweb_side.has_upload_mapping() == ["OFFICER.first_name", "OFFICER.surname"]

    @COLLEGE_ONLY
    def test_of_the_college_takes_fifteen_lines_at_most(self, host):
        assert sum(map(len, FOR_UPLOAD.values())) <= 15
        assert all(host.mapping[part].items() >= roles.items() for part, roles in FOR_UPLOAD.items())
