"""What the database ends of its own accord is done again, and what it has closed is opened again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Barrier

import pytest
from django.db import OperationalError, connection, transaction

from onefile_sync import transactions
from onefile_sync.models import Heartbeat
from onefile_sync.sync.runs import heartbeat
from onefile_sync.transactions import TRIES, drop_closed_connections, retried
from tests.services.conftest import SCHEMES

DEADLOCK = OperationalError(1213, "Deadlock found when trying to get lock; try restarting transaction")


def of_postgresql(sqlstate: str) -> OperationalError:
    """As Django wraps an error of psycopg's."""
    cause = Exception()
    cause.sqlstate = sqlstate  # type: ignore[attr-defined]
    error = OperationalError("deadlock detected")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [DEADLOCK, OperationalError(1205, "Lock wait timeout exceeded"), of_postgresql("40P01")],
    ids=["deadlock", "lock wait timeout", "PostgreSQL's deadlock"],
)
@pytest.mark.django_db(transaction=True)
def test_what_a_deadlock_ended_is_done_again(error: OperationalError) -> None:
    tries = count(1)

    @retried
    def work() -> int:
        number = next(tries)
        if number < TRIES:
            raise error
        return number

    assert work() == TRIES


@pytest.mark.django_db(transaction=True)
def test_a_deadlock_that_does_not_go_away_is_an_error() -> None:
    tries: list[None] = []

    @retried
    def work() -> None:
        tries.append(None)
        raise DEADLOCK

    with pytest.raises(OperationalError):
        work()
    assert len(tries) == TRIES


@pytest.mark.parametrize(
    "error", [OperationalError(2006, "gone away"), OperationalError("locked"), ZeroDivisionError()]
)
@pytest.mark.django_db(transaction=True)
def test_any_other_error_is_raised_at_once(error: Exception) -> None:
    tries: list[None] = []

    @retried
    def work() -> None:
        tries.append(None)
        raise error

    with pytest.raises(type(error)):
        work()
    assert len(tries) == 1


@pytest.mark.django_db(transaction=True)
def test_inside_a_transaction_the_outer_function_is_called_again() -> None:
    inner_tries, outer_tries = count(1), count(1)

    @retried
    def inner() -> None:
        if next(inner_tries) == 1:
            raise DEADLOCK

    @retried
    @transaction.atomic
    def outer() -> int:
        number = next(outer_tries)
        inner()
        return number

    assert outer() == 2


@pytest.fixture
def several_at_once(transactional_db: None) -> None:
    if connection.vendor not in SCHEMES:
        pytest.fail("set DATABASE_URL to a PostgreSQL or MariaDB database")


def end_our_session() -> None:
    """As the server does after its idle timeout: we learn of it with the next query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_backend_pid()" if connection.vendor == "postgresql" else "SELECT connection_id()"
        )
        (session,) = cursor.fetchone()

    def end() -> None:
        try:
            with connection.cursor() as cursor:
                if connection.vendor == "postgresql":
                    cursor.execute("SELECT pg_terminate_backend(%s)", [session])
                else:
                    cursor.execute("KILL %s", [session])
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        threads.submit(end).result()


@pytest.mark.services
def test_two_transactions_that_wait_for_each_other_both_come_to_an_end(several_at_once: None) -> None:
    first, second = (
        Heartbeat.objects.create(worker=name, beaten_at="2026-03-02T12:00Z").pk
        for name in ("first", "second")
    )
    both_hold_a_row = Barrier(2)

    def lock_one_after_the_other(*pks: int) -> int:
        tries = count(1)

        @retried
        @transaction.atomic
        def lock() -> int:
            number = next(tries)
            Heartbeat.objects.select_for_update().get(pk=pks[0])
            if number == 1:
                both_hold_a_row.wait(20)
            Heartbeat.objects.select_for_update().get(pk=pks[1])
            return number

        try:
            return lock()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        tries = [threads.submit(lock_one_after_the_other, *pks) for pks in ((first, second), (second, first))]
        assert sorted(each.result() for each in tries) == [1, 2]


@pytest.mark.services
def test_a_connection_that_the_server_closed_is_opened_again(several_at_once: None) -> None:
    end_our_session()
    with pytest.raises(OperationalError):
        Heartbeat.objects.count()

    drop_closed_connections()

    assert Heartbeat.objects.count() == 0


@pytest.mark.services
def test_a_connection_is_kept_while_it_is_usable(several_at_once: None) -> None:
    Heartbeat.objects.count()
    kept = connection.connection

    drop_closed_connections()

    assert connection.connection is kept


@pytest.mark.services
def test_inside_a_transaction_nothing_is_closed(several_at_once: None) -> None:
    @transaction.atomic
    def work() -> None:
        end_our_session()
        drop_closed_connections()
        Heartbeat.objects.count()

    with pytest.raises(OperationalError):
        work()


@pytest.mark.services
def test_the_clocks_are_compared_in_utc_in_every_session_time_zone(several_at_once: None) -> None:
    Heartbeat.objects.create(worker="one", beaten_at="2026-03-02T12:00Z")
    if connection.vendor == "mysql":  # of PostgreSQL's sessions Django sets the zone itself
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION time_zone = '+05:30'")

    try:
        assert heartbeat.clock_is_right()
    finally:
        connection.close()


class Connection:
    """A connection as Django describes it, and whether it was closed."""

    def __init__(self, *, is_usable: bool, in_atomic_block: bool = False, is_open: bool = True) -> None:
        self.connection = object() if is_open else None
        self.in_atomic_block = in_atomic_block
        self.is_usable = lambda: is_usable
        self.was_closed = False

    def close(self) -> None:
        self.was_closed = True


@pytest.mark.parametrize(
    ("connection", "is_closed"),
    [
        (Connection(is_usable=False), True),
        (Connection(is_usable=True), False),
        (Connection(is_usable=False, in_atomic_block=True), False),
        (Connection(is_usable=False, is_open=False), False),
    ],
    ids=["dropped by the server", "in use", "in a transaction", "never opened"],
)
def test_only_a_connection_that_the_server_dropped_is_opened_again(connection, is_closed, monkeypatch):
    monkeypatch.setattr(transactions.connections, "all", lambda initialized_only: [connection])
    drop_closed_connections()
    assert connection.was_closed is is_closed
