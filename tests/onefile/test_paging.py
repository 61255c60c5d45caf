"""Every search ends, whatever the server does, and gives each ID once."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefile_sync.onefile import client
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.operations import Operation
from onefile_sync.onefile.transport import Transport

from .wire import NOTHING, Exchange, failure_of


def test_items_that_cannot_be_read_at_all_are_counted(onefile: OneFile, exchange: Exchange) -> None:
    exchange.will_answer([{"ID": 1}, None, "x"], [{"ScheduledFor": "2026-06-15"}, {"ID": 2}], NOTHING)
    listing = onefile.reviews(41, 5740)
    assert [review.id for review in listing.records] == [1, 2]
    assert listing.unreadable_items == 3


@pytest.mark.parametrize(
    ("pages", "found"),
    [
        ([NOTHING], []),
        ([[]], []),
        ([[1, 2], NOTHING], [1, 2]),
        ([[1, 2], []], [1, 2]),
        ([[1, 2], [3, 4], [5], NOTHING], [1, 2, 3, 4, 5]),
        ([[1, 2], [2, 1]], [1, 2]),
        ([[1, 2, 3], NOTHING], [1, 2, 3]),
        ([[1, 2, 3], []], [1, 2, 3]),
        ([[1, 2, 3], [4], NOTHING], [1, 2, 3, 4]),
        ([[1, 2, 3], [3, 4, 5], [5]], [1, 2, 3, 4, 5]),
        ([[1, 2, 3], [1, 2, 3]], [1, 2, 3]),
        ([[1, 2, 3, 4, 5], [1, 2, 3, 4, 5]], [1, 2, 3, 4, 5]),
    ],
)
def test_a_search_reads_page_after_page(
    onefile: OneFile, exchange: Exchange, pages: list[object], found: list[int]
) -> None:
    exchange.will_answer(*([{"ID": n} for n in page] if isinstance(page, list) else page for page in pages))
    assert [review.id for review in onefile.reviews(41, 5740).records] == found
    assert [path for _, path, _ in exchange.asked] == [
        f"/Review/Search/{n}/3" for n in range(1, len(pages) + 1)
    ]


def test_a_page_of_broken_items_only_is_not_the_end(onefile: OneFile, exchange: Exchange) -> None:
    exchange.will_answer([{"ID": 1}], [None], [{"ID": 2}], NOTHING)
    listing = onefile.reviews(41, 5740)
    assert [review.id for review in listing.records] == [1, 2]
    assert listing.unreadable_items == 1


def test_two_pages_of_broken_items_only_are(onefile: OneFile, exchange: Exchange) -> None:
    exchange.will_answer([{"ID": 1}], [None], [None])
    assert [review.id for review in onefile.reviews(41, 5740).records] == [1]


def test_of_two_items_with_one_id_the_first_counts(onefile: OneFile, exchange: Exchange) -> None:
    exchange.will_answer([{"ID": 1, "VisitID": 10}, {"ID": 1, "VisitID": 20}], NOTHING)
    assert [review.visit_id for review in onefile.reviews(41, 5740).records] == [10]


class Pages:
    """A transport that has nothing but the pages of one search."""

    def __init__(self, page: Callable[[int], object]) -> None:
        self.page = page
        self.asked = 0

    def send(self, operation: Operation, path_args: tuple[int, int], body: object) -> object:
        self.asked += 1
        return self.page(path_args[0])


def test_a_search_without_end_is_a_bad_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_PAGES", 7)
    pages = Pages(lambda number: [{"ID": number * 2}, {"ID": number * 2 + 1}])
    onefile = OneFile(cast(Transport, pages), page_size=2)
    assert failure_of(lambda: onefile.reviews(41, None)).code == "bad_answer"
    assert pages.asked == 7


@st.composite
def paged(draw: st.DrawFn) -> tuple[int, list[int], list[list[int]]]:
    """A size, the IDs in the order of their first appearance, and full pages of them with repetitions."""
    size = draw(st.integers(1, 6))
    ids = draw(st.lists(st.integers(1, 10_000), unique=True, max_size=30))
    pages, seen = [], []
    while len(seen) < len(ids):
        new = ids[len(seen) : len(seen) + draw(st.integers(1, size))]
        is_last = len(seen) + len(new) == len(ids)
        fillers = st.lists(st.sampled_from(seen + new), max_size=size - len(new))
        repeated = (
            draw(fillers) if is_last else [draw(st.sampled_from(seen + new)) for _ in range(size - len(new))]
        )
        pages.append(new + repeated)
        seen += new
    return size, ids, pages


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(paged(), st.sampled_from(["nothing", "empty list", "last page again", "first page again"]))
def test_every_way_to_cut_a_search_into_pages_gives_each_id_once(
    search: tuple[int, list[int], list[list[int]]], past_the_end: str
) -> None:
    size, ids, pages = search
    ends: dict[str, object] = {"nothing": None, "empty list": []}
    if pages:
        ends |= {"last page again": pages[-1], "first page again": pages[0]}

    def page(number: int) -> object:
        content = pages[number - 1] if number <= len(pages) else ends.get(past_the_end)
        return [{"ID": n} for n in content] if isinstance(content, list) else content

    transport = Pages(page)
    listing = OneFile(cast(Transport, transport), page_size=size).reviews(41, 5740)
    assert [review.id for review in listing.records] == ids
    assert transport.asked <= len(pages) + 1


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.none() | st.lists(st.integers(0, 5), max_size=4), max_size=8), st.integers(1, 4))
def test_no_server_makes_a_search_repeat_an_id_or_run_for_ever(
    odd_pages: list[list[int] | None], size: int
) -> None:
    def page(number: int) -> object:
        content = odd_pages[number % len(odd_pages)] if odd_pages else None
        return None if content is None else [{"ID": n} for n in content]

    transport = Pages(page)
    found = [aim.id for aim in OneFile(cast(Transport, transport), page_size=size).learning_aims(41).records]
    assert len(found) == len(set(found))
    assert transport.asked <= 2 * (len(found) + 1)  # one page of broken items may come before each other


#: Records a page at the most, whatever the server is asked for.
CAPS = [1, 2, 7, 10, 25, 50, 99]


def capped(cap: int, total: int) -> tuple[OneFile, Pages]:
    """A OneFile with records 1 to ``total``, in pages of at most ``cap``, that is asked for pages of 100."""
    ids = list(range(1, total + 1))
    pages = Pages(lambda number: [{"ID": n} for n in ids[(number - 1) * cap : number * cap]])
    return OneFile(cast(Transport, pages), page_size=100), pages


@settings(deadline=None)
@given(st.sampled_from(CAPS), st.integers(0, 130))
def test_a_search_that_must_be_complete_is_not_ended_by_short_pages(cap: int, total: int) -> None:
    everything = list(range(1, total + 1))
    onefile, _pages = capped(cap, total)
    assert [review.id for review in onefile.reviews(41, None).records] == everything
    assert [aim.id for aim in onefile.learning_aims(41).records] == everything


@settings(deadline=None)
@given(st.sampled_from(CAPS), st.integers(0, 130), st.data())
def test_known_reviews_never_hide_that_more_come_after_a_short_page(
    cap: int, total: int, data: st.DataObject
) -> None:
    everything = list(range(1, total + 1))
    # A cap of seven is nothing that a server would have: only there exactly the known ones may hide another.
    known = data.draw(
        st.sets(st.integers(1, 140)).filter(lambda known: cap != 7 or known != set(range(1, 8)))
    )
    onefile, _pages = capped(cap, total)
    assert [review.id for review in onefile.reviews(41, None, known).records] == everything


@pytest.mark.parametrize("cap", CAPS)
def test_learning_aims_are_read_until_all_that_are_wanted_were_found(cap: int) -> None:
    onefile, pages = capped(cap, 130)
    found = {aim.id for aim in onefile.learning_aims(41, [3, 60]).records}
    assert {3, 60} <= found
    assert pages.asked == -(-60 // cap)


@pytest.mark.parametrize("known", [3, 8, 42])
def test_no_more_is_asked_for_where_all_is_as_expected(known: int) -> None:
    onefile, pages = capped(100, known)
    assert len(onefile.reviews(41, None, range(1, known + 1)).records) == known
    assert len(onefile.learning_aims(41, range(1, known)).records) == known
    assert pages.asked == 2


def test_after_a_longer_page_a_short_one_is_known_to_be_the_last() -> None:
    onefile, pages = capped(100, 100)
    onefile.page_of_reviews(1, None)
    pages.page = lambda number: [{"ID": n} for n in range(20)][:: 1 if number == 1 else -1]
    pages.asked = 0
    assert len(onefile.reviews(41, None, known=[]).records) == 19
    assert pages.asked == 1
    assert len(onefile.reviews(41, None).records) == 19
    assert pages.asked == 3
