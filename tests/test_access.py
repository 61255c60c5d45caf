"""Every address and button of ours by who asks and how: one row each, with the answer's status.

Looking changes nothing, nor does whoever is refused, nor does a form that is not ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test.utils import isolate_apps
from django.urls import URLResolver, get_resolver, resolve, reverse
from django_q.models import OrmQ

from example_project.picsweb.models import Learner
from onefile_sync.admin import OneFileLearnerAdminMixin
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import LearnerOutcome, OneFileSettings, RecordLink, SyncRun, WaitingReviews
from tests.factories import LearnerFactory, OfficerFactory
from tests.staff_fixtures import a_change, a_held_run, a_link, a_match, a_problem, a_run

pytestmark = pytest.mark.usefixtures("integration")

#: Restricted staff have the permissions of "staff with", and PICSWeb shows them none of the learners in question.
WHO = ("anonymous", "staff without", "staff with", "restricted staff", "superuser")

LOOKING = (302, 403, 200, 404, 200)
LOOKING_AT_ROWS = (302, 403, 200, 302, 200)
LOOKING_AT_LISTS = (302, 403, 200, 200, 200)
NOT_AT_ALL = (302, 405, 405, 405, 405)
NOBODY = (302, 403, 403, 403, 403)
ONLY_LOOKING_SUPERUSER = (302, 403, 403, 403, 200)
ONLY_DOING_SUPERUSER = (302, 403, 403, 403, 302)
DOING = (302, 403, 302, 404, 302)
SETTING_UP = (302, 403, 302, 302, 302)
ANYBODY = (302, 302, 302, 302, 302)
ON_THE_LIST = (302, 200, 200, 200, 200)
REST_LOOKING = (403, 403, 200, 404, 200)
REST_NOT_AT_ALL = (403, 405, 405, 405, 405)

#: The lists of the read-only admin, by what is in them.
LEDGER = {
    "runs": "syncrun",
    "outcomes": "learneroutcome",
    "changes": "change",
    "problems": "problem",
    "links": "recordlink",
}

#: what: (permissions of "staff with", answers to GET, answers to POST); answers in the order of WHO
PAGES: dict[str, tuple[tuple[str, ...], tuple[int, ...], tuple[int, ...]]] = {
    "refresh": (("refresh_learner",), NOT_AT_ALL, DOING),
    "link": (("link_records", "change_learner"), LOOKING, LOOKING),
    "link as one who may not change the learner": (
        ("link_records",), (302, 403, 404, 404, 200), (302, 403, 404, 404, 200),
    ),
    "link as one who may refresh": (
        ("refresh_learner", "change_learner"), ONLY_LOOKING_SUPERUSER, ONLY_LOOKING_SUPERUSER,
    ),
    "unlink": (("link_records", "change_learner"), LOOKING, DOING),
    "unlink as one who may not change the learner": (
        ("link_records",), (302, 403, 404, 404, 200), (302, 403, 404, 404, 302),
    ),
    "enrol": (("enrol_learner",), LOOKING, LOOKING),
    "enrol as one who may link and refresh": (
        ("refresh_learner", "link_records", "change_learner"), ONLY_LOOKING_SUPERUSER, ONLY_LOOKING_SUPERUSER,
    ),
    "enrolling": (("enrol_learner",), LOOKING, DOING),
    "reviews": (("link_records", "change_learner"), LOOKING_AT_LISTS, SETTING_UP),
    "reviews as one who may match": (
        ("match_records", "change_learner"), ONLY_LOOKING_SUPERUSER, ONLY_DOING_SUPERUSER,
    ),
    "run of reviews": (("link_records",), LOOKING_AT_LISTS, NOT_AT_ALL),
    "run": (("view_syncrun",), LOOKING, NOT_AT_ALL),
    "run as a colleague of whoever asked": (("refresh_learner",), LOOKING, NOT_AT_ALL),
    "run as one who may create learners": (("enrol_learner",), LOOKING, NOT_AT_ALL),
    "progress": (("view_syncrun",), LOOKING, NOT_AT_ALL),
    "outcome": (("view_syncrun",), LOOKING, NOT_AT_ALL),
    "outcome as somebody who may refresh": (("refresh_learner",), LOOKING, NOT_AT_ALL),
    "cancel": (("cancel_syncrun", "view_syncrun"), LOOKING, DOING),
    "cancel as a colleague of whoever asked": (("cancel_syncrun", "refresh_learner"), LOOKING, DOING),
    "cancel as one who may not see the run": (("cancel_syncrun",), ONLY_LOOKING_SUPERUSER, ONLY_DOING_SUPERUSER),
    "cancel as one who may decide": (("decide_syncrun", "view_syncrun"), ONLY_LOOKING_SUPERUSER, ONLY_DOING_SUPERUSER),
    "apply": (("decide_syncrun", "view_syncrun"), LOOKING, DOING),
    "apply as one who may not see the run": (("decide_syncrun",), ONLY_LOOKING_SUPERUSER, ONLY_DOING_SUPERUSER),
    "apply as one who may cancel": (("cancel_syncrun", "view_syncrun"), ONLY_LOOKING_SUPERUSER, ONLY_DOING_SUPERUSER),
    "discard": (("decide_syncrun", "view_syncrun"), LOOKING, DOING),
    "discard as one who may not see the run": (("decide_syncrun",), ONLY_LOOKING_SUPERUSER, ONLY_DOING_SUPERUSER),
    "discard as one who may cancel": (("cancel_syncrun", "view_syncrun"), ONLY_LOOKING_SUPERUSER, ONLY_DOING_SUPERUSER),
    "match": (("match_records",), LOOKING_AT_LISTS, SETTING_UP),
    "match as one who may link": (("link_records",), ONLY_LOOKING_SUPERUSER, ONLY_DOING_SUPERUSER),
    "matches": (("match_records",), LOOKING_AT_LISTS, NOT_AT_ALL),
    "CSV of matches": (("match_records",), LOOKING_AT_LISTS, NOT_AT_ALL),
    "linking matches": (("match_records",), NOT_AT_ALL, SETTING_UP),
    "match of two": (("match_records",), LOOKING, DOING),
    "health": (("view_health",), LOOKING_AT_LISTS, NOT_AT_ALL),
    # PICSWeb's restriction is of learners; these are officers.
    "look up": (("link_records", "change_officer"), LOOKING_AT_LISTS, SETTING_UP),
    "look up as one who may not change officers": (
        ("link_records", "view_officer"), (302, 403, 404, 404, 200), (302, 403, 404, 404, 302),
    ),
    "look up as one who may not link": (("change_officer",), ONLY_LOOKING_SUPERUSER, ONLY_DOING_SUPERUSER),
    "unlinking": (("link_records", "change_officer"), LOOKING_AT_LISTS, SETTING_UP),
    **dict.fromkeys(("lists", "links", "CSV of links"), (("match_records",), LOOKING_AT_LISTS, NOT_AT_ALL)),
    "links as one who may refresh them": (("refresh_links",), LOOKING_AT_LISTS, NOT_AT_ALL),
    "refresh links": (("refresh_links",), NOT_AT_ALL, SETTING_UP),
    "refresh links as one who may match": (("match_records", "view_syncrun"), NOT_AT_ALL, ONLY_DOING_SUPERUSER),
    "read lists": (("refresh_links",), NOT_AT_ALL, SETTING_UP),
    "read lists as one who may match": (("match_records", "view_syncrun"), NOT_AT_ALL, ONLY_DOING_SUPERUSER),
    "run of lists": (("refresh_links",), LOOKING_AT_LISTS, NOT_AT_ALL),
    "cancel lists": (("cancel_syncrun", "match_records"), LOOKING_AT_LISTS, SETTING_UP),
    "cancel lists as one who may refresh": (
        ("cancel_syncrun", "refresh_learner"), (302, 403, 404, 404, 200), (302, 403, 404, 404, 302),
    ),
    **dict.fromkeys(("unmatched", "CSV of unmatched"), (("view_syncrun",), LOOKING_AT_LISTS, NOT_AT_ALL)),
    "unmatched as one who may match": (("match_records",), LOOKING_AT_LISTS, NOT_AT_ALL),
    "unmatched as one who may link": (
        ("link_records", "refresh_links"), ONLY_LOOKING_SUPERUSER, NOT_AT_ALL,
    ),
    "way to health": (("view_health",), SETTING_UP, SETTING_UP),
    "way to match": (("match_records",), SETTING_UP, SETTING_UP),
    "way to lists": (("refresh_links",), SETTING_UP, SETTING_UP),
    "health as one who may change the settings": (
        ("change_onefilesettings", "view_syncrun"), ONLY_LOOKING_SUPERUSER, NOT_AT_ALL,
    ),
    "admin refresh": (("refresh_learner",), NOT_AT_ALL, DOING),
    "admin preview": (("preview_learner",), NOT_AT_ALL, DOING),
    # To whoever may not, the list answers as if nothing had been chosen.
    "asking for the action": (("refresh_learner",), ON_THE_LIST, ON_THE_LIST),
    "the action": (("refresh_learner",), ON_THE_LIST, (302, 200, 302, 302, 302)),
    "the action as one who may preview": (("preview_learner",), ON_THE_LIST, (302, 200, 200, 200, 302)),
    **{f"list of {what}": ((f"view_{model}",), LOOKING_AT_LISTS, LOOKING_AT_LISTS) for what, model in LEDGER.items()},
    **{f"record among {what}": ((f"view_{model}",), LOOKING_AT_ROWS, NOBODY) for what, model in LEDGER.items()},
    **{
        f"history among {what}": ((f"view_{model}",), LOOKING_AT_ROWS, LOOKING_AT_ROWS)
        for what, model in LEDGER.items()
    },
    **{f"adding to {what}": ((f"add_{model}",), NOBODY, NOBODY) for what, model in LEDGER.items()},
    **{f"deleting from {what}": ((f"delete_{model}",), NOBODY, NOBODY) for what, model in LEDGER.items()},
    **{f"way on to {what}": ((f"view_{model}",), ANYBODY, ANYBODY) for what, model in LEDGER.items()},
    "settings": (("change_onefilesettings",), LOOKING_AT_LISTS, SETTING_UP),
    "settings as one who may only look": (("view_onefilesettings",), LOOKING_AT_LISTS, ONLY_DOING_SUPERUSER),
    "centre defaults": (("change_onefilesettings",), LOOKING_AT_LISTS, SETTING_UP),
    "centre defaults as one who may only look": (
        ("view_onefilesettings", "refresh_links"), ONLY_LOOKING_SUPERUSER, ONLY_DOING_SUPERUSER,
    ),
    "moving links": (("change_onefilesettings",), NOT_AT_ALL, SETTING_UP),
    "moving links as one who may only look": (("view_onefilesettings",), NOT_AT_ALL, ONLY_DOING_SUPERUSER),
    "list of settings": (("change_onefilesettings",), SETTING_UP, SETTING_UP),
    "history of the settings": (("view_onefilesettings",), LOOKING_AT_LISTS, LOOKING_AT_LISTS),
    "way on to the settings": (("change_onefilesettings",), ANYBODY, ANYBODY),
    "adding settings": (("add_onefilesettings",), NOBODY, NOBODY),
    "deleting settings": (("delete_onefilesettings",), NOBODY, NOBODY),
    "test connection": (("change_onefilesettings",), LOOKING_AT_LISTS, LOOKING_AT_LISTS),
    "test connection as one who may only look": (
        ("view_onefilesettings",), LOOKING_AT_LISTS, ONLY_LOOKING_SUPERUSER,
    ),
    "REST refresh": (("refresh_learner",), REST_NOT_AT_ALL, (403, 403, 202, 404, 202)),
    "REST refresh as one who may preview": (
        ("preview_learner",), REST_NOT_AT_ALL, (403, 403, 403, 403, 202),
    ),
    "REST link": (("link_records", "change_learner"), REST_NOT_AT_ALL, (403, 403, 400, 404, 400)),
    "REST link as one who may not change the learner": (
        ("link_records",), REST_NOT_AT_ALL, (403, 403, 404, 404, 400),
    ),
    "REST status": (("view_syncrun",), REST_LOOKING, REST_NOT_AT_ALL),
    "REST run": (("view_syncrun",), REST_LOOKING, REST_NOT_AT_ALL),
    "REST outcomes": (("view_syncrun",), REST_LOOKING, REST_NOT_AT_ALL),
    "REST matching": (("match_records",), (403, 403, 200, 200, 200), (403, 403, 202, 202, 202)),
    "REST matching as one who may look": (
        ("view_syncrun", "link_records"), (403, 403, 403, 403, 200), (403, 403, 403, 403, 202),
    ),
    "REST suggestions": (("match_records",), (403, 403, 200, 200, 200), REST_NOT_AT_ALL),
    "REST suggestions as one who may look": (
        ("view_syncrun", "link_records"), (403, 403, 403, 403, 200), REST_NOT_AT_ALL,
    ),
    # 400: without a pair. Which pairs are left out is tested with the endpoints.
    "REST linking matches": (("match_records",), REST_NOT_AT_ALL, (403, 403, 400, 400, 400)),
    "REST not the same": (("match_records",), REST_NOT_AT_ALL, (403, 403, 400, 400, 400)),
    "REST unmatched": (("view_syncrun",), (403, 403, 200, 200, 200), REST_NOT_AT_ALL),
    "REST unmatched as one who may match": (("match_records",), (403, 403, 200, 200, 200), REST_NOT_AT_ALL),
    "REST links": (("match_records",), (403, 403, 200, 200, 200), REST_NOT_AT_ALL),
    "REST refresh links": (("refresh_links",), REST_NOT_AT_ALL, (403, 403, 202, 202, 202)),
}  # fmt: skip

#: What does something when it is posted by those who may; the rest shows, or asks OneFile who we are.
ACTS = {
    *("refresh", "cancel", "apply", "discard", "admin refresh", "admin preview", "the action", "settings"),
    *(
        "refresh links",
        "read lists",
        "cancel lists",
        "REST refresh",
        "REST refresh links",
        "unlink",
        "moving links",
        "enrolling",
    ),
    *("match", "linking matches", "match of two", "reviews", "REST matching"),
}

#: What is about OneFile's lists, which name no learner of PICSWeb's: restricted staff see them as everybody does.
ABOUT_LISTS = {
    "run of reviews",
    "refresh links",
    "read lists",
    "run of lists",
    "cancel lists",
    "REST refresh links",
}

SETTINGS_FORM = {
    "enabled": "on",
    "environment": "sandbox",
    "visit_type": "face_to_face",
    "safety_stop_percent": "35",
    "match_by": "automatic",
    "create_missing": "shown",
    "send_mis_value": "on",
    "bulk_limit": "50",
    "safety_stop_learners": "9",
}


@pytest.fixture
def addresses(learner: Learner) -> dict[str, str]:
    run = a_run((learner, "updated"), requested_by=User.objects.create_user("whoever asked"))
    outcome = run.outcomes.get()
    change, problem = a_change(outcome), a_problem(outcome)
    waiting = a_run((_another(503), "queued"), state="queued")
    held = a_held_run(_another(504), _another(505))
    of_lists = a_run(kind="lists", state="queued")
    of_waiting = a_link(_another(507), tenant=present_tenant(), onefile_id=507, reviews_pending=True)
    WaitingReviews.objects.create(link=of_waiting)
    rows = {
        "runs": run,
        "outcomes": outcome,
        "changes": change,
        "problems": problem,
        "links": a_link(learner),
    }

    def in_admin(name: str, *args: object) -> str:
        return reverse(f"admin:onefile_sync_{name}", args=args)

    addresses = {
        "refresh": reverse("onefile_sync:refresh", args=[learner.pk]),
        "link": reverse("onefile_sync:link", args=[learner.pk]),
        "unlink": reverse("onefile_sync:unlink", args=[learner.pk]),
        "enrol": reverse("onefile_sync:enrol", args=[learner.pk]),
        "enrolling": reverse("onefile_sync:enrol", args=[learner.pk]),
        "reviews": reverse("onefile_sync:reviews"),
        "run of reviews": reverse("onefile_sync:run", args=[a_run(kind="pairing").pk]),
        "run": reverse("onefile_sync:run", args=[run.pk]),
        "progress": reverse("onefile_sync:progress", args=[run.pk]),
        "outcome": reverse("onefile_sync:outcome", args=[outcome.pk]),
        "cancel": reverse("onefile_sync:cancel", args=[waiting.pk]),
        "apply": reverse("onefile_sync:apply", args=[held.pk]),
        "discard": reverse("onefile_sync:discard", args=[held.pk]),
        "match": reverse("onefile_sync:match"),
        "matches": reverse("onefile_sync:matches"),
        "CSV of matches": reverse("onefile_sync:matches_csv"),
        "linking matches": reverse("onefile_sync:link_matches"),
        "match of two": reverse("onefile_sync:match_pair", args=[a_match(_another(506)).pk]),
        "health": reverse("onefile_sync:health"),
        "look up": reverse("onefile_sync:look-up", args=["officer", OfficerFactory().pk]),
        "unlinking": reverse("onefile_sync:look-up-unlink", args=["officer", OfficerFactory().pk, 9]),
        "lists": reverse("onefile_sync:lists"),
        "centre defaults": reverse("onefile_sync:centre-defaults"),
        "links": reverse("onefile_sync:qualification-links"),
        "CSV of links": reverse("onefile_sync:qualification-links-csv"),
        "refresh links": reverse("onefile_sync:refresh-links"),
        "read lists": reverse("onefile_sync:read-lists"),
        "run of lists": reverse("onefile_sync:run", args=[of_lists.pk]),
        "cancel lists": reverse("onefile_sync:cancel", args=[of_lists.pk]),
        "REST matching": reverse("onefile_sync_rest:matching"),
        "REST suggestions": reverse("onefile_sync_rest:suggestions"),
        "REST linking matches": reverse("onefile_sync_rest:link-suggestions"),
        "REST not the same": reverse("onefile_sync_rest:not-same"),
        "REST unmatched": reverse("onefile_sync_rest:unmatched"),
        "REST links": reverse("onefile_sync_rest:qualification-links"),
        "REST refresh links": reverse("onefile_sync_rest:refresh-qualification-links"),
        "unmatched": reverse("onefile_sync:unmatched"),
        "CSV of unmatched": reverse("onefile_sync:unmatched-csv"),
        "way to health": in_admin("heartbeat_changelist"),
        "way to match": in_admin("matchsuggestion_changelist"),
        "way to lists": in_admin("directorylist_changelist"),
        "admin refresh": reverse("admin:picsweb_learner_onefile_refresh", args=[learner.pk]),
        "admin preview": reverse("admin:picsweb_learner_onefile_preview", args=[learner.pk]),
        "asking for the action": reverse("admin:picsweb_learner_changelist"),
        "the action": reverse("admin:picsweb_learner_changelist"),
        "settings": in_admin("onefilesettings_change", 1),
        "moving links": in_admin("onefilesettings_move_links"),
        "list of settings": in_admin("onefilesettings_changelist"),
        "history of the settings": in_admin("onefilesettings_history", 1),
        "way on to the settings": in_admin("onefilesettings_changelist") + "1/",
        "adding settings": in_admin("onefilesettings_add"),
        "deleting settings": in_admin("onefilesettings_delete", 1),
        "test connection": in_admin("onefilesettings_change", 1),
        "REST refresh": reverse("onefile_sync_rest:refresh-learner", args=[learner.pk]),
        "REST link": reverse("onefile_sync_rest:learner-link", args=[learner.pk]),
        "REST status": reverse("onefile_sync_rest:learner-status", args=[learner.pk]),
        "REST run": reverse("onefile_sync_rest:run", args=[run.pk]),
        "REST outcomes": reverse("onefile_sync_rest:run-outcomes", args=[run.pk]),
    }
    for what, model in LEDGER.items():
        pk = rows[what].pk
        addresses[f"list of {what}"] = in_admin(f"{model}_changelist")
        addresses[f"record among {what}"] = in_admin(f"{model}_change", pk)
        addresses[f"history among {what}"] = in_admin(f"{model}_history", pk)
        addresses[f"adding to {what}"] = in_admin(f"{model}_add")
        addresses[f"deleting from {what}"] = in_admin(f"{model}_delete", pk)
        addresses[f"way on to {what}"] = f"{in_admin(f'{model}_changelist')}{pk}/"
    return addresses


@pytest.fixture
def forms(learner: Learner, addresses: dict[str, str]) -> dict[str, dict[str, Any]]:
    """What is posted, where that is more than the press of a button."""
    waiting = RecordLink.objects.get(reviews_pending=True).pk
    chosen = {"action": "refresh_with_onefile", "_selected_action": [learner.pk]}
    return {
        "asking for the action": chosen,
        "the action": {**chosen, "onefile_confirmed": "yes"},
        "linking matches": {"kind": "learner", "level": "certain", "all": "yes", "confirmed": "1"},
        "match of two": {"action": "link"},
        "enrolling": {"action": "check"},
        "reviews": {f"answer-{waiting}": "different", f"shown-{waiting}": "-"},
        "settings": SETTINGS_FORM,
        "test connection": {**SETTINGS_FORM, "_test_connection": "yes"},
    }


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Test connection is about permissions here: OneFile is away."""
    from onefile_sync import services

    away = services.ConnectionReport(ok=False, customer_name="", text="OneFile could not be reached.")
    monkeypatch.setattr(services, "test_connection", lambda settings: away)


