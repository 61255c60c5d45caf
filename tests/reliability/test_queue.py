"""A queue that repeats, shuffles or forgets: the same end, by django-q2's own clusters on either broker."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.tasks import async_task

from example_project import demo
from example_project.picsweb.models import Qualification, Review
from onefile_sync import services
from onefile_sync.models import OutcomeState, SyncRun
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sync.runs.queue import WORK
from onefile_sync.sync.runs.schedule import DAILY, SWEEP
from tests.services.conftest import (
    content_types_afresh,
    environment,
    in_scope,
    is_finished,
    provider,
    services_are_there,
    states,
)

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]

TIMES = 5
LEASE = 3
#: Task, and the learners it is for: what staff click in the middle of the night, and the night's own task.
CLICKS = 6

__all__ = ["content_types_afresh", "provider", "services_are_there"]


@pytest.fixture
def cluster(provider: SandboxServer, tmp_path: Path) -> Any:
    with demo.Children(tmp_path, shared(provider, "PostgreSQL"), patience=15) as children:
        yield lambda number: children.start(f"cluster {number}", "qcluster")


def shared(onefile: SandboxServer, broker: str) -> dict[str, str]:
    return environment(onefile.url, broker) | {
        "DJANGO_SETTINGS_MODULE": "tests.reliability.cluster_settings",
        "LEASE_SECONDS": str(LEASE),
    }


def both_sides(onefile: SandboxServer) -> tuple[Any, Any]:
    """What both sides say in the end, whatever ID OneFile gave to whom."""
    fields = [field.name for field in Qualification._meta.fields]
    reviews = Review.objects.order_by("learner", "proposed_date", "proposed_time", "actual_date")
    in_picsweb = (
        list(Qualification.objects.order_by("pk").values(*fields)),
        list(reviews.values("learner", "proposed_date", "attended", "actual_date", "officer")),
    )
    world = onefile.world
    in_onefile = (
        sorted((aim.id, aim.registration_number, str(aim.registration_date)) for aim in world.aims.values()),
        sorted((review.learner_id, str(review.scheduled_for)) for review in world.reviews.values()),
        len(world.visits),
    )
    return in_picsweb, in_onefile


@pytest.mark.parametrize("seed", [1, 2])
def test_every_task_delivered_five_times_in_any_order_ends_as_delivered_once(
    seed: int,
    provider: SandboxServer,
    cluster: Callable[[int], demo.Child],
    figures: Callable[..., None],
) -> None:
    learners = list(services.learner_model()._default_manager.filter(onefile_id__isnull=False))
    clicked = [services.refresh([learner]) for learner in learners[:CLICKS]]
    tasks = [(WORK, str(run.pk)) for run in clicked] + [(DAILY.task,), (SWEEP.task,)]
    deliveries = tasks * TIMES
    random.Random(seed).shuffle(deliveries)
    OrmQ.objects.all().delete()
    for task in deliveries:
        async_task(*task)

    workers = [cluster(number) for number in range(2)]
    demo.wait_until_it_answers(workers[0], SyncRun.objects.filter(kind="daily").exists, within=60)
    daily = SyncRun.objects.get(kind="daily")
    demo.wait_until_it_answers(
        workers[0], lambda: is_finished(daily) and not OrmQ.objects.exists(), within=120
    )
    assert all(is_finished(run) for run in clicked)

    delivered_often = both_sides(provider)
    assert set(states(daily)) == set(in_scope())
    assert OutcomeState.FAILED not in states(daily).values()
    # Delivered once, to both sides as they are: there is nothing left to do.
    writes = provider.world.writes
    again = services.perform(services.start_daily(new_run=True), sleep=lambda seconds: None)
    assert services.totals(again).changes == {"picsweb": 0, "onefile": 0}
    assert (provider.world.writes, both_sides(provider)) == (writes, delivered_often)
    linked = list(Review.objects.exclude(onefile_id=None).values_list("onefile_id", flat=True))
    assert len(linked) == len(set(linked))
    figures("tasks delivered five times", tasks=len(tasks), deliveries=len(deliveries), doubled=0)


def test_redis_forgets_everything_and_the_sweep_finishes_the_run(
    provider: SandboxServer, tmp_path: Path, figures: Callable[..., None]
) -> None:
    queue = redis.from_url(os.environ["REDIS_URL"])
    queue.delete(f"django_q:{Conf.CLUSTER_NAME}:q")
    hand_in = [demo.sys.executable, "-c", START_THE_DAY]
    with demo.Children(tmp_path, shared(provider, "Redis"), patience=15) as children:
        started = children.start_command("scheduler", hand_in)
        assert started.process.wait(60) == 0, started.last_lines()
        run = SyncRun.objects.get()
        forgotten = queue.llen(f"django_q:{Conf.CLUSTER_NAME}:q")
        queue.delete(f"django_q:{Conf.CLUSTER_NAME}:q")

        cluster = children.start("cluster", "qcluster")
        every_second = [demo.sys.executable, "-c", SWEEP_EVERY_SECOND]
        children.start_command("schedule", every_second)
        demo.wait_until_it_answers(cluster, lambda: is_finished(run), within=90)

    assert forgotten > 0
    assert set(states(run)) == set(in_scope())
    assert not set(states(run).values()) & {OutcomeState.QUEUED, OutcomeState.WORKING, OutcomeState.FAILED}
    figures("Redis loses its queue", tasks_lost=forgotten, learners_without_an_outcome=0)


START_THE_DAY = """
import django
django.setup()
from onefile_sync import services
print(services.start_scheduled_daily())
"""

SWEEP_EVERY_SECOND = """
import time
import django
django.setup()
from django_q.tasks import async_task
from onefile_sync.sync.runs.schedule import SWEEP
while True:
    async_task(SWEEP.task, q_options={"save": False})
    time.sleep(1)
"""
