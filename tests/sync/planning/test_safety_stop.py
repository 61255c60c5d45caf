"""The safety stop: which plans replace a value in PICSWeb, and how many learners are too many."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time
from typing import Any

import pytest

from onefile_sync.host.snapshot import Attendance, QualificationRow, ReviewRow
from onefile_sync.onefile.records import LearningAim, Review
from onefile_sync.sync.planning.safety_stop import is_implausible, replaces_values
from onefile_sync.sync.planning.types import Policy
from tests.sync.planning.rows_and_records import (
    CENTRE,
    GWEN,
    REVIEW,
    SPRING,
    SUMMER,
    SUMMER_AT_TEN,
    TEN,
    TOM,
    aim,
    learner,
    new_review,
    onefile,
    plan,
    qualification,
    record,
    review,
)


def would_replace(
    ours: QualificationRow | ReviewRow, *theirs: LearningAim | Review, policy: Policy | None = None
) -> bool:
    return replaces_values(plan(learner(ours), onefile(*theirs), policy))


@pytest.mark.parametrize(
    ("name", "ours", "theirs", "replaces"),
    [
        ("registration_number", "P-1", "R-1", True),
        ("registration_number", "", "R-1", False),
        ("registration_number", "  ", "R-1", False),
        ("registration_number", "P-1", "", False),  # goes to OneFile
        ("registration_number", " R-1 ", "R-1", False),  # no difference
        ("registration_date", SPRING, SUMMER, True),
        ("registration_date", None, SUMMER, False),
        ("registration_date", SPRING, None, False),
        ("certificate_applied_date", SPRING, SUMMER, True),
        ("certificate_received_date", SPRING, SUMMER, True),
        ("certificate_received_date", None, SUMMER, False),
        ("elements_done", 12, 14, False),  # a day's work
        ("elements_done", 14, 12, True),
        ("elements_done", 14, 0, True),
        ("elements_done", 0, 14, False),
        ("elements_done", None, 14, False),
        ("elements_done", 14, 14, False),
    ],
)
def test_a_value_of_a_qualification(name: str, ours: Any, theirs: Any, replaces: bool) -> None:
    total = {"total_elements": 20}
    assert would_replace(qualification(**total, **{name: ours}), aim(**total, **{name: theirs})) is replaces


@pytest.mark.parametrize(
    ("ours", "theirs", "replaces"),
    [
        ((20, 12), (24, 14), False),  # more of a larger whole
        ((20, 12), (24, 12), False),
        ((20, 12), (18, 12), True),
        ((20, 12), (18, 14), True),  # a total that falls, whatever else grows
        ((20, 12), (24, 11), True),
        ((None, 12), (20, 14), False),
        ((0, 0), (20, 14), False),
        ((20, 12), (None, 14), False),  # OneFile says nothing of the total
        ((20, 12), (None, 11), True),
    ],
)
def test_progress_counts_where_it_falls_and_not_where_it_grows(
    ours: tuple[int | None, int | None], theirs: tuple[int | None, int | None], replaces: bool
) -> None:
    mine = dict(zip(("total_elements", "elements_done"), ours, strict=True))
    told = dict(zip(("total_elements", "elements_done"), theirs, strict=True))
    assert would_replace(qualification(**mine), aim(**told)) is replaces


def test_progress_does_not_hide_what_else_is_replaced() -> None:
    ours = qualification(total_elements=20, elements_done=12, registration_number="P-1")
    assert would_replace(ours, aim(total_elements=20, elements_done=14, registration_number="R-1"))


#: A review that is the same on both sides.
OURS: dict[str, Any] = {"proposed_date": SUMMER, "proposed_time": TEN, "officer": "gwen"}
THEIRS: dict[str, Any] = {"scheduled_for": SUMMER_AT_TEN, "assessor_id": GWEN}


@pytest.mark.parametrize(
    ("ours", "theirs", "replaces"),
    [
        ({"attended": Attendance.UNKNOWN}, {}, False),
        ({"attended": Attendance.BLANK}, {}, False),
        ({"attended": Attendance.BLANK}, {"started_on": SUMMER}, False),
        ({"attended": Attendance.UNKNOWN}, {"started_on": SUMMER}, False),
        # Held and signed since yesterday: Unknown becomes Yes, with dates where there were none.
        ({"attended": Attendance.UNKNOWN}, {"started_on": SUMMER, "learner_signed_on": SUMMER}, False),
        ({"attended": Attendance.NO}, {"started_on": SUMMER}, True),
        ({"attended": Attendance.NO}, {}, True),
        ({"attended": Attendance.YES, "actual_date": SUMMER}, {"started_on": SUMMER}, False),
        ({"attended": Attendance.YES, "actual_date": SPRING}, {"started_on": SUMMER}, True),
        ({"attended": Attendance.YES, "actual_date": SUMMER}, {}, True),
        # The actual date is blanked, as the review was not started in OneFile.
        ({"attended": Attendance.UNKNOWN, "actual_date": SUMMER}, {}, True),
        ({"proposed_date": SPRING}, {}, True),
        ({"proposed_date": None, "proposed_time": None}, {}, False),
        ({"proposed_time": time(9)}, {}, True),
        ({"officer": "tom"}, {}, True),
        ({"officer": None}, {"assessor_id": TOM}, False),
        ({"trainee_signed_date": SPRING}, {"learner_signed_on": SUMMER}, True),
        ({"trainee_signed_date": None}, {"learner_signed_on": SUMMER}, False),
        ({"trainee_signed_date": SPRING}, {}, False),  # left as it is
    ],
)
def test_a_value_of_a_review(ours: dict[str, Any], theirs: dict[str, Any], replaces: bool) -> None:
    told = review(**{"attended": Attendance.UNKNOWN, **OURS, **ours})
    assert would_replace(told, record(**{**THEIRS, **theirs})) is replaces


def test_a_review_that_is_created_in_picsweb_replaces_nothing() -> None:
    made = plan(learner(), onefile(record(**THEIRS, started_on=SUMMER, learner_signed_on=SUMMER)))

    assert made.creations
    assert not replaces_values(made)


def test_a_review_that_is_created_in_onefile_replaces_nothing() -> None:
    made = plan(learner(new_review()), onefile())

    assert made.uploads
    assert not replaces_values(made)


def test_a_learner_who_moved_to_another_centre_has_it_replaced() -> None:
    row = learner()
    assert not replaces_values(plan(replace(row, centre_id=None), onefile(centre_id=CENTRE)))
    assert not replaces_values(plan(row, onefile(centre_id=CENTRE)))
    assert replaces_values(plan(row, onefile(centre_id=CENTRE + 1)))


def test_what_is_not_written_replaces_nothing() -> None:
    """A review that is not downloaded, elements that are ignored, and a value that PICSWeb cannot hold."""
    moved = record(**{**THEIRS, "scheduled_for": datetime(2026, 4, 14, 9, tzinfo=SUMMER_AT_TEN.tzinfo)})
    assert not would_replace(review(**OURS), moved, policy=Policy(download_reviews=False))
    with_units = qualification(has_units=True, total_elements=20, elements_done=12)
    assert not would_replace(with_units, aim(total_elements=20, elements_done=14))
    too_long = plan(
        learner(qualification(registration_number="P-1")),
        onefile(aim(registration_number="R-1")),
        registration_number=False,
    )
    assert not replaces_values(too_long)


def test_one_value_among_many_is_enough() -> None:
    ours = qualification(total_elements=20, registration_number="P-1", registration_date=date(2025, 9, 1))
    theirs = aim(total_elements=20, elements_done=3, registration_number="R-1")
    others = [review(pk=f"r{each}", onefile_id=REVIEW + each, **OURS) for each in range(3)]
    records = [record(id=REVIEW + each, **THEIRS) for each in range(3)]

    assert replaces_values(plan(learner(ours, *others), onefile(theirs, *records)))


@pytest.mark.parametrize(
    ("learners", "compared", "percent", "least", "is_it"),
    [
        (0, 0, 20, 25, False),
        (0, 1000, 0, 1, False),
        (24, 24, 20, 25, False),
        (25, 25, 20, 25, True),
        (25, 125, 20, 25, False),  # exactly 20 per cent
        (25, 124, 20, 25, True),
        (26, 125, 20, 25, True),
        (1, 1000, 0, 1, True),
        (1000, 1000, 100, 1, False),  # never
        (1000, 1000, 99, 1, True),
        (1, 3, 33, 1, True),  # a third is more than 33 per cent
        (33, 100, 33, 1, False),
    ],
)
def test_how_many_learners_are_more_than_a_days_work_explains(
    learners: int, compared: int, percent: int, least: int, is_it: bool
) -> None:
    assert is_implausible(learners, compared, percent, least) is is_it
