"""One rule of what is exchanged, as people read it."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise

from onefile_sync.fields import Direction


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``text`` is shown to staff beside each change made by the rule."""

    code: str
    about: Promise
    direction: Direction
    text: Promise
    source: str
