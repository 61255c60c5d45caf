"""PICSWeb's rows as linking needs them, on both hosts."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from onefile_sync import host as picsweb_side
from onefile_sync.fields import Kind
from onefile_sync.host import linkable
from onefile_sync.host.mapping import Part
from onefile_sync.host.snapshot import OrganisationRow, PersonRow, QualificationLinkRow, ReviewLinkRow
from onefile_sync.idents import ident_key

TODAY = date(2026, 11, 23)
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
}
SIAN = {"ident": "OFF1", "first_name": "Siân", "surname": "O'Neill", "email": "sian@provider.example"}


def pks(rows):
    return [row.pk for row in rows]


def in_order(*rows):
    """Their primary keys in the database's order: MariaDB sorts UUIDs by their last bytes."""
    kept = type(rows[0])._base_manager.filter(pk__in=[row.pk for row in rows]).order_by("pk")
    return [str(row.pk) for row in kept]


class TestPeople:
    def test_a_learner_is_read_with_all_that_tells_who_it_is(self, host):
        learner = host.learner(onefile_id=None, centre_id=4740, **ZOE)
        assert picsweb_side.read_people("learner", [str(learner.pk)]) == [
            PersonRow(str(learner.pk), str(learner), "learner", None, 4740, **ZOE)
        ]

    def test_an_officer_is_read_with_name_ident_and_email(self, host):
        officer = host.officer(onefile_id=71, **SIAN)
        assert picsweb_side.read_people("officer", [str(officer.pk)]) == [
            PersonRow(str(officer.pk), str(officer), "officer", 71, **SIAN)
        ]

    def test_what_nobody_entered_is_blank(self, host):
        learner = host.learner(ident="", start_date=None)
        [row] = picsweb_side.read_people("learner", [str(learner.pk)])
        assert (row.email, row.date_of_birth, row.uln, row.ni_number) == ("", None, "", "")
        assert (row.ident, row.start_date, row.planned_end_date) == ("", None, None)

    def test_spaces_around_a_value_are_left_out(self, host):
        learner = host.learner(**{**ZOE, "ident": " L7 ", "uln": "   "})
        [row] = picsweb_side.read_people("learner", [str(learner.pk)])
        assert (row.ident, row.uln) == ("L7", "")

    def test_none_is_found_for_a_key_that_no_row_has(self, host):
        assert picsweb_side.read_people("learner", ["no such key"]) == []

    @pytest.mark.parametrize("kind", ["learner", "officer"])
    def test_all_of_them_or_the_linked_or_the_others(self, host, kind):
        make = getattr(host, kind)
        linked, other = make(onefile_id=71), make(onefile_id=None)
        assert pks(picsweb_side.all_people(kind)) == in_order(linked, other)
        assert pks(picsweb_side.all_people(kind, linked=True)) == [str(linked.pk)]
        assert pks(picsweb_side.all_people(kind, linked=False)) == [str(other.pk)]

    def test_many_learners_take_as_many_queries_as_one(self, host, django_assert_num_queries):
        for number in range(5):
            host.learner(**{**ZOE, "ident": f"L{number}"})
        with django_assert_num_queries(1):
            assert len({row.ident for row in picsweb_side.all_people("learner")}) == 5

    @COLLEGE_ONLY
    def test_a_learner_whom_picsweb_hides_is_not_offered_but_has_the_onefile_id(self, host):
        hidden = host.learner(onefile_id=501, binned=True)
        assert list(picsweb_side.all_people("learner")) == []
        assert picsweb_side.read_people("learner", [str(hidden.pk)]) == []
        assert picsweb_side.pks_with_onefile_id("learner", [501]) == {501: [str(hidden.pk)]}
        assert picsweb_side.count_linked()["learner"] == 1


class TestOptionalRoles:
    def given(self, settings, host, part, **roles):
        settings.ONEFILE_SYNC = {**host.mapping, part: {**host.mapping[part], **roles}}

    def test_a_role_with_none_is_not_mapped(self, settings, host):
        self.given(settings, host, "LEARNER", ident=None)
        learner = host.learner(**ZOE)
        [row] = picsweb_side.read_people("learner", [str(learner.pk)])
        assert (row.ident, row.surname) == ("", "Llewellyn")

    @PICSWEB_ONLY
    @pytest.mark.parametrize(
        ("role", "kind", "expected"),
        [
            ("email", Kind.TEXT, True),
            ("start_date", Kind.DATE, True),
            ("start_date", Kind.TEXT, False),  # a date
            ("main_officer", Kind.TEXT, False),  # a foreign key
            ("qualifications", Kind.TEXT, False),  # a relation without a column
            ("full_name", Kind.TEXT, False),  # a property
            ("middle_name", Kind.TEXT, False),  # nothing at all
            ("sex", Kind.CODE, True),
            ("onefile_centre_id", Kind.CODE, True),  # a whole number
            ("main_officer", Kind.CODE, False),  # a foreign key has no code, but its row may
            ("main_officer", Kind.OFFICER, True),
            ("main_officer", Kind.ORGANISATION, False),  # leads to an officer
            ("status", Kind.CONDITION, False),  # has to be written
            ("qualifications", Kind.OFFICERS, False),  # has to be written
        ],
    )
    def test_a_role_that_is_not_written_is_played_by_a_suitable_field_of_its_name(self, role, kind, expected):
        assert Part("LEARNER", {}, {role: kind}).is_played(role) is expected

    def test_a_function_may_play_a_role(self, settings, host):
        self.given(settings, host, "LEARNER", date_of_birth=f"{__name__}.born", ident=f"{__name__}.number")
        learner = host.learner(**ZOE)
        [row] = picsweb_side.read_people("learner", [str(learner.pk)])
        assert (row.date_of_birth, row.ident) == (date(2001, 2, 3), "17")

    def test_a_function_that_returns_no_date_is_told_of(self, settings, host):
        self.given(settings, host, "LEARNER", date_of_birth=f"{__name__}.number")
        learner = host.learner(**ZOE)
        with pytest.raises(TypeError, match="returned int, not a date"):
            picsweb_side.read_people("learner", [str(learner.pk)])


