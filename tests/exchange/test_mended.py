"""What must not happen again: each of these once went wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from onefile_sync import host as picsweb
from onefile_sync import services
from onefile_sync.models import LearnerOutcome, OutcomeState, RunKind, UploadIntent
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.sync import claims, runs
from onefile_sync.sync.pace import SharedPace
from tests.conftest import dont_wait, problems, sync
from tests.factories import Host

from .towns import Town, build_town


@pytest.fixture
def town(host: Host, world: World) -> Town:
    return build_town(host, world)


def refresh_by_a_worker(*learners: Any) -> Any:
    run, _created = runs.open_run(RunKind.REFRESH, learners)
    return run


class TestTheCentre:
    def test_of_a_learner_who_moved_is_found_out_again(
        self, town: Town, world: World, onefile: SandboxServer
    ) -> None:
        sync(town.learner)
        world.users[town.onefile_id].organisation_id = world.add_centre(name="Care").id

        outcome = sync(town.learner)

        assert problems(outcome) == []
        assert set(outcome.changes.values_list("field", flat=True)) == {"centre_id"}
        assert sync(town.learner).state == OutcomeState.UNCHANGED

    def test_of_a_corrected_onefile_id_is_the_right_learners(
        self, town: Town, world: World, onefile: SandboxServer, configure: Callable[..., None]
    ) -> None:
        """The wrong ID belonged to another centre, whose ID was kept."""
        elsewhere = world.add_centre(name="Care")
        stranger = world.add_learner(organisation_id=elsewhere.id)
        model = type(town.learner)
        model.objects.update(onefile_id=stranger.id)
        configure(upload_reviews=False)
        sync(town.learner)
        configure(upload_reviews=True)
        model.objects.update(onefile_id=town.onefile_id)

        outcome = sync(town.learner)

        assert problems(outcome) == []
        assert len(world.reviews_of(town.onefile_id)) == 8


class TestAnUploadThatWasRefused:
    def test_leaves_nothing_to_look_for(self, town: Town, world: World, onefile: SandboxServer) -> None:
        """An assessor's own review at that time is not ours: reviews are never matched on dates."""
        onefile.faults.append(Fault(operation="Visit/create", kind="status", status=400))

        assert problems(sync(town.learner)) == ["refused"]
        assert not UploadIntent.objects.filter(finished_at=None).exists()

        theirs = world.add_review(
            town.onefile_id,
            scheduled_for=datetime(2026, 10, 30, 14, 30, tzinfo=UTC),
            created_on=datetime(2026, 1, 2, tzinfo=UTC),
        )
        sync(town.learner)
        learner = picsweb.learner_by_pk(str(town.learner.pk))
        assert learner is not None
        ours = next(row for row in picsweb.read_learner(learner).reviews if row.pk == str(town.upload.pk))
        assert ours.onefile_id not in (None, theirs.id)


class TestProblems:
    def test_met_on_the_way_are_kept_when_the_learner_ends_in_trouble(
        self, town: Town, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        onefile.faults.append(Fault(operation="Review/create", kind="html", when="after"))
        create = picsweb.create_review

        def out_of_reach(*arguments: Any) -> str:
            onefile.faults.append(Fault(operation="*", kind="reset", times=99))
            raise ZeroDivisionError(create)

        monkeypatch.setattr(picsweb, "create_review", out_of_reach)

        outcome = sync(town.learner)

        assert outcome.state == OutcomeState.FAILED
        assert set(problems(outcome)) >= {"upload_unsure", "stopped"}

    def test_solved_in_a_later_round_are_not_told(
        self, host: Host, town: Town, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A clerk's edit makes the learner be planned again; the second look finds the review that was created."""
        onefile.faults.append(Fault(operation="Review/create", kind="html", when="after"))
        save, edited = picsweb.save_fields, []

        def edit_meanwhile(kind: str, pk: str, old: Any, new: Any) -> bool:
            if not edited and pk == str(town.held.pk):
                edited.append(pk)
                return False
            return save(kind, pk, old, new)

        monkeypatch.setattr(picsweb, "save_fields", edit_meanwhile)

        outcome = sync(town.learner)

        assert edited
        assert problems(outcome) == []
        assert outcome.state == OutcomeState.UPDATED


class TestAWorkerThatDied:
    def test_is_noticed_on_the_page_and_a_second_click_puts_the_work_back(
        self, town: Town, onefile: SandboxServer, django_capture_on_commit_callbacks: Any
    ) -> None:
        run = services.refresh([town.learner])
        claims.claim_next(run)
        long_ago = timezone.now() - timedelta(hours=3)
        LearnerOutcome.objects.update(started_at=long_ago, lease_expires_at=long_ago)
        type(run).objects.update(created_at=long_ago, queued_at=long_ago)
        run.refresh_from_db()

        assert services.progress(run).waiting_for_worker
        with django_capture_on_commit_callbacks() as queued:
            assert services.refresh([town.learner]) == run
        assert len(queued) == 1
        assert run.outcomes.get().state == OutcomeState.QUEUED


def test_a_click_on_a_learner_whom_somebody_refreshes_with_others_leads_to_that_run(
    host: Host, world: World, onefile: SandboxServer
) -> None:
    learners = [host.learner(onefile_id=world.add_learner().id) for _ in range(2)]
    together = services.refresh(learners)

    assert services.refresh(learners[:1]) == together


class TestTheRateLimit:
    def test_puts_the_learner_back_instead_of_failing_everybody(
        self, host: Host, world: World, onefile: SandboxServer
    ) -> None:
        learners = [host.learner(onefile_id=world.add_learner().id) for _ in range(3)]
        onefile.faults.append(Fault(operation="User/get", kind="status", status=429, times=3))
        run = refresh_by_a_worker(*learners)

        said = [services.work(str(run.pk), sleep=dont_wait) for _ in range(2)]

        assert said == ["to be continued", "finished"]
        assert set(run.outcomes.values_list("state", flat=True)) <= {"updated", "unchanged"}

    def test_that_never_ends_is_given_up_after_some_attempts(
        self, host: Host, world: World, onefile: SandboxServer
    ) -> None:
        learners = [host.learner(onefile_id=world.add_learner().id) for _ in range(2)]
        onefile.faults.append(Fault(operation="*", kind="status", status=429, times=999))
        run = refresh_by_a_worker(*learners)

        said = [services.work(str(run.pk), sleep=dont_wait) for _ in range(claims.MOST_ATTEMPTS)]

        assert said == ["to be continued"] * (claims.MOST_ATTEMPTS - 1) + ["finished"]
        assert [problems(outcome) for outcome in run.outcomes.all()] == [["rate_limited"]] * 2


def test_a_learner_who_would_take_longer_than_the_task_may_is_put_back(
    town: Town, onefile: SandboxServer, settings: Any
) -> None:
    """Or django-q2 would kill the worker in its sleep."""
    slept: list[float] = []
    run = refresh_by_a_worker(town.learner)
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "TASK_SECONDS": 30}
    SharedPace(None).pause(120)

    assert services.work(str(run.pk), sleep=slept.append) == "to be continued"

    assert run.outcomes.get().state == OutcomeState.QUEUED
    assert slept == []
