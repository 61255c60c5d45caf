"""Checks of the django-q2 cluster that runs our tasks: one row per check.

django-q2 itself hardly validates its settings. For example, it delivers a task again if the task was not acknowledged
within ``retry`` seconds, by default without end, and only warns about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from os import cpu_count
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's own name for it
from django.core.exceptions import ImproperlyConfigured

from onefile_sync.conf import deployment


@dataclass(frozen=True, slots=True)
class Cluster:
    """The settings of the cluster as django-q2 reads them, including its defaults. Times are in seconds."""

    written: Mapping[str, Any]
    alternative: str | None
    task_seconds: int
    tasks_per_run: int
    time_zone: str

    def number(self, key: str, default: float = 0) -> float:
        value = self.written.get(key, default)
        return value if isinstance(value, int | float) else 0

    @property
    def timeout(self) -> float:
        """0 if there is no timeout."""
        return self.number("timeout")

    @property
    def retry(self) -> float:
        return self.number("retry", 60)

    @property
    def is_missing(self) -> bool:
        return self.alternative is not None and self.alternative not in _alternatives()

    @property
    def drifts(self) -> bool:
        """Whether clock changes would shift the daily sync, as django-q2 uses another time zone than ``DAILY_AT``."""
        return (self.written.get("time_zone") or settings.TIME_ZONE) != self.time_zone

    @property
    def on_sqlite(self) -> bool:
        """Whether the database is SQLite, which allows one writer at a time."""
        return str(settings.DATABASES.get("default", {}).get("ENGINE", "")).endswith("sqlite3")

    @property
    def sqlite_may_be_locked(self) -> bool:
        """Whether transactions begin with a read lock. Such a transaction fails if another process is writing."""
        queue = str(self.written.get("orm"))
        return any(_begins_by_reading(settings.DATABASES.get(alias, {})) for alias in {"default", queue})


@dataclass(frozen=True, slots=True)
class Row:
    """One check: its condition, its message, and what to write instead."""

    level: type[Error] | type[Warning]
    number: int
    is_wrong: Callable[[Cluster], bool]
    text: str
    hint: str


#: The keys of Q_CLUSTER that name a broker.
BROKERS = ("orm", "redis", "django_redis", "broker_class", "mongo", "sqs", "iron_mq", "disque_nodes")

ROWS = (
    Row(
        Error,
        21,
        lambda cluster: cluster.timeout > 0 and cluster.retry <= cluster.timeout,
        "Q_CLUSTER: retry is not above timeout, so tasks are handed out again while they are being worked on.",
        'Write "retry" as more than twice "timeout", for example "timeout": 300, "retry": 660.',
    ),
    Row(
        Error,
        22,
        # When its time is up, a task may work on its current learner for as long again before queueing the rest.
        lambda cluster: 2 * cluster.task_seconds > (cluster.timeout or cluster.retry),
        "ONEFILE_SYNC['TASK_SECONDS'] is above half of the timeout of Q_CLUSTER, so our tasks would be killed.",
        'Write a "TASK_SECONDS" of at most half of the timeout (of retry, where there is no timeout).',
    ),
    Row(
        Error,
        23,
        lambda cluster: cluster.is_missing,
        "ONEFILE_SYNC['CLUSTER'] names a cluster that Q_CLUSTER does not have.",
        'Write "ALT_CLUSTERS": {"that name": {}} into Q_CLUSTER and start it with Q_CLUSTER_NAME set to that name.',
    ),
    Row(
        Error,
        24,
        lambda cluster: not any(cluster.written.get(broker) for broker in BROKERS),
        "Q_CLUSTER names no broker, so django-q2 would look for a Redis of its own on this machine.",
        'Write "orm": "default" for a queue in the database, or "redis": the address of a Redis.',
    ),
    Row(
        Warning,
        20,
        lambda cluster: not cluster.timeout,
        "Q_CLUSTER has no timeout: a task that hangs holds its worker for ever.",
        'Write "timeout": 300 (seconds) and "retry": 660.',
    ),
    Row(
        Warning,
        21,
        lambda cluster: cluster.timeout < cluster.retry < 2 * cluster.timeout,
        "Q_CLUSTER: timeout is above half of retry. Retry counts from when the cluster takes a task, waiting included.",
        'Write "retry" as more than twice "timeout".',
    ),
    Row(
        Warning,
        22,
        lambda cluster: not cluster.number("max_attempts") and not cluster.written.get("ack_failures"),
        "Q_CLUSTER: a task that fails is tried again for ever.",
        'Write "max_attempts": 3 (or "ack_failures": True).',
    ),
    Row(
        Warning,
        23,
        lambda cluster: cluster.written.get("catch_up", True) is not False,
        "Q_CLUSTER: after an outage each schedule would be queued once for every time that was missed.",
        'Write "catch_up": False.',
    ),
    Row(
        Warning,
        24,
        lambda cluster: not cluster.written.get("name"),
        "Q_CLUSTER has no name: another site on the same broker would take our tasks.",
        'Write "name": a name of your own, the same for all processes of the site.',
    ),
    Row(
        Warning,
        25,
        lambda cluster: cluster.number("bulk", 1) > 1,
        "Q_CLUSTER: tasks taken in bulk wait inside the cluster while their retry time runs.",
        'Write "bulk": 1.',
    ),
    Row(
        Warning,
        26,
        lambda cluster: cluster.sqlite_may_be_locked,
        'SQLite as it is set up fails with "database is locked" where the web site and a worker write at once.',
        'Write "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20} into that database\'s entry of DATABASES.',
    ),
    Row(
        Warning,
        27,
        lambda cluster: bool(cluster.written.get("sync")),
        "Q_CLUSTER: sync is on, so a person who clicks Refresh waits for OneFile within the web request.",
        'Remove "sync"; it is for tests.',
    ),
    Row(
        Warning,
        28,
        lambda cluster: 1 < cluster.tasks_per_run >= cluster.number("workers", cpu_count() or 1),
        "ONEFILE_SYNC['TASKS_PER_RUN'] takes every worker: during the daily sync a click on Refresh waits.",
        'Write a "TASKS_PER_RUN" below the "workers" of Q_CLUSTER.',
    ),
    Row(
        Warning,
        29,
        lambda cluster: cluster.drifts,
        "Q_CLUSTER is in another time zone than ONEFILE_SYNC: the daily sync drifts an hour when the clocks change.",
        'Write as "time_zone" of Q_CLUSTER the TIME_ZONE of ONEFILE_SYNC, which is "Europe/London" by default.',
    ),
    Row(
        Warning,
        60,
        lambda cluster: cluster.number("workers", cpu_count() or 1) == 1 and not cluster.on_sqlite,
        "Q_CLUSTER has one worker: during the daily sync a person who clicks Refresh waits until it is free.",
        'Write "workers": 2 or more.',
    ),
)


def messages() -> Iterator[CheckMessage]:
    """All messages about the cluster. Never raises."""
    written = _written()
    if not apps.is_installed("django_q") or not written:
        yield Error(
            "django-q2, which carries the work, is not set up.",
            hint='Write "django_q" into INSTALLED_APPS and Q_CLUSTER into the settings; '
            "“Installing” in the documentation has one.",
            id="onefile_sync.E020",
        )
        return
    try:
        name, task_seconds = deployment.cluster, deployment.task_seconds
        tasks_per_run, time_zone = deployment.tasks_per_run, deployment.time_zone.key
    except ImproperlyConfigured:
        return  # reported by the checks of ONEFILE_SYNC
    alternative = None if name == written.get("name") else name
    own = _alternatives().get(alternative) or {}
    cluster = Cluster(
        {**written, **own, "name": written.get("name")}, alternative, task_seconds, tasks_per_run, time_zone
    )
    for row in ROWS:
        if row.is_wrong(cluster):
            letter = "E" if row.level is Error else "W"
            yield row.level(row.text, hint=row.hint, id=f"onefile_sync.{letter}{row.number:03}")


def names() -> set[str | None]:
    """The names of clusters that a schedule may use; ``None`` is the default cluster."""
    return {None, _written().get("name"), *_alternatives()}


def _begins_by_reading(database: Mapping[str, Any]) -> bool:
    mode = (database.get("OPTIONS") or {}).get("transaction_mode")
    is_sqlite = str(database.get("ENGINE", "")).endswith("sqlite3")
    return is_sqlite and str(mode).upper() not in ("IMMEDIATE", "EXCLUSIVE")


def _written() -> Mapping[Any, Any]:
    written = getattr(settings, "Q_CLUSTER", None)
    return written if isinstance(written, Mapping) else {}


def _alternatives() -> Mapping[Any, Any]:
    alternatives = _written().get("ALT_CLUSTERS")
    return alternatives if isinstance(alternatives, Mapping) else {}
