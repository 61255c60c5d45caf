"""Saving PICSWeb's rows, on both hosts."""

import uuid
from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.db.models.signals import post_save, pre_save

from onefile_sync import host as picsweb_side
from onefile_sync.host.snapshot import Attendance
from tests.college.models import Enrolment

COLLEGE_ONLY = pytest.mark.parametrize("host", ["college"], indirect=True)


def read(learner):
    return picsweb_side.read_learner(picsweb_side.learner_by_pk(str(learner.pk)))


QUALIFICATION_VALUES = {
    "onefile_id": (None, 9001),
    "total_elements": (None, 40),
    "elements_done": (3, 12),
    "registration_number": ("", "AB-1"),
    "registration_date": (None, date(2026, 7, 1)),
    "certificate_applied_date": (date(2026, 1, 1), date(2026, 7, 2)),
    "certificate_received_date": (None, date(2026, 12, 3)),
}
REVIEW_VALUES = {
    "onefile_id": (None, 3001),
    "proposed_date": (date(2026, 3, 1), date(2026, 10, 5)),
    "proposed_time": (time(9), time(14, 30)),
    "attended": (Attendance.BLANK, Attendance.YES),
    "actual_date": (None, date(2026, 10, 6)),
    "trainee_signed_date": (None, date(2026, 10, 7)),
}


class TestSavingWhatChanged:
    @pytest.mark.parametrize(("field", "value"), QUALIFICATION_VALUES.items())
    def test_of_a_qualification(self, host, field, value):
        old, new = value
        learner = host.learner()
        qualification = host.qualification(learner, **{field: old})
        assert picsweb_side.save_fields("qualification", str(qualification.pk), {field: old}, {field: new})
        row = read(learner).qualifications[0]
        assert (row.onefile_id if field == "onefile_id" else row.values[field]) == new

    def test_of_a_review_all_at_once(self, host):
        learner, officer = host.learner(), host.officer(onefile_id=71)
        old = {field: old for field, (old, _new) in REVIEW_VALUES.items()}
        new = {field: new for field, (_old, new) in REVIEW_VALUES.items()}
        review = host.review(learner, **old)
        assert picsweb_side.save_fields(
            "review", str(review.pk), {**old, "officer": None}, {**new, "officer": str(officer.pk)}
        )
        row = read(learner).reviews[0]
        assert {field: getattr(row, field) for field in new} == new
        assert (row.officer, row.officer_onefile_id) == (str(officer.pk), 71)

    @pytest.mark.parametrize("field", ["proposed_date", "proposed_time"])
    def test_the_other_half_of_date_and_time_stays(self, host, field):
        learner = host.learner()
        before = {"proposed_date": date(2026, 3, 1), "proposed_time": time(9)}
        old, new = REVIEW_VALUES[field]
        review = host.review(learner, **before)
        assert picsweb_side.save_fields("review", str(review.pk), {field: old}, {field: new})
        row = read(learner).reviews[0]
        expected = {**before, field: new}
        assert {name: getattr(row, name) for name in before} == expected

    def test_a_time_can_be_taken_away_and_so_can_the_date(self, host):
        learner = host.learner()
        review = host.review(learner, proposed_date=date(2026, 7, 1), proposed_time=time(9))
        pk = str(review.pk)
        assert picsweb_side.save_fields("review", pk, {"proposed_time": time(9)}, {"proposed_time": None})
        assert read(learner).reviews[0].proposed_date == date(2026, 7, 1)
        assert read(learner).reviews[0].proposed_time is None
        assert picsweb_side.save_fields(
            "review", pk, {"proposed_date": date(2026, 7, 1)}, {"proposed_date": None}
        )
        assert read(learner).reviews[0].proposed_date is None

    def test_a_review_that_has_not_taken_place_loses_its_actual_date(self, host):
        learner = host.learner()
        review = host.review(learner, attended=Attendance.YES, actual_date=date(2026, 7, 1))
        old = {"attended": Attendance.YES, "actual_date": date(2026, 7, 1)}
        new = {"attended": Attendance.UNKNOWN, "actual_date": None}
        assert picsweb_side.save_fields("review", str(review.pk), old, new)
        row = read(learner).reviews[0]
        assert (row.attended, row.actual_date) == (Attendance.UNKNOWN, None)

    def test_of_a_learner(self, host):
        learner = host.learner()
        assert picsweb_side.save_fields("learner", str(learner.pk), {"centre_id": None}, {"centre_id": 8})
        assert read(learner).centre_id == 8


LINKED = ["learner", "qualification", "review", "officer", "organisation"]


