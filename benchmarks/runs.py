"""Measured runs: each on a database and against a OneFile of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from .onefile import Counted, OneFile
from .peers import Peer

#: The name of the database, created anew for each site.
DATABASE = "onefile_sync_benchmark"
#: OneFile's limit, in calls a minute.
LIMIT = 300
#: The hours of a night at that limit.
NIGHT = 6.0
#: Lease in seconds. Short, so that work of a killed worker is recovered soon.
LEASE = 5


@dataclass
class Measured:
    """A measured run: the figures of the worker's process, and the calls that arrived at OneFile."""

    what: str
    items: str
    learners: int
    scale: int
    calls: int
    refused: int
    seconds: float
    share: float
    by_operation: dict[str, int]
    worker: dict[str, Any] = field(default_factory=dict)

    @property
    def real_seconds(self) -> float:
        """The minimum time at OneFile's own limit: the measured time multiplied by the scale."""
        return self.seconds * self.scale


@dataclass
class Site:
    """A PICSWeb with a OneFile beside it. ``scale``: how many times as many calls a minute OneFile allows; 0: any."""

    learners: int
    items: str
    scale: int
    onefile: OneFile
    in_step: bool = False

    def prepare(self) -> None:
        """An empty database with this provider in it."""
        with psycopg.connect(database_url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {DATABASE}")
        _do(["-m", "django", "migrate", "--verbosity", "0"], self.environment())
        fill = (
            "import django; django.setup(); from benchmarks.provider import fill_picsweb; "
            f"fill_picsweb({self.learners}, in_step={self.in_step})"
        )
        _do(["-c", fill], self.environment())

    def environment(self, **more: Any) -> dict[str, str]:
        pace = {"CALLS_PER_MINUTE": None} if not self.scale else {"CALLS_PER_MINUTE": LIMIT * self.scale}
        sync = {"BASE_URL": self.onefile.url, "NIGHT_HOURS": NIGHT / (self.scale or 1), **pace, **more}
        return {
            **os.environ,
            "DATABASE_URL": database_url(),
            "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
            "BENCHMARK_SYNC": json.dumps(sync),
        }

    def settle(self) -> None:
        """Simulate three quiet days, after which every settled review has been read twice without a change."""
        settled = (
            "import django; django.setup(); from onefile_sync.models import StagedRecord as S; "
            "S.objects.filter(settled=True).update(unchanged=2)"
        )
        _do(["-c", settled], self.environment())

    def sync(self, what: str) -> Measured:
        """A daily run, by one worker process."""
        self.onefile.counted()
        worker = json.loads(_do(["-m", "benchmarks.work"], self.environment()).splitlines()[-1])
        return self._measured(what, self.onefile.counted(), worker["seconds"], worker)

    def sync_with_kills(self, what: str, calls: int, kills: int) -> Measured:
        """The same, but killed at regular intervals of an undisturbed run's ``calls`` and continued each time."""
        self.onefile.counted()
        environment, began = self.environment(LEASE_SECONDS=LEASE), time.monotonic()
        for kill in range(kills):
            more = ["go on"] if kill else []
            command = [sys.executable, "-m", "benchmarks.work", *more]
            with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as worker:
                while (
                    self.onefile.calls_so_far() < calls * (kill + 1) / (kills + 1) and worker.poll() is None
                ):
                    time.sleep(0.005)
                assert worker.poll() is None, "It was faster than the kill."
                worker.kill()
        told = json.loads(_do(["-m", "benchmarks.work", "go on"], environment).splitlines()[-1])
        return self._measured(what, self.onefile.counted(), time.monotonic() - began, told)

    def as_peers_do(self) -> Measured:
        """Read everything of every learner, one by one."""
        self.onefile.counted()
        ids, centre_id = _learners()
        peer, began = Peer(self.onefile.url), time.monotonic()
        for learner_id in ids:
            peer.read(learner_id, centre_id)
        return self._measured("the usual way, any day", self.onefile.counted(), time.monotonic() - began, {})

    def _measured(self, what: str, counted: Counted, seconds: float, worker: dict[str, Any]) -> Measured:
        allowed = LIMIT * self.scale / 60 * counted.seconds
        return Measured(
            what=what,
            items=self.items,
            learners=self.learners,
            scale=self.scale,
            calls=counted.calls,
            refused=counted.refused,
            seconds=seconds,
            share=(counted.calls - 1) / allowed if allowed else 0.0,
            by_operation=dict(counted.by_operation),
            worker=worker,
        )


def site(
    learners: int,
    items: str,
    measure: Callable[[Site], list[Measured]],
    *,
    scale: int,
    latency: float = 0.0,
    in_step: bool = False,
) -> list[Measured]:
    """Measure on a fresh site."""
    with OneFile(learners, items, LIMIT * scale, latency) as onefile:
        there = Site(learners, items, scale, onefile, in_step)
        there.prepare()
        return measure(there)


def clicks(there: Site, number: int, between: float) -> tuple[list[float], Counted]:
    """Seconds from a click to the end of its refresh, during a daily run on two workers."""
    os.environ |= there.environment()
    import django

    django.setup()
    from django.db import connection
    from django_q.tasks import async_task

    from example_project.picsweb.models import Learner
    from onefile_sync import services
    from onefile_sync.models import SyncRun
    from onefile_sync.sync.runs.schedule import DAILY

    there.onefile.counted()
    took: list[float] = []
    cluster = subprocess.Popen(
        [sys.executable, "-m", "django", "qcluster"],
        env=there.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        async_task(DAILY.task)
        while there.onefile.calls_so_far() < 20:
            time.sleep(0.1)
        learners = list(Learner.objects.order_by("pk")[:: max(1, there.learners // number)])[:number]
        for learner in learners:
            time.sleep(between)
            clicked = time.monotonic()
            run = services.refresh([learner])
            while run.is_open:
                time.sleep(0.02)
                run.refresh_from_db()
            took.append(time.monotonic() - clicked)
            assert SyncRun.objects.filter(kind="daily").latest("created_at").is_open, "The daily run is over."
    finally:
        _kill(cluster)
        connection.close()
    return took, there.onefile.counted()


def _kill(cluster: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(cluster.pid, 9)
    cluster.wait()


def _learners() -> tuple[list[int], int]:
    with psycopg.connect(database_url()) as connection:
        found = connection.execute(
            "SELECT onefile_id, onefile_centre_id FROM picsweb_learner ORDER BY id"
        ).fetchall()
    return [onefile_id for onefile_id, _centre in found], found[0][1]


def _do(arguments: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run([sys.executable, *arguments], env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"It went wrong: {' '.join(arguments)}")
    return done.stdout


def database_url(name: str = DATABASE) -> str:
    """A database on the server of ``DATABASE_URL``."""
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))
