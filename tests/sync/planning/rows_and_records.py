"""Short constructors for rows and records, so that a test states only what matters to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from onefile_sync.fields import blank_values
from onefile_sync.host.snapshot import LearnerRow, Officers, QualificationRow, ReviewRow
from onefile_sync.onefile.records import LearningAim, Review
from onefile_sync.sync.planning.planner import make_plan
from onefile_sync.sync.planning.types import FieldChange, OneFileSide, OnRecord, OpenUpload, Plan, Policy

LEARNER, CENTRE, AIM, REVIEW, GWEN, TOM = 501, 5740, 4001, 1001, 71, 72
OFFICERS = Officers(by_onefile_id={GWEN: "gwen", TOM: "tom"}, names={"gwen": "Gwen Price", "tom": "Tom Oak"})
SPRING = date(2026, 4, 14)
SUMMER = date(2026, 7, 1)
TEN = time(10, 0)
#: Ten o'clock British Summer Time on that day.
SUMMER_AT_TEN = datetime(2026, 7, 1, 9, 0, tzinfo=UTC)
SUMMER_AT_MIDNIGHT = datetime(2026, 6, 30, 23, 0, tzinfo=UTC)


def qualification(**values: Any) -> QualificationRow:
    """The synchronised fields by name; fields not given are blank."""
    return QualificationRow(**{"pk": "q1", "label": "196AS", "onefile_id": AIM, **with_values(values)})


def with_values(given: dict[str, Any]) -> dict[str, Any]:
    """Arguments for a row or a record: the synchronised fields among those given go into ``values``."""
    blank = blank_values()
    others = {name: given[name] for name in given if name not in blank}
    return {**others, "values": blank | {name: given[name] for name in given if name in blank}}


def review(**values: Any) -> ReviewRow:
    """A review in PICSWeb that is linked to one in OneFile."""
    return ReviewRow(**{"pk": "r1", "label": "Normal review", "onefile_id": REVIEW, **values})


def new_review(**values: Any) -> ReviewRow:
    """A review in PICSWeb that may be uploaded to OneFile."""
    plain = {"onefile_id": None, "proposed_date": SUMMER, "proposed_time": TEN}
    return review(**{**plain, "officer": "gwen", "officer_onefile_id": GWEN, **values})


def aim(**values: Any) -> LearningAim:
    return LearningAim(**{"id": AIM, "learner_id": LEARNER, **with_values(values)})


def record(**values: Any) -> Review:
    return Review(**{"id": REVIEW, "learner_id": LEARNER, **values})


def learner(*rows: QualificationRow | ReviewRow, **values: Any) -> LearnerRow:
    parts = {
        "pk": "l1",
        "label": "Siân O'Connor",
        "onefile_id": LEARNER,
        "centre_id": CENTRE,
        "qualifications": tuple(row for row in rows if isinstance(row, QualificationRow)),
        "reviews": tuple(row for row in rows if isinstance(row, ReviewRow)),
    }
    return LearnerRow(**{**parts, **values})


def onefile(*records: LearningAim | Review, **values: Any) -> OneFileSide:
    parts = {
        "aims": tuple(each for each in records if isinstance(each, LearningAim)),
        "reviews": tuple(each for each in records if isinstance(each, Review)),
    }
    return OneFileSide(**{**parts, **values})


def plan(
    row: LearnerRow,
    side: OneFileSide,
    policy: Policy | None = None,
    *,
    officers: Officers = OFFICERS,
    begun: Mapping[str, OpenUpload] | None = None,
    **holds: bool,
) -> Plan:
    """``begun`` are open uploads by the review's primary key; ``holds`` says of a field that PICSWeb cannot hold what
    comes: ``registration_number=False``."""
    return make_plan(
        row,
        OnRecord(begun or {}),
        side,
        officers,
        policy or Policy(),
        lambda kind, field, value: holds.get(field, True),
    )


def told(changes: Any) -> set[tuple[str, str, Any, Any]]:
    """Changes in short: (side, field, old, new)."""
    return {(change.side, change.field, change.old, change.new) for change in changes}


def by_rule(made: Plan, rule: str) -> list[FieldChange]:
    return [change for change in made.changes() if change.rule == rule]


def problems(made: Plan) -> list[str]:
    return [problem.code for problem in made.problems]
