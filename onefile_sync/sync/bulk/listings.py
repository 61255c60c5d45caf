"""Reads OneFile for all learners of a run into the staging table, step by step, by any number of workers.

Learning aims and reviews are listed page by page for the whole customer. If lists contain whole records, a sample is
compared with the records themselves; if not, the records that matter are read individually. Each step is claimed with a
lease and recorded when it is done, so that a worker that continues after a crash does not start again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone

from onefile_sync import events
from onefile_sync.models import ListedPage, Listing, ListingKind, OneFileSettings, StagedRecord, SyncRun
from onefile_sync.onefile.client import MAX_PAGES, OneFile
from onefile_sync.onefile.errors import OneFileError, Scope
from onefile_sync.onefile.records import LearningAim, Review, SearchPage
from onefile_sync.sync.connection import id_owner
from onefile_sync.sync.connection.list_evidence import ListEvidence
from onefile_sync.sync.runs import leases
from onefile_sync.transactions import retried

from . import staging
from .sample import Sample
from .selection import mark_what_is_due
from .staging import CODECS
from .steps import Piece

#: Pages of one list that are read at a time, up to the page that was the last one the night before.
AHEAD = 2
#: Pages that one thread reads in a row before it checks for other work.
IN_A_ROW = 20
#: Records read individually before they are saved. A killed worker loses at most this number of calls.
CHUNK = 20
#: Maximum pages of a list per learner, beyond which reading learner by learner is cheaper; and a minimum in any case.
PAGES_A_LEARNER, PAGES_ANYHOW = 2, 10


def read_on(run: SyncRun, onefile: OneFile, time_is_up: Callable[[], bool]) -> bool:
    """Do one step of reading. Returns false if other workers have claimed all remaining steps.

    ``run.read_at`` is set when nothing is left. Raises OneFileError of scope ``RUN``, and any error that prevents a
    call, after releasing the step.
    """
    listed = list(run.listings.order_by("kind", "centre_id")) if run.listed_at is None else []
    for claim in LISTING if run.listed_at is None else RECORDS:
        piece = claim(run, listed)
        if piece is not None:
            piece.time_is_up = time_is_up
            piece.lists = ListEvidence.load(run.address)
            with counted(run, onefile), piece.let_go_of():
                try:
                    piece.carry_out(onefile)
                finally:
                    piece.lists.save()
            return True
    return _advance(run)


@contextmanager
def counted(run: SyncRun, onefile: OneFile) -> Iterator[None]:
    """Add the calls made in this context to the run."""
    transport = onefile.transport
    calls, limited = transport.calls, transport.rate_limited
    try:
        yield
    finally:
        _count(run, transport.calls - calls, transport.rate_limited - limited)


@retried
def _count(run: SyncRun, calls: int, limited: int) -> None:
    SyncRun.objects.filter(pk=run.pk).update(
        api_calls=F("api_calls") + calls,
        rate_limited=F("rate_limited") + limited,
        worked_at=timezone.now(),
    )


# The centres


@retried
def _claim_centres(run: SyncRun, listed: Sequence[Listing]) -> _Centres | None:
    if not listed:
        # Reviews are listed by centre, so their listings are created once the centres are known.
        wanted = [Listing(run=run, kind=kind) for kind in (ListingKind.CENTRES, ListingKind.AIM)]
        Listing.objects.bulk_create(wanted, ignore_conflicts=True)
    elif all(listing.finished_at for listing in listed if listing.kind == ListingKind.CENTRES):
        return None
    claimed = _claim_listing(run.listings.filter(kind=ListingKind.CENTRES))
    return claimed and _Centres(run, *claimed)


def _claim_listing(candidates: QuerySet[Listing]) -> tuple[QuerySet[Listing], Listing] | None:
    for listing in leases.free(candidates.filter(finished_at=None)).order_by("pk"):
        this = Listing.objects.filter(pk=listing.pk)
        if lease := leases.claim(leases.free(this.filter(finished_at=None))):
            return lease.held(this), listing
    return None


@dataclass(slots=True)
class _Centres(Piece):
    listing: Listing

    def carry_out(self, onefile: OneFile) -> None:
        fallback, customer_id = "", None
        try:
            customer_id = onefile.customer().id
            listed = onefile.centres(customer_id)
            centres = [centre.id for centre in listed.records]
            _note_centres(len(centres))
            if listed.unreadable_items:  # the reviews of an unreadable centre would be missed
                centres, fallback = [], "bad_answer"
        except OneFileError as error:
            if error.scope is Scope.RUN:
                raise
            centres, fallback = [], error.code
        if fallback:
            events.warning("listing_fell_back", run=self.run.pk, kind=self.listing.kind, code=fallback)
        self._write_down(centres, fallback, customer_id)

    @retried
    @transaction.atomic
    def _write_down(self, centres: list[int], fallback: str, customer_id: int | None) -> None:
        settings = OneFileSettings.load()
        if customer_id is not None:
            id_owner.note_customer(settings, customer_id)
        if leases.release(self.mine, finished_at=timezone.now(), fallback=fallback):
            # Without a list of centres, the reviews of all centres are read from one list.
            wanted = (centres or [0]) if settings.download_reviews else []
            Listing.objects.bulk_create(
                Listing(run=self.run, kind=ListingKind.REVIEW, centre_id=centre_id) for centre_id in wanted
            )


@retried
def _note_centres(number: int) -> None:
    """Record how many centres the customer has: with several, an officer has a user in each."""
    tenant = OneFileSettings.load().linked_tenant
    if tenant is not None and tenant.centres != number:
        tenant.centres = number
        tenant.save(update_fields=["centres"])


# The pages


def _claim_page(run: SyncRun, listed: Sequence[Listing]) -> _Page | None:
    for listing in listed:
        wanted = listing.kind in CODECS and listing.finished_at is None
        page = _next_page(listing.pk) if wanted else None
        if page is not None:
            mine = ListedPage.objects.filter(pk=page.pk, claimed_by=page.claimed_by)
            return _Page(run, mine, listing, page)
    return None


@retried
@transaction.atomic
def _next_page(listing_pk: int) -> ListedPage | None:
    """An abandoned page, or else the next one, unless enough pages are being read. Locks the listing."""
    listing = Listing.objects.select_for_update().get(pk=listing_pk)
    if listing.finished_at is not None:
        return None
    under_way = list(ListedPage.objects.filter(listing=listing).order_by("number"))
    for page in under_way:
        if listing.last_page is not None and page.number > listing.last_page:
            page.delete()  # an abandoned page beyond the end of the list
        elif leases.is_free(page) and (lease := leases.claim(ListedPage.objects.filter(pk=page.pk))):
            page.claimed_by = lease.token
            return page
    # The first page is read alone, as it shows whether the list exists and what its items are like.
    at_a_time = AHEAD if listing.items and not _may_be_past_the_end(listing) else 1
    if listing.last_page is not None or len(under_way) >= at_a_time:
        return None
    return ListedPage.objects.create(listing=listing, number=_hand_out(listing), **leases.Lease().columns)


def _may_be_past_the_end(listing: Listing) -> bool:
    """Whether the next page is beyond the pages of the last run. If so, pages are read one at a time."""
    return listing.expected_pages is not None and listing.next_page > listing.expected_pages


def _hand_out(listing: Listing) -> int:
    listing.next_page += 1
    listing.save(update_fields=["next_page"])
    return listing.next_page - 1


@dataclass(slots=True)
class _Page(Piece):
    listing: Listing
    page: ListedPage

    def carry_out(self, onefile: OneFile) -> None:
        """Read this page and some of the following ones."""
        for _page in range(IN_A_ROW):
            try:
                read = self._read(onefile)
            except OneFileError as error:
                if error.scope is Scope.RUN:
                    raise
                _fall_back(self.listing, error.code)
                return
            if not self._write_down(read):
                return
            if self.time_is_up():
                break
        self.let_go()

    def _write_down(self, read: SearchPage[LearningAim] | SearchPage[Review]) -> bool:
        """Record the page and take the next one. Returns false if there is none, or if we have lost this page."""
        self.lists.saw(self.listing.kind, read.records)
        following = self._note(read)
        if following is None:
            return False
        self.page.number = following
        if following > MAX_PAGES or (following % IN_A_ROW == 0 and self._is_too_long()):
            _fall_back(self.listing, "too_long")
            return False
        return True

    @retried
    @transaction.atomic
    def _note(self, read: SearchPage[LearningAim] | SearchPage[Review]) -> int | None:
        listing = Listing.objects.select_for_update().get(pk=self.listing.pk)
        following = listing.next_page
        if listing.fallback or not leases.renew(self.mine, number=following):
            return None
        kept = CODECS[listing.kind]
        if self.page.number == 1:
            listing.expected_pages = _pages_last_time(listing, read)
        new = staging.stage(self.run, kept, read.records, self.lists, centre_id=listing.centre_id)
        if _learn(listing, self.page.number, read, new):
            if self.page.number == 1:
                listing.items = self._items(read)
            listing.save(update_fields=["items", "unreadable_items", "last_page", "expected_pages"])
        others = listing.pages.exclude(pk=self.page.pk)
        if listing.last_page is not None or (_may_be_past_the_end(listing) and others.exists()):
            self.mine.delete()
            return None
        return _hand_out(listing)

    def _read(self, onefile: OneFile) -> SearchPage[LearningAim] | SearchPage[Review]:
        if self.listing.kind == ListingKind.AIM:
            return onefile.page_of_learning_aims(self.page.number)
        return onefile.page_of_reviews(self.page.number, self.listing.centre_id or None)

    def _items(self, page: SearchPage[Any]) -> str:
        thin = any(self.lists.refutes(self.listing.kind, record.silent) for record in page.records)
        return Listing.Items.THIN if thin else Listing.Items.RICH

    def _is_too_long(self) -> bool:
        pages = sum(self.run.listings.values_list("next_page", flat=True))
        return pages > PAGES_ANYHOW + PAGES_A_LEARNER * self.run.outcomes.count()


def _learn(listing: Listing, number: int, page: SearchPage[Any], new: int) -> bool:
    """Update a listing from a page; returns whether to save it. ``new`` counts records that no page had before.

    An empty page ends the list, and so does a page without new records, from a server that ignores paging. A short page
    does not, as servers may return fewer records than requested or leave out records that we may not see. Nor does a
    page of unreadable items only.
    """
    listing.unreadable_items += page.unreadable_items
    has_grown = bool(new) and listing.expected_pages is not None and number > listing.expected_pages
    if has_grown:
        listing.expected_pages = None
    is_the_end = not new and page.unreadable_items < max(page.items, 1)
    if is_the_end:
        listing.last_page = min(number, listing.last_page or number)
    return is_the_end or has_grown or number == 1 or bool(page.unreadable_items)


def _pages_last_time(listing: Listing, first_page: SearchPage[Any]) -> int | None:
    """The number of pages of this length for the records that the last run found in this list."""
    listed = StagedRecord.objects.filter(kind=listing.kind)
    if listing.centre_id:
        listed = listed.filter(centre_id=listing.centre_id)
    known = listed.count()
    return math.ceil(known / first_page.items) if known and first_page.items else None


@retried
def _fall_back(listing: Listing, code: str) -> None:
    """Give up a list that cannot be used: learners are read one by one instead."""
    unfinished = Listing.objects.filter(pk=listing.pk, fallback="")
    fell_back = leases.release(unfinished, fallback=code, finished_at=timezone.now())
    if fell_back:
        listing.pages.all().delete()
        events.warning("listing_fell_back", run=listing.run_id, kind=listing.kind, code=code)


# The sample


def _claim_sample(run: SyncRun, listed: Sequence[Listing]) -> Sample | None:
    if all(listing.last_page is None or listing.finished_at for listing in listed):
        return None
    under_way = ListedPage.objects.filter(listing=OuterRef("pk"))
    candidates = run.listings.filter(~Exists(under_way), kind__in=CODECS, last_page__isnull=False)
    claimed = _claim_listing(candidates)
    return claimed and Sample(run, *claimed)


# What lists leave out


def _claim_records(run: SyncRun, _listed: Sequence[Listing]) -> _Records | None:
    due = StagedRecord.objects.filter(due_in=run.pk)
    lease, rows = leases.claim_some(leases.free(due).order_by("pk"), CHUNK)
    return _Records(run, lease.held(due), rows) if rows else None


@dataclass(slots=True)
class _Records(Piece):
    rows: list[StagedRecord]

    def carry_out(self, onefile: OneFile) -> None:
        for kept in CODECS.values():
            were_read: list[LearningAim | Review] = []
            try:
                for row in self.rows:
                    record = self.read(onefile, kept, row) if row.kind == kept.kind else None
                    if record is not None:
                        were_read.append(record)
            finally:
                self.keep(kept, were_read)  # saved even if a later call failed


#: The steps in order: first until everything is listed, then the individual records.
Claims = tuple[Callable[[SyncRun, Sequence[Listing]], _Centres | _Page | Sample | _Records | None], ...]
LISTING: Claims = (_claim_centres, _claim_page, _claim_sample)
RECORDS: Claims = (_claim_records,)


# From one stage to the next


@retried
def _advance(run: SyncRun) -> bool:
    """Advance the run to its next stage of reading. Returns false while other workers still have steps."""
    with transaction.atomic():
        locked = SyncRun.objects.select_for_update().get(pk=run.pk)
        if locked.read_at is not None:
            return True
        if locked.listings.filter(finished_at=None).exists():
            return False
        if locked.listed_at is None:
            locked.put_off = mark_what_is_due(locked)
            locked.listed_at = timezone.now()
        elif StagedRecord.objects.filter(due_in=run.pk).exists():
            return False
        else:
            locked.read_at = timezone.now()
            staging.prune(locked)
            events.info("everyone_read", run=run.pk, calls=locked.api_calls, put_off=locked.put_off)
        locked.save(update_fields=["put_off", "listed_at", "read_at"])
    return True
