"""``check`` refuses databases that would lose or duplicate data, and settings without time zones."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import OperationalError, connection, connections

from onefile_sync import checks, services
from onefile_sync.checks import engine
from tests.services.conftest import SCHEMES


def ids(messages: Any) -> list[str]:
    return [message.id.removeprefix("onefile_sync.") for message in messages]


def test_without_time_zones_nothing_is_begun(settings: Any, db: None) -> None:
    settings.USE_TZ = False

    assert "onefile_sync.E050" in [message.id for message in run_checks()]
    with pytest.raises(services.Refused) as refused:
        services.start_daily()
    assert refused.value.code == "mapping_wrong"


class Server:
    """A database as Django describes it, with given answers."""

    vendor, mysql_is_mariadb, mysql_version = "mysql", True, (10, 6, 12)

    def __init__(self, **facts: Any) -> None:
        self.features = self
        self.supports_transactions = self.has_zoneinfo_database = True
        self.answer = ("tx_isolation", "READ-COMMITTED")
        vars(self).update(facts)

    @contextmanager
    def cursor(self) -> Any:
        yield self

    def execute(self, _query: str) -> None: ...

    def fetchone(self) -> tuple[str, ...]:
        return self.answer


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, []),
        ({"mysql_version": (10, 5, 29)}, ["E051"]),
        ({"mysql_version": (11, 8, 3)}, []),
        ({"mysql_is_mariadb": False, "mysql_version": (8, 0, 11)}, []),
        ({"mysql_is_mariadb": False, "mysql_version": (5, 7, 44)}, ["E051"]),
        ({"answer": ("transaction_isolation", "REPEATABLE-READ")}, ["E052"]),
        ({"vendor": "postgresql", "answer": ("read committed",)}, []),
        ({"vendor": "postgresql", "answer": ("serializable",)}, ["E052"]),
        ({"supports_transactions": False}, ["E053"]),
        ({"has_zoneinfo_database": False}, ["E054"]),
    ],
)
def test_a_database_on_which_something_would_be_lost(
    facts: dict[str, Any], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "connections", {"default": Server(**facts)})

    assert ids(engine.messages(["default"])) == expected


def test_a_database_that_is_not_checked_is_not_asked() -> None:
    assert ids(engine.messages([])) == []


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_the_isolation_level_of_the_server_is_seen(settings: Any) -> None:
    if connection.vendor not in SCHEMES:
        pytest.fail("set DATABASE_URL to a PostgreSQL or MariaDB database")
    assert ids(checks.check_database(databases=["default"])) == []
    level = "SESSION CHARACTERISTICS AS" if connection.vendor == "postgresql" else "SESSION"
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SET {level} TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        assert ids(checks.check_database(databases=["default"])) == ["E052"]
    finally:
        connections.close_all()


def test_a_database_that_does_not_answer_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_query: str) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(engine, "connections", {"default": Server(mysql_version=(10, 5, 29), execute=fail)})

    assert ids(engine.messages(["default"])) == []
