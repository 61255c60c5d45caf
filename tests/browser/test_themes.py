"""Our pages hold in the admin's usual clothes, in django-unfold's and in django-jazzmin's, wide and narrow.

With ``ONEFILE_SCREENSHOTS`` each page is kept as a picture, to be looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import pytest
import requests
from django.utils import timezone
from playwright.sync_api import Browser, Page

from example_project import demo
from example_project.picsweb.models import Learner
from onefile_sync.models import (
    Change,
    DirectoryEntry,
    DirectoryKind,
    DirectoryList,
    LearnerOutcome,
    OutcomeState,
    RunKind,
    RunState,
    SyncRun,
    Tenant,
)

from .office import Office, RunningDemo
from .steps import HIDDEN_VALUES

pytestmark = pytest.mark.browser

WIDE, NARROW = 1280, 390

#: What a person presses, with how it looks: place, whether it has a frame or a filling of its own.
BUTTONS = """() => [...document.querySelectorAll(
    ':is(.onefile, .onefile-panel, .onefile-submit, .onefile-tool) :is(button, a.button, input[type="submit"])')]
    .filter((each) => each.offsetParent && each.getBoundingClientRect().width)
    .map((each) => {
        const box = each.getBoundingClientRect(), style = getComputedStyle(each);
        const clear = ['rgba(0, 0, 0, 0)', 'transparent'].includes(style.backgroundColor);
        return {text: each.innerText || each.value, left: box.left, right: box.right, top: box.top, bottom: box.bottom,
                visible: !clear || parseFloat(style.borderTopWidth) > 0, padding: parseFloat(style.paddingLeft)};
    })"""

CELLS = """() => [...document.querySelectorAll('.onefile tbody :is(th, td)')].map((each) => {
    const style = getComputedStyle(each);
    const line = [style, getComputedStyle(each.parentElement)].map((one) => parseFloat(one.borderBottomWidth));
    return [parseFloat(style.paddingLeft), Math.max(...line), style.textAlign];
})"""

LISTS = """() => [...document.querySelectorAll('.onefile-problems')].map((each) => {
    const item = getComputedStyle(each.querySelector('li'));
    return [parseFloat(getComputedStyle(each).paddingLeft), item.listStyleType, parseFloat(item.marginBottom)];
})"""

FIELDS = """() => [...document.querySelectorAll(
    '#onefilesettings_form :is(select, input[type="password"]), .onefile-defaults :is(select, input[type="text"])')]
    .filter((each) => each.offsetParent)
    .map((each) => parseFloat(getComputedStyle(each).borderTopWidth))"""

TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module", params=["plain", "unfold", "jazzmin"])
def theme(
    request: pytest.FixtureRequest, running_demo: RunningDemo, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """A theme's name, and the address at which the demo's PICSWeb wears it."""
    name = request.param
    if name == "plain":
        yield name, running_demo.site
        return
    environment = {
        **running_demo.environment,
        "DJANGO_SETTINGS_MODULE": f"tests.browser.themes.{name}",
        "PYTHONPATH": str(demo.MANAGE.parent),
    }
    port = demo.free_port(demo.ANY_PORT)
    site = f"http://127.0.0.1:{port}/"
    with demo.Children(tmp_path_factory.mktemp(name), environment) as children:
        server = children.start(name, "runserver", "--noreload", f"127.0.0.1:{port}")
        demo.wait_until_it_answers(server, lambda: _answers(site))
        yield name, site


def _answers(site: str) -> bool:
    try:
        return requests.get(f"{site}accounts/login/", timeout=5).ok
    except requests.ConnectionError:
        return False


@pytest.fixture(params=[WIDE, NARROW])
def page(
    request: pytest.FixtureRequest, theme: tuple[str, str], chromium: Browser, running_demo: RunningDemo
) -> Iterator[Page]:
    """The browser of somebody who may do everything."""
    context = chromium.new_context(locale="en-GB", viewport={"width": request.param, "height": 900})
    page = context.new_page()
    page.goto(f"{theme[1]}accounts/login/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(running_demo.passwords["admin"])
    page.get_by_role("button", name="Log in").click()
    yield page
    context.close()


@pytest.fixture
def held(office: Office) -> SyncRun:
    """A daily sync that the safety stop holds."""
    earlier = office.rows(LearnerOutcome).filter(run__kind=RunKind.DAILY).first()
    run = office.rows(SyncRun).create(
        kind=RunKind.DAILY, state=RunState.HELD, guarded=True, held_at=timezone.now(),
        environment="sandbox", address="http://127.0.0.1:8765/api/v2.1",
    )  # fmt: skip
    for learner in office.rows(Learner).filter(onefile_id__isnull=False)[:2]:
        outcome = office.rows(LearnerOutcome).create(
            run=run, learner_type_id=earlier.learner_type_id, learner_pk=str(learner.pk), state=OutcomeState.ASIDE
        )  # fmt: skip
        office.rows(Change).create(
            outcome=outcome, subject_kind="qualification", subject_label="196AS Business Administrator",
            side="picsweb", field="registration_number", old="P-1", new="REG-77", rule="registration_number",
            made=False,
        )  # fmt: skip
    return run


Addresses = dict[str, str]


@pytest.fixture
def _kept_lists(office: Office) -> None:
    """One centre with two classes, of which one has a long name, and more placements than a menu takes."""
    tenant = office.rows(Tenant).order_by("pk").first()
    names = {
        (DirectoryKind.CENTRE, 0): ["Northvale Training"],
        (DirectoryKind.CLASSROOM, 4740): [
            "Digital",
            "Business Administration and Customer Service, Tuesday evenings",
        ],
        (DirectoryKind.PLACEMENT, 4740): [f"Trent Valley Care {number}" for number in range(40)],
    }
    for (kind, centre_id), titles in names.items():
        office.rows(DirectoryList).update_or_create(
            tenant=tenant, kind=kind, centre_id=centre_id, role=0, defaults={"read_at": timezone.now()}
        )
        for number, title in enumerate(titles):
            office.rows(DirectoryEntry).update_or_create(
                tenant=tenant,
                kind=kind,
                centre_id=centre_id,
                onefile_id=4740 + number,
                defaults={"name": title},
            )


@pytest.fixture
def addresses(office: Office, held: SyncRun, _kept_lists: None) -> Addresses:
    daily = office.rows(LearnerOutcome).filter(run__kind=RunKind.DAILY, state=OutcomeState.ATTENTION).first()
    learner = office.rows(Learner).filter(onefile_id__isnull=False).order_by("pk").first()
    return {
        "learner": f"admin/picsweb/learner/{learner.pk}/change/",
        "run": f"onefile/run/{daily.run_id}/?outcome=attention",
        "held run": f"onefile/run/{held.pk}/",
        "confirmation": f"onefile/run/{held.pk}/apply/",
        "outcome": f"admin/onefile_sync/learneroutcome/{daily.pk}/change/",
        "settings": "admin/onefile_sync/onefilesettings/1/change/",
        "centre defaults": "onefile/centre-defaults/",
        "changes": "admin/onefile_sync/change/",
        "runs": "admin/onefile_sync/syncrun/",
        "health": "onefile/health/",
    }


#: The buttons of ours that a page has, or some of them.
PRESSED = {
    "learner": {"Save and refresh", "Save and preview"},
    "held run": {"Apply …", "Discard …"},
    "confirmation": {"Apply", "No, take me back"},
    "settings": {"Test connection"},
    "centre defaults": {"Save"},
}


@pytest.mark.parametrize(
    "name",
    [
        "learner",
        "run",
        "held run",
        "confirmation",
        "outcome",
        "settings",
        "centre defaults",
        "changes",
        "runs",
        "health",
    ],
)
def test_a_page_holds(
    name: str, theme: tuple[str, str], page: Page, addresses: Addresses, picture: Callable[[Page, str], None]
) -> None:
    answer = page.goto(theme[1] + addresses[name])
    assert answer is not None
    assert answer.ok
    picture(page, f"{theme[0]}-{name.replace(' ', '-')}-{page.viewport_size['width']}")  # type: ignore[index]

    assert page.evaluate(TOO_WIDE) <= 0
    assert page.evaluate(HIDDEN_VALUES) == 0
    buttons = page.evaluate(BUTTONS)
    assert {each["text"] for each in buttons} >= PRESSED.get(name, set())
    for each in buttons:
        assert each["visible"], f"{each['text']} looks like text"
        assert each["padding"] >= 6
    for one, other in combinations(buttons, 2):
        assert _apart(one, other), f"{one['text']} and {other['text']} run together"
    for padding, line, alignment in page.evaluate(CELLS):
        assert padding >= 4
        assert line > 0
        assert alignment in ("left", "start")
    for padding, marker, gap in page.evaluate(LISTS):
        assert padding >= 8
        assert marker != "none"
        assert gap > 0
    if name in ("run", "held run", "health", "outcome"):
        assert page.locator(".onefile :is(tbody td, .onefile-problems li)").count()
    if name in ("settings", "centre defaults"):
        assert page.evaluate(FIELDS) or name == "settings"
        assert all(frame > 0 for frame in page.evaluate(FIELDS))


def _apart(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether there is a gap between two buttons, beside or above each other."""
    beside = max(one["left"], other["left"]) - min(one["right"], other["right"])
    above = max(one["top"], other["top"]) - min(one["bottom"], other["bottom"])
    return beside >= 4 or above >= 4


def test_the_buttons_work_in_every_theme(
    theme: tuple[str, str], page: Page, addresses: Addresses, office: Office
) -> None:
    """A theme may put a button into the page's own form, in which a form of ours would be lost."""
    page.goto(theme[1] + addresses["learner"])
    page.on("dialog", lambda dialog: pytest.fail(f"asked: {dialog.message}"))
    # On a narrow page a theme may hide it behind a menu.
    page.locator('button[form="onefile-preview"]').evaluate("(button) => button.click()")
    page.wait_for_url("**/onefile/run/**")
    assert page.locator("#onefile-run").count() == 1
    page.goto(theme[1] + addresses["settings"])
    page.get_by_role("button", name="Test connection").click()
    page.get_by_text("Connected to OneFile as “Northvale Training”.").wait_for()
