"""OneFile's kept list beside one officer or organisation: who matches, who is free, and what Save and Unlink do."""

from __future__ import annotations

from typing import Any

import pytest

from onefile_sync import services
from onefile_sync.linking import linker
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import DirectoryKind, LinkMethod, OneFileSettings, RecordLink
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from onefile_sync.sync.eligibility import Refused
from tests.factories import Host

from .conftest import Read

pytestmark = pytest.mark.matrix

ASSESSOR, PLACEMENT = DirectoryKind.ASSESSOR, DirectoryKind.PLACEMENT

#: Lists in which users have an e-mail.
RICH = pytest.mark.parametrize("switches", [Switches(rate_limit=0, items="rich")], ids=["rich"])


def names(found: services.LookUp) -> list[str]:
    return [each.entry.name for each in found.suggestions]


def refused(row: Any, onefile_id: int) -> str:
    with pytest.raises(services.LinkRefused) as caught:
        services.link_record(row, onefile_id)
    assert caught.value.reason.endswith(".")
    return caught.value.code


class TestTheList:
    @RICH
    def test_the_best_matches_come_first_and_say_why(self, host: Host, world: World, read: Read) -> None:
        gwen = host.officer(first_name="Gwen", surname="Price", ident="17", email="gwen@example.org")
        world.add_assessor(first_name="Aled", last_name="Ash")
        world.add_assessor(first_name="Gwen", last_name="Price", email="another@example.org")
        world.add_assessor(first_name="G.", last_name="Price", misid="17", email="gwen@example.org")
        read(ASSESSOR)
        found = services.link_suggestions(gwen)
        assert names(found)[0] == "G. Price"
        best = found.suggestions[0].pair
        assert best is not None
        assert best.evidence == ("mis", "email", "surname")

    def test_organisations_are_matched_by_name(self, host: Host, world: World, read: Read) -> None:
        hallam = host.organisation(name="Hallam Engineering")
        world.add_placement(name="Abbey Care")
        world.add_placement(name="Hallam Engineering Ltd")
        read(PLACEMENT)
        found = services.link_suggestions(hallam)
        assert names(found) == ["Hallam Engineering Ltd", "Abbey Care"]
        pairs = [each.pair for each in found.suggestions]
        assert pairs[0] is not None
        assert pairs[0].evidence == ("core",)
        assert pairs[1] is None

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("sian", ["Siân Price"]),
            ("PRICE siân", ["Siân Price"]),
            ("s 17", ["Siân Price"]),
            ("siân ash", []),
            ("", ["Tom Ash", "Siân Price"]),
            ("%", []),
            ("  ", ["Tom Ash", "Siân Price"]),
        ],
        ids=["accents", "order", "mis", "none", "blank", "wildcard", "spaces"],
    )
    def test_each_word_is_searched(
        self, host: Host, world: World, read: Read, query: str, expected: list[str]
    ) -> None:
        officer = host.officer(first_name="Zoltán", surname="Quirke")
        world.add_assessor(first_name="Siân", last_name="Price", misid="S 17")
        tom = world.add_assessor(first_name="Tom", last_name="Ash")
        read(ASSESSOR)
        assert sorted(names(services.link_suggestions(officer, query))) == sorted(expected)
        assert names(services.link_suggestions(officer, str(tom.id))) == ["Tom Ash"]

    def test_records_that_are_gone_are_left_out(self, host: Host, world: World, read: Read) -> None:
        gone = world.add_assessor(first_name="Tom", last_name="Ash")
        read(ASSESSOR)
        del world.users[gone.id]
        read(ASSESSOR)
        officer = host.officer(first_name="Tom", surname="Ash")
        assert names(services.link_suggestions(officer)) == []
        assert refused(officer, gone.id) == "link_not_listed"

    def test_without_a_list_it_says_so(self, host: Host, onefile: SandboxServer) -> None:
        found = services.link_suggestions(host.officer(first_name="Tom", surname="Ash"))
        assert (found.read_at, found.suggestions, found.run) == (None, (), None)

    def test_without_a_onefile_there_is_nothing(self, host: Host) -> None:
        officer = host.officer(first_name="Tom", surname="Ash")
        assert services.link_suggestions(officer) == services.LookUp()
        with pytest.raises(Refused):
            services.link_record(officer, 1)

    def test_it_makes_as_many_queries_for_many(
        self, host: Host, world: World, read: Read, django_assert_num_queries: Any
    ) -> None:
        officer = host.officer(first_name="Tom", surname="Ash")
        world.add_assessor()
        read(ASSESSOR)
        with django_assert_num_queries(12, exact=False):
            services.link_suggestions(officer)
        for number in range(20):
            world.add_assessor()
            host.officer(first_name="Ann", surname=f"Ash {number}", onefile_id=9000 + number)
        read(ASSESSOR)
        with django_assert_num_queries(12, exact=False):
            services.link_suggestions(officer)


