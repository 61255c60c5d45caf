"""Both hosts against a sandbox OneFile on a real socket; the steps that several folders of tests take."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from onefile_sync import services
from onefile_sync.models import Environment, LearnerOutcome, OneFileSettings
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from tests.factories import HOSTS, Host
from tests.matrix import mark_exhaustive

pytest_plugins = ["tests.run_fixtures", "tests.staff_fixtures"]

#: How many examples hypothesis makes up: "quick", "thorough" (make test-exhaustive) or "nightly".
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "quick")
hypothesis.settings.register_profile("quick", max_examples=30, derandomize=True)
hypothesis.settings.register_profile("thorough", derandomize=True)
hypothesis.settings.register_profile("nightly", max_examples=3000)
hypothesis.settings.load_profile(PROFILE)


@pytest.hookimpl(tryfirst=True)  # before pytest looks which cases have a marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Under settings with several databases (:mod:`tests.databases`) a test may use all of them."""
    mark_exhaustive(items)
    if len(settings.DATABASES) == 1:
        return
    for item in items:
        marker = item.get_closest_marker("django_db")
        options = {**(marker.kwargs if marker else {}), "databases": "__all__"}
        item.add_marker(pytest.mark.django_db(**options), append=False)


# What is imported and collected stays until the end: there is no garbage in it to look for.
gc.disable()


def pytest_collection_finish() -> None:
    """The garbage collector need not look through what stays, nor look every few calls."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)
    gc.enable()


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest, settings: Any, db: None) -> Host:
    chosen = HOSTS[request.param]
    # One call at a time: other threads would not see what is in a test's own transaction.
    settings.ONEFILE_SYNC = {**chosen.mapping, "CALLS_PER_MINUTE": None, "CALLS_AT_ONCE": 1}
    return chosen


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def switches() -> Switches:
    return Switches(rate_limit=0)


@pytest.fixture
def onefile(
    make_onefile_sandbox: Callable[..., SandboxServer],
    world: World,
    switches: Switches,
    host: Host,
    settings: Any,
) -> SandboxServer:
    """A running sandbox that PICSWeb is connected to."""
    server = make_onefile_sandbox(world=world, switches=switches)
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "BASE_URL": server.url}
    row = OneFileSettings(enabled=True, environment=Environment.SANDBOX)
    row.set_customer_token(server.customer_token)
    row.save()
    return server


@pytest.fixture
def configure(onefile: SandboxServer) -> Callable[..., None]:
    """Change what staff may set."""

    def change(**values: Any) -> None:
        OneFileSettings.objects.update(**values)

    return change


def dont_wait(seconds: float) -> None:
    """Time is not waited for in tests."""


def sync(learner: Any) -> LearnerOutcome:
    """Refresh one learner here and now."""
    run = services.perform(services.refresh_now([learner]), sleep=dont_wait)
    outcome: LearnerOutcome = run.outcomes.get()
    return outcome


def daily_of(learner: Any) -> LearnerOutcome:
    """The daily sync of everyone, here and now; what became of one learner."""
    run = services.perform(services.start_daily(new_run=True), sleep=dont_wait)
    outcome: LearnerOutcome = run.outcomes.get(learner_pk=str(learner.pk))
    return outcome


def preview(learner: Any) -> LearnerOutcome:
    run = services.perform(services.preview_now([learner]), sleep=dont_wait)
    outcome: LearnerOutcome = run.outcomes.get()
    return outcome


def changes(outcome: LearnerOutcome) -> set[tuple[str, str, str, str]]:
    """(side, field, before, after) of each change."""
    return set(outcome.changes.values_list("side", "field", "old", "new"))


def problems(outcome: LearnerOutcome) -> list[str]:
    return list(outcome.problems.values_list("code", flat=True))


@pytest.fixture
def counting(host: Host) -> Callable[[], Any]:
    """A context that counts the SQL writes to the host's tables."""

    class Counting:
        def __init__(self) -> None:
            self.captured = CaptureQueriesContext(connection)
            self.to_picsweb = 0

        def __enter__(self) -> Counting:
            self.captured.__enter__()
            return self

        def __exit__(self, *failure: Any) -> None:
            self.captured.__exit__(*failure)
            verbs = ("INSERT", "UPDATE", "DELETE")
            self.to_picsweb = sum(
                query["sql"].startswith(verbs) and f'"{host.name}_' in query["sql"]
                for query in self.captured.captured_queries
            )

    return Counting
