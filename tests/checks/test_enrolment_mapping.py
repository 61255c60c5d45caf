"""``check`` says what the mapping lacks for creating learners in OneFile, where anybody wants to."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import pytest
from django.core.checks import INFO
from django.core.management import call_command

from onefile_sync import checks
from onefile_sync.models import OneFileSettings
from tests.academy.mapping import ACADEMY
from tests.factories import PICSWEB


def with_part(mapping: Mapping[str, Any], key: str, **roles: Any) -> dict[str, Any]:
    return {**mapping, key: {**mapping[key], **roles}}


WANTED = [
    with_part(ACADEMY, "LEARNER", telephone="ident"),
    with_part(ACADEMY, "LEARNER", additional_officers="tests.academy.mapping.main_officer_of"),
    with_part(ACADEMY, "QUALIFICATION", uploaded="modular", reference="title"),
    with_part(ACADEMY, "QUALIFICATION", planned_end_date="expected_end"),
    {**ACADEMY, "CODES": {}},
    {**ACADEMY, "ENROL_QUIET_SECONDS": None},
]


def test_an_install_that_wants_nothing_of_it_hears_nothing(settings: Any) -> None:
    settings.ONEFILE_SYNC = ACADEMY
    assert checks.check_mapping() == []
    settings.ONEFILE_SYNC = with_part(ACADEMY, "LEARNER", telephone=None, surname="ident")
    assert checks.check_mapping() == []


@pytest.mark.parametrize("written", WANTED, ids=range(len(WANTED)))
def test_whoever_wants_to_create_learners_is_told_which_lines_to_write(settings: Any, written: Any) -> None:
    settings.ONEFILE_SYNC = written
    first, *others = checks.check_mapping()
    assert (first.id, first.level) == ("onefile_sync.I001", INFO)
    for part in ("LEARNER", "OFFICER"):
        assert f'"{part}": {{…, "first_name": "…", "surname": "…", "email": "…"}}' in (first.hint or "")
    has_reference = "reference" in written["QUALIFICATION"]
    assert ["reference" in (other.hint or "") for other in others] == ([] if has_reference else [True])
    assert checks.mapping_errors() == []


def test_only_what_is_missing_is_told(settings: Any) -> None:
    settings.ONEFILE_SYNC = with_part(PICSWEB.mapping, "OFFICER", email=None)
    (message,) = checks.check_mapping()
    assert message.msg.endswith("OFFICER.email.")
    assert (message.hint or "").startswith('Write "OFFICER": {…, "email": "…"}: ')


def test_an_error_is_told_first(settings: Any) -> None:
    settings.ONEFILE_SYNC = with_part(PICSWEB.mapping, "OFFICER", email="mail")
    assert [message.id for message in checks.check_mapping()] == ["onefile_sync.E008"]


@pytest.mark.django_db
def test_it_does_not_fail_the_command(settings: Any) -> None:
    settings.ONEFILE_SYNC = {**ACADEMY, "CODES": {}}
    err = io.StringIO()
    call_command("check", "onefile_sync", fail_level="WARNING", stdout=io.StringIO(), stderr=err)
    assert "onefile_sync.I001" in err.getvalue()


@pytest.mark.django_db
def test_it_does_not_keep_rows_from_being_checked(settings: Any) -> None:
    OneFileSettings(enabled=True).save()
    academy = {**ACADEMY, "CODES": {}}
    settings.ONEFILE_SYNC = with_part(academy, "LEARNER", live={"stage": [("stage", "active")]})
    assert "onefile_sync.I001" in [message.id for message in checks.check_mapping()]
    assert [message.id for message in checks.check_database(databases=["default"])] == ["onefile_sync.W034"]
