"""One learner on both sides who gives every rule something to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from onefile_sync.host.snapshot import Attendance
from onefile_sync.sandbox.world import World
from tests.factories import Host

SPRING, SUMMER, AUTUMN = date(2026, 4, 14), date(2026, 7, 1), date(2026, 10, 30)
TEN = time(10, 0)
SUMMER_AT_TEN = datetime(2026, 7, 1, 9, 0, tzinfo=UTC)
AUTUMN_AT_TEN = datetime(2026, 10, 30, 10, 0, tzinfo=UTC)


@dataclass
class EveryRule:
    """The learner, and what tests look at afterwards."""

    learner: Any
    officer: Any
    onefile_id: int
    aims: list[Any]
    upload: Any
    held: Any


def build_every_rule(host: Host, world: World) -> EveryRule:
    """Three learning aims and seven reviews in OneFile; three qualifications and three reviews in PICSWeb.

    One of PICSWeb's reviews is not in OneFile yet, so there are eight in the end.
    """
    gwen, tom = world.add_assessor(), world.add_assessor(first_name="Tom", last_name="Oak")
    officer = host.officer(onefile_id=gwen.id)
    other = host.officer(onefile_id=tom.id)
    sian = world.add_learner()
    aims = [
        world.add_aim(
            sian.id,
            standard_id=196,
            start_date=date(2025, 9, 1),
            planned_end=date(2027, 3, 1),
            total_elements=20,
            elements_done=7,
            registration_date=SUMMER,
            progress=35.0,
        ),
        world.add_aim(
            sian.id,
            registration_number="OF-2",
            total_elements=8,
            elements_done=8,
            certificate_received_date=AUTUMN,
            progress=100.0,
        ),
        world.add_aim(sian.id, total_elements=5, elements_done=1, progress=20.0),
    ]
    learner = host.learner(onefile_id=sian.id, main_officer=officer)
    host.qualification(
        learner,
        onefile_id=aims[0].id,
        total_elements=18,
        elements_done=5,
        registration_number="PICS-1",
        certificate_applied_date=SPRING,
    )
    host.qualification(learner, onefile_id=aims[1].id, registration_number="PICS-2", registration_date=SPRING)
    host.unit(host.qualification(learner, onefile_id=aims[2].id, total_elements=99))

    created = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
    started = world.add_review(
        sian.id,
        scheduled_for=SUMMER_AT_TEN,
        created_on=created,
        assessor_id=gwen.id,
        started_on=datetime(2026, 7, 2, 8, 30, tzinfo=UTC),
        learner_signed_on=datetime(2026, 7, 3, 23, 30, tzinfo=UTC),
    )
    planned = world.add_review(sian.id, scheduled_for=AUTUMN_AT_TEN, created_on=created, assessor_id=tom.id)
    for months in range(1, 6):
        world.add_review(
            sian.id,
            scheduled_for=datetime(2026, months, 3, tzinfo=UTC),
            created_on=created,
            assessor_id=gwen.id,
            started_on=datetime(2026, months, 3, 11, 0, tzinfo=UTC),
        )
    held = host.review(learner, onefile_id=started.id, proposed_date=SPRING, officer=other)
    host.review(
        learner,
        onefile_id=planned.id,
        proposed_date=AUTUMN,
        proposed_time=TEN,
        attended=Attendance.YES,
        actual_date=AUTUMN,
        officer=other,
    )
    upload = host.review(learner, proposed_date=AUTUMN, proposed_time=time(14, 30))
    return EveryRule(learner, officer, sian.id, aims, upload, held)
