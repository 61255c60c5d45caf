"""The second centre of the invented provider, and the people in it who are hard to match."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

import pytest

from onefile_sync.sandbox.demo_data.demo_data import DemoLearner, Provider
from onefile_sync.sandbox.demo_data.provider import build
from onefile_sync.sandbox.entities import CENTRE_ID, LEARNER, SandboxUser
from onefile_sync.sandbox.world import World

TODAY = date(2026, 5, 4)
LEARNERS = 20


@pytest.fixture(scope="module")
def one_centre() -> Provider:
    return build(LEARNERS, 7, TODAY)


@pytest.fixture(scope="module")
def provider() -> Provider:
    return build(LEARNERS, 7, TODAY, two_centres=True)


@pytest.fixture(scope="module")
def world(provider: Provider) -> World:
    return World.of(provider)


def more_learners(provider: Provider) -> tuple[DemoLearner, ...]:
    return provider.learners[LEARNERS:]


def enrolled(provider: Provider) -> list[tuple[DemoLearner, SandboxUser]]:
    return [(learner, learner.onefile.user) for learner in provider.learners if learner.onefile]


def pairs(provider: Provider, *same: str) -> list[tuple[SandboxUser, ...]]:
    """The groups of learners in OneFile who have these values in common."""
    groups = defaultdict(list)
    for _, user in enrolled(provider):
        groups[tuple(getattr(user, name) for name in same)].append(user)
    return [tuple(users) for users in groups.values() if len(users) > 1]


def test_it_is_added_to_a_provider_that_stays_as_it_is(provider: Provider, one_centre: Provider) -> None:
    assert provider.learners[:LEARNERS] == one_centre.learners
    assert provider.officers == one_centre.officers
    assert provider.organisations == one_centre.organisations
    assert provider.assessors[: len(one_centre.assessors)] == one_centre.assessors
    assert {standard.id for standard in one_centre.standards} < {
        standard.id for standard in provider.standards
    }
    assert (len(one_centre.centres), one_centre.other_users) == (1, ())
    assert build(LEARNERS, 7, TODAY, two_centres=True) == provider


def test_both_sides_hold_each_other(provider: Provider, world: World) -> None:
    """Every ID that a record names is one of the same centre."""
    assert len(world.centres) == 2
    for learner, user in enrolled(provider):
        centre = user.organisation_id
        assert (learner.picsweb.onefile_id, learner.picsweb.ident) == (user.id, user.misid)
        assert world.users[user.default_assessor_id].organisation_id == centre
        assert world.placements[user.placement_id].organisation_id == centre
        assert world.placements[user.placement_id].misid == learner.picsweb.placements[0].organisation
        assert world.classrooms[user.classroom_id].organisation_id == centre
        for aim in world.aims_of(user.id):
            assert centre in world.standards[aim.standard_id].organisation_ids
        for review in world.reviews_of(user.id):
            assert world.users[review.assessor_id].organisation_id == centre
        assert {visit.organisation_id for visit in learner.onefile.visits} <= {centre}


def test_ids_are_unique(provider: Provider, world: World) -> None:
    users = [*provider.assessors, *provider.other_users, *(user for _, user in enrolled(provider))]
    assert len(world.users) == len(users)
    assert len(world.standards) == len(provider.standards)
    assert len(world.placements) == len(provider.placements)
    idents = [learner.picsweb.ident for learner in provider.learners]
    assert len(set(idents)) == len(idents)


def test_everybody_has_a_user_in_each_centre_with_one_mis_value(provider: Provider) -> None:
    by_centre = defaultdict(dict)
    for assessor in provider.assessors:
        by_centre[assessor.organisation_id][assessor.misid] = assessor
    first, second = by_centre.values()
    assert first.keys() == second.keys() == {officer.ident for officer in provider.officers}
    for ident, assessor in first.items():
        other = second[ident]
        assert (other.first_name, other.last_name, other.email) == (
            assessor.first_name,
            assessor.last_name,
            assessor.email,
        )
        assert other.id != assessor.id


def test_there_are_twins(provider: Provider) -> None:
    ((one, other),) = [
        users for users in pairs(provider, "last_name", "dob") if users[0].first_name != users[1].first_name
    ]
    assert one.uln != other.uln
    assert one.nino != other.nino
    assert one.email != other.email


def test_one_person_has_two_episodes_in_a_centre_and_one_an_account_in_each(provider: Provider) -> None:
    people = pairs(provider, "uln")
    assert pairs(provider, "uln", "nino", "dob", "first_name", "last_name", "email", "l12") == people
    episodes = [users for users in people if users[0].organisation_id == users[1].organisation_id]
    moved = [users for users in people if users[0].organisation_id != users[1].organisation_id]
    assert (len(episodes), len(moved)) == (1, 1)
    for earlier, later in people:
        assert earlier.misid != later.misid
        assert earlier.planned_end_date != later.planned_end_date
    assert [user.archived for users in episodes for user in users] == [True, False]
    ended = {learner.picsweb.ident: learner.picsweb.actual_end_date for learner in provider.learners}
    assert all(ended[earlier.misid] and not ended[later.misid] for earlier, later in people)


def test_a_family_shares_an_email(provider: Provider) -> None:
    ((parent, child),) = [users for users in pairs(provider, "email") if users[0].uln != users[1].uln]
    assert parent.last_name == child.last_name
    assert (parent.first_name, parent.dob) != (child.first_name, child.dob)


def test_an_archived_assessor_has_the_mis_value_of_one_who_is_there(provider: Provider) -> None:
    (archived,) = (user for user in provider.other_users if user.archived and user.role != LEARNER)
    (present,) = (
        assessor
        for assessor in provider.assessors
        if (assessor.misid, assessor.organisation_id) == (archived.misid, archived.organisation_id)
    )
    assert present.last_name != archived.last_name


def test_there_are_users_of_every_role_and_learners_whom_picsweb_does_not_know(
    provider: Provider, world: World
) -> None:
    assert {user.role for user in world.users.values()} == {1, 4, 5, 10, 40, 45}
    idents = {learner.picsweb.ident for learner in provider.learners}
    unknown = [user for user in world.users.values() if user.role == LEARNER and user.misid not in idents]
    assert {user.archived for user in unknown} == {True, False}


def test_codes_stand_twice_with_slashes_and_nearly_right(provider: Provider) -> None:
    codes = defaultdict(lambda: defaultdict(list))
    for standard in provider.standards:
        for centre in standard.organisation_ids:
            codes[centre][standard.code].append(standard.id)
    first, second = codes[CENTRE_ID], codes[provider.centres[1].id]
    assert len(first["196AS"]) == len(second["196AS"]) == 3, "pathways"
    assert "50112076" in first
    assert "501/1207/6" in second
    assert first["60350123"] == second["60350123"], "one ID for both centres"
    assert first["122AS"] != second["122AS"], "an ID for each centre"
    *_, not_enrolled = more_learners(provider)
    references = [qualification.reference for qualification in not_enrolled.picsweb.qualifications]
    assert "215AZ" in references
    assert "215AZ" not in first
    assert {"215AS", "215AX"} <= first.keys()
    assert any(standard.full_title.count("[") == 2 for standard in provider.standards)


@pytest.mark.parametrize(("learners", "officers"), [(0, None), (0, 2), (1, 900)])
def test_the_smallest_and_the_largest_have_all_of_it_too(learners: int, officers: int | None) -> None:
    provider = build(learners, 3, TODAY, two_centres=True, officers=officers)
    world = World.of(provider)
    assert len(provider.learners) == learners + 13
    known = [learner for learner in provider.learners if learner.onefile]
    assert len(world.users) == len(known) + len(provider.assessors) + len(provider.other_users)
