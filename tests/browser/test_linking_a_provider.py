"""From a PICSWeb without any OneFile ID to the first sync, by a training administrator in the browser.

OneFile has the same people, with mistakes on both sides. At the end nobody is linked to somebody else, and no review
is there twice.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import Permission, User
from django.db import connections
from playwright.sync_api import Browser, Locator, Page, expect

from example_project import demo
from example_project.picsweb.models import Learner, Officer, Organisation, Review
from onefile_sync.models import RecordLink
from onefile_sync.sandbox.demo_data.demo_data import Provider
from onefile_sync.sandbox.demo_data.provider import build

from .conftest import Desks
from .office import SITE, Office, RunningDemo
from .steps import HIDDEN_VALUES, headline

pytestmark = pytest.mark.browser

#: What docs/install.md gives to training administrators, and PICSWeb's own permissions for what they link.
MAY = {
    "onefile_sync": (
        *("refresh_learner", "preview_learner", "cancel_syncrun"),
        *("refresh_links", "link_records", "match_records"),
    ),
    "picsweb": tuple(
        f"{may}_{row}" for may in ("view", "change") for row in ("learner", "officer", "organisation")
    ),
}
OUT_OF_SIGHT = """found => found.filter(
    (each) => each.getBoundingClientRect().right > document.documentElement.clientWidth).length"""
LEARNERS, OFFICERS, ERRORS_PERCENT = 40, 10, 5


@dataclass
class Trainer:
    """The training administrator at a browser, and the truth about who is who."""

    page: Page
    office: Office
    provider: Provider
    clicks: int = 0

    def press(self, name: str | re.Pattern[str], role: Any = "button") -> None:
        self.clicks += 1
        self.page.get_by_role(role, name=name).first.click()

    def follow(self) -> str:
        """Watch a run to its end; what its headline says then."""
        expect(headline(self.page)).to_have_text(re.compile(r"^Finished"), timeout=60_000)
        return headline(self.page).inner_text()

    def learners_truly(self) -> dict[str, int]:
        """OneFile's users by the Ident of the learner who they are."""
        return {
            each.picsweb.ident: each.onefile.user.id
            for each in self.provider.learners
            if each.onefile is not None
        }

    def reviews_truly(self) -> dict[int, int | None]:
        """The OneFile reviews that PICSWeb's reviews are, by primary key. Both sides are in one order."""
        truly: dict[int, int | None] = {}
        by_ident = {each.picsweb.ident: each.picsweb for each in self.provider.learners}
        for learner in self.office.rows(Learner):
            known = by_ident[learner.ident].reviews
            mine = self.office.rows(Review).filter(learner=learner).order_by("pk")[: len(known)]
            truly |= {review.pk: each.onefile_id for review, each in zip(mine, known, strict=True)}
        return truly

    # What is done

    def match(self) -> None:
        self.page.goto(self.office.address("/"))
        self.press("Administration", "link")
        self.press("Match with OneFile", "link")
        expect(self.page.locator("body")).to_contain_text("Learners not linked: ")
        self.press("Start")
        self.follow()
        self.press("Look through what was found", "link")

    def tab(self, kind: str, level: str) -> int:
        """Choose a tab; how many pairs are in it."""
        tabs = self.page.locator("#content-main nav")
        for name in (kind, re.compile(rf"^{level} \d+$")):
            tab = tabs.get_by_role("link", name=name)
            if tab.get_attribute("aria-current") is None:
                self.clicks += 1
                tab.click()
                expect(tab).to_have_attribute("aria-current", "true")
        return int(tab.inner_text().split()[-1])

    def on_a_phone(self, kind: str, level: str) -> tuple[int, int]:
        """The values that a tab has on a narrow page, and those among them that are out of sight."""
        self.tab(kind, level)
        size = self.page.viewport_size
        self.page.set_viewport_size({"width": 390, "height": 844})
        seen = (
            self.page.locator(".onefile-stacked tbody :is(th, td)").count(),
            self.page.evaluate(HIDDEN_VALUES),
        )
        if size is not None:
            self.page.set_viewport_size(size)
        return seen

    def link_all(self, kind: str, level: str) -> int:
        if number := self.tab(kind, level):
            self.press(re.compile("^Link all"))
            self.press(f"Link {number}")
            self.follow()
            self.press("Look through what was found", "link")
        return number

    def decide_singly(self, kind: str, level: str, truth: dict[str, int]) -> None:
        """Open each pair, and say what a person who knows them says."""
        while self.tab(kind, level):
            self.press("Compare", "link")
            expect(self.page.get_by_role("heading", name="Are these the same?")).to_be_visible()
            about = self.page.locator("#content-main").inner_text()
            ours, theirs = re.search(r"\(?([A-Z]+\d+)\)?", about), re.search(r"OneFile: .*\((\d+)\)", about)
            assert ours is not None
            assert theirs is not None
            if truth.get(ours[1]) == int(theirs[1]):
                for tick in self.page.get_by_role("checkbox").all():
                    self.clicks += 1
                    tick.check()
                self.press(re.compile("^Link$"))
                self.follow()
                self.press("Look through what was found", "link")
            else:
                self.press("Not the same")

    def pair_reviews(self) -> int:
        """Answer the question about the reviews of every learner of whom it is open; how many there were."""
        truly, answered = self.reviews_truly(), 0
        address = self.office.address("/onefile/reviews/")
        self.page.goto(address)
        saving = self.page.get_by_role("link", name="Answers are being saved now.")
        learners = self.page.locator(".onefile-of-learner")
        while number := learners.count():
            for learner in learners.all():
                self.answer(learner, truly)
            self.press("Save")
            answered += number
            expect(self.page.locator("body")).to_contain_text(f"about {number} learner")
            if not learners.count() and saving.count():
                self.press("Answers are being saved now.", "link")
                self.follow()
                self.press("Reviews to answer", "link")
        return answered

    def answer(self, learner: Locator, truly: dict[int, int | None]) -> None:
        """What a person who knows the learner's reviews says on the page of many learners."""
        is_any_chosen = False
        for choice in learner.locator("select").all():
            pk = int((choice.get_attribute("name") or "").rsplit("-")[-1])
            values = choice.locator("option").evaluate_all("options => options.map(each => each.value)")
            wanted = str(truly.get(pk) or "")
            chosen = wanted if wanted in values else ""
            is_any_chosen = is_any_chosen or bool(chosen)
            if choice.input_value() != chosen:
                self.clicks += 1
                choice.select_option(chosen)
        said = re.compile("^The reviews chosen" if is_any_chosen else "^They are all different")
        answer = learner.get_by_role("radio", name=said)
        if not answer.is_checked():
            self.clicks += 1
            answer.check()

    def questions_on_a_phone(self) -> tuple[int, int]:
        """How much there is to choose and to press on *Reviews to answer* on a phone; how much is out of sight."""
        self.page.goto(self.office.address("/onefile/reviews/"))
        size = self.page.viewport_size
        self.page.set_viewport_size({"width": 390, "height": 844})
        there = self.page.locator(".onefile-of-learner :is(select, label, legend)")
        seen = there.count(), there.evaluate_all(OUT_OF_SIGHT)
        if size is not None:
            self.page.set_viewport_size(size)
        return seen

    def sync(self) -> None:
        """What the schedule does at night."""
        ran = demo.run_manage(self.office.demo.environment, "onefile_sync", "--json")
        assert '"finished"' in ran.stdout, ran.stdout + ran.stderr

    # What came of it

    def wrong_links(self) -> list[tuple[str, str, int | None]]:
        truth = self.learners_truly()
        learners = [
            ("learner", each.ident, each.onefile_id)
            for each in self.office.rows(Learner).exclude(onefile_id=None)
            if truth.get(each.ident) != each.onefile_id
        ]
        users = {f"OFF{each.id - 120000:02}": each.id for each in self.provider.assessors}
        places = {f"ORG{each.id - 18000:03}": each.id for each in self.provider.placements}
        others = [
            (model.__name__, each.ident, each.onefile_id)
            for model, theirs in ((Officer, users), (Organisation, places))
            for each in self.office.rows(model).exclude(onefile_id=None)
            if theirs[each.ident] != each.onefile_id
        ]
        return learners + others

    def doubled_reviews(self) -> list[Any]:
        """PICSWeb's reviews that are another review in OneFile than they should be, and those there twice."""
        truly = self.reviews_truly()
        rows = list(self.office.rows(Review).exclude(onefile_id=None))
        ids = [each.onefile_id for each in rows]
        wrong = [each for each in rows if truly.get(each.pk) and truly[each.pk] != each.onefile_id]
        late = [
            each
            for each in rows
            if each.pk not in truly and each.onefile_id in set(filter(None, truly.values()))
        ]
        twice = [each for each in ids if ids.count(each) > 1]
        return [*wrong, *late, *twice]


