"""Links officers and organisations to the users and placements with their MIS Value, and finds values that stand twice.

A MIS Value is PICSWeb's Ident. It says who somebody is only where it stands once on each side, archived ones included.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from onefile_sync import events, host
from onefile_sync.conf import deployment
from onefile_sync.idents import ident_key
from onefile_sync.models import (
    LIST_OF,
    DirectoryEntry,
    DirectoryKind,
    DirectoryList,
    LinkEnding,
    LinkMethod,
    MatchSuggestion,
    OneFileSettings,
    RecordLink,
    SubjectKind,
    SuggestionState,
    SyncRun,
    Tenant,
)
from onefile_sync.sync.learner.officers import is_by_mis_value

from . import linker
from .tenants import present_tenant

#: The rows of PICSWeb that a MIS Value can tell.
BY_MIS_VALUE: Final = (SubjectKind.OFFICER, SubjectKind.ORGANISATION)
EVIDENCE: Final = ["mis"]
#: More rows than PICSWeb has of any kind.
ALL: Final = 1_000_000
#: Calls of :func:`link_by_mis_value` write at most this many links before they ask whether time is up.
_IN_A_ROW: Final = 20


@dataclass(frozen=True, slots=True)
class SharedMisValue:
    """A MIS Value that several users or placements of one centre have, and the rows of PICSWeb that it stops."""

    kind: SubjectKind
    value: str
    centre_id: int
    entries: tuple[DirectoryEntry, ...]
    stopped: tuple[str, ...]


def link_by_mis_value(run: SyncRun, time_is_up: Callable[[], bool]) -> bool:
    """Link by MIS Value in the centres whose lists this run has read to their end. Returns whether everything is done.

    Nothing happens unless officers and organisations are matched by MIS Value. In each centre, a row is linked to the
    only user or placement with its Ident, if nobody else has either, nobody unlinked the two before, and the row is
    not linked in this centre yet. Archived ones are not linked, but count as having the value. A list with unreadable
    items, or of an unknown centre, cannot tell that a value stands once.

    The OneFile ID is written into the row only if the customer has one centre and the row has none: an ID in the row
    is never replaced. Otherwise the link is on record only. A link that was made here and is on record only ends once
    the lists contradict it; an ID that was written into the row stays for a person to unlink.

    Can be called again after an interruption: what is done already is not done twice.
    """
    tenant, settings = present_tenant(), OneFileSettings.load()
    settings.linked_tenant = settings.linked_tenant or tenant
    if settings.linked_tenant != tenant or settings.moving_to_id or not is_by_mis_value(settings):
        return True
    for kind, centre_ids in _read_by(run).items():
        pairs = dict(_pairs(tenant, kind, centre_ids))
        _end_contradicted(tenant, kind, centre_ids)
        for number, (entry, pk) in enumerate(_to_link(tenant, kind, pairs), start=1):
            _link(tenant, kind, entry, pk, in_row=tenant.centres == 1)
            if number % _IN_A_ROW == 0 and time_is_up():
                return False
    return True


def shared_mis_values(tenant: Tenant) -> list[SharedMisValue]:
    """Each MIS Value that several assessors or placements of one centre have. A few queries."""
    found = []
    for kind in BY_MIS_VALUE:
        shared = {key: each for key, each in _by_value(tenant, kind).items() if len(each) > 1}
        rows = _rows_by_ident(kind) if shared else {}
        for (centre_id, value), entries in sorted(shared.items()):
            stopped = tuple(rows.get(value, ()))
            found.append(SharedMisValue(kind, entries[0].mis_value, centre_id, tuple(entries), stopped))
    return found


def _read_by(run: SyncRun) -> dict[SubjectKind, set[int]]:
    """The centres of which this run has read every list of a kind completely."""
    found: dict[SubjectKind, set[int]] = {}
    for kind in BY_MIS_VALUE:
        listed_as = LIST_OF[kind]
        lists = DirectoryList.objects.filter(run=run, kind=listed_as, failure="", unreadable_items=0)
        complete = lists.exclude(finished_at=None).exclude(centre_id=0)
        roles: defaultdict[int, set[int]] = defaultdict(set)
        for centre_id, role in complete.values_list("centre_id", "role"):
            roles[centre_id].add(role)
        needed = set(deployment.assessor_roles) if listed_as == DirectoryKind.ASSESSOR else {0}
        found[kind] = {centre_id for centre_id, of_centre in roles.items() if of_centre >= needed}
    return found


def _by_value(
    tenant: Tenant, kind: SubjectKind, centre_ids: Iterable[int] | None = None
) -> dict[tuple[int, str], list[DirectoryEntry]]:
    """What the lists have with each MIS Value of each centre, archived ones included."""
    entries = DirectoryEntry.objects.filter(tenant=tenant, kind=LIST_OF[kind], gone_at=None)
    if centre_ids is not None:
        entries = entries.filter(centre_id__in=list(centre_ids))
    found: defaultdict[tuple[int, str], list[DirectoryEntry]] = defaultdict(list)
    for entry in entries.exclude(mis_value="").order_by("onefile_id"):
        if value := ident_key(entry.mis_value):
            found[entry.centre_id, value].append(entry)
    return dict(found)


def _rows_by_ident(kind: SubjectKind) -> dict[str, list[str]]:
    """The primary keys of PICSWeb's rows with each Ident."""
    if kind == SubjectKind.OFFICER:
        return host.officers_by_ident()
    found: defaultdict[str, list[str]] = defaultdict(list)
    for row in host.organisations():
        if value := ident_key(row.ident):
            found[value].append(row.pk)
    return dict(found)


