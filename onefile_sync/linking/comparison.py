"""Compares a learner of PICSWeb with a OneFile user, value by value. Plain values only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Final

from onefile_sync.host.snapshot import PersonRow
from onefile_sync.onefile.records import Person

from . import identity


class Agreement(Enum):
    """How two values compare. *Blank*: at least one side has none."""

    AGREES = "agrees"
    DIFFERS = "differs"
    BLANK = "blank"


@dataclass(frozen=True, slots=True)
class ComparedValue:
    """A value of both records as text, with PICSWeb's name for it."""

    name: str
    ours: str = field(repr=False)
    theirs: str = field(repr=False)
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both records side by side.

    ``evidence`` and ``contradictions`` are codes of :mod:`onefile_sync.linking.matching`. With a contradiction, a
    person has to say that the two are the same all the same.
    """

    values: tuple[ComparedValue, ...]
    evidence: tuple[str, ...]
    contradictions: tuple[str, ...]

    @property
    def codes(self) -> list[str]:
        """As a link keeps them: contradictions have a leading minus."""
        return [*self.evidence, *(f"-{code}" for code in self.contradictions)]


Normalise = Callable[[str], str]

#: Code of the evidence, PICSWeb's name of the value, and the form in which it is compared.
_TEXTS: Final[tuple[tuple[str, str, str, Normalise], ...]] = (
    ("first", "first_name", "first_name", identity.first_given_name),
    ("surname", "surname", "last_name", identity.name),
    ("uln", "uln", "uln", identity.uln),
    ("ni", "ni_number", "ni_number", identity.ni_number),
    ("email", "email", "email", identity.email),
    ("mis", "ident", "mis_value", identity.mis_value),
)


def compare(ours: PersonRow, theirs: Person) -> Comparison:
    """Compare a learner with a OneFile user.

    Contradictions are different valid ULNs or NI numbers, and a name and a date of birth that both differ.
    """
    same = [
        code for code, ours_as, theirs_as in _comparable(ours, theirs) if ours_as and ours_as == theirs_as
    ]
    different = {
        code for code, ours_as, theirs_as in _comparable(ours, theirs) if "" not in (ours_as, theirs_as)
    } - set(same)
    contradictions: list[str] = [code for code in ("uln", "ni") if code in different]
    if "dob" in different and different & {"surname", "first"} and not _exchanged(ours, theirs):
        contradictions += [code for code in ("dob", "surname", "first") if code in different]
    return Comparison(tuple(_values(ours, theirs)), tuple(same), tuple(contradictions))


def _comparable(ours: PersonRow, theirs: Person) -> Iterator[tuple[str, str, str]]:
    """Code, PICSWeb's value and OneFile's, in the form in which they are compared."""
    for code, name, their_name, normalise in _TEXTS:
        yield code, normalise(getattr(ours, name)), normalise(getattr(theirs, their_name))
    yield "dob", identity.date_of_birth(ours.date_of_birth), identity.date_of_birth(theirs.date_of_birth)


def _exchanged(ours: PersonRow, theirs: Person) -> bool:
    """Whether first name and surname changed places."""
    one = identity.name(ours.first_name), identity.name(ours.surname)
    return one == (identity.name(theirs.last_name), identity.name(theirs.first_name))


def _values(ours: PersonRow, theirs: Person) -> Iterator[ComparedValue]:
    """Each value as it is shown. Texts agree if they are the same without spaces and case."""
    born, started = "date_of_birth", "start_date"
    yield _shown("first_name", ours.first_name, theirs.first_name, identity.name)
    yield _shown("surname", ours.surname, theirs.last_name, identity.name)
    yield _shown(born, _date_text(ours.date_of_birth), _date_text(theirs.date_of_birth))
    yield _shown("uln", ours.uln, theirs.uln)
    yield _shown("ni_number", ours.ni_number, theirs.ni_number)
    yield _shown("email", ours.email, theirs.email)
    yield _shown("ident", ours.ident, theirs.mis_value)
    yield _shown(started, _date_text(ours.start_date), _date_text(theirs.start_date))
    yield _shown("centre_id", str(ours.centre_id or ""), str(theirs.centre_id or ""))


def _shown(name: str, ours: str, theirs: str, normalise: Normalise = identity.mis_value) -> ComparedValue:
    if not ours.strip() or not theirs.strip():
        return ComparedValue(name, ours, theirs, Agreement.BLANK)
    is_same = ours == theirs or normalise(ours) == normalise(theirs)
    return ComparedValue(name, ours, theirs, Agreement.AGREES if is_same else Agreement.DIFFERS)


def _date_text(day: date | None) -> str:
    """As staff see dates. 1 January 1900 stands for an unknown one."""
    return f"{day:%d/%m/%Y}" if day is not None and identity.date_of_birth(day) else ""
