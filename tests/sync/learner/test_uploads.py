"""Uploads that are cut off (R7): whatever is lost on the way, each review ends up in OneFile exactly once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from onefile_sync import host as picsweb
from onefile_sync import services
from onefile_sync.conf import deployment
from onefile_sync.models import LearnerOutcome, OutcomeState, UploadIntent
from onefile_sync.onefile.client import OneFile
from onefile_sync.sandbox import server
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from onefile_sync.sync.learner import apply, uploads
from tests.conftest import dont_wait, preview, problems, sync
from tests.factories import Host
from tests.scenarios.two_of_each import (
    AUTUMN,
    LONG_AGO,
    SUMMER_AT_TEN,
    TEN,
    TwoOfEach,
    assert_linked_once,
    build_two_of_each,
    let_doubts_pass,
    read,
)

ALWAYS = 1000
#: Seconds; the client gives up after the one, the sandbox answers after the other.
PATIENCE, TOO_LONG = 0.6, 2.0

pytestmark = pytest.mark.matrix

CREATES = ["Visit/create", "Review/create"]
FAULTS: dict[str, dict[str, Any]] = {
    "reset before": {"kind": "reset"},
    "reset after": {"kind": "reset", "when": "after"},
    "time-out before": {"kind": "delay", "when": "before", "seconds": TOO_LONG},
    "time-out after": {"kind": "delay", "when": "after", "seconds": TOO_LONG},
    "500 before": {"kind": "status", "status": 500},
    "500 after": {"kind": "status", "status": 500, "when": "after"},
    "html before": {"kind": "html"},
    "html after": {"kind": "html", "when": "after"},
    "cut short after": {"kind": "truncated", "when": "after"},
    "broken json after": {"kind": "broken_json", "when": "after"},
    "wrong type after": {"kind": "wrong_type", "when": "after"},
}


@pytest.fixture
def scenario(host: Host, world: World) -> TwoOfEach:
    return build_two_of_each(host, world)


@pytest.fixture(autouse=True)
def impatient(host: Host, settings: Any, request: pytest.FixtureRequest) -> None:
    """Where a time-out is what the test is about: elsewhere a slow machine would bring one that nobody asked for."""
    if "time-out" in request.node.name:
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "TIMEOUT_SECONDS": PATIENCE}


def uploaded(scenario: TwoOfEach, world: World) -> list[int]:
    """OneFile's reviews that were not there before we came."""
    known = {scenario.held.id, scenario.new.id}
    return [record.id for record in world.reviews_of(scenario.onefile_id) if record.id not in known]


#: OneFile's reviews of the learner before anything is uploaded.
REVIEWS = 2
#: The report about a visit that OneFile may have without our knowing it.
LEFT_OVER = {"Visit/create": ["visit_left_over"], "Review/create": []}


def assert_uploaded_once(scenario: TwoOfEach, world: World, told: Sequence[str] = ()) -> None:
    """One refresh after all doubt is over is enough; another has nothing to do."""
    let_doubts_pass()
    assert problems(sync(scenario.learner)) == list(told)
    again = sync(scenario.learner)
    assert again.state == OutcomeState.UNCHANGED
    (created,) = uploaded(scenario, world)
    (review,) = [row for row in read(scenario).reviews if row.pk == str(scenario.upload.pk)]
    assert review.onefile_id == created
    assert len(read(scenario).reviews) == 3
    assert_linked_once(scenario, world)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("operation", CREATES)
def test_a_create_that_is_cut_off_is_looked_for_and_never_repeated_blindly(
    operation: str, fault: str, scenario: TwoOfEach, world: World, onefile: SandboxServer
) -> None:
    onefile.faults.append(Fault(operation=operation, times=ALWAYS, **FAULTS[fault]))

    outcome = sync(scenario.learner)

    assert "upload_unsure" in problems(outcome)
    assert onefile.calls[operation] == 1
    onefile.faults.clear()
    wait_for_the_sandbox(onefile, operation, fault)
    assert_uploaded_once(scenario, world, LEFT_OVER[operation])


