"""The rules as a table: each row is a situation and what its rule changes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefile_sync.fields import PROGRESS, Kind, kinds_by_name, synchronised_fields, two_way_fields
from onefile_sync.host.snapshot import Attendance, QualificationRow, ReviewRow
from onefile_sync.messages.labels import field_labels
from onefile_sync.onefile.records import LearningAim, Review
from onefile_sync.sync.planning import rules
from onefile_sync.sync.planning.enrolment_rules import ENROLMENT_RULES
from onefile_sync.sync.planning.types import ONEFILE, PICSWEB, OneFileSide, Policy

from .rows_and_records import (
    CENTRE,
    GWEN,
    LEARNER,
    REVIEW,
    SPRING,
    SUMMER,
    SUMMER_AT_MIDNIGHT,
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


@dataclass(frozen=True)
class Case:
    """PICSWeb's row, OneFile's record, and what the rule changes: (side, field, old, new)."""

    rule: str
    story: str
    row: QualificationRow | ReviewRow | None
    record: LearningAim | Review | None
    changes: frozenset[tuple[str, str, Any, Any]] = frozenset()
    problem: str = ""
    policy: Policy = field(default_factory=Policy)


def case(
    rule: str, story: str, row: Any, seen: Any, *changes: Any, problem: str = "", policy: Policy | None = None
) -> Case:
    return Case(rule, story, row, seen, frozenset(changes), problem, policy or Policy())


def to_picsweb(field: str, old: Any, new: Any) -> tuple[str, str, Any, Any]:
    return PICSWEB, field, old, new


def to_onefile(field: str, old: Any, new: Any) -> tuple[str, str, Any, Any]:
    return ONEFILE, field, old, new


def two_way_cases(name: str, ours: Any, theirs: Any, blank: Any) -> Iterator[Case]:
    """The truth table of R5 for one field."""
    yield case(name, "both blank", qualification(), aim())
    yield case(name, "blank in OneFile", qualification(**{name: ours}), aim(), to_onefile(name, blank, ours))
    yield case(
        name, "blank in PICSWeb", qualification(), aim(**{name: theirs}), to_picsweb(name, blank, theirs)
    )
    yield case(name, "the same on both sides", qualification(**{name: ours}), aim(**{name: ours}))
    yield case(
        name,
        "different: OneFile's wins",
        qualification(**{name: ours}),
        aim(**{name: theirs}),
        to_picsweb(name, ours, theirs),
    )
    yield case(
        name,
        "unreadable in OneFile is not blank",
        qualification(**{name: ours}),
        aim(unreadable=frozenset({name})),
        problem="bad_value",
    )
    yield case(
        name,
        "also for a qualification with units",
        qualification(**{name: ours}, has_units=True),
        aim(),
        to_onefile(name, blank, ours),
    )


def _cases() -> Iterator[Case]:
    yield case(
        "elements",
        "copied",
        qualification(total_elements=10, elements_done=1),
        aim(total_elements=12, elements_done=4),
        to_picsweb("total_elements", 10, 12),
        to_picsweb("elements_done", 1, 4),
    )
    yield case(
        "elements",
        "zero is a value",
        qualification(total_elements=9, elements_done=4),
        aim(total_elements=9, elements_done=0),
        to_picsweb("elements_done", 4, 0),
    )
    yield case("elements", "absent in OneFile: left", qualification(total_elements=9, elements_done=4), aim())
    yield case(
        "elements",
        "units attached: left alone",
        qualification(has_units=True),
        aim(total_elements=9, elements_done=4),
    )
    yield case(
        "elements",
        "units attached, but not to be skipped",
        qualification(has_units=True),
        aim(total_elements=9),
        to_picsweb("total_elements", None, 9),
        policy=Policy(skip_elements_with_units=False),
    )
    yield case(
        "elements",
        "more done than there are: neither is written",
        qualification(total_elements=9, elements_done=4),
        aim(total_elements=8, elements_done=9),
        problem="elements_above_total",
    )
    yield case(
        "elements",
        "a new total below what PICSWeb has done",
        qualification(total_elements=9, elements_done=8),
        aim(total_elements=7),
        problem="elements_above_total",
    )
    for name in two_way_fields():
        kind = kinds_by_name()[name]
        ours, theirs = {Kind.TEXT: ("PICS-1", "OF-2"), Kind.DATE: (SPRING, SUMMER)}[kind]
        yield from two_way_cases(name, ours, theirs, kind.blank)

    upload = (to_onefile("review", None, SUMMER_AT_TEN), to_picsweb("onefile_id", None, None))
    yield case("review_upload", "Normal, proposed, not held", new_review(), None, *upload)
    yield case(
        "review_upload",
        "attendance Unknown counts as none",
        new_review(attended=Attendance.UNKNOWN),
        None,
        *upload,
    )
    yield case(
        "review_upload",
        "no time: midnight UK time",
        new_review(proposed_time=None),
        None,
        to_onefile("review", None, SUMMER_AT_MIDNIGHT),
        to_picsweb("onefile_id", None, None),
    )
    for story, values in {
        "of another type": {"is_normal": False},
        "without a proposed date": {"proposed_date": None},
        "with an actual date": {"actual_date": SUMMER},
        "attended": {"attended": Attendance.YES},
        "not attended": {"attended": Attendance.NO},
    }.items():
        yield case("review_upload", f"{story}: not uploaded", new_review(**values), None)
    yield case(
        "review_upload",
        "uploading switched off",
        new_review(),
        None,
        policy=Policy(upload_reviews=False),
    )
    yield case(
        "review_upload",
        "the officer is not linked to an assessor",
        new_review(officer="pat", officer_onefile_id=None),
        None,
        problem="officer_not_linked",
    )
    yield case(
        "review_upload",
        "no officer anywhere",
        new_review(officer=None, officer_onefile_id=None),
        None,
        problem="no_officer",
    )

    yield case(
        "review_match", "unknown to PICSWeb: created", None, record(), to_picsweb("onefile_id", None, REVIEW)
    )
    yield case("review_match", "known by its ID: not created", review(), record())
    yield case(
        "review_match",
        "the same date is no match",
        review(onefile_id=9, proposed_date=SUMMER, proposed_time=TEN),
        record(scheduled_for=SUMMER_AT_TEN),
        to_picsweb("onefile_id", None, REVIEW),
        problem="review_gone",
    )
    yield case(
        "review_match",
        "another learner's is ignored",
        None,
        record(learner_id=LEARNER + 1),
        problem="foreign_review",
    )
    yield case(
        "review_match",
        "downloading switched off",
        None,
        record(),
        policy=Policy(download_reviews=False),
    )

    yield case(
        "review_attended",
        "started",
        review(),
        record(started_on=SUMMER),
        to_picsweb("attended", Attendance.BLANK, Attendance.YES),
        to_picsweb("actual_date", None, SUMMER),
    )
    yield case(
        "review_attended",
        "not started: what staff had entered goes",
        review(attended=Attendance.YES, actual_date=SPRING),
        record(),
        to_picsweb("attended", Attendance.YES, Attendance.UNKNOWN),
        to_picsweb("actual_date", SPRING, None),
    )
    yield case(
        "review_attended",
        "not started, known already",
        review(attended=Attendance.UNKNOWN),
        record(),
    )
    yield case(
        "review_attended",
        "unreadable: left",
        review(attended=Attendance.NO),
        record(unreadable=frozenset({"started_on"})),
        problem="bad_value",
    )

    yield case(
        "review_officer",
        "the officer linked to the assessor",
        review(officer="tom"),
        record(assessor_id=GWEN),
        to_picsweb("officer", "tom", "gwen"),
    )
    yield case(
        "review_officer",
        "nobody linked: left and reported",
        review(officer="tom"),
        record(assessor_id=99),
        problem="officer_unmatched",
    )
    yield case("review_officer", "no assessor in OneFile: left", review(officer="tom"), record())

    yield case(
        "review_signed",
        "signed by the learner",
        review(),
        record(learner_signed_on=SUMMER),
        to_picsweb("trainee_signed_date", None, SUMMER),
    )
    yield case("review_signed", "not signed: left", review(trainee_signed_date=SPRING), record())

    yield case(
        "review_proposed",
        "date and time in UK time",
        review(),
        record(scheduled_for=SUMMER_AT_TEN),
        to_picsweb("proposed_date", None, SUMMER),
        to_picsweb("proposed_time", None, TEN),
    )
    yield case(
        "review_proposed",
        "midnight: no time was given",
        review(proposed_date=SUMMER, proposed_time=TEN),
        record(scheduled_for=SUMMER_AT_MIDNIGHT),
    )
    yield case(
        "review_proposed",
        "no schedule in OneFile: left",
        review(proposed_date=SUMMER, proposed_time=TEN),
        record(),
    )

    yield case("deleted", "a learning aim", qualification(), None, problem="aim_gone")
    yield case("deleted", "a review", review(), None, problem="review_gone")


CASES = list(_cases())


@pytest.mark.parametrize("situation", CASES, ids=lambda situation: f"{situation.rule}: {situation.story}")
def test_the_rule_in_this_situation(situation: Case) -> None:
    rows = [situation.row] if situation.row is not None else []
    records = [situation.record] if situation.record is not None else []

    gone = frozenset({row.onefile_id for row in rows} - {each.id for each in records} - {None})
    made = plan(learner(*rows), onefile(*records, gone_aims=gone, gone_reviews=gone), situation.policy)

    assert told(by_rule(made, situation.rule)) == situation.changes
    assert problems(made) == ([situation.problem] if situation.problem else [])


def test_the_centre_is_kept_once_it_is_found_out() -> None:
    found = plan(learner(centre_id=None), OneFileSide(centre_id=CENTRE))
    known = plan(learner(), OneFileSide(centre_id=CENTRE))

    assert told(by_rule(found, "centre")) == {to_picsweb("centre_id", None, CENTRE)}
    assert list(known.changes()) == []


def test_units_are_never_exchanged() -> None:
    made = plan(
        learner(qualification(has_units=True), new_review()),
        onefile(aim(total_elements=9, registration_number="1"), record()),
    )

    assert {change.field for change in made.changes()} <= set(field_labels())
    assert not any("unit" in field for field in field_labels())


def test_code_docs_and_tests_name_the_same_rules() -> None:
    text = (Path(__file__).parents[3] / "docs" / "rules.md").read_text()
    documented = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", text, re.MULTILINE)
    coded = [
        (rule.code, str(rule.about), rule.direction.value, str(rule.text), rule.source)
        for rule in rules.RULES
    ]

    assert documented == coded
    # Two rules have their own tests above, as they do not concern one row and one record; those of creating a learner
    # are in tests/enrolment.
    apart = {"centre", "units"} | {rule.code for rule in ENROLMENT_RULES}
    assert {situation.rule for situation in CASES} | apart == {rule.code for rule in rules.RULES}


def test_each_synchronised_field_is_decided_on_by_a_rule_that_the_planner_knows() -> None:
    progress = [field.name for field in synchronised_fields() if field.rule is PROGRESS]

    assert progress == [rules.TOTAL, rules.DONE]
    assert {*progress, *two_way_fields()} == {field.name for field in synchronised_fields()}


dates = st.dates(date(2000, 1, 1), date(2060, 1, 1))


@given(dates, st.none() | st.times())
def test_a_proposed_date_and_time_survive_the_way_to_onefile_and_back(on: date, at: time | None) -> None:
    moment = rules.scheduled_for(on, at and at.replace(second=0, microsecond=0))
    back_on, back_at = rules.proposed(moment)

    assert moment.tzinfo is UTC
    again = rules.scheduled_for(back_on, back_at)
    assert again == moment or abs(again - moment) == timedelta(
        hours=1
    )  # an hour that the clocks skip or repeat
    assert rules.proposed(again) == (back_on, back_at)


values = st.none() | st.just("") | st.just("  ") | st.text(min_size=1)


@given(values, values)
def test_a_two_way_field_ends_the_same_on_both_sides_and_no_value_is_blanked(ours: Any, theirs: Any) -> None:
    winner = rules.two_way(ours, theirs)
    after_picsweb = theirs if winner is rules.Winner.ONEFILE else ours
    after_onefile = ours if winner is rules.Winner.PICSWEB else theirs

    assert rules.is_blank(after_picsweb) == (rules.is_blank(ours) and rules.is_blank(theirs))
    assert after_picsweb == after_onefile or rules.is_blank(after_picsweb)
    if not rules.is_blank(theirs):
        assert after_onefile == theirs
    assert rules.two_way(after_picsweb, after_onefile) is rules.Winner.NEITHER


def test_a_summer_review_at_ten_is_nine_oclock_utc() -> None:
    assert rules.scheduled_for(SUMMER, TEN) == datetime(2026, 7, 1, 9, tzinfo=UTC)
    assert rules.scheduled_for(date(2026, 12, 1), TEN) == datetime(2026, 12, 1, 10, tzinfo=UTC)
