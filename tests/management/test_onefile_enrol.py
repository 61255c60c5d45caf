"""The command that creates learners: what it prints, how it ends, and that it never creates where a person is asked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from example_project.picsweb.models import Learner, Officer
from onefile_sync.linking import directory
from onefile_sync.models import OneFileSettings, RunKind, SyncRun
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from tests.enrolment import conftest as enrolment
from tests.enrolment.conftest import NEEDED, NewLearner, add_qualification, perform
from tests.run_fixtures import Manage

new_learner, defaults_chosen = enrolment.new_learner, enrolment.defaults_chosen

pytestmark = [
    pytest.mark.parametrize("host", ["picsweb"], indirect=True),
    pytest.mark.usefixtures("creates_people"),
]
#: None of it may be printed where output is captured.
PERSONAL = ("Bell", "Reed", "home.example", "provider.example", "1000000000", "AB123456C", "2005", "Mill")


@pytest.fixture
def creates_people(defaults_chosen: None) -> None:
    OneFileSettings.objects.update(create_missing="bulk")


def created_in(world: World) -> int:
    return sum(user.role == 1 for user in world.users.values())


def said_of(manage: Manage, *learners: Learner, options: tuple[str, ...] = ()) -> tuple[int, dict[str, Any]]:
    said = manage("onefile_enrol", "--json", *options, "--learner", *(str(each.pk) for each in learners))
    return said.code, json.loads(said.out)


def test_a_learner_who_is_ready_is_created(world: World, new_learner: NewLearner, manage: Manage) -> None:
    learner = new_learner()

    code, told = said_of(manage, learner)

    learner.refresh_from_db()
    assert (code, told["counts"]["created"]) == (0, 1)
    assert told["learners"][0]["onefile_id"] == learner.onefile_id
    assert learner.onefile_id in world.users
    assert SyncRun.objects.get(pk=told["run"]).kind == RunKind.ENROL
    assert told["trace"] is None


def test_a_second_command_creates_nothing(world: World, new_learner: NewLearner, manage: Manage) -> None:
    first, second = new_learner(), new_learner("N0002", first_name="Bea", uln="", ni_number="")
    said_of(manage, first)
    before = created_in(world)

    code, told = said_of(manage, first, second)
    again = manage("onefile_enrol", "--learner", str(first.pk))

    assert [each["state"] for each in told["learners"]] == ["linked", "created"]
    assert (code, created_in(world)) == (0, before + 1)
    assert again.code == 2
    assert "linked" in again.err


def test_a_preview_creates_nothing_and_says_what_would_be_sent(
    world: World, new_learner: NewLearner, manage: Manage
) -> None:
    learner = new_learner()
    add_qualification(learner, "196AS")
    users = len(world.users)

    code, told = said_of(manage, learner, options=("--preview",))
    said = manage("onefile_enrol", "--preview", "--learner", str(learner.pk))

    plan = told["learners"][0]["plan"]
    assert (code, said.code, told["run"]) == (0, 0, None)
    assert len(world.users) == users
    assert {"first_name", "email", "uln", "mis_value"} <= set(plan["sends"])
    assert plan["creates"] == {"assessors": 1, "placements": 1, "classes": 0}
    assert plan["qualifications"] == [{"reference": "196AS", "status": "not_in_onefile", "standard_id": None}]
    assert "Creates: assessor" in said.out
    for output in (json.dumps(told), said.out):
        assert not [word for word in PERSONAL if word in output]


def test_a_terminal_shows_names_and_values(
    new_learner: NewLearner, manage: Manage, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = new_learner()
    monkeypatch.setattr("django.core.management.base.OutputWrapper.isatty", lambda _self: True)

    said = manage("onefile_enrol", "--preview", "--learner", str(learner.pk))

    assert "Email: n0001@home.example" in said.out
    assert "Creates: placement: Mill & Co" in said.out


def test_who_needs_a_person_is_named_and_not_created(
    world: World, new_learner: NewLearner, manage: Manage
) -> None:
    world.add_learner(first_name="Ann", last_name="Bell", uln="1000000000")
    twin, nameless = new_learner(), new_learner("N0002", first_name="Bea", email="", uln="", ni_number="")
    before = created_in(world)

    code, told = said_of(manage, twin, nameless)

    assert code == 1
    assert [(each["state"], each["codes"]) for each in told["learners"]] == [
        ("may_exist", ["may_exist"]),
        ("cannot", ["enrol_missing"]),
    ]
    assert (told["run"], created_in(world)) == (None, before)


def test_people_are_created_only_if_the_settings_say_so_for_learners_nobody_looks_at(
    world: World, new_learner: NewLearner, manage: Manage
) -> None:
    OneFileSettings.objects.update(create_missing="shown")

    code, told = said_of(manage, new_learner())

    assert (code, told["learners"][0]["codes"]) == (1, ["party_not_in_onefile"])
    assert created_in(world) == 0


def test_a_trace_tells_the_shape_of_each_answer_and_no_value(
    world: World, new_learner: NewLearner, manage: Manage
) -> None:
    learner = new_learner()

    said = manage("onefile_enrol", "--trace", "--learner", str(learner.pk))
    told = said_of(
        manage, new_learner("N0002", first_name="Bea", uln="", ni_number=""), options=("--trace",)
    )[1]

    assert said.code == 0
    assert "  create user: object" in said.out
    assert "    ID                           whole number (1x)" in said.out
    assert "A MIS Value that was sent is there when the user is read: yes" in said.out
    assert told["trace"]["mis_value_kept"] is True
    assert [each["answer"] for each in told["trace"]["calls"] if each["operation"] == "create user"]
    for output in (json.dumps(told), said.out):
        assert not [word for word in PERSONAL if word in output]


@pytest.mark.parametrize(
    "switches",
    [Switches(rate_limit=0, mis_values="dropped", class_template="assigns", assign_path="learner")],
    ids=["another OneFile"],
)
def test_a_trace_says_what_only_a_create_can_tell(
    world: World, new_learner: NewLearner, manage: Manage
) -> None:
    world.add_standard(title="Welding", code="196AS", organisation_ids=[world.centre_id])
    other = world.add_standard(title="Care", code="197CW", organisation_ids=[world.centre_id])
    for room in world.classrooms.values():
        room.template_id = world.add_template(standard_ids=[other.id]).id
    perform(directory.start_reading(NEEDED, queued=False))
    learner = new_learner()
    officer = Officer.objects.create(
        ident="OFF8", first_name="Una", surname="Dee", email="una@provider.example"
    )
    add_qualification(learner, "196AS", assessor=officer)

    said = said_of(manage, learner, options=("--trace",))[1]
    assert said["learners"][0]["state"] == "created", said
    told = said["trace"]

    assert (told["mis_value_kept"], told["aims_after_create"]) == (False, 1)
    assert told["assign_answer"] == "status 400"


def test_what_cannot_run_ends_with_two(new_learner: NewLearner, manage: Manage) -> None:
    learner = new_learner()
    absent = manage("onefile_enrol", "--learner", "999999")
    both = manage("onefile_enrol", "--preview", "--trace", "--learner", str(learner.pk))
    OneFileSettings.objects.update(enabled=False)
    off = manage("onefile_enrol", "--learner", str(learner.pk))

    assert [absent.code, both.code, off.code] == [2, 2, 2]
    assert not SyncRun.objects.filter(kind__in=(RunKind.ENROL, RunKind.ENROL_CHECK)).exists()
