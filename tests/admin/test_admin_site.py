"""A project with its learners on a separate admin site: our pages, breadcrumbs and settings are on it too."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.admin import AdminSite
from django.contrib.auth import views as auth_views
from django.urls import include, path, reverse

from example_project.picsweb import views
from example_project.picsweb.admin import LearnerAdmin
from example_project.picsweb.models import Learner
from onefile_sync.admin import register
from onefile_sync.models import SyncRun
from tests.staff_fixtures import a_change, a_problem, a_run, words

OURS = [
    path("onefile/", include("onefile_sync.urls")),
    path("learners/<int:pk>/delivery-plan/", views.DeliveryPlan.as_view(), name="delivery_plan"),
    path("accounts/login/", auth_views.LoginView.as_view(), name="login"),
    path("", views.LearnerList.as_view(), name="learners"),
    path("accounts/logout/", auth_views.LogoutView.as_view(), name="logout"),
]


@pytest.fixture
def office():
    """Create the learners' site and remove it afterwards, as Django would keep it registered."""
    made = []

    def make(with_class=LearnerAdmin):
        site = AdminSite(name="office")
        site.site_header = "The office"
        site.register(Learner, with_class)
        made.append(site)
        return site

    yield make
    for site in made:
        site._registry.clear()


@pytest.fixture(params=["alone", "beside the default site"])
def second_site(request, settings, office):
    """The learners' site: the only one in the URLs, or beside the default site, which then has no learners."""
    site = office()
    if request.param == "alone":
        settings.ROOT_URLCONF = (path("office/", site.urls), *OURS)
        yield site
        return
    registered = dict(admin.site._registry)
    del admin.site._registry[Learner]
    settings.ROOT_URLCONF = (path("admin/", admin.site.urls), path("office/", site.urls), *OURS)
    yield site
    admin.site._registry.clear()
    admin.site._registry.update(registered)


@pytest.fixture
def client(second_site, browser, admin_user):
    return browser(admin_user)


def assert_is_of_the_office(text):
    assert "The office" in text
    assert 'href="/office/"' in text
    assert '"/admin/' not in text


def test_our_pages_and_their_breadcrumbs_belong_to_the_learners_site(client, learner):
    run = a_run((learner, "attention"))
    a_problem(run.outcomes.get())
    held = a_run((learner, "aside"), kind="daily", state="held")
    for address in (
        run.get_absolute_url(),
        reverse("onefile_sync:outcome", args=[run.outcomes.get().pk]),
        reverse("onefile_sync:health"),
        reverse("onefile_sync:apply", args=[held.pk]),
    ):
        assert_is_of_the_office(words(client.get(address)))
    text = words(client.get(run.get_absolute_url()))
    assert '<a href="/office/onefile_sync/syncrun/">Runs</a>' in text
    assert f'<a href="/office/picsweb/learner/{learner.pk}/change/">Open the learner</a>' in text
    text = words(client.get(reverse("onefile_sync:health")))
    assert '<a href="/office/onefile_sync/onefilesettings/">OneFile settings</a>' in text


def test_the_learners_page_its_buttons_and_its_action_are_there(client, learner):
    page = f"/office/picsweb/learner/{learner.pk}/"
    text = words(client.get(f"{page}change/"))
    assert_is_of_the_office(text)
    for name in ("refresh", "preview"):
        assert f'action="{page}onefile/{name}/"' in text
        assert client.post(f"{page}onefile/{name}/")["Location"].startswith("/onefile/run/")
    chosen = {"action": "refresh_with_onefile", "_selected_action": [learner.pk]}
    assert_is_of_the_office(words(client.post("/office/picsweb/learner/", chosen)))


def test_the_settings_and_what_was_recorded_are_there(client, learner):
    run = a_run((learner, "updated"))
    a_change(run.outcomes.get())
    a_problem(run.outcomes.get())
    settings_page = client.get("/office/onefile_sync/onefilesettings/")["Location"]
    assert settings_page == "/office/onefile_sync/onefilesettings/1/change/"
    for address in (
        settings_page,
        "/office/onefile_sync/syncrun/",
        f"/office/onefile_sync/syncrun/{run.pk}/change/",
        "/office/onefile_sync/learneroutcome/",
        f"/office/onefile_sync/learneroutcome/{run.outcomes.get().pk}/change/",
        "/office/onefile_sync/change/?all=1",
        "/office/onefile_sync/problem/?standing=all",
    ):
        assert_is_of_the_office(words(client.get(address)))


def test_without_our_buttons_the_pages_are_put_there_by_hand(office, settings, browser, admin_user, learner):
    site = office(with_class=admin.ModelAdmin)
    settings.ROOT_URLCONF = (path("office/", site.urls), *OURS)
    run = a_run((learner, "updated"))
    text = words(browser(admin_user).get(run.get_absolute_url()))
    assert_is_of_the_office(text)
    assert "syncrun" not in text  # nothing to lead to

    register(site)
    register(site)  # as often as anybody likes
    settings.ROOT_URLCONF = (path("office/", site.urls), *OURS, path("again/", views.LearnerList.as_view()))
    text = words(browser(admin_user).get(run.get_absolute_url()))
    assert '<a href="/office/onefile_sync/syncrun/">Runs</a>' in text


def test_what_a_project_registered_itself_stays():
    class Own(admin.ModelAdmin):
        pass

    site = AdminSite(name="office")
    site.register(SyncRun, Own)
    site.register(Learner, LearnerAdmin)
    assert isinstance(site._registry[SyncRun], Own)
    site._registry.clear()


@pytest.mark.parametrize(
    "mapping", [{}, {"LEARNER": {"model": "picsweb.Pupil"}}, {"LEARNER": {"model": "pupil"}}]
)
def test_where_the_mapping_is_wrong_the_pages_are_of_the_default_site(mapping, settings, browser, admin_user):
    settings.ONEFILE_SYNC = mapping
    text = words(browser(admin_user).get(reverse("onefile_sync:health")))
    assert 'href="/admin/"' in text


def test_a_project_without_any_admin_shows_the_pages_in_its_own_frame(
    settings, browser, admin_user, learner, tmp_path
):
    (tmp_path / "onefile_sync").mkdir()
    (tmp_path / "onefile_sync" / "base.html").write_text("PICSWeb: {% block onefile %}{% endblock %}")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [str(tmp_path)]}]
    settings.ROOT_URLCONF = tuple(OURS)
    text = words(browser(admin_user).get(a_run((learner, "updated")).get_absolute_url()))
    assert text.startswith("PICSWeb:")
    assert "/admin/" not in text
