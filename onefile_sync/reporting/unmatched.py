"""Unmatched: who and what stands on one side only, from PICSWeb's rows and OneFile's kept lists. No call to OneFile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from onefile_sync import host
from onefile_sync.host.snapshot import OrganisationRow, PersonRow
from onefile_sync.linking import candidates, directory, identity, linker, mis_values
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import (
    LIST_OF,
    DirectoryEntry,
    DirectoryKind,
    RecordLink,
    Side,
    SubjectKind,
    SyncRun,
    Tenant,
)
from onefile_sync.sync import daily
from onefile_sync.sync.connection.session import NotConnected
from onefile_sync.sync.eligibility import refuse_wrong_mapping

#: Learners whose qualifications are read together.
_CHUNK: Final = 500

NOT_LINKED = _("Not linked")
NO_REFERENCE = _("No VQ Reference")
NO_LIST = _("OneFile's list of standards has not been read")
NOT_LISTED = _("Not in OneFile's list of standards")
PATHWAYS = _("Several pathways in OneFile: choose one")
NOT_PAIRED = _("Not paired with a learning aim")
REVIEWS_WAIT = _("The reviews of both sides have not been paired")
UNUSED = _("No qualification in PICSWeb has this code")


@dataclass(frozen=True, slots=True)
class UnmatchedLine:
    """One record. ``value`` is its Ident, VQ Reference, MIS Value or code. ``pk`` is that of PICSWeb's row.
    ``name`` becomes text when it is shown.

    ``learner_pk`` is the learner whom PICSWeb's record is about, if any. ``centre`` is a name or an ID.
    """

    name: object
    value: str = ""
    why: str | Promise = ""
    pk: str = ""
    learner_pk: str = ""
    onefile_id: int | None = None
    centre: str = ""


@dataclass(frozen=True, slots=True)
class UnmatchedSection:
    """The records of one kind on one side. ``code`` is for programs and URLs, and never changes.

    ``read_at`` is when the oldest list was read that decides this; ``None`` if one was never read, or none is needed.
    """

    code: str
    title: str | Promise
    side: Side
    lines: tuple[UnmatchedLine, ...]
    needs_list: bool = False
    read_at: datetime | None = None

    @property
    def heading(self) -> Promise:
        if self.code == "duplicates":
            return _("To be corrected in OneFile")
        ours = self.side == Side.PICSWEB
        return _("In PICSWeb, not in OneFile") if ours else _("In OneFile, not in PICSWeb")


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Both sides. ``run`` reads OneFile's lists now. ``sees_everyone``: no learner was left out."""

    sections: tuple[UnmatchedSection, ...]
    run: SyncRun | None
    sees_everyone: bool


def unmatched(among: Collection[str] | None = None) -> Unmatched:
    """Everything that stands on one side only, and MIS Values that stand twice.

    ``among``: the primary keys of the learners whom the user may see; ``None`` means all. OneFile's learners are left
    out for users who may not see everyone in PICSWeb, as nobody can say which of them they may see. A few queries, and
    two for each 500 linked learners. Raises :class:`~onefile_sync.sync.eligibility.Refused` if the mapping is wrong.
    """
    refuse_wrong_mapping()
    try:
        tenant = present_tenant()
    except (NotConnected, ImproperlyConfigured):
        tenant = None
    sections = [*_in_picsweb(tenant, daily.today(), among)]
    if tenant is not None:
        sections += _in_onefile(tenant, sees_everyone=among is None)
        sections.append(_shared_values(tenant))
    return Unmatched(
        tuple(sections), SyncRun.objects.filter(open_key=directory.OPEN_KEY).first(), among is None
    )


# In PICSWeb, not in OneFile


