"""The safety stop: a daily run that would replace values of implausibly many learners waits until somebody decides."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from django_q.models import OrmQ

from onefile_sync import services, tasks
from onefile_sync.models import Change, LearnerOutcome, OneFileSettings, OutcomeState, RunKind, SyncRun
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.sync.runs import leases, lifecycle
from tests.conftest import changes, dont_wait, sync
from tests.factories import Host
from tests.run_fixtures import (
    codes,
    how,
    learners_of,
    numbers_of,
    people,
    planned_of,
    queued_runs,
    refuse_the_token,
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
NIGHT = datetime(2026, 3, 3, 2, 0, tzinfo=UTC)
A_DAY = timedelta(days=1)


class TestHolding:
    def test_writes_nothing_of_those_put_aside_on_either_side_and_everything_of_the_others(
        self,
        differing: Linked,
        linked: Linked,
        onefile: SandboxServer,
        world: World,
        counting: Callable[[], Any],
    ) -> None:
        stop_at(percent=20, learners=3)
        aside, others = differing(3), linked(2)
        before = rows_of(aside)

        with counting() as counted:
            run = scheduled()

        assert how(run) == ("held", "")
        assert run.held_at is not None
        assert run.finished_at is None
        assert states_of(run, aside + others) == ["aside"] * 3 + ["updated"] * 2
        assert rows_of(aside) == before
        assert world.writes == 0
        assert numbers_of(others) == replaced(others)
        assert counted.to_picsweb == 2 * 2  # centre and registration number of each of the others

    def test_lists_what_it_would_do_to_each(self, held: SyncRun) -> None:
        for outcome in held.outcomes.all():
            assert changes(outcome) == planned_of(outcome.learner)
            assert not outcome.changes.filter(made=True).exists()
        assert services.totals(held).changes == {"picsweb": 0, "onefile": 0}

    @pytest.mark.parametrize(
        ("percent", "least", "aside", "others", "is_held"),
        [
            (20, 1, 1, 4, False),  # exactly this percentage
            (20, 1, 1, 3, True),
            (20, 3, 2, 0, False),  # all, but too few
            (20, 2, 2, 0, True),  # exactly the minimum
            (20, 2, 2, 8, False),
            (100, 1, 3, 0, False),
            (99, 1, 3, 0, True),
            (0, 1, 1, 9, True),
            (0, 1, 0, 9, False),
        ],
    )
    def test_goes_by_the_settings(
        self, host: Host, percent: int, least: int, aside: int, others: int, is_held: bool
    ) -> None:
        stop_at(percent, least)
        run = run_of(learners_of(host, aside + others), kind=RunKind.DAILY, guarded=True)
        in_order = list(run.outcomes.order_by("id").values_list("pk", flat=True))
        run.outcomes.filter(pk__in=in_order[:aside]).update(state=OutcomeState.ASIDE)
        run.outcomes.filter(pk__in=in_order[aside:]).update(state=OutcomeState.UNCHANGED)

        lifecycle.advance(run)

        assert run.is_held is is_held
        having_their_turn = OutcomeState.ASIDE if is_held else OutcomeState.QUEUED
        assert states(run) == [having_their_turn] * aside + ["unchanged"] * others

    @pytest.mark.parametrize(
        ("state", "is_held"),
        [("updated", False), ("unchanged", False), ("attention", False), ("failed", True), ("skipped", True)],
    )
    def test_compares_with_those_who_could_be_compared(self, host: Host, state: str, is_held: bool) -> None:
        stop_at(percent=20, learners=1)
        run = run_of(learners_of(host, 5), kind=RunKind.DAILY, guarded=True)
        first = run.outcomes.earliest("id")
        run.outcomes.exclude(pk=first.pk).update(state=state)
        run.outcomes.filter(pk=first.pk).update(state=OutcomeState.ASIDE)

        lifecycle.advance(run)

        assert run.is_held is is_held

    def test_does_not_count_learners_unknown_to_a_wrong_customer(
        self, host: Host, differing: Linked, onefile: SandboxServer
    ) -> None:
        """With another customer's token most OneFile IDs do not exist, and a few belong to other learners."""
        stop_at(percent=20, learners=2)
        differing(2)
        for number in range(9):
            host.learner(onefile_id=99_000 + number)

        run = scheduled()

        assert run.is_held

    def test_waits_until_the_last_is_compared(self, host: Host) -> None:
        stop_at(percent=20, learners=1)
        run = run_of(learners_of(host, 3), kind=RunKind.DAILY, guarded=True)
        first = run.outcomes.earliest("id")
        run.outcomes.filter(pk=first.pk).update(state=OutcomeState.ASIDE)
        claim = leases.claim_next(run)
        assert claim is not None

        assert not lifecycle.advance(run)

        assert not run.is_held
        assert states(run) == ["aside", "working", "queued"]

    def test_leaves_plausibly_many_their_turn_after_all_are_compared(
        self, differing: Linked, linked: Linked, onefile: SandboxServer, world: World
    ) -> None:
        stop_at(percent=20, learners=3)
        aside, others = differing(2), linked(2)
        said = services.start_scheduled_daily()
        run = SyncRun.objects.get(pk=said.split()[-1])
        seen: list[tuple[list[str], int]] = []

        services.perform(
            run,
            after_each=lambda: seen.append((states_of(run, aside + others), world.writes)),
            sleep=dont_wait,
        )

        all_compared = ["aside", "aside", "updated", "updated"]
        at = [states for states, _writes in seen].index(all_compared)
        assert {writes for _states, writes in seen[: at + 1]} == {0}
        assert how(run) == ("finished", "")
        assert states(run) == ["updated"] * 4
        assert numbers_of(aside + others) == replaced(aside + others)
        assert not Change.objects.filter(made=False).exists()
        for learner in aside:
            made = Change.objects.filter(outcome__learner_pk=str(learner.pk))
            assert made.count() == len(planned_of(learner))  # each once


