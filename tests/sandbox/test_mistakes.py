"""Mistakes on both sides of the invented provider."""

from __future__ import annotations

from datetime import date

import pytest

from onefile_sync.sandbox.demo_data.demo_data import Provider
from onefile_sync.sandbox.demo_data.provider import build

TODAY = date(2026, 5, 4)
OURS = ("first_name", "surname", "email", "date_of_birth", "uln", "ni_number")
THEIRS = ("first_name", "last_name", "email", "dob", "uln", "nino", "misid")


@pytest.fixture(scope="module")
def right() -> Provider:
    return build(300, 7, TODAY, two_centres=True)


@pytest.fixture(scope="module")
def wrong() -> Provider:
    return build(300, 7, TODAY, two_centres=True, errors_percent=5)


def share_of_differences(pairs: list[tuple[object, object]], names: tuple[str, ...]) -> dict[str, float]:
    return {
        name: sum(getattr(one, name) != getattr(other, name) for one, other in pairs) / len(pairs)
        for name in names
    }


def test_that_share_of_every_field_is_wrong_on_each_side(right: Provider, wrong: Provider) -> None:
    learners = list(zip(right.learners, wrong.learners, strict=True))
    ours = share_of_differences([(one.picsweb, other.picsweb) for one, other in learners], OURS)
    users = [(one.onefile.user, other.onefile.user) for one, other in learners if one.onefile]
    theirs = share_of_differences(users, THEIRS)
    assert all(0.02 < share < 0.09 for share in (*ours.values(), *theirs.values())), (ours, theirs)


def test_the_sides_err_independently(right: Provider, wrong: Provider) -> None:
    both = [
        one.picsweb.ident
        for one, other in zip(right.learners, wrong.learners, strict=True)
        if one.onefile
        and one.picsweb.surname != other.picsweb.surname
        and one.onefile.user.last_name != other.onefile.user.last_name
    ]
    assert len(both) < 5


def test_ids_idents_and_everything_else_stay_right(right: Provider, wrong: Provider) -> None:
    for one, other in zip(right.learners, wrong.learners, strict=True):
        assert (one.picsweb.ident, one.picsweb.onefile_id) == (other.picsweb.ident, other.picsweb.onefile_id)
        assert one.picsweb.qualifications == other.picsweb.qualifications
        if one.onefile:
            assert one.onefile.user.id == other.onefile.user.id
            assert (one.onefile.aims, one.onefile.reviews) == (other.onefile.aims, other.onefile.reviews)
    assert [each.ident for each in wrong.officers] == [each.ident for each in right.officers]
    assert wrong.standards == right.standards


def test_officers_and_employers_have_mistakes_too() -> None:
    right, wrong = (build(1, 7, TODAY, officers=200, errors_percent=percent) for percent in (0, 30))
    officers = list(zip(right.officers, wrong.officers, strict=True))
    assessors = list(zip(right.assessors, wrong.assessors, strict=True))
    assert min(share_of_differences(officers, ("first_name", "surname", "email")).values()) > 0.1
    assert min(share_of_differences(assessors, ("first_name", "last_name", "email", "misid")).values()) > 0.1
    assert right.organisations != wrong.organisations
    assert right.placements != wrong.placements


def test_the_same_seed_makes_the_same_mistakes(wrong: Provider) -> None:
    assert build(300, 7, TODAY, two_centres=True, errors_percent=5) == wrong


def test_everything_can_be_wrong_at_once() -> None:
    right, wrong = (build(30, 7, TODAY, errors_percent=percent) for percent in (0, 100))
    pairs = [(one.picsweb, other.picsweb) for one, other in zip(right.learners, wrong.learners, strict=True)]
    assert share_of_differences(pairs, OURS) == dict.fromkeys(OURS, 1.0)
