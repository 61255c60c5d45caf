"""A model that refuses values says which fields it refuses; neither values nor its own words come out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db.models.signals import pre_save

from onefile_sync import services
from onefile_sync.models import LearnerOutcome

from .conftest import Academy
from .models import Award, Sitting

SECRET = "Zoë has no such number as OF-9"


@pytest.fixture
def refusing() -> Iterator[Callable[[type[Any], Any], None]]:
    connected = []

    def refuse(model: type[Any], told: Any) -> None:
        def receiver(**_kwargs: Any) -> None:
            raise ValidationError(told)

        pre_save.connect(receiver, sender=model, weak=False)
        connected.append((receiver, model))

    yield refuse
    for receiver, model in connected:
        pre_save.disconnect(receiver, sender=model)


def test_a_refusal_names_the_fields_and_quotes_nothing(
    academy: Academy,
    once: Callable[[], LearnerOutcome],
    refusing: Callable[[type[Any], Any], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    academy.aim.registration_number = "OF-9"
    refusing(Award, {"registration_number": SECRET, "title": SECRET, SECRET: SECRET})

    with caplog.at_level(logging.INFO):
        outcome = once()

    [problem] = outcome.problems.all()
    assert (problem.code, problem.details) == ("not_saved", {"fields": "registration_number, title"})
    text, _remedy = services.read_out(problem.code, problem.details)
    assert "Registration Number, title" in text
    assert "OF-9" not in text
    [told] = [line for line in caplog.messages if line.startswith("not_saved ")]
    assert f"kind=qualification row={academy.award.pk} fields=registration_number,title" in told
    assert "Zoë" not in caplog.text


def test_a_new_review_that_is_refused_names_the_fields_too(
    academy: Academy, once: Callable[[], LearnerOutcome], refusing: Callable[[type[Any], Any], None]
) -> None:
    academy.sitting.delete()
    refusing(Sitting, {"officer": SECRET})

    outcome = once()

    assert [each.details for each in outcome.problems.all()] == [{"fields": "officer"}]


@pytest.mark.parametrize("told", [SECRET, {"__all__": SECRET}])
def test_a_refusal_that_names_no_field_reads_well(
    told: Any,
    academy: Academy,
    once: Callable[[], LearnerOutcome],
    refusing: Callable[[type[Any], Any], None],
) -> None:
    academy.aim.registration_number = "OF-9"
    refusing(Award, told)

    [problem] = once().problems.all()

    assert problem.details == {}
    text, _remedy = services.read_out(problem.code, problem.details)
    assert "(no field was named)" in text
