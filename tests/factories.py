"""Factories of both hosts' rows, and the two hosts as one: the same words make a row in either.

``HOSTS["picsweb"]`` and ``HOSTS["college"]`` each have ``mapping`` (for ``settings.ONEFILE_SYNC``) and the methods
``officer``, ``organisation``, ``learner``, ``qualification``, ``review`` and ``unit``, which take the roles of
``onefile_sync.host.snapshot`` as keywords. What is not named is blank.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import factory
from django.conf import settings
from django.db.models import Model
from factory.django import DjangoModelFactory

from example_project.picsweb import models as picsweb
from onefile_sync.host.snapshot import Attendance
from tests.college import models as college
from tests.college.mapping import COLLEGE

LONDON = ZoneInfo("Europe/London")


class OfficerFactory(DjangoModelFactory):
    class Meta:
        model = picsweb.Officer

    ident = factory.Sequence(lambda n: f"OFF{n:03}")
    first_name = "Siân"
    surname = factory.Sequence(lambda n: f"O'Neill {n}")


class OrganisationFactory(DjangoModelFactory):
    class Meta:
        model = picsweb.Organisation

    ident = factory.Sequence(lambda n: f"ORG{n:03}")
    name = factory.Sequence(lambda n: f"Hallam Engineering {n}")


class LearnerFactory(DjangoModelFactory):
    class Meta:
        model = picsweb.Learner

    ident = factory.Sequence(lambda n: f"L{n:05}")
    first_name = "Zoë"
    surname = factory.Sequence(lambda n: f"Llewellyn {n}")
    status = "live"
    start_date = date(2025, 9, 1)


class PlacementFactory(DjangoModelFactory):
    class Meta:
        model = picsweb.Placement

    learner = factory.SubFactory(LearnerFactory)
    organisation = factory.SubFactory(OrganisationFactory)
    type = "P"


class QualificationFactory(DjangoModelFactory):
    class Meta:
        model = picsweb.Qualification

    learner = factory.SubFactory(LearnerFactory)
    reference = "196AS"
    title = "Business Administrator"


class UnitFactory(DjangoModelFactory):
    class Meta:
        model = picsweb.Unit

    qualification = factory.SubFactory(QualificationFactory)
    title = factory.Sequence(lambda n: f"Unit {n}")


class ReviewFactory(DjangoModelFactory):
    class Meta:
        model = picsweb.Review

    learner = factory.SubFactory(LearnerFactory)
    type = "Normal"


class TutorFactory(DjangoModelFactory):
    class Meta:
        model = college.Tutor

    full_name = factory.Sequence(lambda n: f"Aoife Ní Bhriain {n}")


class EmployerFactory(DjangoModelFactory):
    class Meta:
        model = college.Employer

    trading_name = factory.Sequence(lambda n: f"Trent Valley Care {n}")


class MeetingKindFactory(DjangoModelFactory):
    class Meta:
        model = college.MeetingKind
        django_get_or_create = ("code",)

    code = "PROG"


class StudentFactory(DjangoModelFactory):
    class Meta:
        model = college.Student

    forename = "Máire"
    family_name = factory.Sequence(lambda n: f"D'Arcy {n}")

    @classmethod
    def _create(cls, model_class: type[Model], *args: Any, **kwargs: Any) -> Model:
        MeetingKindFactory()  # reviews downloaded for the student are of this kind
        return super()._create(model_class, *args, **kwargs)


class EnrolmentFactory(DjangoModelFactory):
    class Meta:
        model = college.Enrolment

    student = factory.SubFactory(StudentFactory)
    course = "Adult Care Worker"


class ModuleFactory(DjangoModelFactory):
    class Meta:
        model = college.Module

    enrolment = factory.SubFactory(EnrolmentFactory)
    name = factory.Sequence(lambda n: f"Module {n}")


class MeetingFactory(DjangoModelFactory):
    class Meta:
        model = college.Meeting

    student = factory.SubFactory(StudentFactory)
    kind = factory.SubFactory(MeetingKindFactory)


def london(day: date | None, at: time | None = None) -> datetime | None:
    """The moment of a date and a time on a wall in the United Kingdom."""
    return None if day is None else datetime.combine(day, at or time.min, tzinfo=LONDON)


@dataclass(frozen=True)
class Host:
    """One of the two hosts. ``translate`` turns a role and its value into the host's own fields."""

    name: str
    mapping: Mapping[str, Any]
    makers: Mapping[str, Callable[..., Any]]
    translate: Callable[[str, Mapping[str, Any]], dict[str, Any]]

    def officer(self, **roles: Any) -> Any:
        return self._make("officer", roles)

    def organisation(self, **roles: Any) -> Any:
        return self._make("organisation", roles)

    def learner(self, **roles: Any) -> Any:
        """Live and in learning; ``live=False``, ``in_learning=False`` and ``ended_on`` say otherwise."""
        return self._make("learner", {"onefile_id": 501, **roles})

    def qualification(self, learner: Any, **roles: Any) -> Any:
        return self._make("qualification", {"learner": learner, **roles})

    def unit(self, qualification: Any) -> Any:
        return self._make("unit", {"qualification": qualification})

    def review(self, learner: Any, **roles: Any) -> Any:
        """``is_normal=False`` makes one of another type."""
        return self._make("review", {"learner": learner, **roles})

    def _make(self, part: str, roles: Mapping[str, Any]) -> Any:
        return self.makers[part](**self.translate(part, roles))


