"""Hands a run to django-q2's workers. Tasks carry an id and nothing else, and may run twice or not at all."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django_q.tasks import async_task

from onefile_sync.conf import deployment
from onefile_sync.models import RunKind, SyncRun
from onefile_sync.transactions import retried

WORK = "onefile_sync.tasks.work_on_run"


def enqueue(run: SyncRun, *, tasks: int | None = None) -> None:
    """Queue work on a run, once what was written so far is there for the worker to see.

    ``tasks`` at a time share it; by default as many as the deployment wants of a daily run. A task that goes on with a
    run queues one, in place of itself.
    """
    if tasks is None:
        tasks = deployment.tasks_per_run if run.kind == RunKind.DAILY else 1
    _note_queued(run)
    # A queue that cannot be reached must not fail the click: the run is there, its page says that no worker has
    # taken it up, and the next sweep hands it out again.
    transaction.on_commit(lambda: _enqueue(str(run.pk), tasks), robust=True)


@retried
def _note_queued(run: SyncRun) -> None:
    SyncRun.objects.filter(pk=run.pk).update(queued_at=timezone.now())


def _enqueue(run_pk: str, tasks: int) -> None:
    options = {"cluster": deployment.cluster} if deployment.cluster else {}
    for _task in range(tasks):
        async_task(WORK, run_pk, q_options={"task_name": f"onefile {run_pk[:8]}", **options})
