"""Sources of one learner's records in OneFile.

:class:`LiveSource` calls OneFile. ``sync.bulk`` has another source, with the staged records of a daily sync.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.records import Centre, LearningAim, Review, SearchResult, User

Record = TypeVar("Record", LearningAim, Review)


@dataclass(frozen=True, slots=True)
class RecordList(Generic[Record]):
    """The records of one kind that a source lists for a learner.

    ``ask_again`` asks OneFile for the same list. It is ``None`` if the list has just come from OneFile.
    """

    result: SearchResult[Record]
    ask_again: Callable[[], SearchResult[Record]] | None = None


class Source(Protocol):
    """What the exchange reads about one learner. A method that calls OneFile raises OneFileError if the call fails."""

    def known_centre_id(self, kept: int | None) -> int | None:
        """The learner's centre, if it is known without a call. ``kept`` is the centre stored in PICSWeb."""

    def learning_aims(self, learner_id: int, wanted: Collection[int]) -> RecordList[LearningAim]:
        """The learner's learning aims, at least those ``wanted``."""

    def reviews(
        self, learner_id: int, centre_id: int | None, linked: Collection[int] | None
    ) -> RecordList[Review]:
        """The learner's reviews. ``linked`` are the IDs of those linked in PICSWeb.

        With ``None``, OneFile is always asked for all reviews, because a review will be created if it is not listed.
        """

    def learning_aim(self, aim_id: int) -> LearningAim:
        """One full record."""

    def review(self, review_id: int) -> Review:
        """One full record."""

    def user(self, user_id: int) -> User:
        """The learner's own record."""

    def centres(self) -> SearchResult[Centre]:
        """All centres of the customer."""


@dataclass(frozen=True, slots=True)
class LiveSource:
    """Reads from OneFile. Each method except ``known_centre_id`` makes one or more calls."""

    onefile: OneFile

    def known_centre_id(self, kept: int | None) -> int | None:
        return kept

    def learning_aims(self, learner_id: int, wanted: Collection[int]) -> RecordList[LearningAim]:
        return RecordList(self.onefile.learning_aims(learner_id, wanted))

    def reviews(
        self, learner_id: int, centre_id: int | None, linked: Collection[int] | None
    ) -> RecordList[Review]:
        return RecordList(self.onefile.reviews(learner_id, centre_id, linked))

    def learning_aim(self, aim_id: int) -> LearningAim:
        return self.onefile.learning_aim(aim_id)

    def review(self, review_id: int) -> Review:
        return self.onefile.review(review_id)

    def user(self, user_id: int) -> User:
        return self.onefile.user(user_id)

    def centres(self) -> SearchResult[Centre]:
        return self.onefile.centres(self.onefile.customer().id)
