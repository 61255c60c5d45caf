"""Concurrent changes: by clerks in PICSWeb, by assessors in OneFile, and by a worker that wakes up late."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from onefile_sync import host as picsweb
from onefile_sync import services
from onefile_sync.host.snapshot import ReviewRow, roles_of
from onefile_sync.models import Change, LearnerOutcome, OneFileSettings, SyncRun, UploadIntent
from onefile_sync.onefile.client import OneFile
from onefile_sync.sandbox.entities import SandboxReview
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.sync.connection.rate_limit import RateLimitLost
from onefile_sync.sync.learner import apply
from onefile_sync.sync.runs import leases
from tests.conftest import changes, dont_wait, problems, sync
from tests.factories import Host
from tests.scenarios.two_of_each import LONG_AGO, SUMMER_AT_TEN, TwoOfEach, build_two_of_each, let_doubts_pass

pytestmark = pytest.mark.matrix

LATER = date(2026, 12, 1)
AUTUMN_AT_TEN = datetime(2026, 10, 30, 10, 0, tzinfo=UTC)


@pytest.fixture
def scenario(host: Host, world: World) -> TwoOfEach:
    return build_two_of_each(host, world)


def created(scenario: TwoOfEach, world: World) -> list[SandboxReview]:
    """The reviews of this learner in OneFile that we created."""
    there_before = (scenario.held.id, scenario.new.id)
    return [review for review in world.reviews_of(scenario.onefile_id) if review.id not in there_before]


def begun(scenario: TwoOfEach, **values: Any) -> UploadIntent:
    """An upload of the learner's review that was begun some time ago."""
    return UploadIntent.objects.create(
        learner_type=picsweb.learner_type(),
        learner_pk=str(scenario.learner.pk),
        review_pk=str(scenario.upload.pk),
        **{"scheduled_for": AUTUMN_AT_TEN, **values},
    )


def is_any_open() -> bool:
    return UploadIntent.objects.filter(finished_at=None).exists()


def meanwhile(monkeypatch: pytest.MonkeyPatch, operation: str, happens: Callable[[], None]) -> None:
    """Call ``happens`` immediately before the first call of an operation."""
    real, happened = getattr(OneFile, operation), []

    def ask(self: OneFile, *about: Any, **values: Any) -> Any:
        if not happened:
            happened.append(True)
            happens()
        return real(self, *about, **values)

    monkeypatch.setattr(OneFile, operation, ask)


