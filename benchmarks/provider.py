"""A training provider of any size: each learner has three learning aims and eight reviews, the same on both sides.

PICSWeb has all OneFile IDs. Before the first run it lacks the centres, the newest review and the progress of one
learning aim.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from onefile_sync.sandbox.entities import LONDON
from onefile_sync.sandbox.world import World

AIMS, REVIEWS, ASSESSORS = 3, 8, 20
STARTED, TEN = date(2026, 1, 5), time(10, 0)
#: On an ordinary day one in this number of learners changes: five per cent.
CHANGES = 20


def build_world(learners: int) -> World:
    """OneFile's side. Each learner's last review is planned; those before were held and signed by both."""
    world = World()
    assessors = [world.add_assessor(misid=f"OFF{number:02}") for number in range(ASSESSORS)]
    for number in range(learners):
        learner = world.add_learner(misid=f"L{number:05}")
        for aim in range(AIMS):
            world.add_aim(
                learner.id,
                registration_number=f"REG{number:05}{aim}",
                registration_date=STARTED,
                total_elements=40,
                elements_done=number % 30,
            )
        for review in range(REVIEWS):
            at = datetime.combine(STARTED + timedelta(weeks=6 * review), TEN, LONDON).astimezone(UTC)
            held = review < REVIEWS - 1
            world.add_review(
                learner.id,
                scheduled_for=at,
                assessor_id=assessors[number % ASSESSORS].id,
                created_on=at - timedelta(days=30),
                started_on=at if held else None,
                assessor_signed_on=at + timedelta(hours=1) if held else None,
                learner_signed_on=at + timedelta(days=1) if held else None,
            )
    return world


def change_some(world: World) -> None:
    """The changes of an ordinary day for one learner in twenty: one more element done, and the planned review held."""
    now = datetime.now(UTC).replace(microsecond=0)
    learners = [user.id for user in world.users.values() if world.aims_of(user.id)]
    for learner_id in learners[::CHANGES]:
        aim = world.aims_of(learner_id)[0]
        aim.elements_done = (aim.elements_done or 0) + 1
        world.reviews_of(learner_id)[-1].started_on = now


def fill_picsweb(learners: int, *, in_step: bool) -> None:
    """PICSWeb's side, as it is before the first run, or after it; and the integration switched on."""
    from example_project.picsweb.models import Learner, Officer, Qualification, Review
    from onefile_sync.models import Environment, OneFileSettings
    from onefile_sync.sandbox.server import CUSTOMER_TOKEN

    world = build_world(learners)
    officers = {
        user.id: Officer(
            ident=user.misid, first_name="Gwen", surname=f"Price {user.misid}", onefile_id=user.id
        )
        for user in world.users.values()
        if user.misid.startswith("OFF")
    }
    Officer.objects.bulk_create(officers.values())
    people = [user for user in world.users.values() if user.id not in officers]
    made = Learner.objects.bulk_create(
        (
            Learner(
                ident=user.misid,
                first_name="Siân",
                surname=f"O'Connor {user.misid}",
                status="live",
                start_date=STARTED,
                onefile_id=user.id,
                onefile_centre_id=world.centre_id if in_step else None,
                main_officer=officers[(world.reviews_of(user.id)[0].assessor_id or 0)],
            )
            for user in people
        ),
        batch_size=1000,
    )
    by_id = {learner.onefile_id: learner for learner in made}
    Qualification.objects.bulk_create(
        (
            Qualification(
                learner=by_id[aim.user_id],
                reference="603/2983/1",
                title="Team Leader",
                onefile_id=aim.id,
                total_elements=aim.total_elements,
                elements_done=(
                    aim.elements_done if in_step or aim is not world.aims_of(aim.user_id)[0] else None
                ),
                registration_number=aim.registration_number,
                registration_date=aim.registration_date,
            )
            for aim in world.aims.values()
        ),
        batch_size=1000,
    )
    Review.objects.bulk_create(
        (
            Review(
                learner=by_id[review.learner_id],
                type="Normal",
                onefile_id=review.id,
                proposed_date=_day(review.scheduled_for),
                proposed_time=TEN,
                attended="yes" if review.started_on else "unknown",
                actual_date=_day(review.started_on),
                officer=officers[review.assessor_id or 0],
                trainee_signed_date=_day(review.learner_signed_on),
            )
            for review in world.reviews.values()
            if in_step or review.started_on is not None
        ),
        batch_size=1000,
    )
    settings = OneFileSettings.load()
    settings.enabled, settings.environment = True, Environment.SANDBOX
    settings.set_customer_token(CUSTOMER_TOKEN)
    # The safety stop must not hold the measured runs.
    settings.safety_stop_percent = 100
    settings.save()


def _day(moment: date | None) -> date | None:
    return moment.date() if isinstance(moment, datetime) else moment
