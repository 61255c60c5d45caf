"""One row of the catalogue of messages."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise

from onefile_sync.models import Move


@dataclass(frozen=True, slots=True)
class Explanation:
    """What happened, what to do about it and who acts.

    ``text`` and ``remedy`` are whole sentences, filled in from the details of a problem. ``safe`` says what stays as it
    was, where ``text`` does not: reports need that, a refusal does not, as nothing was begun.
    """

    code: str
    move: Move
    text: Promise
    remedy: Promise
    safe: Promise | str = ""

    @property
    def report(self) -> str:
        """What happened and what stays as it was, in the reader's language; still to be filled in."""
        return f"{self.text} {self.safe}".rstrip()

    @property
    def refusal(self) -> str:
        """What happened and what to do, in the reader's language."""
        return f"{self.text} {self.remedy}"