class TestSaveAndUnlink:
    def test_the_id_is_written_and_put_on_record(self, host: Host, world: World, read: Read) -> None:
        officer = host.officer(first_name="Gwen", surname="Price", onefile_id=None)
        user = world.add_assessor(first_name="Gwen", last_name="Price")
        read(ASSESSOR)
        services.link_record(officer, user.id)
        officer.refresh_from_db()
        assert officer.onefile_id == user.id
        made = RecordLink.objects.get()
        assert (made.how, made.centre_id, made.in_row, made.evidence) == (
            LinkMethod.LOOKED_UP,
            world.centre_id,
            True,
            ["surname", "first"],
        )
        services.unlink_record(officer, user.id)
        officer.refresh_from_db()
        made.refresh_from_db()
        assert (officer.onefile_id, made.ending) == (None, "unlinked")

    def test_an_id_that_was_typed_can_be_unlinked(self, host: Host, world: World, read: Read) -> None:
        officer = host.officer(first_name="Gwen", surname="Price", onefile_id=77)
        read(ASSESSOR)
        assert [each.onefile_id for each in services.link_suggestions(officer).links] == [77]
        services.unlink_record(officer, 77)
        assert services.link_suggestions(officer).links == ()
        with pytest.raises(services.LinkRefused) as caught:
            services.unlink_record(officer, 77)
        assert caught.value.code == "link_changed"

    @pytest.mark.parametrize("in_row", [True, False], ids=["in the row", "on record"])
    def test_an_id_that_somebody_has_is_refused(
        self, host: Host, world: World, read: Read, in_row: bool
    ) -> None:
        user = world.add_assessor()
        read(ASSESSOR)
        other = host.officer(first_name="Ann", surname="Ash", onefile_id=user.id if in_row else None)
        if not in_row:
            linker.link(
                "officer",
                str(other.pk),
                user.id,
                tenant=present_tenant(),
                how=LinkMethod.MIS_VALUE,
                in_row=False,
            )
        officer = host.officer(first_name="Gwen", surname="Price", onefile_id=None)
        [suggestion] = services.link_suggestions(officer).suggestions
        assert (suggestion.linked_to, suggestion.is_free) == (str(other.pk), False)
        assert refused(officer, user.id) == "link_taken"

    def test_one_centre_has_one(self, host: Host, world: World, read: Read) -> None:
        first, second = world.add_assessor(), world.add_assessor()
        officer = host.officer(first_name="Gwen", surname="Price", onefile_id=first.id)
        read(ASSESSOR)
        assert not any(each.is_free for each in services.link_suggestions(officer).suggestions)
        assert refused(officer, second.id) == "link_exists"

    def test_each_of_several_centres_has_one(self, host: Host, world: World, read: Read) -> None:
        coast = world.add_centre(name="Coast")
        here, there = world.add_assessor(), world.add_assessor(organisation_id=coast.id)
        twin = world.add_assessor(organisation_id=coast.id)
        read(ASSESSOR)
        officer = host.officer(first_name="Gwen", surname="Price", onefile_id=None)
        services.link_record(officer, here.id)
        services.link_record(officer, there.id)
        assert refused(officer, twin.id) == "link_exists"
        links = services.link_suggestions(officer).links
        assert [(each.onefile_id, each.centre) for each in links] == [
            (here.id, world.centres[world.centre_id].name),
            (there.id, "Coast"),
        ]
        officer.refresh_from_db()
        assert officer.onefile_id == here.id

        services.unlink_record(officer, here.id)
        officer.refresh_from_db()
        assert officer.onefile_id is None
        assert [each.onefile_id for each in services.link_suggestions(officer).links] == [there.id]
        services.unlink_record(officer, there.id)
        assert not RecordLink.objects.filter(ended_at=None).exists()
        services.link_record(officer, twin.id)
        officer.refresh_from_db()
        assert officer.onefile_id == twin.id

    def test_nothing_is_linked_while_links_are_moved(self, host: Host, world: World, read: Read) -> None:
        user = world.add_assessor()
        read(ASSESSOR)
        OneFileSettings.objects.update(moving_to=present_tenant())
        officer = host.officer(first_name="Gwen", surname="Price", onefile_id=None)
        assert refused(officer, user.id) == "link_elsewhere"


def test_how_officers_are_matched_is_told(onefile: SandboxServer, configure: Any) -> None:
    assert services.matching_by(OneFileSettings.load()) == (False, 0)
    tenant = present_tenant()
    tenant.centres = 2
    tenant.save()
    configure(linked_tenant=tenant)
    assert services.matching_by(OneFileSettings.load()) == (True, 2)


def test_for_a_row_that_was_deleted_meanwhile_nothing_is_found(host: Host, world: World, read: Read) -> None:
    gwen = host.officer(first_name="Gwen", surname="Price", onefile_id=None)
    world.add_assessor(first_name="Gwen", last_name="Price")
    read(ASSESSOR)
    assert names(services.link_suggestions(gwen)) == ["Gwen Price"]
    type(gwen).objects.filter(pk=gwen.pk).delete()
    assert services.link_suggestions(gwen) == services.LookUp()
