"""Reads OneFile's lists of centres, users, placements, classes and standards, and keeps them with their age.

A run reads them page by page, in steps that any number of workers share; each list is read by one worker at a time.
What was kept is replaced only once a list was read to its end: what it no longer has is then marked as gone.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from onefile_sync import crypto, events
from onefile_sync.conf import deployment
from onefile_sync.models import (
    DirectoryEntry,
    DirectoryKind,
    DirectoryList,
    OutcomeState,
    RunKind,
    SyncRun,
    Tenant,
)
from onefile_sync.onefile.client import MAX_PAGES, OneFile
from onefile_sync.onefile.errors import OneFileError, Scope
from onefile_sync.onefile.records import SearchPage
from onefile_sync.sync.bulk.listings import counted
from onefile_sync.sync.bulk.steps import Piece
from onefile_sync.sync.eligibility import ENVIRONMENT_CHANGED, check_setup
from onefile_sync.sync.learner.fetch import ROLE_LEARNER
from onefile_sync.sync.runs import leases, lifecycle, queue
from onefile_sync.transactions import retried

from . import directory_entries
from .directory_entries import Listed
from .tenants import present_tenant

#: The ``open_key`` of the one run that may read lists.
OPEN_KEY: Final = "directory"
#: The age from which a list is read again before something is decided by it.
FRESH: Final = timedelta(hours=24)
#: Pages that one worker reads in a row before it checks for other work.
IN_A_ROW: Final = 20


def start_reading(
    kinds: Iterable[DirectoryKind],
    *,
    run_kind: RunKind = RunKind.LISTS,
    by: Any = None,
    queued: bool = True,
) -> SyncRun:
    """Open a run that reads the centres and then these lists of each centre, or return the run that reads lists now.

    ``by`` is the user's primary key. ``queued``: workers are to process it. Raises
    :class:`~onefile_sync.sync.eligibility.Refused`.
    """
    check_setup()
    run, created = _open(run_kind, list(kinds), by)
    if queued and (created or lifecycle.stalled_runs().filter(pk=run.pk).exists()):
        queue.enqueue(run)
    return run


def entries(
    tenant: Tenant, kind: DirectoryKind, *, centre_id: int | None = None, gone: bool = False
) -> QuerySet[DirectoryEntry]:
    """What OneFile has of a kind, in one centre or in all; with ``gone``, only what it no longer has."""
    found = DirectoryEntry.objects.filter(tenant=tenant, kind=kind, gone_at__isnull=not gone)
    return found if centre_id is None else found.filter(centre_id=centre_id)


def lists(tenant: Tenant) -> QuerySet[DirectoryList]:
    """The kept lists and those being read, by kind and centre."""
    return DirectoryList.objects.filter(tenant=tenant).order_by("kind", "centre_id", "role")


def centres(tenant: Tenant) -> list[DirectoryEntry]:
    """The customer's centres, by name. None if they were never read, or cannot be listed."""
    return list(entries(tenant, DirectoryKind.CENTRE).order_by("name", "onefile_id"))


def is_fresh(listed: DirectoryList) -> bool:
    """Whether a list was read to its end in the last 24 hours."""
    return listed.read_at is not None and timezone.now() - listed.read_at < FRESH


def read_lists(run: SyncRun, onefile: OneFile, time_is_up: Callable[[], bool]) -> bool | None:
    """Do one step of reading. ``False``: other workers have the rest; ``None``: every list of the run is finished.

    Raises OneFileError of scope ``RUN``, and any error that prevents a call, after releasing the step.
    """
    unfinished = list(DirectoryList.objects.filter(run=run, finished_at=None).order_by("pk"))
    if not unfinished:
        return None
    tenant = present_tenant()
    if any(listed.tenant_id != tenant.pk for listed in unfinished):
        # The lists of one OneFile must never be filled from another.
        lifecycle.give_up(run, OutcomeState.FAILED, ENVIRONMENT_CHANGED.code)
        return True
    piece = _claim(run, tenant, unfinished)
    if piece is None:
        return False
    piece.time_is_up = time_is_up
    with counted(run, onefile), piece.let_go_of():
        piece.carry_out(onefile)
    return True


# Which lists a run reads


def read_as_well(run: SyncRun, tenant: Tenant, kind: DirectoryKind) -> None:
    """Have a run that has read the centres read a list of each of them. Call it in a transaction."""
    centre_ids = [each.onefile_id for each in centres(tenant)] or [0]
    _begin(run, tenant, _lists_of(kind), centre_ids)