def wait_for_the_sandbox(onefile: SandboxServer, operation: str, fault: str) -> None:
    """A create whose answer was not waited for is carried out in its own time."""
    if fault == "time-out before":
        world, until = onefile.world, monotonic() + 20
        while not (world.visits if operation == "Visit/create" else len(world.reviews) > REVIEWS):
            assert monotonic() < until
            sleep(0.02)


@pytest.mark.parametrize("fault", ["reset before", "time-out before", "500 after"])
@pytest.mark.parametrize("operation", CREATES)
def test_while_a_create_may_still_be_on_its_way_nothing_is_created(
    operation: str, fault: str, scenario: TwoOfEach, world: World, onefile: SandboxServer
) -> None:
    onefile.faults.append(Fault(operation=operation, **FAULTS[fault]))
    sync(scenario.learner)

    again = sync(scenario.learner)

    assert onefile.calls[operation] == 1
    found = fault == "500 after" and operation == "Review/create"
    assert problems(again) == ([] if found else ["upload_on_its_way"])
    wait_for_the_sandbox(onefile, operation, fault)
    assert_uploaded_once(scenario, world, LEFT_OVER[operation])


@pytest.mark.parametrize("operation", CREATES)
def test_cut_off_again_and_again(
    operation: str, scenario: TwoOfEach, world: World, onefile: SandboxServer
) -> None:
    onefile.faults.append(Fault(operation=operation, kind="reset", times=3))

    for _attempt in range(3):
        let_doubts_pass()
        assert "upload_unsure" in problems(sync(scenario.learner))

    assert_uploaded_once(scenario, world, LEFT_OVER[operation])


@pytest.mark.parametrize("download_reviews", [True, False])
def test_without_the_download_a_cut_off_upload_is_found_all_the_same(
    download_reviews: bool,
    scenario: TwoOfEach,
    world: World,
    onefile: SandboxServer,
    configure: Callable[..., None],
) -> None:
    configure(download_reviews=download_reviews)
    onefile.faults.append(Fault(operation="Review/create", kind="reset", when="after"))
    sync(scenario.learner)

    sync(scenario.learner)
    sync(scenario.learner)

    assert len(uploaded(scenario, world)) == 1
    assert not UploadIntent.objects.filter(finished_at=None).exists()


def test_a_refused_create_is_reported_and_tried_again(
    scenario: TwoOfEach, world: World, onefile: SandboxServer
) -> None:
    onefile.faults.append(Fault(operation="Review/create", kind="status", status=400))

    assert problems(sync(scenario.learner)) == ["refused"]

    assert_uploaded_once(scenario, world)
    assert len(world.visits) == 1


@pytest.mark.parametrize(
    "hidden_by",
    [
        {"ScheduledFor": "soon", "VisitID": "the first"},
        {"ScheduledFor": ["soon"], "VisitID": None},
        {"VisitID": "the first", "ScheduledFor": "2026-01-01T00:00:00Z"},
        {"LearnerID": "somebody"},
        {"ID": "a review"},
    ],
    ids=str,
)
def test_while_a_review_cannot_be_told_from_the_one_cut_off_nothing_is_created(
    hidden_by: dict[str, object], scenario: TwoOfEach, world: World, onefile: SandboxServer
) -> None:
    onefile.faults.append(Fault(operation="Review/create", kind="reset", when="after"))
    sync(scenario.learner)
    (created,) = uploaded(scenario, world)
    world.reviews[created].wire = hidden_by

    for _refresh in range(2):
        assert "upload_unresolved" in problems(sync(scenario.learner))
        assert uploaded(scenario, world) == [created]
        assert len(read(scenario).reviews) == 3

    world.reviews[created].wire = {}
    assert_uploaded_once(scenario, world)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(operation="Review/Search", kind="html", times=ALWAYS),
        Fault(operation="Review/get", kind="html", times=ALWAYS),
    ],
    ids=lambda fault: fault.operation,
)
def test_while_the_reviews_cannot_be_read_nothing_is_created(
    fault: Fault, scenario: TwoOfEach, world: World, onefile: SandboxServer
) -> None:
    onefile.faults.append(Fault(operation="Review/create", kind="reset", when="after"))
    sync(scenario.learner)
    onefile.faults.append(fault)

    assert "upload_unresolved" in problems(sync(scenario.learner))

    onefile.faults.clear()
    assert_uploaded_once(scenario, world)


