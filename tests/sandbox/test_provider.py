"""The invented provider: the same for the same numbers, and with everything in it that can happen."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine

from onefile_sync.sandbox.demo_data.demo_data import DemoLearner, DemoReview, Provider
from onefile_sync.sandbox.demo_data.identifiers import uln
from onefile_sync.sandbox.demo_data.provider import build, plain
from onefile_sync.sandbox.entities import ASSESSOR, LONDON
from onefile_sync.sandbox.world import World

TODAY = date(2026, 5, 4)
TWO_WAY = (
    "registration_number",
    "registration_date",
    "certificate_applied_date",
    "certificate_received_date",
)


@pytest.fixture(scope="module")
def provider() -> Provider:
    return build(200, 7, TODAY)


def learner_aims(story: DemoLearner) -> dict[int, object]:
    assert story.onefile is not None
    return {aim.id: aim for aim in story.onefile.aims}


def test_the_same_numbers_give_the_same_provider(provider: Provider) -> None:
    assert build(200, 7, TODAY) == provider
    assert build(200, 8, TODAY) != provider


@pytest.mark.parametrize("other_day", [date(2026, 11, 28), date(2024, 2, 29)])
def test_another_day_moves_dates_but_no_ids(provider: Provider, other_day: date) -> None:
    def ids(provider: Provider) -> list[object]:
        return [
            (
                story.picsweb.onefile_id,
                [qualification.onefile_id for qualification in story.picsweb.qualifications],
                [review.onefile_id for review in story.picsweb.reviews],
                story.onefile and [review.id for review in story.onefile.reviews],
            )
            for story in provider.learners
        ]

    assert ids(build(200, 7, other_day)) == ids(provider)


@time_machine.travel(datetime(2026, 2, 3, 12, tzinfo=UTC), tick=False)
def test_it_is_about_today_by_default() -> None:
    assert build(1, 1) == build(1, 1, date(2026, 2, 3))


def test_a_provider_may_have_no_learners() -> None:
    assert build(0, 1, TODAY).learners == ()


def test_ids_are_unique_and_both_sides_fit_together(provider: Provider) -> None:
    officers = {officer.ident: officer for officer in provider.officers}
    organisations = {organisation.ident for organisation in provider.organisations}
    aims = [aim.id for story in provider.learners if story.onefile for aim in story.onefile.aims]
    reviews = [review.id for story in provider.learners if story.onefile for review in story.onefile.reviews]
    assert len(set(aims)) == len(aims)
    assert len(set(reviews)) == len(reviews)
    for story in provider.learners:
        assert story.picsweb.main_officer in officers
        assert {placement.organisation for placement in story.picsweb.placements} <= organisations
        if story.onefile:
            assert story.picsweb.onefile_id == story.onefile.user.id
            known = {review.id for review in story.onefile.reviews}
            linked = [review.onefile_id for review in story.picsweb.reviews if review.onefile_id]
            assert set(linked) <= known
            assert len(set(linked)) == len(linked)


def test_learners_have_one_to_five_aims_and_two_to_twelve_reviews(provider: Provider) -> None:
    for story in provider.learners[1:]:
        assert 1 <= len(story.picsweb.qualifications) <= 5
        only_in_picsweb = [review for review in story.picsweb.reviews if review.onefile_id is None]
        in_onefile = story.onefile.reviews if story.onefile else ()
        assert len(only_in_picsweb) + len(in_onefile) <= 12
        if story.onefile:
            assert len(only_in_picsweb) + len(in_onefile) >= 2


def test_references_are_the_bracketed_codes_of_the_titles(provider: Provider) -> None:
    suffixes = set()
    for story in provider.learners:
        aims = learner_aims(story) if story.onefile else {}
        for qualification in story.picsweb.qualifications:
            if qualification.reference[-2:].isalpha():
                suffixes.add(qualification.reference[-2:])
            if qualification.onefile_id in aims:
                assert aims[qualification.onefile_id].title.endswith(f"[{qualification.reference}]")
    assert suffixes == {"AS", "OP", "GW", "EP"}


def test_names_have_accents_and_apostrophes(provider: Provider) -> None:
    names = " ".join(f"{story.picsweb.first_name} {story.picsweb.surname}" for story in provider.learners)
    assert {"'", "ë", "ễ", "í", "Ł"} <= set(names)
    assert all(story.picsweb.email.isascii() for story in provider.learners)
    assert (plain("Ní Bhriain"), plain("Łukasz"), plain("O'Connor")) == ("nibhriain", "lukasz", "oconnor")


def is_valid_uln(uln: str) -> bool:
    """As the Learning Records Service tells: ten digits, the first not 0, weighed 10 to 1 they leave 10 of 11."""
    weighed = sum(int(digit) * weight for digit, weight in zip(uln, range(10, 0, -1), strict=True))
    return uln.isdigit() and not uln.startswith("0") and weighed % 11 == 10


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.exhaustive) for seed in range(1, 5))]
)
def test_ulns_are_valid_and_numbers_are_nobody_elses(seed: int) -> None:
    learners = [learner.picsweb for learner in build(2000, seed, TODAY).learners]
    assert all(is_valid_uln(learner.uln) for learner in learners)
    assert len({learner.uln for learner in learners}) == len(learners)
    assert len({learner.ni_number for learner in learners}) == len(learners)
    assert all(re.fullmatch(r"QQ\d{6}[A-D]", learner.ni_number) for learner in learners)


@pytest.mark.parametrize("drawn", [1_000_000_000, 9_999_999_999])
def test_every_number_gives_a_valid_uln(drawn: int) -> None:
    ulns = [uln(number, drawn) for number in range(1000)]
    assert all(map(is_valid_uln, ulns))
    assert len(set(ulns)) == 1000


def test_onefile_knows_the_same_person_in_its_own_codes(provider: Provider) -> None:
    disabled = set()
    for learner in provider.learners:
        if learner.onefile:
            person, user = learner.picsweb, learner.onefile.user
            assert (user.uln, user.nino, user.dob, user.l12, user.l13) == (
                person.uln,
                person.ni_number,
                person.date_of_birth,
                person.ethnicity,
                person.sex,
            )
            assert (user.l14 == "1") == bool(person.disability)
            assert user.last_modified
            disabled.add((user.l14, user.l15, user.l16))
    assert len(disabled) == 4


def test_every_learning_aim_is_a_copy_of_a_standard(provider: Provider) -> None:
    titles = {standard.id: standard.full_title for standard in provider.standards}
    for learner in provider.learners:
        for aim in learner.onefile.aims if learner.onefile else ():
            assert titles[aim.standard_id] == aim.title


def test_the_number_of_officers_can_be_chosen() -> None:
    assert len(build(300, 7, TODAY).officers) == 13
    assert len(build(300, 7, TODAY, officers=40).officers) == 40


def test_there_are_blanks_and_conflicts_on_either_side(provider: Provider) -> None:
    seen: Counter[str] = Counter()
    for story in provider.learners:
        aims = learner_aims(story) if story.onefile else {}
        for qualification in story.picsweb.qualifications:
            aim = aims.get(qualification.onefile_id)
            for name in TWO_WAY if aim else ():
                ours, theirs = getattr(qualification, name), getattr(aim, name)
                if ours and theirs:
                    seen["equal" if ours == theirs else "conflict"] += 1
                else:
                    seen["PICSWeb only" if ours else "OneFile only" if theirs else "blank"] += 1
    assert min(seen[kind] for kind in ("equal", "conflict", "PICSWeb only", "OneFile only", "blank")) > 10


def test_elements_are_ahead_equal_or_blank_and_some_qualifications_have_units(provider: Provider) -> None:
    seen: Counter[str] = Counter()
    for story in provider.learners:
        aims = learner_aims(story) if story.onefile else {}
        for qualification in story.picsweb.qualifications:
            seen["units"] += bool(qualification.units)
            if aim := aims.get(qualification.onefile_id):
                ours = qualification.elements_done
                seen["blank" if ours is None else "equal" if ours == aim.elements_done else "behind"] += 1
    assert min(seen[kind] for kind in ("units", "blank", "equal", "behind")) > 10


def test_onefile_reviews_are_in_every_state(provider: Provider) -> None:
    reviews = [review for story in provider.learners if story.onefile for review in story.onefile.reviews]
    stages = Counter(review.stage for review in reviews)
    assert set(stages) == {"Scheduled", "Started", "Assessor signed", "Learner signed"}
    assert any(review.scheduled_for is None and review.started_on for review in reviews)
    by_date_only = [
        review
        for review in reviews
        if isinstance(review.scheduled_for, date) and not isinstance(review.scheduled_for, datetime)
    ]
    assert by_date_only
    assert any(review.visit_id for review in reviews)
    assert any(review.stage == "Scheduled" and review.scheduled_for for review in reviews)


def eligible(review: DemoReview) -> bool:
    return (
        review.onefile_id is None
        and review.type == "Normal"
        and review.proposed_date is not None
        and review.actual_date is None
        and review.attended in ("", "unknown")
    )


def test_picsweb_reviews_are_eligible_or_not_for_every_reason(provider: Provider) -> None:
    ours = [
        review for story in provider.learners for review in story.picsweb.reviews if review.onefile_id is None
    ]
    assert any(map(eligible, ours))
    assert any(review.type != "Normal" for review in ours)
    assert any(review.type == "Normal" and review.proposed_date is None for review in ours)
    assert any(review.attended == "yes" for review in ours)


def test_some_onefile_reviews_are_unknown_or_stale_in_picsweb(provider: Provider) -> None:
    unknown = stale = 0
    for story in provider.learners:
        known = {review.onefile_id: review for review in story.picsweb.reviews}
        for review in story.onefile.reviews if story.onefile else ():
            if review.id not in known:
                unknown += 1
            elif review.started_on and known[review.id].actual_date is None:
                stale += 1
    assert min(unknown, stale) > 10


def test_some_assessors_are_linked_to_no_officer(provider: Provider) -> None:
    linked = {officer.onefile_id for officer in provider.officers}
    unlinked = {assessor.id for assessor in provider.assessors} - linked
    assert unlinked
    assert all(assessor.role == ASSESSOR for assessor in provider.assessors)
    assert any(
        review.assessor_id in unlinked
        for story in provider.learners
        if story.onefile
        for review in story.onefile.reviews
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_first_learners_show_one_situation_each(seed: int) -> None:
    _, not_enrolled, aim_gone, overfull, _, lately, long_ago, dormant = build(8, seed, TODAY).learners
    assert (not_enrolled.picsweb.onefile_id, not_enrolled.onefile) == (None, None)
    assert {review.onefile_id for review in not_enrolled.picsweb.reviews} <= {None}
    linked = {qualification.onefile_id for qualification in aim_gone.picsweb.qualifications}
    assert len(linked - set(learner_aims(aim_gone))) == 1
    aims = list(learner_aims(overfull).values())
    assert len(aims[0].registration_number) > 50
    assert aims[-1].elements_done > aims[-1].total_elements
    assert TODAY - lately.picsweb.actual_end_date < timedelta(days=28)
    assert TODAY - long_ago.picsweb.actual_end_date > timedelta(days=31)
    assert dormant.picsweb.status == "dormant"


@pytest.mark.parametrize("seed", range(5))
def test_the_demo_learner_has_something_to_do_in_each_direction(seed: int) -> None:
    provider = build(1, seed, TODAY)
    (story,) = provider.learners
    assert (story.picsweb.status, story.picsweb.actual_end_date) == ("live", None)
    qualification = story.picsweb.qualifications[0]
    aim = learner_aims(story)[qualification.onefile_id]
    assert qualification.elements_done < aim.elements_done
    assert (qualification.registration_number, aim.registration_number) == ("CG4417093", "")
    assert qualification.registration_date is None
    assert aim.registration_date is not None
    assert any(map(eligible, story.picsweb.reviews))
    known = {review.onefile_id for review in story.picsweb.reviews}
    assert any(review.started_on and review.id not in known for review in story.onefile.reviews)
    linked = {officer.onefile_id for officer in provider.officers}
    assert {review.assessor_id for review in story.onefile.reviews} <= linked


def test_reviews_are_planned_in_office_hours_in_london(provider: Provider) -> None:
    for story in provider.learners:
        for review in story.onefile.reviews if story.onefile else ():
            if isinstance(review.scheduled_for, datetime):
                assert 9 <= review.scheduled_for.astimezone(LONDON).hour <= 16


def test_the_world_is_a_copy_of_onefiles_side(provider: Provider) -> None:
    world = World.of(provider)
    story = provider.learners[0]
    learner_id = story.picsweb.onefile_id
    assert world.users[learner_id] == story.onefile.user
    assert world.aims_of(learner_id) == list(story.onefile.aims)
    assert world.reviews_of(learner_id) == list(story.onefile.reviews)
    before = replace(story.onefile.aims[0])
    world.aims[before.id].elements_done = 59
    assert story.onefile.aims[0] == before
    assert len(world.placements) == len(provider.placements)
    assert world.writes == 0
