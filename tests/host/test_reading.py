"""PICSWeb's rows as plain values, on both hosts."""

import uuid
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ObjectDoesNotExist
from django.utils import timezone

from onefile_sync import host as picsweb_side
from onefile_sync.host.elsewhere import follow
from onefile_sync.host.snapshot import Attendance, LearnerRow, QualificationRow, ReviewRow
from tests.college.models import Student

TODAY = date(2026, 11, 23)


COLLEGE_ONLY = pytest.mark.parametrize("host", ["college"], indirect=True)


def refetched(learner):
    return picsweb_side.learner_by_pk(str(learner.pk))


def the_only(host, part, learner):
    return getattr(picsweb_side.read_learner(refetched(learner)), part)[0]


def test_a_learner_is_read_with_everything_the_exchange_can_touch(host):
    main_officer, reviewer = host.officer(onefile_id=71), host.officer(onefile_id=72)
    learner = host.learner(onefile_id=501, centre_id=8, main_officer=main_officer)
    qualification = host.qualification(
        learner,
        onefile_id=9001,
        total_elements=40,
        elements_done=12,
        registration_number="AB-1",
        registration_date=date(2026, 6, 1),
        certificate_applied_date=date(2026, 7, 2),
        certificate_received_date=date(2026, 8, 3),
    )
    review = host.review(
        learner,
        onefile_id=3001,
        proposed_date=date(2026, 10, 5),
        proposed_time=time(14, 30),
        attended=Attendance.YES,
        actual_date=date(2026, 10, 6),
        officer=reviewer,
        trainee_signed_date=date(2026, 10, 7),
    )
    host.qualification(host.learner(onefile_id=502))

    assert picsweb_side.read_learner(refetched(learner)) == LearnerRow(
        pk=str(learner.pk),
        label=str(learner),
        onefile_id=501,
        centre_id=8,
        main_officer=str(main_officer.pk),
        main_officer_onefile_id=71,
        qualifications=(
            QualificationRow(
                pk=str(qualification.pk),
                label=str(qualification),
                onefile_id=9001,
                has_units=False,
                values={
                    "total_elements": 40,
                    "elements_done": 12,
                    "registration_number": "AB-1",
                    "registration_date": date(2026, 6, 1),
                    "certificate_applied_date": date(2026, 7, 2),
                    "certificate_received_date": date(2026, 8, 3),
                },
            ),
        ),
        reviews=(
            ReviewRow(
                pk=str(review.pk),
                label=str(review),
                onefile_id=3001,
                is_normal=True,
                proposed_date=date(2026, 10, 5),
                proposed_time=time(14, 30),
                attended=Attendance.YES,
                actual_date=date(2026, 10, 6),
                officer=str(reviewer.pk),
                officer_onefile_id=72,
                trainee_signed_date=date(2026, 10, 7),
            ),
        ),
    )


def test_what_is_not_filled_in_is_blank(host):
    learner = host.learner()
    host.qualification(learner)
    host.review(learner)
    row = picsweb_side.read_learner(refetched(learner))
    assert (row.centre_id, row.main_officer, row.main_officer_onefile_id) == (None, None, None)
    [qualification], [review] = row.qualifications, row.reviews
    assert qualification == QualificationRow(qualification.pk, qualification.label, None)
    assert review == ReviewRow(review.pk, review.label, None)


@pytest.mark.parametrize("attended", Attendance)
def test_attendance_is_read_in_the_hosts_own_values(host, attended):
    learner = host.learner()
    host.review(learner, attended=attended)
    assert the_only(host, "reviews", learner).attended is attended


def test_a_review_of_another_type_is_not_normal(host):
    learner = host.learner()
    host.review(learner, is_normal=False)
    assert not the_only(host, "reviews", learner).is_normal


def test_midnight_in_one_date_time_means_that_no_time_is_given(host):
    learner = host.learner()
    host.review(learner, proposed_date=date(2026, 7, 1))
    review = the_only(host, "reviews", learner)
    assert (review.proposed_date, review.proposed_time) == (date(2026, 7, 1), None)


def test_a_qualification_has_units_when_units_are_attached(host):
    learner = host.learner()
    with_units, _without = host.qualification(learner), host.qualification(learner)
    host.unit(with_units)
    rows = picsweb_side.read_learner(refetched(learner)).qualifications
    assert {row.pk: row.has_units for row in rows if row.has_units} == {str(with_units.pk): True}


