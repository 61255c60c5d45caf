"""What is never sent to OneFile or saved in PICSWeb, and a review that PICSWeb has no place for."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from onefile_sync import host as picsweb
from onefile_sync.models import Side
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.sync.learner import apply
from onefile_sync.sync.planning.types import FieldChange, Subject
from tests.conftest import problems, sync
from tests.factories import Host
from tests.scenarios.two_of_each import build_two_of_each

TEN = datetime(2026, 10, 30, 10, 0, tzinfo=UTC)


def change(new: Any) -> FieldChange:
    return FieldChange(Side.ONEFILE, Subject("qualification", "1"), "registration_date", None, new, "")


def test_only_text_and_dates_are_sent_to_a_learning_aim() -> None:
    day = date(2026, 3, 1)
    assert apply._pushable([change(day)]) == {"registration_date": day}
    for value in (None, 7):
        with pytest.raises(TypeError, match="registration_date"):
            apply._pushable([change(value)])


def test_no_row_of_picsweb_takes_a_moment_in_place_of_a_date() -> None:
    assert apply._plain(TEN.date()) == TEN.date()
    with pytest.raises(TypeError):
        apply._plain(TEN)


def test_a_review_that_has_no_place_since_it_was_planned_is_told_of(
    host: Host, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = build_two_of_each(host, world)

    def nowhere(*_given: Any, **_values: Any) -> Any:
        raise picsweb.NowhereToPut

    monkeypatch.setattr(picsweb, "create_review", nowhere)
    assert "review_nowhere_to_put" in problems(sync(scenario.learner))
