"""Looks up the texts of a code: what happened, what to do about it and who acts.

Every code has exactly one row, in :mod:`.problems`, :mod:`.refusal_reasons`, :mod:`.link_refusals`,
:mod:`.enrolment_refusals`, :mod:`.enrolment_problems` or :mod:`.failures`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from django.utils.translation import gettext

from onefile_sync.models import Move

from .enrolment_problems import ENROLMENT_PROBLEMS
from .enrolment_refusals import ENROLMENT_REFUSALS
from .explanation import Explanation
from .failures import FAILURES, OF_LISTS
from .labels import field_label
from .link_refusals import LINK_REFUSALS
from .problems import PROBLEMS
from .refusal_reasons import REFUSALS

#: All rows.
CATALOGUE: tuple[Explanation, ...] = (
    *PROBLEMS,
    *REFUSALS,
    *LINK_REFUSALS,
    *ENROLMENT_REFUSALS,
    *ENROLMENT_PROBLEMS,
    *FAILURES,
)

_BY_CODE = {row.code: row for row in CATALOGUE}


def explain(code: str) -> Explanation:
    """The row of a code; the row of ``gone_wrong`` for an unknown code."""
    return _BY_CODE.get(code, _BY_CODE["gone_wrong"])


def why_not_read(code: str) -> str:
    """Why one of OneFile's lists could not be read."""
    return str(OF_LISTS.get(code, explain(code).text))


def remedy_by_hand(code: str) -> str:
    """What to do about a failure that no sync repeats, such as that of matching or linking, in the active language."""
    row = explain(code)
    if row.move is not Move.WAIT or row not in FAILURES:
        return str(row.remedy) % defaultdict(str)
    return gettext(
        "What was done until then is kept. No sync repeats this: start it again later. If it goes on for more than a "
        "day, tell your support team."
    )


def read_out(code: str, details: Mapping[str, str | int]) -> tuple[str, str]:
    """The text and remedy of a problem in the active language, filled in from ``details``."""
    row = explain(code)
    filled = defaultdict(str, {name: str(value) for name, value in details.items()})
    filled["field"] = field_label(filled["field"])
    named = [field_label(name) for name in filled["fields"].split(", ") if name]
    filled["fields"] = ", ".join(named) or gettext("no field was named")
    return row.report % (filled | _assessor(filled)), str(row.remedy) % filled


def _assessor(filled: Mapping[str, str]) -> dict[str, str]:
    """An assessor's name, if known, with the OneFile ID, which is what staff have to enter."""
    if "assessor_name" not in filled:
        return {}
    return {"assessor": gettext("%(assessor_name)s (OneFile ID %(assessor)s)") % filled}