def a_row(host, kind, **roles):
    parents = [host.learner()] if kind in ("qualification", "review") else []
    return getattr(host, kind)(*parents, **roles)


def onefile_id_of(row):
    return type(row)._base_manager.get(pk=row.pk).onefile_id


class TestLinkingAndUnlinking:
    """The OneFile ID of a row of any kind."""

    @pytest.mark.parametrize("kind", LINKED)
    @pytest.mark.parametrize(("old", "new"), [(None, 7), (7, None), (7, 8)])
    def test_the_id_is_set_or_cleared(self, host, kind, old, new):
        row = a_row(host, kind, onefile_id=old)
        saved = picsweb_side.save_fields(kind, str(row.pk), {"onefile_id": old}, {"onefile_id": new})
        assert (saved.before["onefile_id"], saved.values["onefile_id"]) == (old, new)
        assert onefile_id_of(row) == new

    @pytest.mark.parametrize("kind", LINKED)
    def test_a_row_that_was_linked_meanwhile_stays(self, host, kind):
        row = a_row(host, kind, onefile_id=7)
        assert not picsweb_side.save_fields(kind, str(row.pk), {"onefile_id": None}, {"onefile_id": 8})
        assert onefile_id_of(row) == 7

    @pytest.mark.parametrize("kind", LINKED)
    @pytest.mark.parametrize("wanted", [7, None])
    def test_a_model_that_keeps_its_own_id_is_reported(self, host, kind, wanted):
        row = a_row(host, kind, onefile_id=3)

        def keep(instance, **kwargs):
            instance.onefile_id = 3

        pre_save.connect(keep, sender=type(row))
        try:
            with pytest.raises(picsweb_side.Rejected) as caught:
                picsweb_side.save_fields(kind, str(row.pk), {"onefile_id": 3}, {"onefile_id": wanted})
        finally:
            pre_save.disconnect(keep, sender=type(row))
        assert (caught.value.kind, caught.value.pk, caught.value.fields) == (
            kind,
            str(row.pk),
            ("onefile_id",),
        )

    @pytest.mark.parametrize("kind", ["officer", "organisation"])
    def test_a_number_that_the_field_cannot_hold_is_refused(self, host, kind):
        row = a_row(host, kind)
        assert not picsweb_side.can_hold(kind, "onefile_id", -1)
        with pytest.raises(picsweb_side.Rejected):
            picsweb_side.save_fields(kind, str(row.pk), {"onefile_id": None}, {"onefile_id": -1})

    @pytest.mark.parametrize("kind", ["officer", "organisation"])
    def test_signals_tell_of_the_id_only(self, host, kind):
        row, sent = a_row(host, kind), []

        def listen(update_fields, **kwargs):
            sent.append(update_fields)

        post_save.connect(listen, sender=type(row))
        try:
            picsweb_side.save_fields(kind, str(row.pk), {"onefile_id": None}, {"onefile_id": 7})
        finally:
            post_save.disconnect(listen, sender=type(row))
        assert sent == [{"onefile_id"}]

    def test_two_rows_are_saved_together_or_not_at_all(self, host):
        officer, learner = host.officer(), host.learner(onefile_id=None)

        def link_both(onefile_id):
            with picsweb_side.saving("learner", str(learner.pk)):
                picsweb_side.save_fields(
                    "learner", str(learner.pk), {"onefile_id": None}, {"onefile_id": 501}
                )
                picsweb_side.save_fields(
                    "officer", str(officer.pk), {"onefile_id": None}, {"onefile_id": onefile_id}
                )

        with pytest.raises(picsweb_side.Rejected) as caught:
            link_both(-1)
        assert (caught.value.kind, caught.value.pk) == ("officer", str(officer.pk))
        assert onefile_id_of(learner) is None

        link_both(71)
        assert (onefile_id_of(learner), onefile_id_of(officer)) == (501, 71)

    @COLLEGE_ONLY
    def test_unlinking_moves_the_stamp_of_the_last_change(self, host):
        with time_machine.travel(datetime(2026, 1, 1, tzinfo=UTC)):
            learner = host.learner(onefile_id=501, centre_id=8)
        old = {"onefile_id": 501, "centre_id": 8}
        picsweb_side.save_fields("learner", str(learner.pk), old, dict.fromkeys(old))
        kept = type(learner).everybody.get()
        assert (kept.onefile_id, kept.onefile_centre_id) == (None, None)
        assert kept.edited_at > learner.edited_at + timedelta(days=1)


