"""*Match with OneFile* reads only what it needs, says how many calls that is, and suggests no wrong pair as certain."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from example_project.picsweb.models import Learner, Officer
from onefile_sync.linking import match_costs, match_run, suggestions
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import (
    DirectoryEntry,
    DirectoryList,
    MatchSuggestion,
    OneFileSettings,
    RecordLink,
    RunState,
    SyncRun,
    Tenant,
)
from onefile_sync.onefile.errors import OneFileError
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from onefile_sync.sync import daily, worker
from onefile_sync.sync.eligibility import Refused
from onefile_sync.sync.runs import leases
from tests.conftest import dont_wait

from .provider import on_both_sides, provider_with_mistakes, suggested

pytestmark = pytest.mark.parametrize("host", ["picsweb"], indirect=True)

Match = Callable[..., SyncRun]
LEARNER, OFFICER, ORGANISATION = "learner", "officer", "organisation"
ALL = (LEARNER, OFFICER, ORGANISATION)


@pytest.fixture
def match(onefile: SandboxServer) -> Match:
    """Match these kinds here and now."""

    def perform(*kinds: str, **options: Any) -> SyncRun:
        run = match_run.start(kinds or ALL, queued=False, **options)
        return daily.perform(run, sleep=dont_wait)

    return perform


def calls(onefile: SandboxServer) -> int:
    return sum(count for operation, count in onefile.calls.items() if operation != "Authentication")


@pytest.mark.parametrize(
    "switches",
    [
        Switches(rate_limit=0, **options)
        for options in (
            {},
            {"items": "rich"},
            {"archived_users": "hidden"},
            {"archived_users": "other role"},
            {"mis_values": "dropped"},
            {"user_filters": "ignored"},
            {"user_filters": "prefix"},
        )
    ],
    ids=["thin", "rich", "hidden", "other role", "dropped", "ignored", "prefix"],
)
def test_no_wrong_pair_is_certain(world: World, match: Match, onefile: SandboxServer) -> None:
    truth = on_both_sides(world, provider_with_mistakes())
    run = match()

    assert (run.state, run.failure) == (RunState.FINISHED, "")
    assert run.read_at is not None
    certain = suggested(LEARNER, "certain")
    assert certain <= truth.learners
    in_scope = {str(pk) for pk in Learner.objects.filter(status="live").values_list("pk", flat=True)}
    to_find = {pair for pair in truth.learners if pair[0] in in_scope}
    assert len(suggested(LEARNER) & to_find) >= 0.8 * len(to_find)
    assert suggested(OFFICER, "certain") <= truth.officers
    assert suggested(ORGANISATION, "certain") <= truth.organisations
    assert suggested(OFFICER)
    assert suggested(ORGANISATION)
    assert run.expected_calls is not None
    assert abs(run.expected_calls - calls(onefile)) <= 0.1 * calls(onefile)


def test_all_of_one_family_is_asked_about(world: World, match: Match) -> None:
    """An e-mail that two people share is evidence of neither."""
    for first, ident in (("Ann", "1"), ("Ben", "2")):
        world.add_learner(first_name=first, last_name="Ash", email="ash@example.org")
        Learner.objects.create(first_name=first, surname="Ash", email="ash@example.org", ident=ident, status="live",
                               start_date=timezone.localdate())  # fmt: skip
    match(LEARNER)
    assert suggested(LEARNER) == set()


def test_a_second_run_reads_nothing_but_the_centres(
    world: World, match: Match, onefile: SandboxServer
) -> None:
    on_both_sides(world, provider_with_mistakes(20))
    match()
    before, found = calls(onefile), suggested(LEARNER)
    match()
    assert calls(onefile) - before <= 2
    assert suggested(LEARNER) == found

    with time_machine.travel(timezone.now() + timedelta(days=8)):
        estimate = match_costs.estimate(ALL)
        before = calls(onefile)
        match()
        assert abs(estimate.calls - (calls(onefile) - before)) <= 0.1 * estimate.calls
        assert estimate.is_known


def test_the_number_of_calls_is_a_guess_before_anything_was_read(
    world: World, onefile: SandboxServer
) -> None:
    on_both_sides(world, provider_with_mistakes())
    estimate = match_costs.estimate(ALL)
    assert not estimate.is_known
    assert estimate.unlinked[LEARNER] > 20
    assert estimate.calls >= estimate.unlinked[LEARNER]
    assert calls(onefile) == 0


def test_only_records_that_may_be_somebodys_are_read(
    world: World, match: Match, onefile: SandboxServer
) -> None:
    wanted = world.add_learner(first_name="Ann", last_name="Ash")
    world.add_learner(first_name="Zed", last_name="Nobody", misid="99")
    by_mis = world.add_learner(first_name="Yan", last_name="Other", misid=" a 1")
    taken = world.add_learner(first_name="Ann", last_name="Ash")
    made = {"status": "live", "start_date": timezone.localdate(), "email": "ann@example.org"}
    Learner.objects.create(first_name="Ann", surname="Birch", ident="A1", **made)
    Learner.objects.create(first_name="Ann", surname="Ash", ident="A2", onefile_id=taken.id, **made)
    match(LEARNER)
    read = DirectoryEntry.objects.exclude(detailed_at=None).values_list("onefile_id", flat=True)
    assert set(read) == {wanted.id, by_mis.id}
    assert onefile.calls["User/get"] == 2


def test_of_very_many_only_those_with_both_names_or_the_mis_value_are_read(
    world: World, match: Match, onefile: SandboxServer
) -> None:
    for number in range(30):
        world.add_learner(first_name="Ann", last_name=f"Other {number}")
    wanted = world.add_learner(first_name="Ash", last_name="Ann")
    by_mis = world.add_learner(first_name="Yan", last_name="Other", misid="A1")
    Learner.objects.create(first_name="Ann", surname="Ash", ident="a 1", email="ann@example.org", status="live",
                           start_date=timezone.localdate())  # fmt: skip
    run = match(LEARNER)
    read = DirectoryEntry.objects.exclude(detailed_at=None).values_list("onefile_id", flat=True)
    assert set(read) == {wanted.id, by_mis.id}
    assert run.expected_calls == calls(onefile)


def test_a_pair_that_is_not_the_same_is_never_suggested_again(world: World, match: Match) -> None:
    on_both_sides(world, provider_with_mistakes(20))
    match(LEARNER)
    suggestion = MatchSuggestion.objects.filter(level="certain").first()
    assert suggestion is not None
    assert suggestions.not_same(suggestion)
    assert not suggestions.not_same(suggestion)
    match(LEARNER)
    suggestion.refresh_from_db()
    assert suggestion.state == "not_same"


def test_what_is_not_found_any_more_is_forgotten(world: World, match: Match) -> None:
    on_both_sides(world, provider_with_mistakes(20))
    match(LEARNER)
    pk, onefile_id = min(suggested(LEARNER, "certain"))
    Learner.objects.filter(pk=pk).update(onefile_id=onefile_id)
    match(LEARNER)
    assert pk not in {each for each, _onefile_id in suggested(LEARNER)}


def test_a_pair_that_is_being_linked_stays_queued(world: World, match: Match) -> None:
    on_both_sides(world, provider_with_mistakes(12))
    match(LEARNER)
    one = MatchSuggestion.objects.filter(level="certain").first()
    assert one is not None
    MatchSuggestion.objects.filter(pk=one.pk).update(state="queued")
    match(LEARNER)
    one.refresh_from_db()
    assert one.state == "queued"


def test_only_the_chosen_centres_are_suggested(world: World, match: Match) -> None:
    on_both_sides(world, provider_with_mistakes(20))
    second = list(world.centres)[1]
    run = match(LEARNER, centres=[second])
    assert run.options["centres"] == [second]
    assert set(MatchSuggestion.objects.values_list("centre_id", flat=True)) == {second}


def test_an_officer_is_matched_in_each_centre(world: World, match: Match) -> None:
    OneFileSettings.objects.update(match_by="onefile_id")
    coast = world.add_centre(name="Coast")
    here = world.add_assessor(first_name="Gwen", last_name="Price", misid="17")
    there = world.add_assessor(first_name="Gwen", last_name="Price", misid="17", organisation_id=coast.id)
    gwen = Officer.objects.create(ident="17", first_name="Gwen", surname="Price")
    Learner.objects.create(
        first_name="A", surname="B", status="live", start_date=timezone.localdate(), main_officer=gwen
    )
    match(OFFICER)
    assert suggested(OFFICER, "certain") == {(str(gwen.pk), here.id), (str(gwen.pk), there.id)}
    gwen.onefile_id = here.id
    gwen.save()
    match(OFFICER)
    assert suggested(OFFICER, "certain") == {(str(gwen.pk), there.id)}


def test_whom_a_mis_value_tells_apart_is_linked_if_the_settings_say_so(
    world: World, match: Match, onefile: SandboxServer
) -> None:
    """With several centres they do. The others are suggested as before."""
    coast = world.add_centre(name="Coast")
    there = [
        world.add_assessor(first_name="Gwen", last_name="Price", misid="17", organisation_id=centre).id
        for centre in (world.centre_id, coast.id)
    ]
    other = world.add_assessor(first_name="Hugh", last_name="Rees", email="hugh@example.org")
    gwen = Officer.objects.create(ident="17", first_name="Gwen", surname="Price")
    hugh = Officer.objects.create(ident="18", first_name="Hugh", surname="Rees", email="hugh@example.org")
    for officer in (gwen, hugh):
        Learner.objects.create(
            first_name="A",
            surname="B",
            ident=f"L{officer.pk}",
            status="live",
            start_date=timezone.localdate(),
            main_officer=officer,
        )
    run = match(OFFICER)
    assert (run.state, run.failure) == (RunState.FINISHED, "")
    links = RecordLink.objects.filter(subject_pk=str(gwen.pk), how="mis_value", ended_at=None)
    assert sorted(links.values_list("onefile_id", flat=True)) == sorted(there)
    assert suggested(OFFICER) == {(str(hugh.pk), other.id)}


class _Killed(BaseException):
    pass


def test_whoever_is_killed_loses_at_most_a_call(
    world: World, match: Match, onefile: SandboxServer, monkeypatch: Any
) -> None:
    """At each stage: in the lists, before the plan, among the records, before the pairs."""
    truth = on_both_sides(world, provider_with_mistakes(12))
    run = match_run.start(ALL, queued=False)
    kills = 0
    moment = timezone.now()
    for name in ("_plan", "_note_record", "find_pairs"):
        module = suggestions if name == "find_pairs" else match_run
        real = getattr(module, name)

        def killed(*args: Any, real: Any = real, name: str = name, **options: Any) -> Any:
            monkeypatch.setattr(suggestions if name == "find_pairs" else match_run, name, real)
            # A process that is killed releases nothing.
            monkeypatch.setattr(match_run, "_free", lambda held: None)
            raise _Killed

        monkeypatch.setattr(module, name, killed)
        with time_machine.travel(moment), pytest.raises(_Killed):
            daily.perform(run, sleep=dont_wait)
        monkeypatch.setattr(match_run, "_free", _real_free)
        kills += 1
        moment += timedelta(minutes=6)
    with time_machine.travel(moment):
        daily.perform(run, sleep=dont_wait)
    run.refresh_from_db()
    assert (run.state, run.failure, kills) == (RunState.FINISHED, "", 3)
    assert suggested(LEARNER, "certain") <= truth.learners
    assert suggested(LEARNER)
    assert calls(onefile) <= (run.expected_calls or 0) + kills
    assert not DirectoryEntry.objects.exclude(due_in=None).exists()


_real_free = match_run._free


class TestWhatCannotBeDone:
    def test_the_ids_in_picsweb_are_of_another_onefile(self, world: World, onefile: SandboxServer) -> None:
        other = Tenant.objects.create(environment="live", address="https://x.example", token_digest="x")
        OneFileSettings.objects.update(linked_tenant=other)
        Learner.objects.create(first_name="A", surname="B", onefile_id=7, start_date=timezone.localdate())
        with pytest.raises(Refused):
            match_run.start(ALL)

    def test_a_record_that_was_deleted_since_is_gone(
        self, world: World, match: Match, onefile: SandboxServer, monkeypatch: Any
    ) -> None:
        on_both_sides(world, provider_with_mistakes(12))
        real = match_run._plan

        def plan(run: SyncRun, tenant: Tenant) -> None:
            real(run, tenant)
            entry = DirectoryEntry.objects.exclude(due_in=None).filter(kind="learner").first()
            assert entry is not None
            del world.users[entry.onefile_id]

        monkeypatch.setattr(match_run, "_plan", plan)
        run = match(LEARNER)
        assert (run.state, run.failure) == (RunState.FINISHED, "")
        assert DirectoryEntry.objects.exclude(gone_at=None).count() == 1

    def test_onefile_cannot_be_reached(self, world: World, match: Match, monkeypatch: Any) -> None:
        on_both_sides(world, provider_with_mistakes(12))

        def person(*_args: Any) -> None:
            raise OneFileError("unreachable", "read user")

        monkeypatch.setattr("onefile_sync.onefile.client.OneFile.person", person)
        run = match(LEARNER)
        assert run.failure == "unreachable"
        assert worker.STEPS["match"] is match_run.step

    def test_a_second_click_leads_to_the_same_run(self, world: World, onefile: SandboxServer) -> None:
        first = match_run.start([LEARNER], queued=False)
        assert match_run.start([OFFICER], queued=False) == first
        first.refresh_from_db()
        assert first.options["kinds"] == [LEARNER]

    def test_picsweb_uses_another_onefile_since_the_run_was_started(self, onefile: SandboxServer) -> None:
        run = match_run.start([LEARNER], queued=False)
        SyncRun.objects.filter(pk=run.pk).update(options={**run.options, "tenant": 0})
        daily.perform(run, sleep=dont_wait)
        run.refresh_from_db()
        assert (run.state, run.failure) == (RunState.FINISHED, "environment_changed")

    def test_a_record_that_cannot_be_read_is_kept_as_listed(
        self, world: World, match: Match, monkeypatch: Any
    ) -> None:
        on_both_sides(world, provider_with_mistakes(12))

        asked: list[int] = []

        def unreadable(_onefile: Any, onefile_id: int) -> None:
            asked.append(onefile_id)
            raise OneFileError("bad_answer", "read user")

        monkeypatch.setattr("onefile_sync.onefile.client.OneFile.person", unreadable)
        run = match(LEARNER)
        assert (run.state, run.failure) == (RunState.FINISHED, "")
        kept = DirectoryEntry.objects.filter(
            onefile_id__in=asked, due_in=None, gone_at=None, detailed_at=None
        )
        assert kept.count() == len(asked) > 0

    @pytest.mark.parametrize(
        "blank",
        [lambda record: {"ID": record["ID"]}, lambda record: dict.fromkeys(record) | {"ID": record["ID"]}],
        ids=["missing", "null"],
    )
    def test_an_answer_that_says_nothing_of_the_person_is_not_kept(
        self, world: World, match: Match, onefile: SandboxServer, blank: Callable[[dict[str, Any]], Any]
    ) -> None:
        on_both_sides(world, provider_with_mistakes(12))
        trouble = Fault(operation="User/get", kind="edited", when="after", times=1000, edit=blank)
        onefile.faults.append(trouble)
        match(LEARNER)
        entries = DirectoryEntry.objects.filter(kind="learner")
        assert not entries.filter(name="").exists()
        assert not entries.exclude(detailed_at=None).exists()
        onefile.faults.clear()
        match(LEARNER)
        assert entries.exclude(detailed_at=None).count() == 1000 - trouble.times


class _Recorder:
    """A OneFile that notes which records are asked for, and has none of them."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.transport = SimpleNamespace(calls=0, rate_limited=0)

    def person(self, onefile_id: int) -> Any:
        self.asked.append(onefile_id)
        raise OneFileError("not_found", "read user")


