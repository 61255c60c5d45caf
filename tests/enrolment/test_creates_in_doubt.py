"""While a create is in doubt, nothing else may make PICSWeb forget it: unlinking, another environment, a deletion."""

from __future__ import annotations

from datetime import timedelta

import pytest

from onefile_sync.enrolment import creates
from onefile_sync.enrolment.create_steps import end_creates_of_deleted
from onefile_sync.linking.learner_links import unlink_learner
from onefile_sync.linking.linker import LinkRefused
from onefile_sync.linking.moving import refusal_to_move
from onefile_sync.models import CreateIntent, Tenant
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.sync.planning.types import Subject
from tests.factories import Host

from .scenario import LATER, WHOLE, Calls, Enrolment, Killed, at_noon, new_learner
from .test_find_again import KINDS, answering, lost, not_carried_out

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize("host", ["picsweb"], indirect=True)]


@pytest.fixture
def enrolment(host: Host, world: World, onefile: SandboxServer) -> Enrolment:
    return new_learner(host, world)


def killed_at(enrolment: Enrolment, number: int) -> None:
    client = enrolment.client()
    Calls(client, number, "after OneFile commits")
    with pytest.raises(Killed):
        enrolment.round(client)


def test_links_are_not_moved_before_the_record_is_found(enrolment: Enrolment) -> None:
    with at_noon() as now:
        enrolment.round(answering(enrolment.client(), *KINDS["learner"], lost))
        refused = refusal_to_move()
        assert refused is not None
        assert refused.code == "move_create_in_doubt"
        assert f"learner {enrolment.learner.pk}." in refused.reason
        assert refusal_to_move(has_left=True) is not None
        now.shift(LATER)
        assert refusal_to_move() is not None
        assert refusal_to_move(has_left=True) is None
        enrolment.round()
        assert refusal_to_move() is None


def test_a_create_of_one_onefile_is_not_used_in_another(enrolment: Enrolment) -> None:
    with at_noon() as now:
        enrolment.round(answering(enrolment.client(), *KINDS["placement"], lost))
        other = Tenant.objects.create(environment="live", address="https://two.example", token_digest="2")
        assert not creates.in_doubt(other).exists()
        assert creates.in_doubt(enrolment.tenant).count() == 1
        now.shift(LATER)
        enrolment.round()
    assert enrolment.counts() == WHOLE


def test_a_learner_is_not_unlinked_while_a_learning_aim_is_in_doubt(enrolment: Enrolment) -> None:
    with at_noon() as now:
        killed_at(enrolment, 17)  # the first learning aim
        enrolment.learner.refresh_from_db()
        with pytest.raises(LinkRefused) as refused:
            unlink_learner(str(enrolment.learner.pk))
        assert refused.value.code == "link_create_unfinished"
        now.shift(LATER)
        enrolment.round()
        assert enrolment.told == []
        assert unlink_learner(str(enrolment.learner.pk)) is not None
    assert enrolment.counts() == WHOLE


def test_linking_again_after_unlinking_creates_nothing(enrolment: Enrolment) -> None:
    with at_noon():
        onefile_id = enrolment.round()
        assert onefile_id is not None
        assert unlink_learner(str(enrolment.learner.pk)) is not None
        enrolment.learner.refresh_from_db()
        enrolment.learner.onefile_id = onefile_id
        enrolment.learner.save()
        enrolment.round()
    assert enrolment.counts() == WHOLE


def test_a_learner_linked_by_hand_ends_the_create(enrolment: Enrolment) -> None:
    with at_noon() as now:
        enrolment.round(not_carried_out(enrolment.client(), *KINDS["learner"]))
        other = enrolment.world.add_learner(first_name="Zoë", last_name="Llewellyn")
        type(enrolment.learner).objects.filter(pk=enrolment.learner.pk).update(onefile_id=other.id)
        now.shift(LATER)
        enrolment.round()
        assert enrolment.told == ["create_left_over"]
        enrolment.round()
    assert len(enrolment.new_learners) == 1
    assert CreateIntent.objects.get(kind="learner").ending == "left_over"


def test_what_a_deleted_learner_leaves_in_onefile_is_told(enrolment: Enrolment) -> None:
    with at_noon():
        enrolment.round(answering(enrolment.client(), *KINDS["learner"], lost))
        about = Subject("learner", str(enrolment.learner.pk))
        enrolment.learner.delete()
        [left] = end_creates_of_deleted(enrolment.tenant, about)
    assert (left.code, left.details) == ("create_left_over", {"when": "02/03/2026 12:00"})
    assert not creates.is_under_way(enrolment.tenant, about.pk)
    assert end_creates_of_deleted(enrolment.tenant, about) == []


def test_a_deleted_qualification_leaves_its_learning_aim_over(enrolment: Enrolment) -> None:
    with at_noon() as now:
        killed_at(enrolment, 17)
        enrolment.qualifications[0].delete()
        now.shift(LATER)
        enrolment.round()
        assert enrolment.told == ["create_left_over"]
    enrolment.assert_nothing_open()
    assert len(enrolment.world.aims) == 2


def test_a_row_edited_right_before_it_is_sent_is_planned_again(enrolment: Enrolment) -> None:
    is_as_planned = iter([True, True, True, False])
    with at_noon() as now:
        enrolment.round(as_planned=lambda: next(is_as_planned))
        assert enrolment.applied is not None
        assert enrolment.applied.stale
        assert enrolment.new_learners == []
        assert not creates.in_doubt(enrolment.tenant).exists()
        now.shift(timedelta(seconds=1))
        enrolment.round()
    assert enrolment.counts() == WHOLE
