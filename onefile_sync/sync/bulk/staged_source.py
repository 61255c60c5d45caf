"""A source of one learner's records that returns staged records instead of calling OneFile."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from onefile_sync.onefile.records import Centre, LearningAim, Review, SearchResult, User
from onefile_sync.sync.learner.sources import RecordList, Source


class NotStaged(Exception):
    """The staged records are not enough, and this source may not call OneFile."""


@dataclass(frozen=True, slots=True)
class StagedSource:
    """The staged records of one learner; ``None`` for a kind whose lists cannot be used.

    ``centre_id`` is the centre whose list contains reviews of the learner. ``only_centre_id`` is the customer's only
    listed centre; it is used only if no other centre is known for the learner.

    Records that are not staged are read from ``live``. Without ``live``, :class:`NotStaged` is raised instead.
    """

    staged_aims: tuple[LearningAim, ...] | None
    staged_reviews: tuple[Review, ...] | None
    centre_id: int | None = None
    only_centre_id: int | None = None
    live: Source | None = None

    def known_centre_id(self, kept: int | None) -> int | None:
        return self.centre_id or kept or self.only_centre_id

    def learning_aims(self, learner_id: int, wanted: Collection[int]) -> RecordList[LearningAim]:
        def ask() -> RecordList[LearningAim]:
            return self._asked().learning_aims(learner_id, wanted)

        if self.staged_aims is None:
            return ask()
        return RecordList(SearchResult(self.staged_aims), ask_again=lambda: ask().result)

    def reviews(
        self, learner_id: int, centre_id: int | None, linked: Collection[int] | None
    ) -> RecordList[Review]:
        if self.staged_reviews is None or linked is None:
            return self._asked().reviews(learner_id, centre_id, linked)
        return RecordList(
            SearchResult(self.staged_reviews),
            ask_again=lambda: self._asked().reviews(learner_id, centre_id, None).result,
        )

    def learning_aim(self, aim_id: int) -> LearningAim:
        return self._asked().learning_aim(aim_id)

    def review(self, review_id: int) -> Review:
        return self._asked().review(review_id)

    def user(self, user_id: int) -> User:
        return self._asked().user(user_id)

    def centres(self) -> SearchResult[Centre]:
        return self._asked().centres()

    def _asked(self) -> Source:
        if self.live is None:
            raise NotStaged
        return self.live
