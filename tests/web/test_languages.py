"""Numbers are localised in texts, but not in attributes, IDs and addresses."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.urls import reverse

from example_project.picsweb.models import Learner
from onefile_sync.models import LearnerOutcome
from tests.factories import LearnerFactory
from tests.staff_fixtures import a_change, a_problem, a_run

#: As German, Welsh and French write the thousands: 1.234, 1,234, and with narrow or hard spaces.
GROUPED = re.compile(r"(?<![\d.])[1-9]\d{0,2}(?:[.,\u00a0\u202f ]\d{3})+(?![\d.])")
#: Attributes that people read.
READ = {"title", "alt", "placeholder", "aria-label", "content"}
ONEFILE_ID, AIM = 1250006, 4500321


class Attributes(HTMLParser):
    """A page's attributes, except those that people read, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("svg", "path", "symbol", "g"):
            self.attributes += [(tag, name, value or "") for name, value in attrs if name not in READ]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(params=["de", "cy", "fr"])
def language(request, settings):
    settings.LANGUAGE_CODE = request.param
    settings.USE_THOUSAND_SEPARATOR = True


@pytest.fixture
def learner(db):
    return LearnerFactory(pk=87654321, first_name="Siân", onefile_id=ONEFILE_ID)


@pytest.fixture
def run(learner):
    """A running daily sync with 300 of 1,101 learners done and rows with long numbers."""
    run = a_run(kind="daily", state="running")
    LearnerOutcome.objects.bulk_create(
        LearnerOutcome(
            run=run,
            learner_type=ContentType.objects.get_for_model(Learner),
            learner_pk=str(number),
            state="unchanged" if number < 300 else "queued",
        )
        for number in range(1100)
    )
    outcome = LearnerOutcome.objects.create(
        pk=7654321,
        run=run,
        learner_type=ContentType.objects.get_for_model(Learner),
        learner_pk=str(learner.pk),
        onefile_id=ONEFILE_ID,
        state="attention",
        finished_at=run.created_at,
    )
    a_change(outcome, subject_onefile_id=AIM)
    a_problem(outcome, subject_onefile_id=AIM, details={"assessor": 4711234, "reviews": 2})
    return run


def addresses(run, learner):
    outcome = run.outcomes.get(learner_pk=str(learner.pk))
    ours = "/admin/onefile_sync/"
    return {
        "run": run.get_absolute_url(),
        "page of a run": f"{run.get_absolute_url()}?page=12",
        "cancelling": reverse("onefile_sync:cancel", args=[run.pk]),
        "outcome": reverse("onefile_sync:outcome", args=[outcome.pk]),
        "health": reverse("onefile_sync:health"),
        "learner": f"/admin/picsweb/learner/{learner.pk}/change/",
        "learners": "/admin/picsweb/learner/",
        "settings": f"{ours}onefilesettings/1/change/",
        "runs": f"{ours}syncrun/",
        "a run": f"{ours}syncrun/{run.pk}/change/",
        "outcomes": f"{ours}learneroutcome/?state__exact=attention",
        "an outcome": f"{ours}learneroutcome/{outcome.pk}/change/",
        "changes": f"{ours}change/?made__exact=1",
        "a change": f"{ours}change/{outcome.changes.get().pk}/change/",
        "problems": f"{ours}problem/?standing=all",
        "a problem": f"{ours}problem/{outcome.problems.get().pk}/change/",
        "delivery plan": f"/learners/{learner.pk}/delivery-plan/",
        "list of learners": "/",
    }


PAGES = (
    "run", "page of a run", "cancelling", "outcome", "health", "learner", "learners", "settings", "runs", "a run",
    "outcomes", "an outcome", "changes", "a change", "problems", "a problem", "delivery plan", "list of learners",
)  # fmt: skip
#: Pages that show OneFile IDs, which staff copy.
COPIED = {
    "outcomes": ONEFILE_ID, "an outcome": ONEFILE_ID, "a change": AIM, "a problem": AIM, "learners": ONEFILE_ID,
    "delivery plan": ONEFILE_ID, "list of learners": ONEFILE_ID,
}  # fmt: skip


def read(browser, member, address):
    answer = browser(member).get(address)
    assert answer.status_code == 200
    page = Attributes()
    page.feed(answer.content.decode())
    return page


@pytest.mark.matrix
@pytest.mark.parametrize("name", PAGES)
def test_no_attribute_and_no_id_has_a_number_as_people_write_it(
    name, language, run, learner, browser, admin_user
):
    page = read(browser, admin_user, addresses(run, learner)[name])
    assert [each for each in page.attributes if GROUPED.search(each[2])] == []
    for number in (learner.pk, ONEFILE_ID, AIM, 7654321, 4711234):
        for separator in ".,\u00a0\u202f ":
            assert f"{number:,}".replace(",", separator) not in page.text
    assert str(COPIED.get(name, "")) in page.text


def test_the_progress_bar_is_as_full_as_the_run_is(language, run, browser, admin_user):
    page = read(browser, admin_user, run.get_absolute_url())
    bar = {name: value for tag, name, value in page.attributes if tag == "progress"}
    assert (bar["max"], bar["value"]) == ("1101", "301")


def test_those_who_may_only_look_can_copy_the_learners_onefile_id(language, run, learner, browser, staff):
    page = read(browser, staff("refresh_learner"), f"/admin/picsweb/learner/{learner.pk}/change/")
    assert str(ONEFILE_ID) in page.text


@pytest.mark.parametrize("setting", ["list_editable", "list_display_links"])
def test_a_column_that_the_host_uses_by_its_name_is_left_alone(setting, learner, rf, admin_user):
    from onefile_sync.admin import OneFileLearnerAdminMixin

    class LearnerAdmin(OneFileLearnerAdminMixin, admin.ModelAdmin):
        list_display = ("ident", "onefile_id")

    made = type("LearnerAdmin", (LearnerAdmin,), {setting: ("onefile_id",)})(Learner, admin.site)
    assert list(made.get_list_display(rf.get("/"))) == ["ident", "onefile_id"]
