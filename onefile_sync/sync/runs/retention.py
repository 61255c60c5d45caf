"""Deletes old records in batches, as a year of daily syncs does not fit in memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from onefile_sync.models import (
    AssessorName,
    CreateIntent,
    DirectoryEntry,
    LearnerOutcome,
    MatchSuggestion,
    RunState,
    StagedRecord,
    SuggestionState,
    SyncRun,
    UploadIntent,
    forget_old_details,
)

#: Rows deleted in one transaction; for outcomes, together with their changes and problems.
BATCH = 500


def prune(older_than_days: int) -> int:
    """Delete the runs that finished more than this number of days ago, with all recorded in them; return how many.

    Upload and create intents that were finished before then go too, what was last read of OneFile before then, names of
    assessors as well, entries of OneFile's lists that had gone by then, and suggestions found or decided before then.
    Links, and what a person called not the same, stay, and so does what is open, however old. Details of learners in
    OneFile's lists that are older than a week are cleared, whatever the number of days.
    """
    before = timezone.now() - timedelta(days=older_than_days)
    number = 0
    for run in SyncRun.objects.filter(state=RunState.FINISHED, finished_at__lt=before).order_by(
        "finished_at"
    ):
        # The run itself is deleted last, so that the next prune continues one that was interrupted.
        _delete(LearnerOutcome.objects.filter(run=run))
        run.delete()
        number += 1
    _delete(UploadIntent.objects.filter(finished_at__lt=before))
    _delete(CreateIntent.objects.filter(finished_at__lt=before))
    _delete(StagedRecord.objects.filter(read_at__lt=before, due_in=None))
    _delete(AssessorName.objects.filter(read_at__lt=before))
    _delete(DirectoryEntry.objects.filter(gone_at__lt=before))
    decided = (SuggestionState.LINKED, SuggestionState.REFUSED)
    _delete(MatchSuggestion.objects.filter(state__in=decided, decided_at__lt=before))
    _delete(MatchSuggestion.objects.filter(state=SuggestionState.OPEN, found_at__lt=before))
    forget_old_details(DirectoryEntry.objects.all())
    return number


def _delete(rows: QuerySet[Any]) -> None:
    for pks in _batches(rows):
        rows.model.objects.filter(pk__in=pks).delete()


def _batches(rows: QuerySet[Any]) -> Iterator[list[Any]]:
    while pks := list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        yield pks
