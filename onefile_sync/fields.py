"""The table of synchronised fields: their names on both sides, the kind of their values, and the rule that decides.

A field is declared here once. The mapping, PICSWeb's rows, OneFile's records, the plan, the staging table, labels,
system checks, the list of rules and the sandbox read the table whenever they need it. Nothing may be derived from it
while a module is imported, as a row that is added later would be missed.

Imports nothing else from the package, so that every module may import it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Kind(Enum):
    """The kind of a field's value. The first three can be synchronised."""

    NUMBER = "number"
    TEXT = "text"
    DATE = "date"
    TIME = "time"
    ATTENDED = "attended"
    TYPE = "type"
    LEARNER = "learner"
    OFFICER = "officer"
    OFFICERS = "officers"
    ORGANISATION = "organisation"
    CONDITION = "condition"
    CODE = "code"

    @property
    def blank(self) -> str | None:
        """The value of a blank field."""
        return "" if self is Kind.TEXT else None


class Direction(Enum):
    """Which way a value may travel."""

    TO_PICSWEB = "OneFile → PICSWeb"
    BOTH = "both"
    TO_ONEFILE = "PICSWeb → OneFile"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class FieldRule:
    """The rule for a field. ``text`` is shown to staff beside a change; an empty ``code`` means the field's name."""

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

    ``name`` is ours, and the key in the mapping; ``label`` is the name on PICSWeb's screens; ``json_name`` is OneFile's
    name, unless ``AIM_NAMES`` has another one.
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
    return tuple(field.name for field in SYNCHRONISED if field.rule.direction is Direction.BOTH)


def kinds_by_name() -> dict[str, Kind]:
    """The kind of each synchronised field."""
    return {field.name: field.kind for field in SYNCHRONISED}


def blank_values() -> dict[str, str | None]:
    """A blank for each synchronised field."""
    return {field.name: field.kind.blank for field in SYNCHRONISED}
