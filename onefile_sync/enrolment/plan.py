"""What is planned before a learner is created in OneFile, as plain data: what a person sees is what is created."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Any

from django.utils.crypto import salted_hmac

from onefile_sync.host.snapshot import Label, Value, comparable
from onefile_sync.linking.matching import Confidence
from onefile_sync.onefile.records import Centre, NamedRecord, Person, Standard
from onefile_sync.sync.planning.types import ONEFILE, FieldChange, FoundProblem, Subject

#: OneFile's levels of an assessor's assignment: an additional assessor, and the assessor of a learning aim.
LEVEL_ADDITIONAL = 1
LEVEL_OF_AIM = 3


class PartyKind(Enum):
    """What a learner in OneFile needs besides the learner. Values are stored."""

    ASSESSOR = "assessor"
    PLACEMENT = "placement"
    CLASSROOM = "class"


class PartyStatus(Enum):
    """What becomes of an officer, an employer or a class. Values are stable."""

    LINKED = "linked"
    SAME_MIS_VALUE = "same_mis_value"
    DEFAULT = "default"
    TO_CREATE = "to_create"
    POTENTIAL_MATCH = "potential_match"
    CANNOT = "cannot"


class QualificationStatus(Enum):
    """What becomes of a qualification. Values are stable."""

    AVAILABLE = "available"
    CHOOSE = "choose"
    NOT_IN_ONEFILE = "not_in_onefile"
    OTHER_CENTRE = "other_centre"
    LINKED = "linked"
    NO_REFERENCE = "no_reference"
    NO_LIST = "no_list"
    LEFT_OUT = "left_out"


@dataclass(frozen=True, slots=True)
class ListedRecord:
    """A user or placement of OneFile's kept lists that may be an officer or an employer of PICSWeb."""

    onefile_id: int
    name: str = field(repr=False)
    mis_value: str = ""
    email: str = field(default="", repr=False)
    centre: str = ""
    archived: bool | None = None


@dataclass(frozen=True, slots=True)
class Party:
    """An officer, employer or class that the learner needs in OneFile.

    ``pk`` is PICSWeb's primary key, ``""`` for a class. ``onefile_id`` is known if the record exists. ``values`` are
    what is sent to create it, by our names. ``records`` are those that may be the same, or that share its MIS Value.
    """

    kind: PartyKind
    pk: str
    label: Label = field(repr=False)
    status: PartyStatus
    onefile_id: int | None = None
    values: Mapping[str, Value] = field(default_factory=dict, repr=False)
    records: tuple[ListedRecord, ...] = ()
    problem: FoundProblem | None = None

    @property
    def is_usable(self) -> bool:
        return self.onefile_id is not None or self.status is PartyStatus.TO_CREATE

    @property
    def key(self) -> str:
        """What names the party in a person's choices."""
        return f"{self.kind.value}:{self.pk}"

    @property
    def subject(self) -> Subject:
        kinds = {PartyKind.ASSESSOR: "officer", PartyKind.PLACEMENT: "organisation"}
        return Subject(kinds.get(self.kind, "learner"), self.pk, self.onefile_id, self.label)


@dataclass(frozen=True, slots=True)
class SentValue:
    """One value of the learner, by our name for it (as in ``USER_NAMES``). A blank is shown, but never sent.

    ``problem`` says why a value of PICSWeb is left out.
    """

    name: str
    value: Value = field(repr=False)
    rule: str = ""
    problem: FoundProblem | None = None


@dataclass(frozen=True, slots=True)
class PlannedQualification:
    """A qualification of the learner and the standard it becomes a learning aim of.

    ``standards`` are those of its code in the centre, several of which are pathways. ``assessor`` is the learning
    aim's assessor where it is not the default assessor. ``elsewhere`` names other centres that have the code.
    """

    pk: str
    label: Label = field(repr=False)
    reference: str
    status: QualificationStatus
    standard_id: int | None = None
    standards: tuple[Standard, ...] = ()
    assessor: Party | None = None
    start_date: date | None = None
    planned_end_date: date | None = None
    elsewhere: tuple[str, ...] = ()

    @property
    def is_created(self) -> bool:
        return self.standard_id is not None and self.status is QualificationStatus.AVAILABLE


