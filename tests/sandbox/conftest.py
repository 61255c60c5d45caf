"""A world with one learner in it, and a client that speaks to a sandbox over a real socket."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from onefile_sync.sandbox.entities import SandboxAim, SandboxReview, SandboxUser
from onefile_sync.sandbox.server import CUSTOMER_TOKEN, SandboxServer
from onefile_sync.sandbox.world import World

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


class Clock:
    """The time that the sandbox believes it is."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **units: float) -> None:
        self.now += timedelta(**units)


class Client:
    """Plain requests with a session token. Keeps its connection."""

    def __init__(self, server: SandboxServer) -> None:
        self.server = server
        self.http = requests.Session()
        self.http.trust_env = False

    def authenticate(self, token: str = CUSTOMER_TOKEN) -> requests.Response:
        answer = self.http.post(
            self.server.url + "/Authentication", headers={"X-CustomerToken": token}, timeout=5
        )
        if answer.ok:
            self.http.headers["X-TokenID"] = answer.text.strip('"')
        return answer

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.http.get(self.server.url + path, **{"timeout": 5} | options)

    def post(self, path: str, json: object = None, **options: Any) -> requests.Response:
        return self.http.post(self.server.url + path, json=json, **{"timeout": 5} | options)


class Browser:
    """A browser without JavaScript: gets pages and posts forms from the sandbox's own address."""

    def __init__(self, onefile: Client) -> None:
        self.origin = onefile.server.page_url.rstrip("/")
        self.http = requests.Session()

    def get(self, path: str, **options: object) -> requests.Response:
        return self.http.get(self.origin + path, timeout=5, **options)

    def post(self, path: str, origin: str | None = None, **fields: object) -> requests.Response:
        headers = {"Origin": origin or self.origin}
        return self.http.post(self.origin + path, data=fields, headers=headers, timeout=5)


def rows(browser: Browser, path: str) -> list[list[str]]:
    """The cells of the list on a page, as a reader sees them."""
    body = browser.get(path).text.partition("<tbody>")[2].partition("</tbody>")[0]
    return [
        [
            html.unescape(re.sub(r"<[^>]+>", "", cell)).strip()
            for cell in re.findall(r"<td.*?</td>", row, re.DOTALL)
        ]
        for row in re.findall(r"<tr>.*?</tr>", body, re.DOTALL)
    ]


def names(browser: Browser, path: str) -> list[str]:
    return [cells[0] for cells in rows(browser, path)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def assessor(world: World) -> SandboxUser:
    return world.add_assessor()


@pytest.fixture
def learner(world: World) -> SandboxUser:
    return world.add_learner(misid="L00001")


@pytest.fixture
def aim(world: World, learner: SandboxUser) -> SandboxAim:
    return world.add_aim(learner.id, total_elements=40, elements_done=10, registration_number="CG123")


@pytest.fixture
def review(world: World, learner: SandboxUser) -> SandboxReview:
    return world.add_review(learner.id, scheduled_for=datetime(2026, 6, 1, 9, 30, tzinfo=UTC))


@pytest.fixture
def serve(
    make_onefile_sandbox: Callable[..., SandboxServer], world: World, clock: Clock
) -> Iterator[Callable[..., Client]]:
    """Serves the world with the given switches, and gives a client that has authenticated."""
    clients: list[Client] = []

    def start(**options: Any) -> Client:
        client = Client(make_onefile_sandbox(world=world, clock=clock, **options))
        clients.append(client)
        client.authenticate()
        return client

    yield start
    for client in clients:
        client.http.close()


@pytest.fixture
def onefile(serve: Callable[..., Client]) -> Client:
    """A client of a sandbox with the default switches."""
    return serve()


@pytest.fixture
def browser(onefile: Client) -> Iterator[Browser]:
    browser = Browser(onefile)
    yield browser
    browser.http.close()
