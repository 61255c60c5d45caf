"""The check for django-health-check in that package's own view: what a monitor of PICSWeb receives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import OperationalError, connections
from django.http import HttpResponse
from django.test import RequestFactory
from django_q.models import Schedule
from health_check.views import HealthCheckView

from onefile_sync import services
from onefile_sync.models import Heartbeat, OneFileSettings
from tests.staff_fixtures import TOKEN, a_held_run, a_run, long_ago

CHECK = "onefile_sync.contrib.health_check.OneFileIntegration"

# The package runs its checks in threads, which see only what is committed.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("integration")]


@pytest.fixture
def in_order(transactional_db, integration, learner) -> None:
    """Everything is as it should be."""
    services.install_schedules()
    services.sweep()
    a_run((learner, "updated"), kind="daily", finished_at=long_ago(hours=3))


@pytest.fixture
def ask(settings: Any) -> Iterator[Callable[..., HttpResponse]]:
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "health_check"]
    with ThreadPoolExecutor(1) as thread:

        class InOneThread(HealthCheckView):
            def get_executor(self) -> Any:
                return nullcontext(thread)

        def answer(**query: str) -> HttpResponse:
            view = async_to_sync(InOneThread.as_view(checks=[CHECK]))
            response = view(RequestFactory().get("/health/", query))
            return response.render() if hasattr(response, "render") else response

        yield answer
        thread.submit(connections.close_all).result()


def text(answer: HttpResponse) -> str:
    return answer.content.decode()


def test_when_all_is_well(in_order, ask):
    answer = ask(format="text")
    assert answer.status_code == 200
    assert text(answer) == "OneFileIntegration(): OK\n"


def test_a_warning_is_reported_by_its_code(in_order, ask):
    Schedule.objects.filter(name="onefile_sync sweep").delete()
    OneFileSettings.objects.update(paused=True)
    answer = ask(format="text")
    assert answer.status_code == 500
    assert text(answer) == "OneFileIntegration(): Warning: integration, schedules\n"


def test_of_what_does_not_work_the_warnings_are_left_out(in_order, ask):
    Heartbeat.objects.update(beaten_at=long_ago(hours=1))
    OneFileSettings.objects.update(paused=True)
    answer = ask(format="text")
    assert answer.status_code == 500
    assert text(answer) == "OneFileIntegration(): Unavailable: worker\n"


def test_switched_off_nothing_is_wrong(in_order, ask):
    OneFileSettings.objects.update(enabled=False)
    Heartbeat.objects.all().delete()
    assert ask(format="text").status_code == 200


def test_a_database_that_does_not_answer_is_reported(in_order, ask, monkeypatch):
    def fail():
        raise OperationalError("connection refused")

    monkeypatch.setattr(services, "health", fail)
    answer = ask(format="text")
    assert answer.status_code == 500
    assert text(answer) == "OneFileIntegration(): Unavailable: database\n"


def test_the_page_and_the_object_say_the_same(in_order, ask):
    Heartbeat.objects.update(beaten_at=long_ago(hours=1))
    for shown in (ask(), ask(format="json")):
        assert shown.status_code == 500
        assert "Unavailable: worker" in text(shown)
    assert ask(format="openmetrics").status_code == 200


def test_it_reveals_neither_the_learners_of_a_held_run_nor_the_token(in_order, learner, ask):
    run = a_held_run(learner)
    for shown in (ask(), ask(format="json"), ask(format="text"), ask(format="atom")):
        for kept in ("Máire", TOKEN, str(run.pk), "REG"):
            assert kept not in text(shown)
