"""Many learners on both sides: most of them with something odd, or all of them in step; and the daily sync."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from onefile_sync import services
from onefile_sync.models import LearnerOutcome, SyncRun
from onefile_sync.sandbox.world import World
from tests.conftest import dont_wait
from tests.factories import Host
from tests.scenarios.every_rule import EveryRule, build_every_rule
from tests.scenarios.two_of_each import LONG_AGO, build_two_of_each

NOBODYS = 9_900_001


@dataclass
class Everyone:
    """Every learner in scope, by what is odd about them."""

    every_rule: EveryRule
    people: dict[str, Any]

    @property
    def learners(self) -> list[Any]:
        return [self.every_rule.learner, *self.people.values()]


def build_everyone(host: Host, world: World) -> Everyone:
    """The learners of the other two scenarios, and one for each way in which the two sides can be at odds."""
    people: dict[str, Any] = {}
    every_rule = build_every_rule(host, world)
    people["plain"] = build_two_of_each(host, world).learner

    def add(name: str, **values: Any) -> tuple[Any, Any]:
        person = world.add_learner(**values)
        people[name] = host.learner(onefile_id=person.id)
        return person, people[name]

    person, learner = add("whose aim was deleted")
    host.qualification(learner, onefile_id=NOBODYS)
    world.add_aim(person.id, registration_number="KEPT")
    person, learner = add("whose review was deleted")
    host.review(learner, onefile_id=NOBODYS)
    _review(world, person)
    people["who is gone"] = host.learner(onefile_id=NOBODYS)
    people["who is an assessor"] = host.learner(onefile_id=world.add_assessor().id)
    person, learner = add("linked twice")
    people["linked twice too"] = host.learner(onefile_id=person.id)
    host.qualification(learner, onefile_id=world.add_aim(person.id, registration_number="TWICE").id)
    person, learner = add("of another centre", organisation_id=world.add_centre(name="Care").id)
    host.qualification(learner, onefile_id=world.add_aim(person.id, registration_number="ELSEWHERE").id)
    _review(world, person)
    person, learner = add("with somebody else's aim")
    host.qualification(learner, onefile_id=world.add_aim(every_rule.onefile_id, total_elements=3).id)
    add("with nothing in OneFile")
    person, learner = add("with more than PICSWeb can hold")
    host.qualification(learner, onefile_id=world.add_aim(person.id, registration_number="X" * 300).id)
    person, learner = add("with two qualifications for one aim")
    aim = world.add_aim(person.id, registration_number="SHARED")
    host.qualification(learner, onefile_id=aim.id)
    host.qualification(learner, onefile_id=aim.id)
    # Nobody in scope, with everything that the lists have of them.
    stranger = world.add_learner()
    world.add_aim(stranger.id, registration_number="NOT OURS")
    _review(world, stranger)
    host.learner(onefile_id=stranger.id, live=False)
    return Everyone(every_rule, people)


def _review(world: World, person: Any) -> Any:
    at = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)
    return world.add_review(person.id, scheduled_for=at, created_on=LONG_AGO, started_on=at)


def build_in_step(host: Host, world: World, learners: int) -> list[Any]:
    """Learners with two aims and three reviews each: both sides agree, but for the centre, and no review changes."""
    people = []
    officer = host.officer(onefile_id=world.add_assessor().id)
    for _number in range(learners):
        person = world.add_learner()
        learner = host.learner(onefile_id=person.id, main_officer=officer)
        for number in range(2):
            aim = world.add_aim(person.id, registration_number=f"REG-{number}")
            host.qualification(learner, onefile_id=aim.id)
        for week in range(3):
            at = datetime(2026, 3, 3, 10, 0, tzinfo=UTC) + timedelta(weeks=week)
            world.add_review(
                person.id,
                scheduled_for=at,
                created_on=LONG_AGO,
                started_on=at,
                assessor_signed_on=at,
                learner_signed_on=at,
                assessor_id=officer.onefile_id,
            )
        people.append(learner)
    return people


def begin_daily() -> SyncRun:
    return services.start_daily(new_run=True)


def daily(sleep: Callable[[float], None] = dont_wait) -> SyncRun:
    """Run the daily sync of everyone, here and now."""
    return services.perform(begin_daily(), sleep=sleep)


def told(outcome: LearnerOutcome) -> tuple[set[Any], set[Any]]:
    """The changes and the problems of an outcome; IDs that OneFile gives are not known beforehand."""
    changed = {
        (
            each.side,
            each.subject_kind,
            each.field,
            each.old,
            "" if each.field == "onefile_id" else each.new,
            each.rule,
        )
        for each in outcome.changes.all()
    }
    return changed, set(outcome.problems.values_list("code", "subject_kind", "subject_pk", "move"))


def told_of_all(run: SyncRun) -> dict[str, tuple[set[Any], set[Any]]]:
    return {outcome.learner_pk: told(outcome) for outcome in run.outcomes.all()}
