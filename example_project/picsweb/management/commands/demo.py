"""``manage.py demo``: starts the example PICSWeb, its worker and a sandbox OneFile with one command.

The command starts itself a second time in the environment that all of the demo's processes share, so that they use the
same database and the same OneFile, whatever the shell has set.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from example_project import demo
from example_project.demonstration import Demonstration
from example_project.visitor import PageProblem
from onefile_sync.sandbox.demo_data.command_line import (
    add_provider_arguments,
    check_provider,
    provider_arguments,
)

PORT = 8000
SANDBOX_PORT = 8765
LARGEST_PORT = 65535


class Command(BaseCommand):
    help = "Runs the example PICSWeb with a worker and a sandbox OneFile until Ctrl-C; with --check, tries it out."
    # Nothing may use the database before it has been chosen.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="try everything out, print a summary and stop"
        )
        add_provider_arguments(parser)
        parser.add_argument("--unlinked", action="store_true", help="PICSWeb knows no OneFile ID yet")
        parser.add_argument("--port", type=port_number, metavar="N", help=f"port of the web site ({PORT})")
        parser.add_argument(
            "--sandbox-port", type=port_number, metavar="N", help=f"port of the sandbox ({SANDBOX_PORT})"
        )
        parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)

    def handle(self, **options: Any) -> None:
        if options["check"] and options["unlinked"]:
            raise CommandError("--check refreshes learners, which --unlinked leaves without a OneFile ID.")
        check_provider(options)
        try:
            if options["folder"] is None:
                self.start_in_own_environment(options)
            else:
                self.run(options)
        except (demo.DemoFailed, PageProblem) as failure:
            raise CommandError(str(failure)) from None

    def start_in_own_environment(self, options: dict[str, Any]) -> None:
        """Choose the folder and run the demo there. Exits with the demo's exit code."""
        if options["check"]:
            with tempfile.TemporaryDirectory(
                prefix="picsweb-demo-", ignore_cleanup_errors=True
            ) as throw_away:
                code = self.start_in(Path(throw_away), options)
        else:
            folder = Path(settings.BASE_DIR) / "var"
            folder.mkdir(exist_ok=True)
            with demo.only_one(folder):
                self.start_afresh()
                code = self.start_in(folder, options)
        if code:
            sys.exit(code)

    def start_in(self, folder: Path, options: dict[str, Any]) -> int:
        """Choose ports and database, run the demo with them and return its exit code."""
        check: bool = options["check"]
        usual, usual_sandbox = (demo.ANY_PORT, demo.ANY_PORT) if check else (PORT, SANDBOX_PORT)
        site_port = self.choose_port(options["port"], usual, "web site", "--port")
        sandbox_port = self.choose_port(options["sandbox_port"], usual_sandbox, "sandbox", "--sandbox-port")
        arguments = [
            "demo",
            f"--folder={folder}",
            f"--port={site_port}",
            f"--sandbox-port={sandbox_port}",
            *provider_arguments(options),
            *(["--unlinked"] if options["unlinked"] else []),
            *(["--check"] if check else []),
        ]
        environment = demo.environment(sandbox_port, throw_away_in=folder if check else None)
        return self.follow([sys.executable, str(demo.MANAGE), *arguments], environment)

    def start_afresh(self) -> None:
        """Remove the database of an earlier demo, as the records of its sandbox no longer exist."""
        database = settings.DATABASES["default"]
        if database["ENGINE"] == "django.db.backends.sqlite3" and demo.is_made_by_the_demo(
            Path(database["NAME"])
        ):
            self.stdout.write(f"Starting afresh: {database['NAME']} is an earlier demo's and is made anew.")
            demo.remove_database(Path(database["NAME"]))

    def choose_port(self, wanted: int | None, usual: int, whose: str, option: str) -> int:
        port = demo.free_port(wanted or usual)
        if port == (wanted or usual):
            return port
        if wanted:
            raise CommandError(f"Port {wanted} is taken: choose another for the {whose} with {option}.")
        if usual != demo.ANY_PORT:
            self.stdout.write(f"Port {usual} is taken: the {whose} listens on {port}.")
        return port

    def follow(self, command: list[str], environment: dict[str, str]) -> int:
        """Run the command, pass on SIGINT and SIGTERM as a request to stop, and return the exit code."""
        self.stdout.flush()
        process = subprocess.Popen(command, env=environment)  # noqa: S603 - our own command, no shell
        before = {
            number: signal.signal(number, lambda *_: process.terminate())
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            return process.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def run(self, options: dict[str, Any]) -> None:
        """The demo itself, in its own environment."""
        # The demo prints what matters; the processes have their own logs.
        logging.disable(logging.INFO)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, interrupt_once)
        with demo.Children(options["folder"], os.environ) as children:
            demonstration = Demonstration(
                children,
                provider=provider_arguments(options),
                unlinked=options["unlinked"],
                port=options["port"],
                sandbox_port=options["sandbox_port"],
                say=self.say,
            )
            try:
                demonstration.prepare()
                if options["check"]:
                    demonstration.try_out()
                else:
                    demonstration.work_on_a_learner()
                    demonstration.stay_up(time.sleep)
            except KeyboardInterrupt:
                self.say("Stopping.")
                if options["check"]:
                    sys.exit(1)

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def port_number(typed: str) -> int:
    if not (typed.isascii() and typed.isdigit() and int(typed) <= LARGEST_PORT):
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to {LARGEST_PORT}")
    return int(typed)


def interrupt_once(*_: object) -> None:
    """Raise ``KeyboardInterrupt`` once, so that nothing interrupts the stopping of the processes."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # Not SIG_IGN: Ctrl-C arrives from the terminal and from the outer process, and Python reports a signal that
        # had arrived before it was ignored.
        signal.signal(number, lambda *_: None)
    raise KeyboardInterrupt
