"""What the window *Create Learner in OneFile* shows of a plan: each value, person and qualification as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from onefile_sync import access, services
from onefile_sync.models import SubjectKind
from onefile_sync.services import enrolment_plan

from .learner_linking import NAMES
from .look_up_page import look_up_link
from .match_pages import LEVELS

Status = enrolment_plan.QualificationStatus
#: A person may answer these in the window. Anything else has to be mended first.
ANSWERABLE: Final = frozenset({"may_exist", "choose_pathway", "party_may_exist"})
#: Evidence after which creating needs the tick.
LIKELY: Final = (services.Confidence.CERTAIN, services.Confidence.STRONG)

STATUSES: Final[Mapping[enrolment_plan.QualificationStatus, Promise]] = {
    Status.AVAILABLE: gettext_lazy("Available"),
    Status.CHOOSE: gettext_lazy("Choose a pathway"),
    Status.NOT_IN_ONEFILE: gettext_lazy("Not in OneFile"),
    Status.OTHER_CENTRE: gettext_lazy("In another centre only: %(centres)s"),
    Status.LINKED: gettext_lazy("Linked already"),
    Status.NO_REFERENCE: gettext_lazy("No VQ Reference"),
    Status.NO_LIST: gettext_lazy("No list yet: Refresh Qualification Links"),
    Status.LEFT_OUT: gettext_lazy("Left out"),
}
#: What a qualification can be left out of.
MAY_BE_LEFT_OUT: Final = (Status.AVAILABLE, Status.CHOOSE)


@dataclass(frozen=True, slots=True)
class Advice:
    """What stands in the way or is left out, and what to do."""

    code: str
    subject: str
    text: str
    remedy: str


@dataclass(frozen=True, slots=True)
class SentLine:
    """A value of the learner. ``note`` is why it is not sent, if it is not blank."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A value of a OneFile learner beside PICSWeb's."""

    label: Promise
    value: str
    differs: bool = False


@dataclass(frozen=True, slots=True)
class PotentialLine:
    """A OneFile learner who may be the same person."""

    onefile_id: int
    name: str
    cells: list[Cell]
    matched_on: str
    confidence: Promise
    is_likely: bool


@dataclass(frozen=True, slots=True)
class AimLine:
    """A qualification and what becomes of it. ``pathways`` are (standard, title, chosen)."""

    pk: str
    reference: str
    title: str
    status: str
    is_created: bool
    assessor: str
    pathways: list[tuple[int, str, bool]]
    may_be_left_out: bool
    is_left_out: bool
    kept_pathway: int | None = None


@dataclass(frozen=True, slots=True)
class PartyLine:
    """A person, the employer or the class that the learner needs in OneFile, and what becomes of it."""

    role: str
    name: str
    status: str
    is_bad: bool = False
    reason: str = ""
    remedy: str = ""
    look_up: str = ""
    key: str = ""
    is_ticked: bool = False
    records: list[str] = field(default_factory=list)


def advice(found: services.FoundProblem) -> Advice:
    text, remedy = services.read_out(found.code, found.details)
    subject = str(found.subject.label) if found.subject.kind == SubjectKind.QUALIFICATION else ""
    return Advice(found.code, subject, text, remedy)


def shown(value: Any) -> str:
    return f"{value:%d/%m/%Y}" if isinstance(value, date) else str(value if value is not None else "")


def sent_lines(plan: enrolment_plan.EnrolmentPlan) -> list[SentLine]:
    lines = []
    for each in plan.values:
        note = advice(each.problem).text if each.problem is not None else ""
        lines.append(SentLine(services.field_label(each.name), shown(each.value), note))
    return lines


# Potential matches


def potential_lines(plan: enrolment_plan.EnrolmentPlan) -> list[PotentialLine]:
    ours = {each.name: shown(each.value).strip() for each in plan.values}
    return [_potential(match, ours) for match in plan.matches]


def _potential(match: enrolment_plan.PotentialMatch, ours: Mapping[str, str]) -> PotentialLine:
    person = match.person
    columns = (
        ("mis", "mis_value", gettext_lazy("MIS Value"), person.mis_value),
        ("uln", "uln", NAMES["uln"], person.uln),
        ("ni", "ni_number", NAMES["ni_number"], person.ni_number),
        ("dob", "date_of_birth", NAMES["date_of_birth"], shown(person.date_of_birth)),
        ("email", "email", NAMES["email"], person.email),
    )
    cells = [
        Cell(label, theirs, code not in match.matched_on and _differs(ours.get(name, ""), theirs))
        for code, name, label, theirs in columns
    ]
    name = f"{person.first_name} {person.last_name}".strip()
    cells = [Cell(gettext_lazy("Name"), name, _has_other_name(match, ours)), *cells]
    cells.append(Cell(gettext_lazy("Centre"), match.centre))
    cells.append(Cell(gettext_lazy("Status"), _status(person.archived)))
    evidence = services.evidence_labels(code for code in match.matched_on if not code.startswith("~"))
    return PotentialLine(
        person.id, name, cells, evidence, LEVELS[match.confidence.value], match.confidence in LIKELY
    )


def _differs(ours: str, theirs: str) -> bool:
    return bool(ours and theirs) and "".join(ours.split()).casefold() != "".join(theirs.split()).casefold()


def _has_other_name(match: enrolment_plan.PotentialMatch, ours: Mapping[str, str]) -> bool:
    names = (("first", "first_name"), ("surname", "last_name"))
    return any(
        code not in match.matched_on and _differs(ours.get(name, ""), getattr(match.person, name))
        for code, name in names
    )


def _status(archived: bool | None) -> str:
    if archived is None:
        return _("Not known")
    return _("Archived") if archived else _("Active")


# Qualifications


