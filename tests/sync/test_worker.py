"""Processing a run: what ends it for all learners, what interrupts it, and what affects one learner only."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from onefile_sync import host as picsweb
from onefile_sync import services
from onefile_sync.host.snapshot import LearnerRow
from onefile_sync.models import (
    Change,
    LearnerOutcome,
    OneFileSettings,
    OutcomeState,
    Problem,
    RunState,
    SyncRun,
    UploadIntent,
)
from onefile_sync.onefile.retry import RetryPolicy
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.sync import worker
from onefile_sync.sync.learner import uploads
from onefile_sync.sync.runs import leases
from tests.conftest import dont_wait
from tests.factories import Host
from tests.run_fixtures import Away, codes, learners_of, refuse_the_token, states

pytestmark = pytest.mark.matrix

Linked = Callable[[int], list[Any]]


def perform(run: SyncRun, after_each: Callable[[], None] = lambda: None) -> SyncRun:
    return services.perform(run, after_each=after_each, sleep=dont_wait)


def once(action: Callable[[], Any]) -> Callable[[], None]:
    """Do something once, after the first learner."""
    left = [action]

    def act() -> None:
        if left:
            left.pop()()

    return act


class TestWhichOneFile:
    """A run records which OneFile it called, so that its page can name it after the settings have changed."""

    def test_a_run_names_the_onefile_that_it_called(
        self, linked: Linked, onefile: SandboxServer, configure: Callable[..., None]
    ) -> None:
        run = services.refresh_now(linked(1))
        assert (run.environment, run.address) == ("", "")

        perform(run)
        configure(environment="live")

        run.refresh_from_db()
        assert (run.environment, run.address) == ("sandbox", onefile.url)

    def test_a_run_that_had_no_token_for_its_environment_names_where_it_would_have_gone(
        self, host: Host, switched_on: OneFileSettings
    ) -> None:
        run = services.refresh_now(learners_of(host, 1))
        OneFileSettings.objects.update(environment="live")

        perform(run)

        run.refresh_from_db()
        assert (run.environment, run.address) == ("live", "https://wsapi.onefile.co.uk/api/v2.1")

    def test_a_change_that_ends_a_run_does_not_rename_what_it_called(
        self, linked: Linked, onefile: SandboxServer, configure: Callable[..., None]
    ) -> None:
        run = services.refresh_now(linked(3))

        perform(run, after_each=once(lambda: configure(environment="live")))

        run.refresh_from_db()
        assert codes(run) == [[], ["token_other_environment"], ["token_other_environment"]]
        assert (run.environment, run.address) == ("sandbox", onefile.url)


class TestWhatMeetsEveryone:
    def test_a_token_that_is_withdrawn_ends_the_run_for_all_who_are_left(
        self, linked: Linked, onefile: SandboxServer
    ) -> None:
        run = services.refresh_now(linked(4))

        perform(run, after_each=once(lambda: refuse_the_token(onefile)))

        assert states(run) == ["updated", "failed", "failed", "failed"]
        assert codes(run) == [[], *[["bad_customer_token"]] * 3]
        assert run.state == RunState.FINISHED

    def test_a_onefile_that_goes_away_ends_the_run_for_all_who_are_left(
        self, linked: Linked, onefile: SandboxServer
    ) -> None:
        run = services.refresh_now(linked(4))

        perform(run, after_each=once(onefile.stop))

        assert states(run) == ["updated", "failed", "failed", "failed"]
        assert codes(run)[2:] == [["unreachable"]] * 2
        assert len(codes(run)[1]) == 1
        assert run.state == RunState.FINISHED

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ("forget", "no_token"),
            ("new secret key", "token_unreadable"),
            ("another environment", "token_other_environment"),
        ],
    )
    def test_without_a_token_no_learner_is_tried(
        self, host: Host, switched_on: OneFileSettings, settings: Any, change: str, code: str
    ) -> None:
        run = services.refresh_now(learners_of(host, 2))
        if change == "forget":
            OneFileSettings.objects.update(encrypted_customer_token="")
        elif change == "another environment":
            OneFileSettings.objects.update(environment="live")
        else:
            settings.SECRET_KEY = "another"

        perform(run)

        assert codes(run) == [[code], [code]]
        assert run.state == RunState.FINISHED

    def test_switching_off_ends_the_run(
        self, linked: Linked, onefile: SandboxServer, configure: Callable[..., None]
    ) -> None:
        run = services.refresh_now(linked(3))

        perform(run, after_each=once(lambda: configure(enabled=False)))

        assert states(run) == ["updated", "failed", "failed"]
        assert codes(run) == [[], ["off"], ["off"]]
        assert run.state == RunState.FINISHED

    def test_pausing_stops_before_the_next_learner_and_loses_none(
        self, linked: Linked, onefile: SandboxServer, configure: Callable[..., None]
    ) -> None:
        run = services.refresh_now(linked(3))

        perform(run, after_each=once(lambda: configure(paused=True)))
        assert states(run) == ["updated", "queued", "queued"]
        assert run.is_open

        configure(paused=False)
        perform(run)
        assert states(run) == ["updated"] * 3
        assert not run.is_open


class TestWhatMeetsOne:
    @pytest.fixture
    def failing(self, linked: Linked, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """Three learners, the second of whom cannot be read from PICSWeb."""
        learners = linked(3)
        read = picsweb.read_learner

        def read_or_fail(learner: Any) -> LearnerRow:
            if learner.pk == learners[1].pk:
                raise RuntimeError("Zoë's secret-in-the-message")
            return read(learner)

        monkeypatch.setattr(picsweb, "read_learner", read_or_fail)
        return learners

    def test_the_others_go_on(
        self, failing: list[Any], onefile: SandboxServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)

        run = perform(services.refresh_now(failing))

        assert states(run) == ["updated", "failed", "updated"]
        assert codes(run) == [[], ["stopped"], []]
        assert "error=RuntimeError place=test_worker.py:" in caplog.text
        assert "secret-in-the-message" not in caplog.text
        assert not any(record.exc_info for record in caplog.records)
        rows = [*Problem.objects.values(), *Change.objects.values(), *LearnerOutcome.objects.values()]
        assert "secret-in-the-message" not in repr(rows)

    def test_a_learner_who_left_is_skipped(self, linked: Linked, onefile: SandboxServer) -> None:
        stays, unlinked = linked(2)
        run = services.refresh_now([stays, unlinked])
        type(unlinked).objects.filter(pk=unlinked.pk).update(onefile_id=None)

        perform(run)

        assert states(run) == ["updated", "skipped"]
        assert codes(run) == [[], ["learner_left"]]

    def test_a_onefile_id_that_is_shared_by_now_needs_attention(
        self, linked: Linked, host: Host, onefile: SandboxServer
    ) -> None:
        learners = linked(2)
        run = services.refresh_now(learners)
        host.learner(onefile_id=learners[0].onefile_id)

        perform(run)

        assert states(run) == ["attention", "updated"]
        assert codes(run) == [["learner_duplicate"], []]


class TestAPaceThatCannotBeReached:
    """Redis, which stores the rate limit, is unreachable: no call is made, and no learner fails."""

    def test_ends_the_task_and_leaves_everybody_waiting(
        self, linked: Linked, onefile: SandboxServer, away: Away
    ) -> None:
        run = services.refresh(linked(2))

        assert services.work(str(run.pk)) == "to be continued"

        assert states(run) == ["queued", "queued"]
        assert codes(run) == [[], []]
        assert sum(onefile.calls.values()) == 0

    def test_is_waited_for_by_a_command(self, linked: Linked, onefile: SandboxServer, away: Away) -> None:
        run = services.refresh_now(linked(2))

        def wait(seconds: float) -> None:
            away.is_back = True

        services.perform(run, sleep=wait)

        assert states(run) == ["updated", "updated"]


class Killed(BaseException):
    """The worker is killed on the spot."""


class TestAWorkerThatDies:
    def test_loses_no_change_and_the_learner_ends_with_one_outcome(
        self, linked: Linked, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (learner,) = linked(1)
        run = services.refresh_now([learner])

        def die(*_anything: Any, **_more: Any) -> None:
            raise Killed

        with monkeypatch.context() as patched:
            patched.setattr(leases.Claim, "finish", die)
            with pytest.raises(Killed):
                perform(run)

        row = picsweb.read_learner(learner)
        assert row.qualifications[0].values["registration_number"] == f"REG-{learner.onefile_id}"
        on_record = list(Change.objects.values_list("field", "new"))
        assert ("registration_number", f"REG-{learner.onefile_id}") in on_record
        assert states(run) == ["working"]

        LearnerOutcome.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
        perform(run)

        outcome = run.outcomes.get()
        assert (outcome.state, outcome.attempts) == (OutcomeState.UPDATED, 2)
        assert list(Change.objects.values_list("field", "new")) == on_record
        assert run.state == RunState.FINISHED

    def test_is_replaced_by_a_worker_that_waits_for_it(
        self, linked: Linked, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = services.refresh_now(linked(1))
        claim = leases.claim_next(run)
        assert claim is not None
        looks = []

        def wait(seconds: float) -> None:
            looks.append(seconds)
            if len(looks) == 3:
                LearnerOutcome.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))

        assert worker.work_on(run, RetryPolicy.person(), sleep=wait)

        assert looks == [worker.LOOK_AGAIN] * 3
        assert states(run) == ["updated"]

    def test_that_was_only_slow_writes_nothing_more(
        self, linked: Linked, onefile: SandboxServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        run = services.refresh_now(linked(1))
        read = picsweb.read_officers

        def taken_over(*anything: Any, **more: Any) -> Any:
            # The lease has expired meanwhile, and another worker has finished the learner.
            LearnerOutcome.objects.update(state=OutcomeState.UNCHANGED, claimed_by=None)
            return read(*anything, **more)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(picsweb, "read_officers", taken_over)
            perform(run)

        assert states(run) == ["unchanged"]
        assert f"claim_lost run={run.pk}" in caplog.text
        assert not run.is_open
        received = sum(onefile.calls.values()) - onefile.calls["Authentication"]
        assert services.totals(run).api_calls == received


class TestHalfMadeUploads:
    def test_an_upload_whose_review_was_moved_starts_over(self, host: Host) -> None:
        learner = host.learner()
        review = host.review(learner)
        noon = timezone.now()
        intent = uploads.begin(str(learner.pk), str(review.pk), noon)
        uploads.note_sending_visit(intent, timezone.now)
        uploads.note_visit(intent, 70)

        same = uploads.begin(str(learner.pk), str(review.pk), noon)
        assert (same, same.visit_id) == (intent, 70)

        moved = uploads.begin(str(learner.pk), str(review.pk), noon + timedelta(days=1))
        assert moved == intent
        moved.refresh_from_db()
        assert (moved.scheduled_for, moved.visit_id) == (noon + timedelta(days=1), None)

    def test_a_finished_upload_makes_room_for_the_next(self, host: Host, world: World) -> None:
        learner = host.learner()
        first = uploads.begin(str(learner.pk), "5", timezone.now())
        uploads.note_review(first, 500)
        assert str(first) == "5 (open)"

        uploads.close(str(learner.pk), "5")

        first.refresh_from_db()
        assert (first.review_id, str(first)) == (500, "5 (finished)")
        assert uploads.begin(str(learner.pk), "5", timezone.now()) != first
        assert UploadIntent.objects.count() == 2


class TestWhoGoesFirst:
    @pytest.mark.parametrize(("learners", "goes_first"), [(20, True), (21, False)])
    def test_a_refresh_of_many_takes_its_turn_with_the_daily_sync(
        self,
        host: Host,
        onefile: SandboxServer,
        monkeypatch: pytest.MonkeyPatch,
        learners: int,
        goes_first: bool,
    ) -> None:
        asked = []
        connect = worker.connect

        def ask(*arguments: Any, for_a_person: bool, **more: Any) -> Any:
            asked.append(for_a_person)
            return connect(*arguments, for_a_person=for_a_person, **more)

        monkeypatch.setattr(worker, "connect", ask)

        perform(services.refresh_now(learners_of(host, learners)))

        assert asked == [goes_first]
