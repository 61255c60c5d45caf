"""Which qualifications and reviews of a learner are ticked as the same when the learner is linked."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from onefile_sync.linking.history import (
    HistoryPair,
    PairedHistory,
    ReviewDay,
    may_be_the_same,
    qualification_pairs,
    review_pairs,
)

MAY, JUNE, JULY = date(2026, 5, 4), date(2026, 6, 4), date(2026, 7, 4)


def test_a_code_that_each_side_has_once_is_ticked() -> None:
    assert qualification_pairs([(7, "196as")], [("4001", "196as")]) == PairedHistory(
        (HistoryPair(7, "4001", True),), (), ()
    )


def test_a_code_that_one_side_has_twice_is_a_choice() -> None:
    found = qualification_pairs([(7, "196as"), (8, "196as")], [(4001, "196as")])
    assert found.pairs == (HistoryPair(7, 4001, False), HistoryPair(8, 4001, False))
    found = qualification_pairs([(7, "196as")], [(4001, "196as"), (4002, "196as")])
    assert found.pairs == (HistoryPair(7, 4001, False), HistoryPair(7, 4002, False))


def test_what_has_no_code_or_no_counterpart_is_left() -> None:
    found = qualification_pairs([(7, ""), (8, "196as"), (9, "x")], [(1, ""), (2, "196as"), (3, "y")])
    assert found == PairedHistory((HistoryPair(8, 2, True),), (7, 9), (1, 3))


def test_reviews_of_a_day_on_which_each_side_has_one_are_ticked() -> None:
    found = review_pairs(
        [(1, MAY), (2, JUNE), (3, JUNE), (4, None)], [(11, MAY), (12, JUNE), (13, JULY), (14, None)]
    )
    assert found == PairedHistory(
        (HistoryPair(1, 11, True), HistoryPair(2, 12, False), HistoryPair(3, 12, False)), (4,), (13, 14)
    )


def test_nothing_on_either_side() -> None:
    assert review_pairs([], []) == PairedHistory((), (), ())


TODAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (ReviewDay(date(2026, 3, 12), is_held=False), date(2026, 4, 9), True),  # moved by four weeks
        (ReviewDay(date(2025, 6, 2), is_held=True), date(2025, 6, 4), True),
        (ReviewDay(date(2026, 3, 12), is_held=False), date(2026, 9, 1), True),  # neither has taken place
        (ReviewDay(date(2025, 12, 1), is_held=False), date(2026, 3, 2), True),  # overdue here, today there
        (
            ReviewDay(date(2026, 3, 12), is_held=False),
            date(2025, 11, 3),
            False,
        ),  # the next one, and a past one
        (ReviewDay(date(2025, 6, 2), is_held=True), date(2026, 5, 1), False),
        (ReviewDay(None, is_held=False), date(2025, 6, 2), True),
        (ReviewDay(date(2025, 6, 2), is_held=True), None, True),
        (ReviewDay(TODAY - timedelta(days=99), is_held=False), TODAY - timedelta(days=9), True),
        (ReviewDay(TODAY - timedelta(days=9), is_held=False), TODAY - timedelta(days=99), False),
    ],
)
def test_reviews_that_may_be_the_same_need_a_look(
    ours: ReviewDay, theirs: date | None, expected: bool
) -> None:
    assert may_be_the_same([ours], [theirs], TODAY) is expected


def test_without_reviews_on_both_sides_there_is_nothing_to_look_at() -> None:
    assert not may_be_the_same([], [TODAY], TODAY)
    assert not may_be_the_same([ReviewDay(TODAY, is_held=False)], [], TODAY)