def _in_picsweb(part: str, roles: Mapping[str, Any]) -> dict[str, Any]:
    fields = dict(roles)
    if "live" in fields:
        fields["status"] = "live" if fields.pop("live") else "dormant"
    if part == "learner":
        ended = None if fields.pop("in_learning", True) else date(2020, 1, 31)
        fields["actual_end_date"] = fields.pop("ended_on", ended)
    if "centre_id" in fields:
        fields["onefile_centre_id"] = fields.pop("centre_id")
    if "is_normal" in fields:
        fields["type"] = "Normal" if fields.pop("is_normal") else "Welfare"
    if "attended" in fields:
        attended = fields["attended"]
        fields["attended"] = "" if attended is Attendance.BLANK else attended.value
    return fields


#: The college's field and what goes into it, by role.
_IN_COLLEGE: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "first_name": ("forename", lambda name: name),
    "surname": ("family_name", lambda name: name),
    "date_of_birth": ("born_on", lambda day: day),
    "start_date": ("enrolled_at", london),
    "reference": ("course_code", lambda reference: reference),
    "name": ("trading_name", lambda name: name),
    "live": ("enrolled", bool),
    "in_learning": ("on_break", lambda in_learning: not in_learning),
    "ended_on": ("left_at", london),
    "main_officer": ("personal_tutor", lambda officer: officer),
    "centre_id": ("onefile_centre_id", lambda centre_id: centre_id),
    "learner": ("student", lambda learner: learner),
    "qualification": ("enrolment", lambda qualification: qualification),
    "total_elements": ("credits_total", lambda number: number),
    "elements_done": ("credits_achieved", lambda number: number),
    "registration_number": ("awarding_body_number", lambda number: number or None),
    "registration_date": ("registered_at", london),
    "certificate_applied_date": ("claimed_at", london),
    "certificate_received_date": ("certificated_on", lambda day: day),
    "is_normal": ("kind", lambda is_normal: MeetingKindFactory(code="PROG" if is_normal else "WELF")),
    "attended": (
        "turnout",
        {Attendance.BLANK: None, Attendance.YES: 1, Attendance.NO: 0, Attendance.UNKNOWN: 9}.__getitem__,
    ),
    "actual_date": ("held_at", london),
    "officer": ("tutor", lambda officer: officer),
    "trainee_signed_date": ("signed_by_student_on", lambda day: day),
    "main_tag": ("campus", lambda tag: tag),
    "ethnicity": ("ethnic_group", int),
    "sex": ("gender", lambda code: college.Gender.objects.create(code=code)),
    "disability": ("needs_support", lambda code: {"1": True, "2": False}[code]),
    "assessor": ("taught_by", lambda officer: officer),
}
#: The same for fields that the college's models call differently.
_IN_ENROLMENTS = {"start_date": ("begun_on", lambda day: day), "planned_end_date": ("due_at", london)}
_IN_STUDENTS = {"planned_end_date": ("due_to_leave_at", london)}


def _in_college(part: str, roles: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    own = {"qualification": _IN_ENROLMENTS, "learner": _IN_STUDENTS}.get(part, {})
    contact = {role: roles[role] for role in ("email", "telephone") if role in roles}
    if part == "learner" and contact:
        fields["contact"] = college.Contact.objects.create(**contact)
    if part == "review":
        fields["planned_for"] = london(roles.get("proposed_date"), roles.get("proposed_time"))
    for role, value in roles.items():
        if role in ("proposed_date", "proposed_time"):
            continue
        if role == "ident":
            fields["ident" if part == "officer" else "student_number"] = value
            continue
        if part == "officer" and role in ("first_name", "surname"):
            fields["full_name"] = f"{roles['first_name']} {roles['surname']}"
            continue
        if part == "learner" and role in contact:
            continue
        field, to_college = own.get(role) or _IN_COLLEGE.get(role, (role, lambda value: value))
        fields[field] = to_college(value)
    return fields


PICSWEB = Host(
    "picsweb",
    settings.ONEFILE_SYNC,
    {
        "officer": OfficerFactory,
        "organisation": OrganisationFactory,
        "learner": LearnerFactory,
        "qualification": QualificationFactory,
        "unit": UnitFactory,
        "review": ReviewFactory,
    },
    _in_picsweb,
)
SECOND_HOST = Host(
    "college",
    COLLEGE,
    {
        "officer": TutorFactory,
        "organisation": EmployerFactory,
        "learner": StudentFactory,
        "qualification": EnrolmentFactory,
        "unit": ModuleFactory,
        "review": MeetingFactory,
    },
    _in_college,
)
HOSTS: Mapping[str, Host] = {host.name: host for host in (PICSWEB, SECOND_HOST)}
