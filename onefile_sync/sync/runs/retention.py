"""Deletes old records in batches, as a year of daily syncs does not fit in memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from onefile_sync.models import AssessorName, LearnerOutcome, RunState, StagedRecord, SyncRun, UploadIntent

#: Rows deleted in one transaction; for outcomes, together with their changes and problems.
BATCH = 500


def prune(before: datetime) -> int:
    """Delete the runs that finished before a moment, with all that was recorded in them; returns how many.

    Upload intents that were finished before it go too, and what was last read of OneFile before it, names of assessors
    as well. What is open stays.
    """
    number = 0
    for run in SyncRun.objects.filter(state=RunState.FINISHED, finished_at__lt=before).order_by(
        "finished_at"
    ):
        # The run itself is deleted last, so that the next prune continues one that was interrupted.
        _delete(LearnerOutcome.objects.filter(run=run))
        run.delete()
        number += 1
    _delete(UploadIntent.objects.filter(finished_at__lt=before))
    _delete(StagedRecord.objects.filter(read_at__lt=before, due_in=None))
    _delete(AssessorName.objects.filter(read_at__lt=before))
    return number


def _delete(rows: QuerySet[Any]) -> None:
    for pks in _batches(rows):
        rows.model.objects.filter(pk__in=pks).delete()


def _batches(rows: QuerySet[Any]) -> Iterator[list[Any]]:
    while pks := list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        yield pks
