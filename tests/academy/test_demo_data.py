"""The sandbox's provider in a PICSWeb of another layout: filled by the loop that the documentation shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.management import call_command

from onefile_sync.sandbox.server import SandboxServer
from tests.docs.pages import block

from .models import Apprentice, Award, Coach, Sitting


def fill(file: Path) -> None:
    shown: dict[str, Any] = {"Coach": Coach, "Apprentice": Apprentice, "Award": Award, "Sitting": Sitting}
    exec(block("sandbox.md", "export loop"), shown)  # noqa: S102 - our own page
    shown["fill"](file)


def everybody(onefile: SandboxServer, role: int) -> dict[int, str]:
    """MIS Values by OneFile ID, read page by page through the API."""
    with requests.Session() as http:
        token = {"X-CustomerToken": onefile.customer_token}
        http.headers["X-TokenID"] = http.post(f"{onefile.url}/Authentication", headers=token, timeout=5).text
        found: dict[int, str] = {}
        page = 1
        while items := http.post(
            f"{onefile.url}/User/Search/{page}/20", json={"Role": role}, timeout=5
        ).content:
            found |= {item["ID"]: item["MISID"] for item in json.loads(items)}
            page += 1
    return found


@pytest.mark.django_db
def test_everybody_of_the_export_is_in_onefile_under_their_id(
    host: Any, make_onefile_sandbox: Callable[..., SandboxServer], tmp_path: Path
) -> None:
    file = tmp_path / "provider.json"
    call_command("onefile_sandbox", "--export", str(file), "--learners=40", "--two-centres", verbosity=0)
    fill(file)
    onefile = make_onefile_sandbox(learners=40, two_centres=True)
    learners, assessors = everybody(onefile, 1), everybody(onefile, 5)

    linked = Apprentice.objects.exclude(onefile_id=None)
    assert len(linked) > 45
    assert {each.onefile_id: each.ident for each in linked}.items() <= learners.items()
    not_in_onefile = Apprentice.objects.filter(onefile_id=None)
    assert not {each.ident for each in not_in_onefile} & set(learners.values())
    coaches = Coach.objects.exclude(onefile_id=None)
    assert {coach.onefile_id for coach in coaches} < assessors.keys()
    known = {award.onefile_id for award in Award.objects.exclude(onefile_id=None)}
    assert len(known - onefile.world.aims.keys()) <= 2, "some were deleted in OneFile"
    held = Sitting.objects.exclude(onefile_id=None)
    assert {sitting.onefile_id for sitting in held} <= onefile.world.reviews.keys()


@pytest.mark.django_db
def test_an_unlinked_export_has_no_onefile_ids(host: Any, tmp_path: Path) -> None:
    file = tmp_path / "provider.json"
    call_command("onefile_sandbox", "--export", str(file), "--learners=8", "--unlinked", verbosity=0)
    fill(file)
    assert Apprentice.objects.count() == 8
    for model in (Apprentice, Award, Coach, Sitting):
        assert not model._default_manager.exclude(onefile_id=None).exists()
