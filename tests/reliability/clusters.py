"""Two clusters with one worker each on PostgreSQL, one of which is killed and started again, with scaled time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django_q.tasks import async_task

from example_project import demo
from onefile_sync.models import Environment, OneFileSettings, SyncRun
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from onefile_sync.sync.runs.schedule import SWEEP
from tests.services.conftest import environment

#: Seconds. The lease is 1/60 of the real one, and so is the time between two sweeps.
LEASE, BETWEEN_SWEEPS = 5, 1.0
#: Seconds that the rest of a run takes when nobody is missing, and that a machine with few processors may need.
THE_REST = 10
LATENCY = 0.01


@dataclass
class Machines:
    """Two machines with a cluster of one worker each."""

    children: demo.Children
    clusters: list[demo.Child] = field(default_factory=list)

    def start(self) -> None:
        self.clusters = [self.start_one(number) for number in range(2)]

    def start_one(self, number: int) -> demo.Child:
        return self.children.start(f"cluster {number}", "qcluster")

    def kill_one(self, number: int) -> None:
        victim = self.clusters[number]
        demo.kill_group(victim.process.pid)
        victim.process.wait()
        self.children.running.remove(victim)
        self.clusters[number] = self.start_one(number)

    def told(self) -> str:
        return "\n".join(f"== {child.name}\n{child.last_lines(40)}" for child in self.clusters)


@pytest.fixture
def onefile(
    transactional_db: None, make_onefile_sandbox: Callable[..., SandboxServer], settings: Any
) -> SandboxServer:
    server = make_onefile_sandbox(world=World(), switches=Switches(rate_limit=0), latency=LATENCY)
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "BASE_URL": server.url}
    row = OneFileSettings(enabled=True, environment=Environment.SANDBOX)
    row.set_customer_token(server.customer_token)
    row.save()
    return server


@pytest.fixture
def machines(onefile: SandboxServer, tmp_path: Path) -> Iterator[Machines]:
    shared = environment(onefile.url, "PostgreSQL") | {
        "DJANGO_SETTINGS_MODULE": "tests.reliability.cluster_settings",
        "LEASE_SECONDS": str(LEASE),
    }
    with demo.Children(tmp_path, shared, patience=15) as children:
        machines = Machines(children)
        machines.start()
        yield machines


@contextmanager
def swept() -> Iterator[None]:
    """The schedule's sweep, delivered to whichever worker is free, for as long as the block lasts."""
    over = threading.Event()

    def deliver() -> None:
        try:
            while not over.wait(BETWEEN_SWEEPS):
                async_task(SWEEP.task, q_options={"save": False})
        finally:
            connection.close()

    thread = threading.Thread(target=deliver)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def is_closed(run: SyncRun) -> bool:
    run.refresh_from_db()
    return not run.is_open


def wait_until(come_true: Callable[[], bool], machines: Machines) -> None:
    until = time.monotonic() + 90
    while not come_true():
        assert time.monotonic() < until, machines.told()
        time.sleep(0.05)
