"""A learner of PICSWeb who is in OneFile in no way yet, with everything that an upload needs, and a plan for that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import time_machine
from django.utils import timezone

from onefile_sync.enrolment import creates
from onefile_sync.enrolment.carry_out import carry_out
from onefile_sync.enrolment.enrolment_applied import EnrolmentApplied
from onefile_sync.enrolment.enrolment_planner import make_enrolment_plan
from onefile_sync.enrolment.plan import (
    CentreDirectory,
    EnrolmentChoices,
    EnrolmentPlan,
    EnrolmentPolicy,
    Findings,
    PartyKind,
    PartyRecords,
)
from onefile_sync.host.enrolling import read_learner_to_create
from onefile_sync.host.snapshot import LearnerToCreate
from onefile_sync.linking import identity
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import CreateIntent, OneFileSettings, RecordLink, Tenant
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.records import Centre, Standard
from onefile_sync.onefile.retry import RetryPolicy
from onefile_sync.sandbox.entities import ASSESSOR, LEARNER
from onefile_sync.sandbox.world import World
from onefile_sync.sync.connection.session import connect
from onefile_sync.sync.planning.types import FieldChange
from tests.conftest import dont_wait
from tests.factories import Host, PlacementFactory

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
#: Longer than a lease and a quiet time.
LATER = timedelta(minutes=6)


class Killed(BaseException):
    """The process is gone: nothing that it would have done afterwards happens."""


@dataclass
class Enrolment:
    """A new learner on both sides. ``told`` are the codes of the last round's problems, ``made`` all changes."""

    host: Host
    world: World
    learner: Any
    officer: Any
    second: Any
    employer: Any
    qualifications: list[Any]
    additional: tuple[Any, ...] = ()
    told: list[str] = field(default_factory=list)
    made: list[FieldChange] = field(default_factory=list)
    applied: EnrolmentApplied | None = None
    choices: EnrolmentChoices = field(default_factory=EnrolmentChoices)
    create_classes: bool = False

    @property
    def tenant(self) -> Tenant:
        return present_tenant()

    def client(self) -> OneFile:
        return connect(OneFileSettings.load(), RetryPolicy.person(), sleep=dont_wait)

    def row(self) -> LearnerToCreate:
        row = read_learner_to_create(str(self.learner.pk))
        assert row is not None
        people = {str(each.pk): each for each in self.additional}
        known = {each.assessor.pk: each.assessor for each in row.qualifications if each.assessor is not None}
        return replace(row, additional=tuple(known[pk] for pk in people))

    def plan(self, row: LearnerToCreate | None = None) -> EnrolmentPlan:
        row = row or self.row()
        centre = Centre(self.world.centre_id, "Northvale Training")
        standards: dict[str, tuple[Standard, ...]] = {}
        for each in self.world.standards.values():
            code = identity.code(each.code)
            standards[code] = (*standards.get(code, ()), Standard(each.id, each.title, each.code))
        links = RecordLink.objects.filter(ended_at=None, tenant=self.tenant)
        kinds = {"officer": PartyKind.ASSESSOR, "organisation": PartyKind.PLACEMENT}
        directory = CentreDirectory(
            centre=centre,
            centres=(centre,),
            records={
                (kinds[each.subject_kind], each.subject_pk): PartyRecords(each.onefile_id)
                for each in links
                if each.subject_kind in kinds
            },
            default_classroom=min(self.world.classrooms, default=None),
            standards=standards,
        )
        policy = EnrolmentPolicy(
            today=date(2026, 3, 2),
            create_classes=self.create_classes,
            classroom_from_main_tag=self.create_classes,
        )
        return make_enrolment_plan(row, directory, Findings(), self.choices, policy)

    def round(
        self, onefile: OneFile | None = None, plan: EnrolmentPlan | None = None, **options: Any
    ) -> int | None:
        """Plan, unless a ``plan`` is given, and carry out once, as one attempt of a run does."""
        applied = EnrolmentApplied(record=self.made.extend, hold=timezone.now, **options)
        self.applied = applied
        plan = plan or self.plan()
        under_way = creates.is_under_way(self.tenant, plan.learner.pk)
        if plan.is_linked and not under_way and not any(each.is_created for each in plan.qualifications):
            self.told = []
            return plan.learner.onefile_id
        try:
            return carry_out(onefile or self.client(), plan, self.tenant, applied)
        finally:
            self.told = [each.code for each in applied.problems]

    # What is there in the end

    def users(self, role: int) -> list[Any]:
        return [each for each in self.world.users.values() if each.role == role]

    @property
    def new_learners(self) -> list[Any]:
        return self.users(LEARNER)

    @property
    def new_assessors(self) -> list[Any]:
        return self.users(ASSESSOR)

    def counts(self) -> dict[str, int]:
        return {
            "learners": len(self.new_learners),
            "assessors": len(self.new_assessors),
            "placements": len(self.world.placements),
            "classes": len(self.world.classrooms),
            "aims": len(self.world.aims),
            "assignments": len(self.world.assignments),
        }

    def assert_all_linked(self) -> None:
        for each in (self.learner, self.officer, self.second, self.employer, *self.qualifications):
            each.refresh_from_db()
            assert each.onefile_id is not None, each
        assert self.learner.onefile_id == self.new_learners[0].id
        aims = {each.standard_id: each.id for each in self.world.aims.values()}
        assert {each.onefile_id for each in self.qualifications} == set(aims.values())

    def assert_nothing_open(self) -> None:
        assert list(CreateIntent.objects.filter(finished_at=None)) == []


