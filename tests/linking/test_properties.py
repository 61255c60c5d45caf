"""What holds of every matching, on invented people who have much in common."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onefile_sync.linking.matching import (
    CONTRADICTING,
    Confidence,
    Identity,
    Pair,
    match_learners,
    match_officers,
)

#: Few values for each field, so that people share them; the second and third stand for a slip of each other.
VALUES = {
    "centre": ["", "5741"],
    "mis": ["", "m1", "m2"],
    "uln": ["", "u1", "u2"],
    "ni": ["", "n1", "n2", "n3"],
    "email": ["", "e1", "e2"],
    "dob": ["", "d1", "d2", "d3"],
    "surname": ["", "jones", "thomas"],
    "first": ["", "thomas", "jones", "megan"],
}
ALIKE = {"n1": "near", "n2": "near", "d1": "near", "d2": "near"}

Level = Confidence


def identities(side: str) -> st.SearchStrategy[list[Identity]]:
    def identity(values: dict[str, Any]) -> Identity:
        alike = {
            f"{field}_alike": (ALIKE[values[field]],) for field in ("ni", "dob") if values[field] in ALIKE
        }
        return Identity(key="", **values, **alike)

    fields = {name: st.sampled_from(values) for name, values in VALUES.items()}
    people = st.fixed_dictionaries({**fields, "linked": st.sampled_from([False, False, False, True])})
    return st.lists(people.map(identity), max_size=5).map(
        lambda rows: [replace(row, key=f"{side}{number}") for number, row in enumerate(rows)]
    )


OURS, THEIRS = identities("ours"), identities("theirs")
MATCHES = pytest.mark.parametrize("match", [match_learners, match_officers], ids=["learners", "officers"])


def levels(pairs: list[Pair]) -> dict[tuple[str, str], tuple[Level, Level]]:
    return {(pair.ours, pair.theirs): (pair.level, pair.best) for pair in pairs}


@MATCHES
@settings(deadline=None)
@given(OURS, THEIRS, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(match: Any, ours: Any, theirs: Any, dice: Any) -> None:
    found = match(ours, theirs)
    assert match(dice.sample(ours, len(ours)), dice.sample(theirs, len(theirs))) == found


@MATCHES
@settings(deadline=None)
@given(OURS, THEIRS)
def test_either_side_may_be_called_ours(match: Any, ours: Any, theirs: Any) -> None:
    turned = {(one, other): level for (other, one), level in levels(match(theirs, ours)).items()}
    assert turned == levels(match(ours, theirs))


@MATCHES
@settings(deadline=None)
@given(OURS, THEIRS, st.booleans())
def test_an_unrelated_person_changes_nothing(match: Any, ours: Any, theirs: Any, in_onefile: bool) -> None:
    stranger = Identity(
        key="stranger",
        **{name: f"a stranger's {name}" for name in VALUES if name not in ("centre", "dob")},
        dob="d1",
    )
    more = (ours, [*theirs, stranger]) if in_onefile else ([stranger, *ours], theirs)
    assert match(*more) == match(ours, theirs)


@MATCHES
@settings(deadline=None)
@given(OURS, THEIRS)
def test_a_contradicted_pair_is_never_called_a_match(match: Any, ours: Any, theirs: Any) -> None:
    for pair in match(ours, theirs):
        assert bool(pair.contradictions) == (pair.best is Level.CONTRADICTED)
        if pair.contradictions:
            assert pair.level in {Level.CONTRADICTED, Level.SEVERAL}
        if pair.slips:
            assert pair.level is not Level.CERTAIN


@settings(deadline=None)
@given(OURS, THEIRS, st.sampled_from(CONTRADICTING))
def test_a_contradiction_never_raises_a_level(ours: Any, theirs: Any, field: str) -> None:
    """Once a value in OneFile differs from all in PICSWeb, no pair is worth more on its own."""
    before = {(pair.ours, pair.theirs): pair.best.rank for pair in match_learners(ours, theirs)}
    alike = {} if field == "uln" else {f"{field}_alike": ()}
    changed = [replace(row, **{field: "another", **alike}) for row in theirs]
    for pair in match_learners(ours, changed):
        assert pair.best.rank >= before.get((pair.ours, pair.theirs), 0)


@MATCHES
@settings(deadline=None)
@given(OURS, THEIRS, st.data())
def test_a_pair_that_is_not_the_same_has_no_part_in_the_choice(
    match: Any, ours: Any, theirs: Any, data: st.DataObject
) -> None:
    found = match(ours, theirs)
    if not found:
        return
    gone = data.draw(st.sets(st.sampled_from(sorted(levels(found))), min_size=1))
    left = match(ours, theirs, gone)
    assert not gone & levels(left).keys()
    # Without its rivals a pair no longer has to be chosen.
    for pair in left:
        rivals = [each for each in left if each.ours == pair.ours or each.theirs == pair.theirs]
        assert (pair.level is Level.SEVERAL) == (len(rivals) > 1)


@MATCHES
@settings(deadline=None)
@given(OURS, THEIRS)
def test_a_row_has_one_pair_of_its_own_or_several(match: Any, ours: Any, theirs: Any) -> None:
    rows: defaultdict[str, list[Pair]] = defaultdict(list)
    for pair in match(ours, theirs):
        rows[pair.ours].append(pair)
        rows[pair.theirs].append(pair)
    for pairs in rows.values():
        assert len(pairs) == 1 or {pair.level for pair in pairs} == {Level.SEVERAL}
    for pair in match(ours, theirs):
        alone = len(rows[pair.ours]) == len(rows[pair.theirs]) == 1
        assert (pair.level is Level.SEVERAL) != alone


@MATCHES
@settings(deadline=None)
@given(OURS, THEIRS)
def test_nobody_who_is_linked_is_in_a_pair(match: Any, ours: Any, theirs: Any) -> None:
    linked = {row.key for row in (*ours, *theirs) if row.linked}
    assert not linked & {key for pair in match(ours, theirs) for key in (pair.ours, pair.theirs)}