def _pairs(tenant: Tenant, kind: SubjectKind, centre_ids: set[int]) -> Iterator[tuple[DirectoryEntry, str]]:
    """Each row's only user or placement of a centre, if value and Ident stand once on their sides."""
    rows = _rows_by_ident(kind) if centre_ids else {}
    for (_centre_id, value), entries in _by_value(tenant, kind, centre_ids).items():
        pks = rows.get(value, ())
        if len(entries) == len(pks) == 1 and not entries[0].archived:
            yield entries[0], pks[0]


def _to_link(
    tenant: Tenant, kind: SubjectKind, pairs: Mapping[DirectoryEntry, str]
) -> list[tuple[DirectoryEntry, str]]:
    """The pairs that neither side's links nor a person's decision rule out."""
    centre_of = dict(
        DirectoryEntry.objects.filter(tenant=tenant, kind=LIST_OF[kind], gone_at=None).values_list(
            "onefile_id", "centre_id"
        )
    )
    links = RecordLink.objects.filter(tenant=tenant, subject_kind=kind)
    taken = set(links.filter(ended_at=None).values_list("onefile_id", flat=True))
    own = {pk: onefile_id for pk, onefile_id, _centre in host.rows_with_onefile_id(kind, limit=ALL)}
    taken |= set(own.values())
    linked_in = set(links.filter(ended_at=None).values_list("subject_pk", "centre_id"))
    linked_in |= {(pk, centre_of.get(onefile_id, 0)) for pk, onefile_id in own.items()}
    not_same = set(links.filter(ending=LinkEnding.UNLINKED).values_list("subject_pk", "onefile_id"))
    not_same |= set(
        MatchSuggestion.objects.filter(
            tenant=tenant, subject_kind=kind, state=SuggestionState.NOT_SAME
        ).values_list("subject_pk", "onefile_id")
    )
    has_one_centre = tenant.centres == 1
    return [
        (entry, pk)
        for entry, pk in pairs.items()
        if entry.onefile_id not in taken
        and (pk, entry.centre_id) not in linked_in
        and (pk, entry.onefile_id) not in not_same
        and not (has_one_centre and pk in own)
    ]


def _link(tenant: Tenant, kind: SubjectKind, entry: DirectoryEntry, pk: str, *, in_row: bool) -> None:
    try:
        linker.link(
            kind,
            pk,
            entry.onefile_id,
            tenant=tenant,
            how=LinkMethod.MIS_VALUE,
            centre_id=entry.centre_id,
            evidence=EVIDENCE,
            in_row=in_row,
        )
    except linker.LinkRefused as refused:  # somebody was quicker, or PICSWeb refuses the value
        events.warning(
            "not_linked_by_mis_value", kind=kind, row=pk, onefile_id=entry.onefile_id, code=refused.code
        )


def _end_contradicted(tenant: Tenant, kind: SubjectKind, centre_ids: set[int]) -> None:
    """End the links that were made here and that the lists of these centres now contradict.

    A MIS Value that OneFile no longer shows contradicts nothing: a centre may have switched MIS Values off.
    """
    made = list(
        RecordLink.objects.filter(
            tenant=tenant,
            subject_kind=kind,
            centre_id__in=list(centre_ids),
            how=LinkMethod.MIS_VALUE,
            in_row=False,
            ended_at=None,
        )
    )
    if not made:
        return
    by_value, rows = _by_value(tenant, kind, centre_ids), _rows_by_ident(kind)
    ident_of = {pk: value for value, pks in rows.items() if len(pks) == 1 for pk in pks}
    entries = {
        (entry.centre_id, entry.onefile_id): entry
        for entry in DirectoryEntry.objects.filter(
            tenant=tenant, kind=LIST_OF[kind], gone_at=None, centre_id__in=list(centre_ids)
        )
    }
    for each in made:
        entry = entries.get((each.centre_id, each.onefile_id))
        if entry is not None and not entry.archived:
            value = ident_key(entry.mis_value)
            is_only = len(by_value.get((each.centre_id, value), ())) == 1
            if not value or (is_only and ident_of.get(each.subject_pk) == value):
                continue
        linker.end_further(each, ending=LinkEnding.REPLACED)
