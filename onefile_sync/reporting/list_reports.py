"""Reads OneFile's kept lists for people: their age and size, and how far a run that reads them has got."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

from onefile_sync.linking import directory
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.messages.catalogue import why_not_read
from onefile_sync.models import DirectoryEntry, DirectoryKind, DirectoryList, SyncRun
from onefile_sync.sync.connection.session import NotConnected

#: Kinds of lists in the order in which pages show them.
_ORDER = tuple(DirectoryKind)


@dataclass(frozen=True, slots=True)
class ListLine:
    """One list, as text for staff. ``failure`` says why it could not be read; what was kept of it stays then.

    ``is_being_read``: an open run has not finished it. ``new``, ``renamed`` and ``gone`` are of its last reading.
    """

    kind: str
    what: str
    centre_id: int
    centre: str
    entries: int
    read_at: datetime | None
    is_fresh: bool
    is_being_read: bool
    new: int
    renamed: int
    gone: int
    unreadable: int
    failure_code: str
    failure: str


@dataclass(frozen=True, slots=True)
class ListProgress:
    """How many of a run's lists are finished, and how many of those failed. ``pages`` were read of all together."""

    total: int
    done: int
    failed: int
    pages: int
    lease: datetime | None


def progress_of_lists(run: SyncRun) -> ListProgress:
    """How far a run has read its lists; nothing is left of a run whose lists were read again since. One query."""
    listed = list(DirectoryList.objects.filter(run=run))
    leases = [each.lease_expires_at for each in listed if each.lease_expires_at is not None]
    return ListProgress(
        total=len(listed),
        done=sum(each.finished_at is not None for each in listed),
        failed=sum(bool(each.failure) for each in listed),
        pages=sum(each.next_page - 1 for each in listed),
        lease=max(leases, default=None),
    )


def lists_of_run(run: SyncRun) -> list[ListLine]:
    """The lists that a run reads or was the last to read. Two queries."""
    return _lines(DirectoryList.objects.filter(run=run).select_related("run"))


def kept_lists() -> list[ListLine]:
    """OneFile's lists as they were last read; none if OneFile is not set up. No call to OneFile, few queries."""
    try:
        tenant = present_tenant()
    except (NotConnected, ImproperlyConfigured):
        return []
    return _lines(directory.lists(tenant).select_related("run"))


def _lines(lists: Iterable[DirectoryList]) -> list[ListLine]:
    found = sorted(
        lists, key=lambda each: (each.centre_id, _ORDER.index(DirectoryKind(each.kind)), -each.role)
    )
    tenants = {each.tenant_id for each in found}
    centres = DirectoryEntry.objects.filter(tenant__in=tenants, kind=DirectoryKind.CENTRE)
    names = dict(centres.values_list("onefile_id", "name"))
    return [
        ListLine(
            kind=each.kind,
            what=_what(each),
            centre_id=each.centre_id,
            centre=names.get(each.centre_id) or (str(each.centre_id) if each.centre_id else ""),
            entries=each.entries,
            read_at=each.read_at,
            is_fresh=directory.is_fresh(each),
            is_being_read=each.finished_at is None and each.run is not None and each.run.is_open,
            new=each.new_entries,
            renamed=each.renamed_entries,
            gone=each.gone_entries,
            unreadable=each.unreadable_items,
            failure_code=each.failure,
            failure=why_not_read(each.failure) if each.failure else "",
        )
        for each in found
    ]


def _what(listed: DirectoryList) -> str:
    label = str(DirectoryKind(listed.kind).label)
    if listed.kind != DirectoryKind.ASSESSOR:
        return label
    return _("%(people)s (role %(role)d)") % {"people": label, "role": listed.role}