def everything() -> list[Any]:
    """What a button of ours can have an effect on."""
    tables = (SyncRun, LearnerOutcome, OneFileSettings, Learner, OrmQ)
    return [list(table._default_manager.order_by("pk").values()) for table in tables]


@pytest.mark.matrix
@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("page", PAGES)
def test_who_gets_what(page, who, addresses, forms, staff, restrict, browser):
    permissions, to_get, to_post = PAGES[page]
    people = {
        "anonymous": lambda: None,
        "staff without": staff,
        "staff with": lambda: staff(*permissions),
        "restricted staff": lambda: restrict(staff(*permissions)),
        "superuser": lambda: User.objects.create_superuser("root"),
    }
    member = people[who]()
    what = page.split(" as ")[0]
    address, form = addresses[what], forms.get(what, {})
    before = everything()

    got = browser(member).get(address)
    forged = browser(member, checks_csrf=True).post(address, form)
    assert everything() == before
    posted = browser(member).post(address, form)

    at = WHO.index(who)
    assert (got.status_code, posted.status_code, forged.status_code) == (to_get[at], to_post[at], 403)
    for answer in (got, posted):
        if member is None and answer.status_code == 302:
            assert "/login/" in answer["Location"]
    is_accepted = member is not None and posted.status_code in (202, 302)
    if who == "restricted staff" and page in ("the action", "linking matches", "reviews"):
        is_accepted = False  # the list answers as if nothing had been chosen
    assert (everything() != before) == (is_accepted and what in ACTS)
    if is_accepted and what in ACTS - {
        "settings",
        "REST refresh",
        "REST refresh links",
        "REST matching",
        "unlink",
        "moving links",
        "enrolling",
        "reviews",  # back to the page, for the next ones
    }:
        assert posted["Location"].startswith("/onefile/run/")


