"""Creating and changing placements, and creating classes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World

from .conftest import Client, Clock

Serve = Callable[..., Client]

NEW = {"OrganisationID": 5740, "Name": "Tŷ Gwyn Care"}


def test_a_whole_placement_is_kept_as_sent(onefile: Client, world: World) -> None:
    values = {
        **NEW,
        "Active": False,
        "Address": "1 Mill Lane\nNorthvale",
        "Contact": "Ffion Evans",
        "Email": "office@tygwyn.example",
        "Telephone": "01632 960001",
        "Web": "https://tygwyn.example",
        "MISID": "ORG1",
    }
    answer = onefile.post("/Placement", values | {"Fax": "none"})
    assert answer.text.isdigit()
    assert onefile.get(f"/Placement/{answer.text}").json() == {"ID": answer.json(), **values}
    assert onefile.post("/Placement/Search", NEW).json() == [
        {"ID": answer.json(), "Name": "Tŷ Gwyn Care", "MISID": "ORG1"}
    ]
    assert world.writes == 1


def test_a_class_answers_with_its_number(onefile: Client, world: World) -> None:
    values = {"OrganisationID": 5740, "Name": "September start", "StartOn": "2026-09-07T09:00:00.000Z"}
    answer = onefile.post("/Classroom", values | {"Archive": False, "IVFinalSignOff": True})
    group = world.classrooms[answer.json()]
    assert (group.name, group.start_on) == ("September start", datetime(2026, 9, 7, 9, tzinfo=UTC))
    assert onefile.post("/Classroom/Search", {"OrganisationID": 5740}).json()[0]["ID"] == group.id


@pytest.mark.parametrize("entity", ["Placement", "Classroom"])
def test_forms_and_names_in_any_case(onefile: Client, entity: str) -> None:
    form = {"organisationID": "5740", "NAME": "Tŷ Gwyn Care", "active": "True"}
    created = onefile.post(f"/{entity}", data=form).json()
    assert onefile.get(f"/{entity}/{created}").json()["Name"] == "Tŷ Gwyn Care"


@pytest.mark.parametrize("entity", ["Placement", "Classroom"])
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"OrganisationID": None}, -10),
        ({"OrganisationID": 1}, -11),
        ({"Name": None}, -10),
        ({"Name": "  "}, -10),
        ({"Name": "x" * 256}, -10),
        ({"MISID": {"ID": 1}}, -10),
    ],
)
def test_what_makes_no_sense_is_refused(
    onefile: Client, world: World, entity: str, wrong: dict[str, object], code: int
) -> None:
    answer = onefile.post(f"/{entity}", NEW | wrong)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert (world.placements, world.classrooms, world.writes) == ({}, {}, 0)


def test_a_placement_is_active_unless_the_create_says_no(onefile: Client, world: World) -> None:
    for active, expected in (
        (None, True),
        ("", True),
        (True, True),
        ("1", True),
        ("false", False),
        ("0", False),
    ):
        created = onefile.post("/Placement", NEW | {"Active": active}).json()
        assert world.placements[created].active is expected
    assert onefile.post("/Placement", NEW | {"Active": "perhaps"}).status_code == 400


@pytest.mark.parametrize("entity", ["Placement", "Classroom"])
def test_creating_twice_gives_two(onefile: Client, entity: str) -> None:
    first, second = (onefile.post(f"/{entity}", NEW | {"MISID": "X"}).json() for _ in range(2))
    assert first != second


def test_a_placement_with_a_mis_value_that_is_taken_can_be_refused(serve: Serve, world: World) -> None:
    taken = world.add_placement(misid="ORG1", active=False)
    onefile = serve(switches=Switches(same_mis_value="refused"))
    answer = onefile.post("/Placement", NEW | {"MISID": "org1"})
    assert (answer.status_code, answer.json()["code"]) == (400, -9)
    elsewhere = world.add_centre()
    other = onefile.post("/Placement", NEW | {"MISID": "ORG1", "OrganisationID": elsewhere.id})
    assert other.status_code == 200
    mine = onefile.post("/Placement", NEW).json()
    assert onefile.post(f"/Placement/{mine}", {"MISID": "ORG1"}).json()["code"] == -9
    assert onefile.post(f"/Placement/{taken.id}", {"MISID": "ORG1"}).status_code == 204


def test_an_update_changes_what_was_sent_and_nothing_else(onefile: Client, world: World) -> None:
    placement = world.add_placement(telephone="1", misid="ORG1")
    answer = onefile.post(f"/Placement/{placement.id}", {"name": "Tŷ Gwyn", "Active": False})
    assert (answer.status_code, answer.content) == (204, b"")
    assert (placement.name, placement.active) == ("Tŷ Gwyn", False)
    assert (placement.telephone, placement.misid) == ("1", "ORG1")
    assert onefile.post(f"/Placement/{placement.id}", {"Name": ""}).status_code == 400
    assert onefile.post("/Placement/1", {}).status_code == 404
    assert world.writes == 1


@pytest.mark.parametrize("entity", ["Placement", "Classroom"])
def test_new_records_are_found_late_by_searches_that_lag(serve: Serve, clock: Clock, entity: str) -> None:
    onefile = serve(switches=Switches(search_lag=20))
    created = onefile.post(f"/{entity}", NEW).json()
    assert onefile.get(f"/{entity}/{created}").status_code == 200
    assert onefile.post(f"/{entity}/Search", {}).status_code == 204
    clock.advance(seconds=20)
    assert [item["ID"] for item in onefile.post(f"/{entity}/Search", {}).json()] == [created]
