"""Run by :mod:`tests.databases.test_routers`, under ``tests.databases.apart``: PICSWeb in a database of its own."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connections
from django.test import Client
from django.urls import reverse

from onefile_sync.models import (
    Change,
    Difference,
    LearnerOutcome,
    Problem,
    StagedRecord,
    SyncRun,
    UploadIntent,
)
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.sync.learner.exchange import Exchange
from tests.conftest import preview, problems, sync
from tests.factories import Host
from tests.scenarios.everyone import daily
from tests.scenarios.two_of_each import TwoOfEach, assert_linked_once, build_two_of_each, read

ABOUT_A_LEARNER = (LearnerOutcome, StagedRecord, UploadIntent, Difference)


@pytest.fixture
def scenario(host: Host, world: World, onefile: SandboxServer) -> TwoOfEach:
    return build_two_of_each(host, world)


@pytest.fixture
def office() -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("office"))
    return client


def test_the_tables_are_apart(scenario: TwoOfEach) -> None:
    there = connections["mis"].introspection.table_names()

    assert scenario.learner._state.db == "mis"
    assert not [name for name in there if name.startswith(("onefile_sync_", "django_content", "auth_"))]


def test_a_learner_is_synchronised_and_then_unchanged(scenario: TwoOfEach, world: World) -> None:
    assert daily().outcomes.get().state == "updated"
    assert_linked_once(scenario, world)
    writes = world.writes
    assert sync(scenario.learner).state == "unchanged"
    assert world.writes == writes


def test_what_cannot_be_recorded_is_not_saved(
    scenario: TwoOfEach, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two databases have no transaction in common; one that fails takes the other with it all the same."""

    record = Exchange.record

    def fail(exchange: Exchange, made: Any) -> None:
        if any(change.side == "picsweb" for change in made):
            raise ZeroDivisionError
        record(exchange, made)

    monkeypatch.setattr(Exchange, "record", fail)

    assert problems(sync(scenario.learner)) == ["stopped"]

    assert {review.onefile_id for review in read(scenario).reviews} == {scenario.held.id, None}
    assert not Change.objects.filter(side="picsweb").exists()


def test_deleting_a_learner_deletes_what_was_recorded(
    scenario: TwoOfEach, office: Client, host: Host
) -> None:
    daily()
    assert LearnerOutcome.objects.exists()
    assert StagedRecord.objects.exclude(learner_pk="").exists()

    scenario.learner.delete()

    for model in ABOUT_A_LEARNER:
        assert not model.objects.exclude(learner_pk="").exists()
    assert not Problem.objects.exists()


@pytest.mark.parametrize("host", ["picsweb"], indirect=True)
class TestPages:
    def test_every_page_opens(self, scenario: TwoOfEach, office: Client) -> None:
        runs = [daily(), preview(scenario.learner).run]
        learner = scenario.learner
        pages = [
            reverse("admin:picsweb_learner_changelist"),
            reverse("admin:picsweb_learner_change", args=[learner.pk]),
            reverse("admin:picsweb_learner_delete", args=[learner.pk]),
            reverse("delivery_plan", args=[learner.pk]),
            reverse("onefile_sync:health"),
            *(reverse("onefile_sync:run", args=[run.pk]) for run in runs),
        ]
        for model in (SyncRun, LearnerOutcome, Change, Problem):
            name = f"admin:onefile_sync_{model._meta.model_name}"
            pages += [reverse(f"{name}_changelist"), reverse(f"{name}_changelist") + "?q=L0"]
            pages += [reverse(f"{name}_change", args=[row.pk]) for row in model.objects.all()[:1]]

        answers = {page: office.get(page).status_code for page in pages}

        assert answers == dict.fromkeys(pages, 200)

    def test_a_learner_can_be_deleted_in_the_admin(self, scenario: TwoOfEach, office: Client) -> None:
        sync(scenario.learner)

        answer = office.post(
            reverse("admin:picsweb_learner_delete", args=[scenario.learner.pk]), {"post": "yes"}
        )

        assert answer.status_code == 302
        assert not type(scenario.learner).objects.filter(pk=scenario.learner.pk).exists()
        assert not LearnerOutcome.objects.exists()
