"""The staged source returns what was read for everyone, and calls OneFile for anything that was not read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from onefile_sync.onefile.records import Centre, SearchResult, User
from onefile_sync.sync.bulk.staged_source import NotStaged, StagedSource
from onefile_sync.sync.learner.sources import LiveSource, RecordList, Source
from tests.sync.planning.rows_and_records import AIM, CENTRE, LEARNER, REVIEW, aim, record


class OneFileThere:
    """A client that records the calls made to it."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def learning_aims(self, *about: Any) -> SearchResult[Any]:
        self.asked.append(("learning_aims", *about))
        return SearchResult((aim(registration_number="live"),), unreadable_items=1)

    def reviews(self, *about: Any) -> SearchResult[Any]:
        self.asked.append(("reviews", *about))
        return SearchResult((record(),), unreadable_items=1)

    def learning_aim(self, *about: Any) -> Any:
        self.asked.append(("learning_aim", *about))
        return aim()

    def review(self, *about: Any) -> Any:
        self.asked.append(("review", *about))
        return record()

    def user(self, *about: Any) -> User:
        self.asked.append(("user", *about))
        return User(LEARNER)

    def customer(self) -> Any:
        self.asked.append(("customer",))
        return Centre(7, "Customer")

    def centres(self, *about: Any) -> SearchResult[Centre]:
        self.asked.append(("centres", *about))
        return SearchResult((Centre(CENTRE, "Centre"),))


@pytest.fixture
def client() -> OneFileThere:
    return OneFileThere()


@pytest.fixture
def live(client: OneFileThere) -> LiveSource:
    there: Any = client
    return LiveSource(there)


EVERYTHING: dict[str, Callable[[Source], Any]] = {
    "learning_aims": lambda source: source.learning_aims(LEARNER, {AIM}),
    "reviews": lambda source: source.reviews(LEARNER, CENTRE, {REVIEW}),
    "learning_aim": lambda source: source.learning_aim(AIM),
    "review": lambda source: source.review(REVIEW),
    "user": lambda source: source.user(LEARNER),
    "centres": lambda source: source.centres(),
}
LISTS = ("learning_aims", "reviews")


@pytest.mark.parametrize("ask", EVERYTHING.values(), ids=EVERYTHING)
class TestWhatIsNotStaged:
    def test_is_asked_of_onefile(
        self, client: OneFileThere, live: LiveSource, ask: Callable[[Source], Any]
    ) -> None:
        answer = ask(live)
        directly, client.asked = client.asked, []

        assert ask(StagedSource(None, None, live=live)) == answer
        assert client.asked == directly != []

    def test_is_not_had_where_no_call_is_made(self, ask: Callable[[Source], Any]) -> None:
        with pytest.raises(NotStaged):
            ask(StagedSource(None, None))


class TestAList:
    def test_that_is_staged_costs_no_call_until_it_is_asked_again(
        self, client: OneFileThere, live: LiveSource
    ) -> None:
        source = StagedSource((aim(registration_number="staged"),), (), live=live)

        aims, reviews = (EVERYTHING[name](source) for name in LISTS)

        assert (aims.result, reviews.result) == (
            SearchResult((aim(registration_number="staged"),)),
            SearchResult(),
        )
        assert client.asked == []
        assert aims.ask_again() == SearchResult((aim(registration_number="live"),), unreadable_items=1)
        # The second search reads every page: it does not stop when it has found a certain ID.
        assert reviews.ask_again() == SearchResult((record(),), unreadable_items=1)
        assert client.asked == [("learning_aims", LEARNER, {AIM}), ("reviews", LEARNER, CENTRE, None)]

    def test_that_is_staged_is_not_asked_again_where_no_call_is_made(self) -> None:
        source = StagedSource((), ())

        for name in LISTS:
            with pytest.raises(NotStaged):
                EVERYTHING[name](source).ask_again()

    def test_of_onefile_says_that_it_is_new(self, live: LiveSource) -> None:
        assert all(EVERYTHING[name](live).ask_again is None for name in LISTS)

    def test_of_reviews_comes_from_onefile_where_one_may_have_to_be_created(
        self, client: OneFileThere, live: LiveSource
    ) -> None:
        listed = StagedSource((), (), live=live).reviews(LEARNER, CENTRE, None)

        assert listed == RecordList(SearchResult((record(),), unreadable_items=1))
        assert client.asked == [("reviews", LEARNER, CENTRE, None)]


class TestTheCentre:
    @pytest.mark.parametrize("kept", [None, 41])
    def test_is_the_one_that_is_kept_where_nothing_is_staged(
        self, client: OneFileThere, live: LiveSource, kept: int | None
    ) -> None:
        assert live.known_centre_id(kept) == kept
        assert StagedSource(None, None, live=live).known_centre_id(kept) == kept
        assert client.asked == []

    @pytest.mark.parametrize(
        ("listed", "kept", "only", "known"),
        [(40, 41, 42, 40), (None, 41, 42, 41), (None, None, 42, 42), (None, None, None, None)],
    )
    def test_is_the_listed_one_before_the_kept_one_before_the_only_one(
        self, listed: int | None, kept: int | None, only: int | None, known: int | None
    ) -> None:
        assert StagedSource(None, None, listed, only).known_centre_id(kept) == known
