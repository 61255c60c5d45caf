"""Puts mistakes into what the two sides say of the same person or employer, as people make them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, Final, TypeVar

from . import names
from .demo_data import Provider
from .identifiers import uln

Side = TypeVar("Side")

Mistake = Callable[[Any, random.Random], Any]


def with_mistakes(provider: Provider, percent: int, seed: int) -> Provider:
    """The provider with ``percent`` of the fields that identify somebody wrong or blank, on each side.

    PICSWeb's Idents and all OneFile IDs stay right. The same seed and percentage make the same mistakes.
    """
    ours = _Clerk(percent, f"PICSWeb {seed}")
    theirs = _Clerk(percent, f"OneFile {seed}")
    return replace(
        provider,
        officers=tuple(ours.copy(officer, _OFFICER) for officer in provider.officers),
        organisations=tuple(
            ours.copy(organisation, _ORGANISATION) for organisation in provider.organisations
        ),
        assessors=tuple(theirs.copy(assessor, _USER) for assessor in provider.assessors),
        placements=tuple(theirs.copy(placement, _PLACEMENT) for placement in provider.placements),
        learners=tuple(
            replace(
                learner,
                picsweb=ours.copy(learner.picsweb, _LEARNER),
                onefile=learner.onefile
                and replace(learner.onefile, user=theirs.copy(learner.onefile.user, _USER)),
            )
            for learner in provider.learners
        ),
    )


class _Clerk:
    """Copies records by hand."""

    def __init__(self, percent: int, seed: str) -> None:
        self.chance = percent / 100
        self.dice = random.Random(seed)  # noqa: S311 - must be repeatable, not secret

    def copy(self, record: Side, fields: Mapping[str, Mistake]) -> Side:
        wrong = {}
        for name, mistake in fields.items():
            value = getattr(record, name)
            if value and self.dice.random() < self.chance:
                wrong[name] = mistake(value, self.dice)
        return replace(record, **wrong)  # type: ignore[type-var]


def _mistyped(text: str, dice: random.Random) -> str:
    """Two different neighbours change places; where there are none, a letter is doubled."""
    places = [at for at in range(len(text) - 1) if text[at].casefold() != text[at + 1].casefold()]
    if not places:
        return text[0] + text
    at = dice.choice(places)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _mistyped_or_blank(text: str, dice: random.Random) -> str:
    return "" if dice.random() < 0.5 else _mistyped(text, dice)


def _other_surname(name: str, dice: random.Random) -> str:
    """Mistyped, or the name before or after a marriage."""
    if dice.random() < 0.5:
        return _mistyped(name, dice)
    return dice.choice([other for other in names.SURNAMES if other != name])


def _other_email(email: str, dice: random.Random) -> str:
    """None, or a private address."""
    return "" if dice.random() < 0.5 else email.partition("@")[0] + "@mail.example"


def _other_day(day: date, dice: random.Random) -> date:
    """Day and month changed over, else another year."""
    if day.day <= 12 and day.day != day.month:
        return day.replace(month=day.day, day=day.month)
    return day.replace(year=day.year + dice.choice((-1, 1)), day=min(day.day, 28))


def _other_uln(number: str, dice: random.Random) -> str:
    """Missing, mistyped so that the check digit is wrong, or valid but belonging to no learner here."""
    roll = dice.random()
    if roll < 0.4:
        return ""
    return _mistyped(number, dice) if roll < 0.8 else uln(int(number[4:9]), dice.randint(10**9, 10**10 - 1))


_LEARNER: Final[Mapping[str, Mistake]] = {
    "first_name": _mistyped,
    "surname": _other_surname,
    "email": _other_email,
    "date_of_birth": _other_day,
    "uln": _other_uln,
    "ni_number": _mistyped_or_blank,
}
_OFFICER: Final[Mapping[str, Mistake]] = {
    "first_name": _mistyped,
    "surname": _other_surname,
    "email": _other_email,
}
_ORGANISATION: Final[Mapping[str, Mistake]] = {"name": _mistyped}
_USER: Final[Mapping[str, Mistake]] = {
    "first_name": _mistyped,
    "last_name": _other_surname,
    "email": _other_email,
    "dob": _other_day,
    "uln": _other_uln,
    "nino": _mistyped_or_blank,
    "misid": _mistyped_or_blank,
}
_PLACEMENT: Final[Mapping[str, Mistake]] = {"name": _mistyped, "misid": _mistyped_or_blank}
