"""What a person ticked is linked, if the two records still agree, and never half."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from example_project.picsweb.models import Learner, Officer, Organisation, Qualification
from onefile_sync import services
from onefile_sync.linking import confirmed_matches, decided_rows, learner_links, linker, match_run
from onefile_sync.models import (
    DirectoryEntry,
    DirectoryList,
    MatchSuggestion,
    RecordLink,
    RunState,
    SyncRun,
    Tenant,
)
from onefile_sync.onefile.errors import OneFileError
from onefile_sync.reporting import matches
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.sync import daily
from onefile_sync.sync.runs import leases, lifecycle
from tests.conftest import dont_wait

from .provider import on_both_sides, provider_with_mistakes, suggested

pytestmark = pytest.mark.parametrize("host", ["picsweb"], indirect=True)

ALL = ("learner", "officer", "organisation")
Link = Callable[..., SyncRun]


@pytest.fixture
def link(onefile: SandboxServer) -> Link:
    """Link suggestions here and now: those given, else all that may be ticked."""

    def perform(*suggestions: MatchSuggestion, **options: Any) -> SyncRun:
        pks = [each.pk for each in suggestions or MatchSuggestion.objects.filter(state="open")]
        run = confirmed_matches.link_ticked(pks, queued=False, **options)
        assert run is not None
        return daily.perform(run, sleep=dont_wait)

    return perform


def matched(*kinds: str) -> None:
    daily.perform(match_run.start(kinds or ALL, queued=False), sleep=dont_wait)


@pytest.fixture
def one(world: World, onefile: SandboxServer) -> MatchSuggestion:
    """A learner who is certainly somebody in OneFile."""
    world.add_learner(
        first_name="Ann", last_name="Ash", misid="A1", dob=timezone.localdate(), uln="1000000035"
    )
    Learner.objects.create(
        first_name="Ann",
        surname="Ash",
        ident="A1",
        uln="1000000035",
        date_of_birth=timezone.localdate(),
        status="live",
        start_date=timezone.localdate(),
    )
    matched("learner")
    return MatchSuggestion.objects.get(level="certain")


def calls(onefile: SandboxServer) -> int:
    return sum(count for operation, count in onefile.calls.items() if operation != "Authentication")


def test_certain_and_strong_pairs_are_linked(world: World, onefile: SandboxServer, link: Link) -> None:
    truth = on_both_sides(world, provider_with_mistakes(20))
    matched()
    ticked = {kind: suggested(kind, "certain") for kind in ALL}
    others = MatchSuggestion.objects.exclude(level__in=("certain", "strong")).count()
    before = calls(onefile)
    run = link(*MatchSuggestion.objects.filter(level="certain"))

    assert (run.state, run.failure) == (RunState.FINISHED, "")
    for kind, model in (("learner", Learner), ("officer", Officer), ("organisation", Organisation)):
        links = RecordLink.objects.filter(subject_kind=kind, ended_at=None, how="matched")
        made = set(links.values_list("subject_pk", "onefile_id"))
        assert made == ticked[kind]
        in_rows = model._default_manager.exclude(onefile_id=None).values_list("pk", "onefile_id")
        assert {(str(pk), onefile_id) for pk, onefile_id in in_rows} <= made
    assert ticked["learner"] <= truth.learners
    assert calls(onefile) - before <= 4 * len(ticked["learner"]) + len(ticked["officer"])
    assert (
        MatchSuggestion.objects.exclude(level__in=("certain", "strong")).filter(state="open").count()
        == others
    )
    assert Qualification.objects.exclude(onefile_id=None).count() >= len(ticked["learner"])
    further = RecordLink.objects.filter(subject_kind="officer", in_row=False)
    assert further.exists(), "the users in the second centre"


@pytest.mark.parametrize("learners", [25])
def test_the_number_of_calls_that_is_told_is_right(
    world: World, onefile: SandboxServer, link: Link, learners: int
) -> None:
    """Lists of reviews have a second page where the first one may have been cut off."""
    on_both_sides(world, provider_with_mistakes(learners))
    matched()
    before = calls(onefile)
    run = link(*MatchSuggestion.objects.filter(level__in=("certain", "strong")))
    made = calls(onefile) - before
    assert run.expected_calls is not None
    assert abs(run.expected_calls - made) <= 0.1 * made


def test_possible_pairs_are_not_linked_together(world: World, onefile: SandboxServer) -> None:
    on_both_sides(world, provider_with_mistakes(20))
    matched("learner")
    others = MatchSuggestion.objects.exclude(level__in=("certain", "strong"))
    assert others.exists()
    assert confirmed_matches.link_ticked(others.values_list("pk", flat=True)) is None
    assert confirmed_matches.link_ticked([others[0].pk], singly=True, queued=False) is not None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda world, learner, user: setattr(user, "last_name", "Other"), "match_changed"),
        (lambda world, learner, user: setattr(user, "uln", "1000000043"), "match_changed"),
        (lambda world, learner, user: setattr(user, "role", 5), "link_not_a_learner"),
        (lambda world, learner, user: world.users.pop(user.id), "not_found"),
        (
            lambda world, learner, user: setattr(user, "organisation_id", world.add_centre().id),
            "match_other_role",
        ),
        (lambda world, learner, user: _set(learner, onefile_id=7), "match_linked_meanwhile"),
        (lambda world, learner, user: _set(learner, surname="Birch"), "match_changed"),
        (
            lambda world, learner, user: Learner.objects.create(
                first_name="B", surname="B", onefile_id=user.id, start_date=timezone.localdate()
            ),
            "link_taken",
        ),
    ],
    ids=["surname", "uln", "role", "gone", "centre", "linked", "ours", "taken"],
)
def test_each_is_looked_at_once_more(
    one: MatchSuggestion, world: World, link: Link, change: Callable[..., Any], code: str
) -> None:
    learner, user = Learner.objects.get(), world.users[one.onefile_id]
    change(world, learner, user)
    run = link(one)
    one.refresh_from_db()
    assert (one.state, one.refusal, run.failure) == ("refused", code, "")
    assert not RecordLink.objects.exists()


def _set(learner: Learner, **values: Any) -> None:
    Learner.objects.filter(pk=learner.pk).update(**values)


def test_whoever_linked_the_two_meanwhile_did_it(one: MatchSuggestion, link: Link) -> None:
    Learner.objects.update(onefile_id=one.onefile_id)
    link(one)
    one.refresh_from_db()
    assert one.state == "linked"


def test_a_pair_that_a_person_unlinked_is_not_certain_again(one: MatchSuggestion, link: Link) -> None:
    link(one)
    learner_links.unlink_learner(one.subject_pk)
    matched("learner")
    one.refresh_from_db()
    assert (one.state, one.level) == ("open", "possible")
    assert confirmed_matches.link_ticked([one.pk], queued=False) is None
    link(one, singly=True)
    assert Learner.objects.get().onefile_id == one.onefile_id


def test_reviews_that_cannot_be_told_wait(one: MatchSuggestion, world: World, link: Link, host: Any) -> None:
    learner, day = Learner.objects.get(), timezone.now()
    officer = Officer.objects.create(ident="1", first_name="A", surname="B")
    for number in (1, 2):
        host.review(learner, officer=officer, proposed_date=(day + timedelta(days=number)).date())
    for number in (1, 5):
        starts = day + timedelta(days=number)
        visit = world.add_visit(one.onefile_id, date_from=starts, date_to=starts)
        world.add_review(one.onefile_id, visit_id=visit.id, scheduled_for=starts)
    link(one)
    made = RecordLink.objects.get(subject_kind="learner")
    assert made.reviews_pending
    assert RecordLink.objects.filter(subject_kind="review", parent=made).count() == 1


def test_a_review_held_long_after_its_proposed_date_waits(
    one: MatchSuggestion, world: World, link: Link, host: Any
) -> None:
    """PICSWeb has both dates; OneFile has the later one only."""
    officer, held = Officer.objects.create(ident="1", first_name="A", surname="B"), timezone.now()
    held -= timedelta(days=200)
    host.review(
        Learner.objects.get(),
        officer=officer,
        proposed_date=(held - timedelta(days=70)).date(),
        actual_date=held.date(),
    )
    visit = world.add_visit(one.onefile_id, date_from=held, date_to=held)
    world.add_review(one.onefile_id, visit_id=visit.id, scheduled_for=held)
    link(one)
    assert RecordLink.objects.get(subject_kind="learner").reviews_pending


class _Killed(BaseException):
    pass


@pytest.mark.parametrize("moment", ["before", "within", "after"])
def test_whoever_is_killed_leaves_nothing_half_linked(
    one: MatchSuggestion, link: Link, monkeypatch: Any, moment: str
) -> None:
    def killed(*_args: Any, **_options: Any) -> None:
        raise _Killed

    run = confirmed_matches.link_ticked([one.pk], queued=False)
    assert run is not None
    where, name = {
        "before": (learner_links, "_link_all"),
        "within": (linker, "_save"),
        "after": (decided_rows, "_settle"),
    }[moment]
    with monkeypatch.context() as patched:
        patched.setattr(decided_rows, "_settle", killed)  # a process that is killed releases nothing
        patched.setattr(where, name, killed)
        with pytest.raises(_Killed):
            daily.perform(run, sleep=dont_wait)
    one.refresh_from_db()
    assert one.state == "queued"
    assert (
        RecordLink.objects.exists() == (Learner.objects.get().onefile_id is not None) == (moment == "after")
    )

    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        daily.perform(run, sleep=dont_wait)
    one.refresh_from_db()
    run.refresh_from_db()
    assert (one.state, run.state) == ("linked", RunState.FINISHED)
    assert RecordLink.objects.filter(subject_kind="learner", ended_at=None).count() == 1


def test_what_a_cancelled_run_left_is_undecided_again(one: MatchSuggestion, onefile: SandboxServer) -> None:
    run = confirmed_matches.link_ticked([one.pk], queued=False)
    assert run is not None
    assert confirmed_matches.link_ticked([one.pk], queued=False) is None, "it is queued already"
    lifecycle.cancel(run, None)
    run.refresh_from_db()
    assert (run.state, run.failure) == (RunState.FINISHED, ""), "it has not failed"
    assert list(matches.suggestions("learner")) == [one], "it is on the page at once"
    assert matches.is_undecided(one)
    confirmed_matches.take_back()
    one.refresh_from_db()
    assert (one.state, one.linking_run) == ("open", None)


@pytest.fixture
def officer(world: World, onefile: SandboxServer) -> MatchSuggestion:
    """An officer in use who is certainly an assessor in OneFile."""
    world.add_assessor(first_name="Gwen", last_name="Price", misid="17")
    ours = Officer.objects.create(first_name="Gwen", surname="Price", ident="17")
    Learner.objects.create(
        first_name="Ann", surname="Ash", main_officer=ours, status="live", start_date=timezone.localdate()
    )
    matched("officer")
    return MatchSuggestion.objects.get(subject_kind="officer")


@pytest.fixture
def employer(world: World, onefile: SandboxServer) -> MatchSuggestion:
    """An organisation that is certainly a placement in OneFile."""
    world.add_placement(name="Hallam Engineering", misid="9")
    Organisation.objects.create(name="Hallam Engineering", ident="9")
    matched("organisation")
    return MatchSuggestion.objects.get(subject_kind="organisation")


def on_record(of: MatchSuggestion, **values: Any) -> RecordLink:
    """A link of the same row that somebody else made."""
    return linker.link(
        of.subject_kind,
        of.subject_pk,
        values.pop("onefile_id", 77),
        tenant=of.tenant,
        how="checked",
        **values,
    )


def assert_refused(suggestion: MatchSuggestion, code: str) -> None:
    suggestion.refresh_from_db()
    assert (suggestion.state, suggestion.refusal) == ("refused", code)
    assert not RecordLink.objects.filter(onefile_id=suggestion.onefile_id).exists()


class TestAnOfficerWhoChangedMeanwhile:
    def test_without_a_change_the_officer_is_linked(self, officer: MatchSuggestion, link: Link) -> None:
        link(officer)
        assert Officer.objects.get().onefile_id == officer.onefile_id

    def test_is_no_assessor_any_more(self, officer: MatchSuggestion, world: World, link: Link) -> None:
        world.users[officer.onefile_id].role = 1
        link(officer)
        assert_refused(officer, "match_other_role")

    def test_works_in_another_centre(self, officer: MatchSuggestion, world: World, link: Link) -> None:
        world.users[officer.onefile_id].organisation_id = world.add_centre().id
        link(officer)
        assert_refused(officer, "match_other_role")

    def test_is_hidden_in_picsweb(self, officer: MatchSuggestion, link: Link, monkeypatch: Any) -> None:
        monkeypatch.setattr(confirmed_matches.host, "read_people", lambda _kind, _pks: [])
        link(officer)
        assert_refused(officer, "link_row_gone")

    def test_was_deleted_in_picsweb(self, officer: MatchSuggestion, link: Link, monkeypatch: Any) -> None:
        monkeypatch.setattr(confirmed_matches.host, "onefile_ids", lambda _kind, _pks: {})
        link(officer)
        assert_refused(officer, "link_row_gone")

    def test_has_another_user_of_the_same_centre_on_record(
        self, officer: MatchSuggestion, link: Link
    ) -> None:
        on_record(officer, centre_id=officer.centre_id, in_row=False)
        link(officer)
        assert_refused(officer, "match_linked_meanwhile")

    def test_has_a_typed_id_of_which_no_list_knows_the_centre(
        self, officer: MatchSuggestion, link: Link
    ) -> None:
        Officer.objects.update(onefile_id=77)
        link(officer)
        assert_refused(officer, "match_linked_meanwhile")
        assert Officer.objects.get().onefile_id == 77

    def test_has_a_typed_id_of_another_centre_and_is_linked_in_this_one_too(
        self, officer: MatchSuggestion, link: Link
    ) -> None:
        Officer.objects.update(onefile_id=77)
        DirectoryEntry.objects.create(
            tenant=officer.tenant, kind="assessor", centre_id=officer.centre_id + 1, onefile_id=77, role=5
        )
        link(officer)
        made = RecordLink.objects.get(onefile_id=officer.onefile_id)
        assert (made.in_row, made.centre_id) == (False, officer.centre_id)
        assert Officer.objects.get().onefile_id == 77


class TestAnOrganisationThatChangedMeanwhile:
    def test_without_a_change_it_is_linked(self, employer: MatchSuggestion, link: Link) -> None:
        link(employer)
        assert Organisation.objects.get().onefile_id == employer.onefile_id

    def test_is_hidden_in_picsweb(self, employer: MatchSuggestion, link: Link, monkeypatch: Any) -> None:
        monkeypatch.setattr(confirmed_matches.host, "organisations", lambda _pks: iter(()))
        link(employer)
        assert_refused(employer, "link_row_gone")

    def test_the_list_of_placements_is_of_the_day_before(self, employer: MatchSuggestion, link: Link) -> None:
        DirectoryList.objects.update(read_at=timezone.now() - timedelta(hours=25))
        link(employer)
        assert_refused(employer, "match_not_listed")

    def test_the_placement_is_not_in_the_list_any_more(self, employer: MatchSuggestion, link: Link) -> None:
        DirectoryEntry.objects.filter(kind="placement").delete()
        link(employer)
        assert_refused(employer, "match_not_listed")


class TestARunThatCannotGoOn:
    def test_picsweb_uses_another_onefile_now(self, one: MatchSuggestion, onefile: SandboxServer) -> None:
        run = confirmed_matches.link_ticked([one.pk], queued=False)
        assert run is not None
        other = Tenant.objects.create(environment="live", address="https://x.example", token_digest="x")
        SyncRun.objects.filter(pk=run.pk).update(options={"tenant": other.pk})
        daily.perform(run, sleep=dont_wait)
        run.refresh_from_db()
        assert (run.state, run.failure) == (RunState.FINISHED, "environment_changed")
        assert not RecordLink.objects.exists()

    def test_onefile_refuses_every_call(self, one: MatchSuggestion, link: Link, monkeypatch: Any) -> None:
        def unreachable(*_args: Any) -> None:
            raise OneFileError("unreachable", "read user")

        monkeypatch.setattr("onefile_sync.onefile.client.OneFile.person", unreachable)
        run = link(one)
        one.refresh_from_db()
        assert run.failure == "unreachable"
        assert (one.state, one.claimed_by) == ("queued", None), "no refusal of this pair, and nobody's lease"

    def test_the_last_pair_of_another_worker_is_left_to_it(self, one: MatchSuggestion) -> None:
        run = confirmed_matches.link_ticked([one.pk], queued=False)
        assert run is not None
        assert leases.claim(MatchSuggestion.objects.filter(pk=one.pk))
        no_onefile: Any = None
        assert confirmed_matches.step(run, no_onefile, lambda: False) is False
        run.refresh_from_db()
        assert run.read_at is None


def test_what_a_cancelled_run_left_can_be_told_apart_at_once(one: MatchSuggestion) -> None:
    run = confirmed_matches.link_ticked([one.pk], queued=False)
    assert run is not None
    assert not services.not_same(one)
    lifecycle.cancel(run, None)
    assert services.not_same(one)
