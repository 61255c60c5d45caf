"""A qualification's or a review's learner is found over relations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from onefile_sync import checks
from onefile_sync import host as picsweb_side
from onefile_sync.host.saving import NowhereToPut
from onefile_sync.models import LearnerOutcome
from tests.conftest import preview, problems

from .conftest import Academy
from .mapping import ACADEMY
from .models import Apprentice, Award, Place, Sitting

pytestmark = pytest.mark.matrix("once")

Once = Callable[[], LearnerOutcome]
BY_PATH = {
    **ACADEMY,
    "QUALIFICATION": {**ACADEMY["QUALIFICATION"], "learner": "place__apprentice"},
    "REVIEW": {**ACADEMY["REVIEW"], "learner": "place__apprentice"},
}


@pytest.fixture
def place(academy: Academy, settings: Any) -> Place:
    settings.ONEFILE_SYNC = {
        **settings.ONEFILE_SYNC,
        **{part: BY_PATH[part] for part in ("QUALIFICATION", "REVIEW")},
    }
    place = Place.objects.create(apprentice=academy.apprentice)
    Award.objects.update(place=place, apprentice=Apprentice.objects.create(ident="A2"))
    Sitting.objects.update(place=place, apprentice=None)
    return place


def test_the_checks_have_nothing_to_say(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.check_mapping() == []
    monkeypatch.setattr(Sitting._meta.get_field("place"), "null", False)
    assert checks.check_mapping() == []


def test_both_are_read_with_no_query_for_each(
    academy: Academy, place: Place, django_assert_max_num_queries: Any
) -> None:
    Award.objects.bulk_create(Award(apprentice=academy.apprentice, place=place) for _each in range(9))
    Sitting.objects.bulk_create(Sitting(place=place) for _each in range(9))
    Award.objects.create(apprentice=academy.apprentice, place=None)
    learners = picsweb_side.learners_by_pk([str(academy.apprentice.pk)])

    with django_assert_max_num_queries(5):
        [row] = picsweb_side.read_learners(learners)

    assert (len(row.qualifications), len(row.reviews)) == (10, 10)


def test_hidden_reviews_are_found(academy: Academy, place: Place) -> None:
    Sitting.objects.update(archived=True)
    [learner] = picsweb_side.learners_by_pk([str(academy.apprentice.pk)])
    row = picsweb_side.read_learner(learner)
    assert [each.pk for each in row.hidden_reviews] == [str(academy.sitting.pk)]


def test_a_qualification_is_brought_up_to_date(academy: Academy, place: Place, once: Once) -> None:
    academy.aim.elements_done = 9

    once()

    assert Award.objects.get(pk=academy.award.pk).elements_done == 9


def test_a_new_review_is_put_under_the_only_parent(academy: Academy, place: Place, once: Once) -> None:
    Place.objects.create(apprentice=None)
    academy.sitting.delete()

    outcome = once()

    sitting = Sitting.objects.get()
    assert (sitting.onefile_id, sitting.place, problems(outcome)) == (academy.record.id, place, [])
    assert once().state == "unchanged"


@pytest.mark.parametrize("parents", [0, 2])
def test_a_new_review_without_one_parent_is_reported(
    academy: Academy, place: Place, once: Once, parents: int
) -> None:
    Award.objects.update(place=None)
    Place.objects.all().delete()
    Place.objects.bulk_create(Place(apprentice=academy.apprentice) for _each in range(parents))

    foreseen = preview(academy.apprentice)
    outcome = once()

    assert problems(foreseen) == problems(outcome)
    assert not foreseen.changes.exists()
    [problem] = outcome.problems.all()
    assert (problem.code, problem.subject_kind, problem.subject_onefile_id) == (
        "review_nowhere_to_put",
        "review",
        academy.record.id,
    )
    assert (outcome.state, Sitting.objects.count(), outcome.changes.count()) == ("attention", 0, 0)


def test_the_review_is_not_created_twice(academy: Academy, place: Place) -> None:
    values = {"onefile_id": academy.record.id}
    assert picsweb_side.create_review(str(academy.apprentice.pk), values) is None
    Place.objects.create(apprentice=academy.apprentice)
    with pytest.raises(NowhereToPut):
        picsweb_side.create_review(str(academy.apprentice.pk), {"onefile_id": 1})


@pytest.mark.parametrize("part", ["QUALIFICATION", "REVIEW"])
@pytest.mark.parametrize(
    ("learner", "code"),
    [
        ("places__apprentice", "E008"),
        ("place__nobody", "E008"),
        ("place", "E010"),
        ("tests.academy.mapping.ended_on_of", "E008"),
    ],
)
def test_what_does_not_lead_to_the_learner_is_refused(
    host: Any, settings: Any, part: str, learner: str, code: str
) -> None:
    settings.ONEFILE_SYNC = {**ACADEMY, part: {**ACADEMY[part], "learner": learner}}

    [error] = checks.mapping_errors()

    assert error.id == f"onefile_sync.{code}"
    assert code != "E008" or "A function cannot say whose a row is" in error.hint