@dataclass(frozen=True, slots=True)
class PotentialMatch:
    """A OneFile learner who may be the same person. ``matched_on`` and ``differs`` are codes of evidence."""

    person: Person
    confidence: Confidence
    matched_on: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    centre: str = ""


@dataclass(frozen=True, slots=True)
class EnrolmentChoices:
    """What a person chose in the window; kept with the run.

    ``pathways`` are standards by the qualification's primary key. ``left_out`` are qualifications that are not sent.
    ``different_person``: the person has looked at the potential matches. ``create`` names the parties
    (:attr:`Party.key`) that are to be created although somebody may be the same.
    """

    centre_id: int | None = None
    pathways: Mapping[str, int] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()
    different_person: bool = False
    create: frozenset[str] = frozenset()

    def to_json(self) -> dict[str, Any]:
        return {
            "centre_id": self.centre_id,
            "pathways": dict(self.pathways),
            "left_out": sorted(self.left_out),
            "different_person": self.different_person,
            "create": sorted(self.create),
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> EnrolmentChoices:
        return cls(
            kept.get("centre_id"),
            {str(pk): int(standard) for pk, standard in kept.get("pathways", {}).items()},
            frozenset(kept.get("left_out", ())),
            bool(kept.get("different_person")),
            frozenset(kept.get("create", ())),
        )


@dataclass(frozen=True, slots=True)
class EnrolmentPlan:
    """Everything that creating one learner would do.

    ``is_linked``: the learner exists in OneFile already, and only qualifications are added. ``classroom``,
    ``placement`` and ``main_officer`` are ``None`` if PICSWeb names none and the centre has no default.
    ``invitation``: whether OneFile e-mails the learner; ``None`` if that is not known. ``refusals`` are why the learner
    cannot be created as things stand; ``problems`` are what is left out.
    """

    learner: Subject
    choices: EnrolmentChoices
    is_linked: bool = False
    centre: Centre | None = None
    centres: tuple[Centre, ...] = ()
    values: tuple[SentValue, ...] = ()
    placement: Party | None = None
    classroom: Party | None = None
    main_officer: Party | None = None
    additional: tuple[Party, ...] = ()
    qualifications: tuple[PlannedQualification, ...] = ()
    matches: tuple[PotentialMatch, ...] = ()
    reviews: int = 0
    invitation: bool | None = None
    refusals: tuple[FoundProblem, ...] = ()
    problems: tuple[FoundProblem, ...] = ()

    @property
    def can_create(self) -> bool:
        return not self.refusals

    @property
    def sent(self) -> Mapping[str, Value]:
        """The learner's own values that are sent, by our names; blanks and what is left out are not among them."""
        return {
            each.name: each.value for each in self.values if each.problem is None and comparable(each.value)
        }

    def parties(self) -> Iterator[Party]:
        """Each party once, in the order in which they are created."""
        seen = set()
        of_aims = (each.assessor for each in self.qualifications if each.is_created)
        for party in (self.placement, self.main_officer, *of_aims, *self.additional, self.classroom):
            if party is not None and party.key not in seen:
                seen.add(party.key)
                yield party

    def changes(self) -> Iterator[FieldChange]:
        """What would be written, in order: this is what the window shows and the ledger has as planned."""
        for party in self.parties():
            if party.status is PartyStatus.TO_CREATE:
                for name, value in party.values.items():
                    yield FieldChange(ONEFILE, party.subject, name, None, value, f"enrol_{party.kind.value}")
        for each in self.values:
            if each.name in self.sent:
                yield FieldChange(ONEFILE, self.learner, each.name, None, each.value, each.rule)
        for row in self.qualifications:
            if row.is_created:
                about = Subject("qualification", row.pk, None, row.label)
                yield FieldChange(ONEFILE, about, "standard_id", None, row.standard_id, "enrol_qualification")

    @property
    def digest(self) -> str:
        """What tells whether anything of the learner has changed since a person looked.

        Officers, the employer and the class count by who they are: they may have been created meanwhile.
        """
        rows = [
            [
                each.pk,
                each.status.value,
                each.standard_id,
                each.assessor.key if each.assessor is not None else None,
                comparable(each.start_date),
                comparable(each.planned_end_date),
            ]
            for each in self.qualifications
        ]
        return _digest(
            self.learner.pk,
            self.choices.to_json(),
            self.centre.id if self.centre is not None else None,
            _plain(self.sent),
            [each.key for each in self.parties()],
            [each.key for each in self.additional],
            rows,
        )

    @property
    def match_ids(self) -> list[int]:
        """The OneFile IDs of those who may be the same person."""
        return sorted(each.person.id for each in self.matches)

    @property
    def shown(self) -> str:
        """What tells whether a person still sees the same window."""
        return _digest(self.digest, self.creations, self.match_ids)

    @property
    def creations(self) -> list[str]:
        """What tells which officers, employers and classes would be created, and with which values."""
        return [
            _digest(party.key, _plain(party.values))
            for party in self.parties()
            if party.status is PartyStatus.TO_CREATE
        ]

    def covers(self, other: EnrolmentPlan) -> bool:
        """Whether somebody who has seen this plan has seen everything that the other one would create.

        The two differ by a person's answers only. A pathway that can be chosen here has been seen.
        """
        seen = {row.pk: {each.id for each in row.standards} for row in self.qualifications}
        return (
            self.centre == other.centre
            and self.sent == other.sent
            and set(other.creations) <= set(self.creations)
            and set(other.match_ids) <= set(self.match_ids)
            and all(row.standard_id in seen.get(row.pk, ()) for row in other.qualifications if row.is_created)
        )

    def is_as_shown(self, digest: str, creations: Collection[str], matches: Collection[int]) -> bool:
        """Whether nothing but what a person has seen would be created, beside nobody but whom they have seen."""
        return (
            self.digest == digest
            and set(self.creations) <= set(creations)
            and set(self.match_ids) <= set(matches)
        )


def _digest(*values: Any) -> str:
    return salted_hmac("onefile_sync.enrolment", json.dumps(values, sort_keys=True)).hexdigest()


def _plain(values: Mapping[str, Value]) -> dict[str, str]:
    return {name: comparable(value) for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class Findings:
    """The OneFile learners who may be the same person as a learner who is to be created.

    ``complete``: every search was answered to its end, and every item of it could be read.
    """

    people: tuple[Person, ...] = field(default=(), repr=False)
    complete: bool = True


@dataclass(frozen=True, slots=True)
class PartyRecords:
    """What OneFile has of one officer or employer in the centre.

    ``linked`` is the record to which the row is linked there; ``is_gone``: OneFile has archived it, or no longer lists
    it. ``same_mis_value`` are all with its MIS Value, archived ones included; ``alike`` are those who may be the same
    by e-mail or name, and are linked to nobody.
    """

    linked: int | None = None
    is_gone: bool = False
    same_mis_value: tuple[ListedRecord, ...] = ()
    alike: tuple[ListedRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class CentreDirectory:
    """What OneFile has in the centre where the learner is to be created.

    ``records`` are those of officers and employers, by kind and PICSWeb's primary key. ``standards`` are by the code as
    :func:`onefile_sync.linking.identity.code` returns it; ``None`` if the list was never read. ``elsewhere`` names the
    other centres that have a code. The two defaults are OneFile IDs. ``matches`` are the learners who may
    be the same person.
    """

    centre: Centre | None = None
    centres: tuple[Centre, ...] = ()
    records: Mapping[tuple[PartyKind, str], PartyRecords] = field(default_factory=dict)
    classrooms: tuple[NamedRecord, ...] = ()
    default_classroom: int | None = None
    default_placement: int | None = None
    default_placement_name: str = field(default="", repr=False)
    standards: Mapping[str, tuple[Standard, ...]] | None = None
    elsewhere: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    matches: tuple[PotentialMatch, ...] = ()
    invitation: bool | None = None


@dataclass(frozen=True, slots=True)
class EnrolmentPolicy:
    """The settings that the planning depends on, and the date. ``codes`` translates PICSWeb's codes, by field.

    ``create_missing``: people and employers who are not in OneFile are created with the learner.
    """

    today: date
    send_mis_value: bool = True
    create_missing: bool = True
    create_classes: bool = False
    classroom_from_main_tag: bool = False
    codes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
