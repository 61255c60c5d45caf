"""Match with OneFile by REST: from the estimate to the links, by those who may, for learners whom they may see."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from example_project.picsweb.models import Learner
from onefile_sync import services
from onefile_sync.models import DirectoryKind, MatchSuggestion, RecordLink, SyncRun
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from tests.conftest import dont_wait

pytestmark = pytest.mark.parametrize("host", ["picsweb"], indirect=True)

MATCHES = "/api/onefile/matches/"
FOUND, LINK, NOT_SAME = f"{MATCHES}suggestions/", f"{MATCHES}link/", f"{MATCHES}not-same/"
ULNS = ("1000000035", "1000000043", "1000000051")


@pytest.fixture
def people(world: World, onefile: SandboxServer) -> list[Learner]:
    """Three learners on both sides."""
    made = []
    for number, uln in enumerate(ULNS):
        names = {"first_name": f"Ann{'abc'[number]}", "uln": uln}
        world.add_learner(last_name="Ash", dob=timezone.localdate(), misid=f"A{number}", **names)
        made.append(
            Learner.objects.create(
                surname="Ash",
                ident=f"A{number}",
                date_of_birth=timezone.localdate(),
                status="live",
                start_date=timezone.localdate(),
                **names,
            )
        )
    return made


@pytest.fixture
def office(staff: Any, browser: Any) -> Any:
    return browser(staff("match_records"))


def match() -> None:
    services.perform(services.match(["learner"], queued=False), sleep=dont_wait)


def post(client: Any, address: str, body: dict[str, Any]) -> Any:
    return client.post(address, body, content_type="application/json")


def test_from_the_estimate_to_the_links(office: Any, people: list[Learner]) -> None:
    told = office.get(MATCHES, {"kinds": ["learner"]}).json()
    assert (told["unlinked"], told["is_known"]) == ({"learner": 3}, False)
    started = post(office, MATCHES, {"kinds": ["learner"]})
    assert started.status_code == 202
    assert started["Location"].endswith(f"/runs/{started.json()['id']}/")
    services.perform(SyncRun.objects.get(), sleep=dont_wait)

    pairs = office.get(FOUND, {"kind": "learner", "level": "certain"}).json()["results"]
    assert {each["picsweb_id"] for each in pairs} == {str(each.pk) for each in people}
    assert {"mis", "uln", "dob", "surname"} <= set(pairs[0]["matched_on"])
    assert pairs[0]["differs"] == []
    going = post(office, LINK, {"suggestions": [pairs[0]["id"], pairs[1]["id"]]})
    assert (going.status_code, going.json()["kind"]) == (202, "linking")
    services.perform(SyncRun.objects.get(kind="linking"), sleep=dont_wait)
    assert RecordLink.objects.filter(ended_at=None, subject_kind="learner").count() == 2

    said = post(office, NOT_SAME, {"suggestions": [each["id"] for each in pairs]})
    assert said.json() == {"suggestions": [pairs[2]["id"]]}, "the others are linked"
    assert office.get(FOUND).json()["results"] == []
    again = post(office, LINK, {"suggestions": [each["id"] for each in pairs]})
    assert (again.status_code, again.json()["code"]) == (409, "decided")


def test_pairs_are_read_by_cursor(
    office: Any, people: list[Learner], monkeypatch: pytest.MonkeyPatch
) -> None:
    match()
    monkeypatch.setattr("onefile_sync.rest.pagination.SuggestionPages.page_size", 2)
    first = office.get(FOUND).json()
    # Deciding about a pair moves no other one to another page.
    MatchSuggestion.objects.filter(pk=first["results"][0]["id"]).update(state="not_same")
    second = office.get(first["next"]).json()
    assert [len(first["results"]), len(second["results"])] == [2, 1]
    assert second["next"] is None


def test_what_is_possible_only_is_linked_singly(office: Any, people: list[Learner]) -> None:
    match()
    MatchSuggestion.objects.update(level="possible")
    pk = MatchSuggestion.objects.values_list("pk", flat=True)[0]
    assert post(office, LINK, {"suggestions": [pk]}).status_code == 409
    assert post(office, LINK, {"suggestions": [pk], "singly": True}).status_code == 202


def test_restricted_callers_see_and_decide_about_their_learners_only(
    staff: Any, browser: Any, restrict: Any, people: list[Learner]
) -> None:
    match()
    mine, other, _third = people
    client = browser(restrict(staff("match_records"), mine))
    shown = client.get(FOUND).json()["results"]
    assert [each["picsweb_id"] for each in shown] == [str(mine.pk)]
    theirs = MatchSuggestion.objects.get(subject_pk=str(other.pk)).pk
    assert post(client, LINK, {"suggestions": [theirs]}).status_code == 409
    assert post(client, NOT_SAME, {"suggestions": [theirs]}).json() == {"suggestions": []}
    assert MatchSuggestion.objects.get(pk=theirs).state == "open"


@pytest.mark.parametrize(
    ("address", "body"),
    [
        (MATCHES, {"kinds": ["centre"]}),
        (LINK, {}),
        (LINK, {"suggestions": []}),
        (NOT_SAME, {"suggestions": ["x"]}),
    ],
    ids=["kind", "nothing", "none", "text"],
)
def test_what_is_not_as_described_is_refused(
    office: Any, onefile: SandboxServer, address: str, body: Any
) -> None:
    assert post(office, address, body).status_code == 400


def test_while_lists_are_read_matching_has_to_wait(office: Any, people: list[Learner]) -> None:
    services.read_lists([DirectoryKind.STANDARD])
    answer = post(office, MATCHES, {})
    assert (answer.status_code, answer.json()["code"]) == (409, "lists_are_being_read")


def test_it_needs_the_permission(staff: Any, browser: Any, onefile: SandboxServer) -> None:
    client = browser(staff("view_syncrun", "link_records", "refresh_links"))
    assert client.get(MATCHES).status_code == client.get(FOUND).status_code == 403
    for address in (MATCHES, LINK, NOT_SAME):
        assert post(client, address, {}).status_code == 403


def test_requests_that_act_are_limited(office: Any, onefile: SandboxServer, monkeypatch: Any) -> None:
    monkeypatch.setattr("onefile_sync.rest.throttling.RefreshThrottle.get_rate", lambda _self: "1/hour")
    assert post(office, NOT_SAME, {"suggestions": [1]}).status_code == 200
    assert post(office, LINK, {"suggestions": [1]}).status_code == 429
    assert office.get(FOUND).status_code == 200
