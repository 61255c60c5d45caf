"""Officers and organisations are linked by MIS Value where it stands once on each side, and by nothing less."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType

from onefile_sync.linking import linker, mis_values
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import (
    DirectoryKind,
    LinkEnding,
    LinkMethod,
    MatchBy,
    MatchSuggestion,
    RecordLink,
    SubjectKind,
)
from onefile_sync.sandbox.entities import TRAINEE_ASSESSOR, SandboxCentre, SandboxUser
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from tests.factories import Host

from .conftest import Read

ASSESSOR, PLACEMENT = DirectoryKind.ASSESSOR, DirectoryKind.PLACEMENT

pytestmark = pytest.mark.parametrize("host", ["picsweb"], indirect=True)


@pytest.fixture
def coast(world: World) -> SandboxCentre:
    """The customer's second centre."""
    return world.add_centre(name="Coast")


@pytest.fixture
def gwen(host: Host) -> Any:
    return host.officer(first_name="Gwen", surname="Price", ident="off 17")


def in_both(world: World, coast: SandboxCentre, misid: str = "OFF17") -> tuple[SandboxUser, SandboxUser]:
    """The same assessor as a user of each centre."""
    return world.add_assessor(misid=misid), world.add_assessor(misid=misid, organisation_id=coast.id)


def links(row: Any) -> dict[int, int]:
    """The OneFile IDs on record for a row, by centre."""
    found = RecordLink.objects.filter(subject_pk=str(row.pk), ended_at=None)
    return dict(found.values_list("centre_id", "onefile_id"))


def onefile_id(row: Any) -> int | None:
    row.refresh_from_db()
    held: int | None = row.onefile_id
    return held


class TestSeveralCentres:
    def test_a_person_has_a_user_in_each_and_the_record_stays(
        self, world: World, coast: SandboxCentre, gwen: Any, read: Read
    ) -> None:
        here, there = in_both(world, coast)
        read(ASSESSOR)
        assert links(gwen) == {world.centre_id: here.id, coast.id: there.id}
        assert onefile_id(gwen) is None
        made = RecordLink.objects.first()
        assert made is not None
        assert (made.how, made.evidence, made.in_row) == (LinkMethod.MIS_VALUE, ["mis"], False)

        read(ASSESSOR)
        assert RecordLink.objects.count() == 2, "a second reading links nothing twice"

    def test_the_id_on_the_record_counts_for_its_own_centre(
        self, world: World, coast: SandboxCentre, gwen: Any, read: Read
    ) -> None:
        own, there = in_both(world, coast)
        other = world.add_assessor()
        type(gwen).objects.update(onefile_id=other.id)
        read(ASSESSOR)
        assert links(gwen) == {coast.id: there.id}, f"{own.id} and {other.id} are of one centre"
        assert onefile_id(gwen) == other.id

    def test_organisations_are_linked_to_placements(
        self, host: Host, world: World, coast: SandboxCentre, read: Read
    ) -> None:
        hallam = host.organisation(ident="ORG1", name="Hallam")
        placement = world.add_placement(name="Hallam Ltd", misid="org1", organisation_id=coast.id)
        read(PLACEMENT)
        assert links(hallam) == {coast.id: placement.id}

    def test_settings_may_say_onefile_id(
        self, world: World, coast: SandboxCentre, gwen: Any, read: Read, configure: Any
    ) -> None:
        in_both(world, coast)
        configure(match_by=MatchBy.ONEFILE_ID)
        read(ASSESSOR)
        assert links(gwen) == {}


class TestOneCentre:
    def test_nothing_is_linked_automatically(self, world: World, gwen: Any, read: Read) -> None:
        world.add_assessor(misid="OFF17")
        read(ASSESSOR)
        assert (links(gwen), onefile_id(gwen)) == ({}, None)

    @pytest.mark.parametrize("before", [None, 77], ids=["blank", "typed"])
    def test_by_mis_value_only_a_blank_id_is_written(
        self, world: World, gwen: Any, read: Read, configure: Any, before: int | None
    ) -> None:
        user = world.add_assessor(misid="OFF17")
        type(gwen).objects.update(onefile_id=before)
        configure(match_by=MatchBy.MIS_VALUE)
        read(ASSESSOR)
        assert onefile_id(gwen) == (before or user.id)
        assert links(gwen) == ({} if before else {world.centre_id: user.id})