def nobody_for_staff(user: Any) -> Any:
    learners = Learner.objects.all()
    return learners if user.is_superuser else learners.none()


@pytest.fixture(params=["by permission", "by a function", "by a proxy"])
def restricted(request, monkeypatch, settings) -> None:
    """The other ways in which PICSWeb may show staff none of its learners."""
    learner_admin = admin.site._registry[Learner]
    if request.param == "by permission":
        for method in ("has_view_permission", "has_change_permission"):
            monkeypatch.setattr(
                learner_admin, method, lambda request, row=None: row is None or request.user.is_superuser
            )
    elif request.param == "by a function":
        path = "tests.test_access.nobody_for_staff"
        mapping = settings.ONEFILE_SYNC
        settings.ONEFILE_SYNC = {**mapping, "LEARNER": {**mapping["LEARNER"], "visible_to": path}}
    else:
        with isolate_apps("example_project.picsweb"):

            class OwnLearner(Learner):
                class Meta:
                    proxy = True
                    app_label = "picsweb"

        class OwnLearnerAdmin(admin.ModelAdmin):
            def get_queryset(self, request):
                return nobody_for_staff(request.user)

            def has_view_permission(self, request, obj=None):
                return True

        monkeypatch.delitem(admin.site._registry, Learner)
        monkeypatch.setitem(admin.site._registry, OwnLearner, OwnLearnerAdmin(OwnLearner, admin.site))


