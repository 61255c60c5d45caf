"""The table of synchronised fields: what each is called on both sides, what kind of value it has, which rule decides.

A field is declared here once. The mapping, the rows of PICSWeb and the records of OneFile, the plan, the staging table,
labels, system checks, the list of rules and the sandbox ask here each time they need it. Nothing may be worked out from
the table while a module is imported: a row that is added later would be missed.

Imports nothing of the package, so that everything else may import it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Kind(Enum):
    """What sort of value a field holds. The first three can be synchronised."""

    NUMBER = "number"
    TEXT = "text"
    DATE = "date"
    TIME = "time"
    ATTENDED = "attended"
    TYPE = "type"
    LEARNER = "learner"
    OFFICER = "officer"
    CONDITION = "condition"

    @property
    def blank(self) -> str | None:
        """What a field holds where nothing was entered."""
        return "" if self is Kind.TEXT else None


class Direction(Enum):
    """Which way a value may travel."""

    TO_PICSWEB = "OneFile → PICSWeb"
    BOTH = "both"
    TO_ONEFILE = "PICSWeb → OneFile"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class FieldRule:
    """How a field is decided on. ``text`` is what staff read beside a change; ``code`` is the field's name if empty."""

    direction: Direction
    text: Promise
    source: str
    code: str = ""


#: Each such field is decided on separately (R5).
TWO_WAY = FieldRule(
    Direction.BOTH,
    _("The blank side is filled from the other; where both have a value, OneFile's wins."),
    "seed, R5, R6",
)
#: The two figures make no sense without each other, so they are decided on together.
PROGRESS = FieldRule(
    Direction.TO_PICSWEB,
    _("Copied from OneFile; a qualification with units attached in PICSWeb is left alone."),
    "seed, R3, R4",
    code="elements",
)


@dataclass(frozen=True, slots=True)
class SynchronisedField:
    """A field of a qualification in PICSWeb and of its learning aim in OneFile.

    ``name`` is ours, and the key of the mapping; ``label`` is what PICSWeb's screens say; ``json_name`` is what OneFile
    says, unless ``AIM_NAMES`` has another name.
    """

    name: str
    label: Promise
    json_name: str
    kind: Kind
    rule: FieldRule

    @property
    def rule_code(self) -> str:
        return self.rule.code or self.name


# The JSON names of progress and of Certificate Received Date are documented nowhere, hence AIM_NAMES.
SYNCHRONISED: tuple[SynchronisedField, ...] = (
    SynchronisedField("total_elements", _("Total Elements"), "TotalElements", Kind.NUMBER, PROGRESS),
    SynchronisedField("elements_done", _("Elements Done"), "ElementsDone", Kind.NUMBER, PROGRESS),
    SynchronisedField(
        "registration_number",
        _("Registration Number"),
        "RegistrationNumber",
        Kind.TEXT,
        TWO_WAY,
    ),
    SynchronisedField(
        "registration_date",
        _("Registration Date"),
        "RegistrationDate",
        Kind.DATE,
        TWO_WAY,
    ),
    SynchronisedField(
        "certificate_applied_date",
        _("Certificate Applied For Date"),
        "CertificateAppliedDate",
        Kind.DATE,
        TWO_WAY,
    ),
    SynchronisedField(
        "certificate_received_date",
        _("Certificate Received Date"),
        "CertificateReceivedDate",
        Kind.DATE,
        TWO_WAY,
    ),
)


def synchronised_fields() -> tuple[SynchronisedField, ...]:
    """Every row of the table, as it is now."""
    return SYNCHRONISED


def two_way_fields() -> tuple[str, ...]:
    """The names of the fields that travel both ways."""
    return tuple(field.name for field in SYNCHRONISED if field.rule is TWO_WAY)


def kinds_by_name() -> dict[str, Kind]:
    """The kind of each synchronised field."""
    return {field.name: field.kind for field in SYNCHRONISED}


def blank_values() -> dict[str, str | None]:
    """A blank for each synchronised field."""
    return {field.name: field.kind.blank for field in SYNCHRONISED}
