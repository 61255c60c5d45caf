"""The rows that the tables of docs/operations.md must have, as the code has them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from django.utils.functional import Promise

from onefile_sync.messages.catalogue import explain
from onefile_sync.messages.explanation import Explanation
from onefile_sync.messages.link_refusals import LINK_REFUSALS
from onefile_sync.messages.problems import PROBLEMS
from onefile_sync.messages.refusal_reasons import REFUSALS
from onefile_sync.onefile.errors import CASES, Scope
from onefile_sync.reporting.findings import AgeCheck
from onefile_sync.reporting.health_checks import all_checks

REACH = {Scope.ITEM: "this record", Scope.RUN: "everyone"}


def problem_rows() -> list[list[str]]:
    return [_row(row) for row in (*PROBLEMS, *(row for row in REFUSALS if row.safe))]


def case_rows() -> list[list[str]]:
    return [[*_row(explain(case.code)), REACH[case.scope]] for case in CASES]


def _row(row: Explanation) -> list[str]:
    return [f"`{row.code}`", _words(row.report), _words(row.remedy), str(row.move.label)]


def refusal_rows() -> list[list[str]]:
    return [[f"`{row.code}`", row.refusal] for row in REFUSALS]


def link_refusal_rows() -> list[list[str]]:
    return [_row(row) for row in LINK_REFUSALS]


def events(package: Path) -> dict[str, tuple[str, set[str]]]:
    """Every log event of the package: its level and the facts in it; ``...`` where there are more."""
    found = {}
    for file in package.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                for name, facts in _event_in(call, tree):
                    found[name] = (call.func.attr.upper(), facts)
    return found


def _event_in(call: ast.Call, tree: ast.Module) -> Iterator[tuple[str, set[str]]]:
    """The event that a call logs: by our own module, or by the client's logger, which knows nothing of ours."""
    assert isinstance(call.func, ast.Attribute)
    of, level = call.func.value, call.func.attr
    if not isinstance(of, ast.Name) or level not in (
        "debug",
        "info",
        "warning",
        "error",
        "exception",
        "critical",
    ):
        return
    if of.id == "events":
        assert isinstance(call.args[0], ast.Constant)
        yield call.args[0].value, {keyword.arg or "..." for keyword in call.keywords}
    elif of.id == "logger":
        extra = next(keyword.value for keyword in call.keywords if keyword.arg == "extra")
        written = (
            dict(zip(_texts(extra.keys), extra.values, strict=True)) if isinstance(extra, ast.Dict) else {}
        )
        named = next(
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            and ast.unparse(node.targets[0]) == ast.unparse(written["onefile"])
        )
        assert isinstance(named, ast.Dict)
        yield ast.literal_eval(written["onefile_event"]), set(_texts(named.keys))


def _texts(keys: list[ast.expr | None]) -> list[str]:
    return [ast.literal_eval(key) for key in keys if key is not None]


def bounds() -> dict[str, tuple[str, str]]:
    """From which age on the answer to a question of the health page is a warning, and from which on critical."""
    return {
        check.code: (_length(check.limits.warning), _length(check.limits.critical))
        for check in all_checks()
        if isinstance(check, AgeCheck)
    }


def _length(age: timedelta) -> str:
    for number, unit in (
        (age.days, "day"),
        (age // timedelta(hours=1), "hour"),
        (age // timedelta(minutes=1), "minute"),
    ):
        whole = age == timedelta(**{f"{unit}s": number})
        if number and whole:
            return f"{number} {unit}{'s' * (number != 1)}"
    raise AssertionError(age)


def _words(text: str | Promise) -> str:
    """A text with an ellipsis where a report has a value."""
    return re.sub(r"%\(\w+\)s", "…", str(text))