class TestANightWithFortyLearners:
    """With the settings as they come: at least 25 learners, and more than 20 per cent."""

    @pytest.fixture
    def learners(self, host: Host, world: World) -> list[Any]:
        """Forty learners whose values both sides agree on."""
        learners = []
        for _each in range(40):
            person = world.add_learner()
            values = {"registration_number": f"P-{person.id}", "total_elements": 20, "elements_done": 12}
            aim = world.add_aim(person.id, **values)
            learner = host.learner(onefile_id=person.id)
            host.qualification(learner, onefile_id=aim.id, **values)
            learners.append(learner)
        return learners

    def test_on_which_each_has_progressed_is_not_held(
        self, learners: list[Any], world: World, onefile: SandboxServer
    ) -> None:
        for number, aim in enumerate(world.aims.values()):
            aim.elements_done += 1 + number % 3
            aim.total_elements += number % 2

        run = scheduled()

        assert how(run) == ("finished", "")
        assert states(run) == ["updated"] * 40
        assert all(row.qualifications[0].values["elements_done"] > 12 for row in rows_of(learners))

    def test_on_which_the_progress_of_most_would_fall_is_held(
        self, learners: list[Any], world: World, onefile: SandboxServer
    ) -> None:
        for aim in list(world.aims.values())[:30]:
            aim.elements_done -= 1

        assert how(scheduled()) == ("held", "")

    def test_on_which_thirty_registration_numbers_would_be_replaced_is_held(
        self, learners: list[Any], world: World, onefile: SandboxServer
    ) -> None:
        for aim in list(world.aims.values())[:30]:
            aim.registration_number = f"R-{aim.user_id}"

        run = scheduled()

        assert how(run) == ("held", "")
        assert states(run).count("aside") == 30
        assert numbers_of(learners) == [f"P-{learner.onefile_id}" for learner in learners]


