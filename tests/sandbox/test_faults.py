"""The sandbox's faults, and its connections, which behave like a real server's."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable

import pytest
import requests

from onefile_sync.sandbox.api import API_OPERATIONS
from onefile_sync.sandbox.entities import SandboxReview, SandboxUser
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World

from .conftest import Client

Serve = Callable[..., Client]


@pytest.fixture
def review_to_create(learner: SandboxUser) -> dict[str, object]:
    return {"LearnerID": learner.id, "ScheduledFor": "2026-06-01T09:00:00.000Z"}


def strike(onefile: Client, **fault: object) -> None:
    onefile.server.faults.append(Fault(**{"operation": "Review/create", **fault}))


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize("kind", ["reset", "truncated"])
def test_a_lost_answer_leaves_the_create_undone_or_done(
    onefile: Client, world: World, review_to_create: dict[str, object], kind: str, when: str, made: int
) -> None:
    strike(onefile, kind=kind, when=when)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        onefile.post("/Review", review_to_create)
    assert len(world.reviews) == made
    assert onefile.post("/Review", review_to_create).status_code == 200


#: The operations that create or change something: name, path and body.
WRITING = {
    "User/create": (
        "/User",
        {"OrganisationID": 5740, "Role": 5, "FirstName": "Huw", "LastName": "Price", "Email": "h@p.example"},
    ),
    "User/update": ("/User/{learner}", {"Telephone": "1"}),
    "User/Assign": ("/User/{assessor}/Assign", {"LearnerID": "{learner}", "Level": 1}),
    "User/Archive": ("/User/{learner}/Archive", {}),
    "User/Unarchive": ("/User/{learner}/Unarchive", {}),
    "Placement/create": ("/Placement", {"OrganisationID": 5740, "Name": "Tŷ Gwyn Care"}),
    "Placement/update": ("/Placement/{placement}", {"Name": "Tŷ Gwyn"}),
    "Classroom/create": ("/Classroom", {"OrganisationID": 5740, "Name": "September start"}),
    "Standard/Assign": ("/Standard/{standard}/Assign/{learner}", {}),
    "FrameworkTemplate/Assign": ("/FrameworkTemplate/{template}/Assign/{learner}/false", {}),
    "LearningAim/update": ("/LearningAim/{aim}", {"RegistrationNumber": "PN9"}),
    "Review/create": ("/Review", {"LearnerID": "{learner}", "ScheduledFor": "2026-06-01T09:00:00Z"}),
    "Visit/create": (
        "/Visit",
        {
            "LearnerID": "{learner}",
            "OrganisationID": 5740,
            "DateFrom": "2026-06-01T09:00:00Z",
            "DateTo": "2026-06-01T10:00:00Z",
        },
    ),
}


def test_every_operation_that_writes_is_tried() -> None:
    reading = {name for name in API_OPERATIONS if name.endswith(("/get", "/Search"))}
    assert set(WRITING) == API_OPERATIONS - reading


@pytest.mark.parametrize("operation", sorted(WRITING))
def test_every_operation_that_writes_can_be_lost_before_or_after(
    onefile: Client, world: World, learner: SandboxUser, assessor: SandboxUser, operation: str
) -> None:
    ids = {
        "learner": learner.id,
        "assessor": assessor.id,
        "placement": world.add_placement().id,
        "standard": world.add_standard().id,
        "template": world.add_template().id,
        "aim": world.add_aim(learner.id).id,
    }
    path, body = WRITING[operation]
    values = {name: str(value).format(**ids) for name, value in body.items()}
    for when, writes in (("before", 0), ("after", 1)):
        strike(onefile, operation=operation, kind="reset", when=when)
        with pytest.raises(requests.ConnectionError):
            onefile.post(path.format(**ids), values)
        assert world.writes == writes
    assert onefile.post(path.format(**ids), values).ok
    assert onefile.server.calls[operation] == 3


def test_a_reset_is_a_reset_on_the_wire(onefile: Client) -> None:
    onefile.server.faults.append(Fault(operation="*", kind="reset"))
    with socket.create_connection(("127.0.0.1", onefile.server.port), timeout=5) as raw:
        raw.sendall(b"GET /api/v2.1/Customer HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            raw.recv(1)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_delay_is_longer_than_the_clients_patience_but_the_work_is_done(
    onefile: Client, world: World, review_to_create: dict[str, object], when: str
) -> None:
    strike(onefile, kind="delay", seconds=0.4, when=when)
    with pytest.raises(requests.Timeout):
        onefile.post("/Review", review_to_create, timeout=0.1)
    give_up_at = time.monotonic() + 5
    while not world.reviews:
        assert time.monotonic() < give_up_at
    assert onefile.post("/Review", review_to_create).status_code == 200


def test_a_status_of_choice(onefile: Client, world: World, review_to_create: dict[str, object]) -> None:
    strike(onefile, kind="status", status=503, body=b"down", headers={"Retry-After": "5"}, times=2)
    for _ in range(2):
        answer = onefile.post("/Review", review_to_create)
        assert (answer.status_code, answer.text, answer.headers["Retry-After"]) == (503, "down", "5")
    assert (world.reviews, world.writes) == ({}, 0)
    assert onefile.post("/Review", review_to_create).status_code == 200
    assert onefile.server.refusals == {503: 2}


def test_html_instead_of_an_answer(onefile: Client, review_to_create: dict[str, object]) -> None:
    strike(onefile, kind="html")
    answer = onefile.post("/Review", review_to_create)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("when", ["before", "after"])
def test_broken_json(onefile: Client, review_to_create: dict[str, object], when: str) -> None:
    strike(onefile, kind="broken_json", when=when)
    answer = onefile.post("/Review", review_to_create)
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_the_wrong_type(onefile: Client, review: SandboxReview) -> None:
    onefile.server.faults += [
        Fault(operation="Review/get", kind="wrong_type", when="after"),
        Fault(operation="Review/Search", kind="wrong_type", when="after"),
    ]
    assert onefile.get(f"/Review/{review.id}").json() == ["wrong"]
    assert isinstance(onefile.post("/Review/Search", {}).json(), dict)


def test_an_edited_answer(onefile: Client, review_to_create: dict[str, object]) -> None:
    strike(onefile, kind="edited", when="after", edit=lambda sent: [sent, "edited"])

    answer = onefile.post("/Review", review_to_create).json()

    assert answer[1] == "edited"


def test_an_answer_that_is_no_json_is_not_edited(onefile: Client) -> None:
    strike(onefile, operation="Authentication", kind="edited", when="after", edit=lambda sent: {})

    assert requests.post(
        f"{onefile.server.url}/Authentication",
        headers={"X-CustomerToken": onefile.server.customer_token},
        timeout=10,
    ).ok


def test_a_fault_strikes_its_operation_only(onefile: Client, review: SandboxReview) -> None:
    strike(onefile, kind="status")
    assert onefile.get(f"/Review/{review.id}").status_code == 200
    assert onefile.server.faults[0].times == 1


def test_authentication_can_fail_too(onefile: Client) -> None:
    strike(onefile, operation="Authentication", kind="status", status=500)
    assert onefile.authenticate().status_code == 500


# Connections


def test_a_connection_is_kept(onefile: Client) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", onefile.server.port, timeout=5)
    connection.connect()
    first_socket = connection.sock
    for _ in range(3):
        connection.request("GET", "/api/v2.1/Customer")
        assert connection.getresponse().read() == b""
        assert connection.sock is first_socket
    connection.close()


def test_a_body_is_read_even_if_it_is_not_used(onefile: Client, review: SandboxReview) -> None:
    del onefile.http.headers["X-TokenID"]
    assert onefile.post("/Review/Search", {"Filler": "x" * 100_000}).status_code == 401
    onefile.authenticate()
    assert onefile.post("/Review/Search", {}).status_code == 200


def test_answers_do_not_wait_for_an_acknowledgement(onefile: Client) -> None:
    onefile.get("/Customer")
    began = time.perf_counter()
    for _ in range(20):
        onefile.get("/Customer")
    assert time.perf_counter() - began < 20 * 0.035  # a stalled answer takes 40 ms


def test_latency_is_put_before_every_answer(serve: Serve) -> None:
    onefile = serve(latency=0.05)
    began = time.perf_counter()
    onefile.get("/Customer")
    assert time.perf_counter() - began >= 0.05


def test_a_stopped_sandbox_does_not_answer_on_kept_connections(onefile: Client) -> None:
    onefile.get("/Customer")
    onefile.server.stop()
    onefile.server.stop()
    with pytest.raises(requests.ConnectionError):
        onefile.get("/Customer")


def test_a_sandbox_that_never_ran_can_be_stopped(world: World) -> None:
    SandboxServer(world).stop()


def test_a_client_that_has_left_does_not_disturb_the_stop(world: World) -> None:
    with SandboxServer(world) as server:
        gone = socket.create_connection(("127.0.0.1", server.port), timeout=5)
        gone.sendall(b"GET /api/v2.1/Customer HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert gone.recv(12) == b"HTTP/1.1 401"
        gone.close()


def test_two_cannot_have_one_port(world: World) -> None:
    with SandboxServer(world) as server, pytest.raises(OSError):
        SandboxServer(world, port=server.port)


def test_nothing_is_logged(onefile: Client, review: SandboxReview, capfd: pytest.CaptureFixture[str]) -> None:
    onefile.get(f"/Review/{review.id}")
    onefile.get("/Review/0")
    assert capfd.readouterr() == ("", "")


def test_many_at_once_are_all_counted(onefile: Client, learner: SandboxUser, world: World) -> None:
    from concurrent.futures import ThreadPoolExecutor

    body = {"LearnerID": learner.id, "ScheduledFor": "2026-06-01"}
    headers = dict(onefile.http.headers)

    def create(_: int) -> int:
        return requests.post(onefile.server.url + "/Review", json=body, headers=headers, timeout=10).json()

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(create, range(40)))
    assert len(set(numbers)) == len(world.reviews) == world.writes == 40
    assert onefile.server.calls["Review/create"] == 40
