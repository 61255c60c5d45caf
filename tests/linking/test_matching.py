"""Which records are the same, said in the words of the people who have to decide."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from onefile_sync.linking.matching import (
    Confidence,
    Identity,
    OrganisationIdentity,
    match_learners,
    match_officers,
    match_organisations,
)

CERTAIN, STRONG, POSSIBLE, CONTRADICTED, SEVERAL = Confidence

ULN, OTHER_ULN = "1000000043", "2000000053"
JANE: dict[str, Any] = {
    "mis": "l00012",
    "uln": ULN,
    "ni": "QQ123456",
    "email": "jane@mail.example",
    "dob": "2004-03-12",
    "surname": "smith",
    "first": "jane",
}


def jane(key: str, *fields: str, **values: Any) -> Identity:
    """Jane as one side has her: with these fields only, or with all, and with other ``values``."""
    return Identity(key=key, **{**{name: JANE[name] for name in fields or JANE}, **values})


def levels(
    ours: Collection[Identity], theirs: Collection[Identity], **options: Any
) -> dict[tuple[str, str], Confidence]:
    return {(pair.ours, pair.theirs): pair.level for pair in match_learners(ours, theirs, **options)}


@pytest.mark.parametrize(
    ("agree", "level"),
    [
        ("uln surname dob", CERTAIN),
        ("ni surname dob", CERTAIN),
        ("mis surname dob", CERTAIN),
        ("uln surname", STRONG),
        ("ni dob", STRONG),
        ("mis surname", STRONG),
        ("email first surname dob", STRONG),
        ("mis uln ni email first", POSSIBLE),
        ("email surname", POSSIBLE),
        ("first surname dob", POSSIBLE),
        ("uln", POSSIBLE),
        ("ni", POSSIBLE),
        ("mis", POSSIBLE),
        ("email first dob", None),
        ("first surname email", POSSIBLE),
        ("first surname", None),
        ("surname dob", None),
        ("email", None),
        ("dob", None),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else getattr(value, "value", None),
)
def test_the_confidence_follows_from_what_agrees(agree: str, level: Confidence | None) -> None:
    found = match_learners([jane("a")], [jane("1", *agree.split())])
    assert [pair.level for pair in found] == ([level] if level else [])
    assert all(set(pair.evidence) == set(agree.split()) for pair in found)


@pytest.mark.parametrize(
    ("field", "value"),
    [("uln", OTHER_ULN), ("ni", "QQ654321"), ("dob", "1999-09-09")],
    ids=["uln", "ni", "dob"],
)
def test_a_number_or_a_birthday_that_differs_is_never_called_a_match(field: str, value: str) -> None:
    (pair,) = match_learners([jane("a")], [jane("1", **{field: value})])
    assert (pair.level, pair.best, pair.contradictions) == (CONTRADICTED, CONTRADICTED, (field,))
    assert field not in pair.evidence


def test_a_blank_contradicts_nothing() -> None:
    (pair,) = match_learners([jane("a", uln="", ni="")], [jane("1", dob="")])
    assert (pair.level, pair.contradictions) == (STRONG, ())


@pytest.mark.parametrize("field", ["mis", "email", "surname", "first"])
def test_another_name_email_or_mis_value_contradicts_nothing(field: str) -> None:
    (pair,) = match_learners([jane("a")], [jane("1", **{field: "other"})])
    assert pair.level in {CERTAIN, STRONG}
    assert not pair.contradictions


def test_day_and_month_exchanged_are_a_slip_and_not_another_birthday() -> None:
    found = match_learners(
        [jane("a", dob_alike=("2004 3/12",))], [jane("1", dob="2004-12-03", dob_alike=("2004 3/12",))]
    )
    assert [(pair.level, pair.contradictions, pair.slips) for pair in found] == [(STRONG, (), ("dob",))]


def test_a_pair_with_a_slip_is_never_ticked() -> None:
    found = match_learners(
        [jane("a", ni_alike=("QQ123456",))], [jane("1", ni="QQ123465", ni_alike=("QQ123456",))]
    )
    assert [(pair.level, pair.slips) for pair in found] == [(STRONG, ("ni",))]


def test_a_number_that_only_one_side_calls_alike_contradicts() -> None:
    (pair,) = match_learners([jane("a", ni_alike=("QQ123456",))], [jane("1", ni="QQ123465")])
    assert pair.level is CONTRADICTED


def test_one_side_exchanged_first_name_and_surname() -> None:
    (pair,) = match_learners([jane("a")], [jane("1", mis="", email="", surname="jane", first="smith")])
    assert (pair.level, pair.evidence) == (CERTAIN, ("uln", "ni", "dob", "surname", "first"))
    (pair,) = match_learners([jane("a")], [jane("1", "dob", surname="jane", first="smith")])
    assert pair.level is POSSIBLE


def test_blank_names_are_not_exchanged_names() -> None:
    (pair,) = match_learners([jane("a", surname="", first="")], [jane("1", surname="", first="")])
    assert pair.evidence == ("mis", "uln", "ni", "email", "dob")


def test_a_learner_who_married_is_found_by_number_and_birthday() -> None:
    (pair,) = match_learners([jane("a")], [jane("1", surname="patel")])
    assert (pair.level, pair.contradictions) == (STRONG, ())
    assert "surname" not in pair.evidence


def test_a_learner_who_married_is_not_found_by_email_alone() -> None:
    assert levels([jane("a")], [jane("1", "email", "first", "dob", surname="patel")]) == {}


def test_twins_are_told_apart_by_their_numbers() -> None:
    twin = jane("b", mis="l00013", uln=OTHER_ULN, ni="QQ654321", email="joan@mail.example", first="joan")
    theirs = [jane("1"), jane("2", **{name: getattr(twin, name) for name in JANE})]
    assert levels([jane("a"), twin], theirs) == {("a", "1"): CERTAIN, ("b", "2"): CERTAIN}


def test_twins_with_one_name_and_no_number_are_left_to_a_person() -> None:
    """Parents do it: two Janes, born on one day."""
    fields = ("first", "surname", "dob")
    found = levels([jane("a", *fields), jane("b", *fields)], [jane("1", *fields)])
    assert found == {("a", "1"): SEVERAL, ("b", "1"): SEVERAL}


def test_an_email_that_a_family_shares_is_no_evidence() -> None:
    fields = ("email", "surname")
    parent = jane("b", "email", "surname", dob="1974-01-01")
    assert levels([jane("a", *fields), parent], [jane("1", *fields)]) == {}
    assert levels([jane("1", *fields)], [jane("a", *fields), parent]) == {}


def test_an_email_counts_where_the_other_account_is_in_another_centre() -> None:
    fields = ("email", "surname")
    theirs = [jane("1", *fields, centre="5740"), jane("2", "email", centre="5741", surname="patel")]
    assert levels([jane("a", *fields)], theirs) == {("a", "1"): POSSIBLE}


def test_the_email_of_somebody_linked_is_still_theirs() -> None:
    fields = ("email", "surname")
    parent = jane("b", "email", linked=True)
    assert levels([jane("a", *fields)], [jane("1", *fields)]) == {("a", "1"): POSSIBLE}
    assert levels([jane("a", *fields), parent], [jane("1", *fields)]) == {}


def test_somebody_linked_matches_nobody() -> None:
    assert levels([jane("a", linked=True)], [jane("1")]) == {}
    assert levels([jane("a"), jane("b")], [jane("1"), jane("2", linked=True)]) == {
        ("a", "1"): SEVERAL,
        ("b", "1"): SEVERAL,
    }


def test_two_episodes_of_one_person_are_left_to_a_person() -> None:
    ours = [jane("a"), jane("b", mis="l00099")]
    theirs = [jane("1"), jane("2", mis="l00099")]
    found = match_learners(ours, theirs)
    assert {pair.level for pair in found} == {SEVERAL}
    assert {pair.best for pair in found} == {CERTAIN}
    assert len(found) == 4


def test_one_episode_with_a_wrong_birthday_is_still_a_candidate() -> None:
    """Else the other pairing would look like the only one."""
    ours = [jane("a", dob="2004-03-21"), jane("b", mis="l00099")]
    theirs = [jane("1"), jane("2", mis="l00099", dob="2003-03-12")]
    found = levels(ours, theirs)
    assert found[("b", "1")] is SEVERAL
    assert found[("b", "2")] is SEVERAL


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        (date(2026, 1, 1), date(2026, 2, 1), True),
        (date(2026, 2, 1), date(2026, 1, 1), True),
        (date(2026, 1, 1), date(2026, 2, 2), False),
        (None, date(2026, 2, 2), None),
        (date(2026, 2, 2), None, None),
    ],
    ids=["31 days later", "31 days earlier", "32 days", "ours unknown", "theirs unknown"],
)
def test_start_dates_are_compared_and_decide_nothing(
    ours: date | None, theirs: date | None, same: bool | None
) -> None:
    (pair,) = match_learners([jane("a", start=ours)], [jane("1", start=theirs)])
    assert (pair.same_start, pair.level) == (same, CERTAIN)


def test_a_certain_match_hides_what_is_less_sure() -> None:
    theirs = [jane("1"), jane("2", "first", "surname", "dob")]
    assert levels([jane("a")], theirs) == {("a", "1"): CERTAIN}


def test_a_strong_match_hides_what_is_possible() -> None:
    ours = [jane("a", "mis", "surname", "first", "dob")]
    theirs = [jane("1", "mis", "surname"), jane("2", "first", "surname", "dob")]
    assert levels(ours, theirs) == {("a", "1"): STRONG}


def test_a_contradicted_pair_hides_nothing() -> None:
    theirs = [jane("1", dob="1999-09-09"), jane("2", "email", "first", "surname", "dob", centre="5741")]
    assert levels([jane("a")], theirs) == {("a", "1"): SEVERAL, ("a", "2"): SEVERAL}


def test_a_mis_value_mistyped_as_another_learners_does_not_stand_in_the_way() -> None:
    other = jane("2", mis="l00012", uln=OTHER_ULN, ni="QQ654321", email="", dob="1999-09-09", surname="khan")
    assert levels([jane("a")], [jane("1"), other]) == {("a", "1"): CERTAIN}


def test_a_pair_that_is_not_the_same_leaves_no_trace() -> None:
    theirs = [jane("1"), jane("2")]
    assert levels([jane("a")], theirs) == {("a", "1"): SEVERAL, ("a", "2"): SEVERAL}
    assert levels([jane("a")], theirs, not_same=[("a", "2")]) == {("a", "1"): CERTAIN}


@pytest.mark.parametrize("field", ["uln", "ni", "mis"])
def test_a_number_that_a_crowd_has_is_a_placeholder(field: str) -> None:
    """It is no evidence, and it contradicts nothing."""
    crowd = [Identity(key=str(number), **{field: "0"}) for number in range(21)]
    assert levels([Identity(key="a", **{field: "0"})], crowd) == {}
    assert levels(crowd, [Identity(key="a", **{field: "0"})]) == {}
    assert len(levels([Identity(key="a", **{field: "0"})], crowd[:20])) == 20
    found = levels([jane("a", **{field: "0"})], [jane("1"), *crowd, jane("x", "mis", **{field: "0"})])
    assert found[("a", "1")] is CERTAIN


def test_a_name_that_a_crowd_has_takes_no_time() -> None:
    """A name and a placeholder for the date of birth."""
    fields = ("first", "surname", "dob")
    crowd = [jane(str(number), *fields) for number in range(3000)]
    assert levels(crowd, [*crowd, jane("one", *fields)]) == {}
    assert levels([*crowd, jane("a")], [*crowd, jane("one")]) == {("a", "one"): CERTAIN}


def test_levels_have_stable_values_and_a_rank() -> None:
    assert [level.value for level in sorted(Confidence, key=lambda level: level.rank)] == [
        "certain",
        "strong",
        "possible",
        "contradicted",
        "several",
    ]


class TestOfficers:
    @pytest.mark.parametrize(
        ("agree", "level"),
        [
            ("mis surname", CERTAIN),
            ("email first surname", CERTAIN),
            ("email surname", POSSIBLE),
            ("first surname", POSSIBLE),
            ("mis first", STRONG),
            ("mis email", STRONG),
            ("mis", POSSIBLE),
            ("email first", None),
            ("surname", None),
        ],
        ids=lambda value: (
            value.replace(" ", "-") if isinstance(value, str) else getattr(value, "value", None)
        ),
    )
    def test_the_confidence_follows_from_what_agrees(self, agree: str, level: Confidence | None) -> None:
        officer = jane("a", "mis", "email", "first", "surname")
        found = match_officers([officer], [jane("1", *agree.split())])
        assert [pair.level for pair in found] == ([level] if level else [])

    def test_two_assessors_with_one_mis_value_are_left_to_a_person(self) -> None:
        officer = jane("a", "mis", "surname")
        found = match_officers([officer], [jane("1", "mis", "surname"), jane("2", "mis", "surname")])
        assert [pair.level for pair in found] == [SEVERAL, SEVERAL]


class TestOrganisations:
    CAFE = OrganisationIdentity(key="a", mis="org001", name="cafebronteltd", core="cafebronte")

    @pytest.mark.parametrize(
        ("mis", "name", "core", "level"),
        [
            ("org001", "cafebronteltd", "cafebronte", CERTAIN),
            ("org999", "cafebronteltd", "cafebronte", STRONG),
            ("", "cafebronte", "cafebronte", POSSIBLE),
            ("org001", "other", "other", POSSIBLE),
            ("", "other", "other", None),
            ("", "", "", None),
        ],
        ids=["mis and name", "name", "core of the name", "mis", "nothing", "blank"],
    )
    def test_the_confidence_follows_from_what_agrees(
        self, mis: str, name: str, core: str, level: Confidence | None
    ) -> None:
        found = match_organisations(
            [self.CAFE], [OrganisationIdentity(key="1", mis=mis, name=name, core=core)]
        )
        assert [pair.level for pair in found] == ([level] if level else [])

    def test_two_branches_of_one_name_are_left_to_a_person(self) -> None:
        branches = [replace(self.CAFE, key=key, mis="") for key in ("1", "2")]
        assert [pair.level for pair in match_organisations([self.CAFE], branches)] == [SEVERAL, SEVERAL]

    def test_a_mis_value_tells_two_branches_apart(self) -> None:
        branches = [replace(self.CAFE, key="1"), replace(self.CAFE, key="2", mis="org002")]
        assert [(pair.theirs, pair.level) for pair in match_organisations([self.CAFE], branches)] == [
            ("1", CERTAIN)
        ]

    def test_a_placement_that_is_linked_is_left_out(self) -> None:
        assert match_organisations([self.CAFE], [replace(self.CAFE, key="1", linked=True)]) == []
