"""What django-q2's workers run: ids in, a short text out. All the work is in :mod:`onefile_sync.services`."""

from __future__ import annotations

from . import services


def work_on_run(run_pk: str) -> str:
    """Work on a run for a while and queue the rest again. Safe to run twice, at the same time, or not at all."""
    return services.work(run_pk)


def daily() -> str:
    """The schedule's task: start today's sync, or go on with it. A repeated delivery on the same day does nothing."""
    return services.start_scheduled_daily()