class TestUntilSomebodyDecides:
    def test_no_task_and_no_sweep_does_anything(
        self, held: SyncRun, onefile: SandboxServer, world: World, commit: Commit
    ) -> None:
        onefile.reset_counts()
        OrmQ.objects.all().delete()
        SyncRun.objects.update(queued_at=timezone.now() - A_DAY)

        with commit():
            assert tasks.work_on_run(str(held.pk)) == "finished"
            assert tasks.sweep() == "handed out again: 0"
            assert tasks.daily() == f"held: {held.pk}"
            assert services.resume() == 0

        assert how(held) == ("held", "")
        assert states(held) == ["aside", "aside"]
        assert (sum(onefile.calls.values()), world.writes, queued_runs()) == (0, 0, [])

    @pytest.mark.parametrize(
        "change",
        [
            {"paused": True},
            {"enabled": False},
            {"encrypted_customer_token": ""},
        ],
        ids=str,
    )
    def test_a_late_task_ends_no_learner_whatever_the_settings(
        self, held: SyncRun, change: dict[str, Any]
    ) -> None:
        OneFileSettings.objects.update(**change)

        tasks.work_on_run(str(held.pk))
        tasks.sweep()

        assert how(held) == ("held", "")
        assert states(held) == ["aside", "aside"]
        assert codes(held) == [[], []]

    def test_the_command_line_begins_no_other(self, held: SyncRun) -> None:
        with pytest.raises(services.Refused) as refused:
            services.start_daily()

        assert refused.value.code == "held"
        assert "apply or discard it" in refused.value.reason
        assert SyncRun.objects.get() == held

    def test_the_command_line_may_start_a_new_run(self, held: SyncRun) -> None:
        anew = services.start_daily(new_run=True)

        assert how(held) == ("finished", "replaced")
        assert codes(held) == [["run_replaced"]] * 2
        assert states(anew) == ["queued", "queued"]

    def test_it_does_not_count_as_the_last_daily_sync(self, held: SyncRun) -> None:
        assert services.last_daily_run() is None

    def test_it_waits_for_a_person_and_for_no_worker(self, held: SyncRun) -> None:
        SyncRun.objects.update(created_at=timezone.now() - A_DAY)
        LearnerOutcome.objects.update(started_at=timezone.now() - A_DAY)
        held.refresh_from_db()

        now = services.progress(held)

        assert now.is_final
        assert not now.waiting_for_worker
        assert (now.total, now.done) == (2, 0)

    def test_a_learner_may_be_refreshed_by_hand(self, held: SyncRun, world: World) -> None:
        one, other = people(held)

        outcome = sync(one)

        assert outcome.state == OutcomeState.UPDATED
        assert numbers_of([one]) == replaced([one])
        assert how(held) == ("held", "")
        assert states(held) == ["aside", "aside"]
        assert numbers_of([other]) != replaced([other])


class TestTheNextDay:
    def test_makes_room_by_comparing_again(self, differing: Linked, onefile: SandboxServer) -> None:
        stop_at(percent=20, learners=2)
        learners = differing(2)
        with time_machine.travel(NIGHT):
            first = scheduled()
            assert how(first) == ("held", "")
        with time_machine.travel(NIGHT + A_DAY):
            second = scheduled()

        assert how(first) == ("finished", "replaced")
        assert codes(first) == [["run_replaced"]] * 2
        assert Change.objects.filter(outcome__run=first, made=False).count() == 2 * 6
        assert how(second) == ("held", "")
        assert second.scheduled_for == (NIGHT + A_DAY).date()
        assert numbers_of(learners) != replaced(learners)

    def test_is_not_held_where_nothing_differs_any_more(
        self, differing: Linked, world: World, onefile: SandboxServer
    ) -> None:
        stop_at(percent=20, learners=2)
        learners = differing(2)
        with time_machine.travel(NIGHT):
            scheduled()
        for aim in world.aims.values():
            aim.registration_number = f"P-{aim.user_id}"
        with time_machine.travel(NIGHT + A_DAY):
            second = scheduled()

        assert how(second) == ("finished", "")
        assert numbers_of(learners) == [f"P-{learner.onefile_id}" for learner in learners]

    def test_a_second_delivery_on_the_same_day_leaves_it_held(
        self, differing: Linked, onefile: SandboxServer
    ) -> None:
        stop_at(percent=20, learners=2)
        differing(2)
        with time_machine.travel(NIGHT):
            run = scheduled()
        with time_machine.travel(NIGHT + timedelta(hours=9)):
            assert tasks.daily() == f"held: {run.pk}"

        assert how(run) == ("held", "")
        assert SyncRun.objects.count() == 1

    def test_a_second_delivery_does_not_end_one_started_manually_the_same_day(
        self, differing: Linked, linked: Linked, onefile: SandboxServer
    ) -> None:
        """The day's own sync is done, so nothing would take the place of the one that is held."""
        stop_at(percent=20, learners=2)
        linked(1)
        with time_machine.travel(NIGHT):
            done = scheduled()
            assert how(done) == ("finished", "")
        with time_machine.travel(NIGHT + timedelta(hours=9)):
            differing(2)
            by_hand = services.perform(services.start_daily(), sleep=dont_wait)
            assert how(by_hand) == ("held", "")

            tasks.daily()

        assert how(by_hand) == ("held", "")
        assert SyncRun.objects.count() == 2


