"""Unmatched: what stands on one side only, with the reason, as the kept lists and PICSWeb's rows say."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from onefile_sync import services
from onefile_sync.linking import directory, linker
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import DirectoryKind, LinkMethod
from onefile_sync.reporting import unmatched
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from onefile_sync.sync import daily
from tests.conftest import dont_wait
from tests.factories import Host

pytestmark = pytest.mark.parametrize("host", ["picsweb"], indirect=True)


@pytest.fixture
def read(onefile: SandboxServer) -> Callable[[], None]:
    def perform() -> None:
        daily.perform(directory.start_reading(DirectoryKind, queued=False), sleep=dont_wait)

    return perform


def lines(code: str, among: Any = None) -> dict[str, str]:
    """The names in a section, without a learner's Ident, with the reason."""
    [section] = [each for each in services.unmatched(among).sections if each.code == code]
    return {re.sub(r" \(L\d+\)$", "", str(line.name)): str(line.why) for line in section.lines}


def test_a_side_without_counterpart_is_listed(host: Host, world: World, read: Any) -> None:
    user, person, assessor = world.add_learner(), world.add_learner(), world.add_assessor()
    officer = host.officer(first_name="Gwen", surname="Price", onefile_id=assessor.id)
    other = host.officer(first_name="Tom", surname="Ash", onefile_id=None)
    host.officer(first_name="Nobody", surname="Uses", onefile_id=None)
    host.learner(onefile_id=user.id, main_officer=officer)
    host.learner(onefile_id=None, main_officer=other, first_name="Ann", surname="Ash")
    host.learner(onefile_id=None, first_name="Has", surname="Ended", in_learning=False)
    host.organisation(name="Hallam", onefile_id=None)
    placement = world.add_placement(name="Abbey Care")
    host.organisation(name="Linked", onefile_id=placement.id)
    unused = world.add_placement(name="Unused")
    world.add_assessor(first_name="New", last_name="Assessor")
    world.add_standard(title="Used", code="196AS")
    world.add_standard(title="Unused standard", code="9/9")
    host.qualification(host.learner(onefile_id=777), reference="196 as", onefile_id=5)
    read()

    assert lines("learners") == {"Ann Ash": "Not linked"}
    assert lines("officers") == {"Tom Ash": "Not linked"}
    assert lines("organisations") == {"Hallam": "Not linked"}
    found = {each.code: each for each in services.unmatched().sections}
    assert {line.onefile_id for line in found["onefile_learners"].lines} == {person.id}
    assert [line.name for line in found["assessors"].lines] == ["New Assessor"]
    assert [(line.name, line.onefile_id) for line in found["placements"].lines] == [("Unused", unused.id)]
    assert [line.value for line in found["codes"].lines] == ["9/9"]
    assert all(each.read_at for each in found.values() if each.needs_list)


def test_archived_and_gone_ones_are_left_out(host: Host, world: World, read: Any, settings: Any) -> None:
    gone = world.add_placement(name="Gone")
    world.add_placement(name="Inactive", active=False)
    read()
    del world.placements[gone.id]
    read()
    archived = present_tenant().entries.filter(name="Inactive").get()
    assert lines("placements") == ({} if archived.archived else {"Inactive": ""})
    present_tenant().entries.filter(name="Inactive").update(archived=True)
    assert lines("placements") == {}


def test_an_officer_with_links_on_record_is_linked(host: Host, world: World, read: Any) -> None:
    user = world.add_assessor()
    officer = host.officer(first_name="Tom", surname="Ash", onefile_id=None)
    host.learner(main_officer=officer)
    read()
    assert lines("officers") == {"Tom Ash": "Not linked"}
    linker.link(
        "officer",
        str(officer.pk),
        user.id,
        tenant=present_tenant(),
        how=LinkMethod.LOOKED_UP,
        centre_id=world.centre_id,
        in_row=False,
    )
    assert lines("officers") == {}
    assert lines("assessors") == {}


