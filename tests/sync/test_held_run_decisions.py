"""Decisions about a daily run that the safety stop holds: applied, discarded or cancelled; the first one counts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from django_q.models import OrmQ

from onefile_sync import services, tasks
from onefile_sync.models import Change, LearnerOutcome, OneFileSettings, OutcomeState, RunKind, SyncRun
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.sync.runs import leases, lifecycle
from tests.conftest import changes, sync
from tests.factories import Host
from tests.run_fixtures import (
    REGISTERED,
    codes,
    how,
    learners_of,
    numbers_of,
    people,
    planned_of,
    queued_runs,
    replaced,
    rows_of,
    run_of,
    scheduled,
    states,
    states_of,
    stop_at,
)

pytestmark = pytest.mark.matrix

Linked = Callable[[int], list[Any]]
Commit = Callable[[], Any]
A_DAY = timedelta(days=1)


class TestApplying:
    def test_lets_everybody_have_their_turn(self, held: SyncRun, world: World, commit: Commit) -> None:
        learners, manager = people(held), User.objects.create_user("manager")
        OrmQ.objects.all().delete()

        with commit():
            assert services.apply_held(held, by=manager)
        assert how(held) == ("running", "")
        assert states(held) == ["queued", "queued"]
        assert queued_runs() == [str(held.pk)]

        assert tasks.work_on_run(str(held.pk)) == "finished"

        assert how(held) == ("finished", "")
        assert held.decided_by == manager
        assert states(held) == ["updated", "updated"]
        assert numbers_of(learners) == replaced(learners)
        assert [aim.registration_date.date() for aim in world.aims.values()] == [REGISTERED, REGISTERED]
        assert len(world.reviews) == 2
        assert services.last_daily_run() == held

    def test_deletes_what_was_planned_once_it_is_planned_again(self, held: SyncRun) -> None:
        services.apply_held(held)
        assert Change.objects.filter(made=False).count() == 2 * 6

        tasks.work_on_run(str(held.pk))

        assert not Change.objects.filter(made=False).exists()
        assert Change.objects.count() == 2 * 6

    def test_compares_everybody_once_more(self, held: SyncRun, world: World) -> None:
        one, other = people(held)
        for aim in world.aims.values():
            if aim.user_id == one.onefile_id:
                aim.registration_number = f"P-{one.onefile_id}"  # somebody mended it in OneFile
        services.apply_held(held)

        tasks.work_on_run(str(held.pk))

        assert numbers_of([one, other]) == [f"P-{one.onefile_id}", f"REG-{other.onefile_id}"]

    def test_a_learner_refreshed_meanwhile_has_nothing_left_to_change(self, held: SyncRun) -> None:
        one, _other = people(held)
        sync(one)

        services.apply_held(held)
        tasks.work_on_run(str(held.pk))

        assert states(held) == ["unchanged", "updated"]
        assert not held.outcomes.earliest("id").changes.exists()

    def test_while_paused_waits_for_the_end_of_the_pause(self, held: SyncRun, commit: Commit) -> None:
        OneFileSettings.objects.update(paused=True)
        assert services.apply_held(held)
        assert tasks.work_on_run(str(held.pk)) == "paused"
        assert states(held) == ["queued", "queued"]

        OneFileSettings.objects.update(paused=False)
        OrmQ.objects.all().delete()
        with commit():
            assert services.resume() == 1
        assert queued_runs() == [str(held.pk)]
        tasks.work_on_run(str(held.pk))
        assert states(held) == ["updated", "updated"]

    def test_leaves_time_for_a_worker_to_come(self, held: SyncRun) -> None:
        """The run began long ago, which does not mean that no worker is running now."""
        SyncRun.objects.update(created_at=timezone.now() - A_DAY)
        LearnerOutcome.objects.update(started_at=timezone.now() - A_DAY)
        held.refresh_from_db()

        services.apply_held(held)

        assert not services.progress(held).waiting_for_worker

    def test_of_a_dead_worker_is_recovered(self, held: SyncRun, commit: Commit) -> None:
        services.apply_held(held)
        assert leases.claim_next(held) is not None
        long_ago = timezone.now() - timedelta(hours=1)
        held.outcomes.filter(state=OutcomeState.WORKING).update(lease_expires_at=long_ago)
        SyncRun.objects.update(queued_at=long_ago, worked_at=long_ago)
        OrmQ.objects.all().delete()

        with commit():
            assert tasks.sweep() == "handed out again: 1"

        assert queued_runs() == [str(held.pk)]
        tasks.work_on_run(str(held.pk))
        assert states(held) == ["updated", "updated"]

    def test_is_still_theirs_when_the_run_is_replaced_later(self, held: SyncRun) -> None:
        manager = User.objects.create_user("manager")
        services.apply_held(held, by=manager)

        lifecycle.replace(held)

        assert (held.ending, held.decided_by) == ("replaced", manager)


class TestDiscarding:
    def test_ends_the_run_and_keeps_what_was_planned_for_the_reader(
        self, held: SyncRun, world: World, counting: Callable[[], Any], onefile: SandboxServer
    ) -> None:
        learners, manager = people(held), User.objects.create_user("manager")
        before = rows_of(learners)
        onefile.reset_counts()

        with counting() as counted:
            assert services.discard_held(held, by=manager)

        assert how(held) == ("finished", "discarded")
        assert (held.decided_by, held.open_key) == (manager, None)
        assert held.finished_at is not None
        assert states(held) == ["skipped", "skipped"]
        assert codes(held) == [["run_discarded"]] * 2
        assert rows_of(learners) == before
        assert (counted.to_picsweb, world.writes, sum(onefile.calls.values())) == (0, 0, 0)
        for outcome in held.outcomes.all():
            assert changes(outcome) == planned_of(outcome.learner)
            assert {line.made for line in services.report(outcome).changes} == {False}

    def test_keeps_what_became_of_the_others(self, differing: Linked, linked: Linked, onefile: Any) -> None:
        stop_at(percent=20, learners=2)
        learners = [*differing(2), *linked(1)]
        run = scheduled()

        services.discard_held(run)

        assert states_of(run, learners) == ["skipped", "skipped", "updated"]
        assert sorted(codes(run)) == [[], ["run_discarded"], ["run_discarded"]]

    def test_a_learner_refreshed_manually_keeps_the_changes(self, held: SyncRun) -> None:
        one, other = people(held)
        sync(one)

        services.discard_held(held)

        assert states(held) == ["skipped", "skipped"]
        assert numbers_of([one, other]) == [f"REG-{one.onefile_id}", f"P-{other.onefile_id}"]

    def test_the_next_daily_sync_is_held_again_while_as_much_differs(self, held: SyncRun) -> None:
        services.discard_held(held)
        SyncRun.objects.update(scheduled_for=timezone.localdate() - A_DAY)

        following = scheduled()

        assert following != held
        assert how(following) == ("held", "")


class TestTwoDecisions:
    """The first decision counts."""

    @pytest.mark.parametrize(
        ("first", "second", "then"),
        [
            (services.apply_held, services.apply_held, ("finished", "")),
            (services.apply_held, services.discard_held, ("finished", "")),
            (services.discard_held, services.apply_held, ("finished", "discarded")),
            (services.discard_held, services.discard_held, ("finished", "discarded")),
            (services.discard_held, services.cancel, ("finished", "discarded")),
        ],
        ids=lambda each: getattr(each, "__name__", ""),
    )
    def test_of_two_people_with_the_same_page(
        self,
        held: SyncRun,
        first: Callable[..., bool],
        second: Callable[..., bool],
        then: tuple[str, str],
    ) -> None:
        quick, slow = User.objects.create_user("quick"), User.objects.create_user("slow")
        learners = people(held)
        as_seen_by_the_other = SyncRun.objects.get()

        assert first(held, by=quick)
        assert not second(as_seen_by_the_other, by=slow)
        tasks.work_on_run(str(held.pk))

        assert how(held) == then
        assert held.decided_by == quick
        is_applied = first is services.apply_held
        assert (numbers_of(learners) == replaced(learners)) is is_applied
        assert [len(problems) for problems in codes(held)] == [0 if is_applied else 1] * 2

    def test_a_held_run_cannot_be_cancelled(self, held: SyncRun) -> None:
        assert not services.cancel(held)

        assert how(held) == ("held", "")

    def test_an_applied_run_may_still_be_cancelled(self, held: SyncRun) -> None:
        learners = people(held)
        before = rows_of(learners)
        services.apply_held(held)

        assert services.cancel(held)

        assert how(held) == ("finished", "cancelled")
        assert codes(held) == [["run_cancelled"]] * 2
        assert rows_of(learners) == before

    def test_there_is_nothing_to_decide_about_a_run_that_is_not_held(self, host: Host) -> None:
        run = run_of(learners_of(host, 1), kind=RunKind.DAILY)

        assert not services.apply_held(run)
        assert not services.discard_held(run)

        assert how(run) == ("queued", "")
        assert states(run) == ["queued"]
