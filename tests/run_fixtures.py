"""Runs, leases and queues as tests need them, and fixtures for them. Nobody waits for anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from django.core.management import load_command_class
from django.db import transaction
from django.utils import timezone
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from onefile_sync import host as picsweb
from onefile_sync import services, tasks
from onefile_sync.host.snapshot import LearnerRow
from onefile_sync.models import Environment, LearnerOutcome, OneFileSettings, RunKind, RunState, SyncRun
from onefile_sync.reporting import health_checks
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from onefile_sync.sync import daily
from onefile_sync.sync.connection import rate_limit
from onefile_sync.sync.runs import leases, lifecycle
from tests.conftest import dont_wait, problems, sync
from tests.factories import Host
from tests.scenarios.two_of_each import build_two_of_each, ending

TOKEN = "a-customer-token"
#: A date that PICSWeb alone has, and one on which a review is yet to be.
REGISTERED, NEXT_YEAR = date(2025, 9, 8), date(2027, 3, 1)
#: An attempt at a learner that called nobody.
FREE: leases.Cost = {"api_calls": 0, "rate_limited": 0}


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Manage = Callable[..., Said]
#: How both sides of a learner look, as text (:func:`tests.scenarios.two_of_each.ending`).
Ending = tuple[list[str], list[str]]

#: What :func:`without_trouble` found, by host and OneFile.
_endings: dict[tuple[str, str], Ending] = {}


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker gives no say in how to wait, so it does not wait."""
    monkeypatch.setattr(daily, "work_on", partial(daily.work_on, sleep=dont_wait))


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
def differing(host: Host, world: World) -> Callable[[int], list[Any]]:
    """Makes learners who each have a value that OneFile's replaces, and a date and a review for OneFile."""

    def make(number: int) -> list[Any]:
        officer = host.officer(onefile_id=world.add_assessor().id)
        learners = []
        for _each in range(number):
            person = world.add_learner()
            aim = world.add_aim(person.id, registration_number=f"REG-{person.id}")
            learner = host.learner(onefile_id=person.id)
            ours = {"registration_number": f"P-{person.id}", "registration_date": REGISTERED}
            host.qualification(learner, onefile_id=aim.id, **ours)
            host.review(learner, officer=officer, proposed_date=NEXT_YEAR)
            learners.append(learner)
        return learners

    return make


@pytest.fixture
def without_trouble(host: Host, world: World, switches: Switches, onefile: SandboxServer) -> Ending:
    """How a learner with two of each looks after a refresh in which nothing goes wrong, beside such a OneFile."""
    like = host.name, repr(switches)
    if like not in _endings:
        with transaction.atomic():
            twin = build_two_of_each(host, world)
            assert problems(sync(twin.learner)) == []
            _endings[like] = ending(twin, world)
            transaction.set_rollback(
                True
            )  # else the first test that asks would begin with more than the others
    return _endings[like]


@pytest.fixture
def held(differing: Callable[[int], list[Any]], onefile: SandboxServer) -> SyncRun:
    """Today's daily sync, held because of two learners."""
    stop_at(percent=20, learners=2)
    differing(2)
    run = scheduled()
    assert run.is_held
    return run


class Away:
    """Where the rate limit would be kept, if it could be reached."""

    def __init__(self) -> None:
        self.is_back = False

    def read(self) -> rate_limit.RateLimitState:
        if self.is_back:
            return rate_limit.RateLimitState()
        raise rate_limit.RateLimitLost

    def change(self, _how: Any) -> Any:
        raise rate_limit.RateLimitLost


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Away:
    """Redis, which keeps the rate limit, cannot be reached until it ``is_back``. Calls are not limited otherwise."""
    store = Away()
    for module in (rate_limit, health_checks):
        monkeypatch.setattr(module, "shared_store", lambda: store)
    return store


