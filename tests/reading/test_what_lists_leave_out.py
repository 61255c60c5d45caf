"""A list says what it says: what it leaves out is not known, for one learner as for everyone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from tests.conftest import problems, sync
from tests.exchange.hamlet import Hamlet, build_hamlet
from tests.factories import Host

from .village import daily


def at_once(learner: Any) -> Any:
    return daily().outcomes.get(learner_pk=str(learner.pk))


WAYS = [pytest.param(sync, id="one learner"), pytest.param(at_once, id="everyone")]


@pytest.fixture
def hamlet(host: Host, world: World) -> Hamlet:
    return build_hamlet(host, world)


def without_an_id(items: Any) -> Any:
    """The first item of a page as a broken one."""
    return [{name: value for name, value in items[0].items() if name != "ID"}, *items[1:]]


def codes(outcome: Any) -> set[str]:
    return set(problems(outcome)) - {"unreadable_items"}


@pytest.mark.parametrize("refresh", WAYS)
class TestAnItemWithoutAnId:
    def test_hides_no_record_that_was_deleted(
        self, refresh: Callable[[Any], Any], hamlet: Hamlet, world: World, onefile: SandboxServer
    ) -> None:
        sync(hamlet.learner)
        del world.aims[hamlet.other_aim.id], world.reviews[hamlet.held.id]
        for operation in ("LearningAim/Search", "Review/Search"):
            fault = Fault(operation=operation, kind="edited", when="after", times=9, edit=without_an_id)
            onefile.faults.append(fault)

        assert codes(refresh(hamlet.learner)) == {"aim_gone", "review_gone"}

    def test_makes_no_record_seem_deleted(
        self, refresh: Callable[[Any], Any], hamlet: Hamlet, world: World, onefile: SandboxServer
    ) -> None:
        sync(hamlet.learner)
        for operation in ("LearningAim/Search", "Review/Search"):
            fault = Fault(operation=operation, kind="edited", when="after", times=9, edit=without_an_id)
            onefile.faults.append(fault)

        assert codes(refresh(hamlet.learner)) == set()


@pytest.mark.parametrize("refresh", WAYS)
@pytest.mark.parametrize("sent", [b"[]", b"null", b"one item less"])
def test_what_is_not_listed_and_there_is_not_called_deleted(
    sent: bytes, refresh: Callable[[Any], Any], hamlet: Hamlet, world: World, onefile: SandboxServer
) -> None:
    sync(hamlet.learner)
    for operation in ("LearningAim/Search", "Review/Search"):
        if sent == b"one item less":
            fault = Fault(
                operation=operation, kind="edited", when="after", times=9, edit=lambda items: items[:-1]
            )
        else:
            fault = Fault(operation=operation, kind="status", status=200, body=sent, times=9)
        onefile.faults.append(fault)

    outcome = refresh(hamlet.learner)

    assert codes(outcome) == set()
    assert not outcome.changes.exists()


@pytest.mark.parametrize("refresh", WAYS)
def test_a_linked_record_of_another_learner_is_told_as_such(
    refresh: Callable[[Any], Any], hamlet: Hamlet, host: Host, world: World, onefile: SandboxServer
) -> None:
    sync(hamlet.learner)
    other = world.add_learner()
    aim, review = world.add_aim(other.id), world.add_review(other.id)
    host.qualification(hamlet.learner, onefile_id=aim.id)
    host.review(hamlet.learner, onefile_id=review.id)

    assert codes(refresh(hamlet.learner)) == {"foreign_aim", "foreign_review"}


class TestAPageLimit:
    @pytest.fixture
    def switches(self, items: Any) -> Switches:
        return Switches(rate_limit=0, items=items, page_limit=1)

    @pytest.mark.parametrize("refresh", WAYS)
    def test_makes_no_record_seem_deleted(
        self, refresh: Callable[[Any], Any], hamlet: Hamlet, world: World, onefile: SandboxServer
    ) -> None:
        assert codes(refresh(hamlet.learner)) == set()
        assert codes(refresh(hamlet.learner)) == set()
