"""One row of the catalogue of messages."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise

from onefile_sync.models import Move


@dataclass(frozen=True, slots=True)
class Explanation:
    """What happened, what to do about it and who acts.

    ``text`` and ``remedy`` are whole sentences, filled in from the details of a problem.
    """

    code: str
    move: Move
    text: Promise
    remedy: Promise
