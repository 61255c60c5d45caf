"""What is read of an apprentice to be created in OneFile: paths, hidden rows, placements by a foreign key."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.core.checks import CheckMessage

from onefile_sync import checks
from onefile_sync import host as picsweb_side
from onefile_sync.host.lookups import NoSuchRow
from onefile_sync.host.snapshot import LearnerToCreate, PersonRow
from onefile_sync.models import OneFileSettings
from tests.factories import HOSTS

from .models import Apprentice, Award, Coach, Option, Place, Programme, Sitting

pytestmark = pytest.mark.usefixtures("host")

#: The academy has no employers: its coaches stand for them, and its sittings for placements.
WITH_PLACEMENTS = {
    "ORGANISATION": {"model": "academy.Coach"},
    "PLACEMENT": {
        "model": "academy.Sitting",
        "learner": "place__apprentice",
        "organisation": "officer",
        "type": "sort",
        "start_date": "actual_date",
    },
}


def written(settings: Any, part: str, **roles: Any) -> None:
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, part: {**settings.ONEFILE_SYNC.get(part, {}), **roles}}


def read(apprentice: Apprentice) -> LearnerToCreate:
    row = picsweb_side.read_learner_to_create(str(apprentice.pk))
    assert row is not None
    return row


def test_an_apprentice_of_whom_little_is_mapped() -> None:
    coach = Coach.objects.create(name="Gwen Price", archived=True)
    apprentice = Apprentice.objects.create(ident="A1", coach=coach)
    assert read(apprentice) == LearnerToCreate(
        PersonRow(str(apprentice.pk), "A1", "learner", ident="A1"),
        main_officer=PersonRow(str(coach.pk), "Gwen Price", "officer"),
    )


def test_a_main_officer_from_a_function(settings: Any) -> None:
    written(settings, "LEARNER", main_officer="tests.academy.mapping.main_officer_of")
    assert read(Apprentice.objects.create(ident="A1")).main_officer is None


def test_values_at_the_end_of_paths(settings: Any, django_assert_num_queries: Any) -> None:
    written(settings, "LEARNER", main_tag="programme__title", ethnicity="stage__code")
    written(settings, "QUALIFICATION", learner="place__apprentice", assessor="apprentice__coach")
    apprentice = Apprentice.objects.create(
        ident="A1",
        coach=Coach.objects.create(name="Gwen Price"),
        programme=Programme.objects.create(title="Digital"),
        stage=Option.objects.create(group="ethnic", code=" 31 "),
    )
    place = Place.objects.create(apprentice=apprentice)
    for title in ("196AS", "215AZ"):
        Award.objects.create(apprentice=apprentice, place=place, title=title)
    Award.objects.create(apprentice=apprentice, place=place, archived=True)
    with django_assert_num_queries(4):
        row = read(apprentice)
    assert (row.main_tag, row.ethnicity) == ("Digital", "31")
    assert [each.assessor and str(each.assessor.label) for each in row.qualifications] == ["Gwen Price"] * 2


@pytest.fixture
def placed(settings: Any) -> Apprentice:
    """With Trent, of type P, since July, and with Hallam, of type T, since September."""
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, **WITH_PLACEMENTS}
    apprentice = Apprentice.objects.create(ident="A1")
    place = Place.objects.create(apprentice=apprentice)
    for name, code, month in (("Trent", "P", 7), ("Hallam", "T", 9), ("", "P", 12)):
        Sitting.objects.create(
            place=place,
            officer=Coach.objects.create(name=name) if name else None,
            sort=Option.objects.create(group=f"sort{month}", code=code),
            actual_date=date(2026, month, 1),
        )
    return apprentice


def option(code: str) -> Option:
    return Option.objects.filter(code=code).order_by("pk")[0]


def test_a_type_named_by_primary_key(settings: Any, placed: Apprentice) -> None:
    written(settings, "PLACEMENT", placement_types=[option("P").pk])
    assert str(getattr(read(placed).employer, "label", None)) == "Trent"


def test_a_type_named_by_natural_key(settings: Any, placed: Apprentice) -> None:
    written(settings, "PLACEMENT", placement_types=[("sort7", "P")])
    assert str(getattr(read(placed).employer, "label", None)) == "Trent"


def test_no_type_that_any_placement_has(settings: Any, placed: Apprentice) -> None:
    written(settings, "PLACEMENT", placement_types=[0])
    assert str(getattr(read(placed).employer, "label", None)) == "Hallam"


def test_a_type_that_is_gone_is_told_of_and_stops_no_refresh(settings: Any, placed: Apprentice) -> None:
    written(settings, "PLACEMENT", placement_types=[("sort", "gone")])
    with pytest.raises(NoSuchRow):
        read(placed)
    assert not picsweb_side.is_a_row_missing()


def test_check_tells_of_types_and_conditions_without_a_row(settings: Any) -> None:
    settings.ONEFILE_SYNC = HOSTS["college"].mapping
    OneFileSettings(enabled=True).save()
    written(settings, "LEARNER", live={"gender": [7]})
    assert ["Gender 7 for 'live'" in message.msg for message in about_rows()] == [False, True]
    written(settings, "QUALIFICATION", uploaded={"student": ["00000000-0000-0000-0000-000000000007"]})
    assert ["for 'uploaded'" in message.msg for message in about_rows()] == [False, False, True]


def about_rows() -> list[CheckMessage]:
    return [
        message
        for message in checks.check_database(databases=["default"])
        if message.id == "onefile_sync.W034"
    ]
