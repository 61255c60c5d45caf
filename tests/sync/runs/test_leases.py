"""Leases: one worker at a time processes a learner, and each learner gets exactly one outcome."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone

from onefile_sync.host.snapshot import Officers
from onefile_sync.models import (
    LearnerOutcome,
    Leased,
    ListedPage,
    Listing,
    ListingKind,
    OutcomeState,
    RunKind,
    RunState,
    StagedRecord,
    SyncRun,
)
from onefile_sync.sync.planning.types import FieldChange, FoundProblem, Subject
from onefile_sync.sync.runs import leases, ledger, lifecycle
from tests.factories import Host
from tests.run_fixtures import FREE, claimed, codes, learners_of, run_of, states

pytestmark = pytest.mark.matrix

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LEASE = timedelta(minutes=5)
SHORTLY_BEFORE, SHORTLY_AFTER = LEASE - timedelta(seconds=1), LEASE + timedelta(seconds=1)
CARPENTRY = Subject("qualification", "7", 70, "Carpentry")
REGISTERED = FieldChange("picsweb", CARPENTRY, "registration_number", "", "R-1", "registration_number")


def finish(
    claim: leases.Claim, state: OutcomeState = OutcomeState.UNCHANGED, *problems: FoundProblem
) -> None:
    claim.finish(state, problems, {"api_calls": 3, "rate_limited": 1})


class TestClaims:
    def test_learners_are_handed_out_in_order_and_once(self, host: Host) -> None:
        run = run_of(learners_of(host, 2))

        first, second = claimed(run), claimed(run)

        assert [first.outcome.onefile_id, second.outcome.onefile_id] == [600, 601]
        assert leases.claim_next(run) is None

    def test_the_slower_worker_on_the_same_row_gets_nothing(self, host: Host) -> None:
        run = run_of(learners_of(host, 1))
        one, other = run.outcomes.get(), run.outcomes.get()

        assert leases._claim(one) is not None
        assert leases._claim(other) is None

        assert run.outcomes.get().attempts == 1

    def test_a_worker_that_loses_one_learner_takes_the_next(
        self, host: Host, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = run_of(learners_of(host, 2))
        claim = leases._claim
        quicker: list[leases.Claim | None] = []

        def beaten_once(outcome: LearnerOutcome) -> leases.Claim | None:
            if not quicker:
                quicker.append(claim(run.outcomes.get(pk=outcome.pk)))
            return claim(outcome)

        monkeypatch.setattr(leases, "_claim", beaten_once)

        assert claimed(run).outcome.onefile_id == 601
        assert states(run) == ["working", "working"]

    def test_a_learner_being_processed_in_another_run_is_skipped(self, host: Host) -> None:
        busy, free = learners_of(host, 2)
        claimed(run_of([busy]))
        run = run_of([busy, free])

        assert claimed(run).outcome.learner_pk == str(free.pk)
        assert leases.claim_next(run) is None

    def test_the_database_itself_allows_one_worker_a_learner(self, host: Host) -> None:
        learners = learners_of(host, 1)
        claimed(run_of(learners))
        other = run_of(learners).outcomes.get()

        assert leases._claim(other) is None
        with pytest.raises(IntegrityError), transaction.atomic():
            LearnerOutcome.objects.filter(pk=other.pk).update(state=OutcomeState.WORKING)

    def test_finishing_writes_the_outcome_with_its_problems_and_calls(self, host: Host) -> None:
        run = run_of(learners_of(host, 1))
        claim = claimed(run)
        about = Subject("learner", claim.outcome.learner_pk, 600, "L" * 300)

        finish(claim, OutcomeState.FAILED, FoundProblem("server_error", about, {"status": 500}))

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
        with pytest.raises(leases.LostClaim):
            finish(claim, OutcomeState.FAILED, FoundProblem("stopped", about))

        assert states(run) == ["updated"]
        assert codes(run) == [[]]

    def test_what_an_earlier_attempt_changed_counts(self, host: Host) -> None:
        run = run_of(learners_of(host, 1))
        claim = claimed(run)
        ledger.note_changes(claim.outcome, [REGISTERED], Officers())

        finish(claim, OutcomeState.UNCHANGED)

        assert states(run) == ["updated"]

    def test_what_was_only_planned_does_not_count(self, host: Host) -> None:
        run = run_of(learners_of(host, 1))
        claim = claimed(run)
        ledger.note_changes(claim.outcome, [REGISTERED], Officers(), made=False)

        finish(claim, OutcomeState.UNCHANGED)

        assert states(run) == ["unchanged"]

    def test_a_learner_put_back_waits_again_and_what_it_took_adds_up(self, host: Host) -> None:
        run = run_of(learners_of(host, 1))
        claimed(run).put_back({"api_calls": 2, "rate_limited": 1})
        waiting = run.outcomes.get()
        assert (waiting.state, waiting.claimed_by, waiting.lease_expires_at) == ("queued", None, None)
        assert waiting.finished_at is None

        finish(claimed(run), OutcomeState.UPDATED)

        outcome = run.outcomes.get()
        assert (outcome.attempts, outcome.api_calls, outcome.rate_limited) == (2, 5, 2)

    def test_a_learner_put_aside_waits_with_what_was_planned_on_record(self, host: Host) -> None:
        run = run_of(learners_of(host, 1))

        claimed(run).put_aside([REGISTERED], Officers(), {"api_calls": 2, "rate_limited": 1})

        outcome = run.outcomes.get()
        assert (outcome.state, outcome.claimed_by, outcome.lease_expires_at) == ("aside", None, None)
        assert (outcome.finished_at, outcome.api_calls, outcome.rate_limited) == (None, 2, 1)
        assert list(outcome.changes.values_list("field", "new", "made")) == [
            ("registration_number", "R-1", False)
        ]
        assert leases.claim_next(run) is None

    def test_a_worker_cannot_put_aside_a_learner_that_another_has(self, host: Host) -> None:
        run = run_of(learners_of(host, 1))
        slow = claimed(run)
        run.outcomes.update(claimed_by=uuid4())

        with pytest.raises(leases.LostClaim):
            slow.put_aside([REGISTERED], Officers(), FREE)
        slow.put_back(FREE)

        assert states(run) == ["working"]
        assert not run.outcomes.get().changes.exists()


class TestLeases:
    def test_a_renewed_lease_keeps_the_learner(self, host: Host) -> None:
        with time_machine.travel(NOON, tick=False) as now:
            run = run_of(learners_of(host, 1))
            claim = claimed(run)
            for _minute in range(20):
                now.shift(timedelta(minutes=1))
                claim.renew()
                leases.recover_expired()
            assert states(run) == ["working"]

    def test_a_claim_is_renewed_every_ten_seconds_at_the_most(
        self, host: Host, django_assert_num_queries: Any
    ) -> None:
        with time_machine.travel(NOON, tick=False) as now:
            claim = claimed(run_of(learners_of(host, 1)))
            now.shift(timedelta(seconds=9))
            with django_assert_num_queries(0):
                claim.renew()
            now.shift(timedelta(seconds=1))
            with django_assert_num_queries(1):
                claim.renew()

    @pytest.mark.parametrize("seconds", [60, 900])
    def test_it_lasts_as_long_as_the_deployment_says(self, host: Host, settings: Any, seconds: int) -> None:
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "LEASE_SECONDS": seconds}
        with time_machine.travel(NOON, tick=False) as now:
            run = run_of(learners_of(host, 1))
            claimed(run)
            now.shift(seconds - 1)
            leases.recover_expired()
            assert states(run) == ["working"]

            now.shift(2)
            leases.recover_expired()
            assert states(run) == ["queued"]

    def test_a_create_begins_with_a_whole_lease(self, host: Host) -> None:
        with time_machine.travel(NOON, tick=False) as now:
            claim = claimed(run_of(learners_of(host, 1)))
            now.shift(timedelta(seconds=30))

            assert claim.hold() == timezone.now()
            assert LearnerOutcome.objects.get().lease_expires_at == timezone.now() + LEASE

            LearnerOutcome.objects.update(claimed_by=uuid4())
            with pytest.raises(leases.LostClaim):
                claim.hold()

    def test_until_it_expires_the_learner_is_not_taken_away(self, host: Host) -> None:
        with time_machine.travel(NOON, tick=False) as now:
            run = run_of(learners_of(host, 1))
            claimed(run)
            now.shift(SHORTLY_BEFORE)
            leases.recover_expired()
            assert states(run) == ["working"]
            assert not lifecycle.waiting().exists()

    def test_when_it_has_run_out_the_learner_is_queued_again(self, host: Host) -> None:
        with time_machine.travel(NOON, tick=False) as now:
            run = run_of(learners_of(host, 1))
            dead = claimed(run)
            now.shift(SHORTLY_AFTER)

            leases.recover_expired()
            assert states(run) == ["queued"]
            assert list(lifecycle.waiting()) == list(lifecycle.stalled_runs()) == [run]

            alive = claimed(run)
            with pytest.raises(leases.LostClaim):
                dead.renew()
            with pytest.raises(leases.LostClaim):
                finish(dead, OutcomeState.FAILED)
            finish(alive, OutcomeState.UPDATED)
        assert states(run) == ["updated"]
        assert run.outcomes.get().attempts == 2

    def test_after_many_attempts_the_learner_is_given_up(self, host: Host) -> None:
        with time_machine.travel(NOON, tick=False) as now:
            run = run_of(learners_of(host, 1))
            for _attempt in range(leases.MOST_ATTEMPTS):
                assert states(run) == ["queued"]
                claimed(run)
                now.shift(SHORTLY_AFTER)
                leases.recover_expired()
        run.refresh_from_db()
        assert states(run) == ["failed"]
        assert codes(run) == [["interrupted"]]
        assert run.state == RunState.FINISHED

    def test_a_late_sweep_takes_no_learner_from_the_next_worker(self, host: Host) -> None:
        with time_machine.travel(NOON, tick=False) as now:
            run = run_of(learners_of(host, 1))
            claimed(run)
            now.shift(SHORTLY_AFTER)
            leases.recover_expired()
            claimed(run)
            leases.recover_expired()
            assert states(run) == ["working"]

    def test_a_learner_given_up_at_the_same_moment_by_another_sweep_has_one_problem(
        self, host: Host, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = run_of(learners_of(host, 1))
        run.outcomes.update(
            state=OutcomeState.WORKING,
            attempts=leases.MOST_ATTEMPTS,
            claimed_by=uuid4(),
            lease_expires_at=timezone.now() - timedelta(seconds=1),
        )

        class Expired(list[Any]):
            """The rows as this sweep read them, before the other sweep had recovered them."""

            def filter(self, **_conditions: Any) -> Any:
                return run.outcomes.none()

        expired = Expired(run.outcomes.all())
        with monkeypatch.context() as patched:
            patched.setattr(LearnerOutcome.objects, "filter", lambda **_conditions: expired)
            leases.recover_expired()

        assert codes(run) == [[]]

    def test_a_preview_that_is_begun_again_lists_its_changes_once(self, host: Host) -> None:
        with time_machine.travel(NOON, tick=False) as now:
            run = run_of(learners_of(host, 1), kind=RunKind.PREVIEW)
            ledger.note_changes(claimed(run).outcome, [REGISTERED], Officers(), made=False)
            now.shift(SHORTLY_AFTER)
            leases.recover_expired()
            again = claimed(run)
            ledger.note_changes(again.outcome, [REGISTERED], Officers(), made=False)
        assert again.outcome.changes.count() == 1

    def test_a_refresh_that_is_begun_again_keeps_what_was_made_on_record(self, host: Host) -> None:
        with time_machine.travel(NOON, tick=False) as now:
            run = run_of(learners_of(host, 1))
            ledger.note_changes(claimed(run).outcome, [REGISTERED], Officers())
            now.shift(SHORTLY_AFTER)
            leases.recover_expired()
            again = claimed(run)
        assert again.outcome.changes.count() == 1


def a_listing(run: SyncRun) -> Listing:
    return Listing.objects.create(run=run, kind=ListingKind.AIM)


def a_page(run: SyncRun) -> ListedPage:
    return ListedPage.objects.create(listing=a_listing(run), number=1)


def a_record(run: SyncRun) -> StagedRecord:
    return StagedRecord.objects.create(kind=ListingKind.AIM, onefile_id=70, due_in=run.pk)


@pytest.mark.parametrize("make", [a_listing, a_page, a_record])
class TestLeasesOfWhatIsRead:
    """Listings, pages and records: the first worker to claim one holds it until its lease expires."""

    def test_one_is_had_once_until_it_is_released(
        self, host: Host, make: Callable[[SyncRun], Leased]
    ) -> None:
        rows = type(make(run_of([]))).objects.all()

        lease = leases.claim(leases.free(rows))

        assert lease is not None
        assert leases.claim(leases.free(rows)) is None
        assert leases.claim_some(leases.free(rows), 5)[1] == []
        assert leases.release(lease.held(rows)) == 1
        assert leases.is_free(rows.get())
        assert len(leases.claim_some(leases.free(rows), 5)[1]) == 1

    def test_a_lease_that_ran_out_is_anybodys_and_one_that_is_renewed_is_not(
        self, host: Host, make: Callable[[SyncRun], Leased]
    ) -> None:
        rows = type(make(run_of([]))).objects.all()
        with time_machine.travel(NOON, tick=False) as clock:
            first = leases.claim(leases.free(rows))
            assert first is not None
            clock.shift(SHORTLY_BEFORE)
            assert leases.renew(first.held(rows)) == NOON + SHORTLY_BEFORE
            clock.shift(SHORTLY_BEFORE)
            assert leases.claim(leases.free(rows)) is None
            clock.shift(timedelta(seconds=2))
            second = leases.claim(leases.free(rows))

        assert second is not None
        assert leases.renew(first.held(rows)) is None
        assert leases.release(first.held(rows)) == 0
        assert rows.get().claimed_by == second.token
