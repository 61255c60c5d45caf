"""The demo's processes: their ports, how they start and stop, and when they are ready."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

MANAGE = Path(__file__).resolve().parent.parent / "manage.py"

#: The sandbox's limit and our rate in the demo. OneFile's 300 would make the demo slow.
CALLS_PER_MINUTE = 3000
#: A port that the system picks.
ANY_PORT = 0
#: Marks an SQLite file as the demo's own (``PRAGMA application_id``): "PICS" in ASCII.
MADE_BY_THE_DEMO = 0x50494353


class DemoFailed(Exception):
    """The demo cannot continue. The message says what failed and where to look."""


def environment(sandbox_port: int, *, throw_away_in: Path | None) -> dict[str, str]:
    """The environment that all processes of the demo share.

    ``throw_away_in`` is a folder for a temporary database. The queue is then in that database too, whatever broker the
    shell names, so that no other worker takes the demo's tasks.
    """
    shared = dict(os.environ)
    for name in ("SECRET_KEY", "ONEFILE_CUSTOMER_TOKEN", "Q_CLUSTER_NAME", "ALLOWED_HOSTS"):
        shared.pop(name, None)
    shared["DJANGO_SETTINGS_MODULE"] = "example_project.settings"
    shared["DEBUG"] = "1"
    shared["ONEFILE_BASE_URL"] = f"http://127.0.0.1:{sandbox_port}/api/v2.1"
    shared.setdefault("ONEFILE_CALLS_PER_MINUTE", str(CALLS_PER_MINUTE))
    if throw_away_in is not None:
        shared.pop("REDIS_URL", None)
        shared["DATABASE_URL"] = f"sqlite:///{throw_away_in / 'picsweb.sqlite3'}"
    return shared


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Lock the folder for this demo. Raises :class:`DemoFailed` while another demo has it."""
    with (folder / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoFailed(
                "A demo is running already. Stop it with Ctrl-C where it runs, or use it."
            ) from None
        yield


def is_made_by_the_demo(database: Path) -> bool:
    """Whether this is an SQLite file that an earlier demo created and filled."""
    if not database.exists():
        return False
    try:
        with closing(sqlite3.connect(database)) as connection:
            return bool(connection.execute("PRAGMA application_id").fetchone()[0] == MADE_BY_THE_DEMO)
    except sqlite3.DatabaseError:
        return False


def remove_database(database: Path) -> None:
    """Remove an SQLite file and the files that SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)


def free_port(preferred: int) -> int:
    """``preferred`` if nothing listens there, else a port chosen by the system. Local addresses only."""
    for port in (preferred, ANY_PORT):
        with socket.socket() as probe:
            # As the servers do: a port whose last connection is in TIME_WAIT counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise DemoFailed("No port is free on 127.0.0.1.")


@dataclass(frozen=True)
class Child:
    """A process of the demo, leader of its own process group, with its output in ``log``."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def last_lines(self, count: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])

    def failure(self, what: str) -> DemoFailed:
        return DemoFailed(f"The {self.name} {what}. Its last lines, from {self.log}:\n{self.last_lines()}")


@dataclass
class Children:
    """The demo's processes: started as ``manage.py`` commands, all stopped on leaving the ``with`` block."""

    folder: Path
    environment: Mapping[str, str]
    #: Seconds that a process may take to stop before it is killed.
    patience: float = 5.0
    running: list[Child] = field(default_factory=list)

    def __enter__(self) -> Children:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, name: str, *arguments: str) -> Child:
        """Start ``manage.py`` with these arguments in the background."""
        return self.start_command(name, [sys.executable, str(MANAGE), *arguments])

    def start_command(self, name: str, command: list[str]) -> Child:
        log = self.folder / f"{name.replace(' ', '-')}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - our own commands, no shell
                command,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # A separate group, so that Ctrl-C reaches only us and a stuck worker can be killed with its children.
                start_new_session=True,
            )
        child = Child(name, process, log)
        self.running.append(child)
        return child

    def ended(self) -> Child | None:
        """A process that has ended unexpectedly, if any."""
        return next((child for child in self.running if child.has_ended), None)

    def stop(self) -> list[str]:
        """Terminate all processes and return the names of those that had to be killed.

        Only the leader of a group is signalled: django-q2's cluster stops its workers itself, and is known to hang when
        they are signalled as well.
        """
        for child in reversed(self.running):
            child.process.terminate()
        deadline = time.monotonic() + self.patience
        killed = []
        for child in reversed(self.running):
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                killed.append(child.name)
            kill_group(child.process.pid)
            child.process.wait()
        self.running.clear()
        return killed


def kill_group(leader: int) -> None:
    """Kill the remaining processes of a process group, if any."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def wait_until_it_answers(
    child: Child,
    answers: Callable[[], bool],
    *,
    within: float = 30.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until ``answers()`` is true. Raises :class:`DemoFailed` if the process ends, or after ``within`` seconds."""
    deadline = clock() + within
    while not answers():
        if child.has_ended:
            raise child.failure(f"ended with code {child.process.returncode}")
        if clock() >= deadline:
            raise child.failure(f"did not answer within {within:.0f} seconds")
        sleep(0.1)


def run_manage(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a ``manage.py`` command and return its result with the output."""
    return subprocess.run(  # noqa: S603 - our own commands, no shell
        [sys.executable, str(MANAGE), *arguments],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
