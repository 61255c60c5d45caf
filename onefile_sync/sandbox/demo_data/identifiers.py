"""Numbers that identify a learner of the invented provider, and what OneFile knows of the same person."""

from __future__ import annotations

from typing import Any, Final

from .demo_data import PicswebLearner

_SPAN: Final = 100_000

#: ``L14`` (1: has a learning difficulty, disability or health problem; 2: has none), ``L15`` (disability) and ``L16``
#: (learning difficulty) by what PICSWeb says.
_DISABILITY_CODES: Final = {
    "": ("2", "98", "98"),
    "Dyslexia": ("1", "98", "10"),
    "Hearing impairment": ("1", "02", "98"),
    "Mental health difficulty": ("1", "06", "98"),
}


def uln(number: int, drawn: int) -> str:
    """A valid ULN for the learner with this number.

    Its first four digits are those of ``drawn``, which has ten. No range of ULNs is reserved for fiction.
    """
    nine_digits = drawn // 1_000_000 * _SPAN + number % _SPAN
    while (check := _check_digit(nine_digits)) == 10:
        # The last five digits stay, as they keep the ULNs of a provider apart.
        nine_digits = nine_digits + _SPAN if nine_digits + _SPAN < 10**9 else nine_digits - 8000 * _SPAN
    return f"{nine_digits}{check}"


def _check_digit(nine_digits: int) -> int:
    """The digits times 10, 9, … 1 must leave 10 when divided by 11. 10 means that no digit does."""
    return (10 - sum(int(digit) * (10 - at) for at, digit in enumerate(str(nine_digits)))) % 11


def ni_number(number: int, drawn: int, letter: str) -> str:
    """A National Insurance number for the learner with this number. None that begins with Q is ever issued."""
    return f"QQ{drawn // _SPAN}{number % _SPAN:05}{letter}"


def in_onefile(person: PicswebLearner) -> dict[str, Any]:
    """The values of a OneFile user that say who the person is. The MIS Value, which is the Ident, is not among them."""
    l14, l15, l16 = _DISABILITY_CODES[person.disability]
    return {
        "first_name": person.first_name,
        "last_name": person.surname,
        "email": person.email,
        "telephone": person.telephone,
        "mobile_number": person.mobile,
        "uln": person.uln,
        "nino": person.ni_number,
        "dob": person.date_of_birth,
        "l12": person.ethnicity,
        "l13": person.sex,
        "l14": l14,
        "l15": l15,
        "l16": l16,
    }
