"""Reads what *Match with OneFile* found, for people: pairs by confidence, and the rows for which nothing was found."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from onefile_sync import host
from onefile_sync.linking import candidates, directory
from onefile_sync.linking.confirmed_matches import UNDECIDED
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.messages.catalogue import explain, remedy_by_hand
from onefile_sync.models import (
    LIST_OF,
    AnswerState,
    DirectoryEntry,
    MatchSuggestion,
    RunKind,
    SubjectKind,
    SuggestionState,
    SyncRun,
    Tenant,
)
from onefile_sync.sync.daily import today
from onefile_sync.sync.eligibility import refuse_wrong_mapping
from onefile_sync.sync.short_calls import trouble_told

_BATCH = 500


@dataclass(frozen=True, slots=True)
class MatchLine:
    """A suggestion with the names of both sides. ``refusal`` says why it was not linked, if that was tried."""

    suggestion: MatchSuggestion
    ours: str
    theirs: str
    mis_value: str
    centre: str
    archived: bool
    refusal: str


@dataclass(frozen=True, slots=True)
class MatchingSteps:
    """How far a run has got: pairs or answers, dealt with and refused, or the calls of a run that matches."""

    total: int
    done: int
    failed: int = 0


def matching_steps(run: SyncRun) -> MatchingSteps | None:
    """How far a run matches, links or pairs reviews. ``None`` for others, and while the lists are read. One query."""
    if run.kind == RunKind.LINKING:
        states = Counter(run.suggestions_to_link.values_list("state", flat=True))
        left = states[SuggestionState.QUEUED]
        return MatchingSteps(states.total(), states.total() - left, states[SuggestionState.REFUSED])
    if run.kind == RunKind.PAIRING:
        states = Counter(run.reviews_to_pair.values_list("state", flat=True))
        left = states[AnswerState.QUEUED]
        return MatchingSteps(states.total(), states.total() - left, states[AnswerState.REFUSED])
    if run.kind == RunKind.MATCH:
        run.refresh_from_db(fields=["expected_calls", "api_calls"])
        if run.expected_calls is not None:
            return MatchingSteps(run.expected_calls, min(run.api_calls, run.expected_calls))
    return None


def _tenant() -> Tenant:
    """The OneFile in use. Raises :class:`~onefile_sync.sync.eligibility.Refused`, also if the mapping is wrong."""
    refuse_wrong_mapping()
    with trouble_told():
        return present_tenant()


def suggestions(
    kind: str, level: str = "", *, among: Collection[str] | None = None
) -> QuerySet[MatchSuggestion]:
    """The pairs of a kind that nobody has decided about. ``among`` are the learners whom a user may see."""
    tenant = _tenant()
    found = MatchSuggestion.objects.filter(UNDECIDED, tenant=tenant, subject_kind=kind)
    if level:
        found = found.filter(level=level)
    if kind == SubjectKind.LEARNER and among is not None:
        found = found.filter(subject_pk__in=among)
    return found.order_by("subject_pk", "onefile_id")


def by_name(found: QuerySet[MatchSuggestion]) -> list[MatchSuggestion]:
    """Suggestions of one kind by the name of PICSWeb's row, then by its key. A query for 500 rows, and one more."""
    rows, names = list(found.select_related("tenant")), dict[str, str]()
    for first in range(0, len(rows), _BATCH):
        some = rows[first : first + _BATCH]
        names |= host.names(some[0].subject_kind, {row.subject_pk for row in some})

    def order(row: MatchSuggestion) -> tuple[str, int, str, int]:
        pk = row.subject_pk
        return names.get(pk, "").casefold(), len(pk), pk, row.onefile_id  # 9 comes before 10

    return sorted(rows, key=order)


def is_undecided(suggestion: MatchSuggestion) -> bool:
    """Whether a person may decide about a pair. One query."""
    return MatchSuggestion.objects.filter(UNDECIDED, pk=suggestion.pk).exists()


