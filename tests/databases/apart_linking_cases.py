"""Run by :mod:`tests.databases.test_routers`, under ``tests.databases.apart``: links to rows in another database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from onefile_sync import host as picsweb
from onefile_sync import services
from onefile_sync.linking import directory, linker, match_run
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import (
    DirectoryKind,
    LinkMethod,
    MatchSuggestion,
    OneFileSettings,
    RecordLink,
)
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.services import LinkDecision, LinkRefused, ReviewsAnswer
from tests.conftest import dont_wait, problems, sync
from tests.factories import Host
from tests.scenarios.two_of_each import TwoOfEach, build_two_of_each

KINDS = ("learner", "qualification", "review", "officer", "organisation")


@pytest.fixture
def scenario(host: Host, world: World, onefile: SandboxServer) -> TwoOfEach:
    """A learner, two qualifications and a review with OneFile IDs, and a review without one."""
    return build_two_of_each(host, world)


@pytest.fixture
def office() -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("office"))
    return client


def ids(*kinds: str) -> dict[tuple[str, str], int]:
    return {
        (kind, pk): onefile_id
        for kind in kinds or KINDS
        for pk, onefile_id, _centre in picsweb.rows_with_onefile_id(kind)
    }


def open_links() -> set[tuple[str, str, int]]:
    links = RecordLink.objects.filter(ended_at=None)
    return set(links.values_list("subject_kind", "subject_pk", "onefile_id"))


def link(scenario: TwoOfEach, answer: ReviewsAnswer = ReviewsAnswer.PAIRED) -> RecordLink:
    seen = services.check_onefile_id(scenario.learner, scenario.onefile_id)
    decision = LinkDecision(
        shown=seen.shown,
        same_person=True,
        qualifications=seen.qualifications.certain,
        reviews=seen.reviews.certain,
        reviews_answer=answer,
    )
    return services.link(scenario.learner, scenario.onefile_id, decision)


def test_a_learner_is_unlinked_and_linked_again(scenario: TwoOfEach, world: World) -> None:
    before = ids()
    assert services.unlink(scenario.learner) is not None
    assert set(ids()) == {key for key in before if key[0] == "officer"}
    assert open_links() == set()
    made = link(scenario)
    assert ids() == before
    assert open_links() == {(*key, each) for key, each in before.items() if key[0] != "officer"}
    assert not made.reviews_pending
    assert sync(scenario.learner).state == "updated"
    assert len(world.reviews_of(scenario.onefile_id)) == 3


def test_reviews_wait_until_they_are_paired(scenario: TwoOfEach, world: World) -> None:
    services.unlink(scenario.learner)
    RecordLink.objects.all().delete()  # as if it had never been linked
    link(scenario, ReviewsAnswer.LATER)
    assert "reviews_not_paired" in problems(sync(scenario.learner))
    assert len(world.reviews_of(scenario.onefile_id)) == 2


class Trouble:
    """Fails at the n-th write to a row of PICSWeb, or to the record of links."""

    def __init__(
        self, patch: pytest.MonkeyPatch, at: int, error: BaseException, *, after: bool = False
    ) -> None:
        save, self.writes = picsweb.save_fields, 0

        def save_or_fail(kind: str, pk: str, *given: Any) -> Any:
            self.writes += 1
            if self.writes == at and not after:
                raise error
            saved = save(kind, pk, *given)
            if self.writes == at:
                raise error
            return saved

        patch.setattr(picsweb, "save_fields", save_or_fail)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
@pytest.mark.parametrize("work", ["link", "unlink"])
def test_what_fails_in_the_middle_leaves_both_databases_as_they_were(
    scenario: TwoOfEach, monkeypatch: pytest.MonkeyPatch, work: str, at: int, after: bool
) -> None:
    if work == "link":
        services.unlink(scenario.learner)
    before = ids(), open_links(), RecordLink.objects.count()
    with monkeypatch.context() as patch:
        Trouble(patch, at, ZeroDivisionError(), after=after)
        with pytest.raises(ZeroDivisionError):
            link(scenario) if work == "link" else services.unlink(scenario.learner)
    assert (ids(), open_links(), RecordLink.objects.count()) == before


def test_a_refusal_in_the_middle_leaves_both_databases_as_they_were(
    scenario: TwoOfEach, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.unlink(scenario.learner)
    before = ids(), open_links()
    with monkeypatch.context() as patch:
        Trouble(patch, 3, picsweb.Rejected("review", "1"))
        with pytest.raises(LinkRefused, match="link_not_taken"):
            link(scenario)
    assert (ids(), open_links()) == before


def test_an_officer_and_an_organisation_are_looked_up(
    host: Host, world: World, onefile: SandboxServer
) -> None:
    officer = host.officer(onefile_id=None, first_name="Gwen", surname="Price")
    organisation = host.organisation(onefile_id=None, name="Tŷ Gwyn Care")
    gwen, placement = world.add_assessor(), world.add_placement()
    read_lists()
    for row, onefile_id in ((officer, gwen.id), (organisation, placement.id)):
        assert [each.entry.onefile_id for each in services.link_suggestions(row).suggestions] == [onefile_id]
        services.link_record(row, onefile_id)
    assert sorted(ids().values()) == sorted([gwen.id, placement.id])
    services.unlink_record(officer, gwen.id)
    assert list(ids()) == [("organisation", str(organisation.pk))]
    assert len(open_links()) == 1


def test_officers_are_linked_by_mis_value(host: Host, world: World, onefile: SandboxServer) -> None:
    officer = host.officer(onefile_id=None, ident="S1")
    gwen = world.add_assessor(misid="S1")
    OneFileSettings.objects.update(match_by="mis_value")
    read_lists()
    assert ids() == {("officer", str(officer.pk)): gwen.id}


@pytest.fixture
def matched(host: Host, world: World, onefile: SandboxServer) -> Callable[[], None]:
    """Somebody who is certainly the same, with an officer, and a run that has found them."""
    officer = host.officer(onefile_id=None, first_name="Gwen", surname="Price", ident="S1")
    host.learner(
        onefile_id=None, first_name="Ann", surname="Ash", ident="L1", uln="9876543228", main_officer=officer
    )
    world.add_learner(first_name="Ann", last_name="Ash", misid="L1", uln="9876543228")
    world.add_assessor(first_name="Gwen", last_name="Price", misid="S1")

    def match() -> None:
        services.perform(
            match_run.start(["learner", "officer", "organisation"], queued=False), sleep=dont_wait
        )

    return match


def test_what_was_matched_and_ticked_is_linked(matched: Callable[[], None]) -> None:
    matched()
    found = list(MatchSuggestion.objects.filter(level__in=("certain", "strong")).values_list("pk", flat=True))
    assert len(found) == 2
    run = services.link_ticked(found, queued=False)
    assert run is not None
    services.perform(run, sleep=dont_wait)
    assert set(MatchSuggestion.objects.values_list("state", "refusal")) == {("linked", "")}
    assert {kind for kind, _pk in ids()} == {"learner", "officer"}
    assert {(*key, each) for key, each in ids().items()} == open_links()


class TestAnotherEnvironment:
    @pytest.fixture(autouse=True)
    def in_practice(self, host: Host, settings: Any) -> None:
        settings.ONEFILE_SYNC = {k: v for k, v in settings.ONEFILE_SYNC.items() if k != "BASE_URL"}
        self.go_to("practice")
        self.learner = host.learner(onefile_id=501)
        host.review(self.learner, onefile_id=601)
        linker.link(
            "officer",
            str(host.officer(onefile_id=None).pk),
            701,
            tenant=present_tenant(),
            how=LinkMethod.LOOKED_UP,
        )

    def go_to(self, environment: str) -> None:
        row = OneFileSettings.load()
        row.environment, row.enabled = environment, True
        row.set_customer_token(f"token-of-{environment}")
        row.save()

    def test_links_are_put_away_and_brought_back(self) -> None:
        before = ids()
        assert len(before) == 3
        self.go_to("live")
        services.begin_move(None)
        assert ids() == {}
        assert open_links() == set()
        self.go_to("practice")
        services.begin_move(None)
        assert ids() == before
        assert open_links() == {(*key, each) for key, each in before.items()}

    @pytest.mark.parametrize("at", [1, 2, 3])
    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    @pytest.mark.parametrize("back", [False, True], ids=["away", "back"])
    def test_a_move_that_is_cut_off_is_brought_to_its_end(
        self, monkeypatch: pytest.MonkeyPatch, at: int, after: bool, back: bool
    ) -> None:
        before = ids()
        self.go_to("live")
        if back:
            services.begin_move(None)
            self.go_to("practice")
        with monkeypatch.context() as patch:
            Trouble(patch, at, ZeroDivisionError(), after=after)
            with pytest.raises(ZeroDivisionError):
                services.begin_move(None)
        assert services.move_links()
        assert ids() == (before if back else {})
        if not back:
            self.go_to("practice")
            services.begin_move(None)
            assert ids() == before
        assert open_links() == {(*key, each) for key, each in before.items()}


@pytest.mark.parametrize("host", ["picsweb"], indirect=True)
def test_every_page_of_linking_opens(
    scenario: TwoOfEach, matched: Callable[[], None], office: Client, host: Host
) -> None:
    read_lists()
    matched()
    services.unlink(scenario.learner)
    organisation, suggestion = host.organisation(), MatchSuggestion.objects.first()
    assert suggestion is not None
    address = {
        name: reverse(f"onefile_sync:{name}")
        for name in (
            "unmatched",
            "unmatched-csv",
            "match",
            "matches",
            "matches_csv",
            "qualification-links",
            "lists",
        )
    }
    pages = [
        *address.values(),
        reverse("onefile_sync:link", args=[scenario.learner.pk]),
        reverse("onefile_sync:link", args=[scenario.learner.pk]) + f"?onefile_id={scenario.onefile_id}",
        reverse("onefile_sync:unlink", args=[scenario.learner.pk]),
        reverse("onefile_sync:look-up", args=["officer", scenario.officer.pk]),
        reverse("onefile_sync:look-up", args=["organisation", organisation.pk]),
        reverse("onefile_sync:match_pair", args=[suggestion.pk]),
        reverse("onefile_sync:health"),
        reverse("admin:onefile_sync_recordlink_changelist"),
        reverse("admin:onefile_sync_recordlink_changelist") + "?q=501",
    ]
    answers = {page: office.get(page, follow=True).status_code for page in pages}
    assert answers == dict.fromkeys(pages, 200)


def read_lists() -> None:
    services.perform(directory.start_reading(tuple(DirectoryKind), queued=False), sleep=dont_wait)
