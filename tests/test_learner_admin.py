"""Which of PICSWeb's admins is the learner's, wherever and however often it is registered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.admin import AdminSite, ModelAdmin
from django.db import models
from django.test.utils import isolate_apps
from django.urls import path

from onefile_sync.admin import OneFileLearnerAdminMixin
from onefile_sync.learner_admin import learner_admin
from tests.college.models import Student

#: A project with two sites, of which the second comes first in the alphabet.
beside = AdminSite("a_second_site")
urlpatterns = [path("admin/", admin.site.urls), path("staff/", beside.urls)]


class WithButtons(OneFileLearnerAdminMixin, ModelAdmin):
    pass


@pytest.fixture(autouse=True)
def addresses(settings) -> None:
    settings.ROOT_URLCONF = "tests.test_learner_admin"


@pytest.fixture(autouse=True)
def nothing_stays_registered() -> Iterator[None]:
    before = {site: dict(site._registry) for site in (admin.site, beside)}
    yield
    for site, registry in before.items():
        site._registry = registry


def registered(site, model=Student, with_class=ModelAdmin):
    site.register(model, with_class)
    return site._registry[model]


def test_a_learner_who_is_registered_nowhere_has_none():
    assert learner_admin(Student) is None


def test_it_is_found_on_whichever_site_it_is():
    on_second = registered(beside)
    found = learner_admin(Student)
    assert (found.site, found.model_admin) == (beside, on_second)


def test_of_two_sites_the_default_one_counts():
    registered(beside)
    on_default = registered(admin.site)
    assert learner_admin(Student).model_admin is on_default


def test_a_site_without_addresses_does_not_count_beside_one_with(settings):
    settings.ROOT_URLCONF = (path("staff/", beside.urls),)
    registered(admin.site)
    on_second = registered(beside)
    assert learner_admin(Student).model_admin is on_second


def test_a_site_without_addresses_is_better_than_none():
    away = AdminSite("without_addresses")
    registered_away = registered(away)
    assert learner_admin(Student).model_admin is registered_away


def test_the_admin_with_our_buttons_is_the_one():
    registered(admin.site)
    with_buttons = registered(beside, with_class=WithButtons)
    assert learner_admin(Student).model_admin is with_buttons


@isolate_apps("tests.college")
def test_a_proxy_counts_and_the_model_itself_counts_more():
    class Leaver(Student):
        class Meta:
            proxy = True
            app_label = "college"

    of_proxy = registered(admin.site, Leaver)
    assert learner_admin(Student).model_admin is of_proxy
    of_model = registered(beside, Student)
    assert learner_admin(Student).model_admin is of_model
    assert learner_admin(Leaver).model_admin is of_proxy


@isolate_apps("tests.college")
def test_a_parent_counts_where_its_keys_are_the_learners():
    class Apprentice(Student):
        class Meta:
            app_label = "college"

    class WithKeysOfTheirOwn(Student):
        number = models.AutoField(primary_key=True)
        student = models.OneToOneField(Student, models.CASCADE, parent_link=True)

        class Meta:
            app_label = "college"

    of_parent = registered(admin.site, Student)
    assert learner_admin(Apprentice).model_admin is of_parent
    assert learner_admin(WithKeysOfTheirOwn) is None
