"""The safety stop on requested refreshes: one of many learners may be held, one of a single learner never."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from onefile_sync import services
from onefile_sync.models import OneFileSettings, SyncRun
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from tests.conftest import dont_wait, sync
from tests.factories import Host
from tests.run_fixtures import (
    Manage,
    codes,
    how,
    learners_of,
    numbers_of,
    people,
    replaced,
    rows_of,
    states,
    stop_at,
)

pytestmark = pytest.mark.matrix

Linked = Callable[[int], list[Any]]


def refreshed(learners: list[Any]) -> SyncRun:
    """A refresh of these learners by a click, processed until it is closed or held."""
    return services.perform(services.refresh(learners), sleep=dont_wait)


@pytest.fixture
def held_refresh(differing: Linked, onefile: SandboxServer) -> SyncRun:
    """A refresh of three learners that is held."""
    stop_at(percent=20, learners=3)
    run = refreshed(differing(3))
    assert run.is_held
    return run


class TestManyAtOnce:
    def test_are_held_as_in_a_daily_sync(
        self, differing: Linked, linked: Linked, onefile: SandboxServer, world: World
    ) -> None:
        stop_at(percent=20, learners=3)
        aside, others = differing(3), linked(2)
        before = rows_of(aside)

        run = refreshed(aside + others)

        assert how(run) == ("held", "")
        assert states(run) == ["aside"] * 3 + ["updated"] * 2
        assert rows_of(aside) == before
        assert world.writes == 0
        assert numbers_of(others) == replaced(others)

    def test_do_not_write_what_was_discarded_a_moment_ago(self, held: SyncRun, world: World) -> None:
        learners = people(held)
        services.discard_held(held)

        again = refreshed(learners)

        assert how(again) == ("held", "")
        assert numbers_of(learners) != replaced(learners)
        assert world.writes == 0

    def test_are_held_on_the_command_line_too(
        self, differing: Linked, onefile: SandboxServer, manage: Manage
    ) -> None:
        stop_at(percent=20, learners=3)
        learners = differing(3)

        said = manage("onefile_sync", "--learner", *(str(learner.pk) for learner in learners))

        assert said.code == 1
        assert "The sync is held" in said.out
        assert numbers_of(learners) != replaced(learners)

    @pytest.mark.parametrize(("percent", "least"), [(20, 4), (100, 3)])
    def test_are_not_held_below_what_the_settings_say(
        self, differing: Linked, onefile: SandboxServer, percent: int, least: int
    ) -> None:
        stop_at(percent, least)
        learners = differing(3)

        run = refreshed(learners)

        assert how(run) == ("finished", "")
        assert numbers_of(learners) == replaced(learners)

    @pytest.mark.parametrize(
        ("number", "percent", "least", "is_guarded"),
        [
            (25, 20, 25, True),
            (24, 20, 25, False),
            (1, 0, 1, False),  # one learner never
            (2, 0, 1, True),
            (500, 100, 1, False),
        ],
    )
    def test_are_guarded_from_the_number_in_the_settings_on(
        self,
        host: Host,
        switched_on: OneFileSettings,
        number: int,
        percent: int,
        least: int,
        is_guarded: bool,
    ) -> None:
        stop_at(percent, least)
        assert services.is_guarded(number) is is_guarded
        if number < 100:
            learners = learners_of(host, number)
            assert services.refresh_now(learners).guarded is is_guarded
            SyncRun.objects.all().delete()
            assert services.refresh(learners).guarded is is_guarded


class TestOneLearner:
    def test_is_never_held(self, differing: Linked, onefile: SandboxServer) -> None:
        stop_at(percent=0, learners=1)
        (learner,) = differing(1)

        assert how(refreshed([learner])) == ("finished", "")
        assert numbers_of([learner]) == replaced([learner])

    def test_is_never_held_where_the_others_chosen_cannot_be_refreshed(
        self, differing: Linked, host: Host, onefile: SandboxServer
    ) -> None:
        stop_at(percent=0, learners=1)
        (learner,) = differing(1)

        assert how(refreshed([learner, host.learner(onefile_id=None)])) == ("finished", "")

    def test_can_be_refreshed_while_a_refresh_of_many_is_held(self, held_refresh: SyncRun) -> None:
        one, other, _third = people(held_refresh)

        clicked = services.refresh([one])

        assert clicked != held_refresh
        assert states(services.perform(clicked, sleep=dont_wait)) == ["updated"]
        assert numbers_of([one]) == replaced([one])
        assert numbers_of([other]) != replaced([other])
        assert how(held_refresh) == ("held", "")
        assert sync(other).state == "updated"


class TestDeciding:
    def test_applying_writes_what_it_was_held_for(self, held_refresh: SyncRun) -> None:
        assert services.apply_held(held_refresh)
        held_refresh.refresh_from_db()

        services.perform(held_refresh, sleep=dont_wait)

        assert how(held_refresh) == ("finished", "")
        assert states(held_refresh) == ["updated"] * 3
        assert numbers_of(people(held_refresh)) == replaced(people(held_refresh))

    def test_discarding_ends_it(self, held_refresh: SyncRun, world: World) -> None:
        assert services.discard_held(held_refresh)

        assert how(held_refresh) == ("finished", "discarded")
        assert codes(held_refresh) == [["run_discarded"]] * 3
        assert world.writes == 0

    def test_comes_before_the_same_learners_are_refreshed_together_again(
        self, held_refresh: SyncRun, linked: Linked
    ) -> None:
        """Otherwise held refreshes would pile up, and it would be unclear which one to decide about."""
        learners = people(held_refresh)

        with pytest.raises(services.Refused) as refused:
            services.refresh(learners)

        assert refused.value.code == "refresh_held"
        more = linked(2)
        selection = services.partition([*learners, *more])
        assert selection.accepted == more
        services.discard_held(held_refresh)
        assert services.partition(learners).accepted == learners

    def test_the_daily_sync_continues_independently(self, held_refresh: SyncRun) -> None:
        stop_at(percent=100, learners=1)

        daily = services.perform(services.start_daily(), sleep=dont_wait)

        assert how(daily) == ("finished", "")
        assert how(held_refresh) == ("held", "")
