"""Several workers at once, on a database that really runs them concurrently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from itertools import count, cycle, pairwise
from threading import Barrier
from typing import Any, TypeVar

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django_q.models import Schedule

from onefile_sync import services
from onefile_sync.host.snapshot import Officers
from onefile_sync.models import (
    ApiSession,
    LearnerOutcome,
    OneFileSettings,
    OutcomeState,
    RunKind,
    RunState,
    SyncRun,
)
from onefile_sync.sync.connection.rate_limit import SharedRateLimiter
from onefile_sync.sync.runs import leases, lifecycle
from onefile_sync.sync.runs.schedule import SCHEDULED_TASKS, install_schedules
from tests.factories import HOSTS, Host
from tests.run_fixtures import FREE, learners_of, run_of, states, stop_at
from tests.services.conftest import SCHEMES

WORKERS = 8
Result = TypeVar("Result")

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest, settings: Any, transactional_db: None) -> Iterator[Host]:
    if connection.vendor not in SCHEMES:
        pytest.fail("set DATABASE_URL to a PostgreSQL or MariaDB database")
    settings.ONEFILE_SYNC = HOSTS[request.param].mapping
    ContentType.objects.clear_cache()
    yield HOSTS[request.param]
    ContentType.objects.clear_cache()


def at_once(work: Callable[[], Result]) -> list[Result]:
    """Run the same work in several threads, started together, each with its own connection."""
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
        while claim := leases.claim_next(SyncRun.objects.get()):
            mine.append(claim.outcome.pk)
            claim.finish(OutcomeState.UPDATED, [], {"api_calls": 1, "rate_limited": 0})
        return mine

    claimed = Counter(pk for mine in at_once(claim_all) for pk in mine)

    assert set(claimed.values()) == {1}
    assert states(run) == ["updated"] * 40
    assert set(run.outcomes.values_list("attempts", "api_calls")) == {(1, 1)}
    assert lifecycle.advance(run)


def test_one_learner_in_many_runs_is_worked_on_once_at_a_time(host: Host) -> None:
    learners = learners_of(host, 1)
    waiting = iter([run_of(learners) for _run in range(WORKERS)])

    claimed = at_once(lambda: leases.claim_next(next(waiting)))

    assert sum(claim is not None for claim in claimed) == 1
    assert LearnerOutcome.objects.filter(state=OutcomeState.WORKING).count() == 1


def test_eight_sweeps_give_a_learner_up_once(host: Host) -> None:
    run = run_of(learners_of(host, 3))
    while leases.claim_next(run):
        pass
    run.outcomes.update(attempts=leases.MOST_ATTEMPTS)
    for outcome in run.outcomes.all():
        outcome.lease_expires_at -= timedelta(hours=1)
        outcome.save()

    at_once(leases.recover_expired)

    assert states(run) == ["failed"] * 3
    assert [outcome.problems.count() for outcome in run.outcomes.all()] == [1, 1, 1]


def test_eight_clicks_lead_to_one_run(host: Host) -> None:
    row = OneFileSettings(enabled=True)
    row.set_customer_token("a-customer-token")
    row.save()
    learner = host.learner()

    clicked = at_once(lambda: services.refresh([learner]).pk)

    assert len(set(clicked)) == 1
    assert LearnerOutcome.objects.count() == 1


def test_a_day_is_begun_once(host: Host) -> None:
    learners = learners_of(host, 5)
    today = date(2026, 3, 2)

    begun = at_once(
        lambda: lifecycle.open_run(RunKind.DAILY, learners, open_key="daily", scheduled_for=today)[0].pk
    )

    assert len(set(begun)) == 1
    assert LearnerOutcome.objects.count() == 5


def test_calls_of_all_workers_are_spaced_evenly(host: Host) -> None:
    def waits() -> list[float]:
        asked: list[float] = []
        rate_limiter = SharedRateLimiter(60, None, asked.append, for_a_person=True)
        for _call in range(5):
            rate_limiter.wait()
        return asked

    seconds = sorted(each for asked in at_once(waits) for each in asked)

    # No thread really waits here, so the reserved turns are one second apart.
    apart = [later - earlier for earlier, later in pairwise(seconds)]
    assert len(seconds) >= WORKERS * 5 - 1
    assert min(apart) > 0.5
    assert ApiSession.objects.count() == 1


def test_eight_deployments_install_each_schedule_once(host: Host) -> None:
    created = at_once(lambda: install_schedules().created)

    assert created.count(True) == 1
    assert sorted(Schedule.objects.values_list("name", flat=True)) == sorted(
        scheduled.name for scheduled in SCHEDULED_TASKS
    )


def test_a_run_that_is_cancelled_while_eight_work_on_it_ends_everybody_once(host: Host) -> None:
    run = run_of(learners_of(host, 60), kind=RunKind.DAILY, open_key="daily", guarded=True)
    turns = count()

    def work_or_cancel() -> None:
        while claim := leases.claim_next(SyncRun.objects.get()):
            turn = next(turns)
            if turn == 10:
                services.cancel(SyncRun.objects.get())
            match turn % 4:
                case 0:
                    claim.put_back(FREE)
                case 1:
                    claim.put_aside([], Officers(), FREE)
                case _:
                    claim.finish(OutcomeState.UPDATED, [], FREE)
            lifecycle.advance(SyncRun.objects.get())

    at_once(work_or_cancel)
    leases.recover_expired()

    run.refresh_from_db()
    assert (run.state, run.ending) == ("finished", "cancelled")
    ended = set(run.outcomes.values_list("state", flat=True))
    assert ended == {"updated", "skipped"}
    for outcome in run.outcomes.all():
        expected = ["run_cancelled"] if outcome.state == OutcomeState.SKIPPED else []
        assert [problem.code for problem in outcome.problems.all()] == expected


def test_of_eight_decisions_about_a_held_run_one_counts(host: Host) -> None:
    run = run_of(learners_of(host, 3), kind=RunKind.DAILY, open_key="daily", guarded=True)
    run.outcomes.update(state=OutcomeState.ASIDE)
    SyncRun.objects.update(state=RunState.HELD)
    decisions = cycle([services.apply_held, services.discard_held])

    counted = at_once(lambda: next(decisions)(SyncRun.objects.get()))

    assert counted.count(True) == 1
    run.refresh_from_db()
    applied = run.ending == ""
    assert states(run) == (["queued"] if applied else ["skipped"]) * 3
    assert [outcome.problems.count() for outcome in run.outcomes.all()] == [0 if applied else 1] * 3


def test_eight_who_look_after_a_run_hold_it_once(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    stop_at(percent=20, learners=1)
    run = run_of(learners_of(host, 3), kind=RunKind.DAILY, open_key="daily", guarded=True)
    run.outcomes.update(state=OutcomeState.ASIDE)

    nothing_left = at_once(lambda: lifecycle.advance(SyncRun.objects.get()))

    assert nothing_left == [True] * WORKERS
    assert states(run) == ["aside"] * 3
    assert caplog.text.count("run_held") == 1
