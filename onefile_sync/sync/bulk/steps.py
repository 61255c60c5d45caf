"""A step of reading, which one worker does at a time, and the calls that several kinds of steps make."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from onefile_sync.models import ListingKind, StagedRecord, SyncRun
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.errors import OneFileError, Scope
from onefile_sync.onefile.records import LearningAim, Review
from onefile_sync.sync.connection.list_evidence import ListEvidence
from onefile_sync.sync.connection.rate_limit import RateLimitLost
from onefile_sync.sync.runs.leases import TimeIsUp, release
from onefile_sync.transactions import retried

from . import staging
from .staging import RecordCodec


@dataclass(slots=True)
class Piece:
    """A step that we have claimed until its lease expires. ``mine`` selects its rows while they are ours."""

    run: SyncRun
    mine: QuerySet[Any]
    time_is_up: Callable[[], bool] = field(default=lambda: False, kw_only=True)
    lists: ListEvidence = field(default_factory=ListEvidence, kw_only=True)

    @contextmanager
    def let_go_of(self) -> Iterator[None]:
        """Release the step if an error prevents us from finishing it."""
        try:
            yield
        except (OneFileError, TimeIsUp, RateLimitLost):
            self.let_go()
            raise

    @retried
    def let_go(self) -> None:
        release(self.mine)

    def keep(self, kept: RecordCodec, records: Sequence[LearningAim | Review]) -> None:
        """Store records that were read individually."""
        staging.stage(self.run, kept, records, self.lists)

    def read(self, onefile: OneFile, kept: RecordCodec, row: StagedRecord) -> LearningAim | Review | None:
        """Read a record individually and compare it with its list item; ``None`` if it cannot be read."""
        try:
            record = read_one(onefile, kept, row.onefile_id)
        except OneFileError as error:
            if error.scope is Scope.RUN:
                raise
            if error.code == "not_found":
                staging.forget(kept, row.onefile_id)  # deleted since it was listed
            else:
                staging.could_not_read(kept, [row.onefile_id])
            return None
        silent = frozenset(row.left_out.split())
        if self.lists.contradicted(kept.kind, silent, record):
            # The value may have been entered since the record was listed, so the list is asked again.
            silent = _silent_now(onefile, kept, row, record)
        self.lists.compare(kept.kind, silent, record)
        return record


def read_one(onefile: OneFile, kept: RecordCodec, record_id: int) -> LearningAim | Review:
    return onefile.learning_aim(record_id) if kept.kind == ListingKind.AIM else onefile.review(record_id)


def search_for(
    onefile: OneFile, kept: RecordCodec, row: StagedRecord, owner_id: int | None = None
) -> Sequence[LearningAim | Review]:
    """Search OneFile for the learner's records and return the item of this record, if it is listed."""
    owner = row.owner_id or owner_id or 0
    listed: Sequence[LearningAim | Review]
    if kept.kind == ListingKind.AIM:
        listed = onefile.learning_aims(owner, {row.onefile_id}).records
    else:
        listed = onefile.reviews(owner, row.centre_id or None).records
    return [item for item in listed if item.id == row.onefile_id]


def _silent_now(
    onefile: OneFile, kept: RecordCodec, row: StagedRecord, record: LearningAim | Review
) -> frozenset[str]:
    """The fields that a list currently omits from a record; none if the list cannot be read."""
    try:
        return next(
            (item.silent for item in search_for(onefile, kept, row, record.learner_id)), frozenset[str]()
        )
    except OneFileError as error:
        if error.scope is Scope.RUN:
            raise
        return frozenset()
