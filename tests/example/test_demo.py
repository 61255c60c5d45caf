"""The demo's handling of processes. The processes here are small Python programs instead of the real ones."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command, execute_from_command_line

from example_project import demo
from example_project.demo import Child, Children, DemoFailed

SLEEPS = "import time; print('up', flush=True); time.sleep(60)"
IGNORES_BEING_ASKED = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('up', flush=True); time.sleep(60)"
)
LEAVES_A_CHILD_BEHIND = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", '''
import time
with open("PIPE", "w") as pipe:
    print("up", file=pipe, flush=True)
    time.sleep(20)
    print("left behind", file=pipe)
'''])
time.sleep(60)
"""


@pytest.fixture
def children(tmp_path: Path) -> Children:
    return Children(tmp_path, {"PATH": "/usr/bin:/bin", "GREETING": "hello"}, patience=0.3)


def start(children: Children, program: str, name: str = "worker") -> Child:
    return children.start_command(name, [sys.executable, "-c", program])


def is_up(child: Child) -> bool:
    return "up" in child.log.read_text()


def test_a_process_gets_the_environment_and_writes_to_its_log(children: Children) -> None:
    child = start(children, "import os; print(os.environ['GREETING'])", name="web site")
    child.process.wait(10)
    assert child.log.name == "web-site.log"
    assert child.log.read_text() == "hello\n"
    assert children.ended() is child


def test_processes_that_end_when_asked_are_not_killed(children: Children) -> None:
    with children:
        started = [start(children, SLEEPS, name) for name in ("sandbox", "worker")]
        for child in started:
            demo.wait_until_it_answers(child, lambda child=child: is_up(child))
        assert children.ended() is None
        assert children.stop() == []
    assert [child.process.returncode for child in started] == [-signal.SIGTERM] * 2


def test_a_process_that_does_not_end_when_asked_is_killed(children: Children) -> None:
    child = start(children, IGNORES_BEING_ASKED)
    demo.wait_until_it_answers(child, lambda: is_up(child))
    assert children.stop() == ["worker"]
    assert child.process.returncode == -signal.SIGKILL


