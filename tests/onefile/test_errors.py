"""The error table: a test for each row, and that nothing falls through it."""

from __future__ import annotations

import ast
import pickle
from pathlib import Path

import pytest

from onefile_sync import onefile
from onefile_sync.onefile.errors import CASES, OneFileError, Repeat, Scope, case_for, case_of_status

R = Repeat
EXPECTED = {
    # code: (statuses, repeat, doubtful, scope)
    "bad_customer_token": ([], R.NEVER, False, Scope.RUN),
    "wrong_address": ([], R.NEVER, False, Scope.RUN),
    "session_refused": ([401], R.WITH_NEW_SESSION, False, Scope.RUN),
    "forbidden": ([403], R.WITH_NEW_SESSION, False, Scope.ITEM),
    "not_found": ([404, 410], R.NEVER, False, Scope.ITEM),
    "timed_out": ([408], R.AGAIN, True, Scope.ITEM),
    "conflict": ([409], R.NEVER, False, Scope.ITEM),
    "rate_limited": ([429], R.AFTER_PAUSE, False, Scope.RUN),
    "refused": ([400, 402, 405, 415, 422, 499], R.NEVER, False, Scope.ITEM),
    "server_error": ([500, 502, 503, 504, 599], R.AGAIN, True, Scope.ITEM),
    "bad_answer": ([], R.AGAIN, True, Scope.ITEM),
    "too_large": ([], R.NEVER, True, Scope.ITEM),
    "unreachable": ([], R.AGAIN, False, Scope.RUN),
    "cut_off": ([], R.AGAIN, True, Scope.ITEM),
    "redirected": ([300, 301, 302, 304, 307, 308], R.NEVER, False, Scope.RUN),
    "tls": ([], R.NEVER, False, Scope.RUN),
    "gone_wrong": ([100, 600, 999], R.NEVER, True, Scope.ITEM),
}


def test_the_table_has_each_case_once() -> None:
    assert sorted(case.code for case in CASES) == sorted(EXPECTED)


@pytest.mark.parametrize("code", EXPECTED)
def test_row(code: str) -> None:
    statuses, repeat, doubtful, scope = EXPECTED[code]
    case = case_for(code)
    assert (case.code, case.repeat, case.doubtful, case.scope) == (code, repeat, doubtful, scope)
    assert [status for status in statuses if case_of_status(status) is not case] == []


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_success_is_no_case(status: int) -> None:
    assert case_of_status(status) is None


def test_an_unknown_code_is_gone_wrong() -> None:
    assert OneFileError("of another age").case is case_for("gone_wrong")


def test_an_error_says_its_code_operation_and_status_and_no_more() -> None:
    assert str(OneFileError("refused", "create visit", 400, onefile_code=-11)) == "refused create visit 400"
    assert str(OneFileError("unreachable")) == "unreachable"


def test_an_error_carries_what_its_row_says() -> None:
    error = OneFileError("rate_limited", "read review", 429)
    assert (error.scope, error.unsure, error.onefile_code) == (Scope.RUN, False, None)
    assert OneFileError("bad_answer", scope=Scope.RUN).scope is Scope.RUN


def test_the_client_has_no_text_for_people() -> None:
    package = Path(onefile.__file__).parent
    imports = {
        module
        for path in package.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for module in _imported(node)
    }

    assert "requests" in imports
    assert {name for name in imports if name.startswith("django.utils")} == set()


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def test_an_error_survives_the_way_between_processes() -> None:
    error = OneFileError("cut_off", "create review", unsure=True, onefile_code=-57)
    twin = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert vars(twin) == vars(error)
    assert str(twin) == str(error)
