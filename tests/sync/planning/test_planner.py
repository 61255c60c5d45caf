"""Plans for a whole learner: several rows, duplicates, uploads that were cut off, values that do not fit."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

import pytest

from onefile_sync.host.snapshot import Attendance, Officers
from onefile_sync.sync.planning.types import FoundProblem, OpenUpload, Policy, Subject

from .rows_and_records import (
    AIM,
    CENTRE,
    GWEN,
    LEARNER,
    REVIEW,
    SPRING,
    SUMMER,
    SUMMER_AT_TEN,
    TEN,
    aim,
    by_rule,
    learner,
    new_review,
    onefile,
    plan,
    problems,
    qualification,
    record,
    review,
    told,
)

VISIT = 701


def test_an_up_to_date_learner_has_an_empty_plan() -> None:
    made = plan(
        learner(
            qualification(total_elements=9, elements_done=4, registration_number="A1"),
            review(proposed_date=SUMMER, proposed_time=TEN, attended=Attendance.UNKNOWN, officer="gwen"),
        ),
        onefile(
            aim(total_elements=9, elements_done=4, registration_number="A1"),
            record(scheduled_for=SUMMER_AT_TEN, assessor_id=GWEN),
        ),
    )

    assert list(made.changes()) == []
    assert made.problems == ()


def test_a_qualification_without_a_onefile_id_is_left_alone() -> None:
    made = plan(learner(qualification(onefile_id=None, registration_number="A1")), onefile(aim()))

    assert list(made.changes()) == []
    assert made.problems == ()


def test_two_qualifications_with_one_onefile_id_are_both_left_alone() -> None:
    made = plan(learner(qualification(), qualification(pk="q2")), onefile(aim(registration_number="A1")))

    assert list(made.changes()) == []
    assert problems(made) == ["qualification_duplicate", "qualification_duplicate"]


def test_two_reviews_with_one_onefile_id_are_both_left_alone_and_none_is_created() -> None:
    made = plan(learner(review(), review(pk="r2")), onefile(record(started_on=SUMMER)))

    assert list(made.changes()) == []
    assert problems(made) == ["review_duplicate", "review_duplicate"]


def test_a_learning_aim_of_another_learner_is_not_used() -> None:
    made = plan(learner(qualification()), onefile(aim(learner_id=LEARNER + 1, registration_number="A1")))

    assert list(made.changes()) == []
    assert problems(made) == ["foreign_aim"]


@pytest.mark.parametrize("complete", [True, False])
def test_what_was_not_listed_is_not_taken_for_deleted(complete: bool) -> None:
    made = plan(learner(qualification(), review()), onefile(reviews_complete=complete))

    assert made.problems == ()


@pytest.mark.parametrize("complete", [True, False])
def test_a_record_that_onefile_does_not_find_is_reported(complete: bool) -> None:
    gone = {"gone_aims": frozenset({AIM}), "gone_reviews": frozenset({REVIEW})}
    made = plan(learner(qualification(), review()), onefile(reviews_complete=complete, **gone))

    assert problems(made) == ["aim_gone", "review_gone"]


def test_what_went_wrong_while_reading_is_in_the_plan() -> None:
    trouble = FoundProblem("server_error", Subject("qualification", "", AIM))

    assert plan(learner(), onefile(problems=(trouble,))).problems == (trouble,)


def test_an_unlinked_assessor_is_reported_once_with_the_number_of_reviews() -> None:
    made = plan(learner(), onefile(record(id=1, assessor_id=99), record(id=2, assessor_id=99)))

    assert [(problem.code, dict(problem.details)) for problem in made.problems] == [
        ("officer_unmatched", {"assessor": 99, "reviews": 2})
    ]


def test_an_assessor_linked_to_two_officers_is_reported_and_the_officer_left() -> None:
    officers = Officers(ambiguous=frozenset({GWEN}))
    made = plan(learner(review(officer="tom")), onefile(record(assessor_id=GWEN)), officers=officers)

    assert by_rule(made, "review_officer") == []
    assert problems(made) == ["officer_ambiguous"]


@pytest.mark.parametrize(
    ("field", "row", "seen"),
    [
        ("registration_number", qualification(), aim(registration_number="x" * 99)),
        ("total_elements", qualification(), aim(total_elements=10**12)),
        ("trainee_signed_date", review(), record(learner_signed_on=SUMMER)),
        ("actual_date", review(), record(started_on=SUMMER)),
    ],
)
def test_a_value_picsweb_cannot_hold_is_reported_and_the_rest_goes_on(
    field: str, row: Any, seen: Any
) -> None:
    made = plan(
        learner(row, qualification(pk="q9", onefile_id=AIM + 1)),
        onefile(seen, aim(id=AIM + 1, registration_number="B2")),
        **{field: False},
    )

    assert field not in {change.field for change in made.changes() if change.subject.pk != "q9"}
    assert "cannot_hold" in problems(made)


def test_a_value_that_does_not_fit_leaves_other_qualifications_alone() -> None:
    made = plan(
        learner(qualification(), qualification(pk="q9", onefile_id=AIM + 1)),
        onefile(aim(registration_date=SPRING), aim(id=AIM + 1, certificate_applied_date=SPRING)),
        registration_date=False,
    )

    assert [(change.subject.pk, change.field) for change in made.changes()] == [
        ("q9", "certificate_applied_date")
    ]


def test_an_uploaded_review_becomes_what_the_next_download_would_make_of_it() -> None:
    row = learner(
        new_review(officer=None, officer_onefile_id=None), main_officer="tom", main_officer_onefile_id=72
    )
    (upload,) = plan(row, onefile()).uploads

    assert upload.assessor_id == 72
    assert told(upload.write.changes) == {
        ("picsweb", "onefile_id", None, None),
        ("picsweb", "attended", Attendance.BLANK, Attendance.UNKNOWN),
        ("picsweb", "officer", None, "tom"),
    }
    after = review(proposed_date=SUMMER, proposed_time=TEN, attended=Attendance.UNKNOWN, officer="tom")
    created = record(assessor_id=72, scheduled_for=upload.scheduled_for)
    assert list(plan(learner(after), onefile(created)).changes()) == []


def test_an_upload_with_downloading_switched_off_stores_the_id_and_nothing_else() -> None:
    (upload,) = plan(learner(new_review()), onefile(), Policy(download_reviews=False)).uploads

    assert told(upload.write.changes) == {("picsweb", "onefile_id", None, None)}


def test_without_a_centre_a_review_cannot_be_uploaded() -> None:
    made = plan(learner(new_review(), centre_id=None), onefile())

    assert made.uploads == ()
    assert problems(made) == ["centre_unknown"]


def begun(**values: Any) -> dict[str, OpenUpload]:
    """The upload of the new review was begun earlier."""
    return {"r1": OpenUpload(SUMMER_AT_TEN, **values)}


class TestAnUploadThatWasCutOff:
    """R7: a review that may have been created is looked for before one is created again."""

    def test_onefile_had_answered_with_the_id(self) -> None:
        made = plan(learner(new_review()), onefile(record(started_on=SUMMER)), begun=begun(review_id=REVIEW))

        assert ("picsweb", "onefile_id", None, REVIEW) in told(made.changes())
        assert ("picsweb", "attended", Attendance.BLANK, Attendance.YES) in told(made.changes())
        assert made.uploads == made.creations == ()

    def test_the_review_is_found_by_its_visit(self) -> None:
        elsewhen = datetime(2026, 7, 9, 9, tzinfo=UTC)
        found = record(visit_id=VISIT, scheduled_for=elsewhen)
        made = plan(learner(new_review()), onefile(found), begun=begun(visit_id=VISIT))

        assert ("picsweb", "onefile_id", None, REVIEW) in told(made.changes())
        assert made.uploads == made.creations == ()

    def test_the_review_is_found_by_its_time_if_reviews_do_not_name_their_visit(self) -> None:
        made = plan(
            learner(new_review()), onefile(record(scheduled_for=SUMMER_AT_TEN)), begun=begun(visit_id=VISIT)
        )

        assert ("picsweb", "onefile_id", None, REVIEW) in told(made.changes())
        assert made.uploads == made.creations == ()

    def test_another_review_of_that_time_that_picsweb_knows_is_not_it(self) -> None:
        known = review(pk="r2", proposed_date=SUMMER, proposed_time=TEN, attended=Attendance.UNKNOWN)
        made = plan(
            learner(new_review(), known),
            onefile(record(scheduled_for=SUMMER_AT_TEN)),
            begun=begun(visit_id=VISIT),
        )

        assert len(made.uploads) == 1

    def test_it_was_never_created(self) -> None:
        made = plan(learner(new_review()), onefile(), begun=begun(visit_id=VISIT))

        assert len(made.uploads) == 1

    def test_it_was_never_created_and_is_not_to_be_any_more(self) -> None:
        made = plan(learner(new_review(attended=Attendance.NO)), onefile(), begun=begun())

        assert made.uploads == ()
        assert {pk: over.came_about for pk, over in made.finished_uploads.items()} == {"r1": False}

    def test_without_a_visit_nothing_of_ours_can_be_there_so_a_date_is_no_match(self) -> None:
        made = plan(learner(new_review()), onefile(record(scheduled_for=SUMMER_AT_TEN)), begun=begun())

        assert len(made.uploads) == len(made.creations) == 1

    def test_two_could_be_it_so_a_person_must_say(self) -> None:
        made = plan(
            learner(new_review()),
            onefile(record(id=1, scheduled_for=SUMMER_AT_TEN), record(id=2, scheduled_for=SUMMER_AT_TEN)),
            begun=begun(visit_id=VISIT),
        )

        assert list(made.changes()) == []
        assert problems(made) == ["upload_ambiguous"]

    @pytest.mark.parametrize("unsure", [{"reviews_complete": False}, {"unread_reviews": frozenset({REVIEW})}])
    def test_the_reviews_could_not_all_be_read_so_it_waits(self, unsure: dict[str, Any]) -> None:
        made = plan(learner(new_review()), onefile(**unsure), begun=begun(visit_id=VISIT))

        assert made.uploads == ()
        assert problems(made) == ["upload_unresolved"]

    def test_two_cut_off_uploads_of_one_time_are_not_linked_to_the_same_review(self) -> None:
        made = plan(
            learner(new_review(), new_review(pk="r2")),
            onefile(record(scheduled_for=SUMMER_AT_TEN)),
            begun={**begun(visit_id=VISIT), "r2": OpenUpload(SUMMER_AT_TEN, VISIT + 1)},
        )

        linked = [change for change in made.changes() if change.field == "onefile_id" and change.new]
        assert len(linked) == 1
        assert len(made.uploads) == 1


def test_changes_come_in_the_order_in_which_they_are_made() -> None:
    made = plan(
        learner(qualification(registration_number="A1"), new_review(), centre_id=None),
        onefile(aim(total_elements=3), record(), centre_id=CENTRE),
    )

    assert [change.rule for change in made.changes()][:2] == ["registration_number", "review_upload"]
    assert [change.rule for change in made.changes()][-1] == "review_attended"


def test_times_of_day_without_seconds() -> None:
    made = plan(learner(review()), onefile(record(scheduled_for=SUMMER_AT_TEN.replace(second=31))))

    assert ("picsweb", "proposed_time", None, time(10, 0)) in told(made.changes())
