"""A string that tracebacks do not show."""

from __future__ import annotations


class Secret(str):
    """A string that tracebacks and error reports show as asterisks, even if they show local variables.

    Only its ``repr`` is hidden. Strings derived from it, such as ``secret.strip()``, are ordinary strings.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'********'"