def count_by_level(kind: str, *, among: Collection[str] | None = None) -> dict[str, int]:
    """How many undecided pairs of a kind have each confidence."""
    return dict(Counter(suggestions(kind, among=among).order_by().values_list("level", flat=True)))


def centres() -> list[DirectoryEntry]:
    """The customer's centres, as they were last listed."""
    return directory.centres(_tenant())


def count_unlinked(kind: str, *, among: Collection[str] | None = None) -> int:
    """How many learners in scope, officers in use or organisations are not linked."""
    tenant = _tenant()
    return len(_without_link(tenant, kind, among))


def _without_link(tenant: Tenant, kind: str, among: Collection[str] | None) -> set[str]:
    found = candidates.without_link(tenant, kind, today())
    return found & set(among) if kind == SubjectKind.LEARNER and among is not None else found


def in_no_pair(kind: str, *, among: Collection[str] | None = None) -> set[str]:
    """The primary keys of the rows that are not linked and for which nothing was found."""
    tenant = _tenant()
    in_pairs = UNDECIDED | Q(state=SuggestionState.QUEUED)
    found = MatchSuggestion.objects.filter(in_pairs, tenant=tenant, subject_kind=kind)
    return _without_link(tenant, kind, among).difference(found.values_list("subject_pk", flat=True))


def nothing_found(kind: str, *, among: Collection[str] | None = None) -> list[tuple[str, str]]:
    """The primary keys and names of those of :func:`in_no_pair`, by name."""
    names = names_of(kind, in_no_pair(kind, among=among))
    return sorted(names.items(), key=lambda each: (each[1].casefold(), each[0]))


def names_of(kind: str, pks: Collection[str]) -> dict[str, str]:
    """The names of rows of PICSWeb by primary key. One query for 500 rows."""
    names: dict[str, str] = {}
    keys = list(pks)
    for first in range(0, len(keys), _BATCH):
        some = keys[first : first + _BATCH]
        if kind == SubjectKind.ORGANISATION:
            names |= {row.pk: str(row.label) for row in host.organisations(some)}
        else:
            people = host.read_people("learner" if kind == SubjectKind.LEARNER else "officer", some)
            names |= {row.pk: str(row.label) for row in people}
    return names


def match_lines(found: Iterable[MatchSuggestion]) -> Iterator[MatchLine]:
    """The suggestions, all of one kind and OneFile, as lines for people. A few queries for 500 of them."""
    rows = list(found)
    for first in range(0, len(rows), _BATCH):
        yield from _lines(rows[first : first + _BATCH])


def _lines(rows: list[MatchSuggestion]) -> Iterator[MatchLine]:
    tenant, kind = rows[0].tenant, rows[0].subject_kind
    names = names_of(kind, {row.subject_pk for row in rows})
    centres = {each.onefile_id: each.name for each in directory.centres(tenant)}
    entries: Mapping[int, DirectoryEntry] = {
        entry.onefile_id: entry
        for entry in directory.entries(tenant, LIST_OF[kind]).filter(
            onefile_id__in=[row.onefile_id for row in rows]
        )
    }
    for row in rows:
        entry = entries.get(row.onefile_id)
        yield MatchLine(
            suggestion=row,
            ours=names.get(row.subject_pk, row.subject_pk),
            theirs=entry.name if entry is not None else str(row.onefile_id),
            mis_value=entry.mis_value if entry is not None else "",
            centre=centres.get(row.centre_id, str(row.centre_id or "")),
            archived=bool(entry is not None and entry.archived),
            refusal=_why(row),
        )


def _why(suggestion: MatchSuggestion) -> str:
    if not suggestion.refusal:
        return ""
    details = defaultdict(str, onefile_id=str(suggestion.onefile_id))
    return f"{explain(suggestion.refusal).text % details} {remedy_by_hand(suggestion.refusal)}"