class TestWhichRunsAreGuarded:
    def test_not_the_first_that_is_started_manually_but_the_next(
        self, differing: Linked, onefile: SandboxServer
    ) -> None:
        stop_at(percent=20, learners=2)
        learners = differing(2)

        first = services.perform(services.start_daily(), sleep=dont_wait)
        assert how(first) == ("finished", "")
        assert numbers_of(learners) == replaced(learners)
        more = differing(2)
        second = services.perform(services.start_daily(), sleep=dont_wait)

        assert how(second) == ("held", "")
        assert states_of(second, learners + more) == ["unchanged"] * 2 + ["aside"] * 2

    def test_the_first_counts_only_if_it_was_completed(
        self, host: Host, switched_on: OneFileSettings
    ) -> None:
        learners = learners_of(host, 1)
        services.cancel(services.start_daily())
        services.perform(services.refresh_now(learners), sleep=dont_wait)

        assert not services.start_daily().guarded

    def test_a_first_that_failed_for_everybody_does_not_count(
        self, host: Host, switched_on: OneFileSettings
    ) -> None:
        """With a wrong token, say: the next is still the one that puts the integration into use."""
        learners_of(host, 1)
        failed = services.start_daily()
        lifecycle.give_up(failed, OutcomeState.FAILED, "bad_customer_token")
        lifecycle.advance(failed)

        assert not services.start_daily().guarded

    def test_one_that_is_scheduled_always_is(self, held: SyncRun) -> None:
        assert SyncRun.objects.get() == held
        assert held.guarded

    @pytest.mark.parametrize(
        "ask", [services.refresh, services.refresh_now, services.preview_now], ids=lambda ask: ask.__name__
    )
    def test_no_other_kind_is(
        self, host: Host, switched_on: OneFileSettings, ask: Callable[..., SyncRun]
    ) -> None:
        SyncRun.objects.create(kind=RunKind.DAILY, state="finished")

        assert not ask(learners_of(host, 2)).guarded


def test_what_ends_the_run_for_everybody_ends_it_for_those_put_aside_too(
    differing: Linked, linked: Linked, host: Host, onefile: SandboxServer
) -> None:
    stop_at(percent=20, learners=2)
    aside, others = differing(3), linked(2)
    for learner in others:
        host.qualification(learner, onefile_id=999)  # not in any list, so OneFile is asked about it
    before = rows_of(aside)
    said = services.start_scheduled_daily()
    run = SyncRun.objects.get(pk=said.split()[-1])

    def refuse_once_somebody_waits() -> None:
        if "aside" in states_of(run, aside):
            refuse_the_token(onefile)

    services.perform(run, after_each=refuse_once_somebody_waits, sleep=dont_wait)

    assert how(run) == ("finished", "")
    assert states_of(run, aside) == ["failed"] * 3
    assert codes(run).count(["bad_customer_token"]) >= 3
    assert rows_of(aside) == before
