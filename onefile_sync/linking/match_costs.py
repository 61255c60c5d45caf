"""What *Match with OneFile* has to read, and how many calls that is. No call to OneFile.

Learners are found in one of two ways: by reading their lists, or by searching OneFile for each of them. A run takes the
cheaper one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import F, Q
from django.utils import timezone

from onefile_sync import host
from onefile_sync.conf import deployment
from onefile_sync.host.snapshot import PersonRow
from onefile_sync.models import (
    DETAILS_KEPT,
    LIST_OF,
    DirectoryKind,
    DirectoryList,
    SubjectKind,
    Tenant,
)
from onefile_sync.sync.daily import today
from onefile_sync.sync.eligibility import refuse_another_onefile, refuse_wrong_mapping
from onefile_sync.sync.short_calls import trouble_told

from . import candidates, directory, identity
from .directory_entries import digests_of
from .tenants import present_tenant

#: Records that are read for each row without a OneFile ID, on average, before only those with both names are.
_MOST_FOR_EACH: Final = 4
#: The calls that find out whether searching works: a page of the list, and a search for somebody who stands on it.
TRYING_OUT: Final = 2
_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class MatchEstimate:
    """What a run would do: rows without a OneFile ID, by kind, and about how many calls.

    ``is_known`` is false if a list was never read, so that the number of its records is a guess.
    """

    unlinked: Mapping[str, int]
    calls: int
    is_known: bool

    @property
    def minutes(self) -> int:
        """About how long the calls take at the permitted rate, at least a minute."""
        return max(1, -(-self.calls // (deployment.calls_per_minute or self.calls or 1)))


@dataclass(frozen=True, slots=True)
class LearnerCosts:
    """The calls of both ways to find the learners.

    ``learners`` are to be found. ``pages`` are those of the lists: 0 if they were read today, ``None`` if they were
    never read. ``listed`` are the records to be read beside these, ``searches`` one for each value of a learner that
    can be searched for, and ``found`` the records to be read of those whom the searches find.
    """

    learners: int
    pages: int | None
    listed: int
    searches: int
    found: int

    @property
    def listing(self) -> int | None:
        return None if self.pages is None else self.pages + self.listed

    @property
    def searching(self) -> int | None:
        """``None`` if nothing of the learners can be searched for."""
        if not self.learners:
            return 0
        return TRYING_OUT + self.searches + self.found if self.searches else None

    @property
    def is_searching_cheaper(self) -> bool | None:
        """``None`` if the lists were never read, so that nobody knows how long they are."""
        if self.searching is None:
            return False
        return None if self.listing is None else self.searching < self.listing


def estimate(kinds: Collection[str], centres: Collection[int] = ()) -> MatchEstimate:
    """Say what a run would do, from what is kept. No call to OneFile.

    Raises :class:`~onefile_sync.sync.eligibility.Refused`.
    """
    refuse_wrong_mapping()
    refuse_another_onefile()
    with trouble_told():
        tenant = present_tenant()
    counts = {kind: len(candidates.without_link(tenant, kind, today())) for kind in kinds}
    calls, is_known = 2, True
    for kind in lists_for(kinds):
        if kind == DirectoryKind.LEARNER:
            costs = learner_costs(tenant, centres)
            # OneFile has at least the learners who are linked. A run asks OneFile whether it has many more.
            guess = pages_of(costs.learners + _linked(SubjectKind.LEARNER)) + costs.found
            listing = guess if costs.listing is None else costs.listing
            is_known = is_known and costs.pages is not None
            calls += listing if costs.searching is None else min(costs.searching, listing)
        elif not is_fresh(tenant, kind):
            calls += _known_pages(tenant, kind) or 0
    for each in kinds:
        if each == SubjectKind.LEARNER:
            continue
        read = directory.lists(tenant).filter(kind=LIST_OF[each]).exclude(read_at=None)
        if read.exists():
            calls += len(to_read(tenant, each, centres))
            continue
        is_known = False
        calls += pages_of(counts[each] + _linked(each))
        calls += 0 if each == SubjectKind.ORGANISATION else counts[each]
    return MatchEstimate(counts, calls, is_known)


def learner_costs(tenant: Tenant, centres: Collection[int] = ()) -> LearnerCosts:
    """What both ways of finding the learners would take."""
    rows = rows_to_find(tenant, SubjectKind.LEARNER)
    pages = 0 if is_fresh(tenant, DirectoryKind.LEARNER) else _known_pages(tenant, DirectoryKind.LEARNER)
    searches = sum(len(texts_of(row)) for row in rows)
    if pages is None:
        return LearnerCosts(len(rows), None, 0, searches, len(rows))
    if pages and _lists_have_whole_records(tenant):
        return LearnerCosts(len(rows), pages, 0, searches, 0)
    surely = _likely(tenant, SubjectKind.LEARNER, centres, rows)
    listed = len(to_read(tenant, SubjectKind.LEARNER, centres, pages=pages))
    return LearnerCosts(len(rows), pages, listed, searches, sum(surely.values()))


def texts_of(row: PersonRow) -> list[dict[str, str]]:
    """The filters of the searches for a learner: by MIS Value, by e-mail, by both names."""
    found: list[dict[str, str]] = []
    if identity.mis_value(row.ident):
        found.append({"mis_value": row.ident.strip()})
    if identity.email(row.email):
        found.append({"email": row.email.strip()})
    if identity.first_given_name(row.first_name) and identity.name(row.surname):
        found.append({"first_name": row.first_name.strip(), "last_name": row.surname.strip()})
    return found


def rows_to_find(tenant: Tenant, kind: str) -> list[PersonRow]:
    """The learners or officers for whom a record of OneFile is wanted, by primary key."""
    wanted = candidates.unlinked(tenant, kind, today())
    return [row for row in host.all_people(kind) if row.pk in wanted]  # type: ignore[arg-type]


def to_read(tenant: Tenant, kind: str, centres: Collection[int], *, pages: int = 0) -> list[int]:
    """The entries whose record has to be read itself: not lately read, not linked, and possibly somebody's.

    Who shares one name with few of ours is read as well, as the other name may be wrong; but not where OneFile has very
    many for each of ours, nor where searching for the learners would take fewer calls than the ``pages`` of their
    lists and these records.
    """
    if kind == SubjectKind.ORGANISATION:
        return []
    rows = rows_to_find(tenant, kind)
    likely = _likely(tenant, kind, centres, rows)
    surely = [pk for pk, is_sure in likely.items() if is_sure]
    most = _MOST_FOR_EACH * len(rows)
    if kind == SubjectKind.LEARNER:
        most = min(most, sum(len(texts_of(row)) for row in rows) + len(surely) - pages)
    return surely if len(likely) > most else list(likely)


def _likely(tenant: Tenant, kind: str, centres: Collection[int], rows: list[PersonRow]) -> Mapping[int, bool]:
    """The entries that share a name or the MIS Value with somebody: whether both names or the MIS Value."""
    is_learner = kind == SubjectKind.LEARNER
    if not any(row.email or (is_learner and digests_of(row)) for row in rows):
        return {}  # PICSWeb has nothing to compare with what a record says beyond the list
    names, taken = candidates.Names.of(rows), candidates.linked_ids(tenant, kind)
    entries = directory.entries(tenant, LIST_OF[kind]).filter(not_lately_read())
    if not is_learner:
        entries = entries.filter(email="")
    if centres:
        entries = entries.filter(centre_id__in=centres)
    return {
        entry.pk: names.has_both(entry)
        for entry in entries.order_by("pk").iterator(chunk_size=_BATCH)
        if entry.onefile_id not in taken and names.may_include(entry)
    }


def not_lately_read() -> Q:
    """The condition of entries of which nothing was read beyond what lists say, or too long ago."""
    return Q(detailed_at=None) | Q(detailed_at__lt=timezone.now() - DETAILS_KEPT)


def lists_for(kinds: Iterable[str]) -> list[DirectoryKind]:
    """The lists that are needed. By the standards, a learner's qualifications are paired when the learner is linked."""
    needed = [LIST_OF[kind] for kind in kinds]
    return [*needed, DirectoryKind.STANDARD] if DirectoryKind.LEARNER in needed else needed