@pytest.mark.parametrize("each", [1, 6])
def test_the_number_of_queries_for_a_learner_is_constant(host, each, settings, django_assert_num_queries):
    has_units = {"has_units": "units" if host.name == "picsweb" else "module"}
    settings.ONEFILE_SYNC = {
        **host.mapping,
        "QUALIFICATION": {**host.mapping["QUALIFICATION"], **has_units},
    }
    learner = host.learner(main_officer=host.officer(onefile_id=71))
    for _ in range(each):
        host.unit(host.qualification(learner))
        host.review(learner, officer=host.officer())
    ContentType.objects.get_for_model(learner)
    with django_assert_num_queries(1):
        fetched = refetched(learner)
    with django_assert_num_queries(2):
        row = picsweb_side.read_learner(fetched)
    assert [len(row.qualifications), len(row.reviews)] == [each, each]
    assert all(qualification.has_units for qualification in row.qualifications)


@COLLEGE_ONLY
def test_a_long_name_is_shortened(host):
    host.officer(onefile_id=71, full_name="x" * 250)
    [name] = picsweb_side.read_officers([71]).names.values()
    assert name == "x" * 200


class TestLearnerByPk:
    def test_a_learner_is_found_by_key_as_text(self, host):
        learner = host.learner()
        assert picsweb_side.learner_by_pk(str(learner.pk)) == learner
        assert isinstance(learner, picsweb_side.learner_model())

    @pytest.mark.parametrize("pk", ["", "no such key", "987654321", str(uuid.UUID(int=7))])
    def test_an_unknown_key_finds_no_learner(self, host, pk):
        host.learner()
        assert picsweb_side.learner_by_pk(pk) is None

    @COLLEGE_ONLY
    def test_a_learner_hidden_by_the_host_is_not_found(self, host):
        assert refetched(host.learner(binned=True)) is None


class TestScope:
    @pytest.mark.parametrize(
        ("roles", "expected"),
        [
            ({}, True),
            ({"onefile_id": None}, False),
            ({"live": False}, False),
            ({"in_learning": False, "ended_on": TODAY - timedelta(days=31)}, True),
            ({"in_learning": False, "ended_on": TODAY - timedelta(days=32)}, False),
            ({"in_learning": False, "ended_on": TODAY, "live": False}, False),
        ],
    )
    def test_a_learner_is_in_scope_by_rule_r2(self, host, roles, expected):
        learner = host.learner(**roles)
        assert [found == learner for found in picsweb_side.scope(TODAY)] == [True] * expected

    def test_how_long_ago_a_learner_may_have_ended_is_a_setting(self, host, settings):
        settings.ONEFILE_SYNC = {**host.mapping, "ENDED_WITHIN_DAYS": 3}
        host.learner(in_learning=False, ended_on=TODAY - timedelta(days=4))
        assert list(picsweb_side.scope(TODAY)) == []

    def test_learners_come_in_the_order_of_their_keys(self, host):
        learners = [host.learner(onefile_id=number) for number in (3, 1, 2)]
        assert list(picsweb_side.scope(TODAY)) == sorted(learners, key=lambda learner: learner.pk)

    @COLLEGE_ONLY
    def test_a_break_is_determined_by_the_hosts_own_function(self, host):
        host.learner(on_break=True)
        assert list(picsweb_side.scope(TODAY)) == []

    @COLLEGE_ONLY
    def test_a_learner_hidden_by_the_host_stays_out(self, host):
        learner = host.learner()
        Student.everybody.filter(pk=learner.pk).update(binned=True)
        assert list(picsweb_side.scope(TODAY)) == []

    @pytest.mark.parametrize("live", ["tests.host.test_reading.nobody", "tests.host.test_reading.everybody"])
    def test_live_may_be_determined_by_a_function(self, host, settings, live):
        settings.ONEFILE_SYNC = {**host.mapping, "LEARNER": {**host.mapping["LEARNER"], "live": live}}
        learner = host.learner(live=False)
        assert list(picsweb_side.scope(TODAY)) == [learner] * live.endswith("everybody")


def nobody(learner):
    return False


def everybody(learner):
    return True


class TestConditions:
    @pytest.mark.parametrize(
        ("picsweb", "college", "expected"),
        [
            ({"status": ["live", "dormant"]}, {"enrolled": [True, None]}, True),
            ({"status": "live", "email": ""}, {"enrolled": True, "on_break": False}, True),
            ({"status": "live", "email": "x"}, {"enrolled": True, "on_break": True}, False),
            ({"start_date": [None, date(2025, 9, 1)]}, {"left_at": [None, timezone.now()]}, True),
            ({"main_officer": None}, {"personal_tutor": None}, True),
            ("main_officer", "personal_tutor", False),
            ("placements", "enrolment", False),
            ("qualifications", "meeting_set", True),
        ],
    )
    def test_live_may_be_determined_by_fields_and_relations(self, host, settings, picsweb, college, expected):
        live = picsweb if host.name == "picsweb" else college
        settings.ONEFILE_SYNC = {**host.mapping, "LEARNER": {**host.mapping["LEARNER"], "live": live}}
        learner = host.learner()
        if host.name == "picsweb":
            host.qualification(learner)
        else:
            host.review(learner)
        assert (learner in picsweb_side.scope(TODAY)) is expected


