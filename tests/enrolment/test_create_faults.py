"""Each fault once, at one call of a create: the end is that without it, or a question to a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from onefile_sync.onefile.errors import OneFileError
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from tests.factories import Host
from tests.reliability.trouble import FAULTS, PATIENCE

from .scenario import LATER, WHOLE, Enrolment, at_noon, new_learner

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize("host", ["picsweb"], indirect=True)]

OPERATIONS = (
    "User/Search",
    "User/get",
    "User/create",
    "User/Assign",
    "Placement/Search",
    "Placement/get",
    "Placement/create",
    "Standard/Assign",
    "LearningAim/Search",
    "LearningAim/get",
    "LearningAim/update",
)
#: Codes by which a person is asked.
QUESTIONS = {
    "assignment_unsure",
    "create_ambiguous",
    "create_given_up",
    "create_left_over",
    "create_refused",
    "link_taken",
    "may_exist",
    "party_may_exist",
}


def cases() -> Iterator[Any]:
    """Each fault once, at one operation after the other."""
    for number, fault in enumerate(FAULTS):
        operation = OPERATIONS[number % len(OPERATIONS)]
        yield pytest.param(operation, fault, id=f"{operation}-{fault}")


@pytest.fixture
def enrolment(host: Host, world: World, onefile: SandboxServer) -> Enrolment:
    return new_learner(host, world)


def attempt(enrolment: Enrolment) -> set[str]:
    """One attempt; a failure of everything is told by the run."""
    try:
        enrolment.round()
    except OneFileError as error:
        return {*enrolment.told, error.code}
    return set(enrolment.told)


@pytest.mark.parametrize(("operation", "fault"), list(cases()))
def test_a_fault_doubles_and_loses_nothing(
    enrolment: Enrolment, operation: str, fault: str, onefile: SandboxServer, settings: Any
) -> None:
    trouble = Fault(operation=operation, **FAULTS[fault])
    patient = settings.ONEFILE_SYNC
    if fault.startswith("time-out"):
        settings.ONEFILE_SYNC = {**patient, "TIMEOUT_SECONDS": PATIENCE}
    told: set[str] = set()
    with at_noon() as now:
        onefile.faults.append(trouble)
        for _attempt in range(2):
            told |= attempt(enrolment)
            onefile.wait_until_idle()  # what OneFile was slow with comes about before a lease is over
            now.shift(LATER)
        onefile.faults.clear()
        settings.ONEFILE_SYNC = patient
        assert trouble.times == 0
        for _attempt in range(5):
            told |= attempt(enrolment)
            now.shift(LATER)

    counts = enrolment.counts()
    assert all(counts[what] <= most for what, most in WHOLE.items()), (counts, told)
    if told & QUESTIONS:
        return
    assert counts == WHOLE, told
    enrolment.assert_all_linked()
    enrolment.assert_nothing_open()