class TestSeveralWorkers:
    @pytest.fixture
    def run(self, onefile: SandboxServer) -> SyncRun:
        """A run with two records to read."""
        run = SyncRun.objects.create(kind="match", expected_calls=2)
        for onefile_id in (1, 2):
            DirectoryEntry.objects.create(
                tenant=present_tenant(), kind=LEARNER, onefile_id=onefile_id, due_in=run.pk
            )
        return run

    def test_a_plan_is_made_once(self, run: SyncRun) -> None:
        DirectoryEntry.objects.update(due_in=None)
        match_run._plan(run, present_tenant())
        run.refresh_from_db()
        assert run.expected_calls == 2

    def test_one_of_them_matches_while_the_others_wait(self, onefile: SandboxServer) -> None:
        lock = DirectoryList.objects.create(tenant=present_tenant(), kind="centre", centre_id=0)
        assert leases.claim(DirectoryList.objects.filter(pk=lock.pk))
        done: list[bool] = []
        assert not match_run._alone(present_tenant(), lambda _renew: done.append(True))
        assert not done

    def test_one_that_has_lost_its_records_reads_none(self, run: SyncRun, monkeypatch: Any) -> None:
        theirs: Any = _Recorder()
        monkeypatch.setattr(match_run, "_renew", lambda _held: None)
        assert match_run._read_records(run, theirs, lambda: False)
        assert theirs.asked == []

    def test_when_time_is_up_the_rest_is_free_for_the_next(self, run: SyncRun) -> None:
        theirs: Any = _Recorder()
        assert match_run._read_records(run, theirs, lambda: True)
        assert theirs.asked == [1]
        left = DirectoryEntry.objects.get(due_in=run.pk)
        assert (left.onefile_id, left.claimed_by) == (2, None)
