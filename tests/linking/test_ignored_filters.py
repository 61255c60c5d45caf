"""OneFile may ignore the filters of its searches: every record is still kept in its own centre's list and role."""

from __future__ import annotations

from typing import Any

import pytest

from onefile_sync.conf import deployment
from onefile_sync.linking import directory
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import DirectoryEntry, DirectoryKind, DirectoryList
from onefile_sync.sandbox import wire
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World

from .conftest import Read
from .provider import on_both_sides, provider_with_mistakes

pytestmark = [pytest.mark.matrix, pytest.mark.parametrize("host", ["picsweb"], indirect=True)]

LEARNERS = 20
Place = tuple[int, int]


@pytest.fixture
def user_filters() -> str:
    return "exact"


@pytest.fixture
def switches(items: Any, user_filters: Any) -> Switches:
    return Switches(rate_limit=0, items=items, user_filters=user_filters)


def kept(kind: DirectoryKind) -> list[tuple[int, Place]]:
    """The OneFile IDs of a list's records, each with its centre and role."""
    entries = directory.entries(present_tenant(), kind)
    return sorted((each.onefile_id, (each.centre_id, each.role)) for each in entries)


def in_onefile(world: World, role: int) -> list[tuple[int, Place]]:
    users = (user for user in world.users.values() if user.role == role)
    return sorted((user.id, (user.organisation_id, role)) for user in users)


def check_users(world: World) -> None:
    assert kept(DirectoryKind.LEARNER) == in_onefile(world, 1)
    assessors = [each for role in deployment.assessor_roles for each in in_onefile(world, role)]
    assert kept(DirectoryKind.ASSESSOR) == sorted(assessors)
    assert len({centre for _id, (centre, _role) in kept(DirectoryKind.LEARNER)}) == 2


@pytest.mark.parametrize("items", ["thin", "some", "most", "rich"])
@pytest.mark.parametrize("user_filters", ["exact", "ignored"])
def test_every_user_stands_once_in_its_centre_and_role(world: World, read: Read) -> None:
    on_both_sides(world, provider_with_mistakes(LEARNERS))
    read()
    check_users(world)
    read()
    check_users(world)
    assert not DirectoryEntry.objects.exclude(gone_at=None).exists()


@pytest.mark.parametrize("items", ["most", "rich"])
def test_a_server_that_ignores_the_centre_everywhere(
    world: World, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = wire.Body.number

    def number(body: Any, name: str) -> int | None:
        return None if name == "OrganisationID" else real(body, name)

    monkeypatch.setattr(wire.Body, "number", number)
    on_both_sides(world, provider_with_mistakes(LEARNERS))
    read()
    check_users(world)
    for kind, records in (
        (DirectoryKind.PLACEMENT, world.placements),
        (DirectoryKind.CLASSROOM, world.classrooms),
    ):
        assert kept(kind) == sorted((each.id, (each.organisation_id, 0)) for each in records.values())
    assert not DirectoryList.objects.exclude(failure="").exists()
