"""A worker that reads OneFile for everyone may be killed or stopped at any call; the next one continues there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import cycle
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from onefile_sync import services
from onefile_sync.models import ListedPage, OneFileSettings, StagedRecord, SyncRun
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.retry import RetryPolicy
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.sync import worker
from onefile_sync.sync.bulk import compare, listings
from onefile_sync.sync.bulk.sample import SAMPLE
from onefile_sync.sync.connection.session import connect
from onefile_sync.sync.runs import lifecycle
from onefile_sync.web import text
from tests.conftest import dont_wait
from tests.factories import Host
from tests.run_fixtures import codes, refuse_the_token, states
from tests.scenarios.everyone import begin_daily, build_in_step, daily

pytestmark = pytest.mark.matrix

LEARNERS = 6
PAST_THE_LEASE = timedelta(minutes=12)


class Killed(BaseException):
    """An exception that nothing in the package catches."""


@pytest.fixture(autouse=True)
def short_pages(settings: Any, host: Host) -> None:
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "PAGE_SIZE": 5}


@pytest.fixture
def people(host: Host, world: World) -> list[Any]:
    return build_in_step(host, world, LEARNERS)


def a_client() -> OneFile:
    return connect(OneFileSettings.load(), RetryPolicy.unattended(), sleep=dont_wait)


def read_on(run: SyncRun, onefile: OneFile, pieces: int) -> None:
    """Carry out a few steps, each of which reads a page or a few records."""
    for _piece in range(pieces):
        listings.read_on(run, onefile, lambda: True)
        run.refresh_from_db()


def everything_is_staged(world: World) -> bool:
    known = set(StagedRecord.objects.exclude(digest="").values_list("kind", "onefile_id"))
    return known == {("aim", each) for each in world.aims} | {("review", each) for each in world.reviews}


@pytest.mark.parametrize("host", ["picsweb"], indirect=True)
def test_a_worker_killed_at_any_call_costs_hardly_any_calls_more(
    host: Host, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "PAGE_SIZE": 3}
    build_in_step(host, world, 2)  # two pages of each list
    daily()
    onefile.reset_counts()
    undisturbed = daily()
    calls = sum(onefile.calls.values())
    hold_on = worker.WorkerThread.hold_on
    assert calls > 10

    for kill_at in range(1, calls + 1):
        made = [0]

        def killed(self: Any, seconds: float, made: list[int] = made, kill_at: int = kill_at) -> None:
            made[0] += 1
            if made[0] == kill_at:
                raise Killed
            hold_on(self, seconds)

        onefile.reset_counts()
        with time_machine.travel(timezone.now() + kill_at * PAST_THE_LEASE, tick=False) as clock:
            run = begin_daily()
            with monkeypatch.context() as patch:
                patch.setattr(worker.WorkerThread, "hold_on", killed)
                with pytest.raises(Killed):
                    services.perform(run, sleep=dont_wait)
            clock.shift(PAST_THE_LEASE / 2)
            services.perform(run, sleep=dont_wait)

        assert sorted(states(run)) == sorted(states(undisturbed))
        assert everything_is_staged(world)
        assert sum(onefile.calls.values()) <= calls + 2


def test_two_workers_share_the_pages(people: list[Any], world: World, onefile: SandboxServer) -> None:
    run = begin_daily()
    lifecycle.start(run)
    for client in cycle([a_client(), a_client()]):
        read_on(run, client, 1)
        if run.read_at is not None:
            break

    assert everything_is_staged(world)
    assert not ListedPage.objects.exists()
    pages = LEARNERS * 2 // 5 + 1 + LEARNERS * 3 // 5 + 1
    assert (
        onefile.calls["LearningAim/Search"] + onefile.calls["Review/Search"] <= pages + 2 + 2 * listings.AHEAD
    )


def test_a_page_whose_reader_went_away_is_read_by_the_next(
    people: list[Any], world: World, onefile: SandboxServer
) -> None:
    run, client = begin_daily(), a_client()
    read_on(run, client, 2)  # the centres, and the first page
    assert listings._claim_page(run, run.listings.all()) is not None
    while listings.read_on(run, client, lambda: True):
        run.refresh_from_db()
    assert run.read_at is None

    with time_machine.travel(timezone.now() + PAST_THE_LEASE):
        while run.read_at is None:
            read_on(run, client, 1)

    assert everything_is_staged(world)


class TestWhatKeepsUsFromReading:
    def test_a_token_that_is_withdrawn_ends_the_run_for_all(
        self, people: list[Any], onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refuse_the_token(onefile)

        run = daily()

        assert (run.state, states(run)) == ("finished", ["failed"] * LEARNERS)
        assert codes(run) == [["bad_customer_token"]] * LEARNERS

    def test_a_onefile_that_is_away_ends_the_run_for_all(
        self, people: list[Any], onefile: SandboxServer
    ) -> None:
        run = begin_daily()
        onefile.stop()

        services.perform(run, sleep=dont_wait)

        assert (run.state, states(run)) == ("finished", ["failed"] * LEARNERS)
        assert codes(run) == [["unreachable"]] * LEARNERS

    def test_a_rate_limit_lets_the_task_end_and_the_next_go_on(
        self, people: list[Any], onefile: SandboxServer
    ) -> None:
        run = begin_daily()
        onefile.faults.append(Fault(operation="Review/Search", kind="status", status=429, times=8))

        said = []
        while run.is_open and len(said) < 20:
            said.append(services.work(str(run.pk), sleep=dont_wait))
            run.refresh_from_db()

        assert said[-1] == "finished"
        assert states(run) == ["updated"] * LEARNERS
        assert services.totals(run).rate_limited == 8

    def test_a_rate_limit_that_never_ends_ends_the_run(
        self, people: list[Any], onefile: SandboxServer
    ) -> None:
        onefile.faults.append(Fault(operation="Review/Search", kind="status", status=429, times=999))

        run = daily()

        assert (run.state, states(run)) == ("finished", ["failed"] * LEARNERS)
        assert codes(run) == [["rate_limited"]] * LEARNERS


class TestStopping:
    def stop_while_reading(self, monkeypatch: pytest.MonkeyPatch, stop: Callable[[], Any]) -> None:
        read = listings._Page._read

        def stop_first(self: Any, client: Any) -> Any:
            stop()
            return read(self, client)

        monkeypatch.setattr(listings._Page, "_read", stop_first)

    def test_a_paused_run_continues_where_it_was(
        self, people: list[Any], world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = begin_daily()
        with monkeypatch.context() as patch:
            self.stop_while_reading(patch, lambda: OneFileSettings.objects.update(paused=True))
            assert services.work(str(run.pk), sleep=dont_wait) == "paused"
        assert states(run) == ["queued"] * LEARNERS
        OneFileSettings.objects.update(paused=False)

        services.perform(run, sleep=dont_wait)

        assert states(run) == ["updated"] * LEARNERS
        assert onefile.calls["Customer/get"] == 1

    def test_a_cancelled_run_ends(
        self, people: list[Any], onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = begin_daily()
        self.stop_while_reading(monkeypatch, lambda: lifecycle.cancel(SyncRun.objects.get(), None))

        services.perform(run, sleep=dont_wait)

        assert (run.state, run.ending, states(run)) == ("finished", "cancelled", ["skipped"] * LEARNERS)
        assert onefile.calls["Review/Search"] == 0


class TestComparing:
    def test_one_learner_who_cannot_be_compared_does_not_stop_the_others(
        self, people: list[Any], onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        daily()
        from onefile_sync.sync.learner import exchange

        make_plan = exchange.make_plan

        def stumble(row: Any, *more: Any) -> Any:
            if row.pk == str(people[2].pk):
                raise ZeroDivisionError
            return make_plan(row, *more)

        monkeypatch.setattr(exchange, "make_plan", stumble)
        monkeypatch.setattr(compare, "make_plan", stumble)

        run = daily()

        assert sorted(states(run)) == ["failed"] + ["unchanged"] * (LEARNERS - 1)
        assert run.outcomes.get(learner_pk=str(people[2].pk)).problems.get().code == "stopped"

    def test_one_whose_onefile_id_was_taken_away_is_left_out(
        self, people: list[Any], onefile: SandboxServer
    ) -> None:
        run = begin_daily()
        type(people[0]).objects.filter(pk=people[0].pk).update(onefile_id=None)

        services.perform(run, sleep=dont_wait)

        assert run.outcomes.get(learner_pk=str(people[0].pk)).problems.get().code == "learner_left"
        assert sorted(states(run)) == ["skipped"] + ["updated"] * (LEARNERS - 1)

    def test_what_was_read_a_day_ago_or_before_the_run_was_held_is_not_planned_with(
        self, people: list[Any], onefile: SandboxServer
    ) -> None:
        run, pks = daily(), [str(learner.pk) for learner in people]
        assert len(compare.staged_for(run, pks)) == LEARNERS

        run.held_at = timezone.now()
        assert compare.staged_for(run, pks) == {}
        run.held_at = None
        with time_machine.travel(timezone.now() + timedelta(hours=25)):
            assert compare.staged_for(run, pks) == {}


class TestWhatIsSaid:
    @pytest.fixture
    def items(self) -> Any:
        return "thin"

    def test_how_far_the_reading_is(self, people: list[Any], onefile: SandboxServer) -> None:
        run, client = begin_daily(), a_client()
        lifecycle.start(run)

        read_on(run, client, 2)
        assert text.headline(run, services.progress(run)) == "Reading the lists of OneFile: 1 page so far."
        with time_machine.travel(timezone.now() + timedelta(seconds=40)):
            assert not services.progress(run).waiting_for_worker
        while run.listed_at is None:
            read_on(run, client, 1)
        left = StagedRecord.objects.filter(due_in=run.pk).count()
        assert LEARNERS * (2 + 3) - SAMPLE <= left <= LEARNERS * (2 + 3), "but for what was read as a sample"
        assert text.headline(run, services.progress(run)) == (
            f"Reading records individually from OneFile: {left} records to go."
        )
        while run.read_at is None:
            read_on(run, client, 1)
        assert "learners done" in text.headline(run, services.progress(run))

    @pytest.mark.parametrize("host", ["picsweb"], indirect=True)
    def test_on_the_runs_page_where_it_could_not_be_read_the_short_way(
        self, people: list[Any], onefile: SandboxServer, client: Client, admin_user: Any
    ) -> None:
        onefile.faults.append(Fault(operation="LearningAim/Search", kind="status", status=400, times=1))
        run = daily()
        client.force_login(admin_user)

        page = client.get(run.get_absolute_url()).content.decode()

        assert "OneFile does not list the learning aims of all learners" in page