def _in_picsweb(
    tenant: Tenant | None, today: date, among: Collection[str] | None
) -> Iterator[UnmatchedSection]:
    learners = (row for row in host.unlinked_in_scope(today) if among is None or row.pk in among)
    lines = tuple(
        UnmatchedLine(row.label, row.ident, NOT_LINKED, pk=row.pk, learner_pk=row.pk) for row in learners
    )
    yield UnmatchedSection("learners", _("Learners"), Side.PICSWEB, lines)
    officers = _without_link(tenant, SubjectKind.OFFICER, host.officers_in_use(today))
    yield UnmatchedSection("officers", _("Officers"), Side.PICSWEB, officers)
    organisations = _without_link(tenant, SubjectKind.ORGANISATION, host.organisations(linked=False))
    yield UnmatchedSection("organisations", _("Organisations"), Side.PICSWEB, organisations)
    linked = {
        str(learner.pk): learner for learner in host.scope(today) if among is None or str(learner.pk) in among
    }
    read_at = _read_at(tenant, DirectoryKind.STANDARD)
    yield UnmatchedSection(
        "qualifications",
        _("Qualifications of linked learners"),
        Side.PICSWEB,
        tuple(_qualifications(tenant, linked, is_listed=read_at is not None)),
        needs_list=True,
        read_at=read_at,
    )
    yield UnmatchedSection(
        "reviews", _("Reviews of linked learners"), Side.PICSWEB, tuple(_reviews(tenant, linked))
    )


def _without_link(
    tenant: Tenant | None, kind: SubjectKind, rows: Iterable[PersonRow | OrganisationRow]
) -> tuple[UnmatchedLine, ...]:
    """The rows that have neither a OneFile ID nor a link in any centre."""
    links = RecordLink.objects.filter(tenant=tenant, subject_kind=kind, in_row=False, ended_at=None)
    on_record = set(links.values_list("subject_pk", flat=True))
    return tuple(
        UnmatchedLine(row.label, row.ident, NOT_LINKED, pk=row.pk)
        for row in rows
        if row.onefile_id is None and row.pk not in on_record
    )


def _qualifications(
    tenant: Tenant | None, learners: dict[str, Any], *, is_listed: bool
) -> Iterator[UnmatchedLine]:
    centres_with: defaultdict[str, list[int]] = defaultdict(list)
    if tenant is not None:
        for entry in directory.entries(tenant, DirectoryKind.STANDARD).exclude(code=""):
            centres_with[identity.code(entry.code)].append(entry.centre_id)
    knows_references = host.knows_references()

    def why(reference: str, centre_id: int | None) -> Promise:
        if not knows_references:
            return NOT_PAIRED
        if not (code := identity.code(reference)):
            return NO_REFERENCE
        if not is_listed:
            return NO_LIST
        centres = [each for each in centres_with[code] if centre_id is None or each in (0, centre_id)]
        if not centres:
            return NOT_LISTED
        return PATHWAYS if len(centres) > len(set(centres)) else NOT_PAIRED

    pks = list(learners)
    for at in range(0, len(pks), _CHUNK):
        for row in host.qualifications_of(pks[at : at + _CHUNK]):
            if row.onefile_id is None:
                learner = learners[row.learner_pk]
                yield UnmatchedLine(
                    row.label,
                    row.reference,
                    why(row.reference, learner.onefile_centre_id),
                    pk=row.pk,
                    learner_pk=row.learner_pk,
                )


def _reviews(tenant: Tenant | None, learners: dict[str, Any]) -> Iterator[UnmatchedLine]:
    """The learners whose reviews wait, one line each."""
    if tenant is None:
        return
    waiting = RecordLink.objects.filter(
        tenant=tenant, subject_kind=SubjectKind.LEARNER, reviews_pending=True, ended_at=None
    )
    pks = [pk for pk in waiting.order_by("pk").values_list("subject_pk", flat=True) if pk in learners]
    for each in linker.open_links(tenant, SubjectKind.LEARNER, pks):
        yield UnmatchedLine(
            str(learners[each.subject_pk]), "", REVIEWS_WAIT, pk=each.subject_pk, learner_pk=each.subject_pk
        )