def test_what_a_process_started_ends_with_it(children: Children, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    start(children, LEAVES_A_CHILD_BEHIND.replace("PIPE", str(tmp_path / "pipe")))
    with (tmp_path / "pipe").open() as pipe:
        assert pipe.readline() == "up\n"
        children.stop()
        assert pipe.read() == ""


def test_leaving_by_an_error_stops_the_processes(children: Children) -> None:
    child = start(children, SLEEPS)

    def interrupted() -> None:
        with children:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert child.has_ended


def test_waiting_ends_with_the_log_when_the_process_ends(children: Children) -> None:
    child = start(children, "print('no such table'); raise SystemExit(3)")
    child.process.wait(10)
    with pytest.raises(DemoFailed, match=r"worker ended with code 3(.|\n)*no such table"):
        demo.wait_until_it_answers(child, lambda: False)


def test_waiting_ends_when_the_time_is_up(children: Children) -> None:
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    with children:
        child = start(children, SLEEPS)
        with pytest.raises(DemoFailed, match="did not answer within 2 seconds"):
            demo.wait_until_it_answers(child, lambda: False, within=2, clock=lambda: now, sleep=sleep)
    assert now == pytest.approx(2, abs=0.2)


def test_a_taken_port_is_replaced_by_a_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        other = demo.free_port(port)
        assert other != port
    assert demo.free_port(other) == other


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://somewhere/live")
    monkeypatch.setenv("REDIS_URL", "redis://somewhere/0")
    monkeypatch.setenv("ONEFILE_CUSTOMER_TOKEN", "the real one")
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.settings")
    monkeypatch.delenv("ONEFILE_CALLS_PER_MINUTE", raising=False)


@pytest.mark.usefixtures("shell")
def test_the_check_touches_neither_the_shells_database_nor_its_queue(tmp_path: Path) -> None:
    environment = demo.environment(8770, throw_away_in=tmp_path)
    assert environment["DATABASE_URL"] == f"sqlite:///{tmp_path}/picsweb.sqlite3"
    assert "REDIS_URL" not in environment


@pytest.mark.parametrize("folder", [None, Path("/nowhere")])
@pytest.mark.usefixtures("shell")
def test_the_demo_knows_the_sandbox_only(folder: Path | None) -> None:
    environment = demo.environment(8770, throw_away_in=folder)
    assert environment["ONEFILE_BASE_URL"] == "http://127.0.0.1:8770/api/v2.1"
    assert environment["DJANGO_SETTINGS_MODULE"] == "example_project.settings"
    assert environment["ONEFILE_CALLS_PER_MINUTE"] == "3000"
    assert "ONEFILE_CUSTOMER_TOKEN" not in environment


@pytest.mark.usefixtures("shell")
def test_the_demo_stays_with_the_shells_database_and_queue() -> None:
    environment = demo.environment(8770, throw_away_in=None)
    assert environment["DATABASE_URL"] == "postgres://somewhere/live"
    assert environment["REDIS_URL"] == "redis://somewhere/0"


def database(path: Path, application_id: int) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {application_id}")
        connection.execute("CREATE TABLE learner (id)")
        connection.commit()
    return path


def test_only_a_database_that_the_demo_made_is_known_as_its_own(tmp_path: Path) -> None:
    assert demo.is_made_by_the_demo(database(tmp_path / "its-own", demo.MADE_BY_THE_DEMO))
    assert not demo.is_made_by_the_demo(database(tmp_path / "a-developers", 0))
    assert not demo.is_made_by_the_demo(tmp_path / "not-there")
    (tmp_path / "no-database").write_text("Dear diary, " * 100)
    assert not demo.is_made_by_the_demo(tmp_path / "no-database")
    assert not (tmp_path / "not-there").exists()


def test_removing_a_database_removes_what_sqlite_keeps_beside_it(tmp_path: Path) -> None:
    for name in ("picsweb.sqlite3", "picsweb.sqlite3-wal", "picsweb.sqlite3-shm", "other.sqlite3"):
        (tmp_path / name).touch()
    demo.remove_database(tmp_path / "picsweb.sqlite3")
    demo.remove_database(tmp_path / "picsweb.sqlite3")
    assert [path.name for path in tmp_path.iterdir()] == ["other.sqlite3"]


def test_a_port_that_was_asked_for_and_is_taken_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = subprocess.run(
            [sys.executable, str(demo.MANAGE), "demo", "--check", f"--port={taken.getsockname()[1]}"],
            env=demo.environment(8770, throw_away_in=Path("/nowhere")),
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == 1
    assert "is taken: choose another for the web site with --port" in ran.stderr


def test_two_demos_do_not_run_in_one_folder(tmp_path: Path) -> None:
    with demo.only_one(tmp_path), pytest.raises(DemoFailed, match="running already"), demo.only_one(tmp_path):
        pytest.fail("two demos at once")
    with demo.only_one(tmp_path):
        assert (tmp_path / "demo.lock").exists()


def manage(*arguments: str, **options) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(demo.MANAGE), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        **options,
    )


@pytest.mark.parametrize("option", ["--port", "--sandbox-port"])
@pytest.mark.parametrize("port", ["99999", "-1", "eighty", "１２"])
def test_what_is_no_port_is_said_in_one_line(option, port, capsys):
    with pytest.raises(SystemExit) as ended:
        execute_from_command_line(["manage.py", "demo", f"{option}={port}"])
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.splitlines()[-1].endswith(f"argument {option}: a port is a number from 0 to 65535")
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"unlinked": True}, "--check refreshes learners"),
        ({"officers": 1}, "--officers is a number"),
        ({"errors_percent": 101}, "--errors-percent is a number"),
        ({"learners": -1}, "--learners must not be negative"),
    ],
)
def test_options_that_do_not_fit_are_said_before_anything_starts(options, said):
    with pytest.raises(CommandError, match=said):
        call_command("demo", check=True, **options)


def test_ctrl_c_while_it_is_still_starting_ends_it_without_a_traceback(tmp_path):
    """The signal comes while Python is importing: nobody has installed a handler yet."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "def interrupt(event, arguments):\n"
        "    if event == 'import' and arguments[0] == 'django.core.management':\n"
        "        raise KeyboardInterrupt\n"
        "sys.addaudithook(interrupt)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(demo.MANAGE.parent)])}
    process = manage("demo", env=environment)
    said, _nothing = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "")


#: What Ctrl-C does: both signals arrive at once, one from the terminal and one that the outer process passes on.
BOTH_AT_ONCE = """
import os, signal
import django
django.setup()
from example_project.picsweb.management.commands.demo import interrupt_once
both = {signal.SIGINT, signal.SIGTERM}
for number in both:
    signal.signal(number, interrupt_once)
signal.pthread_sigmask(signal.SIG_BLOCK, both)
for number in both:
    os.kill(os.getpid(), number)
try:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, both)
except KeyboardInterrupt:
    print("Stopping.")
"""


def test_ctrl_c_leaves_no_traceback_although_it_arrives_twice() -> None:
    done = subprocess.run([sys.executable, "-c", BOTH_AT_ONCE], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "Stopping.\n", "")
