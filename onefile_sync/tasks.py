"""The tasks of django-q2's workers: IDs in, a short text out. They call :mod:`onefile_sync.services`."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

from . import events, services

Given = ParamSpec("Given")


class TaskFailed(Exception):
    """An unexpected error in a task. django-q2 stores the text, so it has only the error's type and place."""


def task(work: Callable[Given, str]) -> Callable[Given, str]:
    """Keep error messages out of the queue's tables, as they may quote a learner's values."""

    @wraps(work)
    def guarded(*args: Given.args, **kwargs: Given.kwargs) -> str:
        try:
            return work(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - raised again below without its message
            frame = traceback.extract_tb(error.__traceback__)[-1]
            failure = TaskFailed(f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}")
        events.error("task_failed", task=work.__name__, error=str(failure))
        raise failure

    return guarded


@task
def work_on_run(run_pk: str) -> str:
    """Process a run for a while and queue the rest. The task may run twice, twice at the same time, or be lost."""
    return services.work(run_pk)


@task
def daily() -> str:
    """The daily schedule's task: start today's sync or continue it. A second delivery on the same day does nothing.

    After that, creates in doubt are looked for, so that nothing can keep the sync from starting.
    """
    told = services.start_scheduled_daily()
    services.enrolment.look_for_creates()
    return told


@task
def sweep() -> str:
    """The task of the sweep, every minute: recover what killed workers left behind and the queue has lost."""
    return f"handed out again: {services.sweep()}"


@task
def move_links() -> str:
    """Put away and bring back OneFile IDs for a while. The sweep queues the rest."""
    return "finished" if services.move_links() else "to be continued"
