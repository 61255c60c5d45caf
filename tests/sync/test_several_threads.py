"""A run that reads everyone is processed by several threads, except on SQLite; here they do nothing but end."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest

from onefile_sync.models import OneFileSettings, RunKind, SyncRun
from onefile_sync.onefile.retry import RetryPolicy
from onefile_sync.sync import worker
from tests.factories import Host
from tests.run_fixtures import learners_of, run_of

pytestmark = pytest.mark.matrix

#: As many threads, none of which ends before all have begun.
THREADS = 2
#: Seconds after which a thread stops asking whether it is over.
LONGEST = 10.0


@pytest.fixture
def run(host: Host, switched_on: OneFileSettings, settings: Any) -> SyncRun:
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "CALLS_AT_ONCE": THREADS}
    run = run_of(learners_of(host, 1), RunKind.DAILY)
    run.reads_everyone = True
    return run


@pytest.fixture
def work_on(run: SyncRun, monkeypatch: pytest.MonkeyPatch) -> Callable[..., bool]:
    """Process the run on a database that several threads may use; how each of them ends."""

    def work(*ends: Callable[[Callable[[], bool]], bool]) -> bool:
        left, all_begun = list(ends), Barrier(THREADS, timeout=LONGEST)

        class Thread:
            def __init__(self, _run: SyncRun, _policy: RetryPolicy, is_over: Callable[[], bool], *_: Any):
                self.is_over = is_over

            def work(self) -> bool:
                end = left.pop()
                all_begun.wait()
                return end(self.is_over)

        monkeypatch.setattr(worker, "WorkerThread", Thread)
        monkeypatch.setattr(worker, "connection", SimpleNamespace(vendor="postgresql"))
        monkeypatch.setattr(SyncRun.objects, "get", lambda **_: run)
        return worker.work_on(run, RetryPolicy.unattended())

    return work


def nothing_left(_is_over: Callable[[], bool]) -> bool:
    return True


def time_was_up(_is_over: Callable[[], bool]) -> bool:
    return False


def test_is_through_when_all_of_them_are(work_on: Callable[..., bool]) -> None:
    assert work_on(nothing_left, nothing_left)


def test_goes_on_later_where_time_was_up_for_one(work_on: Callable[..., bool]) -> None:
    assert not work_on(nothing_left, time_was_up)


def test_ends_for_all_where_one_fails(work_on: Callable[..., bool]) -> None:
    stopped = []

    def fail(_is_over: Callable[[], bool]) -> bool:
        raise LookupError

    def ask_until_it_is_over(is_over: Callable[[], bool]) -> bool:
        began = monotonic()
        while not is_over() and monotonic() - began < LONGEST:
            continue
        stopped.append(is_over())
        return False

    with pytest.raises(LookupError):
        work_on(fail, ask_until_it_is_over)
    assert stopped == [True]
