"""Runs, claims and queues as the tests of the core need them. Nobody waits for anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from onefile_sync import services
from onefile_sync.models import Environment, OneFileSettings, RunKind, SyncRun
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.sync import ledger
from tests.conftest import dont_wait
from tests.factories import Host

TOKEN = "a-customer-token"


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker gives no say in how to wait, so it does not wait."""
    monkeypatch.setattr(services, "work_on", partial(services.work_on, sleep=dont_wait))


@pytest.fixture
def switched_on(host: Host) -> OneFileSettings:
    """The integration is on and has a customer token; nothing answers at OneFile's address."""
    row = OneFileSettings(enabled=True, environment=Environment.SANDBOX)
    row.set_customer_token(TOKEN)
    row.save()
    return row


@pytest.fixture
def linked(host: Host, world: World) -> Callable[[int], list[Any]]:
    """Makes learners who are in OneFile too, each with a value to bring over."""

    def make(number: int) -> list[Any]:
        learners = []
        for _each in range(number):
            person = world.add_learner()
            aim = world.add_aim(person.id, registration_number=f"REG-{person.id}")
            learner = host.learner(onefile_id=person.id)
            host.qualification(learner, onefile_id=aim.id)
            learners.append(learner)
        return learners

    return make


@pytest.fixture
def commit(django_capture_on_commit_callbacks: Callable[..., Any]) -> Callable[[], Any]:
    """A context at whose end everything is committed, so that what waits for that happens."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


def learners_of(host: Host, number: int) -> list[Any]:
    return [host.learner(onefile_id=600 + each) for each in range(number)]


def run_of(learners: Sequence[Any], kind: RunKind = RunKind.REFRESH, **options: Any) -> SyncRun:
    """A run that waits for a worker."""
    return ledger.open_run(kind, learners, **options)[0]


def states(run: SyncRun) -> list[str]:
    return list(run.outcomes.order_by("id").values_list("state", flat=True))


def codes(run: SyncRun) -> list[list[str]]:
    """The problems of each learner of a run."""
    return [list(outcome.problems.values_list("code", flat=True)) for outcome in run.outcomes.order_by("id")]


def queued_tasks() -> list[dict[str, Any]]:
    """What django-q2 holds, unpacked."""
    return [SignedPackage.loads(row.payload) for row in OrmQ.objects.order_by("id")]


def queued_runs() -> list[str]:
    return [task["args"][0] for task in queued_tasks()]


def refuse_the_token(onefile: SandboxServer) -> None:
    """OneFile withdraws the customer token and ends every session."""
    onefile.customer_token = "another"
    onefile.sessions.forget_all()
