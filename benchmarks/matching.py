"""Time and memory of matching everybody on two sides, and how many pairs it finds. No calls, no database."""

from __future__ import annotations

import random
import time
import tracemalloc
from dataclasses import replace
from datetime import date

from onefile_sync.linking.matching import (
    IDENTIFIERS,
    PERSON_FIELDS,
    Confidence,
    Identity,
    Pair,
    match_learners,
)
from onefile_sync.sandbox.demo_data.provider import build
from tests.linking.demo import both_sides

from .report import Bar

#: The share of the rows of each side that have one field wrong.
WRONG = 0.05
TODAY = date(2026, 5, 4)
#: What changes with a field.
ALIKE = {"dob": "dob_alike", "ni": "ni_alike"}


def matching(learners: int, seed: int = 1) -> list[Bar]:
    """Match the learners of the invented provider, twice: for the time, and for the memory, which takes longer."""
    ours, theirs, truth = both_sides(build(learners, seed, TODAY, two_centres=True).learners)
    wrong_ours, wrong_theirs, _ = both_sides(
        build(learners, seed, TODAY, two_centres=True, errors_percent=100).learners
    )
    ours, theirs = with_mistakes(ours, wrong_ours, seed), with_mistakes(theirs, wrong_theirs, seed + 1)

    started = time.perf_counter()
    found = match_learners(ours, theirs)
    seconds = time.perf_counter() - started
    tracemalloc.start()
    match_learners(ours, theirs)
    memory = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()

    sizes = f"{len(ours):,} × {len(theirs):,}"
    bars = [
        *against_truth(f"{sizes}, one field wrong in 5 % of each side", ours, theirs, truth, found),
        Bar(f"seconds of matching, {sizes}, at most 60", f"{seconds:.2f}", seconds <= 60),
        Bar(f"peak memory of matching, {sizes}, at most 300 MB", f"{memory:.0f} MB", memory <= 300),
    ]
    sides = both_sides(build(learners, seed, TODAY, two_centres=True, errors_percent=5).learners)
    return [
        *bars,
        *against_truth(f"{sizes}, 5 % of each field wrong", *sides, match_learners(*sides[:2])),
    ]


def against_truth(
    what: str,
    ours: list[Identity],
    theirs: list[Identity],
    truth: set[tuple[str, str]],
    found: list[Pair],
) -> list[Bar]:
    certain = {(pair.ours, pair.theirs) for pair in found if pair.level is Confidence.CERTAIN}
    strong = {(pair.ours, pair.theirs) for pair in found if pair.level is Confidence.STRONG}
    rows = {row.key: row for row in (*ours, *theirs)}
    identified = {pair for pair in truth if have_in_common(rows[pair[0]], rows[pair[1]])}
    shown = identified & {(pair.ours, pair.theirs) for pair in found}
    share = len((certain | strong) & truth) / len(truth)
    return [
        Bar(f"wrong pairs ticked, {what}, none", str(len(certain - truth)), certain <= truth),
        Bar(
            f"true pairs certain or strong, {what}, at least 90 %",
            f"{share:.1%}; certain {len(certain & truth) / len(truth):.1%}",
            share >= 0.9,
        ),
        Bar(
            f"true pairs shown that share ULN, NI number or MIS Value, {what}, all",
            f"{len(shown):,} of {len(identified):,}",
            shown == identified,
        ),
    ]


def with_mistakes(right: list[Identity], all_wrong: list[Identity], seed: int) -> list[Identity]:
    """The rows, one in twenty with one field wrong."""
    dice = random.Random(seed)  # noqa: S311 - must be repeatable, not secret
    chosen = set(dice.sample(range(len(right)), round(WRONG * len(right))))
    return [
        _with_mistake(row, wrong, dice) if number in chosen else row
        for number, (row, wrong) in enumerate(zip(right, all_wrong, strict=True))
    ]


def _with_mistake(row: Identity, wrong: Identity, dice: random.Random) -> Identity:
    """The row with one of the fields that differ in ``wrong``. A PICSWeb learner's Ident is right in both."""
    field = dice.choice([name for name in PERSON_FIELDS if getattr(row, name) != getattr(wrong, name)])
    values = {name: getattr(wrong, name) for name in (field, ALIKE.get(field)) if name}
    return replace(row, **values)


def have_in_common(one: Identity, other: Identity) -> bool:
    """Whether one of the numbers is the same on both sides."""
    return any(getattr(one, name) == getattr(other, name) != "" for name in IDENTIFIERS)
