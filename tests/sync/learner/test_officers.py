"""Where a customer has several centres, an officer has a user in each (R15)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test.utils import CaptureQueriesContext

from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import (
    DirectoryEntry,
    LinkMethod,
    MatchBy,
    OneFileSettings,
    RecordLink,
    SubjectKind,
    Tenant,
)
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.sync.learner.officers import has_several_centres, is_by_mis_value
from tests.conftest import daily_of, problems, sync
from tests.factories import Host
from tests.scenarios.two_of_each import LONG_AGO

pytestmark = pytest.mark.matrix("exchange")

SOUTH = 6001
NEXT_YEAR = date(2027, 3, 1)
AT = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)

Exchange = Callable[[Any], Any]


@pytest.fixture(params=[sync, daily_of], ids=["refresh", "daily"])
def exchange(request: pytest.FixtureRequest) -> Exchange:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def tenant(world: World, onefile: SandboxServer) -> Tenant:
    """The customer has two centres, and a sync has listed them."""
    world.add_centre(id=SOUTH, name="South")
    settings = OneFileSettings.load()
    tenant = present_tenant(settings)
    tenant.centres = 2
    tenant.save()
    settings.linked_tenant, settings.links_recorded = tenant, True
    settings.save()
    return tenant


def learner_in(host: Host, world: World, centre_id: int, **roles: Any) -> Any:
    person = world.add_learner(organisation_id=centre_id)
    return host.learner(onefile_id=person.id, centre_id=centre_id, **roles)


def link(tenant: Tenant, officer: Any, user: Any, *, in_row: bool) -> RecordLink:
    return RecordLink.objects.create(
        tenant=tenant,
        subject_kind=SubjectKind.OFFICER,
        subject_type=ContentType.objects.get_for_model(officer),
        subject_pk=str(officer.pk),
        onefile_id=user.id,
        centre_id=user.organisation_id,
        how=LinkMethod.LOOKED_UP if in_row else LinkMethod.MIS_VALUE,
        in_row=in_row,
    )


def uploaded_for(world: World, learner: Any) -> list[int | None]:
    return [review.assessor_id for review in world.reviews_of(learner.onefile_id)]


class TestUpload:
    def test_a_review_goes_up_with_the_officers_user_in_the_learners_centre(
        self, host: Host, world: World, tenant: Tenant, exchange: Exchange
    ) -> None:
        here, there = world.add_assessor(), world.add_assessor(organisation_id=SOUTH)
        officer = host.officer(onefile_id=here.id)
        link(tenant, officer, here, in_row=True)
        link(tenant, officer, there, in_row=False)
        learner = learner_in(host, world, SOUTH)
        host.review(learner, proposed_date=NEXT_YEAR, officer=officer)

        assert problems(exchange(learner)) == []

        assert uploaded_for(world, learner) == [there.id]

    def test_the_main_officer_stands_in_with_the_user_of_that_centre(
        self, host: Host, world: World, tenant: Tenant, exchange: Exchange
    ) -> None:
        here, there = world.add_assessor(), world.add_assessor(organisation_id=SOUTH)
        officer = host.officer(onefile_id=here.id)
        link(tenant, officer, there, in_row=False)
        learner = learner_in(host, world, SOUTH, main_officer=officer)
        host.review(learner, proposed_date=NEXT_YEAR, officer=None)

        assert problems(exchange(learner)) == []

        assert uploaded_for(world, learner) == [there.id]

    def test_no_review_goes_up_with_an_assessor_of_another_centre(
        self, host: Host, world: World, tenant: Tenant, exchange: Exchange
    ) -> None:
        officer = host.officer(onefile_id=world.add_assessor().id)
        learner = learner_in(host, world, SOUTH)
        host.review(learner, proposed_date=NEXT_YEAR, officer=officer)

        assert problems(exchange(learner)) == ["officer_of_other_centre"]

        assert uploaded_for(world, learner) == []

    def test_the_id_on_the_officers_record_is_used_in_its_own_centre(
        self, host: Host, world: World, tenant: Tenant, exchange: Exchange
    ) -> None:
        gwen = world.add_assessor(organisation_id=SOUTH)
        learner = learner_in(host, world, SOUTH)
        host.review(learner, proposed_date=NEXT_YEAR, officer=host.officer(onefile_id=gwen.id))

        assert problems(exchange(learner)) == []

        assert uploaded_for(world, learner) == [gwen.id]

    def test_a_link_that_the_record_contradicts_does_not_count(
        self, host: Host, world: World, tenant: Tenant
    ) -> None:
        former, gwen = (world.add_assessor(organisation_id=SOUTH) for _each in range(2))
        officer = host.officer(onefile_id=gwen.id)
        link(tenant, officer, former, in_row=True)
        learner = learner_in(host, world, SOUTH)
        host.review(learner, proposed_date=NEXT_YEAR, officer=officer)

        sync(learner)

        assert uploaded_for(world, learner) == [gwen.id]

    def test_the_id_on_the_record_counts_more_than_a_mis_value(
        self, host: Host, world: World, tenant: Tenant, exchange: Exchange
    ) -> None:
        gwen = world.add_assessor(organisation_id=SOUTH)
        former = world.add_assessor(organisation_id=SOUTH, misid="OFF12")
        learner = learner_in(host, world, SOUTH)
        world.add_review(learner.onefile_id, scheduled_for=AT, assessor_id=former.id)
        world.add_review(learner.onefile_id, scheduled_for=AT, assessor_id=gwen.id)
        officer = host.officer(onefile_id=gwen.id, ident="OFF12")
        host.review(learner, proposed_date=NEXT_YEAR, officer=officer)

        exchange(learner)

        assert uploaded_for(world, learner)[-1] == gwen.id


class TestDownload:
    def done(self, world: World, learner: Any, assessor: Any) -> Any:
        return world.add_review(
            learner.onefile_id,
            scheduled_for=AT,
            created_on=LONG_AGO,
            started_on=AT,
            assessor_signed_on=AT,
            learner_signed_on=AT,
            assessor_id=assessor.id,
        )

    def officers_of(self, host: Host, learner: Any) -> list[Any]:
        name = "officer" if host.name == "picsweb" else "tutor"
        model = type(host.review(host.learner(onefile_id=99)))
        reviews = model._base_manager.filter(onefile_id__isnull=False)
        return [getattr(review, name) for review in reviews]

    def test_an_officer_is_known_by_the_user_of_any_centre(
        self, host: Host, world: World, tenant: Tenant, exchange: Exchange
    ) -> None:
        here, there = world.add_assessor(), world.add_assessor(organisation_id=SOUTH)
        officer = host.officer(onefile_id=here.id)
        link(tenant, officer, there, in_row=False)
        learner = learner_in(host, world, SOUTH)
        self.done(world, learner, there)

        assert problems(exchange(learner)) == []

        assert self.officers_of(host, learner) == [officer]

    def test_an_unknown_assessor_is_known_by_the_mis_value(
        self, host: Host, world: World, tenant: Tenant, exchange: Exchange
    ) -> None:
        there = world.add_assessor(organisation_id=SOUTH, misid="off 12")
        officer = host.officer(onefile_id=None, ident="OFF12")
        learner = learner_in(host, world, SOUTH)
        self.done(world, learner, there)

        assert problems(exchange(learner)) == []

        assert self.officers_of(host, learner) == [officer]

    def test_an_ident_that_two_officers_have_names_nobody(
        self, host: Host, world: World, tenant: Tenant, exchange: Exchange
    ) -> None:
        there = world.add_assessor(organisation_id=SOUTH, misid="OFF12")
        for ident in ("OFF12", "off 12"):
            host.officer(onefile_id=None, ident=ident)
        learner = learner_in(host, world, SOUTH)
        self.done(world, learner, there)

        assert problems(exchange(learner)) == ["officer_unmatched"]

    @pytest.mark.parametrize("known_by", ["list", "reviews"])
    def test_a_mis_value_that_two_users_of_a_centre_have_names_nobody(
        self, host: Host, world: World, tenant: Tenant, exchange: Exchange, known_by: str
    ) -> None:
        one, other = (world.add_assessor(organisation_id=SOUTH, misid="OFF12") for _each in range(2))
        officer = host.officer(onefile_id=None, ident="OFF12")
        learner = learner_in(host, world, SOUTH)
        self.done(world, learner, one)
        if known_by == "reviews":
            self.done(world, learner, other)
        else:
            DirectoryEntry.objects.create(
                tenant=tenant, kind="assessor", centre_id=SOUTH, onefile_id=other.id, mis_value="off 12"
            )
        host.review(learner, proposed_date=NEXT_YEAR, officer=officer)

        assert set(problems(exchange(learner))) == {"officer_unmatched", "officer_not_linked"}

        assert officer not in self.officers_of(host, learner)
        assert len(uploaded_for(world, learner)) == (2 if known_by == "reviews" else 1)

    def test_the_mis_value_decides_nothing_where_staff_match_by_onefile_id(
        self, host: Host, world: World, tenant: Tenant, exchange: Exchange
    ) -> None:
        OneFileSettings.objects.update(match_by=MatchBy.ONEFILE_ID)
        there = world.add_assessor(organisation_id=SOUTH, misid="OFF12")
        host.officer(onefile_id=None, ident="OFF12")
        learner = learner_in(host, world, SOUTH)
        self.done(world, learner, there)

        assert problems(exchange(learner)) == ["officer_unmatched"]


@pytest.mark.parametrize(
    ("match_by", "centres", "expected"),
    [
        (MatchBy.AUTOMATIC, None, False),
        (MatchBy.AUTOMATIC, 1, False),
        (MatchBy.AUTOMATIC, 2, True),
        (MatchBy.ONEFILE_ID, 2, False),
        (MatchBy.MIS_VALUE, 1, True),
    ],
)
def test_how_officers_are_matched(match_by: MatchBy, centres: int | None, expected: bool) -> None:
    settings = OneFileSettings(match_by=match_by, linked_tenant=Tenant(centres=centres))
    assert is_by_mis_value(settings) is expected
    assert has_several_centres(settings) is ((centres or 0) > 1)


def test_a_daily_sync_notes_how_many_centres_there_are(host: Host, world: World, tenant: Tenant) -> None:
    world.add_centre(name="West")
    daily_of(learner_in(host, world, SOUTH))
    tenant.refresh_from_db()
    assert tenant.centres == 3


def test_one_centre_costs_no_further_query(host: Host, world: World, tenant: Tenant) -> None:
    Tenant.objects.update(centres=1)
    OneFileSettings.objects.update(links_recorded=False)
    learner = learner_in(host, world, world.centre_id)
    host.review(learner, proposed_date=NEXT_YEAR, officer=host.officer(onefile_id=world.add_assessor().id))

    with CaptureQueriesContext(connection) as counted:
        sync(learner)

    tables = ("recordlink", "assessorname", "directoryentry", 'FROM "onefile_sync_tenant"')
    assert not [query for query in counted.captured_queries for table in tables if table in query["sql"]]
    assert len(uploaded_for(world, learner)) == 1
