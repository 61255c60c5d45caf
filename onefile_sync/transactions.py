"""Handles two things that a database may do at any time: abort a deadlocked transaction, close an idle connection."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connections

Given = ParamSpec("Given")
Result = TypeVar("Result")

#: Maximum attempts of a transaction before its deadlock becomes an error.
TRIES = 5
#: Deadlock, lock wait timeout and "record has changed" of MariaDB and MySQL.
MYSQL_CODES = frozenset({1213, 1205, 1020})
#: Serialisation failure and deadlock of PostgreSQL.
POSTGRESQL_STATES = frozenset({"40001", "40P01"})


def retried(work: Callable[Given, Result]) -> Callable[Given, Result]:
    """Call a function again if the database aborted its transaction in favour of another one.

    The function must be a single transaction or statement without other side effects. Inside a transaction of the
    caller, the error is raised, as the database has aborted that one; the function around it is then called again.
    """

    @wraps(work)
    def until_it_passes(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        for _try in range(TRIES - 1):
            try:
                return work(*args, **kwargs)
            except OperationalError as error:
                if not _ended_by_the_database(error) or _in_a_transaction():
                    raise
        return work(*args, **kwargs)

    return until_it_passes


def _ended_by_the_database(error: OperationalError) -> bool:
    if error.args and error.args[0] in MYSQL_CODES:
        return True
    return getattr(error.__cause__, "sqlstate", None) in POSTGRESQL_STATES


def _in_a_transaction() -> bool:
    return any(connection.in_atomic_block for connection in connections.all(initialized_only=True))


def drop_closed_connections() -> None:
    """Close those of this thread's connections that the server has closed, so that the next query opens a new one.

    Call this after each wait for OneFile, as databases close idle connections. Django itself checks only between
    requests.
    """
    for connection in connections.all(initialized_only=True):
        if connection.connection is None or connection.in_atomic_block:
            continue
        if not connection.is_usable():
            connection.close()
