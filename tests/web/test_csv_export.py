"""What a spreadsheet program would run as a formula is shown to it as text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest

from onefile_sync.web.csv_export import csv_response


def cells(*rows: tuple[object, ...]) -> list[list[str]]:
    content = csv_response("table", ["Name"], rows).getvalue().decode()
    return list(csv.reader(io.StringIO(content.removeprefix("\ufeff"))))[1:]


@pytest.mark.parametrize("beginning", ["=", "+", "-", "@", "\t", "\r"])
def test_a_formula_is_made_text(beginning: str) -> None:
    assert cells((f"{beginning}cmd|'/c calc'!A0",)) == [[f"'{beginning}cmd|'/c calc'!A0"]]


def test_other_texts_and_numbers_stay_as_they_are() -> None:
    assert cells(("Siân, O'Connor", 'a "b"', "a=b", -5, None)) == [
        ["Siân, O'Connor", 'a "b"', "a=b", "-5", ""]
    ]


def test_a_line_break_stays_within_its_cell() -> None:
    assert cells(("one\r\n=two", "x")) == [["one\r\n=two", "x"]]


def test_rows_are_sent_as_they_come() -> None:
    taken = []

    def rows() -> Iterator[tuple[int]]:
        for number in range(3):
            taken.append(number)
            yield (number,)

    response = csv_response("table", ["Number"], rows())
    parts = iter(response)
    assert [next(parts), next(parts), next(parts)] == ["\ufeff".encode(), b"Number\r\n", b"0\r\n"]
    assert taken == [0]
    assert response["Content-Disposition"] == 'attachment; filename="table.csv"'
