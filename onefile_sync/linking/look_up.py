"""Look Up OneFile ID: OneFile's kept list for one officer or organisation, best matches first. No call to OneFile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model

from onefile_sync import host
from onefile_sync.host.snapshot import OrganisationRow, PersonRow
from onefile_sync.models import (
    LIST_OF,
    DirectoryEntry,
    LinkMethod,
    OneFileSettings,
    RecordLink,
    SubjectKind,
    SyncRun,
    Tenant,
)
from onefile_sync.sync.connection.session import NotConnected
from onefile_sync.sync.learner.officers import is_by_mis_value
from onefile_sync.sync.short_calls import trouble_told

from . import directory, identity, linker
from .candidates import organisation_of, person_of_entry, person_of_row
from .linker import LinkRefused
from .matching import (
    Confidence,
    Pair,
    match_officers,
    match_organisations,
)
from .mis_values import ALL
from .tenants import present_tenant


@dataclass(frozen=True, slots=True)
class LinkSuggestion:
    """A record of OneFile that a row may be linked to. ``pair`` says what the two have in common, if anything does.

    ``centre`` is the centre's name. ``linked_to`` is the primary key of the row that is linked to it, or ``""``.
    ``is_free``: nobody is linked to it, and the row has nobody in its centre yet.
    """

    entry: DirectoryEntry
    centre: str
    pair: Pair | None
    linked_to: str
    is_free: bool


@dataclass(frozen=True, slots=True)
class LinkInForce:
    """A record of OneFile to which a row is linked. ``made`` is ``None`` if the OneFile ID was entered on the record.

    ``entry`` is ``None`` if the kept lists don't have it.
    """

    onefile_id: int
    centre: str
    entry: DirectoryEntry | None
    made: RecordLink | None


@dataclass(frozen=True, slots=True)
class LookUp:
    """What *Look Up OneFile ID* shows of one row.

    ``read_at`` is when the oldest list was read; ``None`` if one was never read. ``run`` reads the lists now.
    """

    links: tuple[LinkInForce, ...] = ()
    suggestions: tuple[LinkSuggestion, ...] = ()
    read_at: datetime | None = None
    is_fresh: bool = False
    run: SyncRun | None = None
    several_centres: bool = False


def link_suggestions(row: Model, query: str = "") -> LookUp:
    """OneFile's list for an officer or organisation: those that match, best first, then everybody else by name.

    ``query`` limits it to those with each of its words in name, MIS Value or e-mail, or as OneFile ID. Records that
    OneFile no longer lists are left out. Nothing if OneFile is not set up or the row was deleted. A constant number of
    queries.
    """
    kind, pk = _known(row)
    ours = _ours(kind, pk)
    try:
        tenant = present_tenant()
    except (NotConnected, ImproperlyConfigured):
        return LookUp()
    if ours is None:
        return LookUp()
    lists = list(directory.lists(tenant).filter(kind=LIST_OF[kind]))
    times = [each.read_at for each in lists if each.read_at is not None]
    names = {centre.onefile_id: centre.name for centre in directory.centres(tenant)}
    entries = list(directory.entries(tenant, LIST_OF[kind]).order_by("name", "onefile_id"))
    links = _links(tenant, kind, ours, {entry.onefile_id: entry for entry in entries}, names)
    linked_to = _holders(tenant, kind)
    pairs = _pairs(ours, [entry for entry in entries if linked_to.get(entry.onefile_id, pk) == pk])
    has_one = {each.entry.centre_id for each in links if each.entry is not None}
    has_several = len(names) > 1
    suggestions = [
        LinkSuggestion(
            entry,
            names.get(entry.centre_id, ""),
            pairs.get(entry.pk),
            linked_to.get(entry.onefile_id, ""),
            is_free=entry.onefile_id not in linked_to
            and (not links or (has_several and entry.centre_id not in has_one)),
        )
        for entry in entries
        if _is_sought(entry, query)
    ]
    return LookUp(
        links=tuple(links),
        suggestions=tuple(sorted(suggestions, key=_best_first)),
        read_at=min(times) if times and len(times) == len(lists) else None,
        is_fresh=bool(lists) and all(directory.is_fresh(each) for each in lists),
        run=SyncRun.objects.filter(open_key=directory.OPEN_KEY).first(),
        several_centres=has_several,
    )


def link_record(row: Model, onefile_id: int, *, by: Any = None) -> DirectoryEntry:
    """Link an officer or organisation to a record of the kept list, which a person chose. Returns that record.

    ``by`` is the user. The OneFile ID is written into the row if it has none. If it has one of another centre, the new
    link is on record only. Raises :class:`.linker.LinkRefused`, and
    :class:`~onefile_sync.sync.eligibility.Refused` if OneFile is not set up.
    """
    tenant, (kind, pk) = _tenant_to_link(), _known(row)
    found = link_suggestions(row)
    chosen = next((each for each in found.suggestions if each.entry.onefile_id == onefile_id), None)
    if chosen is None:
        raise LinkRefused("link_not_listed", onefile_id=onefile_id)
    if chosen.linked_to not in ("", pk):
        raise LinkRefused("link_taken", onefile_id=onefile_id, holder=chosen.linked_to)
    if not chosen.is_free:
        same_centre = [
            each for each in found.links if each.entry and each.entry.centre_id == chosen.entry.centre_id
        ]
        raise LinkRefused("link_exists", onefile_id=(same_centre or found.links)[0].onefile_id)
    linker.link(
        kind,
        pk,
        onefile_id,
        tenant=tenant,
        how=LinkMethod.LOOKED_UP,
        centre_id=chosen.entry.centre_id,
        evidence=chosen.pair.evidence if chosen.pair is not None else (),
        by=_person(by),
        in_row=not host.onefile_ids(kind, [pk]).get(pk),
    )
    return chosen.entry


def unlink_record(row: Model, onefile_id: int, *, by: Any = None) -> None:
    """Unlink an officer or organisation from one record of OneFile. Raises as :func:`link_record` does."""
    tenant, (kind, pk) = _tenant_to_link(), _known(row)
    if host.onefile_ids(kind, [pk]).get(pk) == onefile_id:
        linker.unlink(kind, pk, tenant=tenant, by=_person(by))
        return
    made = RecordLink.objects.filter(
        tenant=tenant, subject_kind=kind, subject_pk=pk, onefile_id=onefile_id, in_row=False, ended_at=None
    ).first()
    if made is None or not linker.end_further(made, by=_person(by)):
        raise LinkRefused("link_changed")


def matching_by(settings: OneFileSettings) -> tuple[bool, int]:
    """Whether officers and organisations are matched by MIS Value, and the number of centres (0 if unknown)."""
    tenant = settings.linked_tenant
    return is_by_mis_value(settings), (tenant.centres or 0) if tenant is not None else 0


def _tenant_to_link() -> Tenant:
    settings = OneFileSettings.load()
    with trouble_told():
        tenant = present_tenant(settings)
    if settings.moving_to_id is not None:
        raise LinkRefused("link_elsewhere")
    return tenant


def _known(row: Model) -> tuple[SubjectKind, str]:
    """The kind and primary key of one of PICSWeb's rows. Raises ``ValueError`` for any other."""
    return SubjectKind(host.kind_of(row) or ""), str(row.pk)


