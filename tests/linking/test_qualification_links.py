"""VQ References find their standards by code, however it is written; what nearly fits is named, not linked."""

from __future__ import annotations

from typing import Any

import pytest

from onefile_sync.linking import qualification_links
from onefile_sync.linking.qualification_links import (
    ListedStandard,
    gone_in_use,
    link_references,
    shared_codes,
)
from onefile_sync.models import DirectoryKind, OneFileSettings
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from tests.factories import Host

from .conftest import Read


def standard(code: str, title: str = "A title", centre: int = 5740, number: int = 1) -> ListedStandard:
    return ListedStandard(number, centre, title, code)


def near(reference: str, *codes: str) -> list[str]:
    standards = [standard(code, number=number) for number, code in enumerate(codes)]
    (link,) = link_references({reference: 1}, standards)
    assert link.standards == ()
    return [each.code for each in link.near]


@pytest.mark.parametrize("reference", ["196AS", "196 as", "[196AS]", " 196-AS "])
def test_a_code_is_found_however_it_is_written(reference: str) -> None:
    (link,) = link_references({reference: 3}, [standard("196AS"), standard("215AS", number=2)])
    assert (link.qualifications, [each.code for each in link.standards]) == (3, ["196AS"])
    assert (link.pathways, link.near) == (False, ())


@pytest.mark.parametrize("reference", ["600/1234/5", "60012345", "600-1234-5"])
def test_slashes_do_not_matter(reference: str) -> None:
    (link,) = link_references({reference: 1}, [standard("600/1234/5")])
    assert len(link.standards) == 1


class TestNearMisses:
    def test_the_same_digits_with_other_letters(self) -> None:
        assert near("196AS", "196AP", "196", "AP196") == ["196", "196AP", "AP196"]

    @pytest.mark.parametrize("code", ["196AX", "1960AS", "19AS", "296AS", "X196AS"])
    def test_one_character_different(self, code: str) -> None:
        assert near("196AS", code) == [code]

    @pytest.mark.parametrize("code", ["619AS", "215AS", "19", "961AS", "", "6AS1", "AS"])
    def test_anything_else_is_not_near(self, code: str) -> None:
        assert near("196AS", code) == []

    def test_short_codes_are_near_to_nothing_but_their_digits(self) -> None:
        assert near("L3", "L4", "M3") == ["M3"]

    def test_a_few_are_shown_those_with_the_same_digits_first(self) -> None:
        codes = [f"60012{digit}45" for digit in "1245678"]
        assert near("60012345", *codes, "6001A2345") == [
            "6001A2345",
            "60012145",
            "60012245",
            "60012445",
            "60012545",
        ]

    def test_a_standard_of_two_centres_is_named_once(self) -> None:
        (link,) = link_references({"196AX": 1}, [standard("196AS"), standard("196AS", centre=5741)])
        assert len(link.near) == 1

    def test_a_reference_of_marks_only_is_near_to_nothing(self) -> None:
        assert near("/-", "196AS", "") == []


class TestPathways:
    def test_several_standards_of_one_centre(self) -> None:
        both = [standard("196AS", "Route B", number=2), standard("196 AS", "Route A", number=1)]
        (link,) = link_references({"196AS": 2}, both)
        assert (link.pathways, [each.title for each in link.standards]) == (True, ["Route A", "Route B"])
        (shared,) = shared_codes(both)
        assert (shared.centre_id, len(shared.standards)) == (5740, 2)

    def test_one_in_each_of_two_centres_is_no_pathway(self) -> None:
        both = [standard("196AS"), standard("196AS", centre=5741)]
        (link,) = link_references({"196AS": 2}, both)
        assert (link.pathways, len(link.standards), shared_codes(both)) == (False, 2, ())


def test_a_standard_that_is_gone_is_told_of_if_a_linked_qualification_has_its_code() -> None:
    gone = [standard("103"), standard("215AS", number=2), standard("310", number=3)]
    told = gone_in_use({"1-0-3": 2, "103": 1, "215AS": 1}, [standard("215 as", number=9)], gone)
    assert [(each.standard.code, each.qualifications) for each in told] == [("103", 3)]


@pytest.mark.parametrize("host", ["picsweb"], indirect=True)
class TestOverTheSandbox:
    @pytest.mark.parametrize(
        ("switches", "names"),
        [
            (Switches(rate_limit=0, standard_code="in title"), {}),
            (Switches(rate_limit=0, standard_code="property"), {"code": "Code"}),
        ],
        ids=["in title", "property"],
    )
    def test_wherever_the_code_is(
        self, host: Host, world: World, read: Read, settings: Any, names: dict[str, str]
    ) -> None:
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "STANDARD_NAMES": names}
        world.add_standard(title="Business Administrator (Level 3) [2026]", code="196AS")
        learner = host.learner()
        host.qualification(learner, reference="196 as")
        host.qualification(learner, reference="196AP")
        read(DirectoryKind.STANDARD)
        links = qualification_links.qualification_links()
        assert links.standards == 1
        assert [each.reference for each in links.without_standard] == ["196AP"]
        assert [each.code for each in links.without_standard[0].near] == ["196AS"]

    @pytest.mark.parametrize("switches", [Switches(rate_limit=0, standard_code="absent")], ids=["absent"])
    def test_without_codes_nothing_is_found(self, host: Host, world: World, read: Read) -> None:
        world.add_standard()
        host.qualification(host.learner(), reference="196AS")
        read(DirectoryKind.STANDARD)
        links = qualification_links.qualification_links()
        assert (links.standards, [each.near for each in links.without_standard]) == (1, [()])

    def test_nothing_is_said_to_be_missing_before_a_list_was_read(
        self, host: Host, onefile: SandboxServer
    ) -> None:
        host.qualification(host.learner(), reference="196AS")
        links = qualification_links.qualification_links()
        assert (links.read_at, links.references, links.centres) == (None, (), ())

    def test_a_linked_qualification_stays_linked_when_its_standard_is_gone(
        self, host: Host, world: World, read: Read
    ) -> None:
        standard = world.add_standard(code="103", title="Team Leader")
        linked = host.qualification(host.learner(), reference="103", onefile_id=4000001)
        read(DirectoryKind.STANDARD)
        del world.standards[standard.id]
        read(DirectoryKind.STANDARD)
        (gone,) = qualification_links.qualification_links().gone
        assert (gone.standard.title, gone.qualifications) == ("Team Leader [103]", 1)
        linked.refresh_from_db()
        assert linked.onefile_id == 4000001

    def test_without_a_token_nothing_is_known(self, host: Host, onefile: SandboxServer) -> None:
        OneFileSettings.objects.update(encrypted_customer_token="")
        assert qualification_links.qualification_links().centres == ()

    def test_with_a_wrong_mapping_nothing_is_known(
        self, host: Host, world: World, read: Read, settings: Any
    ) -> None:
        world.add_standard()
        read(DirectoryKind.STANDARD)
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "QUALIFICATION": {"model": "no.Such"}}
        assert qualification_links.qualification_links().centres == ()

    def test_500_standards_of_one_centre_take_eight_calls(
        self, host: Host, world: World, read: Read, onefile: SandboxServer
    ) -> None:
        for number in range(500):
            world.add_standard(code=f"{number}AS", title=f"Standard {number}")
        run = read(DirectoryKind.STANDARD)
        assert run.api_calls == 8
        assert read(DirectoryKind.STANDARD).api_calls == 7, "the customer is known by then"
        assert qualification_links.qualification_links().standards == 500
