"""A text that nobody should read in a traceback."""

from __future__ import annotations


class Secret(str):
    """A text that tracebacks and error reports show as stars, also where they show local variables.

    Only its ``repr`` is hidden. What is made of it, such as ``secret.strip()``, is an ordinary text again.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'********'"
