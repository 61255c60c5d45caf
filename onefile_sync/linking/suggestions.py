"""Finds which rows of PICSWeb may be which records of OneFile, and keeps the pairs for a person to decide."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, Final

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.utils import timezone

from onefile_sync import events, host
from onefile_sync.models import (
    DirectoryEntry,
    LinkEnding,
    MatchSuggestion,
    RecordLink,
    SubjectKind,
    SuggestionState,
    SyncRun,
    Tenant,
)
from onefile_sync.transactions import retried

from . import candidates
from .matching import Confidence, Pair, match_learners, match_officers, match_organisations

_BATCH: Final = 500
#: What a suggestion says, beside which two it is about.
_TOLD: Final = ("centre_id", "level", "best", "evidence", "contradictions", "run", "found_at")
#: What was decided about it, blank again once the pair is to be decided once more.
_DECISION: Final = ("state", "refusal", "linking_run", "decided_at", "decided_by")
#: The states from which a pair that is found again is to be decided once more: it may have been unlinked since.
_AGAIN: Final = (SuggestionState.OPEN, SuggestionState.LINKED, SuggestionState.REFUSED)


def find_pairs(run: SyncRun, tenant: Tenant, kind: str, centres: Collection[int], today: date) -> int:
    """Pair the rows of a kind that have no OneFile ID with the kept lists; return how many pairs there are.

    ``centres`` are OneFile IDs; none means every centre. What was found before and is not any more is forgotten, unless
    somebody has decided about it. A pair that is not the same is never suggested again. A pair that a person unlinked
    is at best possible, so that it is not linked again with others.
    """
    wanted = candidates.unlinked(tenant, kind, today)
    pairs, centres_of = _PAIRS_OF[kind](tenant)
    unlinked = _unlinked(tenant, kind)
    shown = [
        replace(pair, level=Confidence.POSSIBLE)
        if (pair.ours, int(pair.theirs)) in unlinked and pair.level.rank < Confidence.POSSIBLE.rank
        else pair
        for pair in pairs
        if pair.ours in wanted and (not centres or centres_of[int(pair.theirs)] in centres)
    ]
    _keep(run, tenant, kind, shown, centres_of, centres)
    events.info("matched", run=run.pk, kind=kind, unlinked=len(wanted), pairs=len(shown))
    return len(shown)


def not_same(suggestion: MatchSuggestion, by: Any = None) -> bool:
    """Remember that two records are not the same. Returns false if that was decided otherwise meanwhile."""
    return bool(
        MatchSuggestion.objects.filter(
            pk=suggestion.pk, state__in=(SuggestionState.OPEN, SuggestionState.REFUSED)
        ).update(state=SuggestionState.NOT_SAME, decided_at=timezone.now(), decided_by_id=by)
    )


def _unlinked(tenant: Tenant, kind: str) -> set[tuple[str, int]]:
    ended = RecordLink.objects.filter(tenant=tenant, subject_kind=kind, ending=LinkEnding.UNLINKED)
    return set(ended.values_list("subject_pk", "onefile_id"))


def _different(tenant: Tenant, kind: str) -> set[tuple[str, str]]:
    decided = MatchSuggestion.objects.filter(
        tenant=tenant, subject_kind=kind, state=SuggestionState.NOT_SAME
    ).values_list("subject_pk", "onefile_id")
    return {(pk, str(onefile_id)) for pk, onefile_id in decided}


def _learners(tenant: Tenant) -> tuple[list[Pair], dict[int, int]]:
    """The pairs, and the centre of each of OneFile's records."""
    taken = candidates.linked_ids(tenant, SubjectKind.LEARNER)
    centres_of: dict[int, int] = {}
    theirs = []
    for entry in candidates.entries_of(tenant, SubjectKind.LEARNER):
        centres_of[entry.onefile_id] = entry.centre_id
        theirs.append(candidates.person_of_entry(entry, linked=entry.onefile_id in taken))
    different = _different(tenant, SubjectKind.LEARNER)
    return match_learners(candidates.our_learners(), theirs, different), centres_of


