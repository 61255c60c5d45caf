"""*Reviews to answer*: which reviews are the same, of many learners on one page, without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.urls import reverse
from django_q.models import OrmQ

from example_project.picsweb.models import Learner, Officer, Review
from onefile_sync import services
from onefile_sync.linking import confirmed_matches, match_run
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import MatchSuggestion, OneFileSettings, RecordLink, SyncRun, WaitingReviews
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.sync import daily
from onefile_sync.web import reviews_page
from tests.conftest import dont_wait, sync
from tests.factories import Host
from tests.staff_fixtures import words

pytestmark = pytest.mark.parametrize("host", ["picsweb"], indirect=True)

PAGE = reverse("onefile_sync:reviews")
ULNS = ("1000000035", "1000000043", "1000000051")
FIRST = date(2026, 3, 2)


@pytest.fixture
def office(staff: Callable[..., User], browser: Callable[..., Any]) -> Any:
    return browser(staff("link_records", "change_learner"))


def at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 9, tzinfo=UTC)


def in_both(world: World, host: Host, number: int, ours: list[date], theirs: list[date | None]) -> Learner:
    """A learner on both sides with reviews on these days."""
    name, uln, officer = f"Ash{number}", ULNS[number], Officer.objects.first()
    user = world.add_learner(first_name="Ann", last_name=name, uln=uln, dob=date(2004, 5, 6))
    learner: Learner = host.learner(
        onefile_id=None, first_name="Ann", surname=name, uln=uln, date_of_birth=date(2004, 5, 6)
    )
    officer = officer or Officer.objects.create(ident="1", first_name="A", surname="B")
    for day in ours:
        host.review(learner, officer=officer, proposed_date=day)
    for each in theirs:
        visit = world.add_visit(user.id, date_from=at(each or FIRST), date_to=at(each or FIRST))
        world.add_review(user.id, visit_id=visit.id, scheduled_for=at(each) if each else None)
    return learner


@pytest.fixture
def matched(world: World, onefile: SandboxServer, host: Host) -> list[Learner]:
    """Two learners whose reviews were rescheduled on one side, linked by *Match with OneFile*."""
    learners = [
        in_both(world, host, number, [FIRST, FIRST + timedelta(days=60)], [FIRST + timedelta(days=3)])
        for number in (0, 1)
    ]
    link_all()
    return learners


def link_all() -> None:
    daily.perform(match_run.start(["learner"], queued=False), sleep=dont_wait)
    found = MatchSuggestion.objects.filter(level="certain").values_list("pk", flat=True)
    run = confirmed_matches.link_ticked(found, queued=False)
    assert run is not None
    daily.perform(run, sleep=dont_wait)


def link_of(learner: Learner) -> RecordLink:
    return RecordLink.objects.get(subject_kind="learner", subject_pk=str(learner.pk), ended_at=None)


def fields(page: HttpResponse) -> dict[str, str]:
    """What a browser sends if somebody presses Save and has changed nothing."""
    html = page.content.decode()
    form = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', html))
    form.update(re.findall(r'<input type="radio" name="([^"]*)" value="([^"]*)" checked', html))
    for name, options in re.findall(r'<select id="[^"]*" name="([^"]*)">(.*?)</select>', html, re.DOTALL):
        chosen = re.search(r'<option value="(\d+)" selected', options)
        form[name] = chosen[1] if chosen else ""
    form.pop("csrfmiddlewaretoken", None)
    return form


def save(office: Any, form: Mapping[str, str]) -> SyncRun:
    """Press Save, and let a worker save the answers."""
    assert office.post(PAGE, form).status_code == 302
    return daily.perform(SyncRun.objects.filter(kind="pairing").latest("created_at"), sleep=dont_wait)


def paired(form: dict[str, str], learner: Learner, *, review: int = 0) -> dict[str, str]:
    """The form, with a review of the learner's chosen to be OneFile's."""
    link, ours = link_of(learner), Review.objects.filter(learner=learner).order_by("pk")[review]
    [[theirs, _day], *_others] = link.waiting_reviews.theirs
    return {**form, f"review-{link.pk}-{ours.pk}": str(theirs), f"answer-{link.pk}": "paired"}


def test_the_page_costs_no_call_and_says_what_both_sides_have(
    office: Any, matched: list[Learner], onefile: SandboxServer
) -> None:
    before = sum(onefile.calls.values())
    page = office.get(PAGE)
    assert sum(onefile.calls.values()) == before
    told = words(page)
    assert "The reviews of 2 learners wait" in told
    assert told.count("PICSWeb has 2 reviews without a OneFile System ID, and OneFile has 1.") == 2
    assert "05/03/2026 (OneFile ID" in told
    assert all(str(each) in told for each in matched)


def test_many_answers_are_saved_by_one_press(
    office: Any, matched: list[Learner], onefile: SandboxServer, world: World
) -> None:
    one, other = matched
    form = paired(fields(office.get(PAGE)), one)
    before = sum(onefile.calls.values())
    run = save(office, {**form, f"answer-{link_of(other).pk}": "different"})

    assert sum(onefile.calls.values()) - before <= 4, "two calls for each"
    assert (run.state, run.failure, run.api_calls, run.expected_calls) == ("finished", "", 4, 4)
    assert not RecordLink.objects.filter(reviews_pending=True).exists()
    assert Review.objects.filter(learner=one).exclude(onefile_id=None).count() == 1
    assert not Review.objects.filter(learner=other).exclude(onefile_id=None).exists()
    made = RecordLink.objects.get(subject_kind="review")
    assert (made.how, made.parent, made.linked_by_id) == ("paired", link_of(one), run.requested_by_id)
    assert not WaitingReviews.objects.exclude(theirs=[]).exists(), "nothing is kept any longer than needed"
    assert "No question about reviews is open." in words(office.get(PAGE))
    assert "the answers about 2 of 2 learners were saved" in words(office.get(run.get_absolute_url()))

    for each in (one, other):
        each.refresh_from_db()
        sync(each)
    assert Review.objects.filter(learner=one).count() == 2, "what was paired is not downloaded once more"
    assert Review.objects.filter(learner=other).count() == 3


def test_nothing_is_answered_by_pressing_save_only(office: Any, matched: list[Learner]) -> None:
    answer = office.post(PAGE, fields(office.get(PAGE)), follow=True)
    assert "2 learners still wait, as no review was chosen." in words(answer)
    assert not SyncRun.objects.filter(kind="pairing").exists()
    assert RecordLink.objects.filter(reviews_pending=True).count() == 2


def test_later_is_no_answer(office: Any, matched: list[Learner]) -> None:
    form = paired(fields(office.get(PAGE)), matched[0])
    form |= {f"answer-{link_of(each).pk}": "later" for each in matched}
    assert "Nothing was answered." in words(office.post(PAGE, form, follow=True))
    assert not SyncRun.objects.filter(kind="pairing").exists()


class TestReviewsOfOneDay:
    """The single page left the question open; nothing is paired yet."""

    @pytest.fixture
    def linked(self, world: World, onefile: SandboxServer, host: Host) -> Callable[..., Learner]:
        def link(ours: list[date], theirs: list[date | None]) -> Learner:
            learner = in_both(world, host, 0, ours, theirs)
            [user] = [each for each in world.users.values() if each.uln == ULNS[0]]
            seen = services.check_onefile_id(learner, user.id)
            services.link(learner, user.id, services.LinkDecision(shown=seen.shown))
            return learner

        return link

    def test_they_are_chosen_where_each_side_has_one(
        self, office: Any, linked: Callable[..., Learner]
    ) -> None:
        later = FIRST + timedelta(days=200)
        learner = linked([FIRST, later, later], [FIRST, later])
        form = fields(office.get(PAGE))
        chosen = {name: value for name, value in form.items() if name.startswith("review-") and value}
        assert list(chosen) == [f"review-{link_of(learner).pk}-{Review.objects.order_by('pk')[0].pk}"]
        assert form[f"answer-{link_of(learner).pk}"] == "later", "another may be the same as well"

    def test_they_are_saved_as_they_are_proposed(self, office: Any, linked: Callable[..., Learner]) -> None:
        learner = linked([FIRST], [FIRST])
        run = save(office, fields(office.get(PAGE)))
        assert run.reviews_to_pair.get().state == "saved"
        assert Review.objects.get().onefile_id is not None
        assert not link_of(learner).reviews_pending

    def test_one_without_a_date_says_so(self, office: Any, linked: Callable[..., Learner]) -> None:
        learner = linked([FIRST], [None])
        assert "no date (OneFile ID " in words(office.get(PAGE))
        alone = office.get(reverse("onefile_sync:link", args=[learner.pk]))
        assert "no date (OneFile ID " in words(alone)


def move_in_onefile(world: World, _office: Any, learner: Learner) -> None:
    [[number, _day], *_others] = link_of(learner).waiting_reviews.theirs
    world.reviews[number].scheduled_for = at(FIRST + timedelta(days=20))


def delete_in_onefile(world: World, _office: Any, learner: Learner) -> None:
    [[number, _day], *_others] = link_of(learner).waiting_reviews.theirs
    del world.reviews[number]


def add_in_onefile(world: World, _office: Any, learner: Learner) -> None:
    user = link_of(learner).onefile_id
    visit = world.add_visit(user, date_from=at(FIRST), date_to=at(FIRST))
    world.add_review(user, visit_id=visit.id, scheduled_for=at(FIRST))


def link_meanwhile(_world: World, _office: Any, learner: Learner) -> None:
    [[number, _day], *_others] = link_of(learner).waiting_reviews.theirs
    Review.objects.filter(learner=learner).order_by("-pk")[:1].get()
    last = Review.objects.filter(learner=learner).order_by("pk").last()
    Review.objects.filter(pk=last.pk).update(onefile_id=number)


def delete_in_picsweb(_world: World, _office: Any, learner: Learner) -> None:
    Review.objects.filter(learner=learner).order_by("pk")[0].delete()


def move_in_picsweb(_world: World, _office: Any, learner: Learner) -> None:
    Review.objects.filter(learner=learner).update(proposed_date=FIRST + timedelta(days=9))


@pytest.mark.parametrize(
    "change",
    [move_in_onefile, delete_in_onefile, add_in_onefile, link_meanwhile, delete_in_picsweb, move_in_picsweb],
    ids=lambda change: change.__name__,
)
def test_what_has_changed_is_asked_again_and_the_rest_is_saved(
    office: Any, matched: list[Learner], world: World, change: Callable[..., None]
) -> None:
    one, other = matched
    form = paired(paired(fields(office.get(PAGE)), one), other)
    change(world, office, one)
    linked = Review.objects.exclude(onefile_id=None).count()
    run = save(office, form)

    assert (run.state, run.failure) == ("finished", "")
    assert not link_of(other).reviews_pending
    assert link_of(one).reviews_pending
    assert Review.objects.exclude(onefile_id=None).count() == linked + 1
    of_run = words(office.get(run.get_absolute_url()))
    assert "the answers about 1 of 2 learners were saved" in of_run
    assert f"{one}: What is shown here has changed since you looked" in of_run
    again = office.get(PAGE)
    assert "Not saved: What is shown here has changed since you looked" in words(again)

    answered = save(office, {**fields(again), f"answer-{link_of(one).pk}": "different"})
    assert answered.reviews_to_pair.get().state == "saved"


def test_a_review_chosen_twice_is_refused(office: Any, matched: list[Learner]) -> None:
    one, _other = matched
    form = paired(paired(fields(office.get(PAGE)), one), one, review=1)
    run = save(office, form)
    assert run.reviews_to_pair.get().refusal == "link_pairs_wrong"
    assert not Review.objects.exclude(onefile_id=None).exists()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda learner: services.unlink(learner), "reviews_answered"),
        (lambda learner: link_of(learner).delete(), ""),
        (lambda learner: RecordLink.objects.update(reviews_pending=False), "reviews_answered"),
        (lambda learner: Learner.objects.filter(pk=learner.pk).update(onefile_id=7), "link_changed"),
    ],
    ids=["unlinked", "gone", "answered", "another ID"],
)
def test_an_answer_that_comes_too_late(
    office: Any, matched: list[Learner], change: Callable[[Learner], Any], code: str
) -> None:
    one, _other = matched
    form = paired(fields(office.get(PAGE)), one)
    office.post(PAGE, form)
    run = SyncRun.objects.get(kind="pairing")
    change(one)
    daily.perform(run, sleep=dont_wait)
    assert [each.refusal for each in run.reviews_to_pair.all()] == ([code] if code else [])
    assert not Review.objects.exclude(onefile_id=None).exists()


def test_an_answer_is_not_asked_for_while_it_is_being_saved(office: Any, matched: list[Learner]) -> None:
    one, other = matched
    form = paired(fields(office.get(PAGE)), one)
    office.post(PAGE, form)
    page = words(office.get(PAGE))
    assert "Answers are being saved now." in page
    assert str(one) not in page
    assert str(other) in page
    office.post(PAGE, form)
    run = SyncRun.objects.get(kind="pairing")
    assert services.cancel(run)
    assert str(one) in words(office.get(PAGE)), "a run that was cancelled leaves the question open"


def test_a_click_from_an_old_page_is_told_so(office: Any, matched: list[Learner]) -> None:
    form = paired(fields(office.get(PAGE)), matched[0])
    save(office, form)
    told = words(office.post(PAGE, form, follow=True))
    assert "about whom somebody else has answered meanwhile were left out" in told
    assert SyncRun.objects.filter(kind="pairing").count() == 1


def test_twenty_five_learners_are_on_a_page(
    office: Any, matched: list[Learner], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reviews_page.PAGE_LENGTH == 25
    monkeypatch.setattr(reviews_page, "PAGE_LENGTH", 1)
    first, second = office.get(PAGE), office.get(PAGE, {"page": "2"})
    assert str(matched[0]) in words(first)
    assert str(matched[0]) not in words(second)
    answer = office.post(PAGE, {**fields(second), f"answer-{link_of(matched[1]).pk}": "different"})
    assert answer["Location"] == f"{PAGE}?page=2"


def test_the_number_of_queries_does_not_depend_on_the_number_of_learners(
    office: Any, matched: list[Learner], django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(200) as both:
        office.get(PAGE)
    RecordLink.objects.filter(subject_pk=str(matched[0].pk)).update(reviews_pending=False)
    with django_assert_max_num_queries(200) as one:
        office.get(PAGE)
    assert len(both) == len(one)


def test_a_learner_whose_reviews_in_onefile_are_not_kept_is_answered_alone(
    office: Any, matched: list[Learner]
) -> None:
    WaitingReviews.objects.all().delete()
    page = office.get(PAGE)
    assert "OneFile's reviews of this learner are not kept here." in words(page)
    assert reverse("onefile_sync:link", args=[matched[0].pk]) in page.content.decode()


class TestWhoMayAnswer:
    def test_only_those_whom_the_user_may_see_are_named_and_answered(
        self, staff: Any, restrict: Any, browser: Any, matched: list[Learner]
    ) -> None:
        one, other = matched
        restricted = browser(restrict(staff("link_records", "change_learner"), other))
        page = restricted.get(PAGE)
        assert str(one) not in words(page)
        form = {**fields(page), f"answer-{link_of(one).pk}": "different"}
        restricted.post(PAGE, form)
        assert not SyncRun.objects.filter(kind="pairing").exists()

    def test_refused_answers_of_others_are_not_named(
        self, office: Any, staff: Any, restrict: Any, browser: Any, matched: list[Learner], world: World
    ) -> None:
        one, other = matched
        form = paired(fields(office.get(PAGE)), one)
        delete_in_onefile(world, office, one)
        run = save(office, form)
        address = run.get_absolute_url()
        assert str(one) in words(office.get(address))
        restricted = browser(restrict(staff("link_records", "change_learner"), other))
        assert str(one) not in words(restricted.get(address))

    def test_who_may_not_change_learners_sees_none(
        self, staff: Any, browser: Any, matched: list[Learner]
    ) -> None:
        assert "No question about reviews is open." in words(browser(staff("link_records")).get(PAGE))

    def test_it_needs_the_permission_to_link(self, staff: Any, browser: Any, matched: list[Learner]) -> None:
        member = browser(staff("match_records", "view_syncrun", "change_learner"))
        assert member.get(PAGE).status_code == 403

    def test_a_form_that_is_not_ours_does_nothing(
        self, staff: Any, browser: Any, matched: list[Learner]
    ) -> None:
        member = browser(staff("link_records", "change_learner"), checks_csrf=True)
        assert member.post(PAGE, paired({}, matched[0])).status_code == 403


def test_the_ways_to_the_page(staff: Any, browser: Any, matched: list[Learner]) -> None:
    member = browser(
        staff("link_records", "match_records", "change_learner", "view_syncrun", "refresh_learner")
    )
    of_matches = SyncRun.objects.get(kind="linking").get_absolute_url()
    own = reverse("admin:picsweb_learner_change", args=[matched[0].pk])
    for address in (of_matches, f"{reverse('onefile_sync:unmatched')}?section=reviews", own):
        assert f'href="{PAGE}"' in member.get(address).content.decode(), address


def test_nothing_of_a_person_reaches_a_log_the_queue_or_an_address(
    office: Any, matched: list[Learner], world: World, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = matched
    form = paired(paired(fields(office.get(PAGE)), one), other)
    delete_in_onefile(world, office, one)
    with caplog.at_level("DEBUG"):
        gone_to = office.post(PAGE, form)["Location"]
        queued = repr(list(OrmQ.objects.values_list("payload", flat=True)))
        daily.perform(SyncRun.objects.get(kind="pairing"), sleep=dont_wait)
    for canary in (one.surname, other.surname, ULNS[0], "05/03/2026", "2026-03-05"):
        assert canary not in gone_to + queued + caplog.text


def test_another_environment_meanwhile_ends_the_run(office: Any, matched: list[Learner]) -> None:
    office.post(PAGE, paired(fields(office.get(PAGE)), matched[0]))
    run = SyncRun.objects.get(kind="pairing")
    SyncRun.objects.filter(pk=run.pk).update(options={"tenant": present_tenant().pk + 1})
    run.refresh_from_db()
    assert daily.perform(run, sleep=dont_wait).failure == "environment_changed"
    assert not Review.objects.exclude(onefile_id=None).exists()


def test_without_a_token_the_page_says_why(office: Any, matched: list[Learner]) -> None:
    in_use = OneFileSettings.load()
    in_use.set_customer_token("")
    in_use.save()
    assert "customer token" in words(office.get(PAGE))
