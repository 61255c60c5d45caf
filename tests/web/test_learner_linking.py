"""The pages on which staff link a learner to an existing OneFile learner, and unlink the learner."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.urls import reverse

from example_project.picsweb.models import Learner
from onefile_sync import services
from onefile_sync.models import OneFileSettings, RecordLink, Tenant
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.services import Option
from onefile_sync.web import learner_linking
from tests.conftest import problems, sync
from tests.factories import Host, LearnerFactory, QualificationFactory, ReviewFactory
from tests.staff_fixtures import words

ULN, OTHER_ULN = "9876543228", "9876543236"
PERSON = {"first_name": "Siân", "surname": "O'Connor", "date_of_birth": date(2004, 5, 6), "uln": ULN}
IN_ONEFILE = {"first_name": "Siân", "last_name": "O'Connor", "dob": "2004-05-06", "uln": ULN}
PERMISSIONS = ("link_records", "change_learner", "refresh_learner")


@pytest.fixture(params=["picsweb"])
def host(request: pytest.FixtureRequest, settings: Any, db: None) -> Host:
    from tests.factories import HOSTS

    chosen = HOSTS[request.param]
    settings.ONEFILE_SYNC = {**chosen.mapping, "CALLS_PER_MINUTE": None, "CALLS_AT_ONCE": 1}
    return chosen


@pytest.fixture
def unlinked(onefile: SandboxServer) -> Learner:
    return LearnerFactory(onefile_id=None, **PERSON)


@pytest.fixture
def user_id(onefile: SandboxServer, world: World) -> int:
    return world.add_learner(**IN_ONEFILE).id


@pytest.fixture
def office(staff: Callable[..., User], browser: Callable[..., Any]) -> Any:
    return browser(staff(*PERMISSIONS))


def link_page(learner: Learner) -> str:
    return reverse("onefile_sync:link", args=[learner.pk])


def unlink_page(learner: Learner) -> str:
    return reverse("onefile_sync:unlink", args=[learner.pk])


def form_of(response: HttpResponse) -> dict[str, str]:
    """What a browser sends if somebody presses Save and has changed nothing."""
    html = response.content.decode()
    inputs = re.findall(r'<input type="(?:hidden|text)"[^>]*name="([^"]*)" value="([^"]*)"', html)
    ticked = re.findall(r'<input type="radio" name="([^"]*)" value="([^"]*)" checked', html)
    form = {"action": "save", **dict(inputs), **dict(ticked)}
    for name, options in re.findall(r'<select id="[^"]*" name="([^"]*)">(.*?)</select>', html, re.DOTALL):
        chosen = re.search(r'<option value="(\d+)" selected', options)
        form[name] = chosen[1] if chosen else ""
    form.pop("csrfmiddlewaretoken", None)
    return form


def test_a_learner_is_looked_at_and_linked_without_javascript(
    office: Any, unlinked: Learner, user_id: int
) -> None:
    first = office.get(link_page(unlinked))
    assert "Nothing is saved yet." in words(first)
    seen = office.post(
        link_page(unlinked), {"onefile_id": f" {user_id} ", "action": "check", "next": "/here/"}
    )
    assert "<td>06/05/2004</td>" in seen.content.decode()
    saved = office.post(link_page(unlinked), form_of(seen))
    assert (saved.status_code, saved["Location"]) == (302, "/here/")
    unlinked.refresh_from_db()
    assert unlinked.onefile_id == user_id
    assert RecordLink.objects.get().linked_by is not None


def test_the_pages_show_what_is_not_proper_as_text(office: Any, world: World, unlinked: Learner) -> None:
    user = world.add_learner(**{**IN_ONEFILE, "last_name": "<script>alert(1)</script>"})
    seen = office.post(link_page(unlinked), {"onefile_id": str(user.id), "action": "check"})
    assert "&lt;script&gt;alert(1)" in seen.content.decode()
    assert "<script>alert(1)" not in seen.content.decode()


@pytest.mark.parametrize(
    "typed", ["", "0", "-5", "1e3", "٣", "9" * 20, "9" * 400, "<script>", "12 34"], ids=range(9)
)
def test_what_is_no_onefile_id_is_refused_in_a_sentence(office: Any, unlinked: Learner, typed: str) -> None:
    answer = office.post(link_page(unlinked), {"onefile_id": typed, "action": "check"})
    assert answer.status_code == 200
    assert "That is no OneFile ID." in words(answer)


def test_a_contradiction_needs_the_tick(office: Any, world: World, unlinked: Learner) -> None:
    user = world.add_learner(**{**IN_ONEFILE, "uln": OTHER_ULN})
    seen = office.post(link_page(unlinked), {"onefile_id": str(user.id), "action": "check"})
    assert "This is the same person all the same." in words(seen)
    form = form_of(seen)
    again = office.post(link_page(unlinked), form)
    assert "may be two people" in words(again)
    assert not RecordLink.objects.exists()
    assert office.post(link_page(unlinked), {**form, "same_person": "yes"}).status_code == 302
    again = office.post(link_page(unlinked), {"onefile_id": str(user.id), "action": "check"})
    assert "This is the same person all the same." not in words(again), "it was said of this pair"
    saved = office.post(link_page(unlinked), form_of(again))
    assert saved.status_code == 302
    user.nino = "AB123456C"
    Learner.objects.update(ni_number="CE123456A")
    anew = office.post(link_page(unlinked), {"onefile_id": str(user.id), "action": "check"})
    assert "This is the same person all the same." in words(anew), "that differs as well"


class TestWithAHistory:
    @pytest.fixture
    def reviews(self, world: World, unlinked: Learner, user_id: int) -> None:
        QualificationFactory(learner=unlinked)
        world.add_aim(user_id)
        for month in range(1, 6):
            ReviewFactory(learner=unlinked, proposed_date=date(2026, month, 12))
        for month in range(1, 7):
            world.add_review(user_id, scheduled_for=datetime(2026, month, 12, 9, tzinfo=UTC))

    def test_reviews_are_paired_in_the_same_step(
        self, office: Any, unlinked: Learner, user_id: int, world: World, reviews: None
    ) -> None:
        seen = office.post(link_page(unlinked), {"onefile_id": str(user_id), "action": "check"})
        assert "PICSWeb has 5 reviews without a OneFile System ID, and OneFile has 6." in words(seen)
        office.post(link_page(unlinked), form_of(seen))
        assert RecordLink.objects.filter(subject_kind="review").count() == 5
        unlinked.refresh_from_db()
        sync(unlinked)
        assert (len(world.reviews), unlinked.reviews.count()) == (6, 6)

    def test_or_later_and_the_learners_page_says_so(
        self, office: Any, unlinked: Learner, user_id: int, reviews: None
    ) -> None:
        seen = office.post(link_page(unlinked), {"onefile_id": str(user_id), "action": "check"})
        office.post(link_page(unlinked), {**form_of(seen), "reviews_answer": "later"})
        unlinked.refresh_from_db()
        assert problems(sync(unlinked)) == ["reviews_not_paired"]
        change_page = reverse("admin:picsweb_learner_change", args=[unlinked.pk])
        assert "Pair the reviews" in words(office.get(change_page))
        seen = office.get(link_page(unlinked))
        assert "PICSWeb has 5 reviews" in words(seen), "nothing has to be typed or checked first"
        office.post(link_page(unlinked), form_of(seen))
        assert "Pair the reviews" not in words(office.get(change_page))
        assert problems(sync(unlinked)) == []


class TestSomebodyElses:
    @pytest.fixture
    def holder(self, user_id: int) -> Learner:
        return LearnerFactory(first_name="Nia", surname="Haf", uln=OTHER_ULN, onefile_id=user_id)

    def test_is_named_to_those_who_may_see_that_learner(
        self, office: Any, unlinked: Learner, holder: Learner
    ) -> None:
        answer = office.post(link_page(unlinked), {"onefile_id": str(holder.onefile_id), "action": "check"})
        assert "Nia Haf" in words(answer)

    def test_and_not_named_to_others(
        self,
        staff: Callable[..., User],
        restrict: Callable[..., User],
        browser: Callable[..., Any],
        unlinked: Learner,
        holder: Learner,
    ) -> None:
        client = browser(restrict(staff(*PERMISSIONS), unlinked))
        answer = client.post(link_page(unlinked), {"onefile_id": str(holder.onefile_id), "action": "check"})
        assert "Another record in PICSWeb" in words(answer)
        assert "Nia" not in words(answer)

    def test_an_earlier_record_of_the_person_gives_the_link_up(
        self, office: Any, unlinked: Learner, user_id: int
    ) -> None:
        earlier = LearnerFactory(onefile_id=user_id, **PERSON)
        seen = office.post(link_page(unlinked), {"onefile_id": str(user_id), "action": "check"})
        assert "Move the link to this record" in words(seen)
        form = form_of(seen)
        assert office.post(link_page(unlinked), form).status_code == 200
        assert office.post(link_page(unlinked), {**form, "move_from": str(earlier.pk)}).status_code == 302
        earlier.refresh_from_db()
        unlinked.refresh_from_db()
        assert (earlier.onefile_id, unlinked.onefile_id) == (None, user_id)

    def test_but_not_for_somebody_who_may_not_see_that_record(
        self,
        staff: Callable[..., User],
        restrict: Callable[..., User],
        browser: Callable[..., Any],
        office: Any,
        unlinked: Learner,
        user_id: int,
    ) -> None:
        earlier = LearnerFactory(onefile_id=user_id, **PERSON)
        form = form_of(office.post(link_page(unlinked), {"onefile_id": str(user_id), "action": "check"}))
        client = browser(restrict(staff(*PERMISSIONS), unlinked))
        seen = client.post(link_page(unlinked), {"onefile_id": str(user_id), "action": "check"})
        assert "Another record in PICSWeb" in words(seen)
        answer = client.post(link_page(unlinked), {**form, "move_from": str(earlier.pk)})
        assert answer.status_code == 200
        earlier.refresh_from_db()
        assert earlier.onefile_id == user_id


class TestUnlinking:
    def test_it_is_asked_first_and_said_what_is_cleared(
        self, office: Any, unlinked: Learner, user_id: int
    ) -> None:
        Learner.objects.filter(pk=unlinked.pk).update(onefile_id=user_id)
        asked = office.get(unlink_page(unlinked))
        assert "Nothing is changed in OneFile." in words(asked)
        done = office.post(unlink_page(unlinked), {"next": "/here/"})
        assert done["Location"] == "/here/"
        unlinked.refresh_from_db()
        assert unlinked.onefile_id is None
        assert RecordLink.objects.get().ended_by is not None

    def test_of_a_learner_who_is_not_linked_leads_back(self, office: Any, unlinked: Learner) -> None:
        assert office.get(unlink_page(unlinked)).status_code == 302
        assert office.post(unlink_page(unlinked)).status_code == 302

    def test_of_a_learner_whose_id_is_of_another_onefile_is_refused(
        self, office: Any, unlinked: Learner, user_id: int
    ) -> None:
        Learner.objects.filter(pk=unlinked.pk).update(onefile_id=user_id)
        elsewhere = Tenant.objects.create(
            environment="live", address="https://live.example", token_digest="x"
        )
        OneFileSettings.objects.update(linked_tenant=elsewhere)
        change_page = reverse("admin:picsweb_learner_change", args=[unlinked.pk])
        answer = office.post(unlink_page(unlinked), {"next": change_page}, follow=True)
        assert "Not unlinked: " in words(answer)
        unlinked.refresh_from_db()
        assert unlinked.onefile_id == user_id


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (Option(7, title="Team Leader [103]", code="103"), "Team Leader [103] (OneFile ID 7)"),
        (Option(7, title="Team Leader", code="103"), "Team Leader [103] (OneFile ID 7)"),
        (Option(7, code="103"), "[103] (OneFile ID 7)"),
        (Option(7), "OneFile ID 7"),
    ],
    ids=["code in title", "title", "code alone", "nothing"],
)
def test_a_learning_aim_is_told_by_its_standard(option: Option, told: str) -> None:
    shown = learner_linking.pairings(
        "qualification", services.Choices((services.Choice("1", "A"),), (option,)), None
    )
    assert [each.label for each in shown[0].options] == [told]


@pytest.mark.parametrize(
    ("day", "held", "label", "told"),
    [
        (date(2026, 3, 12), None, "Review", "Review, proposed 12/03/2026"),
        (date(2026, 3, 12), date(2026, 3, 14), "Review", "Review, proposed 12/03/2026, held 14/03/2026"),
        (date(2026, 3, 12), None, "Review 12/03/2026", "Review 12/03/2026"),
        (None, None, "Review", "Review, no date"),
    ],
    ids=["proposed", "held", "in its name", "nothing"],
)
def test_reviews_are_told_by_their_days(day: Any, held: Any, label: str, told: str) -> None:
    ours = services.Choice("1", label, day=day, held=held)
    [shown] = learner_linking.pairings(
        "review", services.Choices((ours,), (Option(7, day=date(2026, 3, 12)), Option(8))), None
    )
    assert shown.label == told
    assert [each.label for each in shown.options] == ["12/03/2026 (OneFile ID 7)", "no date (OneFile ID 8)"]


@pytest.mark.parametrize("main_officer", ["nobody", "surname__nobody", "tests.web.nothing.at_all"])
def test_a_wrong_main_officer_is_a_refusal(
    office: Any, unlinked: Learner, user_id: int, settings: Any, main_officer: str
) -> None:
    mapping = settings.ONEFILE_SYNC
    settings.ONEFILE_SYNC = {**mapping, "LEARNER": {**mapping["LEARNER"], "main_officer": main_officer}}
    assert office.get(link_page(unlinked)).status_code == 200
    answer = office.post(link_page(unlinked), {"onefile_id": str(user_id), "action": "check"})
    assert "PICSWeb is not set up for OneFile." in words(answer)
    assert office.get(unlink_page(unlinked)).status_code == 302
    refresh = reverse("onefile_sync:refresh", args=[unlinked.pk])
    assert "PICSWeb is not set up for OneFile." in words(
        office.post(refresh, {"next": link_page(unlinked)}, follow=True)
    )


class TestThePanel:
    def test_has_the_way_that_fits(self, office: Any, unlinked: Learner, user_id: int) -> None:
        change_page = reverse("admin:picsweb_learner_change", args=[unlinked.pk])
        assert "Link to an existing OneFile learner" in words(office.get(change_page))
        Learner.objects.filter(pk=unlinked.pk).update(onefile_id=user_id)
        assert "Unlink from OneFile" in words(office.get(change_page))

    @pytest.mark.parametrize("may_match", [True, False])
    def test_names_the_buttons_that_the_user_has(
        self, staff: Any, browser: Any, unlinked: Learner, may_match: bool
    ) -> None:
        change_page = reverse("admin:picsweb_learner_change", args=[unlinked.pk])
        client = browser(staff(*PERMISSIONS, *(["match_records"] if may_match else [])))
        page = words(client.get(change_page))
        assert "The learner has no OneFile ID. Press “Link to an existing OneFile learner”" in page
        assert ("or use “Match with OneFile”" in page) == may_match
        other = words(browser(staff("refresh_learner")).get(change_page))
        assert "The learner has no OneFile ID. Link the learner to a OneFile learner, or enter" in other

    @pytest.mark.parametrize("lacking", ["link_records", "change_learner"])
    def test_only_for_people_with_both_permissions(
        self, staff: Callable[..., User], browser: Callable[..., Any], unlinked: Learner, lacking: str
    ) -> None:
        client = browser(staff(*(each for each in PERMISSIONS if each != lacking)))
        change_page = reverse("admin:picsweb_learner_change", args=[unlinked.pk])
        assert "Link to an existing OneFile learner" not in words(client.get(change_page))
        assert client.get(link_page(unlinked)).status_code in (403, 404)
        assert client.post(unlink_page(unlinked)).status_code in (403, 404)


def test_nothing_personal_is_in_a_url_or_a_log(
    office: Any, unlinked: Learner, user_id: int, onefile: SandboxServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    seen = office.post(link_page(unlinked), {"onefile_id": str(user_id), "action": "check"})
    saved = office.post(link_page(unlinked), form_of(seen))
    assert ULN not in saved["Location"]
    assert ULN not in form_of(seen)["shown"]
    logged = [
        record for record in caplog.records if record.name.startswith(("onefile_sync", "django.request"))
    ]
    assert not any(ULN in record.getMessage() or "Connor" in record.getMessage() for record in logged)
    assert OneFileSettings.load().links_recorded
