"""Who is found in OneFile before a learner is created there, however OneFile filters."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from onefile_sync.enrolment import learner_search
from onefile_sync.enrolment.learner_search import from_json, potential_matches, search_learners, to_json
from onefile_sync.enrolment.plan import Findings
from onefile_sync.host.snapshot import PersonRow
from onefile_sync.linking.matching import Confidence
from onefile_sync.models import OneFileSettings
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.errors import OneFileError
from onefile_sync.onefile.retry import RetryPolicy
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from onefile_sync.sync.connection.session import connect
from tests.conftest import dont_wait

pytestmark = pytest.mark.parametrize("host", ["picsweb"], indirect=True)

ANN = PersonRow(
    "1",
    "Ann Bell",
    "learner",
    ident="A1",
    first_name="Ann",
    surname="Bell",
    email="ann@home.example",
    date_of_birth=date(2005, 3, 4),
    uln="1000000000",
)


@pytest.fixture
def client(onefile: SandboxServer) -> Iterator[OneFile]:
    connected = connect(OneFileSettings.load(), RetryPolicy.person(), sleep=dont_wait)
    yield connected
    connected.transport.close()


def found(client: OneFile, who: PersonRow = ANN) -> list[int]:
    return sorted(each.id for each in search_learners(client, who).people)


@pytest.mark.parametrize(
    "switches",
    [Switches(rate_limit=0, user_filters=how) for how in ("exact", "prefix", "ignored")],  # type: ignore[arg-type]
    ids=["exact", "prefix", "ignored"],
)
def test_whoever_may_be_the_same_is_found_and_nobody_else_is_a_match(client: OneFile, world: World) -> None:
    by_value = world.add_learner(first_name="Ane", last_name="Ball", misid="A1")
    by_email = world.add_learner(first_name="A", last_name="B", email="ANN@home.example")
    by_name = world.add_learner(first_name="Ann", last_name="Bell")
    world.add_learner(first_name="Bob", last_name="Cole", misid="B2", email="bob@home.example")
    world.add_assessor(first_name="Ann", last_name="Bell", email="ann@home.example")

    findings = search_learners(client, ANN)
    matches = potential_matches(ANN, findings, {world.centre_id: "Leeds"})

    assert {by_value.id, by_email.id, by_name.id} <= {each.id for each in findings.people}
    assert findings.complete
    assert "Bob" not in {each.person.first_name for each in matches}
    assert {each.person.role for each in matches} <= {1}


def test_a_search_that_brings_everybody_is_not_followed_by_another(
    client: OneFile, onefile: SandboxServer, world: World
) -> None:
    onefile.switches = Switches(rate_limit=0, user_filters="ignored")
    world.add_learner(first_name="Bob", last_name="Cole", misid="B2")

    search_learners(client, ANN)

    assert onefile.calls["User/Search"] <= 6


def test_a_learner_without_ident_email_and_names_is_not_searched_for(
    client: OneFile, onefile: SandboxServer, world: World
) -> None:
    world.add_learner(first_name="", last_name="")

    assert found(client, PersonRow("1", "?", "learner")) == []
    assert onefile.calls["User/Search"] == 0


def test_of_too_many_namesakes_only_those_with_more_in_common_are_read(
    client: OneFile, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learner_search, "MOST_NAMESAKES", 2)
    for _number in range(3):
        world.add_learner(first_name="Ann", last_name="Bell")
    same = world.add_learner(first_name="Ann", last_name="Bell", misid="a1")

    assert found(client) == [same.id]


def test_somebody_who_was_deleted_meanwhile_is_nobody(
    client: OneFile, onefile: SandboxServer, world: World
) -> None:
    world.add_learner(first_name="Ann", last_name="Bell")
    onefile.faults.append(Fault(operation="User/get", kind="status", status=404))

    assert found(client) == []


def test_a_record_that_cannot_be_read_is_an_error(
    client: OneFile, onefile: SandboxServer, world: World
) -> None:
    world.add_learner(first_name="Ann", last_name="Bell")
    onefile.faults.append(Fault(operation="User/get", kind="status", status=500, times=20))

    with pytest.raises(OneFileError):
        search_learners(client, ANN)


def test_the_likeliest_match_comes_first(client: OneFile, world: World) -> None:
    world.add_learner(first_name="Ann", last_name="Bell")
    sure = world.add_learner(first_name="Ann", last_name="Bell", uln="1000000000", dob=ANN.date_of_birth)

    matches = potential_matches(ANN, search_learners(client, ANN), {world.centre_id: "Leeds"})

    assert matches[0].person.id == sure.id
    assert matches[0].confidence is Confidence.CERTAIN
    assert matches[0].centre == "Leeds"


def test_what_was_found_is_the_same_when_it_is_read_again(client: OneFile, world: World) -> None:
    world.add_learner(first_name="Ann", last_name="Bell", dob=date(2005, 3, 4))
    findings = search_learners(client, ANN)

    again: Any = from_json(to_json(findings))

    assert [(each.id, each.date_of_birth, each.last_name) for each in again.people] == [
        (each.id, each.date_of_birth, each.last_name) for each in findings.people
    ]
    assert from_json({}) == Findings((), complete=False)
