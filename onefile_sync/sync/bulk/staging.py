"""The staging table: records read from OneFile for everyone, written page by page and read in batches of learners.

A record is stored as its synchronised values with a digest, so that unchanged records are not written again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from operator import attrgetter
from typing import Any, TypeVar, get_type_hints
from uuid import UUID

from django.db import connection
from django.utils import timezone

from onefile_sync import host
from onefile_sync.fields import Kind, blank_values, kinds_by_name
from onefile_sync.models import LearnerOutcome, ListingKind, StagedRecord, SyncRun
from onefile_sync.onefile.parsing import NOT_CONCLUDED_FROM
from onefile_sync.onefile.records import LearningAim, Review
from onefile_sync.sync.connection.list_evidence import ListEvidence
from onefile_sync.sync.runs.leases import FREE
from onefile_sync.transactions import retried

Record = TypeVar("Record", LearningAim, Review)

#: Attributes of a record that are not stored in ``StagedRecord.values``: ``id`` and ``silent`` have their own columns,
#: ``complete`` follows from them, and ``values`` are stored one by one. ``writable`` and ``odd`` are needed only for a
#: push, before which the learning aim is read again.
NOT_KEPT = ("id", "complete", "silent", "values", "writable", "odd")
#: Converters from JSON, by the kind of a synchronised field or the type of an attribute.
FROM_JSON: Mapping[Any, Callable[[Any], Any]] = {
    Kind.DATE: date.fromisoformat,
    date | None: date.fromisoformat,
    datetime | None: datetime.fromisoformat,
    frozenset[str]: frozenset,
}
#: Readings in a row that gave the same, after which a review that is through is settled.
TWICE = 2


@dataclass(frozen=True, slots=True)
class RecordCodec:
    """Converts records of one kind to JSON values and back. ``own`` are the stored attributes with their types."""

    kind: ListingKind
    record: type[Any]
    own: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all stored values: attributes and, for a learning aim, every synchronised field."""
        return (*self.own, *self._synchronised())

    def values(self, record: LearningAim | Review) -> dict[str, Any]:
        """The record's values that are not blank, as JSON."""
        kept = {name: getattr(record, name) for name in self.own}
        if isinstance(record, LearningAim):
            kept |= {name: record.values[name] for name in self._synchronised()}
        return {name: _as_json(value) for name, value in kept.items() if value not in (None, "", frozenset())}

    def revived(
        self,
        onefile_id: int,
        owner_id: int | None,
        values: Mapping[str, Any],
        *,
        was_read: bool,
        silent: frozenset[str],
    ) -> Any:
        """Rebuild the record from a row. If its values were not read, only its owner is set."""
        own: dict[str, Any] = _from_json(values, self.own) if values else {"learner_id": owner_id}
        if self.record is LearningAim:
            own["values"] = blank_values() | _from_json(values, self._synchronised())
        complete = was_read and silent <= NOT_CONCLUDED_FROM
        return self.record(id=onefile_id, complete=complete, silent=silent, **own)

    def _synchronised(self) -> Mapping[str, Kind]:
        return kinds_by_name() if self.record is LearningAim else {}


