"""Open problems: which later outcomes of a learner settle a problem, and which do not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from onefile_sync import host as picsweb
from onefile_sync import services
from onefile_sync.messages.catalogue import explain
from onefile_sync.models import Difference, LearnerOutcome, Problem, SyncRun
from onefile_sync.reporting.attention import GATHERED, LASTING, NOT_HAD, TOLD_ONCE
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.sync.planning.safety_stop import NOT_COMPARED
from tests.conftest import dont_wait, preview, sync
from tests.factories import Host

pytestmark = pytest.mark.matrix

FIRST_NIGHT = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
A_DAY, AN_HOUR = timedelta(days=1), timedelta(hours=1)

LEARNER: dict[str, Any] = {"subject_kind": "learner", "subject_pk": "7", "subject_onefile_id": 501}
REVIEW: dict[str, Any] = {"subject_kind": "review", "subject_pk": "12", "subject_onefile_id": 9001}
ANOTHER_REVIEW: dict[str, Any] = {"subject_kind": "review", "subject_pk": "13", "subject_onefile_id": 9002}
AIM: dict[str, Any] = {"subject_kind": "qualification", "subject_pk": "12", "subject_onefile_id": 4001}
#: A record that could not be read is reported under its OneFile ID, without PICSWeb's row.
READING_THE_REVIEW: dict[str, Any] = {"subject_kind": "review", "subject_onefile_id": 9001}


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(FIRST_NIGHT, tick=False) as traveller:
        yield traveller


@pytest.fixture
def learner(host: Host) -> Any:
    return host.learner(onefile_id=501)


@pytest.fixture
def night(learner: Any, now: time_machine.Traveller) -> Any:
    """Create the learner's outcome in a run, with problems, each a day after the previous one."""

    def night(
        state: str,
        *problems: dict[str, Any],
        of: Any = learner,
        kind: str = "daily",
        without_reviews: bool = False,
    ) -> list[Problem]:
        run = SyncRun.objects.create(kind=kind, state="finished", without_reviews=without_reviews)
        outcome = LearnerOutcome.objects.create(
            run=run,
            learner_type=picsweb.learner_type(),
            learner_pk=str(of.pk),
            state=state,
            finished_at=timezone.now() + AN_HOUR,
        )
        now.shift(A_DAY)
        return [
            Problem.objects.create(outcome=outcome, **{"move": "yours", **problem}) for problem in problems
        ]

    return night


def still_open() -> list[Problem]:
    return list(services.open_problems().order_by("pk"))


def out_of_reach() -> list[Problem]:
    return list(Problem.objects.filter(pk__in=services.unsettled_problems().out_of_reach))


class TestManyLearners:
    """Most learners were fully compared last night, so older outcomes are read only where they may still count."""

    def test_each_outcome_counts_as_it_would_alone(self, night: Any, host: Host) -> None:
        people = [host.learner(onefile_id=600 + number) for number in range(50)]
        behind, last_failed, never_compared, not_read, *others = people
        reading_failed = {"code": next(iter(NOT_HAD)), **READING_THE_REVIEW}
        night("unchanged", of=last_failed, kind="refresh")
        night("attention", {"code": "bad_value", **REVIEW}, of=behind, kind="refresh")
        met = night("attention", {"code": "push_not_taken", **REVIEW}, of=behind, kind="refresh")
        met += night("failed", {"code": "interrupted", **LEARNER}, of=last_failed, kind="refresh")
        met += night("failed", {"code": "interrupted", **LEARNER}, of=never_compared, kind="refresh")
        met += night("attention", reading_failed, of=not_read, kind="refresh")
        for learner in others:
            night("attention", {"code": "bad_value", **REVIEW}, of=learner, kind="refresh")
        for learner in others:
            night("unchanged", of=learner, kind="refresh")
        assert still_open() == met

        met += night("attention", {"code": "bad_value", **AIM}, of=others[-1], kind="refresh")
        for learner in people[:4]:
            night("unchanged", of=learner, kind="refresh")
        assert still_open() == met[-1:]

    def test_outcomes_of_former_nights_are_left_in_the_database(self, night: Any, host: Host) -> None:
        people = [host.learner(onefile_id=600 + number) for number in range(20)]
        for _night in range(4):
            for learner in people:
                night("attention", {"code": "bad_value", **REVIEW}, of=learner, kind="refresh")
        with CaptureQueriesContext(connection) as captured:
            assert len(still_open()) == len(people)
        [outcomes] = [
            each["sql"] for each in captured if 'SELECT "onefile_sync_learneroutcome"."id"' in each["sql"]
        ]
        with connection.cursor() as cursor:
            cursor.execute(outcomes)
            assert len(cursor.fetchall()) < 2 * len(people), "eighty there are"


