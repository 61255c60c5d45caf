"""Practice and Live have the same IDs for different people: nobody's values go to anybody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.template import Context, Template
from django.test import RequestFactory
from django.urls import reverse

from onefile_sync import services
from onefile_sync.models import OneFileSettings, OutcomeState
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from tests.conftest import dont_wait
from tests.run_fixtures import numbers_of, replaced, states
from tests.sync.connection.test_id_owner import OTHER_TOKEN, other_world

pytestmark = pytest.mark.matrix

Linked = Callable[[int], list[Any]]


def perform(run: Any) -> Any:
    return services.perform(run, sleep=dont_wait)


@pytest.fixture
def choose(settings: Any) -> Callable[[SandboxServer], None]:
    """Lead the settings to one of the two."""

    def to(server: SandboxServer) -> None:
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "BASE_URL": server.url}
        row = OneFileSettings.load()
        row.set_customer_token(server.customer_token)
        row.save()

    return to


@pytest.fixture
def other(make_onefile_sandbox: Callable[..., SandboxServer]) -> SandboxServer:
    return make_onefile_sandbox(world=other_world(), customer_token=OTHER_TOKEN)


def test_nobodys_values_move_and_back_again_everything_goes_on(
    linked: Linked,
    onefile: SandboxServer,
    world: World,
    other: SandboxServer,
    choose: Callable[[SandboxServer], None],
) -> None:
    learners = linked(3)
    perform(services.start_daily())
    values = replaced(learners)
    written, others_written = world.writes, other.world.writes

    choose(other)
    services.begin_move(None)
    perform(services.start_daily())

    assert numbers_of(learners) == values
    assert other.world.writes == others_written
    choose(onefile)
    services.begin_move(None)
    run = perform(services.start_daily())
    assert set(states(run)) == {OutcomeState.UNCHANGED}
    assert numbers_of(learners) == values
    for learner in learners:
        learner.refresh_from_db()
    assert replaced(learners) == values
    assert world.writes == written


def test_the_panel_and_rest_say_why(
    linked: Linked,
    onefile: SandboxServer,
    other: SandboxServer,
    choose: Callable[[SandboxServer], None],
    admin_client: Any,
    admin_user: Any,
) -> None:
    (learner,) = linked(1)
    perform(services.start_daily())
    choose(other)

    request = RequestFactory().get("/")
    request.user = admin_user
    panel = Template("{% load onefile_sync %}{% refresh_with_onefile learner %}").render(
        Context({"request": request, "learner": learner})
    )
    assert "belong to another OneFile environment or customer" in panel
    answer = admin_client.post(reverse("onefile_sync_rest:refresh-learner", args=[learner.pk]))
    assert (answer.status_code, answer.json()["code"]) == (409, "other_onefile")
    assert not other.calls