@pytest.fixture
def trainer(
    has_javascript: bool,
    chromium: Browser,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Trainer]:
    options = [f"--officers={OFFICERS}", f"--errors-percent={ERRORS_PERCENT}", "--unlinked"]
    running = RunningDemo.start(tmp_path_factory.mktemp("unlinked"), *options, learners=LEARNERS)
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # as in the fixture office
    connections.databases[SITE] = {
        **connections.databases["default"],
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(running.database),
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
    }
    desks = Desks(chromium, running)
    try:
        with django_db_blocker.unblock():
            member = User.objects.db_manager(SITE).create_user("trainer", is_staff=True)
            for app, names in MAY.items():
                allowed = Permission.objects.using(SITE).filter(
                    content_type__app_label=app, codename__in=names
                )
                member.user_permissions.add(*allowed)
            password = secrets.token_urlsafe(9)
            member.password = PBKDF2PasswordHasher().encode(
                password, secrets.token_hex(8)
            )  # the demo's hasher
            member.save(using=SITE)
            running.passwords["trainer"] = password  # type: ignore[index]
            page = desks.open("trainer", has_javascript=has_javascript)
            provider = build(LEARNERS, 1, officers=OFFICERS, errors_percent=ERRORS_PERCENT)
            yield Trainer(page, Office(running), provider)
            connections[SITE].close()
        assert desks.wrong == []
    finally:
        for context in desks.contexts.values():
            context.close()
        del connections[SITE]
        del connections.databases[SITE]
        running.stop()