@retried
@transaction.atomic
def _open(run_kind: RunKind, kinds: Sequence[DirectoryKind], by: Any) -> tuple[SyncRun, bool]:
    run, created = lifecycle.open_run(run_kind, [], by=by, open_key=OPEN_KEY)
    if created:
        # The lists of "all centres" stand for those of each centre, until the centres are known.
        wanted = {(DirectoryKind.CENTRE, 0)} | {key for kind in kinds for key in _lists_of(kind)}
        _begin(run, present_tenant(), wanted, [0])
    return run, created


def _lists_of(kind: DirectoryKind) -> list[tuple[DirectoryKind, int]]:
    if kind == DirectoryKind.ASSESSOR:
        return [(kind, role) for role in deployment.assessor_roles]
    return [(kind, ROLE_LEARNER if kind == DirectoryKind.LEARNER else 0)]


def _begin(
    run: SyncRun, tenant: Tenant, wanted: Iterable[tuple[str, int]], centre_ids: Sequence[int]
) -> None:
    """Have a run read these lists of these centres from their first page. Two queries."""
    keys = sorted(wanted)
    DirectoryList.objects.bulk_create(
        [
            DirectoryList(tenant=tenant, kind=kind, role=role, centre_id=centre_id)
            for kind, role in keys
            for centre_id in centre_ids
        ],
        ignore_conflicts=True,
    )
    DirectoryList.objects.filter(_any_of(keys), tenant=tenant, centre_id__in=centre_ids).update(
        **leases.FREE,
        run=run,
        next_page=1,
        finished_at=None,
        failure="",
        page_digest="",
        unreadable_items=0,
        new_entries=0,
        renamed_entries=0,
        gone_entries=0,
    )


def _any_of(keys: Iterable[tuple[str, int]]) -> Q:
    conditions = [Q(kind=kind, role=role) for kind, role in keys]
    return functools.reduce(operator.or_, conditions, Q(pk__in=[]))


def _split_by_centre(run: SyncRun, tenant: Tenant) -> None:
    """Replace the lists of all centres by those of each centre, if any centre is known."""
    known = list(
        entries(tenant, DirectoryKind.CENTRE).order_by("onefile_id").values_list("onefile_id", flat=True)
    )
    if known:
        Tenant.objects.filter(pk=tenant.pk).update(centres=len(known))
    of_all = DirectoryList.objects.filter(run=run, centre_id=0).exclude(kind=DirectoryKind.CENTRE)
    wanted = list(of_all.values_list("kind", "role"))
    if not known or not wanted:
        return
    of_all.filter(read_at=None).delete()
    of_all.update(run=None, finished_at=timezone.now())
    _begin(run, tenant, wanted, known)


# Reading a list


def _claim(run: SyncRun, tenant: Tenant, unfinished: Sequence[DirectoryList]) -> _ListPages | None:
    first = [listed for listed in unfinished if listed.kind == DirectoryKind.CENTRE]
    for listed in first or unfinished:
        this = DirectoryList.objects.filter(pk=listed.pk, run=run, finished_at=None)
        if lease := leases.claim(leases.free(this)):
            listed.refresh_from_db()
            return _ListPages(run, lease.held(this), listed, tenant)
    return None


