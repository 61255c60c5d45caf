"""The ledger: the record of what happened to a learner."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from onefile_sync.host.snapshot import Attendance, Officers
from onefile_sync.sync.planning.types import FieldChange, Subject
from onefile_sync.sync.runs import ledger
from tests.factories import Host
from tests.run_fixtures import learners_of, run_of


@pytest.mark.parametrize(
    ("value", "as_read"),
    [
        (None, ""),
        ("", ""),
        (7, "7"),
        ("R-1", "R-1"),
        (Attendance.BLANK, ""),
        (Attendance.YES, "Yes"),
        (Attendance.UNKNOWN, "Unknown"),
        (date(2026, 7, 1), "01/07/2026"),
        (time(9, 5), "09:05"),
        (datetime(2026, 7, 1, 23, 30, tzinfo=UTC), "02/07/2026 00:30"),
        (datetime(2026, 1, 1, 23, 30, tzinfo=UTC), "01/01/2026 23:30"),
    ],
)
def test_values_read_as_staff_read_them(value: Any, as_read: str) -> None:
    assert ledger.as_text(value) == as_read


def test_an_officer_reads_by_name(host: Host) -> None:
    outcome = run_of(learners_of(host, 1)).outcomes.get()
    review = Subject("review", "5", 50, "Review")
    changes = [
        FieldChange("picsweb", review, "officer", None, "12", "review_officer"),
        FieldChange("picsweb", review, "officer", "12", "13", "review_officer"),
    ]

    ledger.note_changes(outcome, changes, Officers(names={"12": "Siân O'Neill"}))

    assert list(outcome.changes.values_list("old", "new")) == [("", "Siân O'Neill"), ("Siân O'Neill", "13")]


@pytest.mark.parametrize(
    ("changes", "problems", "state"),
    [(0, [], "unchanged"), (2, [], "updated"), (0, ["one"], "attention"), (2, ["one"], "attention")],
)
def test_what_became_of_a_learner(changes: int, problems: list[str], state: str) -> None:
    assert ledger.state_of(changes, problems) == state