def is_fresh(tenant: Tenant, kind: DirectoryKind) -> bool:
    """Whether every centre's list of a kind was read within a day."""
    return _is_complete(tenant, kind) and all(
        map(directory.is_fresh, directory.lists(tenant).filter(kind=kind))
    )


def _is_complete(tenant: Tenant, kind: DirectoryKind) -> bool:
    """Whether every centre's list of a kind was read at some time."""
    lists = list(directory.lists(tenant).filter(kind=kind))
    known = {each.onefile_id for each in directory.centres(tenant)} or {0}
    return {each.centre_id for each in lists} >= known and all(each.read_at for each in lists)


def pages_of(records: int) -> int:
    """The pages of a list, with the empty one behind the last."""
    return -(-records // deployment.page_size) + 1


def _known_pages(tenant: Tenant, kind: DirectoryKind) -> int | None:
    """The pages of a kind's lists when they were last read; ``None`` if one of them never was.

    OneFile may send fewer records on a page than requested, or those of other centres as well.
    """
    if not _is_complete(tenant, kind):
        return None
    lists: list[DirectoryList] = list(directory.lists(tenant).filter(kind=kind))
    return sum(max(pages_of(each.entries), each.next_page - 1) for each in lists)


def _lists_have_whole_records(tenant: Tenant) -> bool:
    """Whether nothing was left to be read beside the lists, when they were last read."""
    entries = directory.entries(tenant, DirectoryKind.LEARNER)
    return entries.exclude(seen_in=None).filter(detailed_at=F("seen_at")).exists()


def _linked(kind: str) -> int:
    """How many rows of a kind have a OneFile ID."""
    rows: Iterator[Any] = (
        host.organisations(linked=True)
        if kind == SubjectKind.ORGANISATION
        else host.all_people(kind, linked=True)  # type: ignore[arg-type]
    )
    return sum(1 for _each in rows)