@pytest.mark.matrix
@pytest.mark.usefixtures("no_network", "restricted")
@pytest.mark.parametrize("page", PAGES)
def test_every_way_of_restricting_staff_has_the_same_result(page, addresses, forms, staff, browser):
    permissions, to_get, to_post = PAGES[page]
    what, at = page.split(" as ")[0], WHO.index("restricted staff")
    member, address, form = staff(*permissions), addresses[what], forms.get(what, {})
    before = everything()

    got, head = browser(member).get(address), browser(member).head(address)
    assert everything() == before
    posted = browser(member).post(address, form)

    assert (got.status_code, head.status_code, posted.status_code) == (to_get[at], to_get[at], to_post[at])
    acts_on_learners = what in ACTS - {"settings", "moving links", "match", "REST matching"} - ABOUT_LISTS
    assert not (acts_on_learners and everything() != before)


METHODS = ("get", "head", "post", "options", "put", "patch", "delete")


def of_nobody(address: str) -> str:
    """The same address with the key of a row that is not there; ``""`` where no row of a learner's is named."""
    match = resolve(address)
    keys = {
        name: uuid4() if len(str(key)) == len(str(uuid4())) else 987654 for name, key in match.kwargs.items()
    }
    of_others = ("onefilesettings", "look-up")
    is_about_learners = bool(keys) and bool(match.url_name) and not any(on in match.route for on in of_others)
    return reverse(match.view_name, kwargs=keys) if is_about_learners else ""


