"""A run that reads lists survives killed workers and every fault of OneFile: nothing is replaced by half a list."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from onefile_sync.linking import directory
from onefile_sync.linking.run_steps import read_lists
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import DirectoryKind, DirectoryList, OneFileSettings, RunState, SyncRun
from onefile_sync.onefile.retry import RetryPolicy
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.sync import daily
from onefile_sync.sync.connection.session import connect
from tests.conftest import dont_wait

from .conftest import Kept, Read

CLASSROOM = DirectoryKind.CLASSROOM
KINDS = (
    DirectoryKind.ASSESSOR,
    CLASSROOM,
    DirectoryKind.LEARNER,
    DirectoryKind.PLACEMENT,
    DirectoryKind.STANDARD,
)

pytestmark = pytest.mark.parametrize("host", ["picsweb"], indirect=True)


@pytest.fixture(autouse=True)
def short_pages(settings: Any, host: Any) -> None:
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "PAGE_SIZE": 3}


class Killed(BaseException):
    """The worker's process is gone: nothing of ours handles this."""


def filled(world: World) -> None:
    for number in range(7):
        world.add_classroom(name=f"Class {number}")
        world.add_assessor(last_name=f"Assessor {number}")
        world.add_learner(last_name=f"Learner {number}")
        world.add_placement(name=f"Placement {number}")
        world.add_standard(title=f"Standard {number}", code=f"{number}AS")


@pytest.mark.parametrize("when", ["before the page is kept", "while it is kept"])
@pytest.mark.parametrize("page", [1, 2, 3])
def test_another_worker_goes_on_where_one_was_killed(
    world: World, onefile: SandboxServer, kept: Kept, monkeypatch: Any, page: int, when: str
) -> None:
    filled(world)
    run = directory.start_reading([CLASSROOM], queued=False)
    kept_pages = directory.directory_entries.keep

    def killed(listed: DirectoryList, *args: Any) -> Any:
        is_this = listed.kind == CLASSROOM and listed.next_page == page
        if is_this and when == "before the page is kept":
            raise Killed
        tally = kept_pages(listed, *args)
        if is_this:
            raise Killed
        return tally

    with monkeypatch.context() as patched:
        patched.setattr(directory.directory_entries, "keep", killed)
        with pytest.raises(Killed):
            daily.perform(run, sleep=dont_wait)
    assert DirectoryList.objects.get(kind=CLASSROOM).next_page == page

    onefile.reset_counts()
    client = connect(OneFileSettings.load(), RetryPolicy.unattended(), sleep=dont_wait)
    assert not read_lists(run, client, lambda: False), "the dead worker still has the list"
    DirectoryList.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    run = daily.perform(run, sleep=dont_wait)
    assert (run.state, run.failure) == (RunState.FINISHED, "")
    assert kept(CLASSROOM) == {f"Class {number}" for number in range(7)}
    assert onefile.calls["Classroom/Search"] == 4 - (page - 1), "no page is read again that was kept"


def test_half_a_list_replaces_nothing(world: World, read: Read, kept: Kept, onefile: SandboxServer) -> None:
    filled(world)
    read(CLASSROOM)
    for classroom in list(world.classrooms)[:5]:
        del world.classrooms[classroom]
    run = directory.start_reading([CLASSROOM], queued=False)
    client = connect(OneFileSettings.load(), RetryPolicy.unattended(), sleep=dont_wait)
    read_lists(run, client, lambda: True)  # the centres
    read_lists(run, client, lambda: True)  # one page
    assert len(kept(CLASSROOM)) == 7
    assert kept(CLASSROOM, gone=True) == set()
    daily.perform(run, sleep=dont_wait)
    assert (len(kept(CLASSROOM)), len(kept(CLASSROOM, gone=True))) == (2, 5)


@pytest.mark.parametrize("times", [1, 2, 50])
@pytest.mark.parametrize(
    "fault",
    [
        Fault(operation="", kind="reset"),
        Fault(operation="", kind="status", status=500),
        Fault(operation="", kind="status", status=429),
        Fault(operation="", kind="status", status=403),
        Fault(operation="", kind="html"),
        Fault(operation="", kind="broken_json", when="after"),
        Fault(operation="", kind="truncated", when="after"),
        Fault(operation="", kind="wrong_type", when="after"),
    ],
    ids=["reset", "500", "429", "403", "html", "broken_json", "truncated", "wrong_type"],
)
@pytest.mark.parametrize(
    "operation",
    ["Organisation/Search", "User/Search", "Placement/Search", "Classroom/Search", "Standard/Search"],
)
@pytest.mark.matrix("times")
def test_every_fault_ends_as_without_it_or_in_a_clear_failure(
    world: World, read: Read, kept: Kept, onefile: SandboxServer, operation: str, fault: Fault, times: int
) -> None:
    filled(world)
    read(*KINDS)
    expected = {kind: kept(kind) for kind in KINDS}
    onefile.faults.append(
        Fault(operation=operation, kind=fault.kind, when=fault.when, status=fault.status, times=times)
    )
    run: SyncRun = read(*KINDS)
    failures = set(directory.lists(present_tenant()).exclude(failure="").values_list("failure", flat=True))
    assert run.state == RunState.FINISHED
    assert times < 50 or run.failure or failures, "it is said that something could not be read"
    assert {kind: kept(kind) for kind in KINDS} == expected, "nothing is lost"
    assert all(kept(kind, gone=True) == set() for kind in KINDS)
