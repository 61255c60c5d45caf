"""Describes values without revealing them: the kind of a value, and the format of a date."""

from __future__ import annotations

import re

from onefile_sync.onefile import parsing

DATE, UNREADABLE_DATE = "date ", "unreadable date "

#: A property name chosen by a programmer. Anything else could be personal data or a terminal escape sequence.
_PROPERTY_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_NAME_OF_A_DATE = re.compile(r"Date|Time|DOB|Modified|(On|For|Start|End|From|To|At)$")


def shown(name: str) -> str:
    """The name of a property, or a placeholder if it does not look like one."""
    return name if _PROPERTY_NAME.fullmatch(name) else "(a name that is not shown)"


def kind_of(name: str, value: object) -> str:
    """The kind of a value; for a date its format, with ``d`` for each digit.

    In the format of a date that the sync cannot read, ``a`` stands for a letter or for a sign that dates do not have.
    """
    match value:
        case None:
            return "null"
        case bool():
            return "yes or no"
        case int():
            return "whole number"
        case float():
            return "number"
        case str():
            return _kind_of_text(name, value.strip())
        case list():
            return "list"
    return "object"


def is_date(kind: str) -> bool:
    return kind.startswith((DATE, UNREADABLE_DATE))


def _kind_of_text(name: str, text: str) -> str:
    if not text:
        return "empty text"
    if parsing.is_moment(text):
        return DATE + re.sub(r"[0-9]", "d", text)
    if _NAME_OF_A_DATE.search(name) and any(character.isdigit() for character in text):
        return UNREADABLE_DATE + "".join(map(_hidden, text[:40]))
    return "text"


def _hidden(character: str) -> str:
    if character.isdigit():
        return "d"
    return character if character in " -/:.,+()" else "a"