def without_key(answer: HttpResponse, key: object) -> tuple[str, dict[str, str]]:
    """What an answer tells beyond the key that was asked for, and the form's token that is new each time."""
    body = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode())
    told = {name: value.replace(f"/{key}/", "/…/") for name, value in answer.headers.items()}
    for differs in ("Content-Length", "Expires"):
        told.pop(differs, "")
    return body.replace(f"/{key}/", "/…/").replace(f"“{key}”", "“…”"), told


@pytest.mark.matrix
@pytest.mark.parametrize("who", ["staff without", "restricted staff"])
@pytest.mark.parametrize("page", [page for page in PAGES if " as " not in page and page not in ABOUT_LISTS])
def test_an_invisible_row_is_answered_like_a_missing_one(page, who, addresses, staff, restrict, browser):
    member = staff() if who == "staff without" else restrict(staff(*PAGES[page][0]))
    address = addresses[page]
    for method in METHODS if of_nobody(address) else ():
        answers = []
        for asked in (address, of_nobody(address)):
            answer = getattr(browser(member), method)(asked)
            answers.append((answer.status_code, *without_key(answer, *resolve(asked).kwargs.values())))
        assert answers[0] == answers[1], method


def test_head_works_where_get_does(addresses, admin_user, browser):
    client = browser(admin_user)
    for page, address in addresses.items():
        got, head = client.get(address), client.head(address)
        assert (page, head.status_code, head.getvalue()) == (page, got.status_code, b"")


