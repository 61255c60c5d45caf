"""One row of the catalogue of messages."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise

from onefile_sync.models import Move


@dataclass(frozen=True, slots=True)
class Explanation:
    """What happened, what to do about it and who acts.

    ``text`` and ``remedy`` are whole sentences with placeholders for a problem's details. ``safe`` says what stays
    unchanged, if ``text`` does not; reports include it, refusals do not, as nothing was begun.
    """

    code: str
    move: Move
    text: Promise
    remedy: Promise
    safe: Promise | str = ""

    @property
    def report(self) -> str:
        """What happened and what stays unchanged, in the active language, with placeholders."""
        return f"{self.text} {self.safe}".rstrip()

    @property
    def refusal(self) -> str:
        """What happened and what to do, in the active language."""
        return f"{self.text} {self.remedy}"
