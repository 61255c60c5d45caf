"""The ledger: one outcome a learner and run, claims with a lease, and runs that close when nobody is left."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone

from onefile_sync.models import LEASE, LearnerOutcome, OutcomeState, RunKind, RunState, SyncRun
from onefile_sync.rows import Attendance, Officers
from onefile_sync.sync import ledger
from onefile_sync.sync.parts import Change, Problem, Subject
from tests.factories import Host

from .conftest import codes, learners_of, run_of, states

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SHORTLY_BEFORE, SHORTLY_AFTER = LEASE - timedelta(seconds=1), LEASE + timedelta(seconds=1)


def finish(claim: ledger.Claim, state: OutcomeState = OutcomeState.UNCHANGED, *problems: Problem) -> None:
    claim.finish(state, problems, api_calls=3, rate_limited=1)


def claimed(run: SyncRun) -> ledger.Claim:
    claim = ledger.claim_next(run)
    assert claim is not None
    return claim


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
        key = ledger.learner_key(RunKind.REFRESH, str(learners[0].pk))

        first, created = ledger.open_run(RunKind.REFRESH, learners, open_key=key)
        second, created_again = ledger.open_run(RunKind.REFRESH, learners, open_key=key)

        assert (created, created_again) == (True, False)
        assert first == second
        assert LearnerOutcome.objects.count() == 1

    def test_a_closed_run_leaves_its_key_to_the_next(self, host: Host) -> None:
        learners = learners_of(host, 1)
        first = run_of(learners, open_key="key")
        finish(claimed(first))
        ledger.close_if_done(first)

        second, created = ledger.open_run(RunKind.REFRESH, learners, open_key="key")

        assert created
        assert second != first

    def test_a_day_has_one_run_even_when_it_is_over(self, host: Host) -> None:
        today = date(2026, 3, 2)
        first = run_of([], kind=RunKind.DAILY, open_key="daily", scheduled_for=today)
        assert ledger.close_if_done(first)

        again, created = ledger.open_run(RunKind.DAILY, [], open_key="daily", scheduled_for=today)

        assert (again, created) == (first, False)

    def test_a_learner_named_twice_without_a_key_is_a_mistake_of_the_caller(self, host: Host) -> None:
        (learner,) = learners_of(host, 1)

        with pytest.raises(IntegrityError):
            ledger.open_run(RunKind.REFRESH, [learner, learner])

        assert not SyncRun.objects.exists()


class TestClaims:
    def test_learners_are_handed_out_in_order_and_once(self, host: Host) -> None:
        run = run_of(learners_of(host, 2))

        first, second = claimed(run), claimed(run)

        assert [first.outcome.onefile_id, second.outcome.onefile_id] == [600, 601]
        assert ledger.claim_next(run) is None
        run.refresh_from_db()
        assert run.state == RunState.RUNNING
        assert run.started_at is not None

    def test_whoever_is_slower_on_the_same_row_gets_nothing(self, host: Host) -> None:
        run = run_of(learners_of(host, 1))
        one, other = run.outcomes.get(), run.outcomes.get()

        assert ledger._claim(one) is not None
        assert ledger._claim(other) is None

        assert run.outcomes.get().attempts == 1

    def test_whoever_is_beaten_to_one_learner_takes_the_next(
        self, host: Host, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = run_of(learners_of(host, 2))
        claim = ledger._claim
        quicker: list[ledger.Claim | None] = []

        def beaten_once(outcome: LearnerOutcome) -> ledger.Claim | None:
            if not quicker:
                quicker.append(claim(run.outcomes.get(pk=outcome.pk)))
            return claim(outcome)

        monkeypatch.setattr(ledger, "_claim", beaten_once)

        assert claimed(run).outcome.onefile_id == 601
        assert states(run) == ["working", "working"]

    def test_a_learner_at_work_in_another_run_is_passed_over(self, host: Host) -> None:
        busy, free = learners_of(host, 2)
        claimed(run_of([busy]))
        run = run_of([busy, free])

        assert claimed(run).outcome.learner_pk == str(free.pk)
        assert ledger.claim_next(run) is None

    def test_the_database_itself_allows_one_worker_a_learner(self, host: Host) -> None:
        learners = learners_of(host, 1)
        claimed(run_of(learners))
        other = run_of(learners).outcomes.get()

        assert ledger._claim(other) is None
        with pytest.raises(IntegrityError), transaction.atomic():
            LearnerOutcome.objects.filter(pk=other.pk).update(state=OutcomeState.WORKING)

    def test_finishing_writes_the_outcome_with_its_problems_and_calls(self, host: Host) -> None:
        run = run_of(learners_of(host, 1))
        claim = claimed(run)
        about = Subject("learner", claim.outcome.learner_pk, 600, "L" * 300)

        finish(claim, OutcomeState.FAILED, Problem("server_error", about, {"status": 500}))

        outcome = run.outcomes.get()
        assert (outcome.state, outcome.api_calls, outcome.rate_limited) == ("failed", 3, 1)
        assert (outcome.claimed_by, outcome.lease_expires_at) == (None, None)
        assert outcome.finished_at is not None
        problem = outcome.problems.get()
        assert (problem.code, problem.move, problem.details) == ("server_error", "wait", {"status": 500})
        assert problem.subject_label == "L" * 200

    def test_an_outcome_is_written_once(self, host: Host) -> None:
        run = run_of(learners_of(host, 1))
        claim = claimed(run)
        finish(claim, OutcomeState.UPDATED)

        about = Subject("learner")
        with pytest.raises(ledger.LostClaim):
            finish(claim, OutcomeState.FAILED, Problem("stopped", about))

        assert states(run) == ["updated"]
        assert codes(run) == [[]]

    def test_what_an_earlier_attempt_changed_counts(self, host: Host) -> None:
        run = run_of(learners_of(host, 1))
        claim = claimed(run)
        subject = Subject("qualification", "7", 70, "Carpentry")
        change = Change("picsweb", subject, "registration_number", "", "R-1", "registration_number")
        ledger.note_changes(claim.outcome, [change], Officers())

        finish(claim, OutcomeState.UNCHANGED)

        assert states(run) == ["updated"]


class TestLeases:
    def test_work_that_goes_on_keeps_the_learner(self, host: Host) -> None:
        with time_machine.travel(NOON, tick=False) as now:
            run = run_of(learners_of(host, 1))
            claim = claimed(run)
            for _minute in range(20):
                now.shift(timedelta(minutes=1))
                claim.renew()
                ledger.sweep()
            assert states(run) == ["working"]

    def test_a_claim_is_renewed_at_most_once_a_minute(
        self, host: Host, django_assert_num_queries: Any
    ) -> None:
        with time_machine.travel(NOON, tick=False) as now:
            claim = claimed(run_of(learners_of(host, 1)))
            now.shift(timedelta(seconds=59))
            with django_assert_num_queries(0):
                claim.renew()
            now.shift(timedelta(seconds=1))
            with django_assert_num_queries(1):
                claim.renew()

    def test_until_it_runs_out_nobody_takes_the_learner_away(self, host: Host) -> None:
        with time_machine.travel(NOON, tick=False) as now:
            run = run_of(learners_of(host, 1))
            claimed(run)
            now.shift(SHORTLY_BEFORE)
            ledger.sweep()
            assert states(run) == ["working"]
            assert not ledger.waiting().exists()

    def test_when_it_has_run_out_the_learner_is_queued_again(self, host: Host) -> None:
        with time_machine.travel(NOON, tick=False) as now:
            run = run_of(learners_of(host, 1))
            dead = claimed(run)
            now.shift(SHORTLY_AFTER)

            ledger.sweep()
            assert states(run) == ["queued"]
            assert list(ledger.waiting()) == list(ledger.forgotten()) == [run]

            alive = claimed(run)
            with pytest.raises(ledger.LostClaim):
                dead.renew()
            with pytest.raises(ledger.LostClaim):
                finish(dead, OutcomeState.FAILED)
            finish(alive, OutcomeState.UPDATED)
        assert states(run) == ["updated"]
        assert run.outcomes.get().attempts == 2

    def test_after_many_attempts_the_learner_is_given_up(self, host: Host) -> None:
        with time_machine.travel(NOON, tick=False) as now:
            run = run_of(learners_of(host, 1))
            for _attempt in range(ledger.MOST_ATTEMPTS):
                assert states(run) == ["queued"]
                claimed(run)
                now.shift(SHORTLY_AFTER)
                ledger.sweep()
        run.refresh_from_db()
        assert states(run) == ["failed"]
        assert codes(run) == [["interrupted"]]
        assert run.state == RunState.FINISHED

    def test_a_sweep_that_comes_late_takes_nobody_from_the_next_worker(self, host: Host) -> None:
        with time_machine.travel(NOON, tick=False) as now:
            run = run_of(learners_of(host, 1))
            claimed(run)
            now.shift(SHORTLY_AFTER)
            ledger.sweep()
            claimed(run)
            ledger.sweep()
            assert states(run) == ["working"]

    def test_a_learner_given_up_at_the_same_moment_by_another_sweep_has_one_problem(
        self, host: Host, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = run_of(learners_of(host, 1))
        run.outcomes.update(
            state=OutcomeState.WORKING,
            attempts=ledger.MOST_ATTEMPTS,
            claimed_by=uuid4(),
            lease_expires_at=timezone.now() - timedelta(seconds=1),
        )

        class Expired(list[Any]):
            """The rows as this sweep saw them, before the other sweep was done with them."""

            def filter(self, **_conditions: Any) -> Any:
                return run.outcomes.none()

        expired = Expired(run.outcomes.all())
        with monkeypatch.context() as patched:
            patched.setattr(LearnerOutcome.objects, "filter", lambda **_conditions: expired)
            ledger.sweep()

        assert codes(run) == [[]]

    def test_a_preview_that_is_begun_again_lists_its_changes_once(self, host: Host) -> None:
        subject = Subject("qualification", "7", 70, "Carpentry")
        change = Change("picsweb", subject, "registration_number", "", "R-1", "registration_number")
        with time_machine.travel(NOON, tick=False) as now:
            run = run_of(learners_of(host, 1), kind=RunKind.PREVIEW)
            ledger.note_changes(claimed(run).outcome, [change], Officers())
            now.shift(SHORTLY_AFTER)
            ledger.sweep()
            again = claimed(run)
            ledger.note_changes(again.outcome, [change], Officers())
        assert again.outcome.changes.count() == 1


class TestClosing:
    def test_a_run_closes_exactly_when_nobody_is_left(self, host: Host) -> None:
        run = run_of(learners_of(host, 2), open_key="key")
        assert not ledger.close_if_done(run)
        first, second = claimed(run), claimed(run)
        finish(first)
        assert not ledger.close_if_done(run)
        finish(second)

        assert ledger.close_if_done(run)

        assert (run.state, run.open_key) == (RunState.FINISHED, None)
        ended = run.finished_at
        assert ended is not None
        assert ledger.close_if_done(run)
        assert run.finished_at == ended

    def test_a_sweep_closes_what_a_dead_worker_left_open(self, host: Host) -> None:
        run = run_of(learners_of(host, 1))
        finish(claimed(run))

        ledger.sweep()

        run.refresh_from_db()
        assert run.state == RunState.FINISHED

    def test_giving_up_ends_those_who_wait_and_not_those_at_work(self, host: Host) -> None:
        run = run_of(learners_of(host, 3))
        claim = claimed(run)

        ledger.give_up(run, OutcomeState.SKIPPED, "run_replaced")

        assert states(run) == ["working", "skipped", "skipped"]
        assert codes(run) == [[], ["run_replaced"], ["run_replaced"]]
        assert run.is_open
        finish(claim)
        assert ledger.close_if_done(run)

    def test_somebody_claimed_while_the_others_are_given_up_stays_at_work(
        self, host: Host, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = run_of(learners_of(host, 1))
        as_read = run.outcomes.get()
        claimed(run)

        class AsRead:
            def filter(self, **_conditions: Any) -> AsRead:
                return self

            def iterator(self) -> list[LearnerOutcome]:
                return [as_read]

        stale = SyncRun.objects.get()
        monkeypatch.setattr(SyncRun, "outcomes", AsRead())
        monkeypatch.setattr(ledger, "close_if_done", lambda _run: False)
        ledger.give_up(stale, OutcomeState.FAILED, "off")

        outcome = LearnerOutcome.objects.get()
        assert outcome.state == OutcomeState.WORKING
        assert not outcome.problems.exists()

    def test_deleting_a_learner_deletes_what_was_recorded(self, host: Host) -> None:
        (learner,) = learners_of(host, 1)
        run = run_of([learner])
        finish(claimed(run), OutcomeState.FAILED, Problem("stopped", Subject("learner", str(learner.pk))))

        learner.delete()

        assert not LearnerOutcome.objects.exists()


@pytest.mark.parametrize(
    ("value", "as_read"),
    [
        (None, ""),
        ("", ""),
        (7, "7"),
        ("R-1", "R-1"),
        (Attendance.BLANK, ""),
        (Attendance.YES, "Yes"),
        (Attendance.UNKNOWN, "Unknown"),
        (date(2026, 7, 1), "01/07/2026"),
        (time(9, 5), "09:05"),
        (datetime(2026, 7, 1, 23, 30, tzinfo=UTC), "02/07/2026 00:30"),
        (datetime(2026, 1, 1, 23, 30, tzinfo=UTC), "01/01/2026 23:30"),
    ],
)
def test_values_read_as_staff_read_them(value: Any, as_read: str) -> None:
    assert ledger.as_text(value) == as_read


def test_an_officer_reads_by_name(host: Host) -> None:
    outcome = run_of(learners_of(host, 1)).outcomes.get()
    review = Subject("review", "5", 50, "Review")
    changes = [
        Change("picsweb", review, "officer", None, "12", "review_officer"),
        Change("picsweb", review, "officer", "12", "13", "review_officer"),
    ]

    ledger.note_changes(outcome, changes, Officers(names={"12": "Siân O'Neill"}))

    assert list(outcome.changes.values_list("old", "new")) == [("", "Siân O'Neill"), ("Siân O'Neill", "13")]


@pytest.mark.parametrize(
    ("changes", "problems", "state"),
    [(0, [], "unchanged"), (2, [], "updated"), (0, ["one"], "attention"), (2, ["one"], "attention")],
)
def test_what_became_of_a_learner(changes: int, problems: list[str], state: str) -> None:
    assert ledger.state_of(changes, problems) == state
