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
        office.configure(enabled=True, paused=False)
        office.close_what_is_open()
        connections[SITE].close()
    del connections[SITE]
    del connections.databases[SITE]


@dataclass
class Watched:
    """What a browser did that no page of ours may make it do."""

    own: tuple[str, ...]
    wrong: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        context.on("request", self.note_request)
        context.on("console", self.note_message)
        context.on("weberror", lambda error: self.wrong.append(f"script error: {error.error}"))

    def note_request(self, request: Request) -> None:
        if not request.url.startswith((*self.own, "data:")):
            self.wrong.append(f"request to another host: {request.url}")

    def note_message(self, message: ConsoleMessage) -> None:
        # Chromium asks by itself for an icon that Django's admin does not have.
        if message.type in ("error", "warning") and not message.location["url"].endswith("/favicon.ico"):
            self.wrong.append(f"console: {message.text} ({message.location['url']})")


Opens = Callable[..., Page]


@pytest.fixture
def open_browser(chromium: Browser, office: Office) -> Iterator[Opens]:
    """Opens a browser of its own for somebody. At the end, none of them may have seen anything go wrong."""
    contexts: list[BrowserContext] = []
    watched = Watched((office.demo.site, office.demo.sandbox))

    def open_one(**options: Any) -> Page:
        context = chromium.new_context(locale="en-GB", viewport={"width": 1280, "height": 900}, **options)
        watched.watch(context)
        contexts.append(context)
        return context.new_page()

    yield open_one
    for context in contexts:
        context.close()
    assert watched.wrong == []


@pytest.fixture(scope="session")
def log_ins() -> dict[str, Any]:
    """The cookies of those who have logged in already."""
    return {}


@pytest.fixture
def log_in(open_browser: Opens, office: Office, log_ins: dict[str, Any]) -> Opens:
    """Opens a browser in which somebody is logged in; the first time by typing name and password."""

    def open_logged_in(username: str, **options: Any) -> Page:
        if username not in log_ins:
            page = open_browser()
            page.goto(office.address("/"))
            page.get_by_label("Username").fill(username)
            page.get_by_label("Password").fill(office.demo.passwords[username])
            page.get_by_role("button", name="Log in").click()
            expect(page.get_by_role("heading", name="Learners")).to_be_visible()
            log_ins[username] = page.context.storage_state()
        return open_browser(storage_state=log_ins[username], **options)

    return open_logged_in


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def has_javascript(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def staff(log_in: Opens, has_javascript: bool) -> Page:
    """The browser of a member of staff who may do everything; each such test runs with JavaScript and without."""
    return log_in("admin", java_script_enabled=has_javascript)


@pytest.fixture
def assessor(open_browser: Opens, office: Office) -> Page:
    """The browser of an assessor, at OneFile's own pages."""
    page = open_browser()
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
