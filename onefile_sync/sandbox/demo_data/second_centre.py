"""Adds a second centre to an invented provider, and people who are hard to match with their OneFile records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, cast

from onefile_sync.sandbox.entities import (
    ASSESSOR,
    CENTRE_ID,
    EMPLOYER,
    LEARNER,
    OBSERVER,
    QUALITY_ASSURER,
    TRAINEE_ASSESSOR,
    SandboxCentre,
    SandboxStandard,
    SandboxUser,
)

from .demo_data import DemoLearner, DemoQualification, OneFileLearner, Provider
from .identifiers import in_onefile

SECOND_CENTRE_ID: Final = 5741

#: What the second centre has of its own has the first centre's ID and this.
_APART: Final = 1000
#: Standards that both centres have under one ID. OneFile may well keep one library for all centres.
_COMMON_STANDARDS: Final = frozenset({3901, 3902})
#: The second centre writes these codes with slashes, as awarding bodies do.
_WITH_SLASHES: Final = {"60173322": "601/7332/2", "50112076": "501/1207/6"}
_FIRST_OTHER_USER: Final = 122001

#: A situation in which there is a learner to do things to.
_IN_LEARNING: Final = "in learning"
_ENDED: Final = "ended long ago"

MakeLearner = Callable[[str], DemoLearner]


def with_second_centre(provider: Provider, make_learner: MakeLearner) -> Provider:
    """The provider with a second centre in OneFile and 13 more learners. ``make_learner`` takes a situation.

    Officers and employers of PICSWeb have a user and a placement in each centre, with the same MIS Value.
    """
    return replace(
        provider,
        centres=(*provider.centres, SandboxCentre(id=SECOND_CENTRE_ID, name="Northvale Training: Coast")),
        assessors=(
            *provider.assessors,
            *(
                _in_second_centre(assessor, username=f"{assessor.username}C")
                for assessor in provider.assessors
            ),
        ),
        placements=(*provider.placements, *map(_in_second_centre, provider.placements)),
        classrooms=(*provider.classrooms, *map(_in_second_centre, provider.classrooms)),
        standards=_standards(provider.standards),
        learners=(*provider.learners, *_learners(make_learner)),
        other_users=(*provider.other_users, *_other_users(provider)),
    )


def _in_second_centre(record: Any, **values: Any) -> Any:
    return replace(record, id=record.id + _APART, organisation_id=SECOND_CENTRE_ID, **values)


def _standards(standards: tuple[SandboxStandard, ...]) -> tuple[SandboxStandard, ...]:
    both = [
        replace(standard, organisation_ids=(CENTRE_ID, SECOND_CENTRE_ID))
        if standard.id in _COMMON_STANDARDS
        else standard
        for standard in standards
    ]
    own = [
        replace(
            standard,
            id=standard.id + _APART,
            organisation_ids=(SECOND_CENTRE_ID,),
            code=_WITH_SLASHES.get(standard.code, standard.code),
        )
        for standard in standards
        if standard.id not in _COMMON_STANDARDS
    ]
    return (*both, *own)


def _learners(make: MakeLearner) -> list[DemoLearner]:
    in_second = [_moved(make(_IN_LEARNING)) for _ in range(4)]
    return [
        *in_second,
        *_twins(make),
        *_episodes(make),
        *_family(make),
        *_both_centres(make),
        _not_enrolled(make),
    ]


def _twins(make: MakeLearner) -> tuple[DemoLearner, DemoLearner]:
    """Same surname, same date of birth, different everything else."""
    first, second = make(_IN_LEARNING), make(_IN_LEARNING)
    return (
        _identified(first, first_name="Ffion", sex="F", email="ffion.twin@learner.example"),
        _identified(
            second,
            first_name="Ffiona",
            sex="F",
            email="ffiona.twin@learner.example",
            surname=first.picsweb.surname,
            date_of_birth=first.picsweb.date_of_birth,
        ),
    )


def _episodes(make: MakeLearner) -> tuple[DemoLearner, DemoLearner]:
    """One person with two programmes, one after the other: two records on each side, the older archived in OneFile."""
    earlier, later = make(_ENDED), make(_IN_LEARNING)
    cast(OneFileLearner, earlier.onefile).user.archived = True
    return earlier, _same_person(later, earlier)


def _family(make: MakeLearner) -> tuple[DemoLearner, DemoLearner]:
    """A parent and a child who share a surname and an e-mail."""
    parent, child = make(_IN_LEARNING), make(_IN_LEARNING)
    born = parent.picsweb.date_of_birth
    return (
        _identified(parent, date_of_birth=born.replace(year=1974, day=min(born.day, 28))),
        _identified(child, surname=parent.picsweb.surname, email=parent.picsweb.email),
    )


def _both_centres(make: MakeLearner) -> tuple[DemoLearner, DemoLearner]:
    """One person who moved: a new account in the second centre, while the old one stays and is not archived."""
    before, after = make(_ENDED), make(_IN_LEARNING)
    return before, _same_person(_moved(after), before)


def _not_enrolled(make: MakeLearner) -> DemoLearner:
    """Not in OneFile; with VQ References of several pathways, nearly right, and oddly written."""
    learner = make("not in OneFile")
    references = ("196AS", "215AZ", "[122 as]", "501/1207/6")
    qualifications = tuple(
        DemoQualification(
            reference=reference,
            title=f"Qualification {number}",
            onefile_id=None,
            start_date=learner.picsweb.start_date,
        )
        for number, reference in enumerate(references, start=1)
    )
    return replace(learner, picsweb=replace(learner.picsweb, qualifications=qualifications))


def _moved(learner: DemoLearner) -> DemoLearner:
    """The learner in the second centre."""
    onefile = cast(OneFileLearner, learner.onefile)
    user = onefile.user
    user.organisation_id = SECOND_CENTRE_ID
    user.placement_id = _apart(user.placement_id)
    user.classroom_id = _apart(user.classroom_id)
    user.default_assessor_id = _apart(user.default_assessor_id)
    for aim in onefile.aims:
        if aim.standard_id not in _COMMON_STANDARDS:
            aim.standard_id += _APART
    for visit in onefile.visits:
        visit.organisation_id, visit.assessor_id = SECOND_CENTRE_ID, _apart(visit.assessor_id)
    for review in onefile.reviews:
        review.assessor_id = _apart(review.assessor_id)
    return learner


def _apart(record_id: int | None) -> int | None:
    return None if record_id is None else record_id + _APART


def _same_person(learner: DemoLearner, other: DemoLearner) -> DemoLearner:
    """The learner with the other's name and numbers. Ident, MIS Value and OneFile ID stay their own."""
    names = ("first_name", "surname", "email", "telephone", "mobile", "date_of_birth", "uln", "ni_number")
    return _identified(
        learner,
        **{name: getattr(other.picsweb, name) for name in (*names, "sex", "ethnicity", "disability")},
    )