def addresses_of_ours() -> set[str]:
    """Every address that an installation has of us, as Django knows it."""
    own = [
        f"admin/{model._meta.app_label}/{model._meta.model_name}/"
        for model, model_admin in admin.site._registry.items()
        if type(model_admin).__module__.startswith("onefile_sync.")
    ]
    return {
        route
        for route, name, within in _walk(get_resolver())
        if {"onefile_sync", "onefile_sync_rest"} & set(within)
        or ("admin" in within and (route.startswith(tuple(own)) or "_onefile_" in name))
    }


def _walk(
    resolver: URLResolver, before: str = "", within: tuple[str, ...] = ()
) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern, route, (*within, pattern.namespace or ""))
        else:
            yield route, pattern.name or "", within


def test_no_address_of_ours_is_missing_above(addresses):
    told = {resolve(address).route for address in addresses.values()}
    assert sorted(addresses_of_ours() - told) == []
    assert told - addresses_of_ours() == {"admin/picsweb/learner/"}  # the host's own, with our action in it


def test_every_address_above_has_a_row(addresses):
    assert {page.split(" as ")[0] for page in PAGES} == set(addresses)


def test_no_action_of_ours_is_missing_above(rf, admin_user):
    request = rf.get("/")
    request.user = admin_user
    offered = {
        type(model_admin): set(model_admin.get_actions(request))
        for model_admin in admin.site._registry.values()
    }
    ours = {kind: names for kind, names in offered.items() if kind.__module__.startswith("onefile_sync.")}
    assert set().union(*ours.values()) == set()
    on_learners = next(names for kind, names in offered.items() if issubclass(kind, OneFileLearnerAdminMixin))
    assert on_learners - {"delete_selected"} == {"refresh_with_onefile"}


