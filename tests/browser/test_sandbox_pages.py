"""The sandbox's own pages in a narrow window, without JavaScript."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from onefile_sync.sandbox.server import SandboxServer

pytestmark = pytest.mark.browser

NARROW = {"width": 390, "height": 844}


@pytest.fixture
def onefile(make_onefile_sandbox: Callable[..., SandboxServer]) -> SandboxServer:
    return make_onefile_sandbox(learners=8, two_centres=True)


@pytest.fixture
def page(chromium: Browser, onefile: SandboxServer) -> Iterator[Page]:
    context = chromium.new_context(
        viewport=NARROW, java_script_enabled=False, base_url=onefile.page_url, locale="en-GB"
    )
    yield context.new_page()
    context.close()


def test_no_page_is_wider_than_a_telephone(page: Page, onefile: SandboxServer) -> None:
    learner = onefile.world.users[1250001]
    paths = ["/", "/users", "/placements", "/classes", "/standards"]
    for path in [*paths, f"/learner/{learner.id}", f"/user/{learner.id}", f"/user/{learner.id}/archive"]:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], path


def test_a_centre_manager_renames_archives_and_restores_somebody(page: Page, onefile: SandboxServer) -> None:
    coach = next(iter(onefile.world.users.values()))
    page.goto("/users?role=5")
    page.get_by_role("link", name=coach.full_name).first.click()
    page.get_by_label("Last name").fill("Newname")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Saved.")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Newname")
    page.get_by_role("button", name="Archive …").click()
    page.get_by_role("button", name="Archive the user").click()
    expect(page.get_by_role("status")).to_contain_text("archived")
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("status")).to_contain_text("active again")
