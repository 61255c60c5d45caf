"""Regressions: each of these once went wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from onefile_sync import host as picsweb
from onefile_sync import services
from onefile_sync.models import LearnerOutcome, OutcomeState, RunKind, UploadIntent
from onefile_sync.sandbox.entities import on_london_date
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.wire import ApiRefusal, SandboxResponse
from onefile_sync.sandbox.world import World
from onefile_sync.sync.connection.rate_limit import SharedRateLimiter
from onefile_sync.sync.runs import leases, lifecycle
from tests.conftest import dont_wait, problems, sync
from tests.factories import Host
from tests.scenarios.every_rule import AUTUMN, SPRING, EveryRule, build_every_rule
from tests.scenarios.two_of_each import let_doubts_pass

pytestmark = pytest.mark.matrix


@pytest.fixture
def scenario(host: Host, world: World) -> EveryRule:
    return build_every_rule(host, world)


def refresh_by_a_worker(*learners: Any) -> Any:
    run, _created = lifecycle.open_run(RunKind.REFRESH, learners)
    return run


class TestTheCentre:
    def test_of_a_learner_who_moved_is_found_out_again(
        self, scenario: EveryRule, world: World, onefile: SandboxServer
    ) -> None:
        sync(scenario.learner)
        world.users[scenario.onefile_id].organisation_id = world.add_centre(name="Care").id

        outcome = sync(scenario.learner)

        assert problems(outcome) == []
        assert set(outcome.changes.values_list("field", flat=True)) == {"centre_id"}
        assert sync(scenario.learner).state == OutcomeState.UNCHANGED

    def test_of_a_corrected_onefile_id_is_the_right_learners(
        self, scenario: EveryRule, world: World, onefile: SandboxServer, configure: Callable[..., None]
    ) -> None:
        """The wrong ID belonged to another centre, whose ID was stored."""
        elsewhere = world.add_centre(name="Care")
        stranger = world.add_learner(organisation_id=elsewhere.id)
        model = type(scenario.learner)
        model.objects.update(onefile_id=stranger.id)
        configure(upload_reviews=False)
        sync(scenario.learner)
        configure(upload_reviews=True)
        model.objects.update(onefile_id=scenario.onefile_id)

        outcome = sync(scenario.learner)

        assert problems(outcome) == []
        assert len(world.reviews_of(scenario.onefile_id)) == 8

    @pytest.mark.parametrize("linked", ["something linked", "nothing linked"])
    def test_of_a_learner_who_moved_is_where_the_visit_is_made(
        self,
        linked: str,
        scenario: EveryRule,
        world: World,
        onefile: SandboxServer,
        configure: Callable[..., None],
    ) -> None:
        configure(upload_reviews=False)
        sync(scenario.learner)
        if linked == "nothing linked":  # and nothing that shows that reviews are missing
            type(scenario.held).objects.exclude(pk=scenario.upload.pk).delete()
        elsewhere = world.add_centre(name="Care")
        world.users[scenario.onefile_id].organisation_id = elsewhere.id
        configure(upload_reviews=True)

        outcome = sync(scenario.learner)

        assert problems(outcome) == []
        (visit,) = world.visits.values()
        assert visit.organisation_id == elsewhere.id
        assert len(world.reviews_of(scenario.onefile_id)) == 8
        assert sync(scenario.learner).state == OutcomeState.UNCHANGED

    def test_of_a_learner_who_moved_before_anything_was_linked_is_where_the_reviews_are_found(
        self, scenario: EveryRule, world: World, onefile: SandboxServer, configure: Callable[..., None]
    ) -> None:
        configure(upload_reviews=False)
        kept = world.add_centre(name="Care").id
        type(scenario.learner).objects.update(onefile_centre_id=kept)
        type(scenario.held).objects.all().delete()

        sync(scenario.learner)

        learner = picsweb.learner_by_pk(str(scenario.learner.pk))
        assert learner is not None
        row = picsweb.read_learner(learner)
        assert row.centre_id == world.centre_id
        assert len(row.reviews) == len(world.reviews_of(scenario.onefile_id)) == 7

    def test_that_was_kept_is_used_where_the_learners_record_does_not_name_one(
        self, scenario: EveryRule, world: World, onefile: SandboxServer
    ) -> None:
        type(scenario.learner).objects.update(onefile_centre_id=world.centre_id)
        world.add_centre(name="Care")
        world.users[scenario.onefile_id].wire = {"OrganisationID": None}

        assert problems(sync(scenario.learner)) == []
        (visit,) = world.visits.values()
        assert visit.organisation_id == world.centre_id

    def test_of_a_learner_who_moved_since_is_where_the_daily_sync_makes_the_visit(
        self, scenario: EveryRule, world: World, onefile: SandboxServer
    ) -> None:
        elsewhere = world.add_centre(name="Care")
        type(scenario.learner).objects.update(onefile_centre_id=elsewhere.id)

        run = services.perform(services.start_daily(), sleep=dont_wait)

        assert problems(run.outcomes.get()) == []
        (visit,) = world.visits.values()
        assert visit.organisation_id == world.centre_id

    def test_costs_one_call_for_each_learner_with_an_upload(
        self, host: Host, scenario: EveryRule, world: World, onefile: SandboxServer
    ) -> None:
        sync(scenario.learner)
        onefile.reset_counts()
        assert sync(scenario.learner).state == OutcomeState.UNCHANGED
        assert onefile.calls["User/get"] == 0

        for days in (7, 14):
            host.review(scenario.learner, proposed_date=AUTUMN + timedelta(days=days))
        sync(scenario.learner)

        assert onefile.calls["User/get"] == 1
        assert onefile.calls["Review/create"] == 2


class TestAnUploadThatWasRefused:
    @pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
    def test_for_ever_leaves_one_visit_and_goes_into_it_in_the_end(
        self, status: int, scenario: EveryRule, world: World, onefile: SandboxServer
    ) -> None:
        onefile.faults.append(Fault(operation="Review/create", kind="status", status=status, times=999))

        told = [problems(sync(scenario.learner)) for _refresh in range(6)]

        assert len(world.visits) == 1
        assert all("visit_left_over" not in each for each in told)
        onefile.faults.clear()
        assert problems(sync(scenario.learner)) == []
        (visit,) = world.visits.values()
        assert [review.visit_id for review in world.reviews.values()].count(visit.id) == 1

    def test_in_a_visit_of_before_takes_another_one_and_tells_of_the_first_until_it_is_over(
        self, scenario: EveryRule, world: World, onefile: SandboxServer
    ) -> None:
        onefile.faults.append(Fault(operation="Review/create", kind="status", status=500))
        sync(scenario.learner)
        let_doubts_pass()
        onefile.faults.append(Fault(operation="Review/create", kind="status", status=400, times=999))
        sync(scenario.learner)

        told = [problems(sync(scenario.learner)) for _refresh in range(5)]

        assert len(world.visits) == 2
        assert all(each.count("visit_left_over") == 1 for each in told)
        onefile.faults.clear()
        assert problems(sync(scenario.learner)) == ["visit_left_over"]
        assert sync(scenario.learner).state == OutcomeState.UNCHANGED

    def test_is_uploaded_in_the_end_though_its_visit_was_deleted_meanwhile(
        self, scenario: EveryRule, world: World, onefile: SandboxServer
    ) -> None:
        onefile.faults.append(Fault(operation="Review/create", kind="status", status=400))
        with time_machine.travel(datetime.now(UTC), tick=False) as now:
            sync(scenario.learner)
            world.visits.clear()
            visits = 0
            for _day in range(10):
                now.shift(timedelta(days=1))
                sync(scenario.learner)
                visits = max(visits, len(world.visits))

        assert visits == 1
        assert len(world.reviews_of(scenario.onefile_id)) == 8

    def test_leaves_nothing_to_look_for(
        self, scenario: EveryRule, world: World, onefile: SandboxServer
    ) -> None:
        """An assessor's own review at that time is not ours: reviews are never matched on dates."""
        onefile.faults.append(Fault(operation="Visit/create", kind="status", status=400))

        assert problems(sync(scenario.learner)) == ["refused"]
        assert not UploadIntent.objects.filter(finished_at=None).exists()

        theirs = world.add_review(
            scenario.onefile_id,
            scheduled_for=datetime(2026, 10, 30, 14, 30, tzinfo=UTC),
            created_on=datetime(2026, 1, 2, tzinfo=UTC),
        )
        sync(scenario.learner)
        learner = picsweb.learner_by_pk(str(scenario.learner.pk))
        assert learner is not None
        ours = next(row for row in picsweb.read_learner(learner).reviews if row.pk == str(scenario.upload.pk))
        assert ours.onefile_id not in (None, theirs.id)


