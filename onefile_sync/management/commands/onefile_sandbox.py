"""Runs a OneFile to practise on until Ctrl-C or SIGTERM."""

from __future__ import annotations

import json
import signal
import threading
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from onefile_sync.sandbox.demo_data.command_line import add_provider_arguments, provider_of
from onefile_sync.sandbox.demo_data.demo_data import Provider
from onefile_sync.sandbox.demo_data.picsweb_side import as_records

DEFAULT_PORT = 8765
LARGEST_PORT = 65535


class Command(BaseCommand):
    help = "Runs a sandbox OneFile on this machine: the API, and a page where you play the assessor."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes a free one")
        add_provider_arguments(parser)
        parser.add_argument(
            "--profile",
            choices=("thin", "some", "most", "rich"),
            default="thin",
            help="what paged searches give of each record: a few properties, some more, all but two, or all",
        )
        parser.add_argument("--rate-limit", type=int, default=300, help="calls per minute; 0: no limit")
        parser.add_argument("--latency-ms", type=int, default=0, help="milliseconds before every answer")
        parser.add_argument(
            "--export",
            metavar="FILE",
            help="writes PICSWeb's half of the provider into a JSON file (-: the screen), and serves nothing",
        )
        parser.add_argument("--unlinked", action="store_true", help="exports no OneFile ID")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["export"]:
            self.export(provider_of(options), options["export"])
        elif options["unlinked"]:
            raise CommandError(
                _("--unlinked belongs to --export: the sandbox itself always has OneFile's IDs.")
            )
        else:
            self.serve(options)

    def export(self, provider: Provider, file: str) -> None:
        records = as_records(provider)
        text = json.dumps(records, ensure_ascii=False, indent=1) + "\n"
        if file == "-":
            self.stdout.write(text, ending="")
            return
        try:
            Path(file).write_text(text, encoding="utf-8")
        except OSError as failure:
            raise CommandError(
                _("%(file)s could not be written: %(why)s.") % {"file": file, "why": failure.strerror}
            ) from None
        for kind, exported in records.items():
            self.stdout.write(f"{len(exported)} {kind}")

    def serve(self, options: dict[str, Any]) -> None:
        try:
            from onefile_sync.sandbox.server import CUSTOMER_TOKEN, SandboxServer
        except ImportError:
            raise CommandError(
                _('The sandbox needs Werkzeug: pip install "onefile-sync[sandbox]".')
            ) from None
        from onefile_sync.sandbox.switches import Switches
        from onefile_sync.sandbox.world import World

        for name in ("port", "rate_limit", "latency_ms"):
            if options[name] < 0:
                raise CommandError(_("--%s must not be negative.") % name.replace("_", "-"))
        if options["port"] > LARGEST_PORT:
            raise CommandError(_("A port is a number from 0 to %s.") % LARGEST_PORT)
        world = World.of(provider_of(options))
        switches = Switches(items=options["profile"], rate_limit=options["rate_limit"])
        try:
            server = SandboxServer(world, switches, options["port"], latency=options["latency_ms"] / 1000)
        except OSError:
            raise CommandError(
                _("Port %s is not free. Choose another with --port.") % options["port"]
            ) from None
        with server:
            self.stdout.write(_("Sandbox OneFile with %s learners") % options["learners"])
            self.stdout.write(_("  API             %s") % server.url)
            # Output that is not a terminal may end up in a log, where no token belongs, not even this one.
            token = CUSTOMER_TOKEN if self.stdout.isatty() else _("(shown on a terminal only)")
            self.stdout.write(_("  customer token  %s") % token)
            self.stdout.write(_("  assessor page   %s") % server.page_url)
            self.stdout.write(_("Stop it with Ctrl-C."))
            self.stdout.flush()
            wait_for_signal()


def wait_for_signal() -> None:
    """Block until Ctrl-C or SIGTERM, then restore the signal handlers."""
    asked_to_stop = threading.Event()
    signals = (signal.SIGINT, signal.SIGTERM)
    handlers = [signal.signal(number, lambda *_: asked_to_stop.set()) for number in signals]
    try:
        asked_to_stop.wait()
    finally:
        for number, handler in zip(signals, handlers, strict=True):
            signal.signal(number, handler)
