"""Runs start once and end once, and each learner gets exactly one outcome, however the run ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import AnonymousUser, User
from django.db import IntegrityError, transaction

from onefile_sync import services, tasks
from onefile_sync.conf import deployment
from onefile_sync.host.snapshot import Officers
from onefile_sync.models import LearnerOutcome, OneFileSettings, OutcomeState, RunKind, RunState, SyncRun
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sync.planning.types import FoundProblem, Subject
from onefile_sync.sync.runs import leases, lifecycle
from tests.conftest import dont_wait
from tests.factories import Host
from tests.run_fixtures import FREE, claimed, codes, how, learners_of, rows_of, run_of, states, stop_at

pytestmark = pytest.mark.matrix

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
Linked = Callable[[int], list[Any]]
Commit = Callable[[], Any]


def finish(
    claim: leases.Claim, state: OutcomeState = OutcomeState.UNCHANGED, *problems: FoundProblem
) -> None:
    claim.finish(state, problems, FREE)


def ends(run: SyncRun) -> tuple[str, str, str | None]:
    """A run's state, ending and open key, which prevents a second run."""
    run.refresh_from_db()
    return run.state, run.ending, run.open_key


class TestOpeningARun:
    def test_every_learner_has_one_outcome_that_waits(self, host: Host) -> None:
        learners = learners_of(host, 3)

        run = run_of(learners)

        waiting = run.outcomes.order_by("id")
        assert [outcome.learner_pk for outcome in waiting] == [str(learner.pk) for learner in learners]
        assert [outcome.onefile_id for outcome in waiting] == [600, 601, 602]
        assert states(run) == ["queued"] * 3
        assert [outcome.learner for outcome in waiting] == learners

    def test_the_database_allows_no_second_outcome(self, host: Host) -> None:
        (learner,) = learners_of(host, 1)
        outcome = run_of([learner]).outcomes.get()

        outcome.pk = None
        with pytest.raises(IntegrityError), transaction.atomic():
            outcome.save()

    def test_a_second_open_run_with_the_same_key_is_the_first(self, host: Host) -> None:
        learners = learners_of(host, 1)
        key = lifecycle.learner_key(RunKind.REFRESH, str(learners[0].pk))

        first, created = lifecycle.open_run(RunKind.REFRESH, learners, open_key=key)
        second, created_again = lifecycle.open_run(RunKind.REFRESH, learners, open_key=key)

        assert (created, created_again) == (True, False)
        assert first == second
        assert LearnerOutcome.objects.count() == 1

    def test_a_closed_run_leaves_its_key_to_the_next(self, host: Host) -> None:
        learners = learners_of(host, 1)
        first = run_of(learners, open_key="key")
        finish(claimed(first))
        lifecycle.advance(first)

        second, created = lifecycle.open_run(RunKind.REFRESH, learners, open_key="key")

        assert created
        assert second != first

    def test_a_day_has_one_run_even_when_it_is_over(self, host: Host) -> None:
        today = date(2026, 3, 2)
        first = run_of([], kind=RunKind.DAILY, open_key="daily", scheduled_for=today)
        assert lifecycle.advance(first)

        again, created = lifecycle.open_run(RunKind.DAILY, [], open_key="daily", scheduled_for=today)

        assert (again, created) == (first, False)

    def test_a_learner_named_twice_without_a_key_is_a_mistake_of_the_caller(self, host: Host) -> None:
        (learner,) = learners_of(host, 1)

        with pytest.raises(IntegrityError):
            lifecycle.open_run(RunKind.REFRESH, [learner, learner])

        assert not SyncRun.objects.exists()


