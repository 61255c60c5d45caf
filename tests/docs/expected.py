"""The rows that the tables of docs/operations.md must have, as the code has them."""

from __future__ import annotations

import re

from django.utils.functional import Promise

from onefile_sync.models import Move
from onefile_sync.onefile.errors import CASES, Scope
from onefile_sync.sync import probe, refusals
from onefile_sync.sync.problems import CATALOGUE
from onefile_sync.sync.refusals import Refusal

REACH = {Scope.ITEM: "this record", Scope.RUN: "everyone"}


def catalogue_rows() -> list[list[str]]:
    return [
        [f"`{row.code}`", _words(row.text), _words(row.remedy), str(Move(row.move).label)]
        for row in CATALOGUE
    ]


def case_rows() -> list[list[str]]:
    return [
        [
            f"`{case.code}`",
            _words(case.text),
            _words(case.remedy),
            str(Move(case.move).label),
            REACH[case.scope],
        ]
        for case in CASES
    ]


def refusal_rows() -> list[list[str]]:
    named = {**vars(refusals), **vars(probe)}
    known = dict.fromkeys(each for each in named.values() if isinstance(each, Refusal))
    return [[f"`{refusal.code}`", str(refusal.reason)] for refusal in known]


def _words(text: str | Promise) -> str:
    """A text with an ellipsis where a report has a value."""
    return re.sub(r"%\(\w+\)s", "…", str(text))
