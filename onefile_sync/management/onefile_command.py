"""What our commands have in common: a database that cannot be used is said in one line."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

#: In place of what the database's driver says, which may hold more than a log should.
NO_DATABASE = "PICSWeb's database cannot be used: run “manage.py migrate” and see that the database is there."


class OneFileCommand(BaseCommand):
    """``no_database`` is the exit code where the database cannot be used."""

    no_database = 2

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except DatabaseError:
            raise CommandError(NO_DATABASE, returncode=self.no_database) from None
