"""Every operation × everything that may go wrong: run until quiet, it ends as if nothing had gone wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
import time_machine

from onefile_sync import services
from onefile_sync.models import ApiSession, LearnerOutcome, OneFileSettings, SyncRun
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from onefile_sync.sync.runs import heartbeat
from tests.conftest import problems, sync
from tests.factories import HOSTS, Host
from tests.scenarios.two_of_each import (
    TwoOfEach,
    assert_linked_once,
    build_two_of_each,
    ending,
    let_doubts_pass,
)

from .conftest import LONG
from .trouble import FAULTS, GETS, OPERATIONS, PATIENCE, SEARCHES, WRITES

ALWAYS = 1000
#: Refreshes after the trouble is over within which everything must be quiet.
SOON = 3
FINAL = {"updated", "unchanged", "attention", "failed"}

pytestmark = [
    pytest.mark.parametrize("host", HOSTS if LONG else ["picsweb"], indirect=True),
    pytest.mark.parametrize("items", ["thin", "rich"] if LONG else ["thin"]),
]


@pytest.fixture
def switches(items: Any) -> Switches:
    # Without the centre in a learner's record, the customer and the centres are asked for as well.
    return Switches(rate_limit=0, users_carry_centre=False, items=items)


@pytest.fixture
def scenario(host: Host, world: World) -> TwoOfEach:
    return build_two_of_each(host, world)


def cases() -> Iterator[Any]:
    """Every operation × every fault × once or always; but for a search and a write of each fault, exhaustive.

    A GET is answered much as a search: one has every fourth fault.
    """
    for number, fault in enumerate(FAULTS):
        operations = (SEARCHES, WRITES) if number % 4 else (SEARCHES, GETS, WRITES)
        kinds = enumerate(operations, number // len(GETS))
        chosen = {(kind[number % len(kind)], (1, ALWAYS)[turn % 2]) for turn, kind in kinds}
        for operation, times in product(OPERATIONS, (1, ALWAYS)):
            often = "once" if times == 1 else "always"
            marks = () if (operation, times) in chosen else pytest.mark.exhaustive
            yield pytest.param(operation, fault, times, id=f"{operation}-{fault}-{often}", marks=marks)


@pytest.mark.parametrize(("operation", "fault", "times"), list(cases()))
def test_the_end_is_as_without_trouble(
    operation: str,
    fault: str,
    times: int,
    scenario: TwoOfEach,
    world: World,
    onefile: SandboxServer,
    without_trouble: tuple[list[str], list[str]],
    settings: Any,
) -> None:
    # As on a morning: nobody has called yet, so that a session is asked for too.
    ApiSession.objects.all().delete()
    visits_before = set(world.visits)
    trouble = Fault(operation=operation, times=times, **FAULTS[fault])
    onefile.faults.append(trouble)
    patient = settings.ONEFILE_SYNC
    if fault.startswith("time-out"):  # else a slow machine would bring one that nobody asked for
        settings.ONEFILE_SYNC = {**patient, "TIMEOUT_SECONDS": PATIENCE}
    told = set(problems(sync(scenario.learner)))
    told |= set(problems(sync(scenario.learner)))
    onefile.faults.clear()
    settings.ONEFILE_SYNC = patient
    assert trouble.times < times
    onefile.wait_until_idle()  # what OneFile was slow with comes about before a lease is over

    told |= run_until_quiet(scenario, world)

    assert ending(scenario, world) == without_trouble
    assert_linked_once(scenario, world)
    assert_one_outcome_each()
    assert_no_visit_is_hidden(world, visits_before, told)


@pytest.mark.parametrize("retry_after", ["none", "seconds", "date"])
@pytest.mark.parametrize("minutes", [-10, 10])
def test_clocks_that_differ_change_nothing(
    minutes: int,
    retry_after: Any,
    host: Host,
    world: World,
    make_onefile_sandbox: Callable[..., SandboxServer],
    settings: Any,
    items: Any,
    without_trouble: tuple[list[str], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not even where every few calls meet the rate limit, and OneFile says by its own clock how long to wait."""
    monkeypatch.setattr(
        heartbeat, "_clock_ahead", lambda: 0.0
    )  # the database's clock does not travel with ours
    skew = timedelta(minutes=minutes)
    skewed = make_onefile_sandbox(
        world=world,
        switches=Switches(rate_limit=4, rate_window=60, retry_after=retry_after, items=items),
        clock=lambda: datetime.now(UTC) + skew,
    )
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "BASE_URL": skewed.url, "TIMEOUT_SECONDS": 30}
    row = OneFileSettings.load()
    row.set_customer_token(skewed.customer_token)
    row.save()
    scenario = build_two_of_each(host, world)

    with time_machine.travel(datetime.now(UTC), tick=False) as now:
        for expected in ("updated", "unchanged"):
            run = services.perform(services.refresh_now([scenario.learner]), sleep=now.shift)
            assert run.outcomes.get().state == expected

    assert skewed.refusals[429] > 2
    assert ending(scenario, world) == without_trouble
    assert_linked_once(scenario, world)
    assert_one_outcome_each()


def run_until_quiet(scenario: TwoOfEach, world: World) -> set[str]:
    """Refresh again, time passing in between, until there is nothing to do; the problems told on the way."""
    told: set[str] = set()
    for _refresh in range(SOON):
        let_doubts_pass()
        outcome = sync(scenario.learner)
        told |= set(problems(outcome))
        if outcome.state == "unchanged":
            break
    writes = world.writes
    assert sync(scenario.learner).state == "unchanged"
    assert world.writes == writes
    return told


def assert_one_outcome_each() -> None:
    assert set(LearnerOutcome.objects.values_list("state", flat=True)) <= FINAL
    assert set(SyncRun.objects.values_list("state", flat=True)) == {"finished"}
    in_runs = Counter(LearnerOutcome.objects.values_list("run_id", "learner_pk"))
    assert set(in_runs.values()) == {1}


def assert_no_visit_is_hidden(world: World, visits_before: set[int], told: set[str]) -> None:
    """OneFile cannot be asked for visits: one whose answer was lost stays without a review, and a person is told."""
    with_a_review = {review.visit_id for review in world.reviews.values()}
    left_over = set(world.visits) - visits_before - with_a_review
    assert not left_over or "visit_left_over" in told
