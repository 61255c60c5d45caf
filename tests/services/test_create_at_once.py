"""Two learners with one new officer and one new employer, created at the same moment by two workers."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection

from onefile_sync.enrolment.creates import PartyBusy
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from tests.enrolment.scenario import Enrolment, another_learner, new_learner
from tests.factories import Host

pytestmark = [
    pytest.mark.services,
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("host", ["picsweb"], indirect=True),
]


@pytest.mark.parametrize("turn", range(5))
def test_one_new_officer_of_two_learners_becomes_one_assessor(
    transactional_db: None, host: Host, world: World, onefile: SandboxServer, turn: int
) -> None:
    first = new_learner(host, world)
    learner = another_learner(host, first.officer, first.employer, 1, first_name="Huw", surname="Bevan")
    second = Enrolment(host, world, learner, first.officer, first.second, first.employer, [])
    start, failures = threading.Barrier(2), []

    def create(enrolment: Enrolment) -> None:
        try:
            start.wait(10)
            enrolment.round()
        except PartyBusy:
            pass_on.append(enrolment)
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    pass_on: list[Any] = []
    workers = [threading.Thread(target=create, args=(each,)) for each in (first, second)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert failures == []
    for _each in range(2):  # those who were put back, and each once more
        for enrolment in (first, second):
            enrolment.learner.refresh_from_db()
            enrolment.round()

    assert (first.told, second.told) == ([], [])
    assert [len(first.new_learners), len(first.new_assessors), len(world.placements)] == [2, 2, 1]
    first.assert_nothing_open()