def test_learners_who_share_a_onefile_id_are_named(host):
    twins = [host.learner(onefile_id=501), host.learner(onefile_id=501)]
    host.learner(onefile_id=502)
    assert picsweb_side.learners_sharing(501) == [str(pk) for pk in sorted(each.pk for each in twins)]
    assert picsweb_side.learners_sharing(999) == []


class TestOfficers:
    def test_an_officer_is_found_by_the_linked_assessor(self, host):
        officer, other = host.officer(onefile_id=71), host.officer(onefile_id=72)
        officers = picsweb_side.read_officers([71, 99], also=[str(other.pk), "no such key"])
        assert officers.by_onefile_id == {71: str(officer.pk)}
        assert officers.names == {str(officer.pk): str(officer), str(other.pk): str(other)}
        assert officers.ambiguous == frozenset()

    def test_an_assessor_linked_to_several_officers_is_ambiguous(self, host):
        for _ in range(2):
            host.officer(onefile_id=71)
        officers = picsweb_side.read_officers([71])
        assert (dict(officers.by_onefile_id), officers.ambiguous) == ({}, {71})

    def test_no_query_is_made_without_ids(self, host, django_assert_num_queries):
        with django_assert_num_queries(0):
            assert picsweb_side.read_officers([]).names == {}


class TestAttendanceOfTheHostsOwn:
    @pytest.fixture
    def review(self, host, settings):
        """A learner's only review, with ``attended_values`` in which blank and unknown are the same."""
        blank = "" if host.name == "picsweb" else None
        values = {"blank": blank, "unknown": blank, "no": "no", "yes": "yes"}
        if host.name == "college":
            values |= {"no": 0, "yes": 1}
        settings.ONEFILE_SYNC = {
            **host.mapping,
            "REVIEW": {**host.mapping["REVIEW"], "attended_values": values},
        }
        return lambda attended: host.review(host.learner(), attended=attended)

    def test_a_value_that_means_both_blank_and_unknown_is_unknown(self, host, review):
        meeting = review(Attendance.BLANK)
        learner = getattr(meeting, "learner" if host.name == "picsweb" else "student")
        assert the_only(host, "reviews", learner).attended is Attendance.UNKNOWN

    def test_a_value_that_the_mapping_does_not_know_is_no_reason_to_upload(self, host, review):
        meeting = review(Attendance.UNKNOWN)  # "unknown" or 9, which the mapping above leaves out
        learner = getattr(meeting, "learner" if host.name == "picsweb" else "student")
        assert the_only(host, "reviews", learner).attended is Attendance.NO


@COLLEGE_ONLY
@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime(2026, 6, 30, 23, 30, tzinfo=ZoneInfo("UTC")), date(2026, 7, 1)),
        (datetime(2026, 12, 31, 23, 30, tzinfo=ZoneInfo("UTC")), date(2026, 12, 31)),
    ],
)
def test_a_date_time_becomes_a_date_in_local_time(host, at, expected):
    learner = host.learner()
    enrolment = host.qualification(learner)
    type(enrolment).objects.update(registered_at=at)
    assert the_only(host, "qualifications", learner).values["registration_date"] == expected


def test_all_shared_onefile_ids_are_found_in_one_query(host, django_assert_num_queries):
    for onefile_id in (501, 501, 502, None, None):
        host.learner(onefile_id=onefile_id)
    with django_assert_num_queries(1):
        assert picsweb_side.shared_onefile_ids() == {501}


def test_a_learner_whose_name_cannot_be_made_up_is_called_by_the_primary_key(host, monkeypatch):
    def fail(_self):
        raise AttributeError("no such relation")

    learner = host.learner(onefile_id=501)
    monkeypatch.setattr(type(learner), "__str__", fail)
    label = str(picsweb_side.read_learner(refetched(learner)).label)
    assert label == f"{learner._meta.verbose_name} {learner.pk}"


def test_a_path_over_a_row_that_is_not_there_leads_nowhere():
    class Learner:
        @property
        def profile(self):
            raise ObjectDoesNotExist

    assert follow(Learner(), ["profile", "officer"]) is None
