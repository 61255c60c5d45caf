"""Lists of centres that are incomplete or partly unreadable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from onefile_sync.models import Listing
from onefile_sync.onefile.client import OneFile
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from tests.conftest import daily_of, problems, sync
from tests.factories import Host
from tests.scenarios.everyone import build_in_step, daily
from tests.scenarios.two_of_each import build_two_of_each

pytestmark = pytest.mark.matrix


@pytest.fixture
def elsewhere(host: Host, world: World) -> Any:
    """A learner of another centre with a new review there."""
    learner, *_others = build_in_step(host, world, 3)
    centre = world.add_centre(name="Care")
    world.users[learner.onefile_id].organisation_id = centre.id
    type(learner).objects.filter(pk=learner.pk).update(onefile_centre_id=centre.id)
    return learner


def centres_as(onefile: SandboxServer, edit: Callable[[Any], object]) -> None:
    onefile.faults.append(
        Fault(operation="Organisation/Search", kind="edited", when="after", times=10**6, edit=edit)
    )


def kept_centre(learner: Any) -> int | None:
    learner.refresh_from_db()
    centre_id: int | None = learner.onefile_centre_id
    return centre_id


def test_a_list_that_leaves_a_centre_out_puts_nobody_of_it_elsewhere(
    elsewhere: Any, world: World, onefile: SandboxServer
) -> None:
    before = kept_centre(elsewhere)
    centres_as(onefile, lambda centres: [each for each in centres if each["ID"] != before])

    daily()

    assert kept_centre(elsewhere) == before != world.centre_id


def test_a_centre_that_cannot_be_read_hides_no_review(
    elsewhere: Any, world: World, onefile: SandboxServer
) -> None:
    before = kept_centre(elsewhere)
    daily()
    centres_as(
        onefile, lambda centres: [{**each, "ID": None} if each["ID"] == before else each for each in centres]
    )
    world.add_review(elsewhere.onefile_id, scheduled_for=timezone.now())

    outcome = daily_of(elsewhere)

    assert outcome.state == "updated"
    assert kept_centre(elsewhere) == before
    assert Listing.objects.filter(run=outcome.run, kind="centres", fallback="bad_answer").exists()


@pytest.mark.parametrize("switches", [Switches(rate_limit=0, users_carry_centre=False)])
@pytest.mark.parametrize("refresh", [sync, daily_of], ids=["one learner", "everyone"])
def test_a_centre_that_cannot_be_read_may_be_the_learners(
    host: Host, world: World, onefile: SandboxServer, switches: Switches, refresh: Callable[[Any], Any]
) -> None:
    scenario = build_two_of_each(host, world)
    world.reviews.clear()
    type(scenario.held_in_picsweb).objects.filter(pk=scenario.held_in_picsweb.pk).delete()
    other = world.add_centre(name="Care")
    centres_as(
        onefile,
        lambda centres: [{**each, "ID": None} if each["ID"] == other.id else each for each in centres],
    )

    assert problems(refresh(scenario.learner)) == ["centre_unknown"]
    assert not world.visits
    assert kept_centre(scenario.learner) is None


def test_lists_that_name_everybody_whatever_the_centre_put_nobody_elsewhere(
    elsewhere: Any, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server may ignore the requested centre."""
    page_of_reviews = OneFile.page_of_reviews
    monkeypatch.setattr(
        OneFile, "page_of_reviews", lambda self, number, _centre_id: page_of_reviews(self, number, None)
    )
    centres = {learner.pk: kept_centre(learner) for learner in type(elsewhere).objects.all()}
    type(elsewhere).objects.filter(onefile_centre_id=None).update(onefile_centre_id=world.centre_id)

    for _night in range(2):
        run = daily()
        assert kept_centre(elsewhere) == centres[elsewhere.pk]

    kept = set(type(elsewhere).objects.exclude(pk=elsewhere.pk).values_list("onefile_centre_id", flat=True))
    assert kept == {world.centre_id}
    assert set(run.outcomes.values_list("state", flat=True)) == {"unchanged"}
