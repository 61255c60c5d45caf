"""A run that began in the moment in which a learner is unlinked, or a review moved, sends and keeps nothing more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from example_project.picsweb.models import Learner
from onefile_sync import host as picsweb
from onefile_sync.linking import learner_links
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import LinkEnding, UploadIntent
from onefile_sync.onefile.client import OneFile
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.sync.learner import apply, exchange, uploads
from tests.conftest import problems, sync
from tests.factories import Host
from tests.scenarios.two_of_each import TwoOfEach, build_two_of_each, read

pytestmark = pytest.mark.matrix

#: The step right after which it happens.
STEPS: dict[str, tuple[Any, str]] = {
    "learner read": (picsweb, "read_learner"),
    "planned": (exchange, "make_plan"),
    "upload begun": (uploads, "begin"),
    "visit created": (uploads, "note_visit"),
    "aim pushed": (OneFile, "update_learning_aim"),
    "saved a row": (apply, "_save"),
}


@pytest.fixture
def scenario(host: Host, world: World, onefile: SandboxServer) -> TwoOfEach:
    return build_two_of_each(host, world)


def once_after(monkeypatch: pytest.MonkeyPatch, step: str, act: Callable[[], object]) -> None:
    where, name = STEPS[step]
    real = getattr(where, name)
    turns = iter([act])

    def with_consequence(*args: Any, **values: Any) -> Any:
        result = real(*args, **values)
        next(turns, lambda: None)()
        return result

    monkeypatch.setattr(where, name, with_consequence)


@pytest.mark.parametrize("step", STEPS)
def test_the_learner_is_unlinked(
    scenario: TwoOfEach, world: World, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pk, seen = str(scenario.learner.pk), {}

    def unlink() -> None:
        with monkeypatch.context() as patch:
            # The run was opened in the same moment, so that unlinking has not seen it.
            patch.setattr(learner_links, "_refuse_while_at_work", lambda _pk: None)
            learner_links._unlink_all(pk, present_tenant(), LinkEnding.UNLINKED, None)
        seen.update(rows=read(scenario), writes=world.writes)

    once_after(monkeypatch, step, unlink)
    outcome = sync(scenario.learner)

    assert seen, "the step was never taken"
    assert problems(outcome)[-1] == "learner_left"
    assert world.writes == seen["writes"]
    assert read(scenario) == seen["rows"]
    assert picsweb.linked_rows_of(pk) == []


@pytest.mark.parametrize("host", ["picsweb"], indirect=True)
@pytest.mark.parametrize("step", ["planned", "upload begun", "visit created"])
def test_a_review_is_moved_to_another_learner(
    scenario: TwoOfEach, world: World, host: Host, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = scenario.upload
    other = host.learner(onefile_id=world.add_learner().id)
    assert isinstance(other, Learner)
    before = len(world.reviews)
    move = type(new).objects.filter(pk=new.pk)
    once_after(monkeypatch, step, lambda: move.update(learner=other))

    outcome = sync(scenario.learner)

    assert len(world.reviews) == before
    new.refresh_from_db()
    assert (new.onefile_id, new.learner_id) == (None, other.pk)
    assert "kept_changing" not in problems(outcome)
    if step != "visit created":
        assert not UploadIntent.objects.filter(finished_at=None).exists()
