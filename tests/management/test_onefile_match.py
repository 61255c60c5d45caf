"""The command that matches: what it prints, how it ends, and that it links only what somebody has looked at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from onefile_sync import services
from onefile_sync.models import MatchSuggestion, OneFileSettings, RecordLink, SyncRun
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from tests.factories import OrganisationFactory
from tests.linking.provider import on_both_sides, provider_with_mistakes
from tests.run_fixtures import Manage

pytestmark = pytest.mark.parametrize("host", ["picsweb"], indirect=True)


@pytest.fixture
def provider(world: World, onefile: SandboxServer) -> None:
    on_both_sides(world, provider_with_mistakes(12))


@pytest.mark.usefixtures("provider")
def test_it_says_what_was_found_and_links_nothing(manage: Manage) -> None:
    said = manage("onefile_match")
    assert said.code == 1, "pairs are waiting"
    assert "Finished. What was found is listed by confidence." in said.out
    assert " certain" in said.out
    assert not RecordLink.objects.exists()


@pytest.mark.usefixtures("provider")
def test_json_csv_and_kinds(manage: Manage, tmp_path: Path) -> None:
    file = tmp_path / "found.csv"
    said = manage("onefile_match", "--json", "--kinds", "officer", "--csv", str(file))
    told = json.loads(said.out)
    assert list(told["found"]) == ["officer"]
    assert told["found"]["officer"]["certain"] == MatchSuggestion.objects.filter(level="certain").count()
    assert abs(told["expected_calls"] - told["api_calls"]) <= 1
    assert told["linking"] is None
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("\ufeffType,PICSWeb")
    assert len(lines) > MatchSuggestion.objects.count()


@pytest.mark.usefixtures("provider")
def test_certain_pairs_are_linked_only_if_somebody_has_looked(manage: Manage) -> None:
    refused = manage("onefile_match", "--link-certain")
    assert (refused.code, SyncRun.objects.count()) == (2, 0)
    told = json.loads(manage("onefile_match", "--json", "--link-certain", "--i-have-looked").out)
    assert told["linking"]["linked"] == RecordLink.objects.filter(how="matched").count() > 10
    assert told["linking"]["not_linked"] == 0
    assert not any(counts.get("certain") for counts in told["found"].values())


@pytest.mark.usefixtures("provider")
def test_it_cannot_run(manage: Manage) -> None:
    run = services.read_lists()
    assert manage("onefile_match").code == 2
    run.delete()
    OneFileSettings.objects.update(enabled=False)
    assert manage("onefile_match").code == 2


def test_it_ends_well_once_everything_is_linked(world: World, onefile: SandboxServer, manage: Manage) -> None:
    world.add_placement(name="Hallam Engineering", misid="9")
    OrganisationFactory(name="Hallam Engineering", ident="9", onefile_id=None)
    said = manage("onefile_match", "--kinds", "organisation", "--link-certain", "--i-have-looked")
    assert said.code == 0
    assert "nothing is waiting" in said.out
    assert said.out.count(" calls.") == 2, "of matching and of linking"
    assert RecordLink.objects.get().subject_kind == "organisation"
