"""A running demo, and the people in it: what a test needs to bring a situation about and to look behind the pages."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db.models import Model
from django.utils import timezone

from example_project import demo
from example_project.demonstration import counts_at
from example_project.picsweb.models import Learner, Qualification
from onefile_sync.models import (
    OPEN_OUTCOMES,
    LearnerOutcome,
    OneFileSettings,
    OutcomeState,
    RunKind,
    SyncRun,
)

#: The alias under which the tests reach the site's own database.
SITE = "site"
#: Enough that every test has learners of its own.
LEARNERS = 80


@dataclass(frozen=True)
class RunningDemo:
    """``manage.py demo`` in a folder of its own, with what it printed about itself."""

    process: subprocess.Popen[str]
    database: Path
    site: str
    sandbox: str
    passwords: Mapping[str, str]
    worker: int
    environment: Mapping[str, str]

    @classmethod
    def start(cls, folder: Path, *options: str, learners: int = LEARNERS) -> RunningDemo:
        """Returns once the demo is up. Raises ``AssertionError`` with its output when it ends instead.

        ``options`` are further ones of the command.
        """
        port, sandbox_port = demo.free_port(demo.ANY_PORT), demo.free_port(demo.ANY_PORT)
        environment = demo.environment(sandbox_port, throw_away_in=folder)
        environment["ONEFILE_CALLS_PER_MINUTE"] = "60000"
        process = subprocess.Popen(
            [
                *(sys.executable, str(demo.MANAGE), "demo", f"--folder={folder}"),
                *(f"--port={port}", f"--sandbox-port={sandbox_port}", f"--learners={learners}"),
                *options,
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("Ctrl-C"):
                break
        else:
            raise AssertionError(f"The demo ended with code {process.wait()}:\n{said}")
        return cls(
            process=process,
            database=folder / "picsweb.sqlite3",
            site=f"http://127.0.0.1:{port}/",
            sandbox=f"http://127.0.0.1:{sandbox_port}/",
            passwords=dict(re.findall(r"(\w+) / (\S+)", said)),
            worker=_child_of(process.pid, "qcluster"),
            environment=environment,
        )

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


def _child_of(pid: int, command: str) -> int:
    """The process that runs this ``manage.py`` command for another process; it leads a process group."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if command in Path(f"/proc/{child}/cmdline").read_text().split("\0"):
            return int(child)
    raise AssertionError(f"Process {pid} runs no {command}.")


