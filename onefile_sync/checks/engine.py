"""Checks of the database engine: whether leases, constraints and date-times are reliable there.

Checks that query the database may be errors, so that ``migrate`` creates no tables where the app could lose or
duplicate data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.db import DatabaseError, connections, router

from onefile_sync.models import OneFileSettings

#: The first versions with all features that we use, above all ``SKIP LOCKED``.
OLDEST = {"MariaDB": (10, 6), "MySQL": (8, 0, 11)}


def settings_messages() -> Iterator[CheckMessage]:
    """Messages about Django's settings. Makes no query."""
    if not settings.USE_TZ:
        yield Error(
            "USE_TZ is off: without time zones a lease or a review would be an hour off when the clocks change.",
            hint="Write USE_TZ = True into the settings. Django's documentation says what to look at in your own code.",
            id="onefile_sync.E050",
        )


def messages(databases: Sequence[str]) -> Iterator[CheckMessage]:
    """Messages about the database; none if it is not among those being checked or cannot be reached."""
    alias = router.db_for_write(OneFileSettings)
    if alias not in databases or connections[alias].vendor not in ("mysql", "postgresql"):
        return
    connection = connections[alias]
    try:
        with connection.cursor() as cursor:
            found = [*_isolation(connection, cursor)]
            if connection.vendor == "mysql":
                found += [*_version(connection), *_transactions(connection), *_time_zones(connection)]
    except DatabaseError:
        return
    yield from found


def _isolation(connection: Any, cursor: Any) -> Iterator[CheckMessage]:
    if connection.vendor == "postgresql":
        cursor.execute("SHOW transaction_isolation")
        level = cursor.fetchone()[0]
    else:
        cursor.execute("SHOW VARIABLES WHERE variable_name IN ('tx_isolation', 'transaction_isolation')")
        level = cursor.fetchone()[1].replace("-", " ").lower()
    if level != "read committed":
        yield Error(
            f"The database's isolation level is “{level}”: what was read before a lock would be taken for the present.",
            hint='Leave "isolation_level" out of the OPTIONS of the database: Django then uses “read committed”.',
            id="onefile_sync.E052",
        )


def _version(connection: Any) -> Iterator[CheckMessage]:
    name = "MariaDB" if connection.mysql_is_mariadb else "MySQL"
    if connection.mysql_version < OLDEST[name]:
        found, needed = (".".join(map(str, version)) for version in (connection.mysql_version, OLDEST[name]))
        yield Error(
            f"{name} {found} is too old: {needed} or later is needed.",
            hint=f"Update {name}.",
            id="onefile_sync.E051",
        )


def _transactions(connection: Any) -> Iterator[CheckMessage]:
    if not connection.features.supports_transactions:
        yield Error(
            "The database's storage engine has no transactions.",
            hint="Make InnoDB the server's default_storage_engine before the tables are made.",
            id="onefile_sync.E053",
        )


def _time_zones(connection: Any) -> Iterator[CheckMessage]:
    if not connection.features.has_zoneinfo_database:
        yield Error(
            "The database has no time zone tables: the admin's list of runs would fail.",
            hint="Load them once: mariadb-tzinfo-to-sql (or mysql_tzinfo_to_sql) /usr/share/zoneinfo | mariadb mysql",
            id="onefile_sync.E054",
        )