class TestNothingIsLost:
    def test_a_clerks_edit_made_meanwhile_stays(self, host):
        learner = host.learner()
        qualification = host.qualification(learner, registration_number="typed by a clerk")
        old = {"registration_number": "", "elements_done": None}
        new = {"registration_number": "AB-1", "elements_done": 5}
        assert not picsweb_side.save_fields("qualification", str(qualification.pk), old, new)
        row = read(learner).qualifications[0]
        assert (row.values["registration_number"], row.values["elements_done"]) == ("typed by a clerk", None)

    def test_an_edit_of_another_field_does_not_stand_in_the_way_and_stays(self, host):
        learner = host.learner()
        qualification = host.qualification(learner, registration_number="typed by a clerk")
        old = {"registration_number": "", "elements_done": None}
        assert picsweb_side.save_fields("qualification", str(qualification.pk), old, {"elements_done": 5})
        row = read(learner).qualifications[0]
        assert (row.values["registration_number"], row.values["elements_done"]) == ("typed by a clerk", 5)

    @pytest.mark.parametrize("pk", ["987654321", "no such key", str(uuid.UUID(int=7))])
    def test_a_row_that_is_gone_is_not_saved(self, host, pk):
        assert not picsweb_side.save_fields("review", pk, {"onefile_id": None}, {"onefile_id": 1})

    @pytest.mark.parametrize("blank", [None, ""])
    def test_every_kind_of_blank_is_one(self, host, blank):
        qualification = host.qualification(host.learner())
        old, new = {"registration_number": blank}, {"registration_number": "AB-1"}
        assert picsweb_side.save_fields("qualification", str(qualification.pk), old, new)


class TestPicswebsOwnMachinery:
    def test_signals_are_sent_with_the_fields_that_changed(self, host):
        qualification = host.qualification(host.learner())
        sent = []

        def listen(sender, update_fields, **kwargs):
            sent.append((sender, update_fields))

        post_save.connect(listen, sender=type(qualification))
        try:
            picsweb_side.save_fields(
                "qualification", str(qualification.pk), {"elements_done": None}, {"elements_done": 5}
            )
        finally:
            post_save.disconnect(listen, sender=type(qualification))
        [(sender, fields)] = sent
        own = {"elements_done"} if host.name == "picsweb" else {"credits_achieved", "edited_at"}
        assert (sender, fields) == (type(qualification), own)

    @COLLEGE_ONLY
    def test_the_stamp_of_the_last_change_moves(self, host):
        with time_machine.travel(datetime(2026, 1, 1, tzinfo=UTC)):
            enrolment = host.qualification(host.learner())
        picsweb_side.save_fields(
            "qualification", str(enrolment.pk), {"elements_done": None}, {"elements_done": 5}
        )
        assert Enrolment.objects.get().edited_at > enrolment.edited_at + timedelta(days=1)

    def test_a_refusal_by_the_model_is_reported_without_quoting_it(self, host):
        learner = host.learner()
        qualification = host.qualification(learner)

        def refuse(**kwargs):
            raise ValidationError("Zoë Llewellyn has no such number")

        pre_save.connect(refuse, sender=type(qualification))
        try:
            with pytest.raises(picsweb_side.Rejected) as caught:
                picsweb_side.save_fields(
                    "qualification", str(qualification.pk), {"elements_done": None}, {"elements_done": 5}
                )
        finally:
            pre_save.disconnect(refuse, sender=type(qualification))
        assert (caught.value.kind, caught.value.pk) == ("qualification", str(qualification.pk))
        assert "Zoë" not in str(caught.value)
        assert caught.value.__suppress_context__
        assert read(learner).qualifications[0].values["elements_done"] is None


class TestCreatingAReview:
    def test_a_review_of_onefiles_gets_the_type_for_downloaded_reviews(self, host):
        learner = host.learner()
        values = {field: new for field, (_old, new) in REVIEW_VALUES.items()}
        saved = picsweb_side.create_review(str(learner.pk), values)
        [row] = read(learner).reviews
        assert (row.pk, row.is_normal) == (saved.pk, True)
        assert saved.values == {**values, "officer": None}
        assert {field: getattr(row, field) for field in values} == values

    def test_a_review_that_a_quicker_worker_created_is_not_created_twice(self, host):
        learner = host.learner()
        host.review(learner, onefile_id=3001)
        assert picsweb_side.create_review(str(learner.pk), {"onefile_id": 3001}) is None
        assert len(read(learner).reviews) == 1

    @pytest.mark.parametrize("pk", ["987654321", "no such key", str(uuid.UUID(int=7))])
    def test_of_a_learner_who_is_gone_is_refused(self, host, pk):
        with pytest.raises(picsweb_side.Rejected):
            picsweb_side.create_review(pk, {"onefile_id": 3001})

    def test_a_value_that_picsweb_cannot_hold_is_refused_and_nothing_is_saved(self, host):
        learner = host.learner()
        with pytest.raises(picsweb_side.Rejected):
            picsweb_side.create_review(str(learner.pk), {"onefile_id": -5})
        assert read(learner).reviews == ()


