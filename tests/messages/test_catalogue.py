"""The catalogue of messages: exactly one row for each code that the package can report."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

import onefile_sync
from onefile_sync.messages.catalogue import CATALOGUE, explain, read_out
from onefile_sync.messages.enrolment_problems import ENROLMENT_PROBLEMS
from onefile_sync.messages.enrolment_refusals import ENROLMENT_REFUSALS
from onefile_sync.messages.explanation import Explanation
from onefile_sync.messages.failures import FAILURES
from onefile_sync.messages.problems import PROBLEMS, SAID_ONCE
from onefile_sync.messages.refusal_reasons import REFUSALS
from onefile_sync.models import Move
from onefile_sync.onefile.errors import CASES

PACKAGE = Path(onefile_sync.__file__).parent
SOURCES = {
    path.relative_to(PACKAGE): ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")
}
WHO_ACTS_ON_A_FAILURE = {
    "bad_customer_token": Move.YOURS,
    "wrong_address": Move.OURS,
    "session_refused": Move.OURS,
    "forbidden": Move.YOURS,
    "not_found": Move.YOURS,
    "timed_out": Move.WAIT,
    "conflict": Move.YOURS,
    "rate_limited": Move.WAIT,
    "refused": Move.YOURS,
    "server_error": Move.WAIT,
    "bad_answer": Move.WAIT,
    "too_large": Move.OURS,
    "unreachable": Move.WAIT,
    "cut_off": Move.WAIT,
    "redirected": Move.OURS,
    "tls": Move.OURS,
    "gone_wrong": Move.OURS,
}


def codes_given_to(*names: str) -> set[str]:
    """The codes that the package writes out in the first argument of a call to one of these."""
    return {
        code
        for tree in SOURCES.values()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in names and call.args
        for code in texts_in(call.args[0])
    }


def texts_in(tree: ast.AST) -> list[str]:
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def test_no_two_rows_have_one_code() -> None:
    counted = Counter(row.code for row in CATALOGUE)

    assert [code for code, rows in counted.items() if rows > 1] == []


def test_every_case_of_the_client_has_a_row_and_every_failure_a_case() -> None:
    assert [row.code for row in FAILURES] == [case.code for case in CASES]


def test_every_problem_that_the_exchange_finds_has_a_row() -> None:
    found = codes_given_to("FoundProblem", "NotTheLearner", "NotConnected")
    met_in_a_run = {row.code for row in (*PROBLEMS, *ENROLMENT_REFUSALS, *ENROLMENT_PROBLEMS)}
    met_in_a_run |= {row.code for row in REFUSALS if row.safe}

    assert len(found) > 25
    assert found - met_in_a_run == set()


def test_every_refusal_has_a_row_and_every_row_a_refusal() -> None:
    assert codes_given_to("Refusal", "NotConnected") == {row.code for row in REFUSALS}


def test_that_there_is_no_customer_token_is_written_once() -> None:
    written = [
        str(path)
        for path, tree in SOURCES.items()
        for text in texts_in(tree)
        if "no customer token" in text.lower()
    ]

    assert written == [str(Path("messages", "refusal_reasons.py"))]


@pytest.mark.parametrize("row", [*REFUSALS, *FAILURES], ids=lambda row: row.code)
def test_a_refusal_reads_as_whole_sentences(row: Explanation) -> None:
    assert "%" not in row.refusal
    assert all(str(part).endswith(".") for part in (row.text, row.remedy, row.safe) if part)
    assert row.remedy


@pytest.mark.parametrize("row", CATALOGUE, ids=lambda row: row.code)
def test_a_message_is_plain_english(row: Explanation) -> None:
    read = f"{row.report} {row.remedy}".lower()

    translated = ("whoever", "so many", "by itself", "by themselves", "through with", "at it.", "that very")
    assert [words for words in translated if words in read] == []


def test_every_row_of_a_problem_is_found_somewhere() -> None:
    elsewhere = {
        text for path, tree in SOURCES.items() if path.parts[0] != "messages" for text in texts_in(tree)
    }

    problems = (*PROBLEMS, *ENROLMENT_REFUSALS, *ENROLMENT_PROBLEMS)
    assert [row.code for row in problems if row.code not in elsewhere] == []


def test_what_is_said_once_is_a_problem() -> None:
    assert set(SAID_ONCE) <= {row.code for row in PROBLEMS}


@pytest.mark.parametrize("row", FAILURES, ids=lambda row: row.code)
def test_a_failure_says_what_happened_what_stays_safe_and_what_to_do(row: Explanation) -> None:
    assert str(row.text).endswith(".")
    assert any(
        word in str(row.remedy) for word in ("Nothing", "changed nothing", "keeps its values", "is kept")
    )
    asked_of = {
        Move.YOURS: ("Check", "Compare", "See whether"),
        Move.OURS: ("support team",),
        Move.WAIT: ("next sync", "later"),
    }
    assert row.move == WHO_ACTS_ON_A_FAILURE[row.code]
    assert any(words in str(row.remedy) for words in asked_of[row.move])


@pytest.mark.parametrize(("code", "setting"), [("tls", "CA_BUNDLE"), ("unreachable", "PROXY")])
def test_a_failure_of_the_office_network_names_its_setting(code: str, setting: str) -> None:
    assert setting in str(explain(code).remedy)


def test_a_code_of_an_earlier_version_is_explained_as_gone_wrong() -> None:
    assert explain("of_another_age") is explain("gone_wrong")


def test_a_problem_without_its_details_still_reads() -> None:
    text, _remedy = read_out("cannot_hold", {})

    assert "%" not in text