class TestClosing:
    def test_a_run_closes_exactly_when_no_learner_is_left(self, host: Host) -> None:
        run = run_of(learners_of(host, 2), open_key="key")
        assert not lifecycle.advance(run)
        first, second = claimed(run), claimed(run)
        finish(first)
        assert not lifecycle.advance(run)
        finish(second)

        assert lifecycle.advance(run)

        assert (run.state, run.open_key) == (RunState.FINISHED, None)
        ended = run.finished_at
        assert ended is not None
        assert lifecycle.advance(run)
        assert run.finished_at == ended

    def test_a_sweep_closes_what_a_dead_worker_left_open(self, host: Host) -> None:
        run = run_of(learners_of(host, 1))
        finish(claimed(run))

        leases.recover_expired()

        run.refresh_from_db()
        assert run.state == RunState.FINISHED

    def test_giving_up_ends_waiting_learners_and_not_those_being_processed(self, host: Host) -> None:
        run = run_of(learners_of(host, 3))
        claim = claimed(run)

        lifecycle.give_up(run, OutcomeState.SKIPPED, "run_replaced")

        assert states(run) == ["working", "skipped", "skipped"]
        assert codes(run) == [[], ["run_replaced"], ["run_replaced"]]
        assert run.is_open
        finish(claim)
        assert lifecycle.advance(run)

    def test_a_learner_claimed_while_the_others_are_given_up_is_still_processed(
        self, host: Host, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = run_of(learners_of(host, 1))
        as_read = list(run.outcomes.values_list("pk", flat=True))
        claimed(run)
        monkeypatch.setattr(lifecycle, "_in_batches", lambda _run, _of: iter([as_read]))

        lifecycle.give_up(run, OutcomeState.FAILED, "off")

        assert states(run) == ["working"]
        assert codes(run) == [[]]

    def test_giving_up_many_takes_them_in_batches_and_each_once(
        self, host: Host, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lifecycle, "BATCH", 2)
        run = run_of(learners_of(host, 5))

        lifecycle.give_up(run, OutcomeState.SKIPPED, "run_replaced")

        assert states(run) == ["skipped"] * 5
        assert codes(run) == [["run_replaced"]] * 5
        assert not run.outcomes.filter(finished_at=None).exists()

    def test_deleting_a_learner_deletes_what_was_recorded(self, host: Host) -> None:
        (learner,) = learners_of(host, 1)
        run = run_of([learner])
        finish(
            claimed(run), OutcomeState.FAILED, FoundProblem("stopped", Subject("learner", str(learner.pk)))
        )

        learner.delete()

        assert not LearnerOutcome.objects.exists()


class TestCancelling:
    """No other learner is started, and learners being processed are finished."""

    def test_ends_a_run_in_which_no_learner_is_being_processed(self, host: Host) -> None:
        run = run_of(learners_of(host, 3), open_key="key")
        clerk = User.objects.create_user("clerk")

        assert services.cancel(run, by=clerk)

        assert ends(run) == ("finished", "cancelled", None)
        assert run.finished_at is not None
        assert run.decided_by == clerk
        assert states(run) == ["skipped"] * 3
        assert codes(run) == [["run_cancelled"]] * 3
        assert leases.claim_next(run) is None

    def test_lets_the_learner_being_processed_finish(self, host: Host) -> None:
        run = run_of(learners_of(host, 3), open_key="key")
        at_work = claimed(run)

        assert services.cancel(run, by=AnonymousUser())

        assert ends(run) == ("running", "cancelled", None)
        assert states(run) == ["working", "skipped", "skipped"]
        assert leases.claim_next(run) is None
        finish(at_work, OutcomeState.UPDATED)
        assert lifecycle.advance(run)
        assert ends(run) == ("finished", "cancelled", None)
        assert states(run) == ["updated", "skipped", "skipped"]
        assert codes(run) == [[], ["run_cancelled"], ["run_cancelled"]]

    @pytest.mark.parametrize(
        "let_go",
        [
            lambda claim: claim.put_back(FREE),
            lambda claim: claim.put_aside([], Officers(), FREE),
        ],
        ids=["put back", "put aside"],
    )
    def test_skips_a_learner_who_is_put_back_afterwards(
        self, host: Host, let_go: Callable[[leases.Claim], None]
    ) -> None:
        run = run_of(learners_of(host, 2), kind=RunKind.DAILY, open_key="daily", guarded=True)
        at_work = claimed(run)
        services.cancel(run)

        let_go(at_work)
        leases.recover_expired()

        assert ends(run) == ("finished", "cancelled", None)
        assert states(run) == ["skipped", "skipped"]
        assert codes(run) == [["run_cancelled"], ["run_cancelled"]]

    def test_skips_a_learner_put_aside_at_the_same_moment(
        self, host: Host, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stop_at(percent=0, learners=1)
        run = run_of(learners_of(host, 2), kind=RunKind.DAILY, open_key="daily", guarded=True)
        at_work = [claimed(run)]
        leave_out = lifecycle._leave_out

        def leave_out_just_before(*anything: Any) -> None:
            leave_out(*anything)
            if at_work:
                at_work.pop().put_aside([], Officers(), FREE)

        monkeypatch.setattr(lifecycle, "_leave_out", leave_out_just_before)
        services.cancel(run)
        leases.recover_expired()

        assert ends(run) == ("finished", "cancelled", None)
        assert states(run) == ["skipped", "skipped"]
        assert codes(run) == [["run_cancelled"], ["run_cancelled"]]

    def test_skips_the_learner_of_a_dead_worker(self, host: Host) -> None:
        with time_machine.travel(NOON, tick=False) as now:
            run = run_of(learners_of(host, 1))
            claimed(run)
            services.cancel(run)
            now.shift(deployment.lease + timedelta(seconds=1))
            leases.recover_expired()

        assert ends(run) == ("finished", "cancelled", None)
        assert codes(run) == [["run_cancelled"]]

    def test_during_the_work_starts_no_other_learner(
        self, linked: Linked, onefile: SandboxServer, host: Host
    ) -> None:
        learners = linked(4)
        before = rows_of(learners)
        run = services.refresh_now(learners)
        left = [services.cancel]

        services.perform(run, after_each=lambda: left and left.pop()(run), sleep=dont_wait)

        assert states(run) == ["updated", "skipped", "skipped", "skipped"]
        assert codes(run) == [[], *[["run_cancelled"]] * 3]
        assert ends(run)[:2] == ("finished", "cancelled")
        assert rows_of(learners)[0] != before[0]
        assert rows_of(learners)[1:] == before[1:]

    def test_leaves_nothing_for_a_task_that_comes_late(
        self, linked: Linked, onefile: SandboxServer, commit: Commit
    ) -> None:
        with commit():
            run = services.refresh(linked(2))
        services.cancel(run)
        onefile.reset_counts()

        assert tasks.work_on_run(str(run.pk)) == "finished"

        assert codes(run) == [["run_cancelled"], ["run_cancelled"]]
        assert sum(onefile.calls.values()) == 0

    def test_works_while_paused(self, host: Host, switched_on: OneFileSettings) -> None:
        run = services.refresh(learners_of(host, 2))
        OneFileSettings.objects.update(paused=True)

        assert services.cancel(run)

        assert ends(run) == ("finished", "cancelled", None)

    def test_comes_too_late_for_a_run_that_is_over(self, host: Host) -> None:
        run = run_of(learners_of(host, 1))
        finish(claimed(run))
        lifecycle.advance(run)

        assert not services.cancel(run)

        assert ends(run) == ("finished", "", None)
        assert codes(run) == [[]]

    def test_twice_counts_once(self, host: Host) -> None:
        run = run_of(learners_of(host, 2))
        first, second = User.objects.create_user("first"), User.objects.create_user("second")
        at_work = claimed(run)

        assert services.cancel(run, by=first)
        assert not services.cancel(run, by=second)

        finish(at_work)
        leases.recover_expired()
        run.refresh_from_db()
        assert run.decided_by == first
        assert codes(run) == [[], ["run_cancelled"]]

    def test_makes_room_for_the_next_at_once(self, host: Host, switched_on: OneFileSettings) -> None:
        learners_of(host, 2)
        run = services.start_daily()
        at_work = claimed(run)
        services.cancel(run)

        following = services.start_daily()

        assert following != run
        # The learner whom the cancelled run is still processing has to wait in the new run.
        assert claimed(following).outcome.learner_pk != at_work.outcome.learner_pk
        assert leases.claim_next(following) is None
        finish(at_work)
        assert claimed(following).outcome.learner_pk == at_work.outcome.learner_pk


class TestReplacing:
    def test_ends_those_who_wait_and_lets_the_others_finish(self, host: Host) -> None:
        run = run_of(learners_of(host, 2), kind=RunKind.DAILY, open_key="daily")
        at_work = claimed(run)

        assert lifecycle.replace(run)

        assert ends(run) == ("running", "replaced", None)
        assert run.decided_by is None
        finish(at_work)
        leases.recover_expired()
        assert ends(run) == ("finished", "replaced", None)
        assert codes(run) == [[], ["run_replaced"]]

    def test_comes_too_late_for_a_run_that_is_over(self, host: Host) -> None:
        run = run_of([])
        assert lifecycle.advance(run)

        assert not lifecycle.replace(run)
        assert ends(run) == ("finished", "", None)


def test_a_run_that_failed_for_everybody_is_the_last_attempt_and_not_the_last_daily_sync(host: Host) -> None:
    learners = learners_of(host, 2)
    good = run_of(learners, kind=RunKind.DAILY)
    good.outcomes.update(state=OutcomeState.UNCHANGED)
    lifecycle.advance(good)
    assert services.last_daily_attempt() == services.last_daily_run() == good
    failed = run_of(learners, kind=RunKind.DAILY)
    failed.outcomes.update(state=OutcomeState.FAILED)
    lifecycle.advance(failed)

    assert services.last_daily_run() == good
    assert services.last_daily_attempt() == failed

    partly = run_of(learners, kind=RunKind.DAILY)
    partly.outcomes.update(state=OutcomeState.FAILED)
    partly.outcomes.filter(pk=partly.outcomes.earliest("id").pk).update(state=OutcomeState.UPDATED)
    lifecycle.advance(partly)
    assert services.last_daily_run() == partly


def test_a_run_under_way_is_no_attempt_yet_and_a_held_one_is(host: Host) -> None:
    run = run_of(learners_of(host, 1), kind=RunKind.DAILY)
    assert services.last_daily_attempt() is None
    SyncRun.objects.update(state="held")
    assert services.last_daily_attempt() == run
    assert services.last_daily_run() is None


def test_a_run_that_was_ended_early_is_not_the_last_daily_sync(host: Host) -> None:
    learners = learners_of(host, 1)
    whole = run_of(learners, kind=RunKind.DAILY)
    finish(claimed(whole))
    lifecycle.advance(whole)
    services.cancel(run_of(learners, kind=RunKind.DAILY))

    assert services.last_daily_run() == whole


class TestWhileAnotherWorkerIsFaster:
    """What a worker saw before it locked the run may have changed until then."""

    @pytest.fixture
    def before_the_lock(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
        """Do something between the first look whether there is work left and the second."""
        look = lifecycle._has_work_left

        def do(action: Callable[[], object]) -> None:
            left = [action]

            def looked(run: SyncRun) -> bool:
                has_work = look(run)
                while left:
                    left.pop()()
                return has_work

            monkeypatch.setattr(lifecycle, "_has_work_left", looked)

        return do

    def test_a_run_that_was_closed_stays_as_it_was_closed(self, host: Host, before_the_lock: Any) -> None:
        run = run_of([])
        closed = {
            "state": RunState.FINISHED,
            "ending": "cancelled",
            "finished_at": datetime(2026, 7, 1, tzinfo=UTC),
        }
        before_the_lock(lambda: SyncRun.objects.update(**closed))

        assert lifecycle.advance(run)
        assert SyncRun.objects.filter(**closed).get() == run

    def test_a_run_with_new_work_is_not_closed(self, host: Host, before_the_lock: Any) -> None:
        run = run_of(learners_of(host, 1))
        outcomes = run.outcomes.all()
        outcomes.update(state="unchanged")
        before_the_lock(lambda: outcomes.update(state="queued"))

        assert not lifecycle.advance(run)
        assert how(run) == ("queued", "")
