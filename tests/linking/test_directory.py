"""OneFile's lists are read to their end and kept, whatever a page looks like, and replaced by nothing less."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from onefile_sync import services
from onefile_sync.linking import directory, directory_entries
from onefile_sync.linking.run_steps import read_lists
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import (
    DirectoryEntry,
    DirectoryKind,
    DirectoryList,
    MatchSuggestion,
    OneFileSettings,
    RecordLink,
    RunKind,
    RunState,
    SuggestionState,
    SyncRun,
)
from onefile_sync.onefile.endpoints import SEARCH_CLASSROOMS
from onefile_sync.onefile.errors import OneFileError
from onefile_sync.onefile.retry import RetryPolicy
from onefile_sync.sandbox.entities import TRAINEE_ASSESSOR
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from onefile_sync.sync.connection.session import connect
from onefile_sync.sync.eligibility import Refused
from tests.conftest import dont_wait
from tests.factories import Host

from .conftest import Kept, Read

ASSESSOR, CENTRE, CLASSROOM, LEARNER, PLACEMENT, STANDARD = (
    DirectoryKind.ASSESSOR,
    DirectoryKind.CENTRE,
    DirectoryKind.CLASSROOM,
    DirectoryKind.LEARNER,
    DirectoryKind.PLACEMENT,
    DirectoryKind.STANDARD,
)

pytestmark = pytest.mark.parametrize("host", ["picsweb"], indirect=True)


def test_each_kind_of_each_centre_is_kept_with_its_age(world: World, read: Read, kept: Kept) -> None:
    coast = world.add_centre(name="Coast")
    world.add_assessor(first_name="Gwen", last_name="Price", misid="17", email="gwen@example.org")
    world.add_assessor(first_name="Tom", last_name="Ash", role=TRAINEE_ASSESSOR)
    world.add_learner(first_name="Siân", last_name="O'Connor", organisation_id=coast.id)
    world.add_placement(name="Tŷ Gwyn Care")
    world.add_classroom(name="September start")
    world.add_standard(organisation_ids=(world.centre_id, coast.id))
    run = read()

    assert (run.state, run.failure) == (RunState.FINISHED, "")
    assert kept(CENTRE) == {"Northvale Training", "Coast"}
    assert kept(ASSESSOR) == {"Gwen Price", "Tom Ash"}
    assert kept(LEARNER, centre_id=coast.id) == {"Siân O'Connor"}
    assert (kept(PLACEMENT), kept(CLASSROOM)) == ({"Tŷ Gwyn Care"}, {"September start"})
    assert directory.entries(present_tenant(), STANDARD).count() == 2, "of each centre"
    gwen = DirectoryEntry.objects.get(first_name="Gwen")
    assert (gwen.mis_value, gwen.centre_id, gwen.role) == ("17", world.centre_id, 5)
    lists = directory.lists(present_tenant())
    assert {(each.kind, each.centre_id, each.role) for each in lists} == {
        (CENTRE, 0, 0),
        *((LEARNER, centre_id, 1) for centre_id in world.centres),
        *((ASSESSOR, centre_id, role) for centre_id in world.centres for role in (4, 5)),
        *((kind, centre_id, 0) for kind in (PLACEMENT, CLASSROOM, STANDARD) for centre_id in world.centres),
    }
    assert all(directory.is_fresh(each) for each in lists)
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        assert not any(directory.is_fresh(each) for each in lists)


class TestTheEndOfAList:
    @pytest.fixture(params=[100, 1, 3])
    def page_size(self, request: Any, settings: Any) -> int:
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "PAGE_SIZE": request.param}
        return int(request.param)

    @pytest.mark.parametrize(
        "switches",
        [Switches(rate_limit=0, past_the_end=end, empty_search=end) for end in ("no content", "empty list")],
        ids=["no content", "empty list"],
    )
    def test_every_page_is_read(self, world: World, read: Read, kept: Kept, page_size: int) -> None:
        names = {f"Class {number}" for number in range(7)}
        for name in names:
            world.add_classroom(name=name)
        read(CLASSROOM)
        assert kept(CLASSROOM) == names

    def test_a_server_that_ignores_paging_is_asked_twice(
        self, world: World, read: Read, kept: Kept, onefile: SandboxServer, monkeypatch: Any
    ) -> None:
        world.add_classroom(name="A")
        world.add_classroom(name="B")
        monkeypatch.setattr(
            "onefile_sync.onefile.endpoints.SEARCH_CLASSROOMS",
            replace(SEARCH_CLASSROOMS, path="/Classroom/Search"),
        )
        run = read(CLASSROOM)
        assert (kept(CLASSROOM), run.failure) == ({"A", "B"}, "")
        assert onefile.calls["Classroom/Search"] == 2


def test_what_is_new_renamed_and_gone_is_counted(world: World, read: Read, kept: Kept) -> None:
    stays = world.add_standard(title="Adult Care Worker", code="215AS")
    goes = world.add_standard(title="Team Leader", code="103")
    read(STANDARD)
    stays.title = "Adult Care Worker (2026)"
    del world.standards[goes.id]
    world.add_standard(title="Hair Professional", code="310")
    read(STANDARD)

    listed = DirectoryList.objects.get(kind=STANDARD)
    assert (listed.new_entries, listed.renamed_entries, listed.gone_entries, listed.entries) == (1, 1, 1, 2)
    assert kept(STANDARD) == {"Adult Care Worker (2026) [215AS]", "Hair Professional [310]"}
    assert kept(STANDARD, gone=True) == {"Team Leader [103]"}
    world.standards[goes.id] = goes
    read(STANDARD)
    assert kept(STANDARD, gone=True) == set(), "it is back"


class TestWhatCannotBeRead:
    def test_a_list_that_is_refused_keeps_its_entries_and_the_others_are_read(
        self, world: World, read: Read, kept: Kept, onefile: SandboxServer
    ) -> None:
        world.add_classroom(name="Kept")
        read(CLASSROOM, STANDARD)
        world.classrooms.clear()
        world.add_standard(title="New", code="")
        before = DirectoryList.objects.get(kind=CLASSROOM).read_at
        onefile.faults.append(Fault(operation="Classroom/Search", kind="status", status=400))
        run = read(CLASSROOM, STANDARD)

        listed = DirectoryList.objects.get(kind=CLASSROOM)
        assert (listed.failure, listed.read_at, run.failure) == ("refused", before, "")
        assert (kept(CLASSROOM), kept(STANDARD)) == ({"Kept"}, {"New"})
        onefile.faults.clear()
        read(CLASSROOM)
        assert (kept(CLASSROOM), DirectoryList.objects.get(kind=CLASSROOM).failure) == (set(), "")

    def test_without_a_list_of_centres_one_list_has_those_of_all(
        self, world: World, read: Read, kept: Kept, onefile: SandboxServer
    ) -> None:
        coast = world.add_centre(name="Coast")
        world.add_placement(name="Here")
        world.add_placement(name="There", organisation_id=coast.id)
        onefile.faults.append(Fault(operation="Organisation/Search", kind="status", status=400))
        read(PLACEMENT)
        assert kept(PLACEMENT) == {"Here", "There"}
        assert list(DirectoryList.objects.values_list("kind", "centre_id")) == [(CENTRE, 0), (PLACEMENT, 0)]

        read(PLACEMENT)
        assert kept(PLACEMENT, centre_id=coast.id) == {"There"}
        assert directory.entries(present_tenant(), PLACEMENT).count() == 2
        assert set(DirectoryList.objects.filter(kind=PLACEMENT).values_list("centre_id", flat=True)) == set(
            world.centres
        )

    def test_known_centres_are_used_when_they_cannot_be_listed_again(
        self, world: World, read: Read, kept: Kept, onefile: SandboxServer
    ) -> None:
        coast = world.add_centre(name="Coast")
        world.add_placement(name="There", organisation_id=coast.id)
        read(PLACEMENT)
        onefile.faults.append(Fault(operation="Organisation/Search", kind="status", status=400))
        read(PLACEMENT)
        assert kept(PLACEMENT, centre_id=coast.id) == {"There"}
        assert kept(PLACEMENT, gone=True) == set()
        assert not DirectoryList.objects.filter(kind=PLACEMENT, centre_id=0).exists()

    def test_what_would_fail_for_every_list_ends_the_run(
        self, world: World, read: Read, kept: Kept, onefile: SandboxServer
    ) -> None:
        world.add_classroom(name="Kept")
        read(CLASSROOM)
        world.classrooms.clear()
        onefile.faults.append(Fault(operation="Classroom/Search", kind="status", status=401, times=9))
        run = read(CLASSROOM)
        assert (run.state, run.failure) == (RunState.FINISHED, "session_refused")
        assert kept(CLASSROOM) == {"Kept"}
        onefile.faults.clear()
        assert read(CLASSROOM).failure == ""

    def test_a_centre_that_is_gone_takes_its_lists_with_it(
        self, world: World, read: Read, kept: Kept
    ) -> None:
        coast = world.add_centre(name="Coast")
        world.add_classroom(name="There", organisation_id=coast.id)
        read(CLASSROOM)
        del world.centres[coast.id]
        read(CLASSROOM)
        assert (kept(CENTRE), kept(CLASSROOM)) == ({"Northvale Training"}, set())
        assert not DirectoryList.objects.filter(centre_id=coast.id).exists()

    def test_a_list_without_an_end_is_given_up_and_keeps_its_entries(
        self, world: World, read: Read, kept: Kept, settings: Any, monkeypatch: Any
    ) -> None:
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "PAGE_SIZE": 1}
        monkeypatch.setattr(directory, "MAX_PAGES", 3)
        for name in "ABCDE":
            world.add_classroom(name=name)
        run = read(CLASSROOM)
        assert run.failure == ""
        listed = DirectoryList.objects.get(kind=CLASSROOM)
        assert (listed.failure, listed.read_at) == ("bad_answer", None)

    def test_a_long_list_is_let_go_in_between_and_read_to_its_end(
        self, world: World, read: Read, kept: Kept, settings: Any, monkeypatch: Any
    ) -> None:
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "PAGE_SIZE": 1}
        monkeypatch.setattr(directory, "IN_A_ROW", 2)
        for name in "ABCDE":
            world.add_classroom(name=name)
        read(CLASSROOM)
        assert kept(CLASSROOM) == set("ABCDE")


class TestAListThatAnotherWorkerHasTaken:
    """Its lease ended while a page was read."""

    @pytest.mark.parametrize("fails", [False, True], ids=["page", "refusal"])
    def test_is_left_as_the_other_worker_has_it(
        self, world: World, onefile: SandboxServer, monkeypatch: Any, fails: bool
    ) -> None:
        world.add_classroom(name="A")
        run = directory.start_reading([CLASSROOM], queued=False)
        client = connect(OneFileSettings.load(), RetryPolicy.unattended(), sleep=dont_wait)
        directory.read_lists(run, client, lambda: True)  # the centres
        page_of_classrooms, theirs = client.page_of_classrooms, uuid4()

        def taken(*about: Any) -> Any:
            DirectoryList.objects.filter(kind=CLASSROOM).update(claimed_by=theirs)
            if fails:
                raise OneFileError("refused", "Classroom/Search", 400)
            return page_of_classrooms(*about)

        monkeypatch.setattr(client, "page_of_classrooms", taken)
        assert directory.read_lists(run, client, lambda: False)
        listed = DirectoryList.objects.get(kind=CLASSROOM)
        assert (listed.claimed_by, listed.next_page, listed.failure) == (theirs, 1, "")
        assert not DirectoryEntry.objects.filter(kind=CLASSROOM).exists()


class TestOneRunAtATime:
    def test_a_second_click_leads_to_the_open_run(self, onefile: SandboxServer) -> None:
        first = directory.start_reading([STANDARD], run_kind=RunKind.LINKS, queued=False)
        assert directory.start_reading([CLASSROOM], queued=False) == first

    def test_it_is_refused_as_a_refresh_is(self, onefile: SandboxServer, configure: Any) -> None:
        configure(paused=True)
        with pytest.raises(Refused) as refused:
            directory.start_reading([STANDARD])
        assert (refused.value.code, SyncRun.objects.count()) == ("paused", 0)

    def test_lists_of_another_environment_are_not_filled(
        self, world: World, read: Read, onefile: SandboxServer, settings: Any
    ) -> None:
        read(CLASSROOM)
        run = directory.start_reading([CLASSROOM], queued=False)
        elsewhere = {"BASE_URL": "http://127.0.0.1:9", "CUSTOMER_TOKEN": "another"}
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, **elsewhere}
        assert read_lists(run, object(), lambda: False)  # type: ignore[arg-type] # no call is made
        run.refresh_from_db()
        assert run.failure == "environment_changed"


@pytest.mark.parametrize("switches", [Switches(rate_limit=0, items="rich")], ids=["rich"])
def test_learners_are_kept_by_name_and_otherwise_as_digests(world: World, read: Read) -> None:
    world.add_learner(
        email="Sian@Example.org", uln="1000000035", nino="QQ 12 34 56 C", dob=date(2001, 2, 3), misid="L1"
    )
    read(LEARNER)
    entry = DirectoryEntry.objects.get(kind=LEARNER)
    assert (entry.name, entry.mis_value, entry.email) == ("Siân O'Connor", "L1", "")
    assert entry.digests["email"] == directory_entries.digest("email", "sian@example.org")
    assert entry.digests["dob"] == directory_entries.digest("dob", "2001-02-03")
    assert not any("1000000035" in value or "sian" in value.casefold() for value in entry.digests.values())
    assert (entry.detailed_at is not None) == ({"email", "uln", "ni", "dob"} <= entry.digests.keys())


def test_what_is_too_long_is_cut(world: World, read: Read) -> None:
    world.add_placement(name="x" * 300, misid="9" * 150)
    read(PLACEMENT)
    entry = DirectoryEntry.objects.get(kind=PLACEMENT)
    assert (len(entry.name), len(entry.mis_value)) == (255, 100)


def test_what_has_been_gone_for_long_is_pruned(world: World, read: Read, kept: Kept) -> None:
    goes = world.add_classroom(name="Goes")
    world.add_classroom(name="Stays")
    read(CLASSROOM)
    del world.classrooms[goes.id]
    read(CLASSROOM)
    services.prune(1)
    assert kept(CLASSROOM, gone=True) == {"Goes"}
    DirectoryEntry.objects.filter(name="Goes").update(gone_at=timezone.now() - timedelta(days=2))
    services.prune(1)
    assert (kept(CLASSROOM, gone=True), kept(CLASSROOM)) == (set(), {"Stays"})


DETAILS = {"uln": "9876543228", "nino": "QQ123456C", "email": "ann@example.org", "dob": "2004-05-06"}


class TestDetailsOfLearners:
    """Digests are kept for a week."""

    @pytest.fixture
    def entry(self, world: World, read: Read) -> DirectoryEntry:
        world.add_learner(first_name="Ann", **DETAILS)
        read(LEARNER)
        found = DirectoryEntry.objects.get(kind=LEARNER)
        DirectoryEntry.objects.filter(pk=found.pk).update(
            digests={"uln": "1"}, detailed_at=timezone.now() - timedelta(days=6), archived=False
        )
        return found

    def test_reading_and_pruning_keep_what_is_newer(self, entry: DirectoryEntry, read: Read) -> None:
        read(LEARNER)
        services.prune(1)
        entry.refresh_from_db()
        assert (entry.digests, entry.detailed_at is None) == ({"uln": "1"}, False)

    @pytest.mark.parametrize("gone", [False, True], ids=["there", "gone"])
    def test_reading_clears_what_is_older(
        self, entry: DirectoryEntry, read: Read, world: World, gone: bool
    ) -> None:
        if gone:
            world.users.pop(entry.onefile_id)
            world.add_learner(first_name="Ben")
        DirectoryEntry.objects.update(detailed_at=timezone.now() - timedelta(days=8))
        read(LEARNER)
        entry.refresh_from_db()
        assert (entry.digests, entry.detailed_at, entry.gone_at is not None) == ({}, None, gone)

    @pytest.mark.parametrize("detailed", [True, False], ids=["of a record", "of a list"])
    def test_pruning_clears_what_is_older(self, entry: DirectoryEntry, detailed: bool) -> None:
        old = timezone.now() - timedelta(days=8)
        DirectoryEntry.objects.update(detailed_at=old if detailed else None, seen_at=old)
        services.prune(90)
        entry.refresh_from_db()
        assert (entry.digests, entry.detailed_at, entry.name) == ({}, None, entry.name)

    @pytest.mark.parametrize("switches", [Switches(rate_limit=0, items="rich")], ids=["rich"])
    def test_a_list_that_has_them_renews_them(self, entry: DirectoryEntry, read: Read) -> None:
        DirectoryEntry.objects.update(detailed_at=timezone.now() - timedelta(days=8))
        read(LEARNER)
        entry.refresh_from_db()
        assert {"uln", "ni", "email", "dob"} <= entry.digests.keys()
        assert entry.detailed_at is not None
        assert timezone.now() - entry.detailed_at < timedelta(minutes=1)


def test_old_suggestions_are_pruned_and_links_are_not(onefile: SandboxServer, host: Host) -> None:
    learner, tenant = host.learner(onefile_id=1), present_tenant()
    about: dict[str, Any] = {
        "tenant": tenant,
        "subject_kind": "learner",
        "subject_type": ContentType.objects.get_for_model(learner),
        "subject_pk": str(learner.pk),
    }
    old = timezone.now() - timedelta(days=100)
    for number, state in enumerate(SuggestionState):
        decided = None if state == "open" else old
        MatchSuggestion.objects.create(
            **about, onefile_id=number, level="strong", state=state, found_at=old, decided_at=decided
        )
    MatchSuggestion.objects.create(**about, onefile_id=50, level="strong")
    RecordLink.objects.create(**about, onefile_id=1, how="checked", ended_at=old, linked_at=old)
    services.prune(90)
    left = MatchSuggestion.objects.order_by("onefile_id").values_list("state", flat=True)
    assert list(left) == ["queued", "not_same", "open"]
    assert RecordLink.objects.count() == 1
