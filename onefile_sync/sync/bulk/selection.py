"""Decides which listed records a daily sync reads individually tonight, and which are put off to another night.

Every record that lists do not cover is due. If that does not fit into one night, settled reviews are read in rotation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from onefile_sync import host
from onefile_sync.conf import deployment
from onefile_sync.models import ListingKind, StagedRecord, SyncRun
from onefile_sync.sync.connection.list_evidence import ListEvidence
from onefile_sync.sync.connection.rate_limit import SPACED

from .staging import CODECS, TWICE, RecordCodec

#: Every settled review is read at least once in this number of days, if a night is too short for all of them.
ROTATION = 7
#: Maximum number of records looked up in PICSWeb or updated in one query.
BATCH = 2_000


def mark_what_is_due(run: SyncRun) -> int:
    """Mark the records to read individually. Returns the number of settled reviews put off to another night."""
    lists = ListEvidence.load(run.address)
    due = {kept.kind: _due(run, kept, lists) for kept in CODECS.values()}
    aims = _linked(due[ListingKind.AIM])
    reviews = due[ListingKind.REVIEW]
    put_off = 0
    if len(aims) + reviews.count() > _calls_left(run):
        # An annotation instead of a subquery, as MySQL cannot update a table that the same statement selects from.
        reviews, settled = reviews.annotate(day=F("onefile_id") % ROTATION), _settled(timezone.now())
        put_off = reviews.filter(settled).count()
        reviews = reviews.exclude(settled)
    for batch in _batches(aims):
        StagedRecord.objects.filter(pk__in=batch).update(due_in=run.pk)
    reviews.update(due_in=run.pk)
    return put_off


def _due(run: SyncRun, kept: RecordCodec, lists: ListEvidence) -> QuerySet[StagedRecord]:
    """The listed records that the list does not cover, of learners in scope and of unknown owners."""
    listed = StagedRecord.objects.filter(kind=kept.kind, listed_in=run.pk)
    listings = run.listings.filter(kind=kept.kind)
    if listings.exclude(fallback="").exists():
        return listed.none()  # learners are read one by one instead
    of_interest = listed.filter(~Q(learner_pk="") | Q(owner_id=None))
    if listings.filter(differs=True).exists():
        return of_interest.exclude(told_in=run.pk, read_alone=True)
    silences = of_interest.order_by().values_list("left_out", flat=True).distinct()
    not_believed = [names for names in silences if not lists.believes(kept.kind, names.split())]
    return of_interest.filter(
        Q(digest="") | ~Q(told_in=run.pk) | Q(read_alone=False, left_out__in=not_believed)
    )


def _linked(aims: QuerySet[StagedRecord]) -> list[int]:
    """The primary keys of those learning aims to which a qualification is linked. Others are not synchronised."""
    found = []
    for batch in _batches(list(aims.values_list("pk", "onefile_id"))):
        linked = host.linked_aims([onefile_id for _pk, onefile_id in batch])
        found += [pk for pk, onefile_id in batch if onefile_id in linked]
    return found


def _settled(now: datetime) -> Q:
    """Settled reviews not due today. Each is due on one day in :data:`ROTATION`, and after that number of days."""
    lately = Q(settled=True, unchanged__gte=TWICE, read_at__gte=now - timedelta(days=ROTATION))
    return lately & ~Q(day=now.toordinal() % ROTATION)


def _calls_left(run: SyncRun) -> float:
    """The number of calls left in one night."""
    if deployment.calls_per_minute is None:
        return float("inf")
    in_a_night = deployment.night_hours * 60 * deployment.calls_per_minute * SPACED / 100
    return in_a_night - run.api_calls


def _batches(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (items[first : first + BATCH] for first in range(0, len(items), BATCH))
