"""A plan is carried out against the sandbox over real sockets: what was shown is created, once, and linked."""

from __future__ import annotations

from typing import Any

import pytest

from onefile_sync.models import CreateIntent, RecordLink
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from tests.factories import Host, PlacementFactory

from .scenario import WHOLE, Calls, Enrolment, at_noon, new_learner

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize("host", ["picsweb"], indirect=True)]


@pytest.fixture
def enrolment(host: Host, world: World, onefile: SandboxServer) -> Enrolment:
    return new_learner(host, world)


def test_everything_that_was_planned_is_created_and_linked(enrolment: Enrolment) -> None:
    learner_id = enrolment.round()

    assert enrolment.told == []
    assert enrolment.counts() == WHOLE
    enrolment.assert_all_linked()
    enrolment.assert_nothing_open()
    made = enrolment.new_learners[0]
    assert (made.id, made.email, made.misid) == (learner_id, "zoe0@learner.example", enrolment.learner.ident)
    assert made.default_assessor_id == enrolment.officer.onefile_id
    assert made.placement_id == enrolment.employer.onefile_id
    assert enrolment.learner.onefile_centre_id == enrolment.world.centre_id


def test_the_parts_are_linked_with_the_learner(enrolment: Enrolment) -> None:
    enrolment.round()
    mine = RecordLink.objects.get(subject_kind="learner")
    assert mine.how == "created"
    parts = RecordLink.objects.filter(parent=mine)
    assert {each.subject_pk for each in parts} == {str(each.pk) for each in enrolment.qualifications}


def test_dates_and_assessors_reach_the_learning_aims(enrolment: Enrolment) -> None:
    enrolment.round()
    first, second = enrolment.world.aims.values()
    assert (str(first.start_date)[:10], str(first.planned_end)[:10]) == ("2026-03-02", "2027-03-01")
    assigned = {(each.user_id, each.level, each.standard_id) for each in enrolment.world.assignments.values()}
    user = enrolment.second.__class__.objects.get(pk=enrolment.second.pk).onefile_id
    assert assigned == {(user, 3, second.standard_id), (user, 1, None)}


def test_each_change_is_recorded_once_with_its_rule(enrolment: Enrolment) -> None:
    enrolment.round()
    told = [(each.side, each.subject.kind, each.subject.pk, each.field, each.rule) for each in enrolment.made]
    assert len(told) == len(set(told))
    pk = str(enrolment.learner.pk)
    assert ("onefile", "learner", pk, "email", "enrol_email") in told
    assert ("picsweb", "learner", pk, "onefile_id", "enrol_created") in told
    assert ("onefile", "organisation", str(enrolment.employer.pk), "name", "enrol_placement") in told


def test_a_second_time_does_nothing(enrolment: Enrolment) -> None:
    enrolment.round()
    writes = enrolment.world.writes
    enrolment.round()
    assert (enrolment.world.writes, enrolment.counts()) == (writes, WHOLE)


def test_the_calls_of_an_upload_are_few(enrolment: Enrolment) -> None:
    enrolment.round()
    another = Enrolment(
        enrolment.host,
        enrolment.world,
        enrolment.host.learner(
            onefile_id=None,
            first_name="Huw",
            surname="Bevan",
            email="huw@learner.example",
            main_officer=enrolment.officer,
        ),
        enrolment.officer,
        enrolment.second,
        enrolment.employer,
        [],
    )
    PlacementFactory(learner=another.learner, organisation=enrolment.employer)
    enrolment.host.qualification(another.learner, reference="196AS", start_date=None)
    client = another.client()
    calls = Calls(client)
    another.round(client)
    assert another.told == []
    assert len(calls.names) <= 8 + 4, calls.names


def test_qualifications_are_added_for_a_linked_learner_and_nothing_else(enrolment: Enrolment) -> None:
    enrolment.round()
    enrolment.world.add_standard(code="200XX", title="Team Leader")
    row = enrolment.host.qualification(enrolment.learner, reference="200XX")
    before = enrolment.counts()
    enrolment.round()
    row.refresh_from_db()
    assert row.onefile_id == max(enrolment.world.aims)
    assert enrolment.counts() == {**before, "aims": before["aims"] + 1}


def test_an_aim_that_is_there_already_is_linked_and_never_doubled(
    enrolment: Enrolment, monkeypatch: Any
) -> None:
    enrolment.qualifications[0].delete()
    enrolment.qualifications[1].delete()
    enrolment.additional = ()
    enrolment.round()
    enrolment.learner.refresh_from_db()
    standard = next(iter(enrolment.world.standards.values()))
    there = enrolment.world.add_aim_of(enrolment.learner.onefile_id, standard)
    row = enrolment.host.qualification(enrolment.learner, reference=standard.code)
    enrolment.round()
    row.refresh_from_db()
    assert row.onefile_id == there.id
    assert len(enrolment.world.aims) == 1


def test_a_class_is_created_where_that_is_set(enrolment: Enrolment) -> None:
    enrolment.create_classes = True
    enrolment.learner.main_tag = "Monday"
    enrolment.learner.save()
    with at_noon():
        enrolment.round()
    assert enrolment.told == []
    made = next(each for each in enrolment.world.classrooms.values() if each.name == "Monday")
    assert enrolment.new_learners[0].classroom_id == made.id
    assert CreateIntent.objects.get(kind="class").ending == "created"


def test_nothing_readable_of_a_person_is_on_record(enrolment: Enrolment) -> None:
    enrolment.round()
    kept = " ".join(str(row) for row in CreateIntent.objects.values())
    for secret in ("Llewellyn", "zoe0@", "gwen@", "Price", "2005", enrolment.learner.ident):
        assert secret not in kept
