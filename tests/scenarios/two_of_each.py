"""One learner on both sides with two of each record, and a description of how both sides end up, without IDs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from onefile_sync import host as picsweb
from onefile_sync.host.snapshot import Attendance, LearnerRow
from onefile_sync.models import UploadIntent
from onefile_sync.sandbox.entities import on_london_date
from onefile_sync.sandbox.world import World
from tests.factories import Host

SPRING, SUMMER, AUTUMN = date(2026, 4, 14), date(2026, 7, 1), date(2026, 10, 30)
TEN = time(10, 0)
SUMMER_AT_TEN = datetime(2026, 7, 1, 9, 0, tzinfo=UTC)
SPRING_AT_TEN = datetime(2026, 4, 14, 9, 0, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


@dataclass
class TwoOfEach:
    """The learner has two of each, so that a fault can hit one while the other is seen to be synchronised."""

    learner: Any
    officer: Any
    onefile_id: int
    aim: Any
    other_aim: Any
    held: Any
    new: Any
    qualification: Any
    other_qualification: Any
    held_in_picsweb: Any
    upload: Any


def build_two_of_each(host: Host, world: World) -> TwoOfEach:
    """Two learning aims with a value to send either way; a review to update, one to download and one to upload."""
    gwen = world.add_assessor()
    officer = host.officer(onefile_id=gwen.id)
    sian = world.add_learner()
    learner = host.learner(onefile_id=sian.id, main_officer=officer)
    aims, qualifications = [], []
    for number in (1, 2):
        aim = world.add_aim(
            sian.id,
            start_date=date(2025, 9, 1),
            registration_date=SUMMER,
            total_elements=20,
            elements_done=7,
            progress=35.0,
        )
        aims.append(aim)
        qualifications.append(
            host.qualification(
                learner,
                onefile_id=aim.id,
                total_elements=18,
                elements_done=5,
                registration_number=f"PICS-{number}",
            )
        )
    held = world.add_review(
        sian.id,
        scheduled_for=SUMMER_AT_TEN,
        created_on=LONG_AGO,
        assessor_id=gwen.id,
        started_on=SUMMER_AT_TEN,
        learner_signed_on=SUMMER_AT_TEN,
    )
    new = world.add_review(
        sian.id,
        scheduled_for=SPRING_AT_TEN,
        created_on=LONG_AGO,
        assessor_id=gwen.id,
        started_on=SPRING_AT_TEN,
    )
    held_in_picsweb = host.review(
        learner, onefile_id=held.id, proposed_date=SPRING, attended=Attendance.UNKNOWN
    )
    upload = host.review(learner, proposed_date=AUTUMN, proposed_time=TEN)
    return TwoOfEach(
        learner, officer, sian.id, aims[0], aims[1], held, new, *qualifications, held_in_picsweb, upload
    )


def read(scenario: TwoOfEach) -> LearnerRow:
    """The learner as PICSWeb has them now."""
    learner = picsweb.learner_by_pk(str(scenario.learner.pk))
    assert learner is not None
    return picsweb.read_learner(learner)


def qualification_of(scenario: TwoOfEach, aim: Any) -> Any:
    return next(row for row in read(scenario).qualifications if row.onefile_id == aim.id)


def review_of(scenario: TwoOfEach, record: Any) -> Any:
    return next(row for row in read(scenario).reviews if row.onefile_id == record.id)


def ending(scenario: TwoOfEach, world: World) -> tuple[list[str], list[str]]:
    """Both sides as text, which is the same for every learner with the same records."""
    row = read(scenario)
    in_picsweb = [f"{row.centre_id}"]
    in_picsweb += [_told(each, "pk", "label", "onefile_id") for each in row.qualifications]
    for review in row.reviews:
        link = "linked" if review.onefile_id in world.reviews else "alone"
        officer = "an officer" if review.officer else "nobody"
        told = _told(review, "pk", "label", "onefile_id", "officer", "officer_onefile_id")
        in_picsweb.append(f"{told} {link} {officer}")
    in_onefile = [_told(aim, "id", "user_id", "wire") for aim in world.aims_of(scenario.onefile_id)]
    for record in world.reviews_of(scenario.onefile_id):
        visit = "visit" if record.visit_id in world.visits else "no visit"
        told = _told(record, "id", "learner_id", "assessor_id", "visit_id", "created_on", "wire")
        in_onefile.append(f"{told} {visit} {record.assessor_id is not None}")
    return sorted(in_picsweb), sorted(in_onefile)


def _told(record: Any, *but_not: str) -> str:
    untold = {*but_not, "created_by_api_at"}  # when the sandbox received it is another moment each time
    values = {name: value for name, value in flat(record).items() if name not in untold}
    days = ("start_date", "registration_date")
    return str(
        {name: on_london_date(value) if name in days and value else value for name, value in values.items()}
    )


def flat(row_or_record: Any) -> dict[str, Any]:
    """Everything that a row or a record says by name, its synchronised fields among it."""
    own = asdict(row_or_record)
    return own | own.pop("values", {})


def let_doubts_pass() -> None:
    """Let enough time pass that no create can still be on its way to OneFile."""
    UploadIntent.objects.filter(in_doubt_since__isnull=False).update(in_doubt_since=LONG_AGO)


def assert_linked_once(scenario: TwoOfEach, world: World) -> None:
    """Each review of either side has exactly one on the other, and no upload is left open."""
    linked = [review.onefile_id for review in read(scenario).reviews]
    assert sorted(linked) == sorted(record.id for record in world.reviews_of(scenario.onefile_id))
    assert not UploadIntent.objects.filter(finished_at=None).exists()