class TestAWorkerWhoseTimeIsUp:
    def test_leaves_no_upload_in_doubt_that_was_not_sent(
        self, scenario: TwoOfEach, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def stopped() -> None:
            raise RateLimitLost

        meanwhile(monkeypatch, "create_visit", stopped)
        run = services.refresh_now([scenario.learner])
        for _task in range(2):
            services.perform(run, sleep=dont_wait)
        assert len(created(scenario, world)) == 1
        assert not is_any_open()


class TestAClerk:
    def test_who_corrects_a_value_before_it_is_sent_has_the_corrected_one_sent(
        self, scenario: TwoOfEach, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, corrected = picsweb.still_holds, []

        def still_holds(kind: str, pk: str, values: Any, **of: Any) -> bool:
            holds = real(kind, pk, values, **of)
            if kind == "qualification" and pk == str(scenario.qualification.pk) and not corrected:
                corrected.append(pk)
                type(scenario.qualification).objects.filter(pk=pk).update(**{field: "CORRECTED"})
            return holds

        field = next(
            each.name
            for each in type(scenario.qualification)._meta.fields
            if getattr(scenario.qualification, each.name) == "PICS-1"
        )
        monkeypatch.setattr(picsweb, "still_holds", still_holds)

        sync(scenario.learner)
        sync(scenario.learner)

        scenario.qualification.refresh_from_db()
        assert corrected
        assert getattr(scenario.qualification, field) == "CORRECTED"

    def test_may_have_edited_any_value_that_a_rule_reads_so_all_of_them_are_checked_again(
        self, scenario: TwoOfEach, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, looked_at = picsweb.still_holds, []

        def still_holds(kind: str, pk: str, values: Any, **of: Any) -> bool:
            if kind == "review":
                looked_at.append(set(values))
            return real(kind, pk, values, **of)

        monkeypatch.setattr(picsweb, "still_holds", still_holds)

        sync(scenario.learner)

        assert len(world.visits) == 1
        assert looked_at
        assert all(names == {"onefile_id", "is_normal", *roles_of(ReviewRow)} for names in looked_at)

    @pytest.mark.parametrize("operation", ["create_visit", "create_review"])
    def test_who_changes_the_type_of_a_review_before_it_is_created_keeps_it_out_of_onefile(
        self,
        host: Host,
        scenario: TwoOfEach,
        world: World,
        onefile: SandboxServer,
        monkeypatch: pytest.MonkeyPatch,
        operation: str,
    ) -> None:
        field = host.mapping["REVIEW"].get("type", "type")
        another = host.translate("review", {"is_normal": False})[field]

        def retype() -> None:
            type(scenario.upload).objects.filter(pk=scenario.upload.pk).update(**{field: another})

        meanwhile(monkeypatch, operation, retype)

        told = problems(sync(scenario.learner)) + problems(sync(scenario.learner))

        assert not created(scenario, world)
        assert not is_any_open()
        assert told.count("visit_left_over") == (1 if operation == "create_review" else 0)

    def test_who_moves_a_review_while_it_is_being_created_keeps_the_new_date(
        self, scenario: TwoOfEach, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        proposed = type(scenario.upload)._meta.get_field(
            "proposed_date" if hasattr(scenario.upload, "proposed_date") else "planned_for"
        )
        moved = LATER if proposed.get_internal_type() == "DateField" else datetime(2026, 12, 1, tzinfo=UTC)

        def move() -> None:
            type(scenario.upload).objects.filter(pk=scenario.upload.pk).update(**{proposed.name: moved})

        meanwhile(monkeypatch, "create_visit", move)

        sync(scenario.learner)
        sync(scenario.learner)

        scenario.upload.refresh_from_db()
        assert getattr(scenario.upload, proposed.name) == moved
        assert len(created(scenario, world)) == 1

    @pytest.mark.parametrize("operation", ["create_visit", "create_review"])
    def test_who_deletes_a_review_while_it_is_being_created_leaves_nothing_open_and_nothing_hidden(
        self,
        scenario: TwoOfEach,
        world: World,
        onefile: SandboxServer,
        monkeypatch: pytest.MonkeyPatch,
        operation: str,
    ) -> None:
        visits_before = len(world.visits)

        def delete() -> None:
            type(scenario.upload).objects.filter(pk=scenario.upload.pk).delete()

        meanwhile(monkeypatch, operation, delete)

        told = problems(sync(scenario.learner)) + problems(sync(scenario.learner))

        assert not is_any_open()
        without_review = len(world.visits) - visits_before - len(created(scenario, world))
        assert told.count("visit_left_over") == without_review

    def test_who_links_a_review_by_hand_ends_its_upload(
        self, scenario: TwoOfEach, world: World, onefile: SandboxServer
    ) -> None:
        begun(scenario, visits_in_doubt=1)
        theirs = world.add_review(scenario.onefile_id, scheduled_for=SUMMER_AT_TEN, created_on=LONG_AGO)
        type(scenario.upload).objects.filter(pk=scenario.upload.pk).update(onefile_id=theirs.id)

        sync(scenario.learner)

        assert not is_any_open()

    def test_who_deletes_a_review_ends_its_upload(
        self, scenario: TwoOfEach, world: World, onefile: SandboxServer
    ) -> None:
        begun(scenario, visits_in_doubt=1)
        scenario.upload.delete()

        outcome = sync(scenario.learner)

        assert not is_any_open()
        assert "visit_left_over" in problems(outcome)


class TestAVisitThatMayBeLeftOver:
    def test_is_reported_when_the_learner_is_planned_again(
        self, scenario: TwoOfEach, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun(scenario, visits_in_doubt=1)
        real, edited = picsweb.save_fields, []

        def save_fields(kind: str, pk: str, old: Any, new: Any) -> bool:
            if kind == "qualification" and not edited:
                edited.append(pk)
                return False
            return real(kind, pk, old, new)

        monkeypatch.setattr(picsweb, "save_fields", save_fields)

        assert "visit_left_over" in problems(sync(scenario.learner))

    def test_is_reported_when_the_worker_is_killed_before_the_end(
        self, scenario: TwoOfEach, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun(scenario, visits_in_doubt=1)
        real, cut_off = apply._check_upload, []

        def check_upload(*arguments: Any, **more: Any) -> Any:
            if not cut_off:
                cut_off.append(True)
                raise leases.TimeIsUp
            return real(*arguments, **more)

        monkeypatch.setattr(apply, "_check_upload", check_upload)

        assert "visit_left_over" in problems(sync(scenario.learner))


class TestAnAssessor:
    def test_who_deletes_an_empty_visit_does_not_stop_the_review(
        self, scenario: TwoOfEach, world: World, onefile: SandboxServer
    ) -> None:
        onefile.faults.append(Fault(operation="Review/create", kind="status", status=500))
        sync(scenario.learner)
        world.visits.clear()
        let_doubts_pass()

        for _refresh in range(3):
            outcome = sync(scenario.learner)

        assert outcome.state == "unchanged"
        assert len(created(scenario, world)) == 1


def test_a_visit_of_another_learner_is_not_used(
    scenario: TwoOfEach, world: World, onefile: SandboxServer
) -> None:
    """An earlier refresh created the visit under a wrong OneFile ID, which has since been corrected."""
    stranger = world.add_learner()
    visit = world.add_visit(stranger.id, date_from=AUTUMN_AT_TEN, date_to=AUTUMN_AT_TEN + timedelta(hours=1))
    begun(scenario, visit_id=visit.id)

    sync(scenario.learner)
    sync(scenario.learner)

    (review,) = created(scenario, world)
    assert review.visit_id is not None
    assert world.visits[review.visit_id].learner_id == scenario.onefile_id


def test_a_push_that_onefile_accepted_is_on_record_although_time_was_up_right_after(
    scenario: TwoOfEach, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    update, read = OneFile.update_learning_aim, OneFile.learning_aim
    sent: list[str] = []

    def update_learning_aim(self: OneFile, *about: Any, **values: Any) -> None:
        update(self, *about, **values)
        sent.append("accepted")

    def learning_aim(self: OneFile, aim_id: int) -> Any:
        if sent == ["accepted"]:
            sent.append("time is up")
            raise leases.TimeIsUp
        return read(self, aim_id)

    monkeypatch.setattr(OneFile, "update_learning_aim", update_learning_aim)
    monkeypatch.setattr(OneFile, "learning_aim", learning_aim)

    outcome = sync(scenario.learner)

    told = [each for each in changes(outcome) if each[0] == "onefile" and each[1] == "registration_number"]
    assert "time is up" in sent
    assert len(told) == 2


def test_the_ledger_tells_of_a_create_whose_answer_was_lost(
    scenario: TwoOfEach, world: World, onefile: SandboxServer
) -> None:
    onefile.faults.append(Fault(operation="Review/create", kind="reset", when="after"))

    first = sync(scenario.learner)
    let_doubts_pass()
    second = sync(scenario.learner)

    told = [
        each for outcome in (first, second) for each in changes(outcome) if each[:2] == ("onefile", "review")
    ]
    assert len(told) == len(created(scenario, world)) == 1


def test_a_worker_who_was_frozen_for_a_lease_changes_nothing_with_its_late_answer(
    scenario: TwoOfEach, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker that took the learner over has sent a review in a visit of its own and lost the answer."""
    real, sent = OneFile.create_visit, []

    def create_visit(self: OneFile, *about: Any, **values: Any) -> int:
        answer = real(self, *about, **values)
        sent.append(answer)
        if len(sent) == 1:
            LearnerOutcome.objects.filter(state="working").update(
                lease_expires_at=timezone.now() - timedelta(seconds=1)
            )
            let_doubts_pass()
            onefile.faults.append(Fault(operation="Review/create", kind="reset", when="after"))
            services.sweep()
            services.perform(SyncRun.objects.get(), sleep=dont_wait)
        return answer

    monkeypatch.setattr(OneFile, "create_visit", create_visit)
    sync(scenario.learner)
    monkeypatch.undo()
    let_doubts_pass()

    sync(scenario.learner)

    assert len(sent) == 2
    assert len(created(scenario, world)) == 1


def test_changing_the_token_during_a_run_makes_the_rest_wait_for_it(
    scenario: TwoOfEach, host: Host, world: World, onefile: SandboxServer
) -> None:
    others = [build_two_of_each(host, world) for _number in range(2)]
    run = services.refresh_now([scenario.learner, *(other.learner for other in others)])

    def change_the_token() -> None:
        row = OneFileSettings.load()
        row.set_customer_token("another-token-entirely")
        row.save()

    services.perform(run, sleep=dont_wait, after_each=change_the_token)

    states = sorted(run.outcomes.values_list("state", flat=True))
    assert "queued" in states or "failed" in states
    assert "updated" in states


@pytest.mark.parametrize("step", ["note_review", "save"])
def test_a_create_is_reported_once_although_the_worker_died_before_storing_its_id(
    scenario: TwoOfEach, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Whether OneFile's answer has been recorded by then or not."""
    module, name = (apply.uploads, "note_review") if step == "note_review" else (apply, "_save")
    real, gone = getattr(module, name), []

    def go_away(*about: Any) -> Any:
        if not gone and (step == "note_review" or about[0].kind == "review"):
            gone.append(True)
            raise leases.TimeIsUp
        return real(*about)

    monkeypatch.setattr(module, name, go_away)
    sync(scenario.learner)
    let_doubts_pass()
    sync(scenario.learner)

    told = Change.objects.filter(made=True, side="onefile", field="review")
    assert gone
    assert told.count() == len(created(scenario, world)) == 1
