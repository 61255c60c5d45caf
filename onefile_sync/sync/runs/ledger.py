"""Writes the changes and problems of a learner to the ledger, as text for staff."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sized
from datetime import date, datetime, time
from itertools import chain

from onefile_sync.host.snapshot import Attendance, Officers, Value, comparable
from onefile_sync.messages.catalogue import explain
from onefile_sync.messages.problems import SAID_ONCE
from onefile_sync.models import WITHOUT_WRITING, Difference, LearnerOutcome, OutcomeState, Side
from onefile_sync.models import Change as ChangeRow
from onefile_sync.models import Problem as ProblemRow
from onefile_sync.onefile.parsing import LONDON
from onefile_sync.sync.connection import assessors
from onefile_sync.sync.planning.rules import is_blank
from onefile_sync.sync.planning.types import FieldChange, FoundProblem, KeptValue, Subject


def note_changes(
    outcome: LearnerOutcome, changes: Iterable[FieldChange], officers: Officers, *, made: bool = True
) -> None:
    """Store changes. ``officers`` has the names of officers in them. Without ``made``, they are only planned."""
    ChangeRow.objects.bulk_create(_row(outcome.pk, change, officers, made) for change in changes)


def note_planned(changes_of: Mapping[int, Iterable[FieldChange]], officers: Officers) -> None:
    """Store planned changes, by the primary key of the outcome."""
    ChangeRow.objects.bulk_create(
        _row(outcome_pk, change, officers, made=False)
        for outcome_pk, changes in changes_of.items()
        for change in changes
    )


def _row(outcome_pk: int, change: FieldChange, officers: Officers, made: bool) -> ChangeRow:
    return ChangeRow(
        outcome_id=outcome_pk,
        side=change.side,
        field=change.field,
        old=_as_read(change, change.old, officers),
        new=_as_read(change, change.new, officers),
        rule=change.rule,
        made=made,
        **_about(change.subject),
    )


def note_differences(
    outcome: LearnerOutcome, kept: Iterable[KeptValue], officers: Officers
) -> list[FoundProblem]:
    """Update the stored differences of one row's values. Returns the problems to report for new differences."""
    problems, rows = [], []
    for each in kept:
        side, kind, pk, name = each.key
        Difference.objects.filter(side=side, subject_kind=kind, subject_pk=pk, field=name).delete()
        if not each.differs:
            continue
        change = each.change
        rows.append(
            Difference(
                learner_type_id=outcome.learner_type_id,
                learner_pk=outcome.learner_pk,
                side=side,
                subject_kind=kind,
                subject_pk=pk,
                field=name,
                offered=comparable(change.new),
                kept=comparable(each.kept),
            )
        )
        if not each.aside:
            problems.append(_said_once(each, officers))
    Difference.objects.bulk_create(rows)
    return problems


def _said_once(each: KeptValue, officers: Officers) -> FoundProblem:
    change = each.change
    details: dict[str, str | int] = {"field": change.field}
    if change.side == Side.ONEFILE and is_blank(each.kept):
        return FoundProblem("push_not_taken", change.subject, details)
    for name, value in (("value", change.new), ("kept", each.kept)):
        details[name] = _as_read(change, value, officers)[:100]
    code = "kept_differently_there" if change.side == Side.ONEFILE else "kept_differently"
    return FoundProblem(code, change.subject, details)


def note_problems(problems_of: Mapping[int, Iterable[FoundProblem]]) -> None:
    """Store problems, by the primary key of the outcome. Assessors are named if their names are known."""
    problems_of = {pk: list(problems) for pk, problems in problems_of.items()}
    _remember_said(problems_of)
    names = assessors.known_names(assessors.mentioned(chain.from_iterable(problems_of.values())))
    ProblemRow.objects.bulk_create(
        ProblemRow(
            outcome_id=outcome_pk,
            code=problem.code,
            move=explain(problem.code).move,
            details=_details(problem, names),
            **_about(problem.subject),
        )
        for outcome_pk, problems in problems_of.items()
        for problem in problems
    )


def _details(problem: FoundProblem, names: Mapping[int, str]) -> dict[str, str | int]:
    details = dict(problem.details)
    if (name := names.get(int(details.get("assessor", 0)))) is not None:
        details["assessor_name"] = name
    return details


def _remember_said(problems_of: Mapping[int, Iterable[FoundProblem]]) -> None:
    """Remember problems that are reported once only. A preview's reports do not count."""
    said = {
        pk: [problem for problem in problems if problem.code in SAID_ONCE]
        for pk, problems in problems_of.items()
    }
    if not any(said.values()):
        return
    outcomes = LearnerOutcome.objects.filter(pk__in=[pk for pk, problems in said.items() if problems])
    Difference.objects.bulk_create(
        (
            Difference(
                learner_type_id=outcome.learner_type_id,
                learner_pk=outcome.learner_pk,
                side=Side.PICSWEB,
                subject_kind=problem.subject.kind,
                subject_pk=problem.subject.pk,
                field=problem.code,
            )
            for outcome in outcomes.exclude(run__kind__in=WITHOUT_WRITING)
            for problem in said[outcome.pk]
        ),
        ignore_conflicts=True,
    )


def _as_read(change: FieldChange, value: Value | datetime, officers: Officers) -> str:
    if change.field == "officer" and isinstance(value, str):
        return officers.names.get(value, value)
    return as_text(value)


def state_of(changes: int, problems: Sized) -> OutcomeState:
    """The final state of a learner whose exchange was completed."""
    if len(problems):
        return OutcomeState.ATTENTION
    return OutcomeState.UPDATED if changes else OutcomeState.UNCHANGED


def as_text(value: Value | datetime) -> str:
    """A value as text for staff: dates as dd/mm/yyyy and times as hh:mm, in UK time."""
    match value:
        case None:
            return ""
        case Attendance():
            return "" if value is Attendance.BLANK else value.value.capitalize()
        case datetime():
            return value.astimezone(LONDON).strftime("%d/%m/%Y %H:%M")
        case date():
            return value.strftime("%d/%m/%Y")
        case time():
            return value.strftime("%H:%M")
    return str(value)


def _about(subject: Subject) -> dict[str, str | int | None]:
    return {
        "subject_kind": subject.kind,
        "subject_pk": subject.pk,
        "subject_onefile_id": subject.onefile_id,
        "subject_label": str(subject.label)[:200],
    }
