"""Searching and reading users of every role, under the switches that bear on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onefile_sync.sandbox.entities import (
    ASSESSOR,
    EMPLOYER,
    LEARNER,
    OBSERVER,
    QUALITY_ASSURER,
    TRAINEE_ASSESSOR,
)
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World

from .conftest import Client

Serve = Callable[..., Client]

ROLES = (LEARNER, TRAINEE_ASSESSOR, ASSESSOR, QUALITY_ASSURER, EMPLOYER, OBSERVER)
#: JSON name of each text filter, and the attribute that it is about.
TEXT_FILTERS = {"FirstName": "first_name", "LastName": "last_name", "Email": "email", "MISID": "misid"}


def found(onefile: Client, **wanted: object) -> list[object]:
    answer = onefile.post("/User/Search/1/100", wanted)
    return [item["ID"] for item in answer.json()] if answer.status_code == 200 else []


# Filters


@pytest.fixture(scope="module")
def clients() -> Iterator[dict[str, Client]]:
    """A client for each way in which filters may work. All of their sandboxes serve the same world."""
    world = World()
    servers = {
        mode: SandboxServer(world, Switches(user_filters=mode, rate_limit=0)).start()
        for mode in ("exact", "prefix", "ignored")
    }
    clients = {mode: Client(server) for mode, server in servers.items()}
    for client in clients.values():
        client.authenticate()
    yield clients
    for client in clients.values():
        client.http.close()
        client.server.stop()


#: Few letters, so that values often are equal, begin alike, or differ in case only.
VALUES = st.text("aAbŁł'", max_size=3)
PEOPLE = st.lists(st.tuples(st.sampled_from(ROLES), VALUES, VALUES, VALUES, VALUES), max_size=6)


@given(
    people=PEOPLE,
    filters=st.dictionaries(st.sampled_from(sorted(TEXT_FILTERS)), VALUES),
    role=st.none() | st.sampled_from(ROLES),
)
@settings(max_examples=60, deadline=None, database=None)
def test_text_filters_are_exact_or_prefixes_or_ignored(
    clients: dict[str, Client],
    people: list[tuple[int, str, str, str, str]],
    filters: dict[str, str],
    role: int | None,
) -> None:
    world = clients["exact"].server.world
    world.users.clear()
    for of_role, *values in people:
        world.add_learner(role=of_role, **dict(zip(TEXT_FILTERS.values(), values, strict=True)))
    users = [user for user in world.users.values() if role in (None, user.role)]
    fits = {
        "exact": lambda value, text: value.lower() == text.lower(),
        "prefix": lambda value, text: value.lower().startswith(text.lower()),
        "ignored": lambda value, text: True,
    }
    for mode, client in clients.items():
        expected = [
            user.id
            for user in users
            if all(
                not text or fits[mode](getattr(user, TEXT_FILTERS[name]), text)
                for name, text in filters.items()
            )
        ]
        assert found(client, Role=role, **filters) == expected, mode


def test_the_date_of_change_is_ignored_with_the_other_filters(serve: Serve, world: World) -> None:
    long_ago = world.add_learner(last_modified=date(2020, 1, 1))
    since = {"LastModified": "2026-01-01T00:00:00Z"}
    assert found(serve(), **since) == []
    assert found(serve(switches=Switches(user_filters="prefix")), **since) == []
    assert found(serve(switches=Switches(user_filters="ignored")), **since) == [long_ago.id]


@pytest.mark.parametrize("user_filters", ["exact", "prefix", "ignored"])
def test_role_and_centre_always_count(serve: Serve, world: World, user_filters: str) -> None:
    elsewhere = world.add_centre()
    world.add_learner()
    wanted = world.add_assessor(organisation_id=elsewhere.id)
    world.add_assessor()
    onefile = serve(switches=Switches(user_filters=user_filters))
    assert found(onefile, Role=5, OrganisationID=elsewhere.id) == [wanted.id]


@pytest.mark.parametrize("role", ROLES)
def test_users_of_every_role_are_found_by_it(onefile: Client, world: World, role: int) -> None:
    by_role = {each: world.add_learner(role=each).id for each in ROLES}
    assert found(onefile, Role=role) == [by_role[role]]
    assert onefile.get(f"/User/{by_role[role]}").json()["Role"] == role
    assert found(onefile, Role=99) == []


@pytest.mark.parametrize("wanted", [{"MISID": "x" * 256}, {"Role": "five"}, {"LastModified": "lately"}])
def test_a_filter_that_cannot_be_read_is_refused(onefile: Client, wanted: dict[str, object]) -> None:
    assert onefile.post("/User/Search/1/100", wanted).status_code == 400


# A user's record


def test_a_whole_record(onefile: Client, world: World) -> None:
    assessor, employer, group = world.add_assessor(), world.add_placement(), world.add_classroom()
    learner = world.add_learner(
        email="sian@learner.example",
        misid="L00001",
        uln="1000000043",
        nino="QQ000001A",
        dob=date(2004, 1, 31),
        l12="31",
        l13="F",
        l14="1",
        l15="98",
        l16="10",
        placement_id=employer.id,
        classroom_id=group.id,
        default_assessor_id=assessor.id,
        start_on=date(2026, 1, 5),
        planned_end_date=date(2027, 1, 5),
        last_modified=datetime(2026, 5, 1, 8, 30, tzinfo=UTC),
    )
    assert onefile.get(f"/User/{learner.id}").json() == {
        "ID": learner.id,
        "OrganisationID": 5740,
        "Role": 1,
        "FirstName": "Siân",
        "LastName": "O'Connor",
        "Email": "sian@learner.example",
        "MISID": "L00001",
        "ULN": "1000000043",
        "NINO": "QQ000001A",
        "DOB": "2004-01-31T00:00:00Z",
        "L12": "31",
        "L13": "F",
        "L14": "1",
        "L15": "98",
        "L16": "10",
        "PlacementID": employer.id,
        "ClassroomID": group.id,
        "DefaultAssessorID": assessor.id,
        "StartOn": "2026-01-05T00:00:00Z",
        "PlannedEndDate": "2027-01-05T00:00:00Z",
        "LastModified": "2026-05-01T08:30:00Z",
    }


@pytest.mark.parametrize(
    ("items", "sent", "left_out"),
    [
        ("thin", set(), {"Email", "ULN", "DOB", "NINO", "OrganisationID"}),
        ("some", {"Email", "LastModified"}, {"ULN", "DOB", "NINO", "OrganisationID"}),
        ("most", {"Email", "NINO", "OrganisationID"}, {"ULN", "DOB"}),
        ("rich", {"Email", "NINO", "OrganisationID", "ULN", "DOB"}, set()),
    ],
)
def test_what_a_search_tells_of_each_user(
    serve: Serve, world: World, items: str, sent: set[str], left_out: set[str]
) -> None:
    world.add_learner(
        email="a@b.example", uln="1000000043", dob=date(2004, 1, 1), nino="QQ000001A", last_modified=date.max
    )
    answer = serve(switches=Switches(items=items)).post("/User/Search/1/10", {"Role": 1}).json()
    assert sent <= set(answer[0])
    assert not left_out & set(answer[0])


@pytest.mark.parametrize("items", ["most", "rich"])
def test_users_without_their_centre_lack_it_in_searches_too(serve: Serve, world: World, items: str) -> None:
    world.add_learner()
    onefile = serve(switches=Switches(items=items, users_carry_centre=False))
    assert "OrganisationID" not in onefile.post("/User/Search/1/10", {}).json()[0]


# Archived users


def test_archived_users_are_listed_like_all_others(onefile: Client, world: World) -> None:
    world.add_learner(archived=True)
    present = world.add_learner()
    (gone, here) = onefile.post("/User/Search/1/10", {"Role": 1}).json()
    assert gone | {"ID": here["ID"]} == here
    assert (
        onefile.get(f"/User/{gone['ID']}").json().keys() == onefile.get(f"/User/{present.id}").json().keys()
    )


def test_archived_users_can_be_hidden_from_searches_only(serve: Serve, world: World) -> None:
    gone, present = world.add_learner(archived=True), world.add_learner()
    onefile = serve(switches=Switches(archived_users="hidden"))
    assert found(onefile, Role=1) == [present.id]
    assert onefile.get(f"/User/{gone.id}").json()["Role"] == 1


def test_archived_users_can_have_another_role(serve: Serve, world: World) -> None:
    gone, present = world.add_learner(archived=True), world.add_learner()
    left = world.add_assessor(archived=True)
    onefile = serve(switches=Switches(archived_users="other role", items="rich"))
    assert found(onefile, Role=1) == [present.id]
    assert found(onefile, Role=2) == [gone.id]
    assert found(onefile, Role=5) == []
    assert found(onefile) == [gone.id, present.id, left.id]
    assert onefile.get(f"/User/{gone.id}").json()["Role"] == 2
    assert onefile.post("/User/Search/1/1", {"Role": 2}).json()[0]["Role"] == 2
    assert onefile.get(f"/User/{left.id}").json()["Role"] not in ROLES


# MIS Values


def test_mis_values_can_be_switched_off_in_onefile(serve: Serve, world: World) -> None:
    person, employer = world.add_learner(misid="L1"), world.add_placement(misid="ORG1")
    world.add_classroom(misid="C1")
    assert found(serve(), MISID="L1") == [person.id]
    onefile = serve(switches=Switches(mis_values="dropped", items="rich"))
    assert found(onefile, MISID="L1") == []
    for path in (f"/User/{person.id}", f"/Placement/{employer.id}"):
        assert "MISID" not in onefile.get(path).json()
    for entity in ("User", "Placement", "Classroom"):
        assert "MISID" not in onefile.post(f"/{entity}/Search/1/10", {}).json()[0]
