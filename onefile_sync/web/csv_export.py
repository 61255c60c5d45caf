"""Tables as CSV files that spreadsheet programs can open safely."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence

from django.http import StreamingHttpResponse

#: A cell that begins with one of these is a formula to a spreadsheet program, which would run it.
_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
#: Excel takes a file without this mark for one of the computer's old code page.
_BYTE_ORDER_MARK = "\ufeff"


def csv_response(
    filename: str, header: Sequence[object], rows: Iterable[Sequence[object]]
) -> StreamingHttpResponse:
    """A download of a table, sent row by row. ``filename`` is plain ASCII, without an ending.

    Texts are shown and not run by spreadsheet programs: those that look like a formula get an apostrophe in front.
    """
    response = StreamingHttpResponse(csv_lines(header, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{filename}.csv"'
    return response


def csv_lines(header: Sequence[object], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The lines of such a file, with their line ends."""
    writer = csv.writer(_Echo())
    yield _BYTE_ORDER_MARK
    yield writer.writerow([_cell(each) for each in header])
    for row in rows:
        yield writer.writerow([_cell(each) for each in row])


class _Echo:
    """What the writer writes to. Its ``writerow`` returns what this returns."""

    def write(self, line: str) -> str:
        return line


def _cell(value: object) -> object:
    """The value of a cell. Numbers stay numbers; everything else, such as a lazy translation, becomes text."""
    if value is None or isinstance(value, int | float):
        return value
    text = str(value)
    return f"'{text}" if text.startswith(_BEGINS_A_FORMULA) else text
