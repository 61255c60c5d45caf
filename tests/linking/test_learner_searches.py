"""Few learners without a OneFile ID beside long lists are searched for one by one, and no filter is believed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from example_project.picsweb.models import Learner
from onefile_sync.linking import directory, learner_searches, match_costs, match_run
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import DirectoryEntry, DirectoryKind, DirectoryList, RunState, SyncRun
from onefile_sync.onefile.errors import OneFileError
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from onefile_sync.sync import daily
from tests.conftest import dont_wait

from .conftest import Read
from .provider import suggested

pytestmark = pytest.mark.parametrize("host", ["picsweb"], indirect=True)

Match = Callable[..., SyncRun]
LEARNER = "learner"
#: Learners in OneFile, on pages of five.
MANY = 150
BORN = date(1990, 2, 3)
ALL_WAYS = (
    {},
    {"items": "rich"},
    {"user_filters": "prefix"},
    {"user_filters": "ignored"},
    {"archived_users": "hidden"},
    {"archived_users": "other role"},
    {"mis_values": "dropped"},
    {"users_carry_centre": False},
    {"page_limit": 3},
)


@pytest.fixture
def match(onefile: SandboxServer) -> Match:
    """Match learners here and now."""

    def perform(**options: Any) -> SyncRun:
        run = match_run.start([LEARNER], queued=False, **options)
        run = daily.perform(run, sleep=dont_wait)
        assert (run.state, run.failure) == (RunState.FINISHED, "")
        return run

    return perform


@pytest.fixture(autouse=True)
def short_pages(host: Any, settings: Any) -> None:
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "PAGE_SIZE": 5}


def calls(onefile: SandboxServer) -> int:
    return sum(count for operation, count in onefile.calls.items() if operation != "Authentication")


def add(world: World, number: int, **values: Any) -> int:
    """A learner of OneFile; the OneFile ID."""
    told = {
        "first_name": f"Ann{number:03}x",
        "last_name": f"Ash{number:03}x",
        "email": f"ann.{number:03}x@example.org",
        "misid": f"A{number:03}x",
        "dob": BORN,
    }
    return world.add_learner(**(told | values)).id


def fill_onefile(world: World, learners: int = MANY, **values: Any) -> list[int]:
    return [add(world, number, **values) for number in range(learners)]


def in_picsweb(number: int, **values: Any) -> str:
    """The same person in PICSWeb; the primary key."""
    told = {
        "first_name": f"Ann{number:03}x",
        "surname": f"Ash{number:03}x",
        "email": f"ann.{number:03}x@example.org",
        "ident": f"A{number:03}x",
        "date_of_birth": BORN,
    }
    made = Learner.objects.create(status="live", start_date=timezone.localdate(), **(told | values))
    return str(made.pk)


def pages_read(onefile: SandboxServer) -> int:
    return onefile.calls["User/Search"]


def way(run: SyncRun) -> Any:
    run.refresh_from_db()
    return run.options["way"]


class TestTheCheaperWay:
    def test_few_learners_beside_a_list_that_was_never_read(
        self, world: World, match: Match, onefile: SandboxServer
    ) -> None:
        ids = fill_onefile(world)
        pks = [in_picsweb(number) for number in (3, 70, 149)]
        estimate = match_costs.estimate([LEARNER])
        assert not estimate.is_known
        run = match()
        assert way(run) == "search"
        assert suggested(LEARNER, "certain") == set(zip(pks, (ids[3], ids[70], ids[149]), strict=True))
        # A page, one far behind it, and a search to see that it works; then three searches for each.
        assert pages_read(onefile) == 3 + 3 * 3
        assert onefile.calls["User/get"] == 3
        assert run.expected_calls == calls(onefile) <= 1.05 * (3 * 3 + 3) + 10

    @pytest.mark.parametrize(("learners", "expected"), [(2, "search"), (11, "lists")])
    def test_the_number_that_is_told_of_a_known_list_is_right(
        self, world: World, match: Match, onefile: SandboxServer, read: Read, learners: int, expected: str
    ) -> None:
        """150 learners stand on 31 pages; a learner takes four calls when searched for, and one beside the list."""
        ids = fill_onefile(world)
        read(DirectoryKind.LEARNER, DirectoryKind.STANDARD)
        pks = [in_picsweb(number) for number in range(learners)]
        with time_machine.travel(timezone.now() + timedelta(days=8)):
            before, told = calls(onefile), match_costs.estimate([LEARNER])
            run = match()
            made = calls(onefile) - before
        assert way(run) == expected
        assert told.is_known
        assert abs(told.calls - made) <= 0.1 * made
        assert made <= 1.05 * min(31 + learners, 4 * learners) + 10
        assert suggested(LEARNER, "certain") == set(zip(pks, ids, strict=False))

    def test_a_list_that_turns_out_to_be_short_is_read(
        self, world: World, match: Match, onefile: SandboxServer
    ) -> None:
        ids = fill_onefile(world, 20)
        pks = [in_picsweb(number) for number in range(6)]
        run = match()
        assert way(run) == "lists"
        assert suggested(LEARNER, "certain") == set(zip(pks, ids, strict=False))
        assert run.expected_calls == calls(onefile) <= 1.05 * (5 + 6) + 10

    def test_nothing_is_read_of_learners_if_all_are_linked(
        self, world: World, match: Match, onefile: SandboxServer
    ) -> None:
        ids = fill_onefile(world, 20)
        in_picsweb(3, onefile_id=ids[3])
        match()
        assert pages_read(onefile) == 0

    def test_without_values_to_search_for_the_list_is_read(
        self, world: World, match: Match, onefile: SandboxServer
    ) -> None:
        fill_onefile(world)
        in_picsweb(3, first_name="", email="", ident="")
        assert way(match()) == "lists"

    def test_a_server_that_ignores_paging_has_a_short_list(
        self, world: World, match: Match, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill_onefile(world)
        in_picsweb(3)
        real = onefile_page()

        def first_page(self: Any, number: int, **options: Any) -> Any:
            return real(self, 1, **options)

        monkeypatch.setattr("onefile_sync.onefile.client.OneFile.page_of_people", first_page)
        assert way(match()) == "lists"


def onefile_page() -> Any:
    from onefile_sync.onefile.client import OneFile

    return OneFile.page_of_people


@pytest.mark.parametrize("two_centres", [False, True], ids=["one centre", "two centres"])
@pytest.mark.parametrize(
    "switches",
    [Switches(rate_limit=0, **options) for options in ALL_WAYS],  # type: ignore[arg-type] # mixed on purpose
    ids=[" ".join(map(str, options.values())) or "default" for options in ALL_WAYS],
)
def test_searching_finds_what_listing_finds_or_asks(
    world: World, match: Match, onefile: SandboxServer, two_centres: bool
) -> None:
    """Twins, two records of one person, an archived one, a name typed otherwise, a MIS Value of somebody else."""
    second = world.add_centre(name="Coast").id if two_centres else None
    ids = fill_onefile(world)
    if second is not None:
        for onefile_id in ids[:40]:
            world.users[onefile_id].organisation_id = second
    again = add(world, 5, misid="", email="")
    archived = add(world, 9, email="old@example.org", archived=True)
    pks = {number: in_picsweb(number) for number in (3, 5, 9)}
    married = in_picsweb(11, surname="Other")
    wrong = in_picsweb(12, ident="A013x")
    run = match()
    by_search = suggested(LEARNER, "certain", "strong")
    if way(run) == "search":
        assert onefile.calls["User/Search"] < 35
    else:
        assert run.options["fell_back"]

    DirectoryEntry.objects.all().delete()
    DirectoryList.objects.all().delete()
    SyncRun.objects.all().delete()
    in_full = directory.start_reading([DirectoryKind.LEARNER], queued=False)
    daily.perform(in_full, sleep=dont_wait)
    assert way_or_none(match()) is None
    by_list = suggested(LEARNER, "certain", "strong")

    truth = {(pks[3], ids[3]), (pks[5], ids[5]), (pks[5], again), (pks[9], ids[9]), (pks[9], archived),
             (married, ids[11]), (wrong, ids[12])}  # fmt: skip
    assert suggested(LEARNER, "certain") <= truth
    assert by_search == by_list
    assert (pks[3], ids[3]) in by_search


def way_or_none(run: SyncRun) -> Any:
    run.refresh_from_db()
    return run.options.get("way")


class TestWhatIsKept:
    def test_the_list_counts_as_never_read(self, world: World, match: Match, read: Read) -> None:
        ids = fill_onefile(world)
        in_picsweb(3)
        match()
        assert not DirectoryList.objects.filter(kind="learner").exists()
        assert set(DirectoryEntry.objects.filter(kind="learner").values_list("onefile_id", flat=True)) == {
            ids[3]
        }
        read(DirectoryKind.LEARNER)
        assert DirectoryEntry.objects.filter(kind="learner", gone_at=None).count() == MANY

    def test_nobody_is_gone_from_a_list_that_was_read_before(
        self, world: World, match: Match, read: Read
    ) -> None:
        ids = fill_onefile(world)
        read(DirectoryKind.LEARNER)
        age = DirectoryList.objects.get(kind="learner").read_at
        world.users[ids[3]].last_name = "Other"
        new = add(world, 200)
        pks = [in_picsweb(3), in_picsweb(200)]
        with time_machine.travel(timezone.now() + timedelta(days=2)):
            assert way(match()) == "search"
        assert DirectoryList.objects.get(kind="learner").read_at == age
        assert not DirectoryEntry.objects.exclude(gone_at=None).exists()
        assert DirectoryEntry.objects.get(onefile_id=ids[3]).last_name == "Other"
        assert suggested(LEARNER) == {(pks[0], ids[3]), (pks[1], new)}

    def test_the_same_values_are_searched_for_once_a_day(
        self, world: World, match: Match, onefile: SandboxServer
    ) -> None:
        fill_onefile(world)
        in_picsweb(3)
        changed = in_picsweb(4)
        match()
        found, before = suggested(LEARNER), pages_read(onefile)
        Learner.objects.filter(pk=changed).update(ident="A005x")
        match()
        assert suggested(LEARNER) >= found
        assert pages_read(onefile) - before == 3 + 3
        with time_machine.travel(timezone.now() + timedelta(days=2)):
            before = pages_read(onefile)
            match()
        assert pages_read(onefile) - before == 3 + 2 * 3

    def test_no_value_is_kept_with_the_run(self, world: World, match: Match) -> None:
        fill_onefile(world)
        in_picsweb(3)
        run = match()
        run.refresh_from_db()
        assert not any(text in repr(run.options) for text in ("Ash", "ann.003", "A003"))


class TestSearchingIsOfNoUse:
    @pytest.fixture
    def switches(self) -> Switches:
        return Switches(rate_limit=0, user_filters="ignored")

    def test_ignored_filters_are_said_and_the_list_is_read(
        self, world: World, match: Match, onefile: SandboxServer
    ) -> None:
        ids = fill_onefile(world)
        pk = in_picsweb(3)
        run = match()
        assert (way(run), run.options["fell_back"]) == ("lists", "search_ignores_filters")
        assert learner_searches.fell_back(run)
        assert suggested(LEARNER, "certain") == {(pk, ids[3])}
        assert run.expected_calls == calls(onefile) <= 1.05 * 32 + 10


class TestOneFileAnswersOtherwise:
    def test_it_finds_nobody(self, world: World, match: Match, monkeypatch: pytest.MonkeyPatch) -> None:
        """Somebody who stands on a page is searched for first."""
        ids = fill_onefile(world)
        pk = in_picsweb(3)
        real = onefile_page()

        def page(self: Any, number: int, *, texts: Any = None, **options: Any) -> Any:
            return real(self, number, texts={"last_name": "Nobody"} if texts else None, **options)

        monkeypatch.setattr("onefile_sync.onefile.client.OneFile.page_of_people", page)
        run = match()
        assert (way(run), run.options["fell_back"]) == ("lists", "search_finds_nobody")
        assert suggested(LEARNER, "certain") == {(pk, ids[3])}

    def test_it_refuses_to_search_all_centres(
        self, world: World, match: Match, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ids = fill_onefile(world)
        pk = in_picsweb(3)
        real = onefile_page()

        def page(self: Any, number: int, *, centre_id: Any, **options: Any) -> Any:
            if centre_id is None:
                raise OneFileError("refused", "search users")
            return real(self, number, centre_id=centre_id, **options)

        monkeypatch.setattr("onefile_sync.onefile.client.OneFile.page_of_people", page)
        run = match()
        assert (way(run), run.options["fell_back"]) == ("lists", "refused")
        assert suggested(LEARNER, "certain") == {(pk, ids[3])}

    def test_a_value_that_very_many_have_is_no_search_for_a_person(self, world: World, match: Match) -> None:
        fill_onefile(world, misid="0")
        in_picsweb(3, ident="0")
        run = match()
        assert (way(run), run.options["fell_back"]) == ("lists", "search_finds_too_many")
        assert suggested(LEARNER) <= {(pk, onefile_id) for pk, onefile_id in suggested(LEARNER, "strong")}


class _Killed(BaseException):
    pass


def test_a_run_that_was_killed_searches_for_the_rest(
    world: World, match: Match, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = fill_onefile(world)
    pks = [in_picsweb(number) for number in range(5)]
    run = match_run.start([LEARNER], queued=False)
    real, done = learner_searches._keep, []

    def kept(*args: Any) -> None:
        if len(done) == 2:
            monkeypatch.setattr(learner_searches, "_keep", real)
            monkeypatch.setattr(match_run, "_free", lambda held: None)  # a killed process releases nothing
            raise _Killed
        done.append(1)
        real(*args)

    monkeypatch.setattr(learner_searches, "_keep", kept)
    free = match_run._free
    with pytest.raises(_Killed):
        daily.perform(run, sleep=dont_wait)
    monkeypatch.setattr(match_run, "_free", free)
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        run = daily.perform(run, sleep=dont_wait)
    assert (run.state, run.failure, way(run)) == (RunState.FINISHED, "", "search")
    assert suggested(LEARNER, "certain") == set(zip(pks, ids, strict=False))
    assert pages_read(onefile) == 3 + 3 * 5 + 3  # one learner was searched for twice
    assert not DirectoryEntry.objects.exclude(due_in=None).exists()


def test_whose_lease_is_lost_searches_no_more(
    world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_onefile(world)
    in_picsweb(3)
    run = SyncRun.objects.create(
        kind="match", options={"way": "search", "page": 5, "tenant": present_tenant().pk}
    )
    theirs: Any = None  # would fail if it were asked
    assert not learner_searches.carry_on(
        run, present_tenant(), theirs, renew=lambda: None, time_is_up=lambda: False
    )
