"""What counts as the same name, number or code."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onefile_sync.linking import identity


@pytest.mark.parametrize("text", ["1000000043", " 1000 000 043 ", "1000000043\n"])
def test_a_valid_uln(text: str) -> None:
    assert identity.uln(text) == "1000000043"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "9999999999",
        "1000000044",
        "0000000019",
        "100000004",
        "10000000430",
        "１000000043",
        "-100000043",
        "1000000O43",
        "not known",
    ],
)
def test_what_is_no_uln_identifies_nobody(text: str) -> None:
    assert identity.uln(text) == ""


@settings(deadline=None)
@given(st.integers(10**9, 10**10 - 1))
def test_two_digits_that_change_places_make_a_uln_invalid(number: int) -> None:
    digits = identity.uln(str(number))
    for at in range(len(digits) - 1):
        if digits and digits[at] != digits[at + 1]:
            wrong = digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :]
            assert identity.uln(wrong) == ""


@pytest.mark.parametrize("text", ["QQ123456C", "qq 12 34 56 c", " QQ123456 ", "QQ123456d"])
def test_an_ni_number_with_or_without_its_last_letter(text: str) -> None:
    assert identity.ni_number(text) == "QQ123456"


@pytest.mark.parametrize(
    "text", ["", "QQ12345C", "QQ123456E", "Q1123456C", "QQ1234567", "none", "ＱＱ123456C"]
)
def test_what_is_no_ni_number_identifies_nobody(text: str) -> None:
    assert identity.ni_number(text) == ""


def test_ni_numbers_are_alike_if_digits_change_places() -> None:
    assert identity.ni_numbers_alike("QQ123456C") == identity.ni_numbers_alike("QQ 12 43 56")
    assert identity.ni_numbers_alike("QQ123456C") != identity.ni_numbers_alike("QQ123457C")
    assert identity.ni_numbers_alike("nonsense") == ()


def test_a_mis_value_is_compared_without_spaces_and_case() -> None:
    assert identity.mis_value(" l 00012 ") == identity.mis_value("L00012") != identity.mis_value("L12")
    assert identity.mis_value(" ") == ""


@pytest.mark.parametrize("text", ["jane@mail.example", " Jane@Mail.Example\n"])
def test_an_email_is_compared_without_case(text: str) -> None:
    assert identity.email(text) == "jane@mail.example"


@pytest.mark.parametrize("text", ["", "none", "@", "@mail.example", "jane@", "n/a"])
def test_what_is_no_address_identifies_nobody(text: str) -> None:
    assert identity.email(text) == ""


def test_the_first_of_january_1900_is_an_unknown_date_of_birth() -> None:
    assert identity.date_of_birth(date(1900, 1, 1)) == identity.date_of_birth(None) == ""
    assert identity.dates_of_birth_alike(date(1900, 1, 1)) == identity.dates_of_birth_alike(None) == ()
    assert identity.date_of_birth(date(2004, 3, 12)) == "2004-03-12"


@pytest.mark.parametrize(
    ("other", "alike"),
    [
        (date(2004, 12, 3), True),
        (date(2005, 3, 12), True),
        (date(2004, 4, 12), True),
        (date(2004, 3, 21), True),
        (date(2005, 12, 3), False),
        (date(2005, 3, 21), False),
        (date(2012, 3, 4), False),
        (date(2003, 12, 4), False),
    ],
    ids=str,
)
def test_dates_are_alike_if_one_part_is_wrong_or_two_change_places(other: date, alike: bool) -> None:
    ours = identity.dates_of_birth_alike(date(2004, 3, 12))
    assert bool(set(ours) & set(identity.dates_of_birth_alike(other))) is alike


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("O'Connor", "O’CONNOR"),
        ("O'Connor", "o´connor"),
        ("O'Connor", "OʼConnor"),
        ("O'Connor", "O Connor"),
        ("Taylor-Wright", "Taylor Wright"),
        ("Taylor–Wright", "taylorwright"),
        ("Brontë", "Bronte"),
        ("Bronte\u0308", "Brontë"),
        ("Nguyễn", "nguyen"),
        ("Łaskowski", "Laskowski"),
        ("Þórsson", "Thorsson"),
        ("Sørensen", "Sorensen"),
        ("Strauß", "STRAUSS"),
        ("Œuvrard", "Oeuvrard"),
        ("Æbelø", "Aebelo"),
        ("Şahin", "sahin"),
        ("Yılmaz", "Yilmaz"),
        ("İnce", "ince"),
        ("Đorđević", "Dordevic"),
        ("St. John", "St John"),
        ("\xa0ap  Rhys ", "Ap Rhys"),
    ],
)
def test_names_that_are_the_same(one: str, other: str) -> None:
    assert identity.name(one) == identity.name(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [("Smith", "Smyth"), ("राम", "रीम"), ("王", "李"), ("Иванов", "Петров"), ("Ali", "Aly")],
)
def test_names_that_differ(one: str, other: str) -> None:
    assert identity.name(one) != identity.name(other)


@pytest.mark.parametrize("text", ["", "   ", "-", "'", "’.´", "😀"])
def test_a_name_without_letters_identifies_nobody(text: str) -> None:
    assert identity.name(text) == identity.first_given_name(text) == ""


@settings(deadline=None)
@given(st.text(max_size=20))
def test_normalising_twice_changes_nothing(text: str) -> None:
    for normalise in (identity.name, identity.email, identity.code, identity.mis_value, identity.uln):
        assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize("text", ["Mary", "mary jane", "Mary-Jane", " MARY  J.", "-Mary", "Mary–Jane"])
def test_the_first_given_name(text: str) -> None:
    assert identity.first_given_name(text) == "mary"


def test_an_apostrophe_does_not_end_a_given_name() -> None:
    assert identity.first_given_name("D'Arcy James") == identity.first_given_name("D’arcy") == "darcy"


def test_an_organisation_s_name_keeps_its_ampersand_and_legal_form() -> None:
    assert identity.organisation_name("O'Hare & Daughters Ltd.") == "ohare&daughtersltd"
    assert identity.organisation_name("Ash & Elm") != identity.organisation_name("Ash Elm")


@pytest.mark.parametrize(
    "text",
    [
        "The Ash & Elm Accountancy LLP",
        "Ash and Elm Accountancy Limited",
        "ASH&ELM ACCOUNTANCY LTD.",
        "Ash & Elm Accountancy, p.l.c.",
        "Ash & Elm Accountancy C.I.C.",
        "Ash & Elm Accountancy (Limited)",
        "Ash & Elm Accountancy",
    ],
)
def test_the_core_of_an_organisation_s_name(text: str) -> None:
    assert identity.organisation_core(text) == "ashelmaccountancy"


def test_words_that_only_begin_like_a_legal_form_stay() -> None:
    assert identity.organisation_core("Andover Theatre") == "andovertheatre"


def test_a_name_of_legal_forms_only_has_no_core() -> None:
    assert identity.organisation_core("The Limited") == ""


@pytest.mark.parametrize("text", ["196AS", "196 as", "[196AS]", " 196-AS", "1/96AS"])
def test_the_code_of_a_standard(text: str) -> None:
    assert identity.code(text) == "196as"
