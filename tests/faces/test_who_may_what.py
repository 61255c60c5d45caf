"""Every page and button by who asks and how: one row each, with the answer's status."""

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from .conftest import a_change, a_problem, a_run

#: page: (permission of "staff with", answers to GET, answers to POST); answers in the order of WHO
PAGES = {
    "refresh": ("refresh_learner", (302, 405, 405, 405), (302, 403, 302, 302)),
    "admin refresh": ("refresh_learner", (302, 405, 405, 405), (302, 403, 302, 302)),
    "admin preview": ("preview_learner", (302, 405, 405, 405), (302, 403, 302, 302)),
    "run": ("view_syncrun", (302, 403, 200, 200), (302, 405, 405, 405)),
    "run as a colleague of whoever asked": ("refresh_learner", (302, 403, 200, 200), (302, 405, 405, 405)),
    "progress": ("view_syncrun", (302, 403, 200, 200), (302, 405, 405, 405)),
    "outcome": ("view_syncrun", (302, 403, 200, 200), (302, 405, 405, 405)),
    "outcome as somebody who may refresh": ("refresh_learner", (302, 403, 200, 200), (302, 405, 405, 405)),
    "list of runs": ("view_syncrun", (302, 403, 200, 200), (302, 403, 200, 200)),
    "a run's record": ("view_syncrun", (302, 403, 200, 200), (302, 403, 403, 403)),
    "adding a run": ("add_syncrun", (302, 403, 403, 403), (302, 403, 403, 403)),
    "deleting a run": ("delete_syncrun", (302, 403, 403, 403), (302, 403, 403, 403)),
    "list of outcomes": ("view_learneroutcome", (302, 403, 200, 200), (302, 403, 200, 200)),
    "an outcome's record": ("view_learneroutcome", (302, 403, 200, 200), (302, 403, 403, 403)),
    "deleting an outcome": ("delete_learneroutcome", (302, 403, 403, 403), (302, 403, 403, 403)),
    "list of changes": ("view_change", (302, 403, 200, 200), (302, 403, 200, 200)),
    "a change's record": ("view_change", (302, 403, 200, 200), (302, 403, 403, 403)),
    "list of problems": ("view_problem", (302, 403, 200, 200), (302, 403, 200, 200)),
    "a problem's record": ("view_problem", (302, 403, 200, 200), (302, 403, 403, 403)),
    "settings": ("change_onefilesettings", (302, 403, 200, 200), (302, 403, 200, 200)),
    "settings to look at": ("view_onefilesettings", (302, 403, 200, 200), (302, 403, 403, 200)),
    "list of settings": ("change_onefilesettings", (302, 403, 302, 302), (302, 403, 302, 302)),
    "adding settings": ("add_onefilesettings", (302, 403, 403, 403), (302, 403, 403, 403)),
    "test connection": ("change_onefilesettings", (302, 405, 405, 405), (302, 403, 302, 302)),
    "test connection as one who may only look": ("view_onefilesettings", (302, 405, 405, 405), (302, 403, 403, 302)),
}  # fmt: skip

WHO = ("anonymous", "staff without", "staff with", "superuser")


@pytest.fixture
def addresses(learner):
    run = a_run((learner, "updated"), requested_by=User.objects.create_user("whoever asked"))
    outcome = run.outcomes.get()
    change, problem = a_change(outcome), a_problem(outcome)

    def admin(name, *args):
        return reverse(f"admin:onefile_sync_{name}", args=args)

    return {
        "refresh": reverse("onefile_sync:refresh", args=[learner.pk]),
        "admin refresh": reverse("admin:picsweb_learner_onefile_refresh", args=[learner.pk]),
        "admin preview": reverse("admin:picsweb_learner_onefile_preview", args=[learner.pk]),
        "run": reverse("onefile_sync:run", args=[run.pk]),
        "progress": reverse("onefile_sync:progress", args=[run.pk]),
        "outcome": reverse("onefile_sync:outcome", args=[outcome.pk]),
        "list of runs": admin("syncrun_changelist"),
        "a run's record": admin("syncrun_change", run.pk),
        "adding a run": admin("syncrun_add"),
        "deleting a run": admin("syncrun_delete", run.pk),
        "list of outcomes": admin("learneroutcome_changelist"),
        "an outcome's record": admin("learneroutcome_change", outcome.pk),
        "deleting an outcome": admin("learneroutcome_delete", outcome.pk),
        "list of changes": admin("change_changelist"),
        "a change's record": admin("change_change", change.pk),
        "list of problems": admin("problem_changelist"),
        "a problem's record": admin("problem_change", problem.pk),
        "settings": admin("onefilesettings_change", 1),
        "settings to look at": admin("onefilesettings_change", 1),
        "list of settings": admin("onefilesettings_changelist"),
        "adding settings": admin("onefilesettings_add"),
        "test connection": admin("onefilesettings_test_connection"),
    }


