"""Plans what creating a learner in OneFile would send, on plain values: no database, no network, no clock.

The rules are the rows ``enrol_…`` of :mod:`onefile_sync.sync.planning.enrolment_rules`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from onefile_sync.host.snapshot import (
    LearnerToCreate,
    OrganisationRow,
    PersonRow,
    QualificationToCreate,
    Value,
    comparable,
)
from onefile_sync.linking import identity
from onefile_sync.linking.matching import Confidence
from onefile_sync.onefile.records import NamedRecord
from onefile_sync.sync.planning.rules import may_be_uploaded
from onefile_sync.sync.planning.types import FoundProblem, Subject

from .plan import (
    CentreDirectory,
    EnrolmentChoices,
    EnrolmentPlan,
    EnrolmentPolicy,
    Findings,
    Party,
    PartyKind,
    PartyRecords,
    PartyStatus,
    PlannedQualification,
    QualificationStatus,
    SentValue,
)

#: The ILR's codes for ethnicity.
ETHNICITIES: Final = frozenset({*map(str, range(31, 48)), "98", "99"})
#: OneFile's ``L13`` for what PICSWeb may have as sex.
SEXES: Final[Mapping[str, str]] = {"1": "M", "M": "M", "MALE": "M", "2": "F", "F": "F", "FEMALE": "F"}
#: OneFile's ``L14``: has a disability, has none, not known.
HAS_DISABILITY: Final = "1"
DISABILITIES: Final = frozenset({HAS_DISABILITY, "2", "9"})
#: The ILR's categories of learning difficulties, disabilities and health problems.
LLDD_CATEGORIES: Final = frozenset({*map(str, range(4, 18)), *map(str, range(93, 100))})
#: Evidence that asks a person to look before a learner is created.
ASKS_FIRST: Final = (Confidence.CERTAIN, Confidence.STRONG)


def make_enrolment_plan(
    row: LearnerToCreate,
    directory: CentreDirectory,
    findings: Findings,
    choices: EnrolmentChoices,
    policy: EnrolmentPolicy,
) -> EnrolmentPlan:
    """What would be created for this learner. Of a learner who has a OneFile ID, only qualifications are added."""
    return _EnrolmentPlanner(row, directory, findings, choices, policy).plan()


@dataclass(slots=True)
class _EnrolmentPlanner:
    row: LearnerToCreate
    directory: CentreDirectory
    findings: Findings
    choices: EnrolmentChoices
    policy: EnrolmentPolicy

    def plan(self) -> EnrolmentPlan:
        person, row = self.row.person, self.row
        about = Subject("learner", person.pk, person.onefile_id, person.label)
        is_linked = person.onefile_id is not None
        main_officer = self.officer(row.main_officer) if row.main_officer is not None else None
        additional = () if is_linked else self.additional()
        plan = EnrolmentPlan(
            about,
            self.choices,
            is_linked=is_linked,
            centre=self.directory.centre,
            centres=self.directory.centres,
            values=() if is_linked else tuple(self.values(about)),
            placement=None if is_linked else self.placement(),
            classroom=None if is_linked else self.classroom(),
            main_officer=None if is_linked else main_officer,
            additional=additional,
            qualifications=tuple(map(self.qualification, row.qualifications)),
            matches=() if is_linked else self.directory.matches,
            reviews=sum(map(may_be_uploaded, row.reviews)),
            invitation=None if is_linked else self.directory.invitation,
        )
        refusals = list(self.refusals_of_additions(plan) if is_linked else self.refusals(plan))
        return replace(plan, refusals=tuple(refusals), problems=tuple(self.problems(plan)))

    # The learner's own values

    def values(self, about: Subject) -> Iterator[SentValue]:
        person, row = self.row.person, self.row
        yield SentValue("first_name", person.first_name, "enrol_name")
        yield SentValue("last_name", person.surname, "enrol_name")
        yield SentValue("email", person.email, "enrol_email")
        for name in ("telephone", "mobile"):
            number: str = getattr(row, name)
            is_number = any(letter.isdigit() for letter in number)
            yield _checked(about, name, number, number if is_number else "", "enrol_phone")
        yield SentValue("date_of_birth", person.date_of_birth, "enrol_dob")
        yield _checked(about, "uln", person.uln, identity.uln(person.uln), "enrol_uln")
        number = "".join(person.ni_number.split()).upper()
        is_well_formed = bool(identity.ni_number(number))
        yield _checked(about, "ni_number", person.ni_number, number if is_well_formed else "", "enrol_nino")
        yield SentValue("start_date", person.start_date, "enrol_dates")
        yield SentValue("planned_end_date", person.planned_end_date, "enrol_dates")
        yield from self.codes(about)
        if self.policy.send_mis_value:
            yield SentValue("mis_value", person.ident, "enrol_mis_value")

    def codes(self, about: Subject) -> Iterator[SentValue]:
        ethnicity = self.translated("ethnicity")
        yield _coded(about, "ethnicity", self.row.ethnicity, ethnicity if ethnicity in ETHNICITIES else "")
        yield _coded(about, "sex", self.row.sex, SEXES.get(self.translated("sex").upper(), ""))
        disability = self.translated("disability")
        has_category = disability not in DISABILITIES and disability in LLDD_CATEGORIES
        known = HAS_DISABILITY if has_category else disability if disability in DISABILITIES else ""
        yield _coded(about, "disability", self.row.disability, known)
        if has_category:
            yield SentValue("primary_lldd", disability, "enrol_disability")

    def translated(self, name: str) -> str:
        """PICSWeb's code as OneFile has it: through ``CODES``, or as it is."""
        code: str = getattr(self.row, name)
        return self.policy.codes.get(name, {}).get(code, code)

    # People, employer and class

    def officer(self, officer: PersonRow) -> Party:
        values: dict[str, Value] = {
            "first_name": officer.first_name,
            "last_name": officer.surname,
            "email": officer.email,
            "mis_value": officer.ident,
        }
        party = Party(
            PartyKind.ASSESSOR, officer.pk, officer.label, PartyStatus.TO_CREATE, values=_given(values)
        )
        party = self.with_records(party)
        if party.status is not PartyStatus.TO_CREATE:
            return party
        if not officer.first_name or not officer.surname or not _is_email(officer.email):
            return _cannot(party, "officer_no_email", officer=str(officer.label))
        return party

    def employer(self, organisation: OrganisationRow) -> Party:
        values: dict[str, Value] = {"name": organisation.name, "mis_value": organisation.ident}
        party = Party(
            PartyKind.PLACEMENT,
            organisation.pk,
            organisation.label,
            PartyStatus.TO_CREATE,
            values=_given(values),
        )
        party = self.with_records(party)
        if party.status is PartyStatus.TO_CREATE and not organisation.name:
            return _cannot(party, "employer_no_name", employer=str(organisation.label))
        return party

    def with_records(self, party: Party) -> Party:
        """What becomes of an officer or employer, according to what OneFile has in the centre."""
        records = self.directory.records.get((party.kind, party.pk), PartyRecords())
        name = str(party.label)
        if records.linked is not None:
            party = replace(party, status=PartyStatus.LINKED, onefile_id=records.linked, values={})
            if records.is_gone:
                return _cannot(party, "party_archived", officer=name, onefile_id=records.linked)
            return party
        same = records.same_mis_value
        if len(same) > 1:
            users = ", ".join(str(each.onefile_id) for each in same)
            party = replace(party, records=same)
            value = same[0].mis_value
            return _cannot(party, "mis_value_twice", officer=name, value=value, count=len(same), users=users)
        if same:
            known = same[0]
            party = replace(party, records=same, values={}, onefile_id=known.onefile_id)
            if known.archived:
                return _cannot(party, "party_archived", officer=name, onefile_id=known.onefile_id)
            return replace(party, status=PartyStatus.SAME_MIS_VALUE)
        if records.alike and party.key not in self.choices.create:
            found = FoundProblem("party_may_exist", party.subject, {"officer": name})
            return replace(
                party, status=PartyStatus.POTENTIAL_MATCH, records=records.alike, problem=found, values={}
            )
        if not self.policy.create_missing:
            return _cannot(party, "party_not_in_onefile", officer=name)
        return replace(party, records=records.alike)

    def additional(self) -> tuple[Party, ...]:
        main = self.row.main_officer.pk if self.row.main_officer is not None else None
        others = {officer.pk: officer for officer in self.row.additional if officer.pk != main}
        return tuple(map(self.officer, others.values()))

    def placement(self) -> Party | None:
        if self.row.employer is not None:
            return self.employer(self.row.employer)
        name = self.directory.default_placement_name
        return _default(PartyKind.PLACEMENT, self.directory.default_placement, name)

    def classroom(self) -> Party | None:
        tag = self.row.main_tag if self.policy.classroom_from_main_tag else ""
        if tag:
            named = [each for each in self.directory.classrooms if _same_name(each, tag)]
            if len(named) == 1:
                return Party(PartyKind.CLASSROOM, "", tag, PartyStatus.LINKED, named[0].id)
            if not named and self.policy.create_classes:
                values = {"name": tag}
                return Party(PartyKind.CLASSROOM, "", tag, PartyStatus.TO_CREATE, values=values)
        names = {each.id: each.name for each in self.directory.classrooms}
        chosen = self.directory.default_classroom
        default = _default(PartyKind.CLASSROOM, chosen, names.get(chosen or 0, ""))
        if default is None or not tag:
            return default
        found = FoundProblem("class_not_found", self.about_learner, {"tag": tag})
        return replace(default, problem=found)

    # Qualifications

    def qualification(self, row: QualificationToCreate) -> PlannedQualification:
        planned = PlannedQualification(
            row.pk,
            row.label,
            row.reference,
            QualificationStatus.NO_REFERENCE,
            start_date=row.start_date,
            planned_end_date=row.planned_end_date,
        )
        code = identity.code(row.reference)
        if row.onefile_id is not None:
            return replace(planned, status=QualificationStatus.LINKED)
        if not row.uploaded or row.pk in self.choices.left_out:
            return replace(planned, status=QualificationStatus.LEFT_OUT)
        if not code:
            return planned
        if self.directory.standards is None:
            return replace(planned, status=QualificationStatus.NO_LIST)
        standards = self.directory.standards.get(code, ())
        if not standards:
            elsewhere = self.directory.elsewhere.get(code, ())
            absent = QualificationStatus.OTHER_CENTRE if elsewhere else QualificationStatus.NOT_IN_ONEFILE
            return replace(planned, status=absent, elsewhere=elsewhere)
        chosen = self.choices.pathways.get(row.pk)
        if chosen not in {each.id for each in standards}:
            chosen = standards[0].id if len(standards) == 1 else None
        planned = replace(planned, standards=standards, standard_id=chosen)
        if chosen is None:
            return replace(planned, status=QualificationStatus.CHOOSE)
        main = self.row.main_officer
        is_own = row.assessor is not None and (main is None or row.assessor.pk != main.pk)
        assessor = self.officer(row.assessor) if row.assessor is not None and is_own else None
        return replace(planned, status=QualificationStatus.AVAILABLE, assessor=assessor)

    # Why not, and what is left out

    @property
    def about_learner(self) -> Subject:
        person = self.row.person
        return Subject("learner", person.pk, person.onefile_id, person.label)

    def refusals(self, plan: EnrolmentPlan) -> Iterator[FoundProblem]:
        person, about = self.row.person, self.about_learner
        required = {
            "first_name": person.first_name,
            "last_name": person.surname,
            "email": person.email,
            "main_officer": plan.main_officer,
            "centre_id": plan.centre,
        }
        if missing := [name for name, value in required.items() if not value]:
            yield FoundProblem("enrol_missing", about, {"fields": ", ".join(missing)})
        if person.email and not _is_email(person.email):
            yield FoundProblem("enrol_not_valid", about, {"field": "email"})
        if person.date_of_birth is not None and person.date_of_birth > self.policy.today:
            yield FoundProblem("enrol_not_valid", about, {"field": "date_of_birth"})
        start, end = person.start_date, person.planned_end_date
        if start is not None and end is not None and end < start:
            yield FoundProblem("enrol_dates_wrong", about)
        if plan.centre is not None and plan.placement is None:
            yield FoundProblem("no_placement", about, {"centre": plan.centre.name})
        if plan.centre is not None and plan.classroom is None:
            yield FoundProblem("no_class", about, {"centre": plan.centre.name})
        for party in (plan.main_officer, plan.placement):
            if party is not None and not party.is_usable and party.problem is not None:
                yield party.problem
        yield from self.doubts_about(plan)
        yield from self.choices_to_make(plan)

    def refusals_of_additions(self, plan: EnrolmentPlan) -> Iterator[FoundProblem]:
        if plan.centre is None:
            yield FoundProblem("enrol_missing", self.about_learner, {"fields": "centre_id"})
        yield from self.choices_to_make(plan)
        if not any(each.is_created for each in plan.qualifications):
            yield FoundProblem("nothing_to_add", self.about_learner)

    def doubts_about(self, plan: EnrolmentPlan) -> Iterator[FoundProblem]:
        """Whether the learner may be in OneFile already."""
        about = self.about_learner
        if not self.findings.complete:
            yield FoundProblem("could_not_make_sure", about)
        ident = identity.mis_value(self.row.person.ident) if self.policy.send_mis_value else ""
        for match in plan.matches:
            here = plan.centre is None or match.person.centre_id in (None, plan.centre.id)
            if ident and here and identity.mis_value(match.person.mis_value) == ident:
                taken_by: dict[str, str | int] = {
                    "onefile_id": match.person.id,
                    "value": self.row.person.ident,
                }
                yield FoundProblem("mis_value_taken", about, taken_by)
        likely = [match for match in plan.matches if match.confidence in ASKS_FIRST]
        if likely and not self.choices.different_person:
            evidence = ", ".join(likely[0].matched_on)
            yield FoundProblem("may_exist", about, {"onefile_id": likely[0].person.id, "evidence": evidence})

    def choices_to_make(self, plan: EnrolmentPlan) -> Iterator[FoundProblem]:
        for each in plan.qualifications:
            if each.status is QualificationStatus.CHOOSE:
                about = Subject("qualification", each.pk, None, each.label)
                yield FoundProblem("choose_pathway", about, {"reference": each.reference})

    def problems(self, plan: EnrolmentPlan) -> Iterator[FoundProblem]:
        for value in plan.values:
            if value.problem is not None:
                yield value.problem
        if plan.classroom is not None and plan.classroom.problem is not None:
            yield plan.classroom.problem
        absent = (QualificationStatus.NOT_IN_ONEFILE, QualificationStatus.OTHER_CENTRE)
        for each in plan.qualifications:
            if each.status in absent:
                subject = Subject("qualification", each.pk, None, each.label)
                yield FoundProblem("not_in_onefile", subject, {"reference": each.reference})
            elif each.status is QualificationStatus.NO_LIST:
                yield FoundProblem("standards_not_read", Subject("qualification", each.pk, None, each.label))
        seen = {plan.main_officer.key} if plan.main_officer is not None else set()
        of_aims = (each.assessor for each in plan.qualifications)
        for party in (*of_aims, *plan.additional):
            if party is not None and party.key not in seen and not party.is_usable and party.problem:
                seen.add(party.key)
                yield party.problem


def _checked(about: Subject, name: str, value: str, usable: str, rule: str) -> SentValue:
    """A value that is left out, and reported, if it cannot be used."""
    if usable or not value:
        return SentValue(name, usable, rule)
    return SentValue(name, value, rule, FoundProblem("enrol_left_out", about, {"field": name}))


def _coded(about: Subject, name: str, value: str, code: str) -> SentValue:
    rule = f"enrol_{name}"
    if code or not value:
        return SentValue(name, code, rule)
    return SentValue(name, value, rule, FoundProblem("code_unknown", about, {"field": name, "value": value}))


def _cannot(party: Party, code: str, **details: str | int) -> Party:
    found = FoundProblem(code, party.subject, details)
    return replace(party, status=PartyStatus.CANNOT, onefile_id=None, values={}, problem=found)


def _default(kind: PartyKind, onefile_id: int | None, name: str) -> Party | None:
    return None if onefile_id is None else Party(kind, "", name, PartyStatus.DEFAULT, onefile_id)


def _given(values: Mapping[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in values.items() if comparable(value)}


def _same_name(record: NamedRecord, name: str) -> bool:
    return " ".join(record.name.split()).casefold() == " ".join(name.split()).casefold()


def _is_email(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True
