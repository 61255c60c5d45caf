"""Which records are the same, said in the words of the people who have to decide."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from onefile_sync.linking.matching import (
    Confidence,
    Identity,
    OrganisationIdentity,
    match_learners,
    match_officers,
    match_organisations,
)

CERTAIN, STRONG, POSSIBLE, CONTRADICTED, SEVERAL = Confidence

ULN, OTHER_ULN = "1000000043", "2000000053"
JANE: dict[str, Any] = {
    "mis": "l00012",
    "uln": ULN,
    "ni": "QQ123456",
    "email": "jane@mail.example",
    "dob": "2004-03-12",
    "surname": "smith",
    "first": "jane",
}


def jane(key: str, *fields: str, **values: Any) -> Identity:
    """Jane as one side has her: with these fields only, or with all, and with other ``values``."""
    return Identity(key=key, **{**{name: JANE[name] for name in fields or JANE}, **values})


def levels(
    ours: Collection[Identity], theirs: Collection[Identity], **options: Any
) -> dict[tuple[str, str], Confidence]:
    return {(pair.ours, pair.theirs): pair.level for pair in match_learners(ours, theirs, **options)}


@pytest.mark.parametrize(
    ("agree", "level"),
    [
        ("uln surname dob", CERTAIN),
        ("ni surname dob", CERTAIN),
        ("mis surname dob", CERTAIN),
        ("uln surname", STRONG),
        ("ni dob", STRONG),
        ("mis surname", STRONG),
        ("email first surname dob", STRONG),
        ("mis uln ni email first", POSSIBLE),
        ("email surname", POSSIBLE),
        ("first surname dob", POSSIBLE),
        ("uln", POSSIBLE),
        ("ni", POSSIBLE),
        ("mis", POSSIBLE),
        ("email first dob", None),
        ("first surname email", POSSIBLE),
        ("first surname", None),
        ("surname dob", None),
        ("email", None),
        ("dob", None),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else getattr(value, "value", None),
)
def test_the_confidence_follows_from_what_agrees(agree: str, level: Confidence | None) -> None:
    found = match_learners([jane("a")], [jane("1", *agree.split())])
    assert [pair.level for pair in found] == ([level] if level else [])
    assert all(set(pair.evidence) == set(agree.split()) for pair in found)


@pytest.mark.parametrize(
    ("field", "value"),
    [("uln", OTHER_ULN), ("ni", "QQ654321"), ("dob", "1999-09-09")],
    ids=["uln", "ni", "dob"],
)
def test_a_number_or_a_birthday_that_differs_is_never_called_a_match(field: str, value: str) -> None:
    (pair,) = match_learners([jane("a")], [jane("1", **{field: value})])
    assert (pair.level, pair.best, pair.contradictions) == (CONTRADICTED, CONTRADICTED, (field,))
    assert field not in pair.evidence


def test_officers_and_employers_are_paired() -> None:
    (pair,) = match_officers([jane("a", "mis", "surname")], [jane("1", "mis", "surname", "first")])
    assert pair.level is CERTAIN
    (pair,) = match_organisations(
        [OrganisationIdentity(key="a", mis="org1", name="cafebronteltd", core="cafebronte")],
        [OrganisationIdentity(key="1", mis="", name="cafebronte", core="cafebronte")],
    )
    assert (pair.level, pair.evidence) == (POSSIBLE, ("core",))