def test_a_review_moved_after_the_cut_before_it_was_created_goes_where_it_was_moved_to(
    host: Host, scenario: TwoOfEach, world: World, onefile: SandboxServer
) -> None:
    onefile.faults.append(Fault(operation="Review/create", kind="reset"))
    sync(scenario.learner)
    moved = host.translate("review", {"proposed_date": AUTUMN + timedelta(days=7)})
    type(scenario.upload).objects.filter(pk=scenario.upload.pk).update(**moved)

    assert_uploaded_once(scenario, world, ["visit_left_over"])

    (created,) = uploaded(scenario, world)
    assert world.reviews[created].scheduled_for.date() == AUTUMN + timedelta(days=7)
    visit = world.visits[world.reviews[created].visit_id]
    assert visit.date_from == world.reviews[created].scheduled_for


def test_a_review_held_after_the_cut_before_it_was_created_is_no_longer_uploaded(
    host: Host, scenario: TwoOfEach, world: World, onefile: SandboxServer
) -> None:
    onefile.faults.append(Fault(operation="Review/create", kind="reset"))
    sync(scenario.learner)
    held = host.translate("review", {"actual_date": AUTUMN})
    held.pop("planned_for", None)
    type(scenario.upload).objects.filter(pk=scenario.upload.pk).update(**held)

    assert problems(sync(scenario.learner)) == ["upload_on_its_way"]

    let_doubts_pass()
    assert problems(preview(scenario.learner)) == ["visit_left_over"]
    assert problems(sync(scenario.learner)) == ["visit_left_over"]

    assert uploaded(scenario, world) == []
    assert not UploadIntent.objects.filter(finished_at=None).exists()


def test_a_time_with_seconds_is_found_again(
    scenario: TwoOfEach, world: World, onefile: SandboxServer, host: Host
) -> None:
    to_the_second = TEN.replace(second=30, microsecond=500_000)
    host.review(scenario.learner, proposed_date=AUTUMN + timedelta(days=1), proposed_time=to_the_second)
    onefile.faults.append(Fault(operation="Review/create", kind="reset", when="after", times=2))
    UploadIntent.objects.update(visit_id=None)

    sync(scenario.learner)
    sync(scenario.learner)

    assert sync(scenario.learner).state == OutcomeState.UNCHANGED
    assert len(uploaded(scenario, world)) == 2
    assert_linked_once(scenario, world)


def test_a_create_whose_answer_is_too_large_is_looked_for_and_not_repeated(
    scenario: TwoOfEach, world: World, onefile: SandboxServer
) -> None:
    huge = Fault(
        operation="Review/create", kind="status", status=200, body=b" " * 2 * 1024**2, when="after", times=2
    )
    onefile.faults.append(huge)

    assert {"too_large", "upload_unsure"} & set(problems(sync(scenario.learner)))
    let_doubts_pass()

    assert problems(sync(scenario.learner)) == []
    assert onefile.calls["Review/create"] == 1
    assert len(uploaded(scenario, world)) == 1
    assert_linked_once(scenario, world)


class TestOneFileThatCapsItsPages:
    @pytest.fixture(
        params=[1, 10, 99, *(pytest.param(cap, marks=pytest.mark.exhaustive) for cap in (2, 7, 25, 50))]
    )
    def cap(self, request: pytest.FixtureRequest) -> int:
        return request.param  # type: ignore[no-any-return]

    @pytest.fixture
    def switches(self, cap: int) -> Switches:
        return Switches(rate_limit=0, items="rich", page_limit=cap)

    def test_has_no_review_created_twice(
        self, cap: int, scenario: TwoOfEach, world: World, onefile: SandboxServer
    ) -> None:
        """Its pages are full before the one on which the review is whose answer was lost."""
        for number in range(cap):
            at = SUMMER_AT_TEN + timedelta(weeks=number + 1)
            world.add_review(scenario.onefile_id, scheduled_for=at, created_on=LONG_AGO)
        onefile.faults.append(Fault(operation="Review/create", kind="reset", when="after"))
        assert "upload_unsure" in problems(sync(scenario.learner))
        let_doubts_pass()

        assert problems(sync(scenario.learner)) == []

        assert onefile.calls["Review/create"] == 1
        assert_linked_once(scenario, world)

    def test_has_every_new_review_downloaded(
        self, cap: int, scenario: TwoOfEach, world: World, onefile: SandboxServer
    ) -> None:
        for number in range(cap + 10):
            at = SUMMER_AT_TEN + timedelta(weeks=number + 1)
            world.add_review(scenario.onefile_id, scheduled_for=at, created_on=LONG_AGO)

        assert problems(sync(scenario.learner)) == []
        assert_linked_once(scenario, world)
        assert sync(scenario.learner).state == OutcomeState.UNCHANGED