def born(learner):
    return datetime(2001, 2, 3, 4, 5, tzinfo=ZoneInfo("Europe/London"))


def number(learner):
    return 17


class TestOrganisations:
    def test_all_of_them_some_of_them_or_those_without_an_id(self, host):
        linked, other = host.organisation(onefile_id=81, name="Trent"), host.organisation(name="Hallam")
        assert pks(picsweb_side.organisations()) == in_order(linked, other)
        assert pks(picsweb_side.organisations_in_use()) == in_order(linked, other)
        assert pks(picsweb_side.organisations([str(other.pk)])) == [str(other.pk)]
        assert pks(picsweb_side.organisations(linked=False)) == [str(other.pk)]
        [row] = picsweb_side.organisations(linked=True)
        assert (row.label, row.onefile_id, row.name) == ("Trent", 81, "Trent")
        assert isinstance(row, OrganisationRow)

    def test_there_are_none_where_the_mapping_has_no_model_of_them(self, settings, host):
        settings.ONEFILE_SYNC = {key: part for key, part in host.mapping.items() if key != "ORGANISATION"}
        assert list(picsweb_side.organisations()) == []
        assert picsweb_side.count_linked()["organisation"] == 0
        assert picsweb_side.rows_with_onefile_id("organisation") == []
        assert picsweb_side.pks_with_onefile_id("organisation", [1]) == {}


class TestLearnersInScope:
    def test_without_an_id_those_whom_the_daily_sync_would_take(self, host):
        learning = host.learner(onefile_id=None)
        lately = host.learner(onefile_id=None, in_learning=False, ended_on=TODAY - timedelta(days=30))
        host.learner(onefile_id=501)
        host.learner(onefile_id=None, live=False)
        host.learner(onefile_id=None, in_learning=False, ended_on=TODAY - timedelta(days=400))
        assert pks(picsweb_side.unlinked_in_scope(TODAY)) == in_order(learning, lately)

    def test_their_details_come_with_them_in_one_query(self, host, django_assert_num_queries):
        for number in range(3):
            host.learner(onefile_id=None, **{**ZOE, "ident": f"L{number}"})
        with django_assert_num_queries(1):
            assert {row.email for row in picsweb_side.unlinked_in_scope(TODAY)} == {ZOE["email"]}

    def test_officers_in_use_are_main_officers_and_reviewers(self, host, django_assert_num_queries):
        main, reviewer, of_another_type, of_ended, unused = (host.officer() for _ in range(5))
        learner = host.learner(onefile_id=None, main_officer=main)
        host.review(learner, officer=reviewer)
        host.review(learner, officer=of_another_type, is_normal=False)
        host.review(learner)
        ended = host.learner(in_learning=False, ended_on=date(2020, 1, 1), main_officer=of_ended)
        host.review(ended, officer=unused)
        with django_assert_num_queries(3):
            officers = picsweb_side.officers_in_use(TODAY)
        assert pks(officers) == in_order(main, reviewer)

    def test_references_in_use_are_counted(self, host, django_assert_num_queries):
        learner, ended = host.learner(onefile_id=None), host.learner(in_learning=False, ended_on=TODAY)
        for reference, onefile_id in [
            ("196AS", None),
            (" 196AS", None),
            ("215AZ", 4001),
            ("", None),
            ("122AS", None),
        ]:
            host.qualification(learner, reference=reference, onefile_id=onefile_id)
        host.qualification(ended, reference="601/7332/2")
        host.qualification(learner, reference="77A")
        with django_assert_num_queries(2):
            assert picsweb_side.references_in_use() == {"122AS": 1, "196AS": 2, "77A": 1}
        assert picsweb_side.references_in_use(linked=True) == {"215AZ": 1}

    def test_no_reference_is_in_use_where_the_mapping_has_no_field_for_it(self, settings, host):
        spec = {**host.mapping["QUALIFICATION"], "reference": None}
        settings.ONEFILE_SYNC = {**host.mapping, "QUALIFICATION": spec}
        host.qualification(host.learner(), reference="196AS")
        assert picsweb_side.references_in_use() == {}


