"""The base of our commands: reports an unusable database in one line."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

#: Replaces the driver's message, which may contain details that do not belong in a log.
NO_DATABASE = "PICSWeb's database cannot be used: run “manage.py migrate” and see that the database is there."


class OneFileCommand(BaseCommand):
    """A command. ``no_database`` is its exit code if the database cannot be used."""

    no_database = 2

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except DatabaseError:
            raise CommandError(NO_DATABASE, returncode=self.no_database) from None
