"""Reading all learners at once or one by one leads to the same findings, plans, changes and reports."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from onefile_sync import host as picsweb
from onefile_sync import services
from onefile_sync.models import Change
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from tests.conftest import dont_wait
from tests.factories import Host
from tests.matrix import mixed_switches
from tests.scenarios.everyone import build_everyone, daily, told_of_all

pytestmark = pytest.mark.matrix

ALTERNATIVES = [
    *mixed_switches(users_carry_centre=True),
    *(
        pytest.param(
            replace(behaviour, rate_limit=0, items=items),
            id=f"{items} {switch}={value}",
            marks=pytest.mark.exhaustive,
        )
        for items in ("thin", "rich")
        for switch, value, behaviour in Switches.each_alternative()
        if switch not in ("items", "users_carry_centre")
    ),
]


@pytest.mark.parametrize("host", ["picsweb"], indirect=True)
@pytest.mark.parametrize("switches", ALTERNATIVES)
def test_whatever_onefile_is_like(host: Host, world: World, onefile: SandboxServer) -> None:
    check(host, world)


@pytest.mark.parametrize(
    "switches", [Switches(rate_limit=0, items=items) for items in ("thin", "some", "most", "rich")]
)
def test_on_either_host(host: Host, world: World, onefile: SandboxServer) -> None:
    check(host, world)


@pytest.mark.parametrize("switches", [Switches(rate_limit=0, users_carry_centre=False)])
def test_a_centre_that_learners_records_do_not_name_is_known_from_the_lists(
    host: Host, world: World, onefile: SandboxServer
) -> None:
    everyone = build_everyone(host, world)

    daily()

    centres = {name: _centre_of(learner) for name, learner in everyone.people.items()}
    assert len(world.centres) == 2
    assert centres["of another centre"] == max(world.centres)
    assert centres["plain"] == min(world.centres)


def _centre_of(learner: Any) -> int | None:
    row = picsweb.learner_by_pk(str(learner.pk))
    assert row is not None
    return picsweb.read_learner(row).centre_id


def check(host: Host, world: World) -> None:
    everyone = build_everyone(host, world)
    one_by_one = services.perform(services.preview_now(), sleep=dont_wait)

    run = daily()

    at_once = told_of_all(run)
    assert at_once == told_of_all(one_by_one)
    assert any(changed for changed, _problems in at_once.values())
    assert len(at_once) == len(everyone.learners)
    again = services.perform(services.preview_now(), sleep=dont_wait)
    assert not Change.objects.filter(outcome__run=again).exists()
    assert set(again.outcomes.values_list("state", flat=True)) <= {"unchanged", "attention"}
