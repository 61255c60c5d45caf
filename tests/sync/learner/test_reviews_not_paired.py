"""A learner with a history on both sides was linked, and nobody has said yet which reviews are the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from onefile_sync import host as picsweb
from onefile_sync.models import LearnerOutcome, LinkMethod, OneFileSettings, RecordLink, Tenant
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.sync.learner.on_record import read_on_record
from tests.conftest import changes, daily_of, preview, problems, sync
from tests.factories import Host

pytestmark = pytest.mark.matrix("exchanged")

DAYS = [date(2026, month, 12) for month in range(1, 6)]

Exchanged = Callable[[Any], LearnerOutcome]


@pytest.fixture
def learner(host: Host, world: World, onefile: SandboxServer) -> Any:
    """Five reviews in PICSWeb, the same five and one more in OneFile, and a number to bring over."""
    gwen = world.add_assessor()
    siân = world.add_learner()
    aim = world.add_aim(siân.id, registration_number="REG-1")
    learner = host.learner(onefile_id=siân.id, centre_id=world.centre_id)
    host.qualification(learner, onefile_id=aim.id)
    officer = host.officer(onefile_id=gwen.id)
    for day in DAYS:
        host.review(learner, officer=officer, proposed_date=day)
    for day in [*DAYS, date(2026, 6, 12)]:
        at = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
        world.add_review(siân.id, scheduled_for=at, assessor_id=gwen.id)
    return learner


@pytest.fixture
def link(learner: Any) -> RecordLink:
    OneFileSettings.objects.update(links_recorded=True)
    return RecordLink.objects.create(
        tenant=Tenant.objects.create(environment="sandbox", address="https://x.example", token_digest="d"),
        subject_kind="learner",
        subject_type=picsweb.learner_type(),
        subject_pk=str(learner.pk),
        onefile_id=learner.onefile_id,
        how=LinkMethod.CHECKED,
        reviews_pending=True,
    )


def reviews_of(learner: Any) -> int:
    return len(picsweb.read_learner(type(learner).objects.get(pk=learner.pk)).reviews)


@pytest.mark.parametrize("exchanged", [sync, daily_of], ids=["refresh", "daily"])
def test_reviews_go_neither_way_and_the_rest_does(
    link: RecordLink, learner: Any, world: World, exchanged: Exchanged
) -> None:
    outcome = exchanged(learner)
    assert problems(outcome) == ["reviews_not_paired"]
    assert changes(outcome) == {("picsweb", "registration_number", "", "REG-1")}
    assert problems(exchanged(learner)) == ["reviews_not_paired"]
    assert (len(world.reviews), reviews_of(learner)) == (6, 5)


def test_a_preview_says_so_too(link: RecordLink, learner: Any) -> None:
    assert problems(preview(learner)) == ["reviews_not_paired"]


@pytest.mark.parametrize("exchanged", [sync, daily_of], ids=["refresh", "daily"])
def test_once_it_is_answered_they_are_exchanged(
    link: RecordLink, learner: Any, world: World, exchanged: Exchanged
) -> None:
    ours = picsweb.read_learner(learner).reviews
    theirs = sorted(world.reviews.values(), key=lambda review: str(review.scheduled_for))
    for row, record in zip(ours, theirs, strict=False):
        picsweb.save_fields("review", row.pk, {"onefile_id": None}, {"onefile_id": record.id})
    link.reviews_pending = False
    link.save()
    assert "reviews_not_paired" not in problems(exchanged(learner))
    assert (len(world.reviews), reviews_of(learner)) == (6, 6)


@pytest.mark.parametrize("contradicted_by", ["another OneFile ID", "an end"])
def test_a_link_that_is_not_in_force_stops_nothing(
    link: RecordLink, learner: Any, world: World, contradicted_by: str
) -> None:
    if contradicted_by == "an end":
        link.ended_at = link.linked_at
    else:
        link.onefile_id += 1000
    link.save()
    assert "reviews_not_paired" not in problems(sync(learner))


def test_links_are_only_asked_for_where_some_are_recorded(
    link: RecordLink, learner: Any, django_assert_num_queries: Any
) -> None:
    pk = str(learner.pk)
    with django_assert_num_queries(2):
        assert read_on_record([pk])[pk].unpaired_with is None
    with django_assert_num_queries(3):
        assert read_on_record([pk], links=True)[pk].unpaired_with == learner.onefile_id