def _identified(learner: DemoLearner, **values: Any) -> DemoLearner:
    """The learner with other values on both sides, named as in PICSWeb."""
    person = replace(learner.picsweb, **values)
    onefile = cast(OneFileLearner, learner.onefile)
    return DemoLearner(person, replace(onefile, user=replace(onefile.user, **in_onefile(person))))


def _other_users(provider: Provider) -> list[SandboxUser]:
    """Users whom PICSWeb does not know. The first is archived and has the MIS Value of an assessor who is there."""
    known = provider.assessors[1]
    people: tuple[tuple[int, str, str, dict[str, Any]], ...] = (
        (ASSESSOR, "Gwenllian", "Old", {"misid": known.misid, "archived": True}),
        (TRAINEE_ASSESSOR, "Tudur", "Trainee", {}),
        (QUALITY_ASSURER, "Ingrid", "Quality", {}),
        (EMPLOYER, "Eluned", "Employer", {"placement_id": provider.placements[0].id}),
        (OBSERVER, "Owain", "Observer", {"placement_id": provider.placements[0].id}),
        (LEARNER, "Arthur", "Archived", {"misid": "L99998", "archived": True}),
        (LEARNER, "Nobody", "Known", {"misid": "L99999"}),
    )
    return [
        SandboxUser(
            id=_FIRST_OTHER_USER + number,
            organisation_id=CENTRE_ID,
            role=role,
            first_name=first_name,
            last_name=last_name,
            username=f"{first_name[0]}{last_name}".upper(),
            email=f"{first_name}.{last_name}@northvale.example".lower(),
            **values,
        )
        for number, (role, first_name, last_name, values) in enumerate(people)
    ]
