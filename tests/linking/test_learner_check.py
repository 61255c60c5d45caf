"""What cannot be checked before a learner is linked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from onefile_sync.linking import learner_check
from onefile_sync.linking.linker import LinkRefused
from onefile_sync.sandbox.server import SandboxServer
from tests.factories import Host


def test_a_learner_who_was_deleted_meanwhile(host: Host, onefile: SandboxServer) -> None:
    learner = host.learner(onefile_id=None)
    pk = str(learner.pk)
    learner.delete()
    with pytest.raises(LinkRefused, match="link_row_gone"):
        learner_check.check(pk, 7)
    assert not onefile.calls


class _Endless:
    """A OneFile with another review on every page."""

    def __init__(self) -> None:
        self.pages = 0

    def page_of_reviews(self, number: int, _centre_id: int, learner_id: int) -> Any:
        self.pages += 1
        review = SimpleNamespace(id=number, learner_id=learner_id)
        return SimpleNamespace(records=[review], unreadable_items=0)

    def is_surely_last(self, _page: Any) -> bool:
        return False


def test_a_learner_with_more_reviews_than_are_read_is_not_linked_by_halves() -> None:
    theirs: Any = _Endless()
    person: Any = SimpleNamespace(id=7, centre_id=5740)
    assert set(learner_check.read_reviews(theirs, person.id, person.centre_id, to_the_end=False)) == {1}
    with pytest.raises(LinkRefused, match="link_too_many_reviews"):
        learner_check.read_reviews(theirs, person.id, person.centre_id, to_the_end=True)
    assert theirs.pages == 1 + learner_check.MOST_PAGES
