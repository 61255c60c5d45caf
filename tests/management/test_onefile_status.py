"""What monitors receive from ``manage.py onefile_status`` and from the check for django-health-check."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError
from health_check.exceptions import ServiceUnavailable, ServiceWarning

from onefile_sync import services
from onefile_sync.contrib.health_check import OneFileIntegration
from onefile_sync.management.onefile_command import NO_DATABASE
from onefile_sync.models import OneFileSettings, RunKind, RunState, SyncRun
from tests.factories import Host
from tests.run_fixtures import Away, Manage

pytestmark = pytest.mark.matrix

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


class TestTheCommand:
    """``manage.py onefile_status``: the exit codes and the JSON that monitors rely on."""

    @pytest.mark.parametrize(
        ("arrange", "code", "level"),
        [
            (lambda: None, 0, "fine"),
            (lambda: OneFileSettings.objects.update(enabled=False), 0, "off"),
            (lambda: OneFileSettings.objects.update(paused=True), 1, "warning"),
            (lambda: OneFileSettings.objects.update(encrypted_customer_token=""), 2, "critical"),
        ],
        ids=["fine", "off", "warning", "critical"],
    )
    def test_ends_with_how_bad_it_is(
        self, in_order: OneFileSettings, manage: Manage, arrange: Callable[[], Any], code: int, level: str
    ) -> None:
        arrange()

        in_words, as_json = manage("onefile_status"), manage("onefile_status", "--json")

        assert (in_words.code, as_json.code) == (code, code)
        assert in_words.out.startswith(f"{level}: the OneFile integration\n")
        assert json.loads(as_json.out)["level"] == level
        assert (in_words.err, as_json.err) == ("", "")

    def test_prints_one_json_object_and_nothing_else(self, in_order: OneFileSettings, manage: Manage) -> None:
        SyncRun.objects.update(finished_at=NOON - 27 * HOUR)

        said = manage("onefile_status", "--json")

        printed = json.loads(said.out)
        assert said.out.count("\n") == 1
        assert printed.keys() == {"level", "looked_at", "findings"}
        assert printed["looked_at"] == "2026-03-02T12:00:00+00:00"
        assert list(printed["findings"]) == [finding.code for finding in services.health().findings]
        assert printed["findings"]["last_daily"] == {
            "level": "warning",
            "text": "The last daily sync has finished.",
            "value": "2026-03-01T09:00:00+00:00",
            "run": str(SyncRun.objects.get().pk),
        }
        assert printed["findings"]["pace"]["value"] == 1.0
        assert printed["findings"]["held"]["value"] is None

    def test_says_the_worst_first_with_what_to_do(self, in_order: OneFileSettings, manage: Manage) -> None:
        OneFileSettings.objects.update(paused=True, encrypted_customer_token="")

        first, token, remedy, paused, *_others = manage("onefile_status").out.splitlines()

        assert first == "critical: the OneFile integration"
        assert token == "  critical token: no_token: There is no customer token."
        assert remedy.strip().startswith("Enter it in the OneFile settings.")
        assert paused.startswith("  warning  integration: paused: The integration is paused.")

    @pytest.mark.parametrize(
        "written", [{"LEARNER": {"model": "picsweb.Pupil"}}, {"CUSTOMER_TOKENS": "x"}, None], ids=str
    )
    def test_finds_what_is_wrong_with_the_set_up(
        self, in_order: OneFileSettings, settings: Any, manage: Manage, written: dict[str, Any] | None
    ) -> None:
        settings.ONEFILE_SYNC = written and {**settings.ONEFILE_SYNC, **written}

        said = manage("onefile_status", "--json")

        assert said.code == 2
        assert json.loads(said.out)["findings"]["integration"]["value"] == "mapping_wrong"

    @pytest.mark.parametrize("options", [[], ["--json"]], ids=str)
    def test_says_in_one_line_that_it_could_not_look(
        self, in_order: OneFileSettings, manage: Manage, monkeypatch: pytest.MonkeyPatch, options: list[str]
    ) -> None:
        def fail() -> None:
            raise OperationalError("password of picsweb refused")

        monkeypatch.setattr(OneFileSettings, "load", fail)

        said = manage("onefile_status", *options)

        assert (said.code, said.out) == (3, "")
        assert said.err == f"CommandError: {NO_DATABASE}\n"


class TestTheHealthCheck:
    """The plug-in for django-health-check. A monitor's page may be public, so it receives codes only."""

    def test_is_content_when_all_is_fine(self, in_order: OneFileSettings) -> None:
        OneFileIntegration().run()

    def test_is_content_when_the_integration_is_off(self, host: Host) -> None:
        OneFileIntegration().run()

    def test_warns(self, in_order: OneFileSettings, host: Host) -> None:
        OneFileSettings.objects.update(paused=True)
        SyncRun.objects.create(kind=RunKind.DAILY, state=RunState.HELD)

        with pytest.raises(ServiceWarning) as warned:
            OneFileIntegration().run()

        assert warned.value.message == "integration, held"

    def test_says_what_does_not_work_before_all_else(self, in_order: OneFileSettings, away: Away) -> None:
        OneFileSettings.objects.update(paused=True, encrypted_customer_token="")

        with pytest.raises(ServiceUnavailable) as unavailable:
            OneFileIntegration().run()

        assert unavailable.value.message == "token, pace"
