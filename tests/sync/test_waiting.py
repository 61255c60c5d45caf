"""How long a person has to wait while OneFile's answers are unreadable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from onefile_sync import services
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from tests.run_fixtures import states


def test_a_refresh_by_command_does_not_sit_out_a_maintenance_page(
    linked: Callable[[int], list[Any]], onefile: SandboxServer
) -> None:
    learners = linked(1)
    onefile.faults.append(Fault(operation="LearningAim/Search", kind="html", times=99))
    onefile.faults.append(Fault(operation="Review/Search", kind="html", times=99))
    onefile.faults.append(Fault(operation="User", kind="html", times=99))
    slept: list[float] = []

    run = services.perform(services.refresh_now(learners), sleep=slept.append)

    assert states(run)[0] in ("failed", "attention")
    assert onefile.calls["LearningAim/Search"] == 2
    assert sum(slept) < 10
