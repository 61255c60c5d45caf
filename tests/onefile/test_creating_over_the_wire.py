"""The creates of an enrolment against the sandbox, however OneFile may turn out to answer them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from onefile_sync.onefile import creating
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.errors import NO_SUCH_CLASSROOM, NO_SUCH_PLACEMENT
from onefile_sync.onefile.transport import Transport
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World

from .aims import aim_fields
from .fakes import KeptSession
from .wire import failure_of

DEFAULT = Switches(rate_limit=0)
CONCERNED = [
    pytest.param(replace(switches, rate_limit=0), id=f"{name} {value}")
    for name, value, switches in Switches.each_alternative()
    if name in {"create_answer", "update_answer", "update_mode", "property_names", "nulls", "dates"}
    or (name, value) == ("user_create_answer", "number")
]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def ask(
    make_onefile_sandbox: Callable[..., SandboxServer], connect: Callable[..., Transport], world: World
) -> Callable[..., OneFile]:
    def client(switches: Switches = DEFAULT) -> OneFile:
        server = make_onefile_sandbox(world=world, switches=switches)
        return OneFile(connect(server.url, server.customer_token, sessions=KeptSession()), aim_fields())

    return client


def nothing() -> None: ...


def create_everything(onefile: OneFile, world: World, **changed: int) -> tuple[int, dict[str, object]]:
    placement = creating.create_placement(
        onefile, centre_id=world.centre_id, name="Mill & Co", mis_value="E9", about_to_send=nothing
    )
    classroom = creating.create_class(
        onefile, centre_id=world.centre_id, name="Autumn", start=date(2026, 9, 1), about_to_send=nothing
    )
    values = {
        "centre_id": world.centre_id,
        "role": 1,
        "first_name": "Zoë",
        "last_name": "Quill",
        "email": "zoe@example.org",
        "mis_value": "0002N",
        "date_of_birth": date(1999, 6, 15),
        "start_date": date(2026, 9, 1),
        "default_assessor_id": world.add_assessor().id,
        "placement_id": placement,
        "classroom_id": classroom,
        "ethnicity": "31",
        "sex": "F",
        "disability": "1",
        "primary_lldd": "12",
        **changed,
    }
    return creating.create_user(onefile, values, about_to_send=nothing), values


@pytest.mark.parametrize("switches", [pytest.param(DEFAULT, id="default"), *CONCERNED])
def test_a_learner_with_all_that_belongs_to_it(
    ask: Callable[..., OneFile], world: World, switches: Switches
) -> None:
    standard = world.add_standard(title="Care", code="196AS")
    onefile = ask(switches)

    learner_id, values = create_everything(onefile, world)
    aim_id = creating.assign_standard(onefile, standard.id, learner_id, about_to_send=nothing)
    aim = onefile.learning_aim(aim_id)
    creating.set_aim_dates(onefile, aim, start=date(2026, 9, 1), planned_end=date(2027, 8, 31))
    other = world.add_assessor().id
    creating.assign_assessor(
        onefile, other, learner_id=learner_id, level=3, standard_id=standard.id, about_to_send=nothing
    )
    creating.assign_assessor(onefile, other, learner_id=learner_id, level=1, about_to_send=nothing)

    person = onefile.person(learner_id)
    assert {name: getattr(person, name) for name in values} == values
    assert [each.name for each in onefile.placements(world.centre_id, "Mill & Co").records] == ["Mill & Co"]
    assert [each.name for each in onefile.classrooms(world.centre_id, "Autumn").records] == ["Autumn"]
    assert standard.id in {each.id for each in onefile.standards(world.centre_id).records}
    (outline,) = onefile.page_of_aim_outlines(1, learner_id).records
    assert (outline.id, outline.standard_id) == (aim_id, standard.id)
    dates = onefile.learning_aim(aim_id).writable
    assert {str(dates[name])[:10] for name in ("StartDate", "PlannedEnd")} == {"2026-09-01", "2027-08-31"}


def test_an_empty_answer_leaves_a_user_in_doubt(ask: Callable[..., OneFile], world: World) -> None:
    onefile = ask(replace(DEFAULT, user_create_answer="empty"))
    error = failure_of(lambda: create_everything(onefile, world))
    assert (error.code, error.unsure) == ("bad_answer", True)
    assert len(onefile.people(mis_value="0002N").records) == 1


@pytest.mark.parametrize(
    ("name", "code"), [("placement_id", NO_SUCH_PLACEMENT), ("classroom_id", NO_SUCH_CLASSROOM)]
)
def test_what_is_gone_is_told(ask: Callable[..., OneFile], world: World, name: str, code: int) -> None:
    error = failure_of(lambda: create_everything(ask(), world, **{name: 987654}))
    assert (error.code, error.onefile_code, error.unsure) == ("refused", code, False)
    assert error.said
