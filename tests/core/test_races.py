"""Several workers at the same moment, on a database where they really are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from itertools import pairwise
from threading import Barrier
from typing import Any, TypeVar

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from onefile_sync import services
from onefile_sync.models import ApiSession, LearnerOutcome, OneFileSettings, OutcomeState, RunKind, SyncRun
from onefile_sync.sync import ledger
from onefile_sync.sync.connect import SharedPace
from onefile_sync.sync.schedule import install_schedule
from tests.factories import HOSTS, Host

from .conftest import learners_of, run_of, states

WORKERS = 8
Result = TypeVar("Result")

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest, settings: Any, transactional_db: None) -> Iterator[Host]:
    if connection.vendor != "postgresql":
        pytest.fail("set DATABASE_URL to a PostgreSQL database")
    settings.ONEFILE_SYNC = HOSTS[request.param].mapping
    ContentType.objects.clear_cache()
    yield HOSTS[request.param]
    ContentType.objects.clear_cache()


def at_once(work: Callable[[], Result]) -> list[Result]:
    """The same work in several threads, each with a connection of its own, begun together."""
    ready = Barrier(WORKERS)

    def begin() -> Result:
        try:
            ready.wait()
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(WORKERS) as threads:
        return [each.result() for each in [threads.submit(begin) for _worker in range(WORKERS)]]


def test_two_workers_never_have_the_same_learner(host: Host) -> None:
    run = run_of(learners_of(host, 40))

    def claim_all() -> list[int]:
        mine = []
        while claim := ledger.claim_next(SyncRun.objects.get()):
            mine.append(claim.outcome.pk)
            claim.finish(OutcomeState.UPDATED, [], api_calls=1, rate_limited=0)
        return mine

    claimed = Counter(pk for mine in at_once(claim_all) for pk in mine)

    assert set(claimed.values()) == {1}
    assert states(run) == ["updated"] * 40
    assert set(run.outcomes.values_list("attempts", "api_calls")) == {(1, 1)}
    assert ledger.close_if_done(run)


def test_one_learner_in_many_runs_is_worked_on_once_at_a_time(host: Host) -> None:
    learners = learners_of(host, 1)
    runs = [run_of(learners) for _run in range(WORKERS)]
    waiting = iter(runs)

    claims = at_once(lambda: ledger.claim_next(next(waiting)))

    assert sum(claim is not None for claim in claims) == 1
    assert LearnerOutcome.objects.filter(state=OutcomeState.WORKING).count() == 1


def test_eight_sweeps_give_a_learner_up_once(host: Host) -> None:
    run = run_of(learners_of(host, 3))
    while ledger.claim_next(run):
        pass
    run.outcomes.update(attempts=ledger.MOST_ATTEMPTS)
    for outcome in run.outcomes.all():
        outcome.lease_expires_at -= timedelta(hours=1)
        outcome.save()

    at_once(ledger.sweep)

    assert states(run) == ["failed"] * 3
    assert [outcome.problems.count() for outcome in run.outcomes.all()] == [1, 1, 1]


def test_eight_clicks_lead_to_one_run(host: Host) -> None:
    row = OneFileSettings(enabled=True)
    row.set_customer_token("a-customer-token")
    row.save()
    learner = host.learner()

    runs = at_once(lambda: services.refresh([learner]).pk)

    assert len(set(runs)) == 1
    assert LearnerOutcome.objects.count() == 1


def test_a_day_is_begun_once(host: Host) -> None:
    learners = learners_of(host, 5)
    today = date(2026, 3, 2)

    runs = at_once(
        lambda: ledger.open_run(RunKind.DAILY, learners, open_key="daily", scheduled_for=today)[0].pk
    )

    assert len(set(runs)) == 1
    assert LearnerOutcome.objects.count() == 5


def test_calls_of_all_workers_are_spaced_evenly(host: Host) -> None:
    def waits() -> list[float]:
        asked: list[float] = []
        pace = SharedPace(60, None, asked.append)
        for _call in range(5):
            pace.wait()
        return asked

    seconds = sorted(each for asked in at_once(waits) for each in asked)

    # Nobody really waits here, so that the places in the queue lie one second behind the other.
    apart = [later - earlier for earlier, later in pairwise(seconds)]
    assert len(seconds) >= WORKERS * 5 - 1
    assert min(apart) > 0.5
    assert ApiSession.objects.count() == 1


def test_eight_deployments_install_one_schedule(host: Host) -> None:
    created = at_once(lambda: install_schedule().created)

    assert created.count(True) == 1
