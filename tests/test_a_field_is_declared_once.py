"""A field that travels both ways is one row of the table of fields and one line of the mapping, and nothing else.

*Planned End Date* is no field of ours. It is declared here, and the whole exchange must know it: one learner's refresh
and the daily sync of everyone, on two hosts that are quite unlike, with OneFile's lists giving little or everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests
from django.utils.translation import gettext_lazy as _

import onefile_sync
from onefile_sync import fields, services
from onefile_sync import host as picsweb
from onefile_sync.checks.picsweb import messages
from onefile_sync.fields import TWO_WAY, Kind, SynchronisedField, synchronised_fields, two_way_fields
from onefile_sync.models import LearnerOutcome, OutcomeState, StagedRecord
from onefile_sync.sandbox.entities import on_london_date
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from onefile_sync.sync.connection.aim_fields import READ, aim_fields
from tests.academy.mapping import ACADEMY
from tests.academy.models import Apprentice, Award
from tests.conftest import daily_of, sync
from tests.factories import SECOND_HOST, Host

pytestmark = pytest.mark.matrix("refresh")

PLANNED_END = SynchronisedField("planned_end_date", _("Planned End Date"), "PlannedEnd", Kind.DATE, TWO_WAY)
#: The one line of each host's mapping: a date-time of the college, a date of the academy.
COLUMNS = {"college": {"planned_end_date": "due_at"}, "academy": {"planned_end_date": "expected_end"}}

SPRING, SUMMER, AUTUMN = date(2026, 4, 14), date(2026, 7, 1), date(2026, 10, 30)

THIRD_HOST = Host(
    "academy",
    ACADEMY,
    {
        "learner": lambda **roles: Apprentice.objects.create(ident="A1", **roles),
        "qualification": Award.objects.create,
    },
    lambda part, roles: {{"learner": "apprentice"}.get(role, role): value for role, value in roles.items()},
)


@pytest.fixture(autouse=True)
def _declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "SYNCHRONISED", (*fields.SYNCHRONISED, PLANNED_END))


@pytest.fixture(params=[SECOND_HOST, THIRD_HOST], ids=lambda host: host.name)
def host(request: pytest.FixtureRequest, settings: Any, db: None) -> Host:
    chosen: Host = request.param
    mapping = {**chosen.mapping["QUALIFICATION"], **COLUMNS[chosen.name]}
    settings.ONEFILE_SYNC = {**chosen.mapping, "QUALIFICATION": mapping, "CALLS_AT_ONCE": 1}
    return chosen


@pytest.fixture(params=["thin", "rich"])
def switches(request: pytest.FixtureRequest) -> Switches:
    return Switches(rate_limit=0, items=request.param)


ONE_AND_EVERYONE = pytest.mark.parametrize("refresh", [sync, daily_of], ids=["one learner", "everyone"])


def build(host: Host, world: World, ours: date | None, theirs: date | None) -> tuple[Any, Any]:
    """A learner with one qualification whose planned end is known on these sides; the learner, the learning aim."""
    person = world.add_learner()
    learner = host.learner(onefile_id=person.id)
    aim = world.add_aim(person.id, planned_end_date=theirs)
    qualification = host.qualification(learner, onefile_id=aim.id)
    if ours is not None:
        saved = picsweb.save_fields(
            "qualification", str(qualification.pk), {"planned_end_date": None}, {"planned_end_date": ours}
        )
        assert saved
    return learner, aim


def in_picsweb(learner: Any) -> Any:
    row = picsweb.learner_by_pk(str(learner.pk))
    assert row is not None
    (qualification,) = picsweb.read_learner(row).qualifications
    return qualification.values["planned_end_date"]


def in_onefile(aim: Any) -> date | None:
    return on_london_date(aim.planned_end_date) if aim.planned_end_date else None


@ONE_AND_EVERYONE
@pytest.mark.parametrize(
    ("ours", "theirs", "both", "changed"),
    [
        pytest.param(None, SUMMER, SUMMER, ("picsweb", "", "01/07/2026"), id="blank in PICSWeb"),
        pytest.param(SPRING, None, SPRING, ("onefile", "", "14/04/2026"), id="blank in OneFile"),
        pytest.param(
            SPRING, SUMMER, SUMMER, ("picsweb", "14/04/2026", "01/07/2026"), id="different: OneFile's wins"
        ),
        pytest.param(SPRING, SPRING, SPRING, None, id="the same"),
        pytest.param(None, None, None, None, id="blank on both sides"),
    ],
)
def test_it_travels_both_ways_and_a_second_sync_writes_nothing(
    host: Host,
    world: World,
    onefile: SandboxServer,
    counting: Callable[[], Any],
    refresh: Callable[[Any], LearnerOutcome],
    ours: date | None,
    theirs: date | None,
    both: date | None,
    changed: tuple[str, str, str] | None,
) -> None:
    learner, aim = build(host, world, ours, theirs)

    outcome = refresh(learner)

    assert (in_picsweb(learner), in_onefile(aim)) == (both, both)
    assert not outcome.problems.exists()
    made = outcome.changes.filter(field="planned_end_date")
    assert list(made.values_list("side", "old", "new")) == ([changed] if changed else [])
    for line in services.report(outcome).changes:
        if line.field != "OneFile centre":
            assert (line.field, line.rule_text) == ("Planned End Date", str(TWO_WAY.text))

    writes = world.writes
    with counting() as counted:
        again = refresh(learner)
    assert again.state == OutcomeState.UNCHANGED
    assert (counted.to_picsweb, world.writes) == (0, writes)


@ONE_AND_EVERYONE
def test_what_cannot_be_read_is_left_alone_and_reported_by_its_label(
    host: Host,
    world: World,
    onefile: SandboxServer,
    counting: Callable[[], Any],
    refresh: Callable[[Any], LearnerOutcome],
) -> None:
    learner, aim = build(host, world, SPRING, None)
    aim.wire = {"PlannedEnd": "soon"}
    refresh(learner)

    with counting() as counted:
        outcome = refresh(learner)

    assert (counted.to_picsweb, world.writes) == (0, 0)
    assert (in_picsweb(learner), in_onefile(aim)) == (SPRING, None)
    (problem,) = services.report(outcome).problems
    assert (problem.code, "Planned End Date" in problem.text) == ("bad_value", True)


@ONE_AND_EVERYONE
@pytest.mark.parametrize("switches", [Switches(rate_limit=0)])
def test_onefile_may_call_it_something_that_the_sandbox_has_never_heard_of(
    host: Host,
    world: World,
    onefile: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
    refresh: Callable[[Any], LearnerOutcome],
) -> None:
    renamed = replace(PLANNED_END, json_name="ExpectedEnd")
    monkeypatch.setattr(fields, "SYNCHRONISED", (*fields.SYNCHRONISED[:-1], renamed))
    learner, aim = build(host, world, SPRING, None)

    refresh(learner)

    assert (in_onefile(aim), aim.planned_end) == (SPRING, None)
    aim.planned_end_date = SUMMER
    refresh(learner)
    assert in_picsweb(learner) == SUMMER


def test_its_name_in_onefile_can_be_set(host: Host, settings: Any) -> None:
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "AIM_NAMES": {"planned_end_date": "EndsOn"}}

    assert aim_fields()[-1].json_name == "EndsOn"
    assert "onefile_sync.E017" not in [message.id for message in messages()]


@pytest.mark.parametrize("switches", [Switches(rate_limit=0)])
def test_everyones_is_staged_with_the_other_values(host: Host, world: World, onefile: SandboxServer) -> None:
    learner, aim = build(host, world, SUMMER, SUMMER)

    daily_of(learner)

    staged = StagedRecord.objects.get(onefile_id=aim.id)
    assert staged.values == {"learner_id": aim.user_id, "planned_end_date": "2026-07-01"}


@pytest.mark.parametrize("switches", [Switches(rate_limit=0)])
def test_a_person_can_see_and_change_it_on_the_sandboxs_page(
    host: Host, world: World, onefile: SandboxServer
) -> None:
    learner, aim = build(host, world, None, SUMMER)
    page = onefile.page_url.rstrip("/")

    shown = requests.get(f"{page}/learner/{aim.user_id}", timeout=5).text
    saved = requests.post(f"{page}/aim/{aim.id}", {"planned_end_date": "2026-10-30"}, timeout=5)
    sync(learner)

    assert re.search(
        r'Planned End Date <input type="date" +name="planned_end_date" value="2026-07-01">', shown
    )
    assert saved.ok
    assert in_picsweb(learner) == AUTUMN


@pytest.mark.parametrize(("column", "expected"), [("title", "E009"), ("no_such_column", "E008")])
def test_a_column_that_holds_no_date_is_refused(
    host: Host, settings: Any, column: str, expected: str
) -> None:
    column = {"academy": "title", "college": "course"}[host.name] if column == "title" else column
    assert [message.id for message in messages()] == []
    qualification = {**settings.ONEFILE_SYNC["QUALIFICATION"], "planned_end_date": column}
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "QUALIFICATION": qualification}

    (message,) = messages()

    assert message.id == f"onefile_sync.{expected}"
    assert "['planned_end_date']" in message.msg


def test_its_rule_is_among_the_rules() -> None:
    rule = services.RULES[len(two_way_fields())]

    assert (rule.code, str(rule.about)) == ("planned_end_date", "Planned End Date")
    assert len(services.RULES) == len(list(services.RULES))


def test_every_kind_of_a_synchronised_field_can_be_read() -> None:
    assert {field.kind for field in synchronised_fields()} <= READ.keys()


def test_the_staging_table_has_room_for_the_names_of_all_that_a_list_may_leave_out() -> None:
    longest = StagedRecord._meta.get_field("left_out").max_length
    assert longest is not None
    assert len(" ".join(["learner_id", *(field.name for field in synchronised_fields())])) <= longest


PACKAGE = Path(onefile_sync.__file__).parent
#: Where fields may be named: in their declarations, and in what the sandbox makes up.
MAY_NAME_FIELDS = ("fields.py", "sandbox/demo_data/")
#: Which values the sandbox's thinner lists give is made up, too.
NAMED_ELSEWHERE = {"sandbox/entities.py": {"registration_number", "certificate_received_date"}}


def test_no_other_place_of_the_package_names_a_field_that_travels_both_ways() -> None:
    both_ways = [field for field in synchronised_fields() if field.rule is TWO_WAY and field != PLANNED_END]
    names = {name for field in both_ways for name in (field.name, field.json_name)}
    found = {}
    for path in PACKAGE.rglob("*.*"):
        place = path.relative_to(PACKAGE).as_posix()
        if path.suffix in (".py", ".html", ".js") and not place.startswith(("migrations/", *MAY_NAME_FIELDS)):
            named = names.intersection(re.findall(r"\w+", path.read_text(encoding="utf-8")))
            found |= {place: named} if named else {}

    assert len(names) == 2 * len(both_ways) > 0
    assert found == NAMED_ELSEWHERE
