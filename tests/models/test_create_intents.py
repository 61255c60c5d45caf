"""What is kept of a create in OneFile: once while it is open, and nothing that can be read of a person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from onefile_sync import host
from onefile_sync.models import CreateIntent, CreateKind, RunKind, SyncRun, Tenant
from onefile_sync.sync.runs.retention import prune

pytestmark = pytest.mark.django_db


def tenant(address: str = "https://one.example") -> Tenant:
    return Tenant.objects.create(environment="live", address=address, token_digest=address)


def begun(of: Tenant, **values: Any) -> CreateIntent:
    learner = {"learner_type": host.learner_type(), "learner_pk": "7"}
    subject = {"subject_kind": "officer", "subject_type": host.learner_type(), "subject_pk": "3"}
    return CreateIntent.objects.create(
        **{"tenant": of, "kind": CreateKind.ASSESSOR, "centre_id": 10, **learner, **subject, **values}
    )


def test_one_create_of_a_row_is_open_in_each_centre_and_onefile() -> None:
    here = tenant()
    begun(here)
    begun(here, centre_id=11)
    begun(tenant("https://two.example"))
    with pytest.raises(IntegrityError), transaction.atomic():
        begun(here, learner_pk="8")


def test_a_create_may_begin_again_once_it_is_finished() -> None:
    here = tenant()
    for _each in range(2):
        begun(here, finished_at=timezone.now())
    assert not begun(here).finished_at
    assert CreateIntent.objects.filter(is_open=True).count() == 1


def test_finished_creates_are_pruned_and_open_ones_kept() -> None:
    here, long_ago = tenant(), timezone.now() - timedelta(days=800)
    begun(here, created_at=long_ago, finished_at=long_ago)
    still_open = begun(here, created_at=long_ago)
    prune(365)
    assert CreateIntent.objects.get() == still_open


def test_both_runs_are_for_a_person() -> None:
    assert SyncRun(kind=RunKind.ENROL).is_for_a_person
    assert SyncRun(kind=RunKind.ENROL_CHECK).is_for_a_person
    assert not SyncRun(kind=RunKind.DAILY).is_for_a_person
