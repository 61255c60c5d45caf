"""What the academy has otherwise: no organisations, and the IDs of learners in a column of its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connections, models

from onefile_sync import checks, services
from onefile_sync import host as picsweb_side
from onefile_sync.models import LearnerOutcome

from .conftest import Academy
from .mapping import ACADEMY
from .models import Apprentice, Caseload, Programme


def test_without_organisations_everything_else_works(
    academy: Academy, once: Callable[[], LearnerOutcome], settings: Any
) -> None:
    assert "ORGANISATION" not in settings.ONEFILE_SYNC
    assert checks.mapping_errors() == []
    assert services.refusal_for(academy.apprentice) is None
    assert once().state == "unchanged"


def test_the_onefile_id_may_be_an_existing_column(
    academy: Academy, once: Callable[[], LearnerOutcome]
) -> None:
    connection = connections[Apprentice.objects.db]
    with connection.cursor() as cursor:
        cursor.execute("SELECT portfolio_ref FROM academy_apprentice")
        assert cursor.fetchone()[0] == academy.apprentice.onefile_id
    academy.aim.elements_done = 9

    outcome = once()

    assert outcome.onefile_id == academy.apprentice.onefile_id
    assert outcome.changes.filter(field="elements_done", new="9").exists()


@pytest.mark.parametrize(
    "field",
    [models.CharField(max_length=20, null=True), models.BigIntegerField()],
)
def test_a_column_that_cannot_hold_the_ids_is_refused(
    academy: Academy, field: models.Field[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    get_field = Apprentice._meta.get_field
    field.name = "onefile_id"
    monkeypatch.setattr(
        Apprentice._meta, "get_field", lambda name: field if name == "onefile_id" else get_field(name)
    )

    assert [each.id for each in checks.mapping_errors()] == ["onefile_sync.E019"]


TODAY = date(2026, 11, 23)
BY_PATH = {"main_officer": "caseload__coach", "ended_on": "programme__end_date"}
BY_FUNCTION = {name: f"tests.academy.mapping.{name}_of" for name in BY_PATH}


class TestKeptElsewhere:
    @pytest.fixture(params=[BY_PATH, BY_FUNCTION], ids=["path", "function"], autouse=True)
    def elsewhere(self, request: pytest.FixtureRequest, academy: Academy, settings: Any) -> None:
        learner = {**ACADEMY["LEARNER"], "in_learning": {"withdrawn": False}, **request.param}
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "LEARNER": learner}
        Apprentice.objects.update(
            coach=None,
            caseload=Caseload.objects.create(coach=academy.coach),
            programme=Programme.objects.create(end_date=None),
        )

    def test_the_checks_have_nothing_to_say(self) -> None:
        assert checks.mapping_errors() == []

    def test_the_main_officer_is_found(self, academy: Academy) -> None:
        learner = picsweb_side.learner_by_pk(str(academy.apprentice.pk))
        assert learner is not None

        row = picsweb_side.read_learner(learner)

        assert (row.main_officer, row.main_officer_onefile_id) == (
            str(academy.coach.pk),
            academy.coach.onefile_id,
        )

    def test_there_is_no_main_officer_where_a_relation_is_null(self, academy: Academy) -> None:
        Apprentice.objects.update(caseload=None)
        learner = picsweb_side.learner_by_pk(str(academy.apprentice.pk))
        assert learner is not None
        assert picsweb_side.read_learner(learner).main_officer is None

    @pytest.mark.parametrize(
        ("withdrawn", "days_ago", "taken"),
        [(False, None, True), (True, 31, True), (True, 32, False), (True, None, False)],
    )
    def test_the_daily_sync_includes_the_right_learners(
        self, academy: Academy, withdrawn: bool, days_ago: int | None, taken: bool
    ) -> None:
        ended = None if days_ago is None else TODAY - timedelta(days=days_ago)
        Programme.objects.update(end_date=ended)
        Apprentice.objects.update(withdrawn=withdrawn)

        assert [learner.pk for learner in picsweb_side.scope(TODAY)] == [academy.apprentice.pk] * taken

    def test_a_learner_without_a_programme_has_not_ended(self) -> None:
        Apprentice.objects.update(programme=None, withdrawn=True)
        assert list(picsweb_side.scope(TODAY)) == []


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ({"main_officer": "caseload__coaches"}, "E008"),
        ({"main_officer": "caseloads__coach"}, "E008"),
        ({"main_officer": "caseload"}, "E010"),
        ({"main_officer": "award__apprentice"}, "E008"),
        ({"ended_on": "programme__title"}, "E009"),
        ({"ended_on": "tests.academy.mapping.nothing"}, "E014"),
    ],
)
def test_a_way_that_leads_nowhere_is_refused(
    host: Any, settings: Any, named: dict[str, str], code: str
) -> None:
    settings.ONEFILE_SYNC = {**ACADEMY, "LEARNER": {**ACADEMY["LEARNER"], **named}}

    [error] = checks.mapping_errors()

    assert error.id == f"onefile_sync.{code}"


@pytest.mark.parametrize(
    ("named", "hint"),
    [
        ({"main_officer": "caseload__coaches"}, " academy.Caseload has: coach."),
        (
            {"main_officer": "caseloads__coach"},
            " academy.Apprentice has: coach. To a single row each lead from it: coach, caseload, programme, stage.",
        ),
        (
            {"main_officer": "award__apprentice"},
            " To a single row each lead from it: coach, caseload, programme, stage.",
        ),
        ({"main_officer": "programme__head"}, "or the dotted path of a function."),  # which has no officer
        ({"main_officer": "programme__head__name"}, " To a single row each lead from it: none."),
        ({"main_officer": "nobody"}, " academy.Apprentice has: coach."),
        ({"ended_on": "programme__title"}, " academy.Programme has: end_date."),
        ({"ended_on": "programme__ended"}, " academy.Programme has: end_date."),
        (
            {"ended_on": "programmes__end_date"},
            " academy.Apprentice has: ended_on. To a single row each lead from it: ",
        ),
    ],
)
def test_a_hint_names_what_there_is_where_a_path_breaks_off(
    host: Any, settings: Any, named: dict[str, str], hint: str
) -> None:
    settings.ONEFILE_SYNC = {**ACADEMY, "LEARNER": {**ACADEMY["LEARNER"], **named}}

    [error] = checks.mapping_errors()

    assert hint in error.hint
    assert error.hint.endswith(hint) or hint.endswith(": ")