def test_a_training_administrator_links_everybody(trainer: Trainer) -> None:
    trainer.match()
    values, out_of_sight = trainer.on_a_phone("Learners", "Certain")
    assert (values > 0, out_of_sight) == (True, 0)
    linked = 0
    for kind in ("Officers", "Organisations", "Learners"):
        for level in ("Certain", "Strong"):
            linked = trainer.link_all(kind, level) + (linked if level == "Strong" else 0)
    enrolled = [
        each
        for each in trainer.provider.learners
        if each.onefile is not None and each.picsweb.status == "live"
    ]
    assert linked >= 0.9 * sum(each.picsweb.actual_end_date is None for each in enrolled)
    assert trainer.wrong_links() == []
    truth = trainer.learners_truly()
    for level in ("Possible", "Several", "Contradicted"):
        trainer.decide_singly("Learners", level, truth)
    assert trainer.wrong_links() == []
    assert trainer.doubled_reviews() == []

    trainer.sync()
    assert trainer.doubled_reviews() == []
    waiting = trainer.office.rows(RecordLink).filter(reviews_pending=True, ended_at=None).count()
    there, out_of_sight = trainer.questions_on_a_phone()
    assert (there > 0, out_of_sight) == (True, 0)
    assert trainer.pair_reviews() == waiting > 0
    assert not trainer.office.rows(RecordLink).filter(reviews_pending=True, ended_at=None).exists()
    trainer.sync()
    assert trainer.doubled_reviews() == []
    assert trainer.wrong_links() == []