class TestWhatIsNotUnique:
    def test_two_users_of_one_centre(self, world: World, coast: SandboxCentre, gwen: Any, read: Read) -> None:
        in_both(world, coast)
        twin = world.add_assessor(misid="O F F 17", role=TRAINEE_ASSESSOR)
        read(ASSESSOR)
        assert set(links(gwen)) == {coast.id}
        [shared] = mis_values.shared_mis_values(present_tenant())
        assert (shared.kind, shared.centre_id, shared.stopped) == (
            SubjectKind.OFFICER,
            world.centre_id,
            (str(gwen.pk),),
        )
        assert twin.id in {entry.onefile_id for entry in shared.entries}

    def test_two_officers(
        self, host: Host, world: World, coast: SandboxCentre, gwen: Any, read: Read
    ) -> None:
        host.officer(ident="OFF17")
        in_both(world, coast)
        read(ASSESSOR)
        assert not RecordLink.objects.exists()

    @pytest.mark.parametrize(
        ("switches", "linked"),
        [
            (Switches(rate_limit=0, archived_users="listed"), False),
            (Switches(rate_limit=0, archived_users="hidden"), True),
            (Switches(rate_limit=0, archived_users="other role"), True),
        ],
        ids=["listed", "hidden", "other role"],
    )
    def test_an_archived_user_counts_where_onefile_shows_it(
        self, world: World, coast: SandboxCentre, gwen: Any, read: Read, linked: bool
    ) -> None:
        user = world.add_assessor(misid="OFF17")
        world.add_assessor(misid="OFF17", archived=True)
        read(ASSESSOR)
        assert links(gwen) == ({world.centre_id: user.id} if linked else {})
        assert len(mis_values.shared_mis_values(present_tenant())) == (0 if linked else 1)

    @pytest.mark.parametrize("switches", [Switches(rate_limit=0, mis_values="dropped")], ids=["dropped"])
    def test_without_mis_values_nothing_is_linked(
        self, world: World, coast: SandboxCentre, gwen: Any, read: Read
    ) -> None:
        in_both(world, coast)
        read(ASSESSOR)
        assert not RecordLink.objects.exists()

    def test_signs_alone_are_no_mis_value(
        self, host: Host, world: World, coast: SandboxCentre, read: Read
    ) -> None:
        hallam = host.organisation(ident=" ", name="Hallam")
        world.add_placement(name="Hallam", misid=" ", organisation_id=coast.id)
        officer = host.officer(ident=" ")
        world.add_assessor(misid=" ")
        read(PLACEMENT, ASSESSOR)
        assert (links(hallam), links(officer)) == ({}, {})


class TestWhatPICSWebDoesNotTake:
    def test_is_logged_and_stays_blank(
        self, world: World, gwen: Any, read: Read, configure: Any, monkeypatch: Any, caplog: Any
    ) -> None:
        def refuses(kind: str, pk: str, *_given: Any) -> Any:
            raise linker.host.Rejected(kind, pk)

        world.add_assessor(misid="OFF17")
        configure(match_by=MatchBy.MIS_VALUE)
        monkeypatch.setattr(linker.host, "save_fields", refuses)
        assert read(ASSESSOR).failure == ""
        assert onefile_id(gwen) is None
        assert "not_linked_by_mis_value" in caplog.text