def aim_lines(plan: enrolment_plan.EnrolmentPlan) -> list[AimLine]:
    return [_aim(plan, each) for each in plan.qualifications]


def _aim(plan: enrolment_plan.EnrolmentPlan, row: enrolment_plan.PlannedQualification) -> AimLine:
    is_left_out = row.pk in plan.choices.left_out
    assessor = row.assessor or plan.main_officer
    several = row.standards if len(row.standards) > 1 else ()
    status = str(STATUSES[row.status]) % {"centres": ", ".join(row.elsewhere)}
    if row.status is Status.LEFT_OUT and not is_left_out:
        status = _("Left out by PICSWeb's own rule")
    title = str(row.label)
    if row.reference and title.startswith(row.reference):
        title = title.removeprefix(row.reference).strip()
    return AimLine(
        row.pk,
        row.reference,
        title,
        status,
        row.is_created,
        str(assessor.label) if row.is_created and assessor is not None else "",
        [(each.id, each.title, each.id == row.standard_id) for each in several],
        is_left_out or row.status in MAY_BE_LEFT_OUT,
        is_left_out,
        plan.choices.pathways.get(row.pk) if not several else None,
    )


# People, employer and class


def party_lines(request: HttpRequest, plan: enrolment_plan.EnrolmentPlan) -> list[PartyLine]:
    """Each person once, then the employer and the class. Two queries if somebody has to be looked up."""
    roles = dict(_roles(plan))
    parties = {party.key: party for party in _parties(plan)}
    rows = _rows(parties.values())
    return [_party(request, plan, party, roles[key], rows.get(key)) for key, party in parties.items()]


def _parties(plan: enrolment_plan.EnrolmentPlan) -> Iterator[enrolment_plan.Party]:
    of_aims = (each.assessor for each in plan.qualifications)
    # Of a linked learner only the assessors of added learning aims are needed.
    for party in (plan.main_officer, *of_aims, *plan.additional, plan.placement, plan.classroom):
        if party is not None:
            yield party


def _roles(plan: enrolment_plan.EnrolmentPlan) -> Iterator[tuple[str, str]]:
    """What each party is to the learner, the most important role last."""
    for party in plan.additional:
        yield party.key, _("Additional Assessor")
    for row in plan.qualifications:
        if row.assessor is not None:
            yield (
                row.assessor.key,
                _("Assessor of %(qualification)s") % {"qualification": row.reference or row.label},
            )
    if plan.main_officer is not None:
        yield plan.main_officer.key, _("Main Officer")
    if plan.placement is not None:
        yield plan.placement.key, _("Employer")
    if plan.classroom is not None:
        yield plan.classroom.key, _("Class")


_SUBJECTS: Final = {
    enrolment_plan.PartyKind.ASSESSOR: SubjectKind.OFFICER,
    enrolment_plan.PartyKind.PLACEMENT: SubjectKind.ORGANISATION,
}


def _rows(parties: Any) -> dict[str, Model]:
    """The rows of those who may have to be looked up, by party. One query for each kind."""
    found: dict[str, Model] = {}
    for kind, subject in _SUBJECTS.items():
        keys = {
            party.pk: party.key
            for party in parties
            if party.kind is kind and party.pk and party.problem is not None
        }
        rows = services.find_rows(subject, keys) if keys else {}
        found |= {keys[pk]: row for pk, row in rows.items()}
    return found


def _party(
    request: HttpRequest,
    plan: enrolment_plan.EnrolmentPlan,
    party: enrolment_plan.Party,
    role: str,
    row: Model | None,
) -> PartyLine:
    told = advice(party.problem) if party.problem is not None else None
    is_ticked = party.key in plan.choices.create
    may_be_new = is_ticked or party.status is enrolment_plan.PartyStatus.POTENTIAL_MATCH
    return PartyLine(
        role,
        str(party.label),
        _party_status(party),
        not party.is_usable,
        told.text if told is not None else "",
        told.remedy if told is not None else "",
        look_up_link(request, row) if row is not None else "",
        party.key if may_be_new else "",
        is_ticked,
        [_record(each) for each in party.records] if may_be_new else [],
    )


def _party_status(party: enrolment_plan.Party) -> str:
    status, known = party.status, {"onefile_id": party.onefile_id}
    if status is enrolment_plan.PartyStatus.LINKED:
        return _("Linked (OneFile ID %(onefile_id)s)") % known
    if status is enrolment_plan.PartyStatus.SAME_MIS_VALUE:
        return _("Same MIS Value: will be linked (OneFile ID %(onefile_id)s)") % known
    if status is enrolment_plan.PartyStatus.DEFAULT:
        return _("The centre's default (OneFile ID %(onefile_id)s)") % known
    if status is enrolment_plan.PartyStatus.TO_CREATE:
        return _("Will be created in OneFile")
    if status is enrolment_plan.PartyStatus.POTENTIAL_MATCH:
        return _("Potential match: look up first")
    return _("Cannot be used")


def _record(record: enrolment_plan.ListedRecord) -> str:
    """A record of OneFile in one line."""
    known = [record.name, record.email, record.centre]
    if record.mis_value:
        known.append(_("MIS Value %(value)s") % {"value": record.mis_value})
    known.append(_("OneFile ID %(onefile_id)s") % {"onefile_id": record.onefile_id})
    if record.archived:
        known.append(_("archived"))
    return ", ".join(each for each in known if each)


def window_link(request: HttpRequest, learner: Model | None, origin: str = "") -> str:
    """The address of a learner's window; ``""`` if this user may not create the learner."""
    if learner is None or not access.may_enrol(request, learner):
        return ""
    address = reverse("onefile_sync:enrol", args=[learner.pk])
    return f"{address}?{urlencode({'next': origin})}" if origin else address