@dataclass(frozen=True)
class Office:
    """What is behind the pages: PICSWeb's rows, OneFile's counts, and the worker."""

    demo: RunningDemo

    def address(self, path: str) -> str:
        return self.demo.site.rstrip("/") + path

    # PICSWeb

    def rows(self, model: type[Model]) -> Any:
        return model._default_manager.using(SITE)

    def learner_in_step(self, *, besides: Sequence[Learner] = ()) -> Learner:
        """A learner whom no test has used yet, whom the first sync left in order, with an aim that can be changed."""
        runs = self.rows(LearnerOutcome).filter(run__kind=RunKind.DAILY)
        in_order = runs.filter(state__in=[OutcomeState.UPDATED, OutcomeState.UNCHANGED])
        used = self.rows(LearnerOutcome).exclude(run__kind=RunKind.DAILY).values("learner_pk")
        candidates = self.rows(Qualification).filter(
            learner__in=[
                int(pk) for pk in in_order.exclude(learner_pk__in=used).values_list("learner_pk", flat=True)
            ],
            onefile_id__isnull=False,
            certificate_received_date=None,
        )
        # The first learner is the demo's own and out of step again.
        not_these = [1, *(learner.pk for learner in besides)]
        qualification = candidates.exclude(learner__pk__in=not_these).order_by("pk").first()
        assert qualification is not None, "No learner is left: raise LEARNERS."
        learner: Learner = qualification.learner
        return learner

    def qualification(self, learner: Learner) -> Qualification:
        """The one that the tests work with."""
        mine = self.rows(Qualification).filter(learner=learner, onefile_id__isnull=False)
        found: Qualification = mine.filter(certificate_received_date=None).order_by("pk").first()
        return found

    def qualification_by_pk(self, pk: int) -> Qualification:
        found: Qualification = self.rows(Qualification).get(pk=pk)
        return found

    def picsweb_as_stored(self) -> list[list[Any]]:
        """Every value of PICSWeb's own rows that an exchange may write to."""
        return [
            list(self.rows(model).order_by("pk").values())
            for model in (Learner, Qualification, Learner._meta.get_field("reviews").related_model)
        ]

    def configure(self, **values: Any) -> None:
        self.rows(OneFileSettings).update(**values)

    def runs(self) -> int:
        count: int = self.rows(SyncRun).count()
        return count

    # OneFile

    def onefile_writes(self) -> int:
        """What OneFile has been made to change or create so far."""
        return int(counts_at(self.demo.sandbox)["writes"])

    # The worker

    @contextmanager
    def worker_held(self) -> Iterator[None]:
        """The worker's processes stand still meanwhile, so that what is queued stays queued."""
        self._stop_worker_where_it_locks_nothing()
        try:
            yield
        finally:
            self.release_worker()

    def release_worker(self) -> None:
        os.killpg(self.demo.worker, signal.SIGCONT)

    def _stop_worker_where_it_locks_nothing(self) -> None:
        """Were it stopped in the middle of a write, the site could write nothing either."""
        for _attempt in range(100):
            os.killpg(self.demo.worker, signal.SIGSTOP)
            try:
                with closing(sqlite3.connect(self.demo.database, timeout=0.2, isolation_level=None)) as probe:
                    probe.execute("BEGIN IMMEDIATE")
                    probe.execute("ROLLBACK")
                return
            except sqlite3.OperationalError:
                self.release_worker()
                time.sleep(0.02)  # the worker has a write to finish, in another process
        raise AssertionError("The worker never let go of the database.")

    def ask_long_ago(self, run: str) -> None:
        """As if the run had been asked for two minutes ago."""
        self.rows(SyncRun).filter(pk=run).update(created_at=timezone.now() - timedelta(minutes=2))

    def take_by_another_worker(self, run: str, learner: Learner) -> None:
        """As if another worker, somewhere else, had begun with this learner of a run."""
        self.rows(LearnerOutcome).filter(run=run, learner_pk=str(learner.pk)).update(
            state=OutcomeState.WORKING,
            claimed_by="00000000-0000-4000-8000-000000000001",
            lease_expires_at=timezone.now() + timedelta(minutes=5),
            started_at=timezone.now(),
        )

    def lose_the_other_worker(self, run: str) -> None:
        """The other worker is gone and its lease has run out."""
        ago = timezone.now() - timedelta(seconds=1)
        working = self.rows(LearnerOutcome).filter(run=run, state=OutcomeState.WORKING)
        working.update(lease_expires_at=ago)

    def sync_daily(self, *learners: Learner) -> str:
        """A daily sync of these learners alone, handed to the worker as the schedule would; its run."""
        ran = demo.run_manage(
            self.demo.environment, "shell", "-v0", "-c", DAILY_OF % [each.pk for each in learners]
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.strip()

    def close_what_is_open(self) -> None:
        """A test that failed half-way leaves no run behind to hold the others up."""
        open_runs = self.rows(SyncRun).exclude(state="finished")
        self.rows(LearnerOutcome).filter(run__in=open_runs, state__in=OPEN_OUTCOMES).update(
            state=OutcomeState.SKIPPED, claimed_by=None, lease_expires_at=None
        )
        open_runs.update(state="finished", open_key=None)


DAILY_OF = """
from onefile_sync import services
from onefile_sync.models import RunKind
from onefile_sync.sync.runs import lifecycle, queue

learners = services.learner_model().objects.filter(pk__in=%s)
run, _created = lifecycle.open_run(RunKind.DAILY, learners, open_key=lifecycle.DAILY_KEY, guarded=True)
queue.enqueue(run)
print(run.pk)
"""