def _as_json(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return sorted(value) if isinstance(value, frozenset) else value


def _from_json(values: Mapping[str, Any], sorts: Mapping[str, Any]) -> dict[str, Any]:
    """The values named in ``sorts``, converted from JSON."""
    return {
        name: FROM_JSON[sort](values[name]) if sort in FROM_JSON else values[name]
        for name, sort in sorts.items()
        if name in values
    }


def _codec(kind: ListingKind, record: type[Any]) -> RecordCodec:
    own = {name: sort for name, sort in get_type_hints(record).items() if name not in NOT_KEPT}
    return RecordCodec(kind, record, own)


AIMS = _codec(ListingKind.AIM, LearningAim)
REVIEWS = _codec(ListingKind.REVIEW, Review)
CODECS: Mapping[str, RecordCodec] = {kept.kind: kept for kept in (AIMS, REVIEWS)}


def digest_of(values: Mapping[str, Any]) -> str:
    told = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Known:
    """A stored row without its values."""

    pk: int
    owner_id: int | None
    centre_id: int | None
    learner_pk: str
    digest: str
    unchanged: int
    listed_in: UUID | None
    read_alone: bool
    left_out: str

    @property
    def place(self) -> tuple[int | None, int | None, str, str]:
        return self.owner_id, self.centre_id, self.learner_pk, self.left_out

    @property
    def reading(self) -> tuple[str, int, bool]:
        return self.digest, self.unchanged, self.read_alone


@retried
def stage(
    run: SyncRun,
    kept: RecordCodec,
    records: Sequence[LearningAim | Review],
    lists: ListEvidence,
    *,
    centre_id: int | None = None,
) -> int:
    """Store records that were read. Returns how many of them this run had not seen before.

    ``centre_id`` is the centre of the page's listing (0: all centres). Without it, the records were read individually
    and are no longer due. At most six queries for any number of records.
    """
    known = _known(kept, [record.id for record in records])
    owners = {record.id: record.learner_id or _owner_on_record(known, record.id) for record in records}
    learners = _learners_in_scope(run, set(owners.values()) - {None})
    now, listed, learner_type = timezone.now(), centre_id is not None, host.learner_type()
    same: list[int] = []
    same_place: list[int] = []
    placed: list[StagedRecord] = []
    taken_over: list[StagedRecord] = []
    for record in sorted(records, key=attrgetter("id")):
        before, owner = known.get(record.id), owners[record.id]
        learner_pk = learners.get(owner, "")
        left_out = _joined(record.silent) if listed else before.left_out if before else ""
        place = (owner, _centre_of(run, before, centre_id), learner_pk, left_out)
        moved = before is None or place != before.place
        row: dict[str, Any] = {}
        values = _with_values(kept, record, before, is_ours=bool(learner_pk))
        if (owner is not None and not learner_pk) or _tells(lists, kept, record, before, values["digest"]):
            row = values | {"read_at": now, "told_in": run.pk, "read_alone": not listed}
            reading = (row["digest"], row["unchanged"], row["read_alone"])
            changed, rows, unchanged = moved or before is None or before.reading != reading, taken_over, same
        elif before is not None and before.digest == OF_SOMEBODY_ELSE:
            changed, rows, unchanged = True, taken_over, same  # theirs is in scope now, and nothing was kept
        else:
            changed, rows, unchanged = moved, placed, same_place
        if before is not None and not changed:
            unchanged.append(before.pk)
            continue
        rows.append(
            StagedRecord(
                kind=kept.kind,
                onefile_id=record.id,
                owner_id=owner,
                centre_id=place[1],
                learner_type=learner_type if learner_pk else None,
                learner_pk=learner_pk,
                listed_in=run.pk if listed or before is None else before.listed_in,
                left_out=left_out,
                **row,
            )
        )
    through: dict[str, Any] = {} if listed else {"due_in": None, **FREE}
    told: dict[str, Any] = {"read_at": now, "told_in": run.pk}
    StagedRecord.objects.filter(pk__in=same).update(listed_in=run.pk, **told, **through)
    StagedRecord.objects.filter(pk__in=same_place).update(listed_in=run.pk, **through)
    _upsert(placed, PLACE)
    _upsert(taken_over, PLACE + VALUES)
    return sum(record.id not in known or known[record.id].listed_in != run.pk for record in records)


def _tells(
    lists: ListEvidence, kept: RecordCodec, record: LearningAim | Review, before: Known | None, digest: str
) -> bool:
    """Whether a record that was read replaces the stored values.

    A list item that may lack values does not replace values read from the record itself, unless they agree.
    """
    if record.complete or lists.believes(kept.kind, record.silent):
        return True
    if lists.refutes(kept.kind, record.silent):
        return False
    return before is None or not before.digest or not before.read_alone or before.digest == digest


def _centre_of(run: SyncRun, before: Known | None, centre_id: int | None) -> int | None:
    """The centre whose list contains a record. ``None`` if several do, as OneFile then ignores the centre asked for."""
    if centre_id is None:
        return before.centre_id if before else None
    named_elsewhere = before is not None and before.listed_in == run.pk and before.centre_id != centre_id
    return None if named_elsewhere else centre_id or None


def _joined(names: Iterable[str]) -> str:
    return " ".join(sorted(names))


def _with_values(
    kept: RecordCodec, record: LearningAim | Review, before: Known | None, *, is_ours: bool
) -> dict[str, Any]:
    """The columns to store for a record that was read. Values are stored for learners in scope only."""
    values = kept.values(record) if is_ours else {}
    digest = digest_of(values) if is_ours else OF_SOMEBODY_ELSE
    settled = is_ours and _is_through(record)
    repeated = settled and before is not None and before.digest == digest
    unchanged = min((before.unchanged if before else 0) + 1, TWICE) if repeated else 0
    return {"values": values, "digest": digest, "settled": settled, "unchanged": unchanged}


#: Stored instead of a digest for a record whose owner is known and not in scope.
OF_SOMEBODY_ELSE = "-"
PLACE = ["owner_id", "centre_id", "learner_type", "learner_pk", "listed_in", "left_out"]
VALUES = ["values", "digest", "settled", "unchanged", "read_at", "told_in", "read_alone"]
VALUES += ["due_in", *FREE]


def _upsert(rows: Sequence[StagedRecord], names: Sequence[str]) -> None:
    # In the order of their IDs, so that two overlapping pages cannot deadlock.
    # MariaDB and MySQL match on any unique key: that is this one, as the rows have no primary key yet.
    by_name = connection.features.supports_update_conflicts_with_target
    unique = ["kind", "onefile_id"] if by_name else None
    StagedRecord.objects.bulk_create(rows, update_conflicts=True, unique_fields=unique, update_fields=names)


def _known(kept: RecordCodec, ids: Sequence[int]) -> dict[int, Known]:
    rows = StagedRecord.objects.filter(kind=kept.kind, onefile_id__in=ids)
    names = ("pk", *(each.name for each in fields(Known) if each.name != "pk"))
    return {onefile_id: Known(*values) for onefile_id, *values in rows.values_list("onefile_id", *names)}


def _owner_on_record(known: Mapping[int, Known], record_id: int) -> int | None:
    return known[record_id].owner_id if record_id in known else None


def _learners_in_scope(run: SyncRun, owners: set[int | None]) -> dict[int | None, str]:
    """PICSWeb's learners by OneFile ID, leaving out IDs that two learners share."""
    found: dict[int | None, str] = {}
    shared = set()
    outcomes = LearnerOutcome.objects.filter(run=run, onefile_id__in=owners)
    for onefile_id, learner_pk in outcomes.values_list("onefile_id", "learner_pk"):
        if onefile_id in found:
            shared.add(onefile_id)
        found[onefile_id] = learner_pk
    return {onefile_id: pk for onefile_id, pk in found.items() if onefile_id not in shared}


def _is_through(record: LearningAim | Review) -> bool:
    """Whether a record is unlikely to change: a review that was held and signed by both."""
    return isinstance(record, Review) and all(
        (record.started_on, record.assessor_signed_on, record.learner_signed_on)
    )


@retried
def forget(kept: RecordCodec, record_id: int) -> None:
    """Delete a record that no longer exists in OneFile."""
    StagedRecord.objects.filter(kind=kept.kind, onefile_id=record_id).delete()


@retried
def could_not_read(kept: RecordCodec, ids: Iterable[int]) -> None:
    """Mark records that could not be read individually. The exchange reads them again and reports the failure."""
    StagedRecord.objects.filter(kind=kept.kind, onefile_id__in=ids).update(
        digest="", values={}, unchanged=0, due_in=None, **FREE
    )


def records_of(
    run: SyncRun, learner_pks: Iterable[str]
) -> tuple[dict[tuple[str, str], list[Any]], dict[str, int]]:
    """The records that this run has listed, by learner and kind, and the centre of each learner. One query."""
    found: dict[tuple[str, str], list[Any]] = {}
    centres: dict[str, int] = {}
    rows = StagedRecord.objects.filter(
        learner_type=host.learner_type(), learner_pk__in=list(learner_pks), listed_in=run.pk
    )
    names = ("kind", "learner_pk", "centre_id", "digest", "told_in", "read_alone", "left_out")
    about = ("onefile_id", "owner_id", "values")
    for kind, learner_pk, centre_id, digest, told_in, read_alone, left_out, *kept in rows.order_by(
        "onefile_id"
    ).values_list(*names, *about):
        # Values older than this run were read individually; otherwise they would have been read again.
        silent = frozenset() if read_alone or told_in != run.pk else frozenset(left_out.split())
        record = CODECS[kind].revived(*kept, was_read=bool(digest), silent=silent)
        found.setdefault((learner_pk, kind), []).append(record)
        if centre_id:
            centres[learner_pk] = centre_id
    return found, centres


def prune(run: SyncRun) -> None:
    """Delete records that a complete reading has not found again."""
    for kind in CODECS:
        if (
            run.listings.filter(kind=kind).exists()
            and not run.listings.filter(kind=kind).exclude(fallback="").exists()
        ):
            StagedRecord.objects.filter(kind=kind).exclude(listed_in=run.pk).delete()