class TestAValueThatOneFileDoesNotTakeBack:
    @pytest.fixture(params=["partial", "replace"])
    def switches(self, request: pytest.FixtureRequest) -> Switches:
        return Switches(rate_limit=0, update_mode=request.param)

    @pytest.mark.parametrize("name", ["RegistrationDate", "StartDate"])
    def test_keeps_no_other_value_from_going_up(
        self, name: str, scenario: EveryRule, world: World, onefile: SandboxServer
    ) -> None:
        aim = scenario.aims[0]
        aim.wire = {name: "soon"}

        outcome = sync(scenario.learner)

        assert (aim.registration_number, on_london_date(aim.certificate_applied_date)) == ("PICS-1", SPRING)
        told = [each for each in problems(outcome) if each != "bad_value"]
        assert told == ["unreadable_left_out"]
        calls = onefile.calls["LearningAim/update"]
        sync(scenario.learner)
        assert onefile.calls["LearningAim/update"] == calls

    def test_nor_where_onefile_fails_on_it(
        self, scenario: EveryRule, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        aim = scenario.aims[0]
        aim.wire = {"StartDate": "soon"}
        carry_out = onefile._api.carry_out

        def fails(call: Any) -> SandboxResponse:
            try:
                return carry_out(call)
            except ApiRefusal:
                return SandboxResponse(500)

        monkeypatch.setattr(onefile._api, "carry_out", fails)

        outcome = sync(scenario.learner)

        assert (aim.registration_number, on_london_date(aim.certificate_applied_date)) == ("PICS-1", SPRING)
        assert [each for each in problems(outcome) if each != "bad_value"] == ["unreadable_left_out"]

    def test_is_not_left_out_where_onefile_is_only_away(
        self, scenario: EveryRule, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It might be blanked there, so OneFile has to refuse the full update first."""
        aim = scenario.aims[0]
        aim.wire = {"StartDate": "soon"}
        carry_out, updates = onefile._api.carry_out, list[Any]()

        def goes_away(call: Any) -> SandboxResponse:
            updates.extend([call] if call.operation == "LearningAim/update" else [])
            away = updates and call.operation.startswith("LearningAim/")
            return SandboxResponse(500) if away else carry_out(call)

        monkeypatch.setattr(onefile._api, "carry_out", goes_away)

        outcome = sync(scenario.learner)

        assert "server_error" in problems(outcome)
        assert "unreadable_left_out" not in problems(outcome)
        assert all(call.body.text("StartDate") == "soon" for call in updates if call.id == aim.id)


class TestProblems:
    def test_met_on_the_way_are_kept_when_the_learner_ends_in_trouble(
        self, scenario: EveryRule, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        onefile.faults.append(Fault(operation="Review/create", kind="html", when="after"))
        create = picsweb.create_review

        def out_of_reach(*arguments: Any) -> str:
            onefile.faults.append(Fault(operation="*", kind="reset", times=99))
            raise ZeroDivisionError(create)

        monkeypatch.setattr(picsweb, "create_review", out_of_reach)

        outcome = sync(scenario.learner)

        assert outcome.state == OutcomeState.FAILED
        assert set(problems(outcome)) >= {"upload_unsure", "stopped"}

    def test_solved_in_a_later_round_are_not_reported(
        self, host: Host, scenario: EveryRule, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After a clerk's edit the learner is planned again; the second search finds the review that was created."""
        onefile.faults.append(Fault(operation="Review/create", kind="html", when="after"))
        save, edited = picsweb.save_fields, []

        def edit_meanwhile(kind: str, pk: str, old: Any, new: Any) -> bool:
            if not edited and pk == str(scenario.held.pk):
                edited.append(pk)
                return False
            return save(kind, pk, old, new)

        monkeypatch.setattr(picsweb, "save_fields", edit_meanwhile)

        outcome = sync(scenario.learner)

        assert edited
        assert problems(outcome) == []
        assert outcome.state == OutcomeState.UPDATED


class TestAWorkerThatDied:
    def test_is_noticed_on_the_page_and_a_second_click_puts_the_work_back(
        self, scenario: EveryRule, onefile: SandboxServer, django_capture_on_commit_callbacks: Any
    ) -> None:
        run = services.refresh([scenario.learner])
        leases.claim_next(run)
        long_ago = timezone.now() - timedelta(hours=3)
        LearnerOutcome.objects.update(started_at=long_ago, lease_expires_at=long_ago)
        type(run).objects.update(created_at=long_ago, queued_at=long_ago)
        run.refresh_from_db()

        assert services.progress(run).waiting_for_worker
        with django_capture_on_commit_callbacks() as queued:
            assert services.refresh([scenario.learner]) == run
        assert len(queued) == 1
        assert run.outcomes.get().state == OutcomeState.QUEUED


def test_a_click_on_a_learner_in_a_refresh_of_several_leads_to_that_run(
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

        said = [services.work(str(run.pk), sleep=dont_wait) for _ in range(leases.MOST_ATTEMPTS)]

        assert said == ["to be continued"] * (leases.MOST_ATTEMPTS - 1) + ["finished"]
        assert [problems(outcome) for outcome in run.outcomes.all()] == [["rate_limited"]] * 2


def test_a_learner_who_would_take_longer_than_the_task_may_is_put_back(
    scenario: EveryRule, onefile: SandboxServer, settings: Any
) -> None:
    """Otherwise django-q2 would kill the worker while it sleeps."""
    slept: list[float] = []
    run = refresh_by_a_worker(scenario.learner)
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "TASK_SECONDS": 30}
    SharedRateLimiter(None).pause(120)

    assert services.work(str(run.pk), sleep=slept.append) == "to be continued"

    assert run.outcomes.get().state == OutcomeState.QUEUED
    assert slept == []
