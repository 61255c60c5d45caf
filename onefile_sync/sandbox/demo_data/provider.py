"""Invents a training provider on both sides. The same size, seed and date give the same provider."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Final

from onefile_sync.sandbox.entities import (
    ASSESSOR,
    CENTRE_ID,
    LEARNER,
    LONDON,
    SandboxAim,
    SandboxCentre,
    SandboxClassroom,
    SandboxPlacement,
    SandboxStandard,
    SandboxUser,
)

from . import names
from .demo_data import (
    DemoLearner,
    DemoOfficer,
    DemoOrganisation,
    DemoPlacement,
    DemoReview,
    OneFileLearner,
    PicswebLearner,
    Provider,
)
from .identifiers import in_onefile, ni_number, uln
from .learning import Colleague, Enrolment, Learning, Numbers, add_aim, add_aims, add_reviews, onefile_review
from .mistakes import with_mistakes
from .picsweb_side import unlinked_learner
from .second_centre import with_second_centre

__all__ = ["DemoLearner", "Provider", "build"]

_FIRST_ASSESSOR: Final = 120001
_FIRST_PLACEMENT: Final = 18001
_FIRST_CLASSROOM: Final = 15301

#: The situations of the first learners, in this order; those of later learners are drawn from the second list.
_FIXED_SITUATIONS: Final = (
    "demo",
    "not in OneFile",
    "aim deleted in OneFile",
    "values PICSWeb cannot hold",
    "on a break",
    "ended lately",
    "ended long ago",
    "dormant",
)
_SITUATIONS: Final = (
    *("in learning",) * 39,
    *("not in OneFile", "on a break", "ended lately", "ended lately", "ended long ago", "ended long ago"),
    *("dormant",) * 3,
)


def build(
    learners: int,
    seed: int,
    today: date | None = None,
    *,
    officers: int | None = None,
    two_centres: bool = False,
    errors_percent: int = 0,
) -> Provider:
    """Invent a provider with ``learners`` learners. ``today`` (default: the current date) only shifts its dates.

    The first learner is the demo's: live, in learning, with differences to synchronise in both directions.
    ``two_centres`` adds a second centre and people who are hard to match; nothing else changes by it.
    ``errors_percent`` of the names and numbers are wrong on each side.
    """
    dice = random.Random(seed)  # noqa: S311 - must be repeatable, not secret
    colleagues = _colleagues(min(40, 6 + learners // 40) if officers is None else officers, dice)
    placements = [
        SandboxPlacement(
            id=_FIRST_PLACEMENT + number,
            organisation_id=CENTRE_ID,
            name=name,
            address=f"{number + 1} Mill Lane\r\nNorthvale\r\nZZ99 9ZZ",
            misid=f"ORG{number + 1:03}",
        )
        for number, name in enumerate(names.EMPLOYERS)
    ]
    classrooms = [
        SandboxClassroom(id=_FIRST_CLASSROOM + number, organisation_id=CENTRE_ID, name=name)
        for number, name in enumerate(names.CLASSROOMS)
    ]
    maker = _LearnerMaker(
        today or date.today(),  # noqa: DTZ011 - the demo uses the local date
        dice,
        Numbers(),
        colleagues,
        placements,
    )
    provider = Provider(
        today=maker.today,
        officers=tuple(colleague.officer for colleague in colleagues),
        # The last employer is not linked, so that the demo shows an unlinked one.
        organisations=tuple(
            DemoOrganisation(
                ident=placement.misid,
                name=placement.name,
                onefile_id=None if placement is placements[-1] else placement.id,
            )
            for placement in placements
        ),
        learners=tuple(maker.learner(number) for number in range(1, learners + 1)),
        centres=(SandboxCentre(id=CENTRE_ID, name="Northvale Training"),),
        assessors=tuple(colleague.assessor for colleague in colleagues),
        placements=tuple(placements),
        classrooms=tuple(classrooms),
        standards=_standards(),
    )
    if two_centres:
        following = count(learners + 1)
        provider = with_second_centre(provider, lambda situation: maker.learner(next(following), situation))
    return with_mistakes(provider, errors_percent, seed) if errors_percent else provider


def _standards() -> tuple[SandboxStandard, ...]:
    apprenticeships = (part for parts in names.APPRENTICESHIPS for part in parts)
    return tuple(
        SandboxStandard(
            id=standard.id, organisation_ids=(CENTRE_ID,), title=standard.title, code=standard.reference
        )
        for standard in (*apprenticeships, *names.OTHER_QUALIFICATIONS, *names.STANDARDS_NOT_TAKEN)
    )


def _colleagues(how_many: int, dice: random.Random) -> tuple[Colleague, ...]:
    """Officers and their OneFile assessors. Every fifth officer is not linked."""
    colleagues = []
    for number in range(how_many):
        first_name, _ = dice.choice(names.FIRST_NAMES)
        surname = dice.choice(names.SURNAMES)
        assessor_id = _FIRST_ASSESSOR + number
        ident = f"OFF{number + 1:02}"
        email = f"{plain(first_name)}.{plain(surname)}@northvale.example"
        colleagues.append(
            Colleague(
                DemoOfficer(
                    ident=ident,
                    first_name=first_name,
                    surname=surname,
                    email=email,
                    onefile_id=None if number % 5 == 4 else assessor_id,
                ),
                SandboxUser(
                    id=assessor_id,
                    organisation_id=CENTRE_ID,
                    role=ASSESSOR,
                    first_name=first_name,
                    last_name=surname,
                    username=f"{plain(first_name[0] + surname).upper()}{number + 1}",
                    email=email,
                    misid=ident,
                ),
            )
        )
    return tuple(colleagues)


class _LearnerMaker:
    """Makes learners one after the other, drawing random numbers in a fixed order so that results repeat."""

    def __init__(
        self,
        today: date,
        dice: random.Random,
        numbers: Numbers,
        colleagues: tuple[Colleague, ...],
        placements: list[SandboxPlacement],
    ) -> None:
        self.today = today
        self.dice = dice
        self.numbers = numbers
        self.colleagues = colleagues
        self.placements = placements

    def learner(self, number: int, fixed_situation: str = "") -> DemoLearner:
        situation = self.dice.choice(_SITUATIONS)
        if fixed_situation:
            situation = fixed_situation
        elif number <= len(_FIXED_SITUATIONS):
            situation = _FIXED_SITUATIONS[number - 1]
        enrolment = self.enrolment(situation)
        learning = Learning()
        if situation == "demo":
            self.learn_for_the_demo(learning, enrolment)
        else:
            add_aims(learning, enrolment, self.dice, self.numbers)
            add_reviews(learning, enrolment, self.dice, self.numbers)
        if situation == "aim deleted in OneFile":
            learning.aims.pop()
        elif situation == "values PICSWeb cannot hold":
            self.overfill(learning)
        person = self.person(number, situation, enrolment, learning)
        if situation == "not in OneFile":
            return DemoLearner(unlinked_learner(person), None)
        return DemoLearner(person, self.onefile_side(person, enrolment, learning))

    def enrolment(self, situation: str) -> Enrolment:
        dice = self.dice
        length, elapsed = dice.randint(365, 730), dice.randint(20, 700)
        days_since_end = {
            "ended lately": dice.randint(2, 25),
            "ended long ago": dice.randint(60, 400),
            "dormant": dice.randint(100, 500),
        }.get(situation)
        if situation == "demo":
            length, elapsed = 540, 230
        elapsed = min(elapsed, length - 5)
        if days_since_end is not None:
            elapsed = days_since_end + dice.randint(150, 600)
        start = self.today - timedelta(days=elapsed)
        # Most main officers must be linked, as an unlinked one prevents uploads.
        main = dice.choice(self.colleagues)
        if situation == "demo" or (main.officer.onefile_id is None and dice.random() < 0.7):
            main = self.colleagues[0]
        return Enrolment(
            learner_id=next(self.numbers.users),
            centre_id=CENTRE_ID,
            today=self.today,
            start=start,
            planned_end=start + timedelta(days=length),
            ended=None if days_since_end is None else self.today - timedelta(days=days_since_end),
            main=main,
            colleagues=self.linked_colleagues() if situation == "demo" else self.colleagues,
        )

    def linked_colleagues(self) -> tuple[Colleague, ...]:
        return tuple(each for each in self.colleagues if each.officer.onefile_id is not None)

    def learn_for_the_demo(self, learning: Learning, enrolment: Enrolment) -> None:
        """Add three aims and some reviews, with a few differences in each direction that are easy to follow."""
        main, on_programme, *_ = names.APPRENTICESHIPS[0]
        for standard in (main, on_programme, names.OTHER_QUALIFICATIONS[0]):
            add_aim(learning, standard, enrolment, self.dice, self.numbers)
        add_reviews(learning, enrolment, self.dice, self.numbers)
        aim, qualification = learning.aims[0], learning.qualifications[0]
        registered = enrolment.start + timedelta(days=21)
        aim.total_elements, aim.elements_done, aim.progress = 60, 26, 43.33
        aim.registration_number, aim.registration_date = "", registered
        learning.qualifications[0] = replace(
            qualification,
            total_elements=60,
            elements_done=19,
            registration_number="CG4417093",
            registration_date=None,
        )
        # One review held a week ago exists in OneFile only; one planned review exists in PICSWeb only.
        review = onefile_review(self.today - timedelta(days=7), enrolment, self.dice, self.numbers)
        held_at = _local(self.today - timedelta(days=7), time(10, 30))
        learning.onefile_reviews.append(
            replace(
                review,
                assessor_id=enrolment.main.assessor.id,
                visit_id=None,
                scheduled_for=held_at,
                started_on=held_at + timedelta(minutes=4),
                assessor_signed_on=held_at + timedelta(hours=1),
                learner_signed_on=held_at + timedelta(days=1),
            )
        )
        learning.reviews.append(
            DemoReview(
                proposed_date=self.today + timedelta(days=21),
                proposed_time=time(14, 0),
                officer=enrolment.main.officer.ident,
            )
        )

    def overfill(self, learning: Learning) -> None:
        first, last = learning.aims[0], learning.aims[-1]
        first.registration_number = names.OVERLONG_REGISTRATION_NUMBER
        last.total_elements, last.elements_done = 20, 23

    def person(self, number: int, situation: str, enrolment: Enrolment, learning: Learning) -> PicswebLearner:
        dice = self.dice
        first_name, sex = dice.choice(names.FIRST_NAMES)
        surname = dice.choice(names.SURNAMES)
        if situation == "demo":
            first_name, sex, surname = "Siân", "F", "O'Connor"
        tag = dice.choice(names.TAGS)
        employer = dice.choice(self.placements)
        return PicswebLearner(
            ident=f"L{number:05}",
            first_name=first_name,
            surname=surname,
            email=f"{plain(first_name)}.{plain(surname)}.{number}@learner.example",
            telephone=f"01632 960{dice.randint(0, 999):03}",
            mobile=f"07700 900{dice.randint(0, 999):03}",
            date_of_birth=enrolment.start - timedelta(days=dice.randint(16 * 366, 45 * 365)),
            uln=uln(number, dice.randint(1_000_000_000, 9_999_999_999)),
            ni_number=ni_number(number, dice.randint(0, 999_999), dice.choice("ABCD")),
            sex=sex,
            ethnicity=dice.choice(names.ETHNICITIES),
            disability=dice.choice(names.DISABILITIES),
            status="dormant" if situation == "dormant" else "live",
            start_date=enrolment.start,
            planned_end_date=enrolment.planned_end,
            actual_end_date=enrolment.ended,
            main_officer=enrolment.main.officer.ident,
            main_tag="Break in Learning" if situation == "on a break" else tag,
            onefile_id=enrolment.learner_id,
            qualifications=tuple(learning.qualifications),
            reviews=tuple(learning.reviews),
            placements=(DemoPlacement(organisation=employer.misid, type="P", start_date=enrolment.start),),
        )

    def onefile_side(
        self, person: PicswebLearner, enrolment: Enrolment, learning: Learning
    ) -> OneFileLearner:
        placement = next(each for each in self.placements if each.misid == person.placements[0].organisation)
        user = SandboxUser(
            id=enrolment.learner_id,
            organisation_id=enrolment.centre_id,
            role=LEARNER,
            username=f"{plain(person.first_name[0] + person.surname).upper()}{person.ident[1:].lstrip('0')}",
            misid=person.ident,
            home_address="2 Castle Street\r\nNorthvale\r\nZZ99 9ZZ",
            placement_id=placement.id,
            classroom_id=_FIRST_CLASSROOM + enrolment.learner_id % len(names.CLASSROOMS),
            default_assessor_id=enrolment.main.assessor.id,
            episode_name=_main_title(learning.aims),
            start_on=person.start_date,
            planned_end_date=person.planned_end_date,
            progress=_mean_progress(learning.aims),
            created_on=person.start_date,
            last_modified=enrolment.last_day,
            **in_onefile(person),
        )
        return OneFileLearner(
            user=user,
            aims=tuple(learning.aims),
            visits=tuple(learning.visits),
            reviews=tuple(learning.onefile_reviews),
        )


def plain(name: str) -> str:
    """A name as it appears in an e-mail address: lower-case ASCII letters."""
    # NFKD does not decompose these letters.
    letters = name.translate(str.maketrans("ŁłÞþı", "LlTti"))
    decomposed = unicodedata.normalize("NFKD", letters)
    return "".join(letter for letter in decomposed if letter.isascii() and letter.isalpha()).lower()


def _local(day: date, at: time) -> datetime:
    return datetime.combine(day, at, LONDON).astimezone(UTC)


def _main_title(aims: list[SandboxAim]) -> str:
    return aims[0].title if aims else ""


def _mean_progress(aims: list[SandboxAim]) -> float | None:
    return round(sum(aim.progress or 0 for aim in aims) / len(aims), 2) if aims else None
