"""What the academy has otherwise: no organisations, and the IDs of learners in a column of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections, models

from onefile_sync import checks, services
from onefile_sync.models import LearnerOutcome

from .conftest import Academy
from .models import Apprentice


def test_without_organisations_everything_else_works(
    academy: Academy, once: Callable[[], LearnerOutcome], settings: Any
) -> None:
    assert "ORGANISATION" not in settings.ONEFILE_SYNC
    assert checks.mapping_errors() == []
    assert services.why_not(academy.apprentice) is None
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
