from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from onefile_sync import services
from onefile_sync.management.onefile_command import OneFileCommand

KEEP_DAYS = 90


class Command(OneFileCommand):
    help = "Deletes finished runs, with their outcomes, changes and problems, that are older than this number of days."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=KEEP_DAYS, help=f"default {KEEP_DAYS}")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["days"] < 1:
            raise CommandError("--days must be at least 1.")
        number = services.prune(options["days"])
        self.stdout.write(f"Deleted {number} run(s) that ended more than {options['days']} days ago.")
