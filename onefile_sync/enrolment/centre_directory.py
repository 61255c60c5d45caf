"""What OneFile's kept lists have in the centre where a learner is to be created. No call to OneFile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from onefile_sync import host
from onefile_sync.conf import deployment
from onefile_sync.host.snapshot import LearnerToCreate, OrganisationRow, PersonRow
from onefile_sync.linking import directory, identity
from onefile_sync.linking.candidates import organisation_of, person_of_entry, person_of_row
from onefile_sync.linking.matching import match_officers, match_organisations
from onefile_sync.models import (
    CentreDefaults,
    DirectoryEntry,
    DirectoryKind,
    DirectoryList,
    RecordLink,
    SubjectKind,
    Tenant,
)
from onefile_sync.onefile.records import Centre, NamedRecord, Standard

from .learner_search import potential_matches
from .plan import CentreDirectory, Findings, ListedRecord, PartyKind, PartyRecords

#: What must be known of OneFile before a learner is created there.
NEEDED = (
    DirectoryKind.CENTRE,
    DirectoryKind.ASSESSOR,
    DirectoryKind.PLACEMENT,
    DirectoryKind.CLASSROOM,
    DirectoryKind.STANDARD,
)

Row = PersonRow | OrganisationRow


def directory_for(
    row: LearnerToCreate, tenant: Tenant, centre_id: int | None, findings: Findings
) -> CentreDirectory:
    """What OneFile has for this learner in the centre that was chosen, or else in the likeliest one.

    That is the only centre, or the one in which every linked officer and employer of the learner is. A constant number
    of queries.
    """
    centres = {each.onefile_id: Centre(each.onefile_id, each.name) for each in directory.centres(tenant)}
    people, employers = dict(_people(row)), dict(_employers(row))
    links = _Links(tenant, people, employers)
    centre = _chosen(centres, centre_id or row.person.centre_id or links.common_centre)
    names = {each.id: each.name for each in centres.values()}
    known = CentreDirectory(
        centre=centre,
        centres=tuple(sorted(centres.values(), key=lambda each: (each.name, each.id))),
        matches=potential_matches(row.person, findings, names),
    )
    if centre is None:
        return known
    defaults = CentreDefaults.objects.filter(tenant=tenant, centre_id=centre.id).first()
    rooms = {each.onefile_id: each for each in _listed(tenant, DirectoryKind.CLASSROOM, centre.id)}
    chosen = defaults.placement_id if defaults is not None else None
    default_places = _listed(tenant, DirectoryKind.PLACEMENT, centre.id).filter(onefile_id=chosen or 0)
    places = {each.onefile_id: each for each in default_places}
    here, elsewhere = _standards(tenant, centre.id, names)
    return CentreDirectory(
        centre=known.centre,
        centres=known.centres,
        matches=known.matches,
        records={
            (kind, pk): records
            for kind, rows in ((PartyKind.ASSESSOR, people), (PartyKind.PLACEMENT, employers))
            for pk, records in _records(tenant, kind, rows, centre.id, links, names).items()
        },
        classrooms=tuple(
            NamedRecord(each.onefile_id, each.centre_id, each.name)
            for each in rooms.values()
            if not each.archived
        ),
        default_classroom=_in_use(defaults.classroom_id, rooms) if defaults is not None else None,
        default_placement=_in_use(defaults.placement_id, places) if defaults is not None else None,
        default_placement_name=places[defaults.placement_id].name
        if defaults is not None and defaults.placement_id in places
        else "",
        standards=here,
        elsewhere=elsewhere,
    )


def _in_use(chosen: int | None, listed: Mapping[int, DirectoryEntry]) -> int | None:
    """A centre's default, unless OneFile's list no longer has it or it is archived."""
    entry = listed.get(chosen) if chosen is not None else None
    return entry.onefile_id if entry is not None and not entry.archived else None


def stale_lists(tenant: Tenant) -> bool:
    """Whether one of the lists that are needed was never read, or was read more than a day ago."""
    kept = list(directory.lists(tenant).filter(kind__in=NEEDED))
    is_missing = not {each.kind for each in kept} >= set(NEEDED)
    return is_missing or not all(map(directory.is_fresh, kept))


def _people(row: LearnerToCreate) -> Iterator[tuple[str, PersonRow]]:
    assessors = (each.assessor for each in row.qualifications)
    for person in (row.main_officer, *row.additional, *assessors):
        if person is not None:
            yield person.pk, person


def _employers(row: LearnerToCreate) -> Iterator[tuple[str, OrganisationRow]]:
    if row.employer is not None:
        yield row.employer.pk, row.employer


def _chosen(centres: Mapping[int, Centre], centre_id: int | None) -> Centre | None:
    if centre_id is not None:
        return centres.get(centre_id)
    return next(iter(centres.values())) if len(centres) == 1 else None


_SUBJECTS = {PartyKind.ASSESSOR: SubjectKind.OFFICER, PartyKind.PLACEMENT: SubjectKind.ORGANISATION}
_LISTS = {PartyKind.ASSESSOR: DirectoryKind.ASSESSOR, PartyKind.PLACEMENT: DirectoryKind.PLACEMENT}


class _Links:
    """To which records of OneFile officers and employers are linked, by centre. Three queries for each kind."""

    def __init__(
        self, tenant: Tenant, people: Mapping[str, PersonRow], employers: Mapping[str, OrganisationRow]
    ) -> None:
        self.by_centre: dict[tuple[PartyKind, str], dict[int, int]] = defaultdict(dict)
        for kind, rows in ((PartyKind.ASSESSOR, people), (PartyKind.PLACEMENT, employers)):
            self._read(tenant, kind, rows)

    def _read(self, tenant: Tenant, kind: PartyKind, rows: Mapping[str, Row]) -> None:
        own = {row.onefile_id: pk for pk, row in rows.items() if row.onefile_id is not None}
        entries = DirectoryEntry.objects.filter(tenant=tenant, kind=_LISTS[kind], onefile_id__in=own)
        for onefile_id, centre_id in entries.values_list("onefile_id", "centre_id"):
            self.by_centre[kind, own[onefile_id]][centre_id] = onefile_id
        on_record = RecordLink.objects.filter(
            tenant=tenant, subject_kind=_SUBJECTS[kind], subject_pk__in=rows, ended_at=None
        )
        for pk, centre_id, onefile_id, in_row in on_record.values_list(
            "subject_pk", "centre_id", "onefile_id", "in_row"
        ):
            if not in_row or rows[pk].onefile_id == onefile_id:
                self.by_centre[kind, pk].setdefault(centre_id, onefile_id)
        for onefile_id, pk in own.items():
            if onefile_id not in self.by_centre[kind, pk].values():
                self.by_centre[kind, pk][0] = onefile_id  # a record in no list may be in any centre

    def linked(self, kind: PartyKind, pk: str, centre_id: int) -> int | None:
        found = self.by_centre.get((kind, pk), {})
        return found.get(centre_id, found.get(0))

    @property
    def common_centre(self) -> int | None:
        """The only centre in which everybody who is linked has a record."""
        linked = [set(found) - {0} for found in self.by_centre.values() if set(found) - {0}]
        common = set.intersection(*linked) if linked else set()
        return next(iter(common)) if len(common) == 1 else None


def _records(
    tenant: Tenant,
    kind: PartyKind,
    rows: Mapping[str, Any],
    centre_id: int,
    links: _Links,
    names: Mapping[int, str],
) -> dict[str, PartyRecords]:
    if not rows:
        return {}
    entries = list(_listed(tenant, _LISTS[kind], centre_id, gone=True))
    present = {each.onefile_id: each for each in entries if each.gone_at is None}
    gone = {each.onefile_id for each in entries if each.gone_at is not None or each.archived}
    by_value: dict[str, list[DirectoryEntry]] = defaultdict(list)
    for entry in present.values():
        by_value[identity.mis_value(entry.mis_value)].append(entry)
    found = {}
    for pk, row in rows.items():
        linked = links.linked(kind, pk, centre_id)
        if linked is not None:
            found[pk] = PartyRecords(linked, is_gone=linked in gone)
            continue
        ident = identity.mis_value(row.ident)
        same = by_value.get(ident, []) if ident else []
        alike = [present[key] for key in _alike(kind, row, present.values()) if not present[key].archived]
        free = _not_linked(tenant, kind, pk, [*same, *alike])
        found[pk] = PartyRecords(
            None,
            same_mis_value=tuple(_shown(each, names) for each in same if each.onefile_id in free),
            alike=tuple(_shown(each, names) for each in alike if each.onefile_id in free),
        )
    return found


def _alike(kind: PartyKind, row: Any, entries: Iterable[DirectoryEntry]) -> list[int]:
    if kind is PartyKind.ASSESSOR:
        pairs = match_officers([person_of_row(row)], [person_of_entry(each) for each in entries])
    else:
        ours = organisation_of(row.pk, row.ident, row.name)
        theirs = [organisation_of(str(each.onefile_id), each.mis_value, each.name) for each in entries]
        pairs = match_organisations([ours], theirs)
    return [int(pair.theirs) for pair in pairs]


def _not_linked(tenant: Tenant, kind: PartyKind, pk: str, entries: Iterable[DirectoryEntry]) -> set[int]:
    """Those of the records that no other row of PICSWeb is linked to. Two queries, or none."""
    ids = {each.onefile_id for each in entries}
    if not ids:
        return ids
    subject = _SUBJECTS[kind]
    in_rows = host.pks_with_onefile_id(subject, ids)
    on_record = RecordLink.objects.filter(
        tenant=tenant, subject_kind=subject, onefile_id__in=ids, ended_at=None, in_row=False
    ).exclude(subject_pk=pk)
    taken = {onefile_id for onefile_id, pks in in_rows.items() if set(pks) - {pk}}
    return ids - taken - set(on_record.values_list("onefile_id", flat=True))


def _shown(entry: DirectoryEntry, names: Mapping[int, str]) -> ListedRecord:
    return ListedRecord(
        entry.onefile_id,
        entry.name,
        entry.mis_value,
        entry.email,
        names.get(entry.centre_id, ""),
        entry.archived,
    )


def _listed(
    tenant: Tenant, kind: DirectoryKind, centre_id: int, *, gone: bool = False
) -> QuerySet[DirectoryEntry]:
    """What a centre has of a kind. Entries of an unknown centre count as the centre's."""
    entries = DirectoryEntry.objects.filter(tenant=tenant, kind=kind, centre_id__in=(centre_id, 0))
    if kind == DirectoryKind.ASSESSOR:
        entries = entries.filter(role__in=deployment.assessor_roles)
    return (entries if gone else entries.filter(gone_at=None)).order_by("name", "onefile_id")