OUR_PAGES = [
    *("refresh", "run", "progress", "outcome", "cancel", "apply", "discard", "health"),
    *("look up", "unlinking", "unmatched", "CSV of unmatched"),
    *("match", "matches", "CSV of matches", "linking matches", "match of two"),
    *("admin refresh", "admin preview", "settings", "test connection"),
    *("REST refresh", "REST status", "REST run", "REST outcomes"),
]


@pytest.mark.parametrize("page", OUR_PAGES)
@pytest.mark.usefixtures("no_network")
def test_nothing_is_kept_by_a_cache(page, addresses, admin_user, browser):
    client = browser(admin_user)
    answer = client.get(addresses[page])
    if answer.status_code == 405:
        answer = client.post(addresses[page])
    assert "no-store" in answer["Cache-Control"]


def test_who_may_refresh_but_not_view_the_learner_does_not_find_them(addresses, staff, browser):
    client = browser(staff("refresh_learner", "preview_learner", sees_learners=False))
    for page in ("refresh", "admin refresh", "admin preview", "run", "outcome"):
        address = addresses[page]
        answer = client.get(address) if page in ("run", "outcome") else client.post(address)
        assert answer.status_code == 404, page


def test_the_requester_sees_the_run_of_several_learners_while_they_may_refresh(learner, staff, browser):
    asker = staff("refresh_learner")
    run = a_run((learner, "updated"), (_another(), "updated"), requested_by=asker)
    assert browser(asker).get(run.get_absolute_url()).status_code == 200
    asker.user_permissions.clear()
    assert browser(asker).get(run.get_absolute_url()).status_code == 403


