"""What a centre has besides people: standards with their codes, placements, classes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World

from .conftest import Client, Clock

Serve = Callable[..., Client]


@pytest.mark.parametrize(
    ("standard_code", "sent"),
    [
        ("in title", {"Title": "Business Administrator [196AS]"}),
        ("property", {"Title": "Business Administrator", "Code": "196AS"}),
        ("absent", {"Title": "Business Administrator"}),
    ],
)
@pytest.mark.parametrize("items", ["thin", "rich"])
def test_where_a_standards_code_is(
    serve: Serve, world: World, items: str, standard_code: str, sent: dict[str, str]
) -> None:
    standard = world.add_standard(title="Business Administrator", code="196AS")
    onefile = serve(switches=Switches(standard_code=standard_code, items=items, nulls="null"))
    record = {"ID": standard.id, **sent}
    assert onefile.post("/Standard/Search/1/100", {"OrganisationID": 5740}).json() == [record]
    assert onefile.get(f"/Standard/{standard.id}").json() == record


def test_a_standard_without_a_code_has_no_brackets(onefile: Client, world: World) -> None:
    standard = world.add_standard(title="Team Leader", code="")
    assert onefile.get(f"/Standard/{standard.id}").json() == {"ID": standard.id, "Title": "Team Leader"}


def test_standards_are_found_by_centre_and_title(onefile: Client, world: World) -> None:
    elsewhere = world.add_centre()
    ours = world.add_standard()
    theirs = world.add_standard(organisation_ids=(elsewhere.id,), title="Adult Care Worker", code="215AS")
    both = world.add_standard(organisation_ids=(5740, elsewhere.id), title="Team Leader", code="")

    def found(**wanted: object) -> list[object]:
        answer = onefile.post("/Standard/Search", wanted)
        return [item["ID"] for item in answer.json()] if answer.status_code == 200 else []

    assert found() == [ours.id, theirs.id, both.id]
    assert found(OrganisationID=5740) == [ours.id, both.id]
    assert found(OrganisationID=elsewhere.id) == [theirs.id, both.id]
    assert found(OrganisationID=1) == []
    assert found(Title="adult care worker [215AS]") == [theirs.id]
    assert found(Title="adult care worker") == []


def test_standards_have_pages_faults_sessions_and_the_rate_limit_of_all_others(
    serve: Serve, world: World, clock: Clock
) -> None:
    ids = [world.add_standard(code=f"{number}AS").id for number in range(3)]
    onefile = serve(switches=Switches(rate_limit=6))
    pages = [onefile.post(f"/Standard/Search/{page}/2", {}) for page in (1, 2, 3)]
    assert [[item["ID"] for item in page.json()] for page in pages[:2]] == [ids[:2], ids[2:]]
    assert (pages[2].status_code, pages[2].content) == (204, b"")
    assert onefile.get("/Standard/1").status_code == 404
    onefile.server.faults.append(Fault(operation="Standard/Search", kind="status", status=503))
    assert onefile.post("/Standard/Search/1/2", {}).status_code == 503
    assert [onefile.get(f"/Standard/{ids[0]}").status_code for _ in range(3)] == [200, 200, 429]
    assert onefile.server.calls["Standard/get"] == 4
    clock.advance(hours=25)
    assert onefile.get(f"/Standard/{ids[0]}").status_code == 401


def test_a_whole_placement(onefile: Client, world: World) -> None:
    employer = world.add_placement(
        name="Tŷ Gwyn Care",
        misid="ORG1",
        address="1 Mill Lane\r\nNorthvale",
        contact="Ffion Evans",
        email="office@tygwyn.example",
        telephone="01632 960001",
        web="https://tygwyn.example",
    )
    assert onefile.get(f"/Placement/{employer.id}").json() == {
        "ID": employer.id,
        "OrganisationID": 5740,
        "Name": "Tŷ Gwyn Care",
        "Active": True,
        "Address": "1 Mill Lane\r\nNorthvale",
        "Contact": "Ffion Evans",
        "Email": "office@tygwyn.example",
        "Telephone": "01632 960001",
        "Web": "https://tygwyn.example",
        "MISID": "ORG1",
    }