def _standards(
    tenant: Tenant, centre_id: int, names: Mapping[int, str]
) -> tuple[dict[str, tuple[Standard, ...]] | None, dict[str, tuple[str, ...]]]:
    """The standards of a centre by code, and the other centres that have a code."""
    was_read = DirectoryList.objects.filter(
        tenant=tenant, kind=DirectoryKind.STANDARD, centre_id__in=(centre_id, 0)
    ).exclude(read_at=None)
    here: dict[str, dict[int, Standard]] = defaultdict(dict)
    elsewhere: dict[str, set[str]] = defaultdict(set)
    entries = directory.entries(tenant, DirectoryKind.STANDARD).exclude(code="")
    for entry in entries.order_by("name", "onefile_id"):
        code = identity.code(entry.code)
        if entry.centre_id in (centre_id, 0):
            known = Standard(entry.onefile_id, entry.name, entry.code, entry.centre_id)
            here[code].setdefault(entry.onefile_id, known)
        else:
            elsewhere[code].add(names.get(entry.centre_id, str(entry.centre_id)))
    if not was_read.exists():
        return None, {}
    return (
        {code: tuple(each.values()) for code, each in here.items()},
        {code: tuple(sorted(each)) for code, each in elsewhere.items()},
    )


def forget_age(tenant: Tenant, kinds: Iterable[DirectoryKind]) -> None:
    """Have these lists read again before the next plan, as OneFile contradicts them."""
    old = timezone.now() - directory.FRESH
    DirectoryList.objects.filter(tenant=tenant, kind__in=list(kinds), read_at__gt=old).update(read_at=old)