class TestWhoDecided:
    def test_what_a_person_unlinked_is_not_linked_again(
        self, world: World, coast: SandboxCentre, gwen: Any, read: Read
    ) -> None:
        here, there = in_both(world, coast)
        read(ASSESSOR)
        assert linker.end_further(RecordLink.objects.get(onefile_id=there.id))
        read(ASSESSOR)
        assert links(gwen) == {world.centre_id: here.id}
        assert not linker.end_further(RecordLink.objects.get(onefile_id=there.id)), "it had ended"

    def test_what_a_person_called_not_the_same_is_not_linked(
        self, world: World, coast: SandboxCentre, gwen: Any, read: Read
    ) -> None:
        here, there = in_both(world, coast)
        MatchSuggestion.objects.create(
            tenant=present_tenant(),
            subject_kind=SubjectKind.OFFICER,
            subject_type=ContentType.objects.get_for_model(gwen),
            subject_pk=str(gwen.pk),
            onefile_id=there.id,
            state="not_same",
        )
        read(ASSESSOR)
        assert links(gwen) == {world.centre_id: here.id}

    def test_another_link_of_the_centre_stays(
        self, world: World, coast: SandboxCentre, gwen: Any, read: Read
    ) -> None:
        in_both(world, coast)
        chosen = world.add_assessor(organisation_id=coast.id)
        linker.link(
            "officer",
            str(gwen.pk),
            chosen.id,
            tenant=present_tenant(),
            how=LinkMethod.LOOKED_UP,
            centre_id=coast.id,
            in_row=False,
        )
        read(ASSESSOR)
        assert links(gwen)[coast.id] == chosen.id

    def test_who_belongs_to_somebody_else_is_left_alone(
        self, host: Host, world: World, coast: SandboxCentre, gwen: Any, read: Read
    ) -> None:
        here, there = in_both(world, coast)
        host.officer(onefile_id=there.id)
        read(ASSESSOR)
        assert links(gwen) == {world.centre_id: here.id}


class TestContradictions:
    @pytest.mark.parametrize("change", ["value", "twin", "gone", "ident"])
    def test_a_link_ends_that_the_lists_contradict(
        self, world: World, coast: SandboxCentre, gwen: Any, read: Read, change: str
    ) -> None:
        here, there = in_both(world, coast)
        read(ASSESSOR)
        if change == "value":
            there.misid = "OFF18"
        elif change == "twin":
            world.add_assessor(misid="OFF17", organisation_id=coast.id)
        elif change == "gone":
            del world.users[there.id]
        else:
            type(gwen).objects.update(ident="OFF99")
        read(ASSESSOR)
        assert links(gwen) == ({} if change == "ident" else {world.centre_id: here.id})
        assert RecordLink.objects.get(onefile_id=there.id).ending == LinkEnding.REPLACED

    def test_a_link_follows_the_mis_value_to_another_user(
        self, world: World, coast: SandboxCentre, gwen: Any, read: Read
    ) -> None:
        _here, there = in_both(world, coast)
        read(ASSESSOR)
        there.misid = "OLD17"
        new = world.add_assessor(misid="OFF17", organisation_id=coast.id)
        read(ASSESSOR)
        assert links(gwen)[coast.id] == new.id

    def test_mis_values_that_are_no_longer_shown_contradict_nothing(
        self, world: World, coast: SandboxCentre, gwen: Any, read: Read
    ) -> None:
        users = in_both(world, coast)
        read(ASSESSOR)
        for user in users:
            user.misid = ""
        read(ASSESSOR)
        assert len(links(gwen)) == 2

    def test_a_list_that_was_not_read_to_its_end_decides_nothing(
        self, world: World, coast: SandboxCentre, gwen: Any, read: Read, onefile: SandboxServer
    ) -> None:
        _here, there = in_both(world, coast)
        onefile.faults.append(Fault(operation="User/Search", kind="status", status=400))
        read(ASSESSOR)
        assert len(links(gwen)) == 1, "one of the two centres was read"
        onefile.faults.clear()
        read(ASSESSOR)
        del world.users[there.id]
        onefile.faults.append(Fault(operation="User/Search", kind="status", status=400, times=9))
        read(ASSESSOR)
        assert len(links(gwen)) == 2


def test_it_goes_on_where_it_stopped(
    host: Host, world: World, coast: SandboxCentre, read: Read, monkeypatch: Any
) -> None:
    for number in range(3):
        world.add_assessor(misid=f"m{number}")
    run = read(ASSESSOR)
    for number in range(3):
        host.officer(ident=f"M{number}")
    monkeypatch.setattr(mis_values, "_IN_A_ROW", 1)
    assert not mis_values.link_by_mis_value(run, lambda: True)
    assert RecordLink.objects.count() == 1
    assert mis_values.link_by_mis_value(run, lambda: False)
    assert RecordLink.objects.count() == 3
