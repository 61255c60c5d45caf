"""People, placements, classrooms and standards from the sandbox, however OneFile may turn out to behave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from onefile_sync.onefile.centre_records import STANDARD_NAMES, USER_NAMES
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.records import NamedRecord, Person, Standard
from onefile_sync.onefile.transport import Transport
from onefile_sync.sandbox.entities import SandboxUser
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World

from .fakes import KeptSession
from .wire import failure_of

Ask = Callable[..., "SandboxClient"]


class SandboxClient(OneFile):
    """A client, and the sandbox that it calls."""

    sandbox: SandboxServer


DEFAULT = Switches(rate_limit=0)
#: Every alternative of the switches that concern these records or how they are listed.
CONCERNED = [
    pytest.param(replace(switches, rate_limit=0), id=f"{name} {value}")
    for name, value, switches in Switches.each_alternative()
    if name
    in {
        "items",
        "nulls",
        "dates",
        "property_names",
        "page_limit",
        "page_order",
        "empty_search",
        "past_the_end",
        "users_carry_centre",
        "user_filters",
        "archived_users",
        "mis_values",
        "standard_code",
        "auth_body",
    }
]
EVERY_BEHAVIOUR = pytest.mark.parametrize("switches", [pytest.param(DEFAULT, id="default"), *CONCERNED])


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def ask(
    make_onefile_sandbox: Callable[..., SandboxServer], connect: Callable[..., Transport], world: World
) -> Ask:
    """Connects a client to a sandbox that behaves as the switches say."""

    def client(switches: Switches = DEFAULT, **options: Any) -> SandboxClient:
        server = make_onefile_sandbox(world=world, switches=switches)
        transport = connect(server.url, server.customer_token, sessions=KeptSession())
        onefile = SandboxClient(transport, page_size=2, **options)
        onefile.sandbox = server
        return onefile

    return client


@pytest.fixture
def zoe(world: World) -> SandboxUser:
    return world.add_learner(
        first_name="Zoë",
        last_name="Quill",
        email="zoe@example.org",
        misid="10041",
        uln="1234567890",
        nino="QQ123456C",
        dob=date(1999, 6, 15),
        start_on=date(2026, 1, 5),
        planned_end_date=date(2027, 9, 1),
        placement_id=9,
        classroom_id=77,
        default_assessor_id=12,
        last_modified=datetime(2026, 5, 1, 9, 30, tzinfo=UTC),
    )


def as_read(user: SandboxUser, switches: Switches) -> Person:
    """The person that a client should make of this user."""
    return Person(
        id=user.id,
        centre_id=user.organisation_id if switches.users_carry_centre else None,
        role=1,
        first_name="Zoë",
        last_name="Quill",
        email="zoe@example.org",
        mis_value="10041" if switches.mis_values == "kept" else "",
        uln="1234567890",
        ni_number="QQ123456C",
        date_of_birth=date(1999, 6, 15),
        start_date=date(2026, 1, 5),
        planned_end_date=date(2027, 9, 1),
        default_assessor_id=12,
        placement_id=9,
        classroom_id=77,
        last_modified=datetime(2026, 5, 1, 9, 30, tzinfo=UTC),
    )


@EVERY_BEHAVIOUR
def test_a_person_is_read_whole(ask: Ask, zoe: SandboxUser, switches: Switches) -> None:
    assert ask(switches).person(zoe.id) == as_read(zoe, switches)


@EVERY_BEHAVIOUR
def test_a_listed_person_is_silent_or_right_about_each_value(
    ask: Ask, world: World, zoe: SandboxUser, switches: Switches
) -> None:
    for _ in range(4):
        world.add_learner()
    onefile, whole = ask(switches), as_read(zoe, switches)

    found = onefile.people(centre_id=world.centre_id, role=1)

    assert found.unreadable_items == 0
    assert {person.id for person in found.records} == {user.id for user in world.users.values()}
    listed = next(person for person in found.records if person.id == zoe.id)
    values = {name: getattr(listed, name) for name in USER_NAMES if name not in listed.silent}
    assert values == {name: getattr(whole, name) for name in values}
    blank = {name for name in USER_NAMES if getattr(whole, name) in (None, "")}
    assert blank <= listed.silent
    assert not listed.unreadable
    assert ("uln" in listed.silent) is (switches.items != "rich")


@pytest.mark.parametrize(
    ("user_filters", "found"), [("exact", {"10041"}), ("prefix", {"10041", "100412"}), ("ignored", None)]
)
def test_a_search_gives_whatever_onefile_finds(
    ask: Ask, world: World, zoe: SandboxUser, user_filters: str, found: set[str] | None
) -> None:
    world.add_learner(misid="100412")
    world.add_learner(misid="20000")
    onefile = ask(replace(DEFAULT, user_filters=user_filters))

    people = onefile.people(role=1, mis_value="10041")

    assert {person.mis_value for person in people.records} == (found or {"10041", "100412", "20000"})


@pytest.mark.parametrize(
    "filters", [{"email": "ZOE@example.org"}, {"first_name": "zoë", "last_name": "Quill"}]
)
def test_people_are_found_by_email_and_name(
    ask: Ask, world: World, zoe: SandboxUser, filters: dict[str, str]
) -> None:
    world.add_learner(first_name="Zoë", last_name="Other")
    assert [person.id for person in ask().people(**filters).records] == [zoe.id]


def test_nobody_is_found_by_a_mis_value_that_the_centre_does_not_keep(ask: Ask, zoe: SandboxUser) -> None:
    assert ask(replace(DEFAULT, mis_values="dropped")).people(mis_value="10041").records == ()


@pytest.mark.parametrize(
    ("archived_users", "listed", "archived"),
    [("listed", True, None), ("hidden", False, None), ("other role", False, True)],
)
def test_an_archived_user(
    ask: Ask, zoe: SandboxUser, archived_users: str, listed: bool, archived: bool | None
) -> None:
    zoe.archived = True
    onefile = ask(replace(DEFAULT, archived_users=archived_users))

    assert bool(onefile.page_of_people(1, centre_id=None, role=1).records) is listed
    assert onefile.person(zoe.id).archived is archived


@pytest.mark.parametrize(
    ("written", "archived"), [(True, True), ("2026-05-01T00:00:00Z", True), (False, False)]
)
def test_a_user_may_be_archived_by_a_property(
    ask: Ask, zoe: SandboxUser, written: object, archived: bool
) -> None:
    zoe.wire["ArchivedOn"] = written
    onefile = ask(archived_property="ArchivedOn")

    assert onefile.person(zoe.id).archived is archived
    assert onefile.people().records[0].archived is archived


@pytest.mark.parametrize("items", ["thin", "some", "most", "rich"])
@EVERY_BEHAVIOUR
def test_placements_and_classrooms(ask: Ask, world: World, switches: Switches, items: str) -> None:
    other = world.add_centre(name="Care")
    world.add_placement(organisation_id=other.id, name="Elsewhere")
    placement = world.add_placement(name="Tŷ Mill & Co", misid="E9", email="mill@example.org", active=False)
    classroom = world.add_classroom(name="Autumn", misid="C1")
    onefile = ask(replace(switches, items=items))

    (found,) = onefile.page_of_placements(1, world.centre_id).records
    (group,) = onefile.page_of_classrooms(1, world.centre_id).records

    kept = switches.mis_values == "kept"
    thin = NamedRecord(placement.id, None, "Tŷ Mill & Co", "E9" if kept else "")
    full = replace(thin, centre_id=world.centre_id, email="mill@example.org", active=False)
    assert found == (thin if items in ("thin", "some") else full)
    assert (group.id, group.name, group.mis_value) == (classroom.id, "Autumn", "C1" if kept else "")
    assert onefile.page_of_placements(2, world.centre_id).items == 0


CALLS: dict[str, Callable[[OneFile, int], object]] = {
    "User/get": lambda onefile, user_id: onefile.person(user_id),
    "User/Search": lambda onefile, _: onefile.people(mis_value="10041").records,
    "Placement/Search": lambda onefile, _: onefile.page_of_placements(1, None),
    "Classroom/Search": lambda onefile, _: onefile.page_of_classrooms(1, None),
    "Standard/Search": lambda onefile, _: onefile.page_of_standards(1, None),
}
FAULTS: dict[str, dict[str, Any]] = {
    "reset before": {"kind": "reset"},
    "reset after": {"kind": "reset", "when": "after"},
    "401": {"kind": "status", "status": 401},
    "429": {"kind": "status", "status": 429},
    "500": {"kind": "status", "status": 500},
    "HTML": {"kind": "html"},
    "truncated": {"kind": "truncated", "when": "after"},
    "broken JSON": {"kind": "broken_json", "when": "after"},
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("operation", CALLS)
class TestFaults:
    def test_that_pass_change_nothing(
        self, ask: Ask, world: World, zoe: SandboxUser, operation: str, fault: str
    ) -> None:
        onefile = ask()
        for add in (world.add_placement, world.add_classroom, world.add_standard):
            add()
        untroubled = CALLS[operation](onefile, zoe.id)
        onefile.sandbox.faults.append(Fault(operation=operation, **FAULTS[fault]))

        assert CALLS[operation](onefile, zoe.id) == untroubled

    def test_that_stay_are_an_error_without_a_doubt(
        self, ask: Ask, zoe: SandboxUser, operation: str, fault: str
    ) -> None:
        onefile = ask()
        onefile.sandbox.faults.append(Fault(operation=operation, times=99, **FAULTS[fault]))

        error = failure_of(lambda: CALLS[operation](onefile, zoe.id))

        assert not error.unsure
        assert "10041" not in str(error)


@EVERY_BEHAVIOUR
def test_standards(ask: Ask, world: World, switches: Switches) -> None:
    other = world.add_centre(name="Care")
    both = world.add_standard(
        title="Care [Level 2]", code="196AS", organisation_ids=(world.centre_id, other.id)
    )
    world.add_standard(title="Business", code="200BU")
    names = {**STANDARD_NAMES, "code": "Code"} if switches.standard_code == "property" else STANDARD_NAMES
    onefile = ask(switches, standard_names=names)

    (found,) = onefile.page_of_standards(1, other.id).records

    # Where no code is sent, what else stands in brackets is taken for one.
    code = "Level 2" if switches.standard_code == "absent" else "196AS"
    title = "Care [Level 2] [196AS]" if switches.standard_code == "in title" else "Care [Level 2]"
    assert found == Standard(both.id, title, code)
    assert both.id in {standard.id for standard in onefile.page_of_standards(1, world.centre_id).records}
