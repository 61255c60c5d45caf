"""Decides whether a value missing from a list means that the record has none, based on what this OneFile has shown.

A list item may lack a value because the record has none, or because lists do not include the property. So records are
read individually and compared with their list items. The results are stored for each OneFile, kind and property:

- A list item with a value shows that lists include the property. A few records without a value on either side confirm
  this.
- If no item ever had a value, many records must have been compared, or all there are; and lists must not omit another
  property of that kind.
- If one record has a value that its item lacks, the property is no longer trusted. It is trusted again only once lists
  show it, and after many comparisons.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from onefile_sync.models import ListedProperty, ListingKind
from onefile_sync.onefile.parsing import NOT_CONCLUDED_FROM, REVIEW_NAMES, aim_names, has_value
from onefile_sync.onefile.records import LearningAim, Review
from onefile_sync.transactions import retried

from .aim_fields import aim_fields

#: Comparisons needed for a property that lists have shown.
FEW = 2
#: Comparisons needed for a property that lists have not shown, unless there are fewer records.
MANY = 50

#: In place of a property's name: the list itself.
ITSELF = ""


@dataclass(slots=True)
class _Property:
    shown: bool = False
    agreed: int = 0
    records: int | None = None
    was_missing: bool = False


@dataclass(slots=True)
class _News:
    """Findings since the last save. ``missing`` resets the other counts."""

    shown: bool = False
    agreed: int = 0
    missing: bool = False
    records: int | None = None


@dataclass(slots=True)
class ListEvidence:
    """The evidence about the lists of the OneFile at one address. Not thread-safe."""

    address: str = ""
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    _known: dict[tuple[str, str], _Property] = field(default_factory=dict)
    _news: dict[tuple[str, str], _News] = field(default_factory=dict)
    _differ: set[str] = field(default_factory=set)

    @classmethod
    def load(cls, address: str) -> ListEvidence:
        names = {
            ListingKind.AIM.value: aim_names(aim_fields()),
            ListingKind.REVIEW.value: REVIEW_NAMES,
        }
        evidence = cls(address, names)
        rows = {(row.kind, row.name): row for row in ListedProperty.objects.filter(address=address)}
        for kind, of_kind in names.items():
            if (row := rows.get((kind, ITSELF))) is not None and row.missing_at is not None:
                evidence._differ.add(kind)
            for name, sent_as in of_kind.items():
                if (row := rows.get((kind, sent_as))) is not None:
                    evidence._known[kind, name] = _Property(
                        row.shown, row.agreed, row.records, row.missing_at is not None
                    )
        return evidence

    @retried
    @transaction.atomic
    def save(self) -> None:
        """Add new findings to the stored ones, to which other processes may have added too."""
        if not self._news or not self.names:
            return
        named = {(kind, name): self.names[kind][name] for kind, name in self._news}
        ListedProperty.objects.bulk_create(
            [
                ListedProperty(address=self.address, kind=kind, name=sent_as)
                for (kind, _name), sent_as in named.items()
            ],
            ignore_conflicts=True,
        )
        for (kind, name), news in self._news.items():  # at most one query per property, and usually none
            row = ListedProperty.objects.filter(address=self.address, kind=kind, name=named[kind, name])
            if news.missing:
                row.update(shown=news.shown, agreed=news.agreed, missing_at=timezone.now())
            elif news.shown:
                row.update(shown=True, agreed=F("agreed") + news.agreed)
            elif news.agreed:
                row.update(agreed=F("agreed") + news.agreed)
            if news.records is not None:
                row.update(records=news.records)
        self._news = {}

    # Conclusions. ``silent`` are the fields without a value in a list item.

    def believes(self, kind: str, silent: Iterable[str]) -> bool:
        """Whether all of these fields can be taken as blank in the record."""
        return all(self._carries(kind, name) for name in self._concluded_from(silent))

    def refutes(self, kind: str, silent: Iterable[str]) -> bool:
        """Whether lists are known to omit one of these fields."""
        return any(self._refuted(kind, name) for name in self._concluded_from(silent))

    def differ(self, kind: str) -> bool:
        """Whether list items of this kind had other values than their records in the last daily sync's sample."""
        return kind in self._differ

    def wanted(self, kind: str, name: str) -> int:
        """How many more comparisons a property needs to be trusted; 0 if lists are known to omit it."""
        if self._refuted(kind, name) or self._carries(kind, name) or name in NOT_CONCLUDED_FROM:
            return 0
        return max(0, self._needed(kind, name) - self._of(kind, name).agreed)

    def _carries(self, kind: str, name: str) -> bool:
        known = self._of(kind, name)
        if not known.shown and (known.was_missing or self._leaves_out_something(kind)):
            return False
        return known.agreed >= self._needed(kind, name)

    def _needed(self, kind: str, name: str) -> int:
        known = self._of(kind, name)
        if known.shown:
            return MANY if known.was_missing else FEW
        return MANY if known.records is None else min(MANY, max(known.records, FEW))

    def _refuted(self, kind: str, name: str) -> bool:
        known = self._of(kind, name)
        return known.was_missing and not (known.shown and known.agreed >= MANY)

    def _leaves_out_something(self, kind: str) -> bool:
        return any(self._refuted(kind, name) for name in self.names.get(kind, ()))

    def _of(self, kind: str, name: str) -> _Property:
        return self._known.get((kind, name)) or _Property()

    @staticmethod
    def _concluded_from(silent: Iterable[str]) -> frozenset[str]:
        return frozenset(silent) - NOT_CONCLUDED_FROM

    # Findings

    def saw(self, kind: str, items: Iterable[LearningAim | Review]) -> None:
        """Note list items: each value shows that lists include the property."""
        unshown = {name for name in self.names.get(kind, ()) if not self._of(kind, name).shown}
        for item in items:
            for name in unshown - item.silent:
                self._known.setdefault((kind, name), _Property()).shown = True
                self._news.setdefault((kind, name), _News()).shown = True
                unshown.discard(name)
            if not unshown:
                return

    @retried
    def note_sample(self, kind: str, *, differs: bool) -> None:
        """Store whether the sample of a daily sync found list items that differ from their records."""
        if differs != self.differ(kind):
            ListedProperty.objects.update_or_create(
                address=self.address,
                kind=kind,
                name=ITSELF,
                defaults={"missing_at": timezone.now() if differs else None},
            )

    def contradicted(self, kind: str, silent: Iterable[str], record: LearningAim | Review) -> bool:
        """Whether an individually read record has a value that its list item should have had."""
        return any(
            has_value(record, name) and not self._refuted(kind, name) for name in self._concluded_from(silent)
        )

    def compare(
        self, kind: str, silent: Iterable[str], record: LearningAim | Review, *, one_learner: bool = False
    ) -> None:
        """Compare an individually read record with the fields that its list item lacked.

        Records of ``one_learner`` may be the same ones each time, so they do not count towards :data:`MANY`.
        """
        for name in self._concluded_from(silent):
            known = self._known.setdefault((kind, name), _Property())
            if known.was_missing and not known.shown:
                continue  # lists omit it, until they show it again
            if has_value(record, name):
                self._known[kind, name] = _Property(records=known.records, was_missing=True)
                self._news[kind, name] = _News(missing=True)
            elif not self._carries(kind, name) and (known.shown or not one_learner or known.agreed < FEW):
                known.agreed += 1
                self._news.setdefault((kind, name), _News()).agreed += 1

    def count(self, kind: str, records: Mapping[str, int]) -> None:
        """Note for each field how many records had no value in the lists of a daily sync."""
        for name in self.names.get(kind, ()):
            known = self._known.setdefault((kind, name), _Property())
            if not known.shown and known.records != records.get(name, 0):
                known.records = records.get(name, 0)
                self._news.setdefault((kind, name), _News()).records = known.records
