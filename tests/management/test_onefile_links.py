"""The command about VQ References: what it prints, and how it ends."""

from __future__ import annotations

import json

import pytest

from onefile_sync.models import RunState, SyncRun
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from tests.factories import Host
from tests.run_fixtures import Manage

pytestmark = pytest.mark.parametrize("host", ["picsweb"], indirect=True)


def test_without_a_list_it_says_so(host: Host, onefile: SandboxServer, manage: Manage) -> None:
    said = manage("onefile_links")
    assert (said.code, said.out.strip()) == (1, "OneFile's list of standards has not been read yet.")
    assert not SyncRun.objects.exists()


def test_it_reads_the_standards_and_names_what_is_missing(
    host: Host, world: World, onefile: SandboxServer, manage: Manage
) -> None:
    world.add_standard(title="Business Administrator", code="196AS")
    learner = host.learner()
    host.qualification(learner, reference="196AS")
    host.qualification(learner, reference="196AX")
    said = manage("onefile_links", "--refresh")
    assert said.code == 1
    assert "Finished: 2 of 2 lists were read." in said.out
    assert "196AX: 1 without a standard; near: Business Administrator [196AS]" in said.out


def test_json_and_the_end_if_nothing_is_missing(
    host: Host, world: World, onefile: SandboxServer, manage: Manage
) -> None:
    world.add_standard()
    host.qualification(host.learner(), reference="196as")
    said = manage("onefile_links", "--refresh", "--json")
    told = json.loads(said.out)
    assert (said.code, told["standards"], told["without_standard"]) == (0, 1, [])
    assert (told["run"]["state"], told["run"]["lists_not_read"]) == (RunState.FINISHED, 0)


def test_a_list_that_cannot_be_read(host: Host, world: World, onefile: SandboxServer, manage: Manage) -> None:
    onefile.faults.append(Fault(operation="Standard/Search", kind="status", status=400))
    said = manage("onefile_links", "--refresh", "--json")
    assert (said.code, json.loads(said.out)["run"]["lists_not_read"]) == (1, 1)


def test_it_is_refused_while_paused(host: Host, onefile: SandboxServer, configure, manage: Manage) -> None:
    configure(paused=True)
    said = manage("onefile_links", "--refresh")
    assert said.code == 2
    assert "The OneFile integration is paused." in said.err


def test_pathways_and_standards_that_are_gone_are_named(
    host: Host, world: World, onefile: SandboxServer, manage: Manage
) -> None:
    learner = host.learner()
    host.qualification(learner, reference="103")
    host.qualification(learner, reference="215AS", onefile_id=9)
    for pathway in ("Retail", "Care"):
        world.add_standard(title=f"Team Leader: {pathway}", code="103")
    goes = world.add_standard(title="Adult Care Worker", code="215AS")
    manage("onefile_links", "--refresh")
    del world.standards[goes.id]
    said = manage("onefile_links", "--refresh")
    assert "  103: 2 pathways" in said.out
    assert "no longer in OneFile; 1 linked" in said.out
