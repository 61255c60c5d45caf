"""Headless Chromium, a running demo, and the people who sit at its pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

from .office import SITE, Office, RunningDemo

expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium. Not having it is a failure: these tests are what says that the pages work."""
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("Chromium is not installed: the browser tests need the package chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
            ],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def running_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    running = RunningDemo.start(tmp_path_factory.mktemp("demo"))
    yield running
    running.stop()


@pytest.fixture
def office(
    running_demo: RunningDemo, django_db_blocker: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Office]:
    """The demo, with its database within reach of this process."""
    # Playwright's synchronous API keeps an event loop running in this thread, and Django takes that for a view
    # that must not touch the database. Nothing asynchronous of ours is going on.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    connections.databases[SITE] = {
        **connections.databases["default"],
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(running_demo.database),
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
    }
    with django_db_blocker.unblock():
        office = Office(running_demo)
        yield office
        office.release_worker()
        office.configure(enabled=True, paused=False, safety_stop_percent=20, safety_stop_learners=25)
        office.close_what_is_open()
        connections[SITE].close()
    del connections[SITE]
    del connections.databases[SITE]


@dataclass
class Desks:
    """Browsers in which people stay logged in, so that not every test fetches all style sheets and scripts again.

    ``wrong`` is what they did that no page of ours may make them do.
    """

    chromium: Browser
    demo: RunningDemo
    contexts: dict[tuple[str, bool], BrowserContext] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def open(self, person: str, *, has_javascript: bool = True) -> Page:
        """A new page of somebody's browser; the first time, who has a password logs in."""
        desk = (person, has_javascript)
        if desk not in self.contexts:
            self.contexts[desk] = self.set_up(has_javascript)
            if person in self.demo.passwords:
                self.log_in(self.contexts[desk], person)
        return self.contexts[desk].new_page()

    def set_up(self, has_javascript: bool) -> BrowserContext:
        context = self.chromium.new_context(
            locale="en-GB", viewport={"width": 1280, "height": 900}, java_script_enabled=has_javascript
        )
        context.on("request", self.note_request)
        context.on("console", self.note_message)
        context.on("weberror", lambda error: self.wrong.append(f"script error: {error.error}"))
        return context

    def log_in(self, context: BrowserContext, username: str) -> None:
        page = context.new_page()
        page.goto(self.demo.site)
        page.get_by_label("Username").fill(username)
        page.get_by_label("Password").fill(self.demo.passwords[username])
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("heading", name="Learners")).to_be_visible()
        page.close()

    def note_request(self, request: Request) -> None:
        if not request.url.startswith((self.demo.site, self.demo.sandbox, "data:")):
            self.wrong.append(f"request to another host: {request.url}")

    def note_message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(f"console: {message.text} ({message.location['url']})")


@pytest.fixture(scope="session")
def desks(chromium: Browser, running_demo: RunningDemo) -> Desks:
    return Desks(chromium, running_demo)


Opens = Callable[..., Page]


@pytest.fixture
def open_browser(desks: Desks, office: Office) -> Iterator[Opens]:
    """Opens somebody's browser. At the end, none of them may have seen anything go wrong."""
    pages: list[Page] = []

    def open_one(person: str, **how: bool) -> Page:
        pages.append(desks.open(person, **how))
        return pages[-1]

    yield open_one
    for page in pages:
        page.close()
    wrong, desks.wrong = desks.wrong, []
    assert wrong == []


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def has_javascript(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def staff(open_browser: Opens, has_javascript: bool) -> Page:
    """The browser of a member of staff who may do everything; each such test runs with JavaScript and without."""
    return open_browser("admin", has_javascript=has_javascript)


@pytest.fixture
def assessor(open_browser: Opens, office: Office) -> Page:
    """The browser of an assessor, at OneFile's own pages."""
    page = open_browser("assessor")
    page.goto(office.demo.sandbox)
    return page


@pytest.fixture
def picture(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Keeps a picture of a page in the folder that ``ONEFILE_SCREENSHOTS`` names, if it names one."""
    folder = os.environ.get("ONEFILE_SCREENSHOTS", "")

    def take(page: Page, name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(folder) / f"{name}{_way(request)}.png", full_page=True)

    return take


def _way(request: pytest.FixtureRequest) -> str:
    if "has_javascript" not in request.fixturenames or request.getfixturevalue("has_javascript"):
        return ""
    return "-without-javascript"