#: What one whole upload makes: the main officer and the second one, who is an assessor of an aim and additional.
WHOLE = {"learners": 1, "assessors": 2, "placements": 1, "classes": 1, "aims": 2, "assignments": 2}


def new_learner(host: Host, world: World, number: int = 0, **values: Any) -> Enrolment:
    if not world.standards:
        world.add_standard(code="196AS", title="Business Administrator")
        world.add_standard(code="197CW", title="Care Worker")
        world.add_classroom(name="September start")
    officer = host.officer(first_name="Gwen", surname="Price", email="gwen@provider.example")
    second = host.officer(first_name="Alun", surname="Rees", email="alun@provider.example")
    employer = host.organisation(name="Tŷ Gwyn Care")
    learner = another_learner(host, officer, employer, number, **values)
    rows = [
        host.qualification(
            learner, reference="196AS", start_date=date(2026, 3, 2), planned_end_date=date(2027, 3, 1)
        ),
        host.qualification(learner, reference="197CW", assessor=second),
    ]
    return Enrolment(host, world, learner, officer, second, employer, rows, additional=(second,))


def another_learner(host: Host, officer: Any, employer: Any, number: int = 0, **values: Any) -> Any:
    learner = host.learner(
        **{
            "onefile_id": None,
            "first_name": "Zoë",
            "surname": "Llewellyn",
            "email": f"zoe{number}@learner.example",
            "date_of_birth": date(2005, 4, 1),
            "main_officer": officer,
            **values,
        }
    )
    PlacementFactory(learner=learner, organisation=employer)
    return learner


@contextmanager
def at_noon() -> Iterator[Any]:
    with time_machine.travel(NOON, tick=False) as now:
        yield now


def until_quiet(enrolment: Enrolment, now: Any, rounds: int = 6) -> None:
    """Attempts, each after the leases of the one before have expired, until one leaves nothing to do."""
    for _each in range(rounds):
        now.shift(LATER)
        enrolment.round()
        if not creates.is_under_way(enrolment.tenant, str(enrolment.learner.pk)) and not enrolment.told:
            return


class Calls:
    """The calls of a client, one of which may be where the process is killed.

    ``kill_at`` is the number of the call from 1, ``moment`` one of :data:`MOMENTS`.
    """

    def __init__(self, onefile: OneFile, kill_at: int = 0, moment: str = "") -> None:
        self.names: list[str] = []
        self._send, self._kill_at, self._moment = onefile.transport.send, kill_at, moment
        onefile.transport.send = self.send  # type: ignore[method-assign]

    def send(
        self, operation: Any, *args: Any, about_to_send: Callable[[], Any] = lambda: None, **options: Any
    ) -> Any:
        self.names.append(operation.name)
        is_it = len(self.names) == self._kill_at
        if is_it and self._moment == "before it is recorded":
            raise Killed

        def recorded() -> None:
            about_to_send()
            if is_it and self._moment == "before it is sent":
                raise Killed

        answer = self._send(operation, *args, about_to_send=recorded, **options)
        if is_it and self._moment == "after OneFile commits":
            raise Killed
        return answer


MOMENTS: Sequence[str] = ("before it is recorded", "before it is sent", "after OneFile commits")