class TestWhatSettlesAProblem:
    @pytest.mark.parametrize("state", ["updated", "unchanged", "attention"])
    @pytest.mark.parametrize("about", [LEARNER, REVIEW, AIM], ids=["learner", "review", "aim"])
    @pytest.mark.parametrize("kind", ["daily", "refresh"])
    def test_a_comparison_that_took_place(
        self, night: Any, state: str, about: dict[str, Any], kind: str
    ) -> None:
        assert night("attention", {"code": "not_saved", **about}) == still_open()
        night(state, kind=kind)
        assert still_open() == []

    @pytest.mark.parametrize("state", ["failed", "skipped", "queued", "working", "aside"])
    def test_no_outcome_in_which_nothing_was_compared(self, night: Any, state: str) -> None:
        """OneFile was down; the run was cancelled, discarded or replaced; or it is still under way."""
        met = night("attention", {"code": "not_saved", **REVIEW}, {"code": "officer_unmatched", **LEARNER})
        night(state)
        assert still_open() == met

    @pytest.mark.parametrize("state", ["updated", "unchanged", "attention", "failed"])
    def test_no_preview_as_it_carries_nothing_out(self, night: Any, state: str) -> None:
        met = night("attention", {"code": "push_not_taken", **REVIEW})
        night(state, kind="preview")
        assert still_open() == met

    @pytest.mark.parametrize("code", NOT_COMPARED)
    def test_no_answer_that_onefile_does_not_know_the_learner(self, night: Any, code: str) -> None:
        """With another customer's token, OneFile knew none of the learners for a night."""
        met = night("attention", {"code": "bad_value", **REVIEW})
        unknown = night("attention", {"code": code, **LEARNER})
        assert still_open() == met + unknown
        night("unchanged")
        assert still_open() == []

    def test_no_comparison_of_another_learner(self, night: Any, host: Host) -> None:
        met = night("attention", {"code": "bad_value", **REVIEW})
        night("unchanged", of=host.learner(onefile_id=502), kind="refresh")
        assert still_open() == met

    def test_no_comparison_during_which_the_learner_was_edited(self, night: Any) -> None:
        """It was interrupted before everything was saved, so it does not show what could not be saved."""
        met = night("attention", {"code": "not_saved", **REVIEW}, {"code": "officer_unmatched", **LEARNER})
        gave_up = night("attention", {"code": "kept_changing", **LEARNER})
        assert still_open() == met + gave_up
        night("unchanged")
        assert still_open() == []

    def test_a_failure_is_settled_like_any_problem(self, night: Any) -> None:
        failed = night("failed", {"code": "unreachable", **LEARNER})
        assert still_open() == failed
        night("attention", {"code": "timed_out", **READING_THE_REVIEW})
        assert [problem.code for problem in still_open()] == ["timed_out"]


class TestWhatCouldNotBeReadTonight:
    @pytest.mark.parametrize("code", ["timed_out", "server_error", "forbidden", "refused", "bad_answer"])
    def test_keeps_the_older_problem_of_that_record(self, night: Any, code: str) -> None:
        of_review, of_another, of_aim = night(
            "attention",
            {"code": "bad_value", **REVIEW},
            {"code": "bad_value", **ANOTHER_REVIEW},
            {"code": "bad_value", **AIM},
        )
        not_read = night("attention", {"code": code, **READING_THE_REVIEW})
        assert still_open() == [of_review, *not_read]
        assert of_another not in still_open()
        assert of_aim not in still_open(), "it has another record's primary key by chance"

    def test_keeps_it_by_the_primary_key_too(self, night: Any) -> None:
        """A review that is not in OneFile yet has no OneFile ID."""
        not_uploaded = {**REVIEW, "subject_onefile_id": None}
        met = night("attention", {"code": "officer_not_linked", **not_uploaded})
        tried = night("attention", {"code": "refused", **not_uploaded})
        assert still_open() == met + tried

    def test_keeps_what_was_gathered_from_all_reviews(self, night: Any) -> None:
        gathered, other = night(
            "attention", *({"code": code, **LEARNER} for code in ("officer_unmatched", "learner_gone"))
        )
        not_read = night("attention", {"code": "timed_out", **READING_THE_REVIEW})
        assert still_open() == [gathered, *not_read]
        assert other not in still_open()

    @pytest.mark.parametrize("code", ["server_error", "unreadable_items"])
    def test_keeps_everything_of_the_records_where_a_list_is_missing(self, night: Any, code: str) -> None:
        met = night("attention", {"code": "bad_value", **REVIEW}, {"code": "aim_gone", **AIM})
        no_list = night("attention", {"code": code, **LEARNER})
        assert still_open() == met + no_list
        night("unchanged")
        assert still_open() == []

    def test_is_settled_by_the_first_comparison_in_which_it_is_read(self, night: Any) -> None:
        night("attention", {"code": "bad_value", **REVIEW})
        night("attention", {"code": "timed_out", **READING_THE_REVIEW})
        night("updated")
        night("failed")
        assert still_open() == []