# In OneFile, not in PICSWeb

_THEIRS: Final = (
    ("onefile_learners", _("Learners"), SubjectKind.LEARNER, DirectoryKind.LEARNER),
    ("assessors", _("Assessors"), SubjectKind.OFFICER, DirectoryKind.ASSESSOR),
    ("placements", _("Placements"), SubjectKind.ORGANISATION, DirectoryKind.PLACEMENT),
)


def _in_onefile(tenant: Tenant, *, sees_everyone: bool) -> Iterator[UnmatchedSection]:
    centres = _centre_names(tenant)
    for code, title, kind, listed_as in _THEIRS:
        if kind == SubjectKind.LEARNER and not sees_everyone:
            continue
        linked = candidates.linked_ids(tenant, kind)
        entries = directory.entries(tenant, listed_as).order_by("name", "onefile_id")
        lines = tuple(
            _line_of(entry, centres)
            for entry in entries
            if entry.onefile_id not in linked and not entry.archived
        )
        yield UnmatchedSection(code, title, Side.ONEFILE, lines, True, _read_at(tenant, listed_as))
    used = {
        identity.code(reference)
        for linked_too in (False, True)
        for reference in host.references_in_use(linked=linked_too)
    }
    standards = directory.entries(tenant, DirectoryKind.STANDARD).exclude(code="")
    lines = tuple(
        _line_of(entry, centres, UNUSED)
        for entry in standards.order_by("code", "centre_id", "onefile_id")
        if identity.code(entry.code) not in used
    )
    read_at = _read_at(tenant, DirectoryKind.STANDARD)
    yield UnmatchedSection("codes", _("Codes of standards"), Side.ONEFILE, lines, True, read_at)


def _shared_values(tenant: Tenant) -> UnmatchedSection:
    """MIS Values that several assessors or placements of a centre have: a line for each of these."""
    centres, lines = _centre_names(tenant), []
    shared = mis_values.shared_mis_values(tenant)
    stopped: dict[str, dict[str, Any]] = {
        kind: host.rows_by_pk(kind, {pk for each in shared if each.kind == kind for pk in each.stopped})
        for kind in mis_values.BY_MIS_VALUE
    }
    for each in shared:
        names = ", ".join(str(stopped[each.kind][pk]) for pk in each.stopped if pk in stopped[each.kind])
        lines += [_line_of(entry, centres, _shared_why(entry, names)) for entry in each.entries]
    times = [_read_at(tenant, LIST_OF[kind]) for kind in mis_values.BY_MIS_VALUE]
    read_at = min((at for at in times if at is not None), default=None)
    return UnmatchedSection(
        "duplicates", _("MIS Values that stand twice"), Side.ONEFILE, tuple(lines), True, read_at
    )


def _shared_why(entry: DirectoryEntry, names: str) -> str:
    status = _("Archived.") if entry.archived else _("Active.") if entry.archived is False else ""
    stops = _("Cannot be told apart: %(names)s.") % {"names": names} if names else ""
    return f"{status} {stops}".strip()


def _line_of(entry: DirectoryEntry, centres: dict[int, str], why: str | Promise = "") -> UnmatchedLine:
    return UnmatchedLine(
        entry.name,
        entry.code if entry.kind == DirectoryKind.STANDARD else entry.mis_value,
        why,
        onefile_id=entry.onefile_id,
        centre=centres.get(entry.centre_id) or str(entry.centre_id or ""),
    )


def _centre_names(tenant: Tenant) -> dict[int, str]:
    return {centre.onefile_id: centre.name for centre in directory.centres(tenant)}


def _read_at(tenant: Tenant | None, kind: DirectoryKind) -> datetime | None:
    """When the oldest list of a kind was read; ``None`` if one was never read."""
    if tenant is None:
        return None
    times = list(directory.lists(tenant).filter(kind=kind).values_list("read_at", flat=True))
    return None if None in times else min((at for at in times if at is not None), default=None)