class TestCanHold:
    @pytest.mark.parametrize(
        ("kind", "field", "value", "expected"),
        [
            ("qualification", "registration_number", "AB-1", True),
            ("qualification", "registration_number", "", True),
            ("qualification", "registration_number", "x" * 51, False),
            ("qualification", "registration_number", "AB\x001", False),
            ("qualification", "registration_number", "AB\ud800", False),
            ("qualification", "elements_done", 0, True),
            ("qualification", "elements_done", None, True),
            ("qualification", "elements_done", -1, False),
            ("qualification", "elements_done", 2**63, False),
            ("qualification", "elements_done", "many", False),
            ("qualification", "registration_date", date(2026, 7, 1), True),
            ("qualification", "registration_date", None, True),
            ("qualification", "registration_date", date.min, True),
            ("qualification", "registration_date", 20260701, False),
            ("review", "actual_date", None, True),
            ("review", "proposed_date", date(2026, 7, 1), True),
            ("review", "proposed_time", time(9), True),
            ("review", "proposed_time", None, True),
            ("review", "attended", Attendance.UNKNOWN, True),
            ("review", "attended", "yes please", False),
            ("review", "officer", "no such key", False),
            ("review", "officer", None, True),
            ("review", "onefile_id", 2**63, False),
            ("review", "onefile_id", 3001, True),
            ("learner", "centre_id", -1, False),
        ],
    )
    def test_a_value(self, host, kind, field, value, expected, django_assert_num_queries):
        with django_assert_num_queries(0):
            assert picsweb_side.can_hold(kind, field, value) is expected

    def test_an_officer_by_key(self, host):
        assert picsweb_side.can_hold("review", "officer", str(host.officer().pk))

    def test_a_field_that_must_be_filled_cannot_be_blank(self, host, monkeypatch):
        model: type[Model] = type(host.review(host.learner()))
        name = "actual_date" if host.name == "picsweb" else "held_at"
        monkeypatch.setattr(model._meta.get_field(name), "null", False)
        assert not picsweb_side.can_hold("review", "actual_date", None)

    def test_attendance_outside_the_hosts_choices(self, host, settings):
        values = {"blank": None, "yes": 77, "no": 0, "unknown": 9}
        settings.ONEFILE_SYNC = {
            **host.mapping,
            "REVIEW": {**host.mapping["REVIEW"], "attended_values": values},
        }
        assert not picsweb_side.can_hold("review", "attended", Attendance.YES)

    def test_a_date_time_has_no_zone_where_django_uses_none(self, host, settings):
        settings.USE_TZ = False
        assert picsweb_side.can_hold("qualification", "registration_date", date(2026, 7, 1))


class TestStillHolds:
    def test_an_unchanged_row(self, host):
        qualification = host.qualification(host.learner(), elements_done=3)
        values = {"elements_done": 3, "registration_number": None}
        assert picsweb_side.still_holds("qualification", str(qualification.pk), values)

    @pytest.mark.parametrize(
        "values", [{"elements_done": 4}, {"elements_done": 3, "registration_number": "AB"}]
    )
    def test_a_row_that_was_edited(self, host, values):
        qualification = host.qualification(host.learner(), elements_done=3)
        assert not picsweb_side.still_holds("qualification", str(qualification.pk), values)

    def test_a_condition_that_was_read_of_it(self, host, django_assert_num_queries):
        qualification = host.qualification(host.learner(), elements_done=3)
        pk = str(qualification.pk)
        with django_assert_num_queries(1 if host.name == "picsweb" else 2):  # the college asks a function
            assert picsweb_side.still_holds("qualification", pk, {"elements_done": 3, "has_units": False})

        host.unit(qualification)

        assert not picsweb_side.still_holds("qualification", pk, {"elements_done": 3, "has_units": False})
        assert picsweb_side.still_holds("qualification", pk, {"elements_done": 3, "has_units": True})

    @pytest.mark.parametrize("pk", ["987654321", "no such key", str(uuid.UUID(int=7))])
    def test_a_row_that_is_gone(self, host, pk):
        assert not picsweb_side.still_holds("review", pk, {"onefile_id": None})
