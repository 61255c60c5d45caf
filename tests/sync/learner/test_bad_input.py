"""OneFile sends one wrong value: it becomes a recorded problem, and everything else is synchronised."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

from onefile_sync import host as picsweb
from onefile_sync import services
from onefile_sync.host.snapshot import Attendance
from onefile_sync.messages.catalogue import explain
from onefile_sync.models import LearnerOutcome, OutcomeState, RunKind
from onefile_sync.onefile.client import OneFile
from onefile_sync.sandbox.entities import ABSENT
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from onefile_sync.sync.learner import exchange
from onefile_sync.sync.runs import lifecycle
from tests.conftest import dont_wait, problems, sync
from tests.factories import Host
from tests.matrix import first_of_each
from tests.scenarios.two_of_each import (
    AUTUMN,
    SPRING,
    SUMMER,
    TwoOfEach,
    assert_linked_once,
    build_two_of_each,
    ending,
    let_doubts_pass,
    qualification_of,
    read,
    review_of,
)

pytestmark = pytest.mark.matrix

#: As often as anybody will ask.
ALWAYS = 1000


@pytest.fixture
def scenario(host: Host, world: World) -> TwoOfEach:
    return build_two_of_each(host, world)


def moves(outcome: LearnerOutcome) -> set[tuple[str, str]]:
    """The code of each problem and who has to act; the row says what the catalogue says."""
    found = set(outcome.problems.values_list("code", "move"))
    assert all(explain(code).move == move for code, move in found)
    return found


def assert_goes_on_to(
    without_trouble: tuple[list[str], list[str]], scenario: TwoOfEach, world: World
) -> None:
    """Once the fault is gone, one refresh leads to where no fault would have led, and another changes nothing.

    Only of a visit whose answer was lost a person must be told: OneFile cannot be asked for visits.
    """
    let_doubts_pass()
    recovered = sync(scenario.learner)
    assert set(problems(recovered)) <= {"visit_left_over"}
    assert ending(scenario, world) == without_trouble
    assert_linked_once(scenario, world)
    writes = world.writes
    assert sync(scenario.learner).state == OutcomeState.UNCHANGED
    assert world.writes == writes


def assert_qualification_went_on(scenario: TwoOfEach, aim: Any) -> None:
    row = qualification_of(scenario, aim)
    assert (row.values["total_elements"], row.values["elements_done"], row.values["registration_date"]) == (
        20,
        7,
        SUMMER,
    )
    assert aim.registration_number == row.values["registration_number"]


def assert_reviews_went_on(scenario: TwoOfEach, world: World) -> None:
    assert review_of(scenario, scenario.held).attended is Attendance.YES
    assert review_of(scenario, scenario.new).actual_date == SPRING
    assert_linked_once(scenario, world)


HUGE = 10**30
MOVES = {
    "unreadable_items": "ours",
    "bad_value": "ours",
    "foreign_review": "ours",
    "foreign_aim": "yours",
    "cannot_hold": "yours",
    "elements_above_total": "yours",
    "officer_unmatched": "yours",
}


def named(value: object) -> str:
    return "absent" if value is ABSENT else repr(value)[:30]


def asked_for_alone(name: str) -> set[tuple[str, str]]:
    """A linked record that the list seems to leave out is read by its ID, and answers as badly."""
    return {("bad_answer", "wait")} if name == "ID" else set()


BAD_AIMS = [
    ("ID", ABSENT, "unreadable_items"),
    ("ID", "a learning aim", "unreadable_items"),
    ("ID", -4, "unreadable_items"),
    ("ID", [4], "unreadable_items"),
    ("UserID", 99, "foreign_aim"),
    ("UserID", {"ID": 99}, "bad_value"),
    ("RegistrationDate", "31/13/2026", "bad_value"),
    ("RegistrationDate", 20260701, "bad_value"),
    ("RegistrationDate", "2026-02-30T00:00:00Z", "bad_value"),
    ("RegistrationNumber", ["OF-1"], "bad_value"),
    ("RegistrationNumber", "OF\u0000", "bad_value"),
    ("RegistrationNumber", "9" * 300, "cannot_hold"),
    ("CertificateReceivedDate", True, "bad_value"),
    ("TotalElements", "twenty", "bad_value"),
    ("TotalElements", -20, "bad_value"),
    ("TotalElements", HUGE, "bad_value"),
    ("TotalElements", 20.5, "bad_value"),
    ("ElementsDone", "7 of 20", "bad_value"),
    ("ElementsDone", 21, "elements_above_total"),
]


@pytest.mark.parametrize("switches", [Switches(rate_limit=0, items="rich")], ids=["rich"])
@pytest.mark.parametrize(("name", "value", "code"), first_of_each(BAD_AIMS, 0, 2), ids=named)
def test_a_bad_learning_aim_is_reported_and_the_rest_goes_on(
    name: str,
    value: object,
    code: str,
    scenario: TwoOfEach,
    world: World,
    onefile: SandboxServer,
    without_trouble: tuple[list[str], list[str]],
) -> None:
    scenario.aim.wire = {name: value}

    outcome = sync(scenario.learner)

    # A value that goes both ways is sent back as it came, lest an update lose it; where OneFile does not take that, the
    # update goes without it.
    refused = {("unreadable_left_out", "yours")} if name.endswith("Date") else set()
    assert moves(outcome) - refused == {(code, MOVES[code])} | asked_for_alone(name)
    assert outcome.state == OutcomeState.ATTENTION
    assert_qualification_went_on(scenario, scenario.other_aim)
    assert_reviews_went_on(scenario, world)
    struck = qualification_of(scenario, scenario.aim)
    assert struck.values["registration_number"] == "PICS-1"  # nothing is blanked
    assert struck.values["total_elements"] in (18, 20)
    assert struck.values["elements_done"] in (5, 7)
    assert struck.values["registration_date"] in (None, SUMMER)

    scenario.aim.wire = {}
    assert_goes_on_to(without_trouble, scenario, world)


BAD_REVIEWS = [
    ("ID", ABSENT, "unreadable_items"),
    ("ID", "first", "unreadable_items"),
    ("ID", HUGE, "unreadable_items"),
    ("LearnerID", 99, "foreign_review"),
    ("LearnerID", "somebody", "foreign_review"),
    ("ScheduledFor", "soon", "bad_value"),
    ("ScheduledFor", 1782896400, "bad_value"),
    ("ScheduledFor", "2026-07-01T25:00:00Z", "bad_value"),
    ("StartedOn", "yesterday", "bad_value"),
    ("StartedOn", False, "bad_value"),
    ("LearnerSignedOn", 7, "bad_value"),
    ("LearnerSignedOn", "0000-00-00", "bad_value"),
    ("AssessorID", "gwen", "bad_value"),
    ("AssessorID", -1, "bad_value"),
    ("AssessorID", 99, "officer_unmatched"),
    ("VisitID", "none", None),
]


@pytest.mark.parametrize("struck", ["held", "new"])
@pytest.mark.parametrize(("name", "value", "code"), first_of_each(BAD_REVIEWS, 0, 2), ids=named)
def test_a_bad_review_is_reported_and_the_rest_goes_on(
    name: str,
    value: object,
    code: str | None,
    struck: str,
    scenario: TwoOfEach,
    world: World,
    onefile: SandboxServer,
    without_trouble: tuple[list[str], list[str]],
) -> None:
    record = getattr(scenario, struck)
    record.wire = {name: value}

    outcome = sync(scenario.learner)

    alone = asked_for_alone(name) if struck == "held" else set()
    assert moves(outcome) == ({(code, MOVES[code])} if code else set()) | alone
    assert_qualification_went_on(scenario, scenario.aim)
    assert_qualification_went_on(scenario, scenario.other_aim)
    sound = scenario.new if struck == "held" else scenario.held
    assert review_of(scenario, sound).attended is Attendance.YES
    held = review_of(scenario, scenario.held)
    assert held.proposed_date in (SPRING, SUMMER)
    assert held.attended in (Attendance.UNKNOWN, Attendance.YES)
    assert world.reviews[_uploaded(scenario)].visit_id in world.visits

    record.wire = {}
    assert_goes_on_to(without_trouble, scenario, world)


def _uploaded(scenario: TwoOfEach) -> int:
    review = next(row for row in read(scenario).reviews if row.pk == str(scenario.upload.pk))
    assert review.onefile_id is not None
    return review.onefile_id


class TestHarmlessOddities:
    @pytest.fixture
    def switches(self) -> Switches:
        return Switches(rate_limit=0, items="rich")

    def test_a_number_as_text_and_null_for_nothing_are_read_for_what_they_mean(
        self,
        scenario: TwoOfEach,
        world: World,
        onefile: SandboxServer,
        without_trouble: tuple[list[str], list[str]],
    ) -> None:
        scenario.aim.wire = {
            "ID": f" {scenario.aim.id} ",
            "UserID": str(scenario.onefile_id),
            "TotalElements": "20",
            "ElementsDone": 7.0,
            "CertificateReceivedDate": None,
        }
        scenario.held.wire = {
            "AssessorID": str(scenario.held.assessor_id),
            "VisitID": None,
            "StartedOn": "2026-07-01",
        }

        assert problems(sync(scenario.learner)) == []

        scenario.aim.wire, scenario.held.wire = {}, {}
        assert ending(scenario, world) == without_trouble


ANSWERS: dict[str, dict[str, Any]] = {
    "html": {"kind": "html"},
    "broken json": {"kind": "broken_json", "when": "after"},
    "wrong type": {"kind": "wrong_type", "when": "after"},
    "cut short": {"kind": "truncated", "when": "after"},
    "a number": {"kind": "status", "status": 200, "body": b"-17"},
    "a text": {"kind": "status", "status": 200, "body": b'"Thank you"'},
    "server error": {"kind": "status", "status": 500, "body": b"<html>"},
    "no id": {"kind": "status", "status": 200, "body": b'[{"Name":"x"}]'},
}
OPERATIONS = (
    "User/get",
    "LearningAim/Search",
    "LearningAim/get",
    "LearningAim/update",
    "Review/Search",
    "Review/get",
    "Visit/create",
    "Review/create",
)
#: What is told, by operation; ``None``: nobody needs to be told anything, as the update is read back.
ABOUT = {
    "User/get": {"bad", "centre_unknown"},
    "Visit/create": {"bad", "upload_unsure"},
    "Review/create": {"bad", "upload_unsure"},
}


@pytest.mark.parametrize("host", ["picsweb"], indirect=True)
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("answer", ANSWERS)
def test_an_operation_that_answers_nonsense_spoils_nothing_else(
    operation: str,
    answer: str,
    scenario: TwoOfEach,
    world: World,
    onefile: SandboxServer,
    without_trouble: tuple[list[str], list[str]],
) -> None:
    onefile.faults.append(Fault(operation=operation, times=ALWAYS, **ANSWERS[answer]))

    outcome = sync(scenario.learner)

    codes = set(problems(outcome))
    assert outcome.state in (OutcomeState.ATTENTION, OutcomeState.UPDATED)
    if operation == "LearningAim/update":
        # An update's answer does not matter unless it is a page of HTML: what counts is what is read afterwards.
        assert codes <= {"bad_answer", "push_not_taken", "cut_off", "server_error"}
    elif answer == "no id" and operation.endswith("Search"):
        assert codes == {"unreadable_items"}
    else:
        told = ABOUT.get(operation, {"bad"})
        bad = codes & {"bad_answer", "cut_off", "server_error"}
        assert len(bad) == 1
        assert codes - bad == told - {"bad"}
    assert moves(outcome) <= {
        ("bad_answer", "wait"),
        ("cut_off", "wait"),
        ("server_error", "wait"),
        ("unreadable_items", "ours"),
        ("push_not_taken", "ours"),
        ("centre_unknown", "ours"),
        ("upload_unsure", "wait"),
    }
    if not operation.startswith("LearningAim"):
        assert_qualification_went_on(scenario, scenario.aim)
        assert_qualification_went_on(scenario, scenario.other_aim)
    if not operation.startswith("Review"):
        assert review_of(scenario, scenario.held).attended is Attendance.YES
        assert review_of(scenario, scenario.new).actual_date == SPRING
    assert {row.values["registration_number"] for row in read(scenario).qualifications} == {
        "PICS-1",
        "PICS-2",
    }
    assert review_of(scenario, scenario.held).proposed_date in (SPRING, SUMMER)

    onefile.faults.clear()
    assert_goes_on_to(without_trouble, scenario, world)


@pytest.mark.parametrize("operation", ["LearningAim/Search", "Review/Search"])
def test_a_listing_that_is_null_deletes_and_blanks_nothing(
    operation: str, scenario: TwoOfEach, world: World, onefile: SandboxServer, without_trouble: Any
) -> None:
    onefile.faults.append(Fault(operation=operation, kind="status", status=200, body=b"null", times=ALWAYS))

    outcome = sync(scenario.learner)

    assert moves(outcome) == set()
    onefile.faults.clear()
    assert_goes_on_to(without_trouble, scenario, world)


@pytest.mark.parametrize("unknown_id", [404, 400])
class TestDeletedInOneFile:
    @pytest.fixture
    def switches(self, unknown_id: int) -> Switches:
        return Switches(rate_limit=0, unknown_id=unknown_id)  # type: ignore[arg-type]

    def test_a_learning_aim(self, scenario: TwoOfEach, world: World, onefile: SandboxServer) -> None:
        del world.aims[scenario.aim.id]

        outcome = sync(scenario.learner)

        assert moves(outcome) == {("aim_gone", "yours")}
        assert qualification_of(scenario, scenario.aim).values["registration_number"] == "PICS-1"
        assert_qualification_went_on(scenario, scenario.other_aim)
        assert_reviews_went_on(scenario, world)

    def test_a_learning_aim_between_being_listed_and_being_read(
        self, scenario: TwoOfEach, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        after(monkeypatch, OneFile, "learning_aims", lambda: world.aims.pop(scenario.aim.id, None))

        assert moves(sync(scenario.learner)) == {("aim_gone", "yours")}

    def test_a_learning_aim_between_being_read_and_being_filled(
        self, scenario: TwoOfEach, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        after(monkeypatch, OneFile, "reviews", lambda: world.aims.pop(scenario.aim.id, None))

        outcome = sync(scenario.learner)

        assert moves(outcome) == {("not_found", "yours")}
        assert_qualification_went_on(scenario, scenario.other_aim)
        assert_reviews_went_on(scenario, world)

    @pytest.mark.parametrize("centre_known", [True, False])
    def test_the_learner(
        self, centre_known: bool, scenario: TwoOfEach, world: World, onefile: SandboxServer
    ) -> None:
        before = delete_learner(scenario, world, centre_known=centre_known)

        outcome = sync(scenario.learner)

        assert moves(outcome) == {("learner_gone", "yours")}
        assert outcome.state == OutcomeState.ATTENTION
        assert read(scenario) == before
        assert world.writes == 0

    def test_the_learner_where_even_the_searches_do_not_know_the_id(
        self, unknown_id: int, scenario: TwoOfEach, world: World, onefile: SandboxServer
    ) -> None:
        before = delete_learner(scenario, world, centre_known=True)
        for operation in ("LearningAim/Search", "Review/Search"):
            onefile.faults.append(Fault(operation=operation, kind="status", status=unknown_id, times=ALWAYS))

        outcome = sync(scenario.learner)

        assert moves(outcome) == {("learner_gone", "yours")}
        assert read(scenario) == before

    def test_nothing_is_called_deleted_while_it_is_not_known_whether_the_learner_is(
        self, scenario: TwoOfEach, world: World, onefile: SandboxServer
    ) -> None:
        delete_learner(scenario, world, centre_known=True)
        before = ending(scenario, world)
        onefile.faults.append(Fault(operation="User/get", kind="html", times=ALWAYS))

        outcome = sync(scenario.learner)

        assert moves(outcome) == {("bad_answer", "wait"), ("refused", "yours")}
        assert ending(scenario, world) == before
        assert world.writes == 0


def delete_learner(scenario: TwoOfEach, world: World, *, centre_known: bool) -> Any:
    if centre_known:
        type(scenario.learner).objects.update(onefile_centre_id=world.centre_id)
    del world.users[scenario.onefile_id]
    for aim in world.aims_of(scenario.onefile_id):
        del world.aims[aim.id]
    for record in world.reviews_of(scenario.onefile_id):
        del world.reviews[record.id]
    return read(scenario)


def after(monkeypatch: pytest.MonkeyPatch, where: Any, name: str, then: Callable[[], object]) -> None:
    """Let something happen each time right after a step."""
    step = getattr(where, name)

    def with_consequence(*args: Any, **values: Any) -> Any:
        result = step(*args, **values)
        then()
        return result

    monkeypatch.setattr(where, name, with_consequence)


def once(act: Callable[[], object]) -> Callable[[], object]:
    """Do it the first time only."""
    turns = iter([act])
    return lambda: next(turns, lambda: None)()


def test_a_user_who_is_not_a_learner(host: Host, world: World, onefile: SandboxServer) -> None:
    learner = host.learner(onefile_id=world.add_assessor().id)
    host.review(learner, proposed_date=AUTUMN, officer=host.officer(onefile_id=learner.onefile_id))

    outcome = sync(learner)

    assert moves(outcome) == {("not_a_learner", "yours")}
    assert world.writes == 0


class TestBeforeTheLearnersTurn:
    def test_the_learner_was_deleted_in_picsweb(
        self, scenario: TwoOfEach, world: World, onefile: SandboxServer
    ) -> None:
        run = services.refresh_now([scenario.learner])
        scenario.learner.delete()

        services.perform(run, sleep=dont_wait)

        assert not run.is_open
        assert not run.outcomes.exists()  # what we recorded about a learner goes with them
        assert world.writes == 0

    def test_the_learner_was_hidden_in_picsweb(
        self, scenario: TwoOfEach, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(picsweb, "learner_by_pk", lambda pk: None)

        outcome = sync(scenario.learner)

        assert moves(outcome) == {("learner_left", "yours")}
        assert outcome.state == OutcomeState.SKIPPED
        assert world.writes == 0

    def test_the_learner_lost_the_onefile_id(
        self, scenario: TwoOfEach, world: World, onefile: SandboxServer
    ) -> None:
        run = services.refresh_now([scenario.learner])
        type(scenario.learner).objects.update(onefile_id=None)

        services.perform(run, sleep=dont_wait)

        outcome = run.outcomes.get()
        assert moves(outcome) == {("learner_left", "yours")}
        assert (outcome.state, world.writes) == (OutcomeState.SKIPPED, 0)

    def test_two_learners_with_one_onefile_id_are_both_reported(
        self, scenario: TwoOfEach, host: Host, world: World, onefile: SandboxServer
    ) -> None:
        double = host.learner(onefile_id=scenario.onefile_id)
        before = read(scenario)
        run, _created = lifecycle.open_run(RunKind.DAILY, [scenario.learner, double])

        services.perform(run, sleep=dont_wait)

        assert run.outcomes.count() == 2
        for outcome in run.outcomes.all():
            assert moves(outcome) == {("learner_duplicate", "yours")}
        assert read(scenario) == before
        assert sum(onefile.calls.values()) == 0


class TestChangedInOneFileMeanwhile:
    def test_onefiles_value_entered_between_reading_and_filling_wins(
        self, scenario: TwoOfEach, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def assessor_enters_a_number() -> None:
            world.aims[scenario.aim.id].registration_number = "OF-9"

        after(monkeypatch, OneFile, "reviews", once(assessor_enters_a_number))

        outcome = sync(scenario.learner)

        assert problems(outcome) == []
        assert qualification_of(scenario, scenario.aim).values["registration_number"] == "OF-9"
        assert scenario.aim.registration_number == "OF-9"
        numbers = outcome.changes.filter(field="registration_number", subject_onefile_id=scenario.aim.id)
        assert list(numbers.values_list("side", "old", "new")) == [("picsweb", "PICS-1", "OF-9")]
        assert_qualification_went_on(scenario, scenario.other_aim)

    def test_a_value_that_onefile_drops_is_reported(
        self, scenario: TwoOfEach, world: World, onefile: SandboxServer, without_trouble: Any
    ) -> None:
        scenario.aim.wire = {"RegistrationNumber": ABSENT}

        outcome = sync(scenario.learner)

        assert moves(outcome) == {("push_not_taken", "ours")}
        assert qualification_of(scenario, scenario.aim).values["registration_number"] == "PICS-1"
        scenario.aim.wire, scenario.aim.registration_number = {}, ""
        assert_goes_on_to(without_trouble, scenario, world)

    def test_a_review_that_onefile_moves_as_it_takes_it_is_reported(
        self, scenario: TwoOfEach, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def onefile_moves_it() -> None:
            list(world.reviews_of(scenario.onefile_id))[-1].scheduled_for = datetime(2026, 11, 2).astimezone()

        after(monkeypatch, OneFile, "create_review", onefile_moves_it)

        assert moves(sync(scenario.learner)) == {("push_not_taken", "ours")}
        assert_linked_once(scenario, world)


def edit(row: Any, **values: Any) -> Callable[[], object]:
    """A clerk's edit, in the host's own field names."""
    return lambda: type(row).objects.filter(pk=row.pk).update(**values)


def host_fields(host: Host, part: str, **roles: Any) -> dict[str, Any]:
    return host.translate(part, roles)


class TestEditedInPicswebMeanwhile:
    def test_what_a_clerk_enters_between_reading_and_writing_is_kept_and_planned_with(
        self,
        host: Host,
        scenario: TwoOfEach,
        world: World,
        onefile: SandboxServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        entered = host_fields(
            host, "qualification", registration_date=SPRING, certificate_applied_date=SPRING
        )
        after(monkeypatch, OneFile, "reviews", once(edit(scenario.qualification, **entered)))

        outcome = sync(scenario.learner)

        assert problems(outcome) == []
        row = qualification_of(scenario, scenario.aim)
        assert (row.values["registration_date"], row.values["certificate_applied_date"]) == (SUMMER, SPRING)
        changed = outcome.changes.get(subject_pk=row.pk, side="picsweb", field="registration_date")
        assert (changed.old, changed.new) == ("14/04/2026", "01/07/2026")
        assert outcome.changes.filter(side="onefile", field="certificate_applied_date").count() == 1
        assert_reviews_went_on(scenario, world)

    def test_a_value_corrected_before_it_is_sent_is_sent_corrected(
        self,
        host: Host,
        scenario: TwoOfEach,
        world: World,
        onefile: SandboxServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        corrected = host_fields(host, "qualification", registration_number="PICS-9")
        after(monkeypatch, OneFile, "reviews", once(edit(scenario.qualification, **corrected)))

        assert problems(sync(scenario.learner)) == []
        assert scenario.aim.registration_number == "PICS-9"

    def test_a_qualification_relinked_before_its_value_is_sent_does_not_fill_the_wrong_aim(
        self,
        host: Host,
        scenario: TwoOfEach,
        world: World,
        onefile: SandboxServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        right = world.add_aim(scenario.onefile_id, progress=0.0)
        after(monkeypatch, OneFile, "reviews", once(edit(scenario.qualification, onefile_id=right.id)))

        sync(scenario.learner)

        assert scenario.aim.registration_number == ""
        assert right.registration_number == "PICS-1"

    def test_a_review_moved_before_its_upload_is_uploaded_where_it_was_moved_to(
        self,
        host: Host,
        scenario: TwoOfEach,
        world: World,
        onefile: SandboxServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        moved = host_fields(host, "review", proposed_date=date(2026, 11, 6))
        moved.pop("learner", None)
        after(monkeypatch, OneFile, "reviews", once(edit(scenario.upload, **moved)))

        assert problems(sync(scenario.learner)) == []
        assert world.reviews[_uploaded(scenario)].scheduled_for.date() == date(2026, 11, 6)
        assert_linked_once(scenario, world)

    def test_a_clerk_who_edits_on_and_on_is_given_way_to(
        self,
        host: Host,
        scenario: TwoOfEach,
        world: World,
        onefile: SandboxServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        numbers = iter(range(100, 200))

        def edit_again() -> None:
            edit(scenario.qualification, **host_fields(host, "qualification", elements_done=next(numbers)))()

        after(monkeypatch, OneFile, "reviews", edit_again)

        outcome = sync(scenario.learner)

        assert moves(outcome) == {("kept_changing", "wait")}
        assert qualification_of(scenario, scenario.aim).values["elements_done"] == 102
        assert_qualification_went_on(scenario, scenario.other_aim)
        assert_reviews_went_on(scenario, world)

    def test_a_problem_found_in_every_round_is_reported_once(
        self,
        host: Host,
        scenario: TwoOfEach,
        world: World,
        onefile: SandboxServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        scenario.other_aim.wire = {"RegistrationNumber": ABSENT}
        numbers = iter(range(100, 200))

        def edit_again() -> None:
            edit(scenario.qualification, **host_fields(host, "qualification", elements_done=next(numbers)))()

        after(monkeypatch, OneFile, "reviews", edit_again)

        assert sorted(problems(sync(scenario.learner))) == ["kept_changing", "push_not_taken"]

    def test_the_learner_was_deleted_while_being_read(
        self, scenario: TwoOfEach, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = services.refresh_now([scenario.learner])
        deletion = once(lambda: type(scenario.learner).objects.filter(pk=scenario.learner.pk).delete())
        after(monkeypatch, OneFile, "reviews", deletion)

        services.perform(run, sleep=dont_wait)

        assert not run.is_open
        assert world.writes == 0

    def test_the_learner_lost_the_onefile_id_while_being_read(
        self, scenario: TwoOfEach, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unlink() -> None:
            edit(scenario.learner, onefile_id=None)()
            edit(scenario.qualification, onefile_id=None)()
            edit(scenario.other_qualification, onefile_id=None)()
            edit(scenario.upload, onefile_id=1)()

        after(monkeypatch, OneFile, "reviews", once(unlink))

        outcome = sync(scenario.learner)

        assert moves(outcome) == {("learner_left", "yours")}
        assert world.writes == 0


@pytest.mark.parametrize("switches", [Switches(rate_limit=0, items="rich")], ids=["rich"])
def test_a_value_that_onefile_took_is_on_record_even_if_it_cannot_be_read_again(
    scenario: TwoOfEach, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreadable = Fault(operation="LearningAim/get", kind="html", times=ALWAYS)
    after(monkeypatch, OneFile, "update_learning_aim", once(lambda: onefile.faults.append(unreadable)))

    outcome = sync(scenario.learner)

    assert moves(outcome) == {("bad_answer", "wait")}
    taken = {
        (aim.id, aim.registration_number)
        for aim in (scenario.aim, scenario.other_aim)
        if aim.registration_number
    }
    sent = outcome.changes.filter(side="onefile", field="registration_number")
    assert len(taken) == 1
    assert set(sent.values_list("subject_onefile_id", "new")) == taken


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_would_meet_every_learner_ends_the_run_and_what_was_done_stays(
    operation: str, scenario: TwoOfEach, world: World, onefile: SandboxServer, without_trouble: Any
) -> None:
    onefile.faults.append(Fault(operation=operation, kind="status", status=401, times=ALWAYS))

    outcome = sync(scenario.learner)

    assert outcome.state == OutcomeState.FAILED
    assert moves(outcome) == {("session_refused", "ours")}
    onefile.faults.clear()
    assert_goes_on_to(without_trouble, scenario, world)


def test_an_internal_error_stops_one_learner_and_reveals_no_values(
    scenario: TwoOfEach,
    onefile: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("Siân O'Connor")

    monkeypatch.setattr(exchange, "make_plan", fail)

    outcome = sync(scenario.learner)

    assert outcome.state == OutcomeState.FAILED
    assert moves(outcome) == {("stopped", "ours")}
    assert "RuntimeError" in caplog.text
    assert "Siân" not in caplog.text
