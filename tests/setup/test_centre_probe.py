"""`onefile_probe --users … --standards --search`: what linking has to know, and no value of anybody's."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from onefile_sync.models import OneFileSettings
from onefile_sync.sandbox.entities import SandboxUser
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from onefile_sync.setup import connection_test
from tests.conftest import dont_wait

DEFAULT = Switches(rate_limit=0)
#: None of it may be told.
PERSONAL = (
    "Angharad",
    "Quillfeather",
    "angharad@example.org",
    "MIS-10041",
    "MIS-10042",
    "MIS-1004",
    "9871234560",
    "QQ987654C",
    "1987-11-23",
    "[196AS]",
    "196AS",
    "Zymurgy",
)


@dataclass
class Pair:
    active: SandboxUser
    archived: SandboxUser

    @property
    def ids(self) -> tuple[int, int]:
        return self.active.id, self.archived.id


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_test, "connect", partial(connection_test.connect, sleep=dont_wait))


@pytest.fixture
def pair(world: World) -> Pair:
    details: dict[str, Any] = {
        "first_name": "Angharad",
        "last_name": "Quillfeather",
        "email": "angharad@example.org",
        "uln": "9871234560",
        "nino": "QQ987654C",
        "dob": date(1987, 11, 23),
    }
    world.add_standard(title="Zymurgy", code="196AS")
    world.add_standard(title="Zymurgy without a code", code="")
    world.add_learner(first_name="Another", misid="MIS-20000")
    return Pair(
        world.add_learner(**details, misid="MIS-10041"),
        world.add_learner(**details | {"uln": ""}, misid="MIS-10042", archived=True),
    )


def ask(*users: int, **options: Any) -> str:
    screen = io.StringIO()
    call_command("onefile_probe", stdout=screen, users=list(users) or None, **options)
    return screen.getvalue()


def found(*users: int, **options: Any) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(ask(*users, json=True, **options))
    return report


def differing(report: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {each["name"]: (each["active"], each["archived"]) for each in report["users"]["differing"]}


class TestUsers:
    def test_what_differs_is_named(self, onefile: SandboxServer, pair: Pair) -> None:
        pair.active.wire.update(Archived=False, Colour="red")
        pair.archived.wire.update(Archived=True, Colour="blue", ArchivedOn="2026-05-01T00:00:00Z")

        report = found(*pair.ids)

        assert differing(report) == {
            "Archived": ("yes or no", "yes or no"),
            "ULN": ("text", "absent"),
            "ArchivedOn": ("absent", "date dddd-dd-ddTdd:dd:ddZ"),
        }
        assert (report["standards"], report["search"], report["api_calls"]) == (None, None, 2)
        assert "ArchivedOn                   absent / date" in ask(*pair.ids)

    @pytest.mark.parametrize("switches", [replace(DEFAULT, archived_users="other role")])
    def test_a_role_that_differs_is_named(
        self, switches: Switches, onefile: SandboxServer, pair: Pair
    ) -> None:
        report = found(*pair.ids)

        assert differing(report)["Role"] == ("whole number", "whole number")
        assert report["users"]["active_counts_as_archived"] is None
        assert report["users"]["archived_counts_as_archived"] is True

    def test_the_archived_property_is_tried(self, onefile: SandboxServer, pair: Pair, settings: Any) -> None:
        pair.archived.wire["ArchivedOn"] = "2026-05-01T00:00:00Z"
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "ARCHIVED": {"property": "ArchivedOn"}}

        users = found(*pair.ids)["users"]

        assert (users["active_counts_as_archived"], users["archived_counts_as_archived"]) == (False, True)

    def test_of_the_names_on_a_user(self, onefile: SandboxServer, pair: Pair, settings: Any) -> None:
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "USER_NAMES": {"ni_number": "NINumber"}}
        pair.active.wire.update(StartOn="soon 5", PlannedEndDate="")

        names = found(*pair.ids)["users"]["names"]

        assert {name: names[name] for name in ("MISID", "NINumber", "StartOn", "PlannedEndDate")} == {
            "MISID": "present",
            "NINumber": "absent",
            "StartOn": "unreadable",
            "PlannedEndDate": "blank",
        }

    def test_a_user_who_is_not_there_is_a_finding(self, onefile: SandboxServer, pair: Pair) -> None:
        users = found(pair.active.id, 987654)["users"]

        assert (users["active"]["answer"], users["archived"]["answer"]) == ("object", "status 404")
        assert users["differing"] == []


class TestStandards:
    def test_of_one_centre(self, onefile: SandboxServer, pair: Pair) -> None:
        standards = found(standards=True)["standards"]

        assert [each["name"] for each in standards["properties"]] == ["ID", "Title"]
        assert (standards["centres"], standards["found"], standards["with_code"]) == (1, 2, 1)
        assert standards["same_id_in_two_centres"] is None
        assert standards["standard"]["answer"] == "object"
        assert "with a code: 1 of 2, in 1 centres" in ask(standards=True)

    @pytest.mark.parametrize("shared", [True, False])
    def test_of_two_centres(self, onefile: SandboxServer, world: World, pair: Pair, shared: bool) -> None:
        other = world.add_centre(name="Care")
        centres = (world.centre_id, other.id) if shared else (other.id,)
        world.add_standard(title="Care", organisation_ids=centres)

        assert found(standards=True)["standards"]["same_id_in_two_centres"] is shared

    def test_full_pages_do_not_show_that_no_id_is_shared(
        self, onefile: SandboxServer, world: World, pair: Pair, settings: Any
    ) -> None:
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "PAGE_SIZE": 2}
        world.add_standard(title="Care", organisation_ids=(world.add_centre(name="Care").id,))

        assert found(standards=True)["standards"]["same_id_in_two_centres"] is None

    @pytest.mark.parametrize("switches", [replace(DEFAULT, standard_code="property")])
    @pytest.mark.parametrize(("names", "with_code"), [({}, 0), ({"code": "Code"}, 1)])
    def test_a_code_that_is_a_property(
        self,
        switches: Switches,
        onefile: SandboxServer,
        pair: Pair,
        settings: Any,
        names: dict[str, str],
        with_code: int,
    ) -> None:
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "STANDARD_NAMES": names}

        standards = found(standards=True)["standards"]

        assert "Code" in [each["name"] for each in standards["properties"]]
        assert standards["with_code"] == with_code

    def test_searches_that_are_refused_are_a_finding(self, onefile: SandboxServer, pair: Pair) -> None:
        onefile.faults.append(Fault(operation="Standard/Search", kind="status", status=400, times=99))

        standards = found(standards=True)["standards"]

        assert (standards["found"], standards["standard"]) == (0, None)
        assert standards["same_id_in_two_centres"] is None


class TestSearch:
    @pytest.mark.parametrize(
        ("switches", "numbers", "filters", "sentence"),
        [
            (DEFAULT, [1, 0, 0], "exact", "The filter is exact"),
            (replace(DEFAULT, user_filters="prefix"), [1, 2, 0], "partial", "The filter is partial"),
            (replace(DEFAULT, user_filters="ignored"), [3, 3, 3], "ignored", "The filter is ignored"),
        ],
        ids=["exact", "prefix", "ignored"],
    )
    def test_how_filters_work(
        self,
        switches: Switches,
        numbers: list[int],
        filters: str,
        sentence: str,
        onefile: SandboxServer,
        pair: Pair,
    ) -> None:
        search = found(*pair.ids, search=True)["search"]

        assert [search[name] for name in ("known", "beginning", "nobody")] == numbers
        assert search["filters"] == filters
        assert sentence in ask(*pair.ids, search=True)

    @pytest.mark.parametrize(
        ("switches", "archived_found"),
        [
            (DEFAULT, True),
            (replace(DEFAULT, archived_users="hidden"), False),
            (replace(DEFAULT, archived_users="other role"), False),
        ],
        ids=["listed", "hidden", "other role"],
    )
    def test_whether_archived_users_are_found(
        self, switches: Switches, archived_found: bool, onefile: SandboxServer, pair: Pair
    ) -> None:
        assert found(*pair.ids, search=True)["search"]["archived_found"] is archived_found

    def test_a_user_without_a_mis_value_cannot_tell(self, onefile: SandboxServer, pair: Pair) -> None:
        pair.active.misid = ""

        search = found(*pair.ids, search=True)["search"]

        assert (search["filters"], search["known"], search["archived_found"]) == ("unknown", None, None)
        assert "take an active user with a MIS Value" in ask(*pair.ids, search=True)

    def test_a_mis_value_of_one_character_has_no_beginning(self, onefile: SandboxServer, pair: Pair) -> None:
        pair.active.misid = "7"

        search = found(*pair.ids, search=True)["search"]

        assert (search["beginning"], search["filters"]) == (None, "unknown")

    def test_a_user_who_is_not_found_is_said(self, onefile: SandboxServer, pair: Pair) -> None:
        onefile.faults.append(Fault(operation="User/Search", kind="status", status=204))

        assert found(*pair.ids, search=True)["search"]["filters"] == "no match"

    def test_searches_that_are_refused_are_a_finding(self, onefile: SandboxServer, pair: Pair) -> None:
        onefile.faults.append(Fault(operation="User/Search", kind="status", status=400, times=99))

        search = found(*pair.ids, search=True)["search"]

        assert (search["known"], search["filters"], search["archived_found"]) == (None, "unknown", None)


@pytest.mark.matrix
@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    "switches", [DEFAULT, *(replace(each, rate_limit=0) for _, _, each in Switches.each_alternative())]
)
def test_no_behaviour_makes_the_report_contain_a_value(
    switches: Switches, as_json: bool, onefile: SandboxServer, pair: Pair
) -> None:
    screen = ask(*pair.ids, standards=True, search=True, json=as_json)

    words = set(re.findall(r"[^\s\",;:()]+", screen))
    secrets = [*PERSONAL, *map(str, pair.ids), str(onefile.world.centre_id), onefile.customer_token]
    assert [secret for secret in secrets if secret in words] == []
    assert onefile.world.writes == 0


def test_it_works_while_the_integration_is_off(onefile: SandboxServer, pair: Pair) -> None:
    OneFileSettings.objects.update(enabled=False)

    report = found(*pair.ids, standards=True, search=True)

    assert report["api_calls"] == onefile.calls.total() - 1 <= 15


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"search": True}, "--search needs --users."),
        ({"search": True, "standards": True}, "--search needs --users."),
        ({"standards": True, "learner": "1"}, "--users and --standards do not go with --learner."),
    ],
    ids=["search alone", "search and standards", "standards of a learner"],
)
def test_options_that_do_not_go_together(
    onefile: SandboxServer, options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(CommandError, match=reason) as caught:
        ask(**options)
    assert caught.value.returncode == 2


def test_a_wrong_token_is_said(onefile: SandboxServer, pair: Pair) -> None:
    onefile.customer_token = "another"

    with pytest.raises(CommandError) as caught:
        ask(*pair.ids)
    assert caught.value.returncode == 2