class TestQualifications:
    @pytest.mark.parametrize(
        ("reference", "reason"),
        [
            ("", "No VQ Reference"),
            ("[ ]", "No VQ Reference"),
            ("600/1234/5", "Not in OneFile's list of standards"),
            ("196 as", "Not paired with a learning aim"),
            ("215AS", "Several pathways in OneFile: choose one"),
            ("310", "Not in OneFile's list of standards"),
        ],
    )
    def test_each_has_its_reason(
        self, host: Host, world: World, read: Any, reference: str, reason: str
    ) -> None:
        coast = world.add_centre(name="Coast")
        world.add_standard(title="A", code="196AS")
        world.add_standard(title="B", code="215AS")
        world.add_standard(title="C", code="215AS")
        world.add_standard(title="D", code="310", organisation_ids=(coast.id,))
        learner = host.learner(onefile_id=1250001, centre_id=world.centre_id)
        host.qualification(learner, reference=reference, title="Care", onefile_id=None)
        host.qualification(learner, reference=reference, title="Linked", onefile_id=9)
        host.qualification(host.learner(onefile_id=None), reference=reference, onefile_id=None)
        read()
        assert list(lines("qualifications").values()) == [reason]

    def test_without_a_list_nothing_is_said_to_be_missing(self, host: Host, onefile: SandboxServer) -> None:
        host.qualification(host.learner(), reference="196AS", onefile_id=None)
        assert list(lines("qualifications").values()) == ["OneFile's list of standards has not been read"]


def test_reviews_that_wait_are_named_by_learner(host: Host, onefile: SandboxServer) -> None:
    learner = host.learner(onefile_id=None, first_name="Ann", surname="Ash")
    linker.link(
        "learner",
        str(learner.pk),
        1250001,
        tenant=present_tenant(),
        how=LinkMethod.CHECKED,
        reviews_pending=True,
    )
    assert lines("reviews") == {"Ann Ash": "The reviews of both sides have not been paired"}
    assert lines("reviews", among=set()) == {}


@pytest.mark.parametrize(
    ("switches", "shown"),
    [
        (Switches(rate_limit=0, archived_users="listed"), 2),
        (Switches(rate_limit=0, archived_users="hidden"), 0),
        (Switches(rate_limit=0, archived_users="other role"), 0),
        (Switches(rate_limit=0, mis_values="dropped"), 0),
    ],
    ids=["listed", "hidden", "other role", "dropped"],
)
def test_mis_values_that_stand_twice_name_everybody(host: Host, world: World, read: Any, shown: int) -> None:
    host.officer(first_name="Gwen", surname="Price", ident="17")
    world.add_assessor(first_name="Old", last_name="Gwen", misid="17", archived=True)
    world.add_assessor(first_name="New", last_name="Gwen", misid=" 17")
    read()
    found = lines("duplicates")
    assert len(found) == shown
    if shown:
        assert found["New Gwen"].endswith("Cannot be told apart: Gwen Price.")


def test_restricted_staff_see_only_their_learners(host: Host, world: World, read: Any) -> None:
    world.add_learner()
    mine = host.learner(onefile_id=None, first_name="Mine", surname="Ash")
    host.learner(onefile_id=None, first_name="Hidden", surname="Ash")
    linked = host.learner(onefile_id=5)
    host.qualification(linked, reference="", onefile_id=None)
    read()
    found = services.unmatched({str(mine.pk)})
    assert not found.sees_everyone
    assert lines("learners", {str(mine.pk)}) == {"Mine Ash": "Not linked"}
    assert lines("qualifications", {str(mine.pk)}) == {}
    assert "onefile_learners" not in {each.code for each in found.sections}


def test_without_a_onefile_picswebs_side_is_told(host: Host) -> None:
    host.learner(onefile_id=None, first_name="Ann", surname="Ash")
    assert lines("learners") == {"Ann Ash": "Not linked"}
    assert {each.side for each in services.unmatched().sections} == {"picsweb"}


def test_without_references_in_picsweb_a_qualification_is_just_not_paired(
    host: Host, world: World, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.qualification(host.learner(onefile_id=777), reference="196AS", onefile_id=None)
    read()
    before = set(lines("qualifications").values())
    monkeypatch.setattr(unmatched.host, "knows_references", lambda: False)
    assert set(lines("qualifications").values()) == {str(unmatched.NOT_PAIRED)} != before
