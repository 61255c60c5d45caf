"""What django-q2's workers run: ids in, a short text out. All the work is in :mod:`onefile_sync.services`."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

from . import events, services

Given = ParamSpec("Given")


class TaskFailed(Exception):
    """A task that went wrong inside PICSWeb. Says the kind of error and its place, as django-q2 keeps the text."""


def task(work: Callable[Given, str]) -> Callable[Given, str]:
    """Keep what an error says out of the queue's tables: it may quote a learner's values."""

    @wraps(work)
    def guarded(*args: Given.args, **kwargs: Given.kwargs) -> str:
        try:
            return work(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - whatever it is: django-q2 must learn that the task failed
            frame = traceback.extract_tb(error.__traceback__)[-1]
            failure = TaskFailed(f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}")
        events.error("task_failed", task=work.__name__, error=str(failure))
        raise failure

    return guarded


@task
def work_on_run(run_pk: str) -> str:
    """Work on a run for a while and queue the rest again. Safe to run twice, at the same time, or not at all."""
    return services.work(run_pk)


@task
def daily() -> str:
    """The schedule's task: start today's sync, or go on with it. A repeated delivery on the same day does nothing."""
    return services.start_scheduled_daily()


@task
def sweep() -> str:
    """The other schedule's task, each minute: take up what workers left behind and what the queue has lost."""
    return f"handed out again: {services.sweep()}"
