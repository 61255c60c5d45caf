"""PostgreSQL or MariaDB, Redis and django-q2's own workers; not having them is a failure, not a reason to skip."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import OrmQ

from example_project import demo
from example_project.picsweb.management.commands.seed_demo import seed
from onefile_sync import host
from onefile_sync.models import (
    Environment,
    LearnerOutcome,
    OneFileSettings,
    OutcomeState,
    RunState,
    SyncRun,
    UploadIntent,
)
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches

LEARNERS, SEED = 20, 1

#: The databases that let several at it at once, with the scheme of their ``DATABASE_URL``.
SCHEMES = {"postgresql": "postgres", "mysql": "mysql"}

#: What django-q2's scheduler does when the daily sync is due.
DELIVER_THE_SCHEDULE = """
import django
django.setup()
from django_q.tasks import async_task
from onefile_sync.sync.runs.schedule import DAILY
async_task(DAILY.task)
"""


@pytest.fixture(autouse=True)
def services_are_there() -> None:
    if connection.vendor not in SCHEMES:
        pytest.fail("These tests need PostgreSQL or MariaDB: set DATABASE_URL to such a database.")
    if not os.environ.get("REDIS_URL"):
        pytest.fail("These tests need Redis: set REDIS_URL.")


@pytest.fixture(autouse=True)
def content_types_afresh() -> None:
    """Every test begins with emptied tables, in which the content types have new keys."""
    ContentType.objects.clear_cache()


@pytest.fixture
def provider(
    transactional_db: None, make_onefile_sandbox: Callable[..., SandboxServer], settings: Any
) -> SandboxServer:
    """A training provider on both sides; PICSWeb is connected to its OneFile, which answers in this process."""
    onefile = make_onefile_sandbox(learners=LEARNERS, seed=SEED, switches=Switches(rate_limit=0))
    seed(LEARNERS, SEED)
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "BASE_URL": onefile.url}
    row = OneFileSettings(enabled=True, environment=Environment.SANDBOX)
    row.set_customer_token(onefile.customer_token)
    row.save()
    return onefile


def others_connected() -> int:
    """How many connections to this test's database there are beside our own."""
    query = {
        "postgresql": "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        "mysql": "SELECT count(*) FROM information_schema.processlist "
        "WHERE db = database() AND id <> connection_id()",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(query)
        (number,) = cursor.fetchone()
    return int(number)


def environment(onefile_url: str = "", broker: str = "") -> dict[str, str]:
    """The environment in which another process shares this test's database, OneFile and queue."""
    database = connection.settings_dict
    shared = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "example_project.settings",
        "DEBUG": "1",
        # The stored customer token can be read with the key that it was stored with.
        "SECRET_KEY": django_settings.SECRET_KEY,
        "DATABASE_URL": "{scheme}://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(
            scheme=SCHEMES[connection.vendor], **database
        ),
        "ONEFILE_BASE_URL": onefile_url,
        "ONEFILE_CALLS_PER_MINUTE": "60000",
    }
    if broker != "Redis":
        del shared["REDIS_URL"]
    return shared


@dataclass
class Office:
    """The daily sync as the machines of a provider do it: a queue, and a cluster of workers on it."""

    children: demo.Children
    onefile: SandboxServer
    broker: str

    def start_cluster(self) -> demo.Child:
        return self.children.start(f"cluster {len(self.children.running)}", "qcluster")

    def kill(self, cluster: demo.Child) -> None:
        """As the kernel does when memory runs out: all its processes at once, without a word."""
        demo.kill_group(cluster.process.pid)
        cluster.process.wait()
        # The server may still carry out what it was sent last.
        until = time.monotonic() + 30
        while others_connected():
            assert time.monotonic() < until, "connections of a killed cluster stay open"
            time.sleep(0.02)

    def deliver_the_schedule(self) -> None:
        delivery = self.children.start_command("scheduler", [demo.sys.executable, "-c", DELIVER_THE_SCHEDULE])
        assert delivery.process.wait(60) == 0, delivery.last_lines()

    def wait(self, cluster: demo.Child, come_true: Callable[[], bool]) -> None:
        demo.wait_until_it_answers(cluster, come_true, within=120)

    def let_a_day_pass(self) -> None:
        """What was due today was due yesterday; leases and the broker's own patience are over long since.

        So is the time in which a create that was sent may still arrive.
        """
        yesterday = timezone.now() - timedelta(days=1)
        SyncRun.objects.filter(scheduled_for__isnull=False).update(scheduled_for=yesterday.date())
        LearnerOutcome.objects.filter(state=OutcomeState.WORKING).update(lease_expires_at=yesterday)
        UploadIntent.objects.filter(in_doubt_since__isnull=False).update(in_doubt_since=yesterday)
        OrmQ.objects.update(lock=yesterday)


@pytest.fixture(params=["database", "Redis"])
def office(request: pytest.FixtureRequest, provider: SandboxServer, tmp_path: Path) -> Any:
    """With either as the queue's broker."""
    broker: str = request.param
    # The database's queue is emptied with the rest of the database.
    redis.from_url(os.environ["REDIS_URL"]).delete(f"django_q:{Conf.CLUSTER_NAME}:q")
    with demo.Children(tmp_path, environment(provider.url, broker), patience=15) as children:
        yield Office(children, provider, broker)


def is_finished(run: SyncRun) -> bool:
    run.refresh_from_db()
    return run.state == RunState.FINISHED


def in_scope() -> list[str]:
    """The learners whom a daily run is for."""
    return sorted(str(learner.pk) for learner in host.scope(timezone.localdate()))


def states(run: SyncRun) -> dict[str, str]:
    """What became of each learner of a run."""
    return dict(run.outcomes.values_list("learner_pk", "state"))
