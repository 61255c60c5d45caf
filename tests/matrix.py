"""Tests with many parameters: ``make test`` runs a part of the cases, ``make test-exhaustive`` runs the others.

The part is the same every time, and each value of each parameter is in it. Of three parameters with two values each it
holds every pair of values. Whatever the other parameters are, a case is run on one of the hosts, which take turns; so
do the values of a parameter that the marker names: ``pytest.mark.matrix("once")``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import fields
from typing import Any
from zlib import crc32

import pytest

from onefile_sync.sandbox.switches import Switches

#: The smallest part: one case in so many.
ONE_IN_AT_MOST = 4


def mark_exhaustive(items: Sequence[pytest.Item]) -> None:
    """Mark the cases that ``make test`` leaves out of each test that has the marker "matrix"."""
    tests: dict[str, list[Any]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("matrix") and hasattr(item, "callspec"):
            tests[item.nodeid.partition("[")[0]].append(item)
    for name, cases in tests.items():
        in_turn = {"host", *cases[0].get_closest_marker("matrix").args}
        chosen = selection([values_of(case) for case in cases], crc32(name.encode()), in_turn)
        if not chosen:
            raise pytest.UsageError(f"{name}: no part of its cases holds every value of every parameter")
        for number, case in enumerate(cases):
            if number not in chosen:
                case.add_marker(pytest.mark.exhaustive)


def values_of(case: Any) -> dict[str, object]:
    """A case's value of each parameter; those that one parametrize gives together are one."""
    together: dict[str, str] = {}
    for marker in case.iter_markers("parametrize"):
        names = marker.args[0]
        if not isinstance(names, str):
            together |= dict.fromkeys(names, ", ".join(names))
    values: dict[str, Any] = defaultdict(tuple)
    for name, value in case.callspec.params.items():
        values[together.get(name, name)] += (id(value),)
    return dict(values)


def selection(
    cases: Sequence[dict[str, object]], turn: int, in_turn: Collection[str] = ("host",)
) -> set[int]:
    """Which of the cases hold each value of each parameter; empty if they are no full product of them.

    Each is run on one host, and with one value of each parameter ``in_turn``. ``turn`` says which is the first.
    """
    columns = {name: numbered([case[name] for case in cases]) for name in cases[0]}
    turns = [columns.pop(name) for name in sorted(in_turn) if name in columns] or [(0,) * len(cases)]
    ways = numbered(list(zip(*turns, strict=True)))
    *_fewer, second, _most = sorted([1, 1, *(len(set(column)) for column in columns.values())])
    one_in = min(second, ONE_IN_AT_MOST)
    chosen = set()
    for number, way in enumerate(ways):
        at, left_over = divmod(sum(column[number] for column in columns.values()), one_in)
        if left_over == 0 and (at + turn) % len(set(ways)) == way:
            chosen.add(number)
    complete = all({column[number] for number in chosen} == set(column) for column in columns.values())
    return chosen if complete else set()


def numbered(values: Sequence[object]) -> tuple[int, ...]:
    """Each value's number, in the order in which they come first."""
    known: dict[object, int] = {}
    return tuple(known.setdefault(value, len(known)) for value in values)


def first_of_each(rows: Sequence[tuple[Any, ...]], *columns: int) -> list[Any]:
    """Parameters: the rows, of which those are exhaustive that have the same in these columns as one before them."""
    known: set[tuple[Any, ...]] = set()
    parameters = []
    for row in rows:
        key = tuple(row[column] for column in columns)
        parameters.append(pytest.param(*row, marks=pytest.mark.exhaustive if key in known else ()))
        known.add(key)
    return parameters


def mixed_switches(**fixed: Any) -> list[Any]:
    """Parameters: a few OneFiles in which each alternative of each switch of the sandbox is met, but for the fixed."""
    values = {
        switch.name: (switch.default, *switch.metadata["alternatives"])
        for switch in fields(Switches)
        if "alternatives" in switch.metadata
    }
    return [
        pytest.param(Switches(**mixture | {"rate_limit": 0} | fixed), id=f"mixture {number}")
        for number in range(max(map(len, values.values())))
        for mixture in [
            {name: among[(number + at) % len(among)] for at, (name, among) in enumerate(values.items())}
        ]
    ]
