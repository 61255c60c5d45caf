"""How many calls the end of a list costs when pages are read concurrently: no request overshoots it in vain."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from onefile_sync.models import ListingKind, OneFileSettings, StagedRecord, SyncRun
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.retry import RetryPolicy
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from onefile_sync.sync.bulk import listings
from onefile_sync.sync.connection.session import connect
from tests.conftest import dont_wait
from tests.factories import Host
from tests.scenarios.everyone import begin_daily, build_in_step, daily

PAGE = 4

pytestmark = pytest.mark.parametrize("host", ["picsweb"], indirect=True)


class TwoThreads:
    """Two threads that read all learners' learning aims, one answer at a time."""

    def __init__(self) -> None:
        OneFileSettings.objects.update(download_reviews=False)
        self.run: SyncRun = begin_daily()
        self.clients = [self._client(), self._client()]
        listings.read_on(self.run, self.clients[0], lambda: True)  # the centres
        self.pages: list[Any] = [None, None]

    @staticmethod
    def _client() -> OneFile:
        return connect(OneFileSettings.load(), RetryPolicy.unattended(), sleep=dont_wait)

    def begin(self, thread: int) -> int:
        """Claim a page; 0 if there is none to claim."""
        self.run.refresh_from_db()
        self.pages[thread] = listings._claim_page(self.run, self.run.listings.all())
        return self.pages[thread].page.number if self.pages[thread] else 0

    def finish(self, thread: int) -> int:
        """Read the claimed page. Returns the number of the thread's next page, or 0 if there is none."""
        page = self.pages[thread]
        return page.page.number if page._write_down(page._read(self.clients[thread])) else 0


def learning_aims(host: Host, world: World, number: int) -> None:
    """Put this number of learning aims into OneFile, two for each learner."""
    build_in_step(host, world, number // 2)


@pytest.fixture(autouse=True)
def short_pages(settings: Any, host: Host) -> None:
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "PAGE_SIZE": PAGE}


def test_beyond_as_many_pages_as_last_night_one_is_asked_for_at_a_time(
    host: Host, world: World, onefile: SandboxServer
) -> None:
    learning_aims(host, world, 3 * PAGE)
    daily()
    onefile.reset_counts()
    threads = TwoThreads()
    assert (threads.begin(0), threads.begin(1)) == (1, 0), "the first page comes alone"

    assert threads.finish(0) == 2
    assert threads.begin(1) == 3
    assert threads.finish(0) == 0, "page 4 is likely to be empty, and page 3 is still being read"
    assert threads.begin(0) == 0
    assert threads.finish(1) == 4
    assert threads.begin(0) == 0
    assert threads.finish(1) == 0

    assert onefile.calls["LearningAim/Search"] == 4
    assert threads.run.listings.get(kind=ListingKind.AIM).last_page == 4


def test_a_list_that_has_grown_is_read_several_pages_at_a_time_again(
    host: Host, world: World, onefile: SandboxServer
) -> None:
    learning_aims(host, world, PAGE)
    daily()
    learning_aims(host, world, 3 * PAGE)
    threads = TwoThreads()

    assert (threads.begin(0), threads.finish(0), threads.begin(1)) == (1, 2, 0)
    assert threads.finish(0) == 3, "page 2 was not to be expected, and is full"
    assert threads.begin(1) == 4
    while any([threads.finish(0), threads.finish(1)]):
        assert threads.run.listings.get(kind=ListingKind.AIM).next_page < 8

    assert StagedRecord.objects.filter(kind=ListingKind.AIM).count() == 4 * PAGE


def test_no_thread_waits_for_one_that_stopped_at_the_end_of_a_list(
    host: Host, world: World, onefile: SandboxServer
) -> None:
    learning_aims(host, world, 3 * PAGE)
    daily()
    threads = TwoThreads()
    assert (threads.begin(0), threads.finish(0), threads.begin(1)) == (1, 2, 3)

    with time_machine.travel(timezone.now() + timedelta(minutes=12)):
        while threads.run.read_at is None:
            listings.read_on(threads.run, threads.clients[0], lambda: True)
            threads.run.refresh_from_db()

    assert StagedRecord.objects.filter(kind=ListingKind.AIM, listed_in=threads.run.pk).count() == 3 * PAGE


class TestAServerThatCutsPagesShort:
    @pytest.fixture
    def switches(self) -> Switches:
        return Switches(rate_limit=0, items="rich", page_limit=2)

    def test_is_read_several_pages_at_a_time(self, host: Host, world: World, onefile: SandboxServer) -> None:
        learning_aims(host, world, 6 * 2)
        for _night in range(2):
            threads = TwoThreads()
            assert (threads.begin(0), threads.finish(0), threads.begin(1)) == (1, 2, 3)
            assert threads.finish(0) == 4

            while any([threads.finish(0), threads.finish(1)]):
                assert threads.run.listings.get(kind=ListingKind.AIM).next_page < 12

            assert StagedRecord.objects.filter(listed_in=threads.run.pk).count() == 12
