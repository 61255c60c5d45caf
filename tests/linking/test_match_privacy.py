"""What identifies a person beyond name and MIS Value stays in no log, queue row, table of ours or URL."""

from __future__ import annotations

import logging
from datetime import date
from typing import Any

import pytest
from django.apps import apps
from django_q.models import OrmQ

from example_project.picsweb.models import Learner
from onefile_sync import services
from onefile_sync.models import MatchSuggestion, RecordLink
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from tests.conftest import dont_wait
from tests.run_fixtures import queued_tasks

pytestmark = pytest.mark.parametrize("host", ["picsweb"], indirect=True)

ULN, NI_NUMBER, EMAIL, BORN = "1000000035", "QQ123456C", "canary-4711@example.org", date(1999, 8, 7)
NEVER = (ULN, "QQ123456", EMAIL, "1999-08-07", "07/08/1999")


def test_of_a_run_that_matches_and_one_that_links(
    world: World, onefile: SandboxServer, caplog: pytest.LogCaptureFixture, host: Any, commit: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    values = {"uln": ULN, "email": EMAIL}
    user = world.add_learner(first_name="Ann", last_name="Ash", nino=NI_NUMBER, dob=BORN, **values)
    other = world.add_learner(first_name="Ann", last_name="Ash", email=EMAIL)
    learner = Learner.objects.create(
        first_name="Ann",
        surname="Ash",
        ni_number=NI_NUMBER,
        date_of_birth=BORN,
        status="live",
        start_date=date(2026, 1, 1),
        **values,
    )
    onefile.faults.append(Fault(operation="User/get", kind="status", status=500, times=1))
    with commit():
        queued = services.match(["learner"])
    assert queued_tasks()
    services.perform(queued, sleep=dont_wait)
    one = MatchSuggestion.objects.get(onefile_id=user.id)
    services.look_at_pair(one)
    with commit():
        linking = services.link_ticked([one.pk], singly=True)
    assert linking is not None
    tasks = str(queued_tasks()) + str(list(OrmQ.objects.values()))
    services.perform(linking, sleep=dont_wait)
    assert RecordLink.objects.get(subject_pk=str(learner.pk)).onefile_id == user.id

    ours = [
        str(list(model._default_manager.values()))
        for model in apps.get_app_config("onefile_sync").get_models()
    ]
    said = [caplog.text, tasks, *ours, queued.get_absolute_url()]
    assert [secret for secret in NEVER if any(secret in text for text in said)] == []
    assert other.email == EMAIL
