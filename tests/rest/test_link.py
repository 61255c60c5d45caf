"""Linking a learner to an existing OneFile learner, and unlinking the learner."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from rest_framework.test import APIClient

from onefile_sync.models import OneFileSettings, RecordLink, Tenant
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from tests.factories import Host

from .callers import LINK, absent_learner, change_learner, link_url, member_of_staff, signed_in, view_learner

pytestmark = pytest.mark.matrix

ULN, OTHER_ULN = "9876543228", "9876543236"
PERSON = {"first_name": "Siân", "surname": "O'Connor", "date_of_birth": date(2004, 5, 6), "uln": ULN}
IN_ONEFILE = {"first_name": "Siân", "last_name": "O'Connor", "dob": "2004-05-06", "uln": ULN}


@pytest.fixture
def caller(host: Host) -> APIClient:
    return signed_in(member_of_staff(LINK, view_learner(host), change_learner(host)))


@pytest.fixture
def learner(host: Host, onefile: SandboxServer) -> Any:
    return host.learner(onefile_id=None, **PERSON)


def held(learner: Any) -> int | None:
    onefile_id: int | None = type(learner).objects.get(pk=learner.pk).onefile_id
    return onefile_id


def test_a_check_shows_both_records_and_writes_nothing(caller: APIClient, learner: Any, world: World) -> None:
    user = world.add_learner(**IN_ONEFILE)
    answer = caller.post(link_url(learner), {"onefile_id": user.id}, format="json")
    assert answer.status_code == 200
    seen = answer.json()
    assert (seen["contradictions"], seen["move_from"]) == ([], None)
    assert {"name": "uln", "picsweb": ULN, "onefile": ULN, "agreement": "agrees"} in seen["values"]
    assert held(learner) is None


def test_the_decision_links_and_unlinking_clears(
    caller: APIClient, learner: Any, world: World, host: Host
) -> None:
    user = world.add_learner(**IN_ONEFILE)
    ours = host.review(learner, proposed_date=date(2026, 3, 12))
    theirs = world.add_review(user.id, scheduled_for=datetime(2026, 3, 12, 9, tzinfo=UTC))
    seen = caller.post(link_url(learner), {"onefile_id": user.id}, format="json").json()
    assert [each["onefile_id"] for each in seen["reviews"]["picsweb"]] == [theirs.id]
    decision = {
        "onefile_id": user.id,
        "shown": seen["shown"],
        "reviews": {str(ours.pk): theirs.id},
        "reviews_answer": "paired",
    }
    answer = caller.post(link_url(learner), decision, format="json")
    assert (answer.status_code, answer.json()["how"]) == (201, "checked")
    assert (held(learner), held(ours)) == (user.id, theirs.id)
    assert caller.delete(link_url(learner)).status_code == 204
    assert (held(learner), held(ours)) == (None, None)
    assert caller.delete(link_url(learner)).status_code == 204


def test_a_contradiction_is_refused_until_it_is_confirmed(
    caller: APIClient, learner: Any, world: World
) -> None:
    user = world.add_learner(**{**IN_ONEFILE, "uln": OTHER_ULN})
    seen = caller.post(link_url(learner), {"onefile_id": user.id}, format="json").json()
    decision = {"onefile_id": user.id, "shown": seen["shown"]}
    answer = caller.post(link_url(learner), decision, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "link_contradicted")
    answer = caller.post(link_url(learner), {**decision, "same_person": True}, format="json")
    assert answer.status_code == 201


@pytest.mark.parametrize("shown", ["made up", "a:b:c"])
def test_nobody_links_without_having_looked(
    caller: APIClient, learner: Any, world: World, shown: str
) -> None:
    body = {"onefile_id": world.add_learner(**IN_ONEFILE).id, "shown": shown}
    answer = caller.post(link_url(learner), body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "link_record_changed")
    assert not RecordLink.objects.exists()


@pytest.mark.parametrize("onefile_id", [0, -3, 10**19, "x", None, [7]], ids=str)
def test_what_is_no_onefile_id(caller: APIClient, learner: Any, onefile_id: Any) -> None:
    answer = caller.post(link_url(learner), {"onefile_id": onefile_id}, format="json")
    assert (answer.status_code, list(answer.json())) == (400, ["onefile_id"])


def test_a_learner_who_is_not_there(caller: APIClient, host: Host) -> None:
    assert caller.delete(link_url(absent_learner(host))).status_code == 404


def test_an_id_that_another_learner_has_is_refused(
    caller: APIClient, learner: Any, world: World, host: Host
) -> None:
    user = world.add_learner(**IN_ONEFILE)
    host.learner(onefile_id=user.id)
    answer = caller.post(link_url(learner), {"onefile_id": user.id}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "link_taken")
    assert held(learner) is None


def test_a_learner_whose_id_is_of_another_onefile_is_not_unlinked(
    caller: APIClient, learner: Any, host: Host
) -> None:
    linked = host.learner(onefile_id=77)
    elsewhere = Tenant.objects.create(environment="live", address="https://live.example", token_digest="x")
    OneFileSettings.objects.update(linked_tenant=elsewhere)
    answer = caller.delete(link_url(linked))
    assert (answer.status_code, answer.json()["code"]) == (409, "other_onefile")
    assert held(linked) == 77
