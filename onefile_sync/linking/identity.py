"""What identifies a person or an organisation, in the form in which two sides are compared.

Each function returns "" for what identifies nobody. Its results are for comparing only, never for showing or sending.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Final

from onefile_sync.idents import ident_key

#: Letters that Unicode does not decompose into a letter and an accent.
_LETTERS: Final = str.maketrans(
    {"æ": "ae", "œ": "oe", "ß": "ss", "þ": "th"} | dict(zip("ðđłøħıŋŧ", "ddlohint", strict=True))
)
_BETWEEN_GIVEN_NAMES: Final = re.compile(r"[\s\-\u2010-\u2015]+")
_BETWEEN_WORDS: Final = re.compile(r"[\s&,/]+")
_NI_NUMBER: Final = re.compile(r"([A-Z]{2}[0-9]{6})[A-D]?")
_NOT_IN_CODES: Final = re.compile(r"[\s/\-\u2010-\u2015\[\]]+")
#: Words of an organisation's name that one side writes and the other leaves out.
_NOT_IN_CORE: Final = frozenset({"ltd", "limited", "plc", "llp", "cic", "and", "the"})
#: The date that stands for an unknown one.
_NO_DATE: Final = date(1900, 1, 1)


def uln(text: str) -> str:
    """Return the ten digits of a valid Unique Learner Number.

    The digits times 10, 9, … 1 must leave 10 when divided by 11. 9999999999, which stands for "not known", does not.
    """
    digits = "".join(text.split())
    if not re.fullmatch(r"[1-9][0-9]{9}", digits):
        return ""
    weighted = sum(int(digit) * weight for digit, weight in zip(digits, range(10, 0, -1), strict=True))
    return digits if weighted % 11 == 10 else ""


def ni_number(text: str) -> str:
    """Return two letters and six digits of a well-formed National Insurance number.

    The last letter, A to D, may be missing on one side, and is not needed to tell two people apart.
    """
    found = _NI_NUMBER.fullmatch("".join(text.split()).upper())
    return found[1] if found else ""


def ni_numbers_alike(text: str) -> tuple[str, ...]:
    """Return what stays the same if digits of a National Insurance number change places, as they do in typing."""
    number = ni_number(text)
    return (number[:2] + "".join(sorted(number[2:])),) if number else ()


def mis_value(text: str) -> str:
    """Return an Ident or a MIS Value without spaces and case."""
    return ident_key(text)


def email(text: str) -> str:
    """Return an address without case."""
    address = text.strip().casefold()
    before, at, after = address.rpartition("@")
    return address if before and at and after else ""


def date_of_birth(day: date | None) -> str:
    """Return the date as ISO text. 1 January 1900 stands for an unknown one."""
    return "" if day is None or day == _NO_DATE else day.isoformat()


def dates_of_birth_alike(day: date | None) -> tuple[str, ...]:
    """Return what two dates have in common if day and month change places, or if only one of three parts is wrong."""
    if day is None or day == _NO_DATE:
        return ()
    low, high = sorted((day.month, day.day))
    exchanged = f"{day.year} {low}/{high}"
    return exchanged, f"{day.year}-{day.month}-", f"{day.year}--{day.day}", f"-{day.month}-{day.day}"


def name(text: str) -> str:
    """Return a name without accents, case, hyphens, apostrophes, spaces and full stops."""
    return "".join(filter(_is_letter, _without_accents(text)))


def first_given_name(text: str) -> str:
    """Return the first of somebody's given names. Hyphens separate given names, as some people type a space there."""
    given = (name(part) for part in _BETWEEN_GIVEN_NAMES.split(text))
    return next(filter(None, given), "")


def organisation_name(text: str) -> str:
    """Return an organisation's name as :func:`name` does. "&" counts, so "A & B" differs from "AB"."""
    return "".join(letter for letter in _without_accents(text) if letter == "&" or _is_letter(letter))


def organisation_core(text: str) -> str:
    """Return an organisation's name without its legal form, "and" and "the"."""
    words = (name(word) for word in _BETWEEN_WORDS.split(text))
    return "".join(word for word in words if word not in _NOT_IN_CORE)


def code(text: str) -> str:
    """Return the code of a standard, or a VQ Reference, without spaces, slashes, hyphens, square brackets and case."""
    return _NOT_IN_CODES.sub("", text).casefold()


def _without_accents(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.casefold()).translate(_LETTERS)
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _is_letter(letter: str) -> bool:
    """Vowel signs (``M``) distinguish names in Indian scripts. Modifier letters (``Lm``) include apostrophes."""
    category = unicodedata.category(letter)
    return category in {"Mc", "Mn"} or (category != "Lm" and letter.isalnum())
