"""Compares a sample of list items with the records themselves, as lists may differ from records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from onefile_sync import events
from onefile_sync.models import Listing, StagedRecord
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.errors import OneFileError, Scope
from onefile_sync.onefile.records import LearningAim, Review
from onefile_sync.sync.runs.leases import release

from .staging import CODECS, RecordCodec
from .steps import Piece, read_one, search_for

#: Minimum size of a list's sample, and the number of pages for which it grows by one record.
SAMPLE, PAGES_A_SAMPLE = 2, 50


@dataclass(slots=True)
class Sample(Piece):
    """The step that compares a sample, to learn whether lists agree with records and what missing values mean."""

    listing: Listing

    def carry_out(self, onefile: OneFile) -> None:
        kept = CODECS[self.listing.kind]
        self.lists.count(kept.kind, self._left_out(kept))
        compared = differs = False
        for row in self._rows(kept):
            compared, differs = True, self._differs(onefile, kept, row)
            if differs:
                events.warning("listing_differs", run=self.run.pk, kind=self.listing.kind)
                break
        values: dict[str, Any] = {"items": Listing.Items.THIN, "differs": True} if differs else {}
        release(self.mine, finished_at=timezone.now(), **values)
        if compared:
            of_kind = self.run.listings.filter(kind=self.listing.kind, differs=True)
            self.lists.note_sample(kept.kind, differs=differs or of_kind.exists())

    def _listed(self, kept: RecordCodec) -> QuerySet[StagedRecord]:
        """The listed records in scope."""
        return StagedRecord.objects.filter(kind=kept.kind, listed_in=self.run.pk).exclude(learner_pk="")

    def _told(self, kept: RecordCodec) -> QuerySet[StagedRecord]:
        """The records known from this list only."""
        told = self._listed(kept).filter(told_in=self.run.pk, read_alone=False)
        of_this_list = Q(centre_id=self.listing.centre_id) | Q(centre_id=None)
        return told.filter(of_this_list) if self.listing.centre_id else told

    def _left_out(self, kept: RecordCodec) -> dict[str, int]:
        """For each field, the number of records without a value in the lists."""
        counted: Counter[str] = Counter()
        for names, records in self._listed(kept).order_by().values_list("left_out").annotate(Count("pk")):
            counted.update(dict.fromkeys(names.split(), records))
        return counted

    def _rows(self, kept: RecordCodec) -> Iterator[StagedRecord]:
        """The records to read individually: a sample, and as many as are needed to learn what the list omits."""
        yield from self._chosen(kept)
        for name in self.lists.names[kept.kind]:
            wanted = self.lists.wanted(kept.kind, name)
            silent = self._told(kept).filter(left_out__contains=name).order_by("?") if wanted else ()
            for row in silent[:wanted]:
                if self.lists.wanted(kept.kind, name) and not self._is_thin(kept, row.left_out):
                    yield row

    def _is_thin(self, kept: RecordCodec, left_out: str) -> bool:
        """Whether a record has to be read individually anyway, as lists are known to omit one of its values."""
        return self.lists.refutes(kept.kind, left_out.split())

    def _chosen(self, kept: RecordCodec) -> list[StagedRecord]:
        """A sample of the records that the list may represent; half of them lack a value in the list, if any do."""
        silences = self._told(kept).order_by().values_list("left_out", flat=True).distinct()
        usable = [left_out for left_out in silences if not self._is_thin(kept, left_out)]
        listed = self._told(kept).filter(left_out__in=usable).order_by("?")
        size = SAMPLE + (self.listing.last_page or 0) // PAGES_A_SAMPLE
        chosen = list(listed.exclude(left_out="")[: size // 2])
        return chosen + list(listed.exclude(pk__in=[row.pk for row in chosen])[: size - len(chosen)])

    def _differs(self, onefile: OneFile, kept: RecordCodec, row: StagedRecord) -> bool:
        silent, said = frozenset(row.left_out.split()), row.values
        try:
            record = read_one(onefile, kept, row.onefile_id)
            if _says_otherwise(kept, said, silent, record) or self.lists.contradicted(
                kept.kind, silent, record
            ):
                # The record may have changed since it was listed, so the list is asked again.
                (item,) = search_for(onefile, kept, row) or [record]
                silent, said = item.silent, kept.values(item)
        except OneFileError as error:
            if error.scope is Scope.RUN:
                raise
            return False  # deleted since, or unreadable at the moment, which says nothing about lists
        if _says_otherwise(kept, said, silent, record):
            return True
        self.lists.compare(kept.kind, silent, record)
        self.keep(kept, [record])
        return False


def _says_otherwise(
    kept: RecordCodec, values: Mapping[str, Any], silent: Container[str], record: LearningAim | Review
) -> bool:
    """Whether a list item has a value that differs from the record's."""
    alone = kept.values(record)
    told = (name for name in kept.names if name != "unreadable" and name not in silent)
    return any(values.get(name) != alone.get(name) for name in told)