@pytest.fixture
def manage(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Manage:
    """Runs a command as ``manage.py`` does, system checks included."""
    # The process would end here; the test goes on with its connection.
    monkeypatch.setattr("django.db.connections.close_all", lambda: None)

    def run(name: str, *arguments: str) -> Said:
        code: Any = 0
        try:
            load_command_class("onefile_sync", name).run_from_argv(["manage.py", name, *arguments])
        except SystemExit as ended:
            code = ended.code
        printed = capsys.readouterr()
        return Said(code, printed.out, printed.err)

    return run


@pytest.fixture
def in_order(host: Host, switched_on: OneFileSettings) -> OneFileSettings:
    """Everything is as it should be."""
    services.install_schedules()
    tasks.sweep()
    a_day_done()
    return switched_on


@pytest.fixture
def commit(django_capture_on_commit_callbacks: Callable[..., Any]) -> Callable[[], Any]:
    """A context at whose end everything is committed, so that what waits for that happens."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


def learners_of(host: Host, number: int) -> list[Any]:
    return [host.learner(onefile_id=600 + each) for each in range(number)]


def run_of(learners: Sequence[Any], kind: RunKind = RunKind.REFRESH, **options: Any) -> SyncRun:
    """A run that waits for a worker."""
    return lifecycle.open_run(kind, learners, **options)[0]


def claimed(run: SyncRun) -> leases.Claim:
    """The claim of a worker on the next learner of a run."""
    claim = leases.claim_next(run)
    assert claim is not None
    return claim


def stop_at(percent: int, learners: int) -> None:
    """From how many learners on the safety stop holds a daily run."""
    stop = {"safety_stop_percent": percent, "safety_stop_learners": learners}
    OneFileSettings.objects.update_or_create(pk=1, defaults=stop)


def rows_of(learners: Sequence[Any]) -> list[LearnerRow]:
    """PICSWeb's rows of these learners as they are now."""
    return [picsweb.read_learner(type(learner).objects.get(pk=learner.pk)) for learner in learners]


def planned_of(learner: Any) -> set[tuple[str, str, str, str]]:
    """What the daily run would do with one of the differing learners."""
    number = learner.onefile_id
    return {
        ("picsweb", "centre_id", "", "5740"),
        ("picsweb", "registration_number", f"P-{number}", f"REG-{number}"),
        ("onefile", "registration_date", "", "08/09/2025"),
        ("onefile", "review", "", "01/03/2027 00:00"),
        ("picsweb", "onefile_id", "", ""),
        ("picsweb", "attended", "", "Unknown"),
    }


def numbers_of(learners: list[Any]) -> list[str]:
    """The registration number of each learner in PICSWeb."""
    return [row.qualifications[0].values["registration_number"] for row in rows_of(learners)]


def replaced(learners: list[Any]) -> list[str]:
    """The registration numbers once they are those of OneFile."""
    return [f"REG-{learner.onefile_id}" for learner in learners]


def scheduled() -> SyncRun:
    """What the schedule starts today, or has started, worked on until it is closed or held."""
    said = services.start_scheduled_daily()
    return services.perform(SyncRun.objects.get(pk=said.split()[-1]), sleep=dont_wait)


def how(run: SyncRun) -> tuple[str, str]:
    """How a run stands, and how it ended if it ended early."""
    run.refresh_from_db()
    return run.state, run.ending


def states_of(run: SyncRun, learners: list[Any]) -> list[str]:
    """What became of these learners, who need not be in the run's order."""
    by_learner = dict(run.outcomes.values_list("learner_pk", "state"))
    return [by_learner[str(learner.pk)] for learner in learners]


def people(run: SyncRun) -> list[Any]:
    """The learners of a run."""
    return [outcome.learner for outcome in run.outcomes.order_by("id")]


def a_day_done(ago: timedelta = timedelta(hours=8), *states: str, **values: Any) -> SyncRun:
    """A daily run that came to its end so long ago, with a learner in each of these states."""
    ended = {"kind": RunKind.DAILY, "state": RunState.FINISHED, "finished_at": timezone.now() - ago}
    run = SyncRun.objects.create(**{**ended, **values})
    for number, state in enumerate(states):
        LearnerOutcome.objects.create(
            run=run, learner_type=picsweb.learner_type(), learner_pk=str(number), state=state
        )
    return run


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
