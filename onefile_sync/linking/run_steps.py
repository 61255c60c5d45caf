"""The steps of runs without learners. Importing this module registers them with the worker."""

from __future__ import annotations

from collections.abc import Callable

from django.utils import timezone

from onefile_sync.models import RunKind, SyncRun
from onefile_sync.onefile.client import OneFile
from onefile_sync.sync.worker import STEPS
from onefile_sync.transactions import retried

from . import confirmed_matches, directory, match_run, mis_values, waiting_reviews


def read_lists(run: SyncRun, onefile: OneFile, time_is_up: Callable[[], bool]) -> bool:
    """Do one step of a run that only reads lists. Returns false if other workers have the rest."""
    went_on = directory.read_lists(run, onefile, time_is_up)
    if went_on is None and mis_values.link_by_mis_value(run, time_is_up):
        note_everything_read(run)
    return went_on is not False


@retried
def note_everything_read(run: SyncRun) -> None:
    SyncRun.objects.filter(pk=run.pk, read_at=None).update(read_at=timezone.now())


STEPS[RunKind.LISTS] = STEPS[RunKind.LINKS] = read_lists
STEPS[RunKind.MATCH] = match_run.step
STEPS[RunKind.LINKING] = confirmed_matches.step
STEPS[RunKind.PAIRING] = waiting_reviews.step