class TestWhatBelongsToALearner:
    def test_qualifications_linked_or_not(self, host, django_assert_num_queries):
        learner, other = host.learner(), host.learner()
        linked = host.qualification(learner, onefile_id=4001, reference="196AS")
        unlinked = host.qualification(other, reference="215AZ")
        host.qualification(host.learner())
        with django_assert_num_queries(2):
            rows = picsweb_side.qualifications_of([str(learner.pk), str(other.pk)])
            assert all(str(row.label) for row in rows)
        assert {row.pk: row for row in rows} == {
            str(linked.pk): QualificationLinkRow(str(linked.pk), str(linked), str(learner.pk), 4001, "196AS"),
            str(unlinked.pk): QualificationLinkRow(
                str(unlinked.pk), str(unlinked), str(other.pk), None, "215AZ"
            ),
        }

    def test_reviews_of_normal_types_linked_or_not(self, host, django_assert_num_queries):
        learner = host.learner()
        at_ten = host.review(
            learner,
            onefile_id=9001,
            proposed_date=date(2026, 7, 1),
            proposed_time=time(10),
            actual_date=TODAY,
        )
        by_day = host.review(learner, proposed_date=date(2026, 7, 2))
        host.review(learner, is_normal=False)
        host.review(host.learner())
        with django_assert_num_queries(2):
            rows = picsweb_side.reviews_of([str(learner.pk)])
        moment = datetime(2026, 7, 1, 10, tzinfo=ZoneInfo("Europe/London"))
        assert {row.pk: row for row in rows} == {
            str(at_ten.pk): ReviewLinkRow(str(at_ten.pk), str(at_ten), str(learner.pk), 9001, moment, TODAY),
            str(by_day.pk): ReviewLinkRow(
                str(by_day.pk), str(by_day), str(learner.pk), None, date(2026, 7, 2), None
            ),
        }

    def test_everything_that_is_linked_of_whatever_type(self, host):
        learner = host.learner()
        aim = host.qualification(learner, onefile_id=4001)
        other_type = host.review(learner, onefile_id=9001, is_normal=False)
        host.qualification(learner)
        host.review(host.learner(), onefile_id=9002)
        assert picsweb_side.linked_rows_of(str(learner.pk)) == [
            ("qualification", str(aim.pk), 4001),
            ("review", str(other_type.pk), 9001),
        ]


class TestWhoHasAOneFileId:
    def test_they_are_counted_by_kind(self, host):
        learner = host.learner(onefile_id=501)
        host.learner(onefile_id=None)
        host.qualification(learner, onefile_id=4001)
        host.review(learner, onefile_id=9001)
        host.review(learner, onefile_id=9002)
        host.officer(onefile_id=71)
        host.organisation()
        assert picsweb_side.count_linked() == {
            "learner": 1, "qualification": 1, "review": 2, "officer": 1, "organisation": 0,
        }  # fmt: skip

    def test_they_are_read_in_pieces(self, host):
        made = [host.learner(onefile_id=501, centre_id=4740) for _ in range(5)]
        host.learner(onefile_id=None)
        in_all = [(pk, 501, 4740) for pk in in_order(*made)]

        first = picsweb_side.rows_with_onefile_id("learner", limit=3)
        rest = picsweb_side.rows_with_onefile_id("learner", first[-1][0], limit=3)

        assert [first, rest] == [in_all[:3], in_all[3:]]
        assert picsweb_side.rows_with_onefile_id("learner", rest[-1][0]) == []

    def test_only_learners_have_a_centre(self, host):
        officer = host.officer(onefile_id=71)
        assert picsweb_side.rows_with_onefile_id("officer") == [(str(officer.pk), 71, None)]

    def test_several_may_have_the_same(self, host):
        twins = [host.officer(onefile_id=71), host.officer(onefile_id=71)]
        host.officer(onefile_id=72)
        assert picsweb_side.pks_with_onefile_id("officer", [71, 73]) == {71: in_order(*twins)}


@PICSWEB_ONLY
def test_officers_are_found_by_ident(host):
    sian = host.officer(ident="OFF 1")
    host.officer(ident="")
    assert picsweb_side.officers_by_ident() == {ident_key("OFF 1"): [str(sian.pk)]}


@PICSWEB_ONLY
def test_a_hidden_officer_is_found_by_ident_if_no_visible_one_has_it(host, monkeypatch):
    """As an officer is by the OneFile ID."""
    gone, here, former = (host.officer(ident=ident) for ident in ("OFF1", "OFF2", "off 2"))
    hidden = {gone.pk, former.pk}
    monkeypatch.setattr(linkable, "hides", lambda _part: True)
    monkeypatch.setattr(linkable, "shown", lambda _part: type(here)._base_manager.exclude(pk__in=hidden))
    found = picsweb_side.officers_by_ident()
    assert found == {ident_key("OFF1"): [str(gone.pk)], ident_key("OFF2"): [str(here.pk)]}


@COLLEGE_ONLY
def test_officers_without_an_ident_are_found_by_none(host):
    host.officer()
    assert picsweb_side.officers_by_ident() == {}
