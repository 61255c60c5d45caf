"""Assessors without a linked officer: their names are read from OneFile once and shown with their IDs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from onefile_sync import services
from onefile_sync.models import AssessorName, LearnerOutcome, SyncRun
from onefile_sync.onefile.records import Person
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.sync.connection import assessors
from tests.conftest import preview, sync
from tests.factories import Host
from tests.scenarios.everyone import build_in_step, daily
from tests.scenarios.two_of_each import LONG_AGO

pytestmark = pytest.mark.matrix

AT = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)


@pytest.fixture(params=["rich"])
def items(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(AT + timedelta(days=7), tick=False) as traveller:
        yield traveller


@pytest.fixture
def gwen(world: World) -> Any:
    return world.add_assessor()


@pytest.fixture
def learner(host: Host, world: World, onefile: SandboxServer, gwen: Any) -> Any:
    """A learner with a review by an assessor to whom no officer is linked."""
    return learner_of(host, world, gwen.id)


def learner_of(host: Host, world: World, assessor_id: int) -> Any:
    person = world.add_learner()
    world.add_review(
        person.id,
        scheduled_for=AT,
        created_on=LONG_AGO,
        started_on=AT,
        assessor_signed_on=AT,
        learner_signed_on=AT,
        assessor_id=assessor_id,
    )
    return host.learner(onefile_id=person.id)


def users_read(onefile: SandboxServer) -> int:
    return onefile.calls.get("User/get", 0)


def text_of(outcome: LearnerOutcome) -> str:
    problem = outcome.problems.get(code="officer_unmatched")
    return services.read_out(problem.code, problem.details)[0]


def texts_of(run: SyncRun) -> list[str]:
    return [text_of(outcome) for outcome in run.outcomes.order_by("pk")]


class TestOneLearner:
    def test_the_assessor_is_named_and_the_number_is_what_to_enter(self, learner: Any, gwen: Any) -> None:
        problem = sync(learner).problems.get()

        text, remedy = services.read_out(problem.code, problem.details)
        named = f"Gwen Price (OneFile ID {gwen.id})"
        assert text.startswith(
            f"No officer is linked to OneFile's assessor {named}. Reviews concerned: 1. The officer"
        )
        assert remedy == f"Enter OneFile ID {gwen.id} on the officer's record, then refresh again."

    def test_also_where_several_officers_are_linked(self, host: Host, learner: Any, gwen: Any) -> None:
        for _officer in range(2):
            host.officer(onefile_id=gwen.id)

        problem = sync(learner).problems.get(code="officer_ambiguous")

        assert f"Gwen Price (OneFile ID {gwen.id})" in services.read_out(problem.code, problem.details)[0]

    def test_also_in_a_preview(self, learner: Any) -> None:
        assert "Gwen Price" in text_of(preview(learner))

    def test_is_asked_about_once_in_thirty_days(
        self, learner: Any, gwen: Any, onefile: SandboxServer, now: time_machine.Traveller
    ) -> None:
        sync(learner)
        onefile.reset_counts()
        sync(learner)
        learners_own = users_read(onefile)
        gwen.last_name = "Oak"
        now.shift(assessors.GOOD_FOR + timedelta(hours=1))
        onefile.reset_counts()

        assert "Gwen Oak" in text_of(sync(learner))

        assert users_read(onefile) == learners_own + 1

    def test_is_another_one_in_another_environment(self, learner: Any, gwen: Any) -> None:
        AssessorName.objects.create(address="https://elsewhere.example", onefile_id=gwen.id, name="Tom Oak")

        assert "Gwen Price" in text_of(sync(learner))


class TestOneWhomOneFileDoesNotName:
    NOBODY = 9_900_001

    def test_reads_with_the_number_and_is_not_asked_about_again(
        self, host: Host, world: World, onefile: SandboxServer
    ) -> None:
        learner = learner_of(host, world, self.NOBODY)
        outcome = sync(learner)
        assert text_of(outcome).startswith(f"No officer is linked to OneFile's assessor {self.NOBODY}. Rev")
        assert outcome.state == "attention"
        calls = users_read(onefile)
        onefile.reset_counts()

        sync(learner)

        assert users_read(onefile) < calls

    def test_keeps_the_name_that_was_known(
        self, learner: Any, gwen: Any, world: World, now: time_machine.Traveller
    ) -> None:
        sync(learner)
        del world.users[gwen.id]
        now.shift(assessors.GOOD_FOR + timedelta(hours=1))

        assert "Gwen Price" in text_of(sync(learner))


class TestTheDailySync:
    @pytest.fixture
    def learners(self, host: Host, world: World, onefile: SandboxServer, gwen: Any) -> list[Any]:
        """Learners who differ only in the officers of their reviews, so that no call is needed for any of them."""
        learners = [learner_of(host, world, gwen.id) for _learner in range(3)]
        daily()
        AssessorName.objects.all().delete()
        return learners

    def test_names_them_on_the_first_night_and_makes_no_further_call(
        self, learners: list[Any], onefile: SandboxServer
    ) -> None:
        onefile.reset_counts()

        first = daily()

        assert all("Gwen Price" in text for text in texts_of(first))
        assert users_read(onefile) == 1
        assert services.totals(first).api_calls == sum(onefile.calls.values())
        onefile.reset_counts()

        second = daily()

        assert texts_of(second) == texts_of(first)
        assert users_read(onefile) == 0

    def test_compares_everybody_where_the_name_cannot_be_had_tonight(
        self, learners: list[Any], onefile: SandboxServer, gwen: Any
    ) -> None:
        refused = Fault(operation="User/get", kind="status", status=401, times=99)
        onefile.faults.append(refused)

        run = daily()

        assert {outcome.state for outcome in run.outcomes.all()} == {"attention"}
        assert (run.state, run.ending) == ("finished", "")
        assert all(f"assessor {gwen.id}. Reviews concerned" in text for text in texts_of(run))
        onefile.faults.remove(refused)
        assert all("Gwen Price" in text for text in texts_of(daily()))

    def test_takes_no_query_for_it_where_every_assessor_is_linked(
        self, host: Host, world: World, onefile: SandboxServer
    ) -> None:
        build_in_step(host, world, 2)
        daily()

        with CaptureQueriesContext(connection) as queries:
            daily()

        assert not [query for query in queries if "assessorname" in query["sql"]]


def test_no_name_is_logged(learner: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    sync(learner)
    assert AssessorName.objects.get().name == "Gwen Price"
    assert "Gwen" not in caplog.text


def test_names_that_were_read_long_ago_are_pruned(learner: Any, now: time_machine.Traveller) -> None:
    sync(learner)
    now.shift(timedelta(days=89))
    services.prune(90)
    assert AssessorName.objects.exists()
    now.shift(timedelta(days=2))

    services.prune(90)

    assert not AssessorName.objects.exists()


def test_those_that_were_read_are_kept_when_onefile_stops_answering(
    world: World, onefile: SandboxServer
) -> None:
    class Stopped(Exception):
        pass

    class Stopping:
        """Answers twice."""

        asked = 0

        def person(self, user_id: int) -> Person:
            self.asked += 1
            if self.asked > 2:
                raise Stopped
            return Person(user_id, first_name="Gwen", last_name="Price")

    people = sorted(world.add_assessor().id for _number in range(3))
    stopping: Any = Stopping()
    with pytest.raises(Stopped):
        assessors.learn_names(stopping, people)

    assert assessors.known_names(people) == dict.fromkeys(people[:2], "Gwen Price")