def _officers(tenant: Tenant) -> tuple[list[Pair], dict[int, int]]:
    """As :func:`_learners`, centre by centre, as an officer has a user in each."""
    rows, entries = list(host.all_people("officer")), _Entries(tenant, SubjectKind.OFFICER)
    linked = candidates.linked_in(tenant, SubjectKind.OFFICER, rows, entries.centres_of)
    pairs: list[Pair] = []
    for centre, there in entries.by_centre():
        ours = [candidates.person_of_row(row, linked=(row.pk, centre) in linked) for row in rows]
        theirs = [candidates.person_of_entry(entry, linked=entries.is_taken(entry)) for entry in there]
        pairs += match_officers(ours, theirs, entries.different)
    return pairs, entries.centres_of


def _organisations(tenant: Tenant) -> tuple[list[Pair], dict[int, int]]:
    """As :func:`_officers`."""
    rows, entries = list(host.organisations()), _Entries(tenant, SubjectKind.ORGANISATION)
    linked = candidates.linked_in(tenant, SubjectKind.ORGANISATION, rows, entries.centres_of)
    pairs: list[Pair] = []
    for centre, there in entries.by_centre():
        ours = [
            candidates.organisation_of(row.pk, row.ident, row.name, linked=(row.pk, centre) in linked)
            for row in rows
        ]
        theirs = [
            candidates.organisation_of(
                str(entry.onefile_id), entry.mis_value, entry.name, linked=entries.is_taken(entry)
            )
            for entry in there
        ]
        pairs += match_organisations(ours, theirs, entries.different)
    return pairs, entries.centres_of


_PAIRS_OF: Final[Mapping[str, Callable[[Tenant], tuple[list[Pair], dict[int, int]]]]] = {
    SubjectKind.LEARNER: _learners,
    SubjectKind.OFFICER: _officers,
    SubjectKind.ORGANISATION: _organisations,
}


class _Entries:
    """The kept entries of a kind, with what is known of them."""

    def __init__(self, tenant: Tenant, kind: str) -> None:
        self._all = list(candidates.entries_of(tenant, kind))
        self._taken = candidates.linked_ids(tenant, kind)
        self.different = _different(tenant, kind)
        self.centres_of = {entry.onefile_id: entry.centre_id for entry in self._all}

    def by_centre(self) -> Iterator[tuple[int, list[DirectoryEntry]]]:
        for centre in sorted(set(self.centres_of.values())):
            yield centre, [entry for entry in self._all if entry.centre_id == centre]

    def is_taken(self, entry: DirectoryEntry) -> bool:
        return entry.onefile_id in self._taken


@retried
@transaction.atomic
def _keep(
    run: SyncRun,
    tenant: Tenant,
    kind: str,
    pairs: Iterable[Pair],
    centres_of: dict[int, int],
    centres: Collection[int],
) -> None:
    kept = MatchSuggestion.objects.filter(tenant=tenant, subject_kind=kind)
    known = {
        (pk, onefile_id): (row, state)
        for row, pk, onefile_id, state in kept.values_list("pk", "subject_pk", "onefile_id", "state")
    }
    of_type = ContentType.objects.get_for_model(host.model_of(kind))
    now = timezone.now()
    new: list[MatchSuggestion] = []
    changed: list[MatchSuggestion] = []
    for pair in pairs:
        key = pair.ours, int(pair.theirs)
        row, state = known.pop(key, (None, SuggestionState.OPEN))
        if state not in _AGAIN:
            continue
        told = MatchSuggestion(
            pk=row,
            tenant=tenant,
            subject_kind=kind,
            subject_type=of_type,
            subject_pk=pair.ours,
            onefile_id=int(pair.theirs),
            centre_id=centres_of[int(pair.theirs)],
            level=pair.level.value,
            best=pair.best.value,
            evidence=candidates.codes_of(pair),
            contradictions=list(pair.contradictions),
            run=run,
            found_at=now,
        )
        (new if row is None else changed).append(told)
    MatchSuggestion.objects.bulk_create(new, _BATCH)
    MatchSuggestion.objects.bulk_update(changed, [*_TOLD, *_DECISION], _BATCH)
    outdated = [
        row for row, state in known.values() if state in (SuggestionState.OPEN, SuggestionState.REFUSED)
    ]
    for first in range(0, len(outdated), _BATCH):
        old = MatchSuggestion.objects.filter(pk__in=outdated[first : first + _BATCH])
        (old.filter(centre_id__in=centres) if centres else old).delete()
