"""Queues runs for django-q2's workers. A task carries only an ID, and may run twice or not at all."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django_q.tasks import async_task

from onefile_sync.conf import deployment
from onefile_sync.models import RunKind, SyncRun
from onefile_sync.transactions import retried

WORK = "onefile_sync.tasks.work_on_run"


def enqueue(run: SyncRun, *, tasks: int | None = None) -> None:
    """Queue work on a run after the current transaction is committed.

    ``tasks`` is the number of tasks that share the run; by default the deployment's number for a daily run. A task that
    continues a run queues one task to replace itself.
    """
    if tasks is None:
        tasks = deployment.tasks_per_run if run.kind == RunKind.DAILY else 1
    _note_queued(run)
    # An unreachable queue must not fail the click: the run exists, its page says that no worker has processed it, and
    # the next sweep queues it again.
    transaction.on_commit(lambda: _enqueue(str(run.pk), tasks), robust=True)


@retried
def _note_queued(run: SyncRun) -> None:
    SyncRun.objects.filter(pk=run.pk).update(queued_at=timezone.now())


def enqueue_task(path: str) -> None:
    """Queue a task without arguments after the current transaction is committed."""
    transaction.on_commit(lambda: _send(path), robust=True)


def _enqueue(run_pk: str, tasks: int) -> None:
    for _task in range(tasks):
        _send(WORK, run_pk, task_name=f"onefile {run_pk[:8]}")


def _send(path: str, *arguments: str, **options: str) -> None:
    if deployment.cluster:
        options["cluster"] = deployment.cluster
    async_task(path, *arguments, q_options=options)
