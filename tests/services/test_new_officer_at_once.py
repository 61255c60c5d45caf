"""Two learners with one new officer and one new employer, created at the same moment, on a real database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from onefile_sync.enrolment.creates import PartyBusy
from onefile_sync.models import CreateIntent
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from tests.enrolment.scenario import Enrolment, another_learner, new_learner
from tests.factories import Host

pytestmark = [
    pytest.mark.services,
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("host", ["picsweb"], indirect=True),
]

LEARNERS, ATTEMPTS = 4, 50


@pytest.mark.parametrize("round_", range(3))
def test_one_assessor_and_one_placement_are_created(
    transactional_db: None, host: Host, world: World, onefile: SandboxServer, round_: int
) -> None:
    first = new_learner(host, world)
    enrolments = [first]
    for number in range(1, LEARNERS):
        learner = another_learner(host, first.officer, first.employer, number, surname=f"Bevan {number}")
        enrolments.append(Enrolment(host, world, learner, first.officer, first.second, first.employer, []))
    assert first.tenant.pk
    ready = Barrier(LEARNERS)

    def create(enrolment: Enrolment) -> int:
        """How often the learner was put back."""
        ready.wait()
        try:
            for attempt in range(ATTEMPTS):
                try:
                    enrolment.round()
                except PartyBusy:
                    continue
                return attempt
        finally:
            connection.close()
        return ATTEMPTS

    with ThreadPoolExecutor(LEARNERS) as threads:
        put_back = list(threads.map(create, enrolments))

    assert max(put_back) < ATTEMPTS
    assert [each.told for each in enrolments] == [[]] * LEARNERS
    assert (len(first.new_learners), len(first.new_assessors), len(world.placements)) == (LEARNERS, 2, 1)
    assert {each.default_assessor_id for each in first.new_learners} == {
        type(first.officer).objects.get(pk=first.officer.pk).onefile_id
    }
    assert not CreateIntent.objects.filter(finished_at=None).exists()