@dataclass(slots=True)
class _ListPages(Piece):
    """Some pages of one list, one after the other. ``listed`` is how far it was read when we last looked."""

    listed: DirectoryList
    tenant: Tenant

    def carry_out(self, onefile: OneFile) -> None:
        for _page in range(IN_A_ROW):
            try:
                page = self._read(onefile)
            except OneFileError as error:
                if error.scope is Scope.RUN:
                    raise
                self._fail(error.code)
                return
            if not self._note(page):
                return
            self.listed.refresh_from_db()
            if self.listed.next_page > MAX_PAGES:
                self._fail("bad_answer")
                return
            if self.time_is_up():
                break
        self.let_go()

    def _read(self, onefile: OneFile) -> SearchPage[Any]:
        number, centre_id = self.listed.next_page, self.listed.centre_id or None
        match self.listed.kind:
            case DirectoryKind.CENTRE:
                return onefile.page_of_centres(number, self._customer_id(onefile))
            case DirectoryKind.PLACEMENT:
                return onefile.page_of_placements(number, centre_id)
            case DirectoryKind.CLASSROOM:
                return onefile.page_of_classrooms(number, centre_id)
            case DirectoryKind.STANDARD:
                return onefile.page_of_standards(number, centre_id)
        return onefile.page_of_people(number, centre_id=centre_id, role=self.listed.role)

    def _customer_id(self, onefile: OneFile) -> int:
        if self.tenant.customer_id is None:
            self.tenant.customer_id = onefile.customer().id
            Tenant.objects.filter(pk=self.tenant.pk).update(customer_id=self.tenant.customer_id)
        return self.tenant.customer_id

    @retried
    @transaction.atomic
    def _note(self, page: SearchPage[Listed]) -> bool:
        """Keep a page. Returns false if it was the last one, or if we have lost the list to another worker."""
        listed = self.listed
        if not leases.renew(self.mine, next_page=listed.next_page + 1):  # locks the list
            return False
        tally = directory_entries.keep(listed, self.run.pk, page.records)
        digest = _digest(page)
        self.mine.update(
            page_digest=digest,
            unreadable_items=F("unreadable_items") + page.unreadable_items,
            new_entries=F("new_entries") + tally.new,
            renamed_entries=F("renamed_entries") + tally.renamed,
        )
        if not _is_the_end(listed, page, digest, unseen=tally.unseen):
            return True
        self._finish(page)
        return False

    def _finish(self, last_page: SearchPage[Listed]) -> None:
        """Replace what was kept, now that the list was read to its end. An unreadable item may be of any entry."""
        listed, now = self.listed, timezone.now()
        unreadable = listed.unreadable_items + last_page.unreadable_items
        gone = 0 if unreadable else directory_entries.mark_gone(listed, self.run.pk)
        directory_entries.forget_old(listed)
        count = directory_entries.of_list(listed).filter(gone_at=None).count()
        leases.release(self.mine, finished_at=now, read_at=now, entries=count, gone_entries=gone)
        self._go_on_to_next()
        events.info(
            "list_read", run=self.run.pk, kind=listed.kind, centre=listed.centre_id, entries=count, gone=gone
        )

    @retried
    @transaction.atomic
    def _fail(self, code: str) -> None:
        """Give up a list that cannot be read. What was kept of it stays, and the other lists are read."""
        if leases.release(self.mine, failure=code, finished_at=timezone.now()):
            self._go_on_to_next()
            events.warning(
                "list_not_read",
                run=self.run.pk,
                kind=self.listed.kind,
                centre=self.listed.centre_id,
                code=code,
            )

    def _go_on_to_next(self) -> None:
        if self.listed.kind == DirectoryKind.CENTRE:
            number = entries(self.tenant, DirectoryKind.CENTRE).count() or None
            Tenant.objects.filter(pk=self.tenant.pk).update(centres=number)
            _split_by_centre(self.run, self.tenant)
        else:
            _forget_other_centres(self.run, self.listed)


def _digest(page: SearchPage[Listed]) -> str:
    ids = ",".join(str(record.id) for record in sorted(page.records, key=lambda record: record.id))
    return crypto.fingerprint("page", ids, str(page.unreadable_items))[:32]


def _is_the_end(listed: DirectoryList, page: SearchPage[Listed], digest: str, *, unseen: bool) -> bool:
    """An empty page ends a list, and so does one without new records, from a server that ignores paging.

    A short page does not, as servers may return fewer records than requested; nor does a page of unreadable items, or
    of other centres and roles only, unless the next one is the same. Most customers have one centre: a second page is
    not needed to know that.
    """
    if not page.items or digest == listed.page_digest:
        return True
    if listed.kind == DirectoryKind.CENTRE and listed.next_page == 1 and len(page.records) == page.items == 1:
        return True
    has_others = len(directory_entries.fitting(listed, page.records)) < len(page.records)
    return not (unseen or has_others or page.unreadable_items == page.items)


def _forget_other_centres(run: SyncRun, listed: DirectoryList) -> None:
    """Drop the lists of centres that no longer exist, once a list was read to its end in all others."""
    same = DirectoryList.objects.filter(tenant=listed.tenant_id, kind=listed.kind, role=listed.role)
    of_run = list(same.filter(run=run))
    if any(each.finished_at is None or each.failure for each in of_run):
        return
    present = [each.centre_id for each in of_run]
    same.exclude(centre_id__in=present).delete()
    if 0 not in present:
        gone = DirectoryEntry.objects.filter(
            tenant=listed.tenant_id, kind=listed.kind, role=listed.role, gone_at=None
        )
        gone.exclude(centre_id__in=present).update(gone_at=timezone.now())
