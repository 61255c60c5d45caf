"""The qualification links over REST: who may see them and have them read again, and what stops that."""

from __future__ import annotations

from typing import Any

from onefile_sync.models import OneFileSettings, RunKind, SyncRun

LINKS = "/api/onefile/qualification-links/"
REFRESH = f"{LINKS}refresh/"


def test_they_need_a_permission(staff: Any, browser: Any) -> None:
    assert browser(staff("link_records")).get(LINKS).status_code == 403
    assert browser(staff("refresh_links")).get(LINKS).status_code == 200


def test_a_refresh_queues_a_run(staff: Any, browser: Any) -> None:
    answer = browser(staff("refresh_links")).post(REFRESH)
    assert answer.status_code == 202
    assert SyncRun.objects.get().kind == RunKind.LINKS


def test_while_paused_nothing_is_queued(staff: Any, browser: Any) -> None:
    OneFileSettings.objects.update(paused=True)
    answer = browser(staff("refresh_links")).post(REFRESH)
    assert (answer.status_code, answer.json()["code"]) == (409, "paused")
    assert not SyncRun.objects.exists()
