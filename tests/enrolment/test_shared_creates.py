"""Officers, employers and classes that several learners need are created once, whoever comes first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from onefile_sync.enrolment import creates
from onefile_sync.enrolment.creates import PartyBusy
from onefile_sync.models import CreateIntent, OneFileSettings, RecordLink, Tenant
from onefile_sync.onefile.client import OneFile
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from tests.factories import Host

from .scenario import LATER, Calls, Enrolment, Killed, another_learner, at_noon, new_learner

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize("host", ["picsweb"], indirect=True)]


@pytest.fixture
def first(host: Host, world: World, onefile: SandboxServer) -> Enrolment:
    return new_learner(host, world)


@pytest.fixture
def second(first: Enrolment) -> Enrolment:
    """Another learner with the same officer and the same employer."""
    learner = another_learner(first.host, first.officer, first.employer, 1, first_name="Huw", surname="Bevan")
    return Enrolment(first.host, first.world, learner, first.officer, first.second, first.employer, [])


def meanwhile(onefile: OneFile, operation: str, work: Any) -> OneFile:
    """A client that lets something else happen right before the first call of an operation is sent."""
    send = onefile.transport.send
    happened = []

    def sending(called: Any, *args: Any, about_to_send: Any = lambda: None, **options: Any) -> Any:
        def also() -> None:
            about_to_send()
            if called.name == operation and not happened:
                happened.append(called)
                work()

        return send(called, *args, about_to_send=also, **options)

    onefile.transport.send = sending  # type: ignore[method-assign]
    return onefile


@pytest.mark.parametrize("operation", ["create placement", "create user"])
def test_who_finds_a_create_taken_is_put_back(first: Enrolment, second: Enrolment, operation: str) -> None:
    def the_other() -> None:
        with pytest.raises(PartyBusy):
            second.round()

    with at_noon():
        first.round(meanwhile(first.client(), operation, the_other))
        second.round()
    assert (first.told, second.told) == ([], [])
    assert (len(first.new_assessors), len(first.world.placements), len(first.new_learners)) == (2, 1, 2)


def test_who_planned_before_the_other_created_uses_that_record(first: Enrolment, second: Enrolment) -> None:
    with at_noon():
        planned_before = second.plan()
        first.round()
        second.round(plan=planned_before)
    assert (len(first.new_assessors), len(first.world.placements), len(first.new_learners)) == (2, 1, 2)
    assert {each.default_assessor_id for each in first.new_learners} == {
        type(first.officer).objects.get(pk=first.officer.pk).onefile_id
    }


def test_the_create_of_a_killed_worker_is_taken_over(first: Enrolment, second: Enrolment) -> None:
    with at_noon() as now:
        client = first.client()
        Calls(client, 6, "after OneFile commits")  # the main officer
        with pytest.raises(Killed):
            first.round(client)
        with pytest.raises(PartyBusy):
            second.round()
        now.shift(LATER)
        second.round()
        assert second.told == []
        first.round()
    assert len(first.new_assessors) == 2
    assert len(first.new_learners) == 2
    first.assert_nothing_open()


@pytest.mark.parametrize("switches", [Switches(rate_limit=0, search_lag=20)], ids=["lag"])
def test_two_learners_get_one_new_class_though_searches_find_it_late(
    first: Enrolment, second: Enrolment
) -> None:
    for each in (first, second):
        each.create_classes = True
        each.learner.main_tag = "Monday"
        each.learner.save()
    with at_noon() as now:
        planned_before = second.plan()
        first.round()
        now.shift(timedelta(seconds=5))
        second.round(plan=planned_before)
    assert (first.told, second.told) == ([], [])
    assert [each.name for each in first.world.classrooms.values()] == ["September start", "Monday"]


@pytest.mark.parametrize("by", ["automatic", "onefile_id"])
def test_one_of_several_users_of_an_officer_is_on_record_only(first: Enrolment, by: str) -> None:
    OneFileSettings.objects.update(match_by=by)
    assert first.tenant.pk
    Tenant.objects.update(centres=2)
    with at_noon():
        first.round()
    assert first.told == []
    link = RecordLink.objects.get(subject_kind="officer", subject_pk=str(first.officer.pk))
    first.officer.refresh_from_db()
    assert link.centre_id == first.world.centre_id
    assert link.in_row is (by == "onefile_id")
    assert first.officer.onefile_id == (link.onefile_id if link.in_row else None)


def test_an_officer_deleted_meanwhile_leaves_the_create_over(first: Enrolment) -> None:
    def delete() -> None:
        type(first.learner).objects.filter(pk=first.learner.pk).update(main_officer=None)
        type(first.officer).objects.filter(pk=first.officer.pk).delete()

    with at_noon():
        first.round(meanwhile(first.client(), "create user", delete))
    assert first.told == ["create_left_over"]
    assert CreateIntent.objects.get(kind="assessor").ending == "left_over"
    assert not creates.in_doubt(first.tenant).exists()


def test_an_officer_linked_by_hand_in_doubt_leaves_the_create_over(first: Enrolment) -> None:
    with at_noon() as now:
        planned_before = first.plan()
        client = first.client()
        Calls(client, 6, "after OneFile commits")
        with pytest.raises(Killed):
            first.round(client)
        other = first.world.add_assessor(first_name="Other", last_name="Person")
        type(first.officer).objects.filter(pk=first.officer.pk).update(onefile_id=other.id)
        now.shift(LATER)
        first.round(plan=planned_before)
    assert first.told == ["create_left_over"]
    assert first.new_learners[0].default_assessor_id == other.id
    assert len(first.new_assessors) == 3
