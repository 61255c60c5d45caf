"""OneFile IDs are used only with the OneFile to which they belong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from onefile_sync import services
from onefile_sync.models import OneFileSettings, OutcomeState, Tenant, UploadIntent
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.sync.connection import id_owner
from onefile_sync.sync.learner import on_record, uploads
from tests.conftest import dont_wait
from tests.factories import LONDON, Host
from tests.run_fixtures import Manage, codes, states

pytestmark = pytest.mark.matrix

Linked = Callable[[int], list[Any]]

#: Whom a world has with the same IDs, and another customer's number.
SOMEBODY_ELSE, OTHER_CUSTOMER = "SOMEBODY-ELSE", 4711
OTHER_TOKEN, NEW_TOKEN = "token-of-the-other", "a-new-token"


def other_world(customer: int = OTHER_CUSTOMER) -> World:
    """A OneFile with the same IDs for other people."""
    world = World()
    world.customer_id = customer
    for _each in range(3):
        person = world.add_learner()
        world.add_aim(person.id, registration_number=SOMEBODY_ELSE)
    return world


@pytest.fixture
def lead_to(
    make_onefile_sandbox: Callable[..., SandboxServer], settings: Any
) -> Callable[..., SandboxServer]:
    """Starts another OneFile and changes the settings so that they lead there."""

    def lead(world: World, token: str = OTHER_TOKEN) -> SandboxServer:
        server = make_onefile_sandbox(world=world, customer_token=token)
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "BASE_URL": server.url}
        row = OneFileSettings.load()
        row.set_customer_token(token)
        row.save()
        return server

    return lead


def new_token(server: SandboxServer, token: str = NEW_TOKEN) -> None:
    """OneFile gives the customer a new token, and PICSWeb has it."""
    server.customer_token = token
    row = OneFileSettings.load()
    row.set_customer_token(token)
    row.save()


def perform(run: Any, **options: Any) -> Any:
    return services.perform(run, sleep=dont_wait, **options)


def known() -> Tenant:
    tenant = OneFileSettings.load().linked_tenant
    assert tenant is not None
    return tenant


class TestAnInstallationOfAnOldRelease:
    """It has OneFile IDs and no record of whose they are: the OneFile in use is the one."""

    def test_the_first_run_records_it_and_nothing_else_changes(
        self, linked: Linked, onefile: SandboxServer
    ) -> None:
        run = perform(services.refresh_now(linked(1)))

        assert states(run) == [OutcomeState.UPDATED]
        assert (known().address, known().customer_id) == (onefile.url, None)
        assert Tenant.objects.count() == 1

    def test_the_daily_sync_learns_the_customer_without_a_call(
        self, linked: Linked, onefile: SandboxServer, world: World
    ) -> None:
        linked(1)
        perform(services.start_daily())

        assert known().customer_id == world.customer_id

    def test_a_new_token_before_the_customer_is_known_is_the_same_customer(
        self, linked: Linked, onefile: SandboxServer
    ) -> None:
        learners = linked(1)
        perform(services.refresh_now(learners))
        new_token(onefile)

        run = perform(services.refresh_now(learners))

        assert states(run) == [OutcomeState.UNCHANGED]
        assert Tenant.objects.count() == 1


def test_once_it_is_recorded_a_check_costs_no_query(linked: Linked, onefile: SandboxServer) -> None:
    perform(services.refresh_now(linked(1)))
    settings = OneFileSettings.load()

    with CaptureQueriesContext(connection) as queries:
        assert id_owner.obstacle(settings) is None
        assert id_owner.confirm(settings, lambda: pytest.fail("OneFile was asked")) is None

    assert queries.captured_queries == []


class TestANewToken:
    @pytest.fixture
    def learners(self, linked: Linked, onefile: SandboxServer) -> list[Any]:
        learners = linked(2)
        perform(services.start_daily())
        return learners

    def test_of_the_same_customer_is_the_same_onefile(
        self, learners: list[Any], onefile: SandboxServer
    ) -> None:
        before = known()
        new_token(onefile)
        assert services.refusal_for(learners[0]) is None

        run = perform(services.refresh_now(learners))

        assert states(run) == [OutcomeState.UNCHANGED] * 2
        assert known().pk == before.pk
        assert known().token_digest != before.token_digest
        assert run.api_calls == 1

    def test_of_another_customer_at_the_same_address_is_another(
        self, learners: list[Any], onefile: SandboxServer, world: World
    ) -> None:
        new_token(onefile)
        world.customer_id = OTHER_CUSTOMER

        run = perform(services.refresh_now(learners))

        assert codes(run) == [["other_onefile"]] * 2
        refusal = services.refusal_for(learners[0])
        assert refusal is not None
        assert refusal.code == "other_onefile"

    def test_while_onefile_cannot_say_whose_it_is_no_id_is_used(
        self, learners: list[Any], onefile: SandboxServer
    ) -> None:
        new_token(onefile, "one-that-onefile-has-not")
        onefile.customer_token = "the-right-one"

        run = perform(services.refresh_now(learners))

        assert codes(run) == [["bad_customer_token"]] * 2
        assert Tenant.objects.count() == 1


class TestAnotherOneFile:
    """Every entrance refuses to use the IDs of one OneFile in another."""

    @pytest.fixture
    def learners(self, linked: Linked, onefile: SandboxServer) -> list[Any]:
        learners = linked(2)
        perform(services.start_daily())
        return learners

    def test_is_asked_nothing_about_anybody(
        self, learners: list[Any], lead_to: Callable[..., SandboxServer]
    ) -> None:
        server = lead_to(other_world())
        entrances: list[Callable[[], Any]] = [
            lambda: services.refresh(learners),
            lambda: services.refresh(learners[:1]),
            lambda: services.refresh_now(learners),
            lambda: services.preview(learners[0]),
            lambda: services.preview_now(),
            lambda: services.start_daily(),
            lambda: services.probe(str(learners[0].pk)),
        ]
        for entrance in entrances:
            with pytest.raises(services.Refused) as refused:
                entrance()
            assert refused.value.code == "other_onefile"
        assert services.start_scheduled_daily() == "not started: other_onefile"
        assert services.learner_status(learners[0]).refusal == services.Refusal("other_onefile")
        assert not server.calls

    def test_the_command_says_so(
        self, learners: list[Any], lead_to: Callable[..., SandboxServer], manage: Manage
    ) -> None:
        lead_to(other_world())

        said = manage("onefile_sync")

        assert said.code not in (0, None)
        assert "belong to another OneFile environment or customer" in said.err

    def test_a_run_that_was_under_way_ends_for_those_who_are_left(
        self, learners: list[Any], lead_to: Callable[..., SandboxServer]
    ) -> None:
        run = services.refresh_now(learners)
        servers: list[SandboxServer] = []

        perform(run, after_each=lambda: servers.append(lead_to(other_world())) if not servers else None)

        assert codes(run) == [[], ["other_onefile"]]
        assert not servers[0].calls

    def test_back_in_the_first_one_everything_goes_on(
        self,
        learners: list[Any],
        lead_to: Callable[..., SandboxServer],
        onefile: SandboxServer,
        settings: Any,
    ) -> None:
        lead_to(other_world())
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "BASE_URL": onefile.url}
        new_token(onefile, onefile.customer_token)

        assert states(perform(services.refresh_now(learners))) == [OutcomeState.UNCHANGED] * 2

    def test_without_linked_rows_it_is_simply_used(
        self, host: Host, onefile: SandboxServer, lead_to: Callable[..., SandboxServer]
    ) -> None:
        perform(services.start_daily())
        begun = UploadIntent.objects.create(
            learner_type=services.learner_type(), review_pk="5", scheduled_for="2026-03-02T12:00Z"
        )
        first = known()
        server = lead_to(other_world())

        perform(services.start_daily())

        assert known().address == server.url
        begun.refresh_from_db()
        assert begun.put_away_for == first


def test_while_links_are_moved_nothing_runs(linked: Linked, onefile: SandboxServer) -> None:
    learners = linked(2)
    run = services.refresh_now(learners)

    perform(run, after_each=lambda: OneFileSettings.objects.update(moving_to=known()))

    assert codes(run) == [[], ["links_moving"]]
    with pytest.raises(services.Refused) as refused:
        services.start_daily()
    assert refused.value.code == "links_moving"


def test_an_upload_begun_in_one_onefile_is_not_looked_for_in_another(
    host: Host, onefile: SandboxServer, world: World
) -> None:
    """It comes back with its OneFile, and another may be begun for the same review meanwhile."""
    learner = host.learner(onefile_id=world.add_learner().id)
    review = host.review(learner, proposed_date=date(2027, 3, 1))
    when = datetime(2027, 3, 1, 10, 0, tzinfo=LONDON)
    first = uploads.begin(str(learner.pk), str(review.pk), when)
    practice = Tenant.objects.create(token_digest="practice")

    id_owner.put_records_away(practice)

    assert on_record.read_on_record([str(learner.pk)])[str(learner.pk)].uploads == {}
    second = uploads.begin(str(learner.pk), str(review.pk), when)
    assert second.pk != first.pk
    with pytest.raises(uploads.LostClaim):
        uploads.note_visit(first, 5)
    live = Tenant.objects.create(token_digest="live")
    id_owner.put_records_away(live)
    id_owner.take_uploads_up(practice)
    assert UploadIntent.objects.get(is_open=True) == first


def test_a_token_that_another_process_has_found_to_be_another_customers_is_theirs(
    onefile: SandboxServer,
) -> None:
    settings = OneFileSettings.load()
    first = id_owner.tenant_of(settings)
    new_token(onefile)
    settings = OneFileSettings.load()
    theirs = Tenant.objects.create(
        environment="sandbox", address="https://x.example", token_digest=id_owner.fingerprint(settings)
    )
    assert id_owner.renew(settings, first) == theirs