def test_creates_arrive_where_onefile_resets_every_connection_that_is_used_again(
    scenario: TwoOfEach, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = server._Handler.run_wsgi

    def answer_once(handler: Any) -> None:
        if hasattr(handler, "was_used"):
            handler._reset()
        else:
            handler.was_used = True
            answer(handler)

    monkeypatch.setattr(server._Handler, "run_wsgi", answer_once)

    assert problems(sync(scenario.learner)) == []
    assert len(uploaded(scenario, world)) == 1
    assert_linked_once(scenario, world)


class TestTwoReviewsForTheSameTime:
    @pytest.fixture
    def same_time(self, host: Host, scenario: TwoOfEach, world: World) -> Any:
        """A second review, for the same time, of another officer."""
        tom = world.add_assessor(first_name="Tom", last_name="Oak")
        officer = host.officer(onefile_id=tom.id)
        return host.review(scenario.learner, proposed_date=AUTUMN, proposed_time=TEN, officer=officer)

    def assert_each_uploaded_once(
        self, scenario: TwoOfEach, same_time: Any, world: World, told: Sequence[str] = ()
    ) -> None:
        let_doubts_pass()
        assert problems(sync(scenario.learner)) == list(told)
        assert sync(scenario.learner).state == OutcomeState.UNCHANGED
        assert len(uploaded(scenario, world)) == 2
        assert_linked_once(scenario, world)
        # Each is with its own officer's assessor: the two were not taken for one another.
        rows = {row.pk: row for row in read(scenario).reviews}
        for review, first_name in ((scenario.upload, "Gwen"), (same_time, "Tom")):
            record = world.reviews[rows[str(review.pk)].onefile_id]
            assert world.users[record.assessor_id].first_name == first_name

    @pytest.mark.parametrize("fault", ["reset before", "reset after", "500 after"])
    @pytest.mark.parametrize("operation", CREATES)
    def test_both_cut_off(
        self,
        operation: str,
        fault: str,
        scenario: TwoOfEach,
        same_time: Any,
        world: World,
        onefile: SandboxServer,
    ) -> None:
        onefile.faults.append(Fault(operation=operation, times=ALWAYS, **FAULTS[fault]))
        sync(scenario.learner)
        onefile.faults.clear()

        self.assert_each_uploaded_once(scenario, same_time, world, 2 * LEFT_OVER[operation])

    def test_the_first_before_its_visit_the_second_after_its_review(
        self, scenario: TwoOfEach, same_time: Any, world: World, onefile: SandboxServer
    ) -> None:
        onefile.faults.append(Fault(operation="Visit/create", kind="reset"))
        onefile.faults.append(Fault(operation="Review/create", kind="reset", when="after"))
        sync(scenario.learner)

        self.assert_each_uploaded_once(scenario, same_time, world, LEFT_OVER["Visit/create"])

    def test_onefile_tells_no_visits_so_a_person_must_say(
        self, scenario: TwoOfEach, same_time: Any, world: World, onefile: SandboxServer
    ) -> None:
        onefile.faults.append(Fault(operation="Review/create", kind="reset", when="after", times=2))
        sync(scenario.learner)
        for created in uploaded(scenario, world):
            world.reviews[created].wire = {"VisitID": None}

        for _refresh in range(2):
            assert problems(sync(scenario.learner)) == ["upload_ambiguous", "upload_ambiguous"]
            assert len(uploaded(scenario, world)) == 2
            assert len(read(scenario).reviews) == 4

    def test_neither_can_be_told_from_what_is_there_so_nothing_is_created(
        self, scenario: TwoOfEach, same_time: Any, world: World, onefile: SandboxServer
    ) -> None:
        onefile.faults.append(Fault(operation="Review/create", kind="reset", when="after", times=2))
        sync(scenario.learner)
        created = uploaded(scenario, world)
        for review_id in created:
            world.reviews[review_id].wire = {"VisitID": "a visit", "ScheduledFor": "soon"}

        for _refresh in range(2):
            assert problems(sync(scenario.learner)) == ["upload_unresolved", "upload_unresolved"]
            assert uploaded(scenario, world) == created

        for review_id in created:
            world.reviews[review_id].wire = {}
        self.assert_each_uploaded_once(scenario, same_time, world)


class Crash(BaseException):
    """The process ends here."""


def crash(*_: Any, **__: Any) -> None:
    raise Crash


def crash_before(monkeypatch: pytest.MonkeyPatch, where: Any, name: str) -> None:
    monkeypatch.setattr(where, name, crash)


def crash_after(monkeypatch: pytest.MonkeyPatch, where: Any, name: str) -> None:
    step = getattr(where, name)

    def last_step(*args: Any, **values: Any) -> None:
        step(*args, **values)
        raise Crash

    monkeypatch.setattr(where, name, last_step)


STEPS: list[tuple[Any, str]] = [
    (uploads, "begin"),
    (uploads, "note_sending_visit"),
    (OneFile, "create_visit"),
    (uploads, "note_visit"),
    (uploads, "note_sending_review"),
    (OneFile, "create_review"),
    (uploads, "note_review"),
    (apply, "_check_upload"),
]


def the_worker_is_missed() -> None:
    """Its lease runs out, so that somebody else may take the learner up."""
    LearnerOutcome.objects.filter(state=OutcomeState.WORKING).update(
        lease_expires_at=timezone.now() - timedelta(seconds=1)
    )


@pytest.mark.parametrize("cut", [crash_before, crash_after])
@pytest.mark.parametrize(("where", "name"), STEPS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_crash_between_any_two_steps(
    cut: Callable[[pytest.MonkeyPatch, Any, str], None],
    where: Any,
    name: str,
    scenario: TwoOfEach,
    world: World,
    onefile: SandboxServer,
) -> None:
    run = services.refresh_now([scenario.learner])
    with pytest.MonkeyPatch.context() as monkeypatch:
        cut(monkeypatch, where, name)
        with pytest.raises(Crash):
            services.perform(run, sleep=dont_wait)
    the_worker_is_missed()
    let_doubts_pass()

    services.perform(run, sleep=dont_wait)

    # Between asking for a visit and having its ID on record, OneFile may hold one that nobody will find.
    after_asking = {
        "note_sending_visit": crash_after,
        "create_visit": crash_after,
        "note_visit": crash_before,
    }
    in_doubt = after_asking.get(name) is cut
    assert problems(run.outcomes.get()) == (["visit_left_over"] if in_doubt else [])
    assert_uploaded_once(scenario, world)


@pytest.mark.parametrize("operation", CREATES)
def test_doubt_begins_with_the_last_try_and_not_with_the_first(
    operation: str, scenario: TwoOfEach, world: World, onefile: SandboxServer
) -> None:
    """Where OneFile took no more calls for some minutes, the create went out at the end of them."""
    wait = {"Retry-After": "120"}
    onefile.faults += [
        Fault(operation=operation, kind="status", status=429, headers=wait),
        Fault(operation=operation, kind="reset"),
    ]
    with time_machine.travel(datetime.now(UTC), tick=False) as now:
        began = timezone.now()
        run = services.perform(services.refresh_now([scenario.learner]), sleep=now.shift)
        assert "upload_unsure" in problems(run.outcomes.get())
        last_try = timezone.now()
        assert last_try - began >= timedelta(seconds=120)
        assert UploadIntent.objects.get().in_doubt_since == last_try

        now.shift(deployment.lease_seconds - 1)
        assert problems(sync(scenario.learner)) == ["upload_on_its_way"]

        now.shift(1)
        assert problems(sync(scenario.learner)) == LEFT_OVER[operation]
    assert onefile.calls[operation] == 3
    assert len(uploaded(scenario, world)) == 1


def test_a_worker_that_is_missed_is_replaced_only_when_its_create_is_past_doubt(
    scenario: TwoOfEach, world: World, onefile: SandboxServer
) -> None:
    """The worker that takes over the learner looks after the last create must have arrived."""
    run = services.refresh_now([scenario.learner])
    with pytest.MonkeyPatch.context() as monkeypatch:
        crash_after(monkeypatch, uploads, "note_sending_review")
        with pytest.raises(Crash):
            services.perform(run, sleep=dont_wait)

    working, intent = run.outcomes.get(), UploadIntent.objects.get()
    assert intent.in_doubt_since is not None
    assert working.lease_expires_at >= intent.in_doubt_since + deployment.lease


@pytest.mark.parametrize("when", ["before", "within", "after"])
def test_a_crash_around_the_saving_of_the_id(
    when: str, scenario: TwoOfEach, world: World, onefile: SandboxServer
) -> None:
    save = apply._save
    run = services.refresh_now([scenario.learner])

    def save_until_the_id(write: Any, applied: Any) -> None:
        saves_the_id = [change.field for change in write.changes] == ["onefile_id"]
        if saves_the_id and when == "before":
            raise Crash
        save(write, applied)
        if saves_the_id and when == "after":
            raise Crash

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(apply, "_save", save_until_the_id)
        if when == "within":
            monkeypatch.setattr(uploads, "close", crash)
        with pytest.raises(Crash):
            services.perform(run, sleep=dont_wait)
    the_worker_is_missed()

    services.perform(run, sleep=dont_wait)

    assert_uploaded_once(scenario, world)


def test_a_download_in_between_does_not_take_the_review_for_a_new_one(
    scenario: TwoOfEach, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PICSWeb refuses to save the ID: it is known all the same, and the review is not created a second time."""
    save_fields = picsweb.save_fields

    def refuse_the_id(kind: str, pk: str, old: Any, new: Any) -> bool:
        if "onefile_id" in new:
            raise picsweb.Rejected(kind, pk)
        return save_fields(kind, pk, old, new)

    monkeypatch.setattr(picsweb, "save_fields", refuse_the_id)
    assert "not_saved" in problems(sync(scenario.learner))
    assert problems(sync(scenario.learner)) == ["not_saved"]
    assert len(read(scenario).reviews) == 3
    monkeypatch.setattr(picsweb, "save_fields", save_fields)

    assert_uploaded_once(scenario, world)


class TestEveryOfficerCase:
    def test_an_officer_who_is_no_assessor_keeps_the_review_here(
        self, host: Host, scenario: TwoOfEach, world: World, onefile: SandboxServer
    ) -> None:
        type(scenario.upload).objects.filter(pk=scenario.upload.pk).update(
            **{
                field: value
                for field, value in host.translate("review", {"officer": host.officer()}).items()
                if field in ("officer", "tutor")
            }
        )

        assert problems(sync(scenario.learner)) == ["officer_not_linked"]
        assert uploaded(scenario, world) == []
        assert not UploadIntent.objects.exists()


class TestOneFileWithoutVisitIds:
    @pytest.fixture
    def switches(self) -> Switches:
        return Switches(rate_limit=0, nulls="empty", items="rich", create_answer="object")

    @pytest.mark.parametrize("operation", CREATES)
    def test_the_review_is_found_by_its_time(
        self, operation: str, scenario: TwoOfEach, world: World, onefile: SandboxServer
    ) -> None:
        onefile.faults.append(Fault(operation=operation, kind="reset", when="after"))
        sync(scenario.learner)
        for created in uploaded(scenario, world):
            world.reviews[created].wire = {"VisitID": ""}

        assert_uploaded_once(scenario, world, LEFT_OVER[operation])
