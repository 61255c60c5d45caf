"""What linking reads of the academy: hidden rows, paths, functions and natural keys, and no employers at all."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from onefile_sync import host as picsweb_side
from onefile_sync.host.snapshot import PersonRow

from .models import Apprentice, Award, Caseload, Coach, Option, Place, Programme, Sitting

TODAY = date(2026, 11, 23)

pytestmark = pytest.mark.usefixtures("host")


def written(settings: Any, part: str, **roles: Any) -> None:
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, part: {**settings.ONEFILE_SYNC[part], **roles}}


def test_only_the_fields_that_there_are_play_a_role() -> None:
    apprentice = Apprentice.objects.create(ident="A1", onefile_id=501, onefile_centre_id=4740)
    coach = Coach.objects.create(name="Gwen Price")
    assert list(picsweb_side.all_people("learner")) == [
        PersonRow(str(apprentice.pk), "A1", "learner", 501, 4740, ident="A1")
    ]
    assert list(picsweb_side.all_people("officer")) == [PersonRow(str(coach.pk), "Gwen Price", "officer")]


def test_there_are_no_organisations() -> None:
    assert list(picsweb_side.organisations()) == []
    assert picsweb_side.count_linked() == dict.fromkeys(
        ["learner", "qualification", "review", "officer", "organisation"], 0
    )


def test_hidden_rows_are_not_offered_but_have_their_onefile_ids() -> None:
    apprentice = Apprentice.objects.create(ident="A1", archived=True, onefile_id=501)
    coach = Coach.objects.create(name="Gwen Price", archived=True, onefile_id=71)
    assert list(picsweb_side.all_people("learner")) == list(picsweb_side.all_people("officer")) == []
    assert picsweb_side.qualifications_of([str(apprentice.pk)]) == []
    assert picsweb_side.pks_with_onefile_id("officer", [71]) == {71: [str(coach.pk)]}
    assert picsweb_side.rows_with_onefile_id("learner") == [(str(apprentice.pk), 501, None)]


def test_hidden_awards_and_sittings_are_linked_nonetheless() -> None:
    apprentice = Apprentice.objects.create(ident="A1", onefile_id=501)
    award = Award.objects.create(apprentice=apprentice, archived=True, onefile_id=4001)
    sitting = Sitting.objects.create(apprentice=apprentice, archived=True, onefile_id=9001)
    pk = str(apprentice.pk)
    assert picsweb_side.qualifications_of([pk]) == picsweb_side.reviews_of([pk]) == []
    assert picsweb_side.linked_rows_of(pk) == [
        ("qualification", str(award.pk), 4001),
        ("review", str(sitting.pk), 9001),
    ]


def test_a_learner_at_the_end_of_a_path(settings: Any, django_assert_num_queries: Any) -> None:
    written(settings, "QUALIFICATION", learner="place__apprentice", reference="title", start_date=None)
    written(settings, "REVIEW", learner="place__apprentice")
    apprentices = [Apprentice.objects.create(ident=f"A{number}") for number in range(3)]
    for apprentice in apprentices:
        place = Place.objects.create(apprentice=apprentice)
        Award.objects.create(apprentice=apprentice, place=place, title="196AS", onefile_id=4001)
        Award.objects.create(apprentice=apprentice, place=place, title="215AZ")
        Sitting.objects.create(place=place, proposed_date=TODAY)
    pks = [str(apprentice.pk) for apprentice in apprentices]
    with django_assert_num_queries(2):
        rows = picsweb_side.qualifications_of(pks)
    assert [(row.learner_pk, row.reference) for row in rows] == [
        (pk, reference) for pk in pks for reference in ("196AS", "215AZ")
    ]
    assert [row.learner_pk for row in picsweb_side.reviews_of(pks)] == pks
    assert [kind for kind, *_ in picsweb_side.linked_rows_of(pks[0])] == ["qualification"]
    with django_assert_num_queries(2):
        assert picsweb_side.references_in_use() == {"215AZ": 3}


def test_functions_say_who_is_main_officer_and_when_someone_ended(settings: Any) -> None:
    written(
        settings, "LEARNER",
        main_officer="tests.academy.mapping.main_officer_of", ended_on="tests.academy.mapping.ended_on_of",
    )  # fmt: skip
    coach, reviewer, other = (Coach.objects.create(name=name) for name in ("Gwen", "Siân", "Nobody"))
    lately, long_ago = (
        Apprentice.objects.create(
            ident=str(days),
            ended_on=TODAY,
            caseload=Caseload.objects.create(coach=each),
            programme=Programme.objects.create(end_date=TODAY - timedelta(days=days)),
        )
        for days, each in ((10, coach), (1000, other))
    )
    Sitting.objects.create(apprentice=lately, officer=reviewer)
    Sitting.objects.create(apprentice=long_ago, officer=other)
    assert [row.ident for row in picsweb_side.unlinked_in_scope(TODAY)] == ["10"]
    assert [str(row.label) for row in picsweb_side.officers_in_use(TODAY)] == ["Gwen", "Siân"]


def test_normal_types_may_be_rows_of_a_lookup_table(settings: Any) -> None:
    normal, other = (Option.objects.create(group="sitting", code=code) for code in ("N", "W"))
    written(settings, "REVIEW", type="sort", normal_types=[("sitting", "N")], created_type=("sitting", "N"))
    apprentice = Apprentice.objects.create(ident="A1")
    wanted = Sitting.objects.create(apprentice=apprentice, sort=normal)
    Sitting.objects.create(apprentice=apprentice, sort=other)
    Sitting.objects.create(apprentice=apprentice)
    assert [row.pk for row in picsweb_side.reviews_of([str(apprentice.pk)])] == [str(wanted.pk)]


def test_a_path_over_a_relation_that_leads_nowhere_is_blank(
    settings: Any, django_assert_num_queries: Any
) -> None:
    written(settings, "LEARNER", surname="programme__title", planned_end_date="programme__end_date")
    programme = Programme.objects.create(title="Carpentry", end_date=TODAY)
    Apprentice.objects.create(ident="A1")
    Apprentice.objects.create(ident="A2", programme=programme)
    with django_assert_num_queries(1):
        rows = [(row.ident, row.surname, row.planned_end_date) for row in picsweb_side.all_people("learner")]
    assert rows == [("A1", "", None), ("A2", "Carpentry", TODAY)]


def test_a_learner_of_the_daily_sync_is_still_found_with_the_same_queries(
    django_assert_num_queries: Any,
) -> None:
    Apprentice.objects.create(ident="A1", onefile_id=501)
    Apprentice.objects.create(ident="A2")
    with django_assert_num_queries(1):
        assert [str(learner) for learner in picsweb_side.scope(TODAY)] == ["A1"]
