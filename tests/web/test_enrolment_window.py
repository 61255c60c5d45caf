"""The window *Create Learner in OneFile*, with the parser of a browser and without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from example_project.picsweb.models import Learner
from onefile_sync import services
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import CreateIntent, OneFileSettings, RunKind, SyncRun
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from tests.enrolment.conftest import ULN, NewLearner, add_qualification, perform
from tests.staff_fixtures import words

pytestmark = [
    pytest.mark.parametrize("host", ["picsweb"], indirect=True),
    pytest.mark.usefixtures("defaults_chosen"),
]


class Form(HTMLParser):
    """What a browser sends of the window's form, unless somebody changes it."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__()
        self.inside = False
        self.select = ""
        self.values: dict[str, Any] = {}
        self.feed(response.content.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.inside = told.get("id") == "onefile-enrol"
        if not self.inside:
            return
        if tag == "input" and (told["type"] == "hidden" or "checked" in told):
            self.values[told["name"]] = told["value"]
        if tag == "select":
            self.select = told["name"]
            self.values[self.select] = ""
        if tag == "option" and "selected" in told:
            self.values[self.select] = told["value"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False


@pytest.fixture
def office(staff: Callable[..., User], browser: Callable[..., Any]) -> Any:
    return browser(staff("enrol_learner", "link_records", "change_learner", "change_officer"))


def window_of(learner: Learner) -> str:
    return reverse("onefile_sync:enrol", args=[learner.pk])


def looked_for(office: Any, learner: Learner, **values: Any) -> HttpResponse:
    """Press the button that looks in OneFile, let the run end, and open the window again."""
    answer = office.post(window_of(learner), {"action": "check", **values})
    assert (answer.status_code, answer["Location"]) == (302, window_of(learner))
    perform(SyncRun.objects.get(kind=RunKind.ENROL_CHECK, finished_at=None))
    return office.get(window_of(learner))


def test_nothing_is_looked_for_until_the_button_is_pressed(office: Any, new_learner: NewLearner) -> None:
    page = office.get(window_of(new_learner()))
    assert "Look for this learner in OneFile" in words(page)
    assert "Create in OneFile</button>" not in words(page)
    assert not SyncRun.objects.filter(kind=RunKind.ENROL_CHECK).exists()


def test_the_page_follows_the_check_with_and_without_javascript(office: Any, new_learner: NewLearner) -> None:
    learner = new_learner()
    office.post(window_of(learner), {"action": "check"})
    page = words(office.get(window_of(learner)))
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page
    assert f"/onefile/run/{SyncRun.objects.get(kind=RunKind.ENROL_CHECK).pk}/progress/" in page
    assert "Look for this learner in OneFile" not in page


def test_the_window_shows_everything_that_is_sent(office: Any, new_learner: NewLearner) -> None:
    learner = new_learner(uln="9999999999", sex="")
    page = words(looked_for(office, learner))
    for text in (
        "<td>Ann</td>",
        "<td>04/03/2005</td>",
        "<s>9999999999</s>",
        "ULN on the learner&#x27;s record is not valid",
        "– not sent",
        "None: OneFile has nobody with this MIS Value, email or name.",
        "Ola Reed",
        "Will be created in OneFile",
        "Main class",
        "The Delivery Plan has no qualification.",
        "n0001@home.example",
        "Reviews: 0 will be uploaded.",
        "Create in OneFile</button>",
    ):
        assert text in page, text


def test_what_is_no_proper_name_is_shown_as_text(office: Any, new_learner: NewLearner) -> None:
    page = looked_for(office, new_learner(first_name="<script>alert(1)</script>"))
    assert "<script>alert(1)" not in page.content.decode()
    assert "&lt;script&gt;alert(1)" in page.content.decode()


def test_what_was_shown_is_created(office: Any, new_learner: NewLearner) -> None:
    learner = new_learner()
    page = looked_for(office, learner)
    answer = office.post(window_of(learner), {**Form(page).values, "action": "create"})
    run = SyncRun.objects.get(kind=RunKind.ENROL)
    assert (answer.status_code, run.get_absolute_url() in answer["Location"]) == (302, True)
    assert "This learner is being created in OneFile now." in words(office.get(window_of(learner)))


def test_what_has_changed_meanwhile_is_shown_again(office: Any, new_learner: NewLearner) -> None:
    learner = new_learner()
    form = Form(looked_for(office, learner)).values
    Learner.objects.filter(pk=learner.pk).update(first_name="Anne")
    answer = office.post(window_of(learner), {**form, "action": "create"})
    assert "Something was changed after you looked" in words(answer)
    assert "<td>Anne</td>" in words(answer)
    assert not SyncRun.objects.filter(kind=RunKind.ENROL).exists()


def test_nobody_creates_without_having_looked(office: Any, new_learner: NewLearner) -> None:
    learner = new_learner()
    answer = office.post(window_of(learner), {"action": "create", "shown": "x"})
    assert "OneFile has not been searched for this learner" in words(answer)
    assert not SyncRun.objects.filter(kind=RunKind.ENROL).exists()


class TestWhoMayBeThereAlready:
    @pytest.fixture
    def learner(self, new_learner: NewLearner, world: World) -> Learner:
        world.add_learner(
            first_name="Ann", last_name="Bell", dob="2005-03-04", uln=ULN, email="other@home.example"
        )
        return new_learner()

    def test_the_first_button_links(self, office: Any, learner: Learner, world: World) -> None:
        page = words(looked_for(office, learner))
        assert "OneFile may have this learner already: Ann Bell" in page
        assert page.index("Link to this OneFile learner") < page.index("Create in OneFile</button>")
        assert 'other@home.example <span class="onefile-differs">differs</span>' in page
        assert "Matched On" in page
        form = re.search(r'action="([^"]+)" id="onefile-link-(\d+)"', page)
        assert form is not None
        linking = office.post(form[1], {"action": "check", "onefile_id": form[2]})
        assert "<td>04/03/2005</td>" in words(linking)

    def test_creating_needs_the_tick(self, office: Any, learner: Learner) -> None:
        form = Form(looked_for(office, learner)).values
        refused = office.post(window_of(learner), {**form, "action": "create"})
        assert "something has to be answered or corrected first" in words(refused)
        ticked = {**form, "different_person": "yes", "action": "create"}
        assert office.post(window_of(learner), ticked).status_code == 302
        assert SyncRun.objects.filter(kind=RunKind.ENROL).exists()

    def test_who_may_not_link_is_told_who_can(
        self, learner: Learner, staff: Callable[..., User], browser: Callable[..., Any]
    ) -> None:
        page = words(looked_for(browser(staff("enrol_learner")), learner))
        assert "Link to this OneFile learner" not in page
        assert "A training administrator who may link learners can do that." in page


class TestChoices:
    @pytest.fixture
    def learner(self, new_learner: NewLearner, world: World) -> Learner:
        learner = new_learner()
        for title in ("Care (adults) [196AS]", "Care (children) [196AS]"):
            world.add_standard(title=title)
        add_qualification(learner, "196AS")
        return learner

    def test_a_pathway_is_chosen_and_created_in_one_step(self, office: Any, learner: Learner) -> None:
        from onefile_sync.enrolment.centre_directory import NEEDED
        from onefile_sync.linking import directory

        perform(directory.start_reading(NEEDED, queued=False))
        page = looked_for(office, learner)
        assert "Choose a pathway" in words(page)
        assert "Care (children) [196AS]" in words(page)
        name = f"pathway-{learner.qualifications.get().pk}"
        chosen = re.search(r'<option value="(\d+)">Care \(children\)', page.content.decode())
        assert chosen is not None
        form = {**Form(page).values, name: chosen[1]}
        again = office.post(window_of(learner), {**form, "action": "show"})
        assert "<strong>Available</strong>" in words(again)
        assert office.post(window_of(learner), {**form, "action": "create"}).status_code == 302
        run = SyncRun.objects.get(kind=RunKind.ENROL)
        kept = run.options["learners"][str(learner.pk)]["choices"]["pathways"]
        assert kept == {name.removeprefix("pathway-"): int(chosen[1])}

    def test_a_qualification_is_left_out(self, office: Any, learner: Learner) -> None:
        form = Form(looked_for(office, learner)).values
        pk = str(learner.qualifications.get().pk)
        page = office.post(window_of(learner), {**form, "left_out": pk, "action": "show"})
        assert "Left out" in words(page)
        assert Form(page).values["left_out"] == pk
        assert not SyncRun.objects.filter(kind=RunKind.ENROL).exists()

    @pytest.mark.parametrize(
        "seen",
        ["", "x", "[]", "7", '{"pathways": 7}', '{"pathways": {"1": "x"}}', '{"left_out": 7}'],
        ids=range(7),
    )
    def test_a_broken_form_creates_nothing_unseen(self, office: Any, learner: Learner, seen: str) -> None:
        form = Form(looked_for(office, learner)).values
        pk = str(learner.qualifications.get().pk)
        broken = {**form, "seen": seen, "left_out": [pk, "\x00"], "create": "a" * 5000, "centre": "9" * 30}
        answer = office.post(window_of(learner), {**broken, "action": "create"})
        assert answer.status_code == 200
        assert not SyncRun.objects.filter(kind=RunKind.ENROL).exists()


def test_of_a_linked_learner_only_qualifications_are_added(
    office: Any, onefile: SandboxServer, new_learner: NewLearner, world: World
) -> None:
    learner = new_learner(onefile_id=world.add_learner().id)
    page = words(office.get(window_of(learner)))
    assert "Show the qualifications" in page
    page = words(looked_for(office, learner))
    assert "Add qualifications in OneFile" in page
    assert "Learner Details" not in page
    assert "No qualification of this learner can be added in OneFile." in page


def test_a_learner_who_has_ended_may_be_created_and_it_is_said(office: Any, new_learner: NewLearner) -> None:
    page = words(looked_for(office, new_learner(actual_end_date=date(2026, 10, 1))))
    assert "has ended. It can still be done." in page
    assert "Create in OneFile</button>" in page


def test_a_refusal_is_said_in_place_of_the_window(office: Any, new_learner: NewLearner) -> None:
    OneFileSettings.objects.update(paused=True)
    learner = new_learner()
    assert "The OneFile integration is paused." in words(office.get(window_of(learner)))
    assert "The OneFile integration is paused." in words(
        office.post(window_of(learner), {"action": "check"}, follow=True)
    )


def test_a_check_that_failed_is_said(office: Any, new_learner: NewLearner, onefile: SandboxServer) -> None:
    learner = new_learner()
    office.post(window_of(learner), {"action": "check"})
    onefile.faults.append(Fault(operation="*", kind="status", status=403, times=99))
    perform(SyncRun.objects.get(kind=RunKind.ENROL_CHECK))
    page = words(office.get(window_of(learner)))
    assert "OneFile could not be searched." in page
    assert "Look for this learner in OneFile" in page


def test_the_window_makes_a_constant_number_of_queries(
    office: Any, new_learner: NewLearner, world: World
) -> None:
    few, many = new_learner("N1"), new_learner("N2", uln="", ni_number="")
    for number in range(8):
        add_qualification(many, f"{number}AS")
        world.add_learner(first_name="Ann", last_name="Bell", dob="2005-03-04")
    counts = []
    for learner in (few, many):
        looked_for(office, learner)
        with CaptureQueriesContext(
            connection,
        ) as made:
            office.get(window_of(learner))
        counts.append(len(made))
    assert counts[1] <= counts[0] + 1


def test_nothing_personal_is_in_an_address(office: Any, new_learner: NewLearner) -> None:
    page = looked_for(office, new_learner()).content.decode()
    addresses = " ".join(re.findall(r'(?:href|action|src)="([^"]*)"', page))
    for private in (ULN, "AB123456C", "Bell", "home.example"):
        assert private not in addresses


class TestTheLearnersPanel:
    def test_offers_what_fits_the_learner(self, office: Any, new_learner: NewLearner, world: World) -> None:
        learner = new_learner()
        address = learner.get_absolute_url()
        page = words(office.get(address))
        assert "Create in OneFile" in page
        assert "Link to an existing OneFile learner" in page
        assert "This learner is not linked to OneFile yet." in page
        assert "Enter it on the learner" not in page
        Learner.objects.filter(pk=learner.pk).update(onefile_id=world.add_learner().id)
        page = words(office.get(address))
        assert "Add qualifications in OneFile" in page
        assert "Create in OneFile" not in page

    def test_says_why_not(self, office: Any, new_learner: NewLearner) -> None:
        OneFileSettings.objects.update(paused=True)
        page = words(office.get(new_learner().get_absolute_url()))
        assert "Create in OneFile" not in page
        assert "The OneFile integration is paused." in page

    def test_costs_nothing_further_without_the_permission(
        self,
        new_learner: NewLearner,
        staff: Callable[..., User],
        browser: Callable[..., Any],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        address = new_learner().get_absolute_url()
        counts = []
        for offers in (True, False):
            monkeypatch.setattr(services.enrolment, "offers_enrolment", lambda offers=offers: offers)
            client = browser(staff("refresh_learner"))
            with CaptureQueriesContext(connection) as made:
                page = words(client.get(address))
            assert "Create in OneFile" not in page
            counts.append(len(made))
        assert counts[0] == counts[1]

    def test_shows_nothing_where_the_mapping_lacks_something(
        self, office: Any, new_learner: NewLearner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(services.enrolment, "offers_enrolment", lambda: False)
        assert "Create in OneFile" not in words(office.get(new_learner().get_absolute_url()))


class TestCreatesInDoubt:
    @pytest.fixture
    def learner(self, new_learner: NewLearner) -> Learner:
        return new_learner()

    def in_doubt(self, learner: Learner, **values: Any) -> CreateIntent:
        return CreateIntent.objects.create(
            tenant=present_tenant(),
            kind="learner",
            subject_kind="learner",
            subject_type=ContentType.objects.get_for_model(learner),
            subject_pk=str(learner.pk),
            learner_type=ContentType.objects.get_for_model(learner),
            learner_pk=str(learner.pk),
            in_doubt_since=timezone.now(),
            **{"tries": 1, **values},
        )

    def test_it_says_until_when_nothing_is_created_again(self, office: Any, learner: Learner) -> None:
        self.in_doubt(learner)

        page = words(office.get(window_of(learner)))

        assert "OneFile did not say whether it created this learner: Ann Bell" in page
        assert "nothing is created again before" in page

    def test_several_that_it_could_be_are_a_question(self, office: Any, learner: Learner) -> None:
        intent = self.in_doubt(learner, candidates=[71, 72])

        page = words(office.get(window_of(learner)))
        answer = {"action": "answer", "create_in_doubt": intent.pk, "candidate": 72, "seen": [71, 72]}
        office.post(window_of(learner), answer)

        intent.refresh_from_db()
        assert "OneFile ID 71" in page
        assert "None of these: create another" in page
        assert (intent.onefile_id, intent.in_doubt_since) == (72, None)

    def test_none_of_them_lets_another_be_created(self, office: Any, learner: Learner) -> None:
        intent = self.in_doubt(learner, candidates=[71, 72])

        answer = {"action": "answer", "create_in_doubt": intent.pk, "candidate": "none", "seen": [71, 72]}
        office.post(window_of(learner), answer)

        intent.refresh_from_db()
        assert (intent.onefile_id, intent.seen_before, intent.tries) == (None, [71, 72], 0)

    def test_what_was_given_up_can_be_created_again(self, office: Any, learner: Learner) -> None:
        intent = self.in_doubt(learner, tries=3)

        page = words(office.get(window_of(learner)))
        office.post(
            window_of(learner), {"action": "answer", "create_in_doubt": intent.pk, "candidate": "none"}
        )

        intent.refresh_from_db()
        assert "OneFile does not have it: create it again" in page
        assert (intent.tries, intent.in_doubt_since) == (0, None)

    @pytest.mark.parametrize(
        "answer",
        [
            {"candidate": "73", "seen": ["71", "72"]},
            {"candidate": "71", "seen": ["71"]},
            {"candidate": "", "seen": ["71", "72"]},
            {"candidate": "x", "seen": ["71", "72"]},
            {"candidate": "71", "seen": ["71", "72"], "create_in_doubt": "0"},
        ],
        ids=["not on offer", "others were seen", "nothing", "nonsense", "another create"],
    )
    def test_an_answer_that_fits_nothing_changes_nothing(
        self, office: Any, learner: Learner, answer: dict[str, Any]
    ) -> None:
        intent = self.in_doubt(learner, candidates=[71, 72])

        office.post(window_of(learner), {"action": "answer", "create_in_doubt": intent.pk, **answer})

        intent.refresh_from_db()
        assert (intent.candidates, intent.onefile_id) == ([71, 72], None)

    def test_while_nothing_is_in_doubt_for_sure_nobody_can_have_it_sent_again(
        self, office: Any, learner: Learner
    ) -> None:
        intent = self.in_doubt(learner)

        office.post(
            window_of(learner), {"action": "answer", "create_in_doubt": intent.pk, "candidate": "none"}
        )

        intent.refresh_from_db()
        assert intent.in_doubt_since is not None

    def test_another_learners_create_is_not_answered_here(
        self, office: Any, learner: Learner, new_learner: NewLearner
    ) -> None:
        intent = self.in_doubt(new_learner("N0002"), candidates=[71, 72])

        answer = {"action": "answer", "create_in_doubt": intent.pk, "candidate": 72, "seen": [71, 72]}
        office.post(window_of(learner), answer)

        intent.refresh_from_db()
        assert intent.candidates == [71, 72]