def _person(by: Any) -> Any:
    """The primary key of a user."""
    return by.pk if by is not None else None


def _ours(kind: SubjectKind, pk: str) -> PersonRow | OrganisationRow | None:
    rows: Iterable[PersonRow | OrganisationRow] = (
        host.read_people("officer", [pk]) if kind == SubjectKind.OFFICER else host.organisations([pk])
    )
    return next(iter(rows), None)


def _links(
    tenant: Tenant,
    kind: SubjectKind,
    row: PersonRow | OrganisationRow,
    entries: Mapping[int, DirectoryEntry],
    names: Mapping[int, str],
) -> list[LinkInForce]:
    """The row's links: that of its own OneFile ID first, however it came there."""
    on_record = {each.onefile_id: each for each in linker.open_links(tenant, kind, [row.pk])}
    ids = [*([row.onefile_id] if row.onefile_id else []), *on_record]
    found = []
    for onefile_id in dict.fromkeys(ids):
        entry, made = entries.get(onefile_id), on_record.get(onefile_id)
        centre_id = entry.centre_id if entry is not None else made.centre_id if made is not None else 0
        found.append(LinkInForce(onefile_id, names.get(centre_id, ""), entry, made))
    return found


def _holders(tenant: Tenant, kind: SubjectKind) -> dict[int, str]:
    """The primary key of the row that is linked to each OneFile ID, hidden rows included. Two queries."""
    on_record = RecordLink.objects.filter(tenant=tenant, subject_kind=kind, in_row=False, ended_at=None)
    found = dict(on_record.values_list("onefile_id", "subject_pk"))
    return found | {onefile_id: pk for pk, onefile_id, _centre in host.rows_with_onefile_id(kind, limit=ALL)}


def _pairs(row: PersonRow | OrganisationRow, entries: Iterable[DirectoryEntry]) -> dict[int, Pair]:
    """What the row has in common with each entry, by the entry's primary key. Each centre is matched separately."""
    by_centre: defaultdict[int, dict[str, DirectoryEntry]] = defaultdict(dict)
    for entry in entries:
        by_centre[entry.centre_id][str(entry.onefile_id)] = entry
    # An e-mail counts only if no other officer has it.
    officers = (
        [person_of_row(each, linked=each.pk != row.pk) for each in host.all_people("officer")]
        if isinstance(row, PersonRow)
        else []
    )
    found: dict[int, Pair] = {}
    for of_centre in by_centre.values():
        if isinstance(row, OrganisationRow):
            ours = [organisation_of(row.pk, row.ident, row.name)]
            theirs = [organisation_of(key, each.mis_value, each.name) for key, each in of_centre.items()]
            pairs = match_organisations(ours, theirs)
        else:
            pairs = match_officers(officers, map(person_of_entry, of_centre.values()))
        found |= {of_centre[pair.theirs].pk: pair for pair in pairs}
    return found


def _is_sought(entry: DirectoryEntry, query: str) -> bool:
    """Whether a record has each word of a query. Accents and case don't matter."""
    name = identity.name(entry.name)
    texts = [text.casefold() for text in (entry.name, entry.mis_value, entry.email)]
    return all(
        (bool(plain := identity.name(word)) and plain in name)
        or any(word in text for text in texts)
        or word == str(entry.onefile_id)
        for word in query.casefold().split()
    )


def _best_first(suggestion: LinkSuggestion) -> tuple[int, int, str, int]:
    pair, entry = suggestion.pair, suggestion.entry
    if pair is None:
        return len(Confidence), 0, entry.name.casefold(), entry.onefile_id
    return pair.best.rank, -len(pair.evidence), entry.name.casefold(), entry.onefile_id