@pytest.fixture
def no_network(monkeypatch):
    """Test connection is about permissions here: OneFile is away."""
    from onefile_sync import services

    away = services.ConnectionReport(ok=False, customer_name="", text="OneFile could not be reached.")
    monkeypatch.setattr(services, "test_connection", lambda settings: away)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("page", PAGES)
def test_who_gets_what(page, who, addresses, staff, browser):
    permission, to_get, to_post = PAGES[page]
    people = {
        "anonymous": lambda: None,
        "staff without": staff,
        "staff with": lambda: staff(permission),
        "superuser": lambda: User.objects.create_superuser("root"),
    }
    member = people[who]()
    address = addresses[page.split(" as ")[0]]

    got = browser(member).get(address)
    posted = browser(member).post(address)
    forged = browser(member, checks_csrf=True).post(address)

    assert (got.status_code, posted.status_code) == (to_get[WHO.index(who)], to_post[WHO.index(who)])
    assert forged.status_code == 403
    if member is None:
        assert "/login/" in got["Location"]
        assert "/login/" in posted["Location"]
    elif posted.status_code == 302 and permission in ("refresh_learner", "preview_learner"):
        assert posted["Location"].startswith("/onefile/run/")


@pytest.mark.parametrize(
    "page",
    [
        "refresh",
        "admin refresh",
        "admin preview",
        "run",
        "progress",
        "outcome",
        "settings",
        "test connection",
    ],
)
@pytest.mark.usefixtures("no_network")
def test_nothing_is_kept_by_a_cache(page, addresses, admin_user, browser):
    client = browser(admin_user)
    answer = client.get(addresses[page])
    if answer.status_code == 405:
        answer = client.post(addresses[page])
    assert "no-store" in answer["Cache-Control"]


def test_who_may_refresh_but_not_view_the_learner_may_not_refresh_them(addresses, staff, browser):
    client = browser(staff("refresh_learner", "preview_learner", sees_learners=False))
    for page in ("refresh", "admin refresh", "admin preview", "run", "outcome"):
        address = addresses[page]
        answer = client.get(address) if page in ("run", "outcome") else client.post(address)
        assert answer.status_code == 403, page


def test_whoever_asked_sees_the_run_of_several_learners_while_they_may_refresh(learner, staff, browser):
    asker = staff("refresh_learner")
    run = a_run((learner, "updated"), (_another(), "updated"), requested_by=asker)
    assert browser(asker).get(run.get_absolute_url()).status_code == 200
    asker.user_permissions.clear()
    assert browser(asker).get(run.get_absolute_url()).status_code == 403


def test_a_run_of_several_learners_is_not_for_colleagues_of_whoever_asked(learner, staff, browser):
    run = a_run((learner, "updated"), (_another(), "updated"), requested_by=staff("refresh_learner"))
    assert browser(staff("refresh_learner")).get(run.get_absolute_url()).status_code == 403


def test_an_unknown_learner_is_found_out_only_by_whoever_may_refresh(staff, browser, db):
    address = reverse("onefile_sync:refresh", args=["987654"])
    assert browser(staff()).post(address).status_code == 403
    assert browser(staff("refresh_learner")).post(address).status_code == 404
    in_admin = reverse("admin:picsweb_learner_onefile_refresh", args=["987654"])
    assert browser(staff()).post(in_admin).status_code == 403
    assert browser(staff("refresh_learner")).post(in_admin).status_code == 404


def test_a_host_that_grants_rows_one_by_one_is_asked_about_the_row(learner, staff, browser, settings):
    settings.AUTHENTICATION_BACKENDS = [
        "django.contrib.auth.backends.ModelBackend",
        "tests.faces.test_who_may_what.OnlyMaire",
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


def _another():
    from tests.factories import LearnerFactory

    return LearnerFactory(onefile_id=502)
