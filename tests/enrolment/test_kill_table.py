"""Whatever call of an upload the process is killed at, and when: nothing is doubled and nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest

from onefile_sync.enrolment import create_steps, creates
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from tests.factories import Host

from .scenario import MOMENTS, WHOLE, Calls, Enrolment, Killed, at_noon, new_learner, until_quiet

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize("host", ["picsweb"], indirect=True)]

#: The calls and the commits of one upload.
CALLS, COMMITS = 23, 35


@pytest.fixture
def enrolment(host: Host, world: World, onefile: SandboxServer) -> Enrolment:
    return new_learner(host, world)


def assert_whole(enrolment: Enrolment, told: set[str]) -> None:
    counts = enrolment.counts()
    # OneFile cannot be asked for assignments, so one in doubt is left to a person.
    asked_a_person = "assignment_unsure" in told
    assert counts["assignments"] >= WHOLE["assignments"] - asked_a_person
    assert {**counts, "assignments": 0} == {**WHOLE, "assignments": 0}
    assert counts["assignments"] <= WHOLE["assignments"]
    enrolment.assert_all_linked()
    enrolment.assert_nothing_open()
    dated = next(iter(enrolment.world.aims.values()))
    assert str(dated.start_date)[:10] == "2026-03-02"


def go_on(enrolment: Enrolment, now: Any) -> set[str]:
    told: set[str] = set()
    for _each in range(6):
        until_quiet(enrolment, now, rounds=1)
        told |= set(enrolment.told)
        if not enrolment.told:
            break
    return told


@pytest.mark.matrix("moment")
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", range(1, CALLS + 1))
def test_a_kill_at_a_call_doubles_and_loses_nothing(enrolment: Enrolment, number: int, moment: str) -> None:
    with at_noon() as now:
        client = enrolment.client()
        Calls(client, number, moment)
        with pytest.raises(Killed):
            enrolment.round(client)
        told = go_on(enrolment, now)
    assert_whole(enrolment, told)


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(number, marks=pytest.mark.exhaustive if number % 3 else ())
        for number in range(1, COMMITS + 1)
    ],
)
def test_a_kill_after_a_commit_doubles_and_loses_nothing(
    enrolment: Enrolment, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = 0
    is_alive = True

    def killing(work: Any) -> Any:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            nonlocal commits, is_alive
            done = work(*args, **kwargs)
            commits += 1
            if is_alive and commits == number:
                is_alive = False
                raise Killed
            return done

        return wrapped

    for name in ("begin", "take", "note_seen", "note_sending", "note_created", "close"):
        monkeypatch.setattr(creates, name, killing(getattr(creates, name)))
    monkeypatch.setattr(create_steps.Steps, "_link", killing(create_steps.Steps._link))
    with at_noon() as now:
        with pytest.raises(Killed):
            enrolment.round()
        told = go_on(enrolment, now)
    assert_whole(enrolment, told)
