"""Several workers read lists at once: what one finds that another has taken, finished or left behind."""

from __future__ import annotations

import logging
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from onefile_sync.models import ListedPage, Listing, ListingKind, OneFileSettings, StagedRecord, SyncRun
from onefile_sync.sync.bulk import listings
from onefile_sync.sync.runs import leases

pytestmark = pytest.mark.django_db


@pytest.fixture
def run() -> SyncRun:
    return SyncRun.objects.create(kind="daily")


def listing(run: SyncRun, kind: ListingKind = ListingKind.AIM, **values: Any) -> Listing:
    return Listing.objects.create(run=run, kind=kind, **values)


def test_a_finished_list_hands_out_no_page(run: SyncRun) -> None:
    assert listings._next_page(listing(run, finished_at=timezone.now()).pk) is None
    assert not ListedPage.objects.exists()


def test_a_page_left_behind_beyond_the_end_of_the_list_is_dropped(run: SyncRun) -> None:
    aims = listing(run, last_page=1, next_page=3)
    ListedPage.objects.create(listing=aims, number=2)
    assert listings._next_page(aims.pk) is None
    assert not ListedPage.objects.exists()


def test_a_list_that_another_worker_takes_at_that_moment_is_passed_over(
    run: SyncRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = listing(run), listing(run, ListingKind.REVIEW, centre_id=1)
    claim, asked = leases.claim, []

    def too_late(rows: Any) -> leases.Lease | None:
        asked.append(True)
        return claim(rows) if len(asked) > 1 else None

    monkeypatch.setattr(leases, "claim", too_late)
    claimed = listings._claim_listing(run.listings.all())
    assert claimed is not None
    assert (claimed[1], claimed[0].get()) == (second, second)
    first.refresh_from_db()
    assert first.claimed_by is None


def test_a_list_is_given_up_once(run: SyncRun, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "onefile_sync")
    aims = listing(run)
    for code in ("bad_answer", "not_found"):
        listings._fall_back(aims, code)
    aims.refresh_from_db()
    assert (aims.fallback, caplog.text.count("listing_fell_back")) == ("bad_answer", 1)


def test_who_has_lost_the_list_of_centres_lists_no_reviews(run: SyncRun) -> None:
    OneFileSettings().save()
    centres = listing(run, ListingKind.CENTRES, claimed_by=uuid4(), lease_expires_at=timezone.now())
    lost = leases.Lease().held(Listing.objects.filter(pk=centres.pk))
    listings._Centres(run, lost, centres)._write_down([5740], "", None)
    assert list(run.listings.values_list("kind", "finished_at")) == [(ListingKind.CENTRES, None)]


class TestTheNextStage:
    def test_waits_for_records_that_another_worker_still_reads(self, run: SyncRun) -> None:
        SyncRun.objects.update(listed_at=timezone.now())
        StagedRecord.objects.create(kind=ListingKind.AIM, onefile_id=1, due_in=run.pk)
        assert listings._advance(run) is False
        run.refresh_from_db()
        assert run.read_at is None

    def test_that_another_worker_has_reached_is_reached(self, run: SyncRun) -> None:
        before = timezone.now()
        SyncRun.objects.update(listed_at=before, read_at=before)
        assert listings._advance(run) is True
        run.refresh_from_db()
        assert run.read_at == before


def test_after_some_pages_a_worker_lets_the_list_go(run: SyncRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others may go on with it; a worker that reads one list for long would hold up the rest."""
    mine, read = leases.Lease(), []
    page = ListedPage.objects.create(listing=listing(run), number=1, **mine.columns)
    monkeypatch.setattr(listings._Page, "_read", lambda _piece, _onefile: read.append(True))
    monkeypatch.setattr(listings._Page, "_write_down", lambda _piece, _read: True)
    no_onefile: Any = None
    listings._Page(run, mine.held(ListedPage.objects.all()), page.listing, page).carry_out(no_onefile)
    page.refresh_from_db()
    assert (page.claimed_by, len(read)) == (None, listings.IN_A_ROW)