class TestANightWithoutReviews:
    """Downloads of reviews were switched off, so reviews were not compared."""

    @pytest.mark.parametrize("state", ["unchanged", "updated", "attention"])
    def test_keeps_the_problems_of_reviews_and_settles_the_others(self, night: Any, state: str) -> None:
        of_review, gathered, _of_aim, _of_learner = night(
            "attention",
            {"code": "review_gone", **REVIEW},
            {"code": "officer_unmatched", **LEARNER},
            {"code": "aim_gone", **AIM},
            {"code": "learner_duplicate", **LEARNER},
        )
        met = [{"code": "elements_above_total", **AIM}] if state == "attention" else []
        new = night(state, *met, without_reviews=True)
        assert still_open() == [of_review, gathered, *new]
        night("unchanged", without_reviews=True)
        assert still_open() == [of_review, gathered]
        night("unchanged")
        assert still_open() == []

    def test_settles_what_was_said_of_an_upload(self, night: Any) -> None:
        """Uploads were still switched on and would have found the problem again."""
        night("attention", {"code": "no_officer", **REVIEW}, {"code": "refused", **REVIEW})
        night("unchanged", without_reviews=True)
        assert still_open() == []

    def test_counts_for_no_other_learner(self, night: Any, host: Host) -> None:
        other = host.learner(onefile_id=502)
        met = night("attention", {"code": "review_gone", **REVIEW})
        night("attention", {"code": "aim_gone", **AIM}, of=other)
        night("unchanged", without_reviews=True, kind="refresh")
        night("unchanged", of=other, kind="refresh")
        assert still_open() + out_of_reach() == met


class TestEachIsShownOnce:
    @pytest.mark.parametrize(
        ("state", "problem"),
        [
            ("failed", {"code": "unreachable", **LEARNER}),
            ("attention", {"code": "timed_out", **READING_THE_REVIEW}),
            ("attention", {"code": "learner_gone", **LEARNER}),
            ("attention", {"code": "officer_unmatched", **LEARNER, "details": {"assessor": 7, "reviews": 2}}),
        ],
        ids=lambda each: each["code"] if isinstance(each, dict) else each,
    )
    def test_when_it_is_found_in_many_nights(self, night: Any, state: str, problem: dict[str, Any]) -> None:
        for _night in range(3):
            (last,) = night(state, problem)
        assert still_open() == [last]

    def test_and_does_not_hide_another_of_its_kind(self, night: Any) -> None:
        about = {"code": "officer_unmatched", **LEARNER}
        one, other = night(
            "attention", *({**about, "details": {"assessor": assessor, "reviews": 1}} for assessor in (1, 2))
        )
        again, _not_read = night(
            "attention",
            {**about, "details": {"assessor": 1, "reviews": 1}},
            {"code": "timed_out", **READING_THE_REVIEW},
        )
        assert other in still_open()
        assert again in still_open()
        assert one not in still_open()

    def test_also_where_the_assessor_got_a_name_since(self, night: Any) -> None:
        about = {"code": "officer_unmatched", **LEARNER}
        night("attention", {**about, "details": {"assessor": 1, "reviews": 1}})
        named, not_read = night(
            "attention",
            {**about, "details": {"assessor": 1, "reviews": 1, "assessor_name": "Gwen Price"}},
            {"code": "timed_out", **READING_THE_REVIEW},
        )
        assert still_open() == [named, not_read]

    def test_a_visit_left_over_stays_until_its_run_is_deleted(self, night: Any) -> None:
        """It is reported once, and no comparison can see whether it still exists."""
        visits = night(
            "attention",
            {"code": "visit_left_over", **REVIEW, "details": {"when": "01/07/2026 10:00"}},
            {"code": "visit_left_over", **REVIEW, "details": {"when": "02/07/2026 10:00"}},
        )
        night("unchanged")
        assert still_open() == visits