def test_a_run_of_several_learners_is_not_visible_to_colleagues_of_the_requester(learner, staff, browser):
    run = a_run((learner, "updated"), (_another(), "updated"), requested_by=staff("refresh_learner"))
    assert browser(staff("refresh_learner")).get(run.get_absolute_url()).status_code == 404


class TestWhoeverMayDecideAboutRunsThatTheyMaySee:
    """Each of these permissions counts for the runs that somebody may see, and for no other."""

    @pytest.fixture(params=["cancel", "apply", "discard"])
    def decision(self, request) -> str:
        return request.param

    @pytest.fixture
    def member(self, decision, staff) -> User:
        permission = "cancel_syncrun" if decision == "cancel" else "decide_syncrun"
        return staff(permission, "refresh_learner")

    @pytest.fixture
    def tried(self, decision, member, browser) -> Callable[[SyncRun], list[int]]:
        def answers(run: SyncRun) -> list[int]:
            address = reverse(f"onefile_sync:{decision}", args=[run.pk])
            return [browser(member).get(address).status_code, browser(member).post(address).status_code]

        return answers

    def test_not_one_of_several_learners_requested_by_another_user(self, learner, tried):
        run = a_held_run(learner, _another())
        assert tried(run) == [404, 404]
        run.refresh_from_db()
        assert run.is_held

    def a_run_to(self, decision, *learners, **values) -> SyncRun:
        if decision != "cancel":
            return a_held_run(*learners, **values)
        return a_run(*((each, "queued") for each in learners), kind="daily", state="running", **values)

    def test_one_that_they_asked_for(self, decision, learner, member, tried):
        assert tried(self.a_run_to(decision, learner, _another(), requested_by=member)) == [200, 302]

    def test_one_of_a_learner_whom_they_may_refresh(self, decision, learner, tried):
        assert tried(self.a_run_to(decision, learner)) == [200, 302]

    def test_not_while_they_may_not_view_the_learner(self, learner, member, tried):
        member.user_permissions.remove(*member.user_permissions.filter(codename="view_learner"))
        assert tried(a_held_run(learner)) == [404, 404]

    def test_whether_there_is_such_a_run_is_no_secret_that_helps(self, decision, member, browser):
        """Runs have random IDs: nobody finds one by trial."""
        address = reverse(f"onefile_sync:{decision}", args=["00000000-0000-4000-8000-000000000000"])
        assert browser(member).post(address).status_code == 404


def test_only_users_who_may_refresh_learn_that_a_learner_does_not_exist(staff, browser, db):
    address = reverse("onefile_sync:refresh", args=["987654"])
    assert browser(staff()).post(address).status_code == 403
    assert browser(staff("refresh_learner")).post(address).status_code == 404
    in_admin = reverse("admin:picsweb_learner_onefile_refresh", args=["987654"])
    assert browser(staff()).post(in_admin).status_code == 403
    assert browser(staff("refresh_learner")).post(in_admin).status_code == 404


def test_a_host_that_grants_rows_one_by_one_is_asked_about_the_row(learner, staff, browser, settings):
    settings.AUTHENTICATION_BACKENDS = [
        "django.contrib.auth.backends.ModelBackend",
        "tests.test_access.OnlyMaire",
    ]
    client = browser()
    client.force_login(staff(sees_learners=False), backend="django.contrib.auth.backends.ModelBackend")
    assert client.post(reverse("onefile_sync:refresh", args=[learner.pk])).status_code == 302
    assert client.post(reverse("onefile_sync:refresh", args=[_another().pk])).status_code == 403


class OnlyMaire:
    """A permission backend of a host where staff see their own learners only."""

    def authenticate(self, request, **credentials):
        return None

    def has_perm(self, user, permission, row=None):
        return row is not None and "Máire" in row.first_name


def _another(onefile_id: int = 502) -> Learner:
    return LearnerFactory(onefile_id=onefile_id)