class TestADifferenceThatIsSaidOnce:
    """A value that a side stores differently is reported once, so no later comparison can report that it is settled."""

    @pytest.mark.parametrize(
        ("code", "side", "details"),
        [
            ("kept_differently", "picsweb", {"field": "registration_number", "value": "R 1", "kept": "R1"}),
            (
                "kept_differently_there",
                "onefile",
                {"field": "registration_number", "value": "R", "kept": "r"},
            ),
            ("review_hidden", "picsweb", {}),
        ],
    )
    def test_stands_until_there_is_none(
        self, night: Any, learner: Any, code: str, side: str, details: dict[str, str]
    ) -> None:
        difference = Difference.objects.create(
            learner_type=picsweb.learner_type(),
            learner_pk=str(learner.pk),
            side=side,
            subject_kind="review",
            subject_pk="12",
            field=details.get("field", code),
        )
        said = night("attention", {"code": code, **REVIEW, "details": details})
        night("unchanged")
        assert still_open() == said
        again = night("attention", {"code": code, **REVIEW, "details": {**details, "value": "another"}})
        assert still_open() == again
        difference.delete()
        assert still_open() == []


class TestALearnerWhoLeft:
    """The learner left the scope of the daily sync, was unlinked, or was deleted without Django."""

    def test_is_kept_apart_from_the_next_daily_sync_on(self, night: Any, host: Host) -> None:
        met = night("attention", {"code": "bad_value", **REVIEW})
        assert not out_of_reach()
        night("unchanged", of=host.learner(onefile_id=502))
        assert still_open() == []
        assert out_of_reach() == met

    def test_does_not_leave_the_scope_by_a_failed_or_empty_run(self, night: Any) -> None:
        met = night("attention", {"code": "bad_value", **REVIEW})
        night("failed")
        SyncRun.objects.create(kind="daily", state="finished")
        assert still_open() == met

    def test_is_listed_until_the_next_daily_sync_if_refreshed_since(self, night: Any, host: Host) -> None:
        night("unchanged", of=host.learner(onefile_id=502))
        met = night("attention", {"code": "bad_value", **REVIEW}, kind="refresh")
        assert still_open() == met

    def test_can_still_be_settled_by_hand(self, night: Any, host: Host) -> None:
        night("attention", {"code": "bad_value", **REVIEW})
        night("unchanged", of=host.learner(onefile_id=502))
        night("unchanged", kind="refresh")
        assert not out_of_reach()

    def test_leaves_nothing_behind_once_deleted(self, night: Any, learner: Any) -> None:
        night("attention", {"code": "bad_value", **REVIEW})
        learner.delete()
        assert not Problem.objects.exists()


class TestInRealRuns:
    """With a OneFile that answers or does not answer."""

    @pytest.fixture
    def linked_review(self, host: Host, world: World) -> Any:
        """A learner with a review by an assessor to whom no officer is linked."""
        person = world.add_learner()
        record = world.add_review(person.id, assessor_id=world.add_assessor().id)
        learner = host.learner(onefile_id=person.id)
        host.review(learner, onefile_id=record.id)
        return learner

    def test_a_night_with_onefile_down_settles_nothing(
        self, linked_review: Any, onefile: SandboxServer
    ) -> None:
        services.perform(services.start_daily(), sleep=dont_wait)
        assert [problem.code for problem in still_open()] == ["officer_unmatched"]

        onefile.faults.append(Fault(operation="*", kind="status", status=503, times=1000))
        services.perform(services.start_daily(), sleep=dont_wait)

        assert "officer_unmatched" in [problem.code for problem in still_open()]
        onefile.faults.clear()
        services.perform(services.start_daily(), sleep=dont_wait)
        assert [problem.code for problem in still_open()] == ["officer_unmatched"]

    def test_a_review_that_is_not_readable_tonight_keeps_its_problem(
        self, linked_review: Any, onefile: SandboxServer
    ) -> None:
        sync(linked_review)
        assert [problem.code for problem in still_open()] == ["officer_unmatched"]

        onefile.faults.append(Fault(operation="Review/get", kind="status", status=504, times=1000))
        sync(linked_review)

        assert sorted(problem.code for problem in still_open()) == ["officer_unmatched", "server_error"]
        onefile.faults.clear()
        preview(linked_review)
        assert len(still_open()) == 2
        sync(linked_review)
        assert [problem.code for problem in still_open()] == ["officer_unmatched"]

    def test_a_night_with_downloads_switched_off_settles_nothing_of_reviews(
        self, linked_review: Any, world: World, onefile: SandboxServer, configure: Any
    ) -> None:
        services.perform(services.start_daily(), sleep=dont_wait)
        configure(download_reviews=False)

        services.perform(services.start_daily(), sleep=dont_wait)
        assert [problem.code for problem in still_open()] == ["officer_unmatched"]
        sync(linked_review)
        assert [problem.code for problem in still_open()] == ["officer_unmatched"]

        next(iter(world.reviews.values())).assessor_id = None
        configure(download_reviews=True)
        services.perform(services.start_daily(), sleep=dont_wait)
        assert still_open() == []


def test_every_code_named_is_one_that_is_reported() -> None:
    assert all(explain(code).code == code for code in (*GATHERED, *NOT_HAD, *TOLD_ONCE, *LASTING))
