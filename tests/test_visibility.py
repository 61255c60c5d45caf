"""Which learners somebody may see: each way in which PICSWeb can say so, for learners with numbers and with UUIDs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.test.utils import isolate_apps
from django.urls import get_resolver

from onefile_sync import access, services, visibility
from onefile_sync.models import LearnerOutcome, SyncRun
from tests.college.models import Student
from tests.factories import HOSTS
from tests.rest.callers import absent_learner


@pytest.fixture(params=HOSTS)
def host(request, settings, db):
    """Each of the two hosts in turn; the second has UUIDs for primary keys, and no admin."""
    settings.ONEFILE_SYNC = HOSTS[request.param].mapping
    return HOSTS[request.param]


@pytest.fixture
def own(host) -> Any:
    return host.learner(onefile_id=501)


@pytest.fixture
def run(host, own) -> SyncRun:
    """A run of their own learner and of another."""
    run = SyncRun.objects.create(kind="daily")
    for learner in (own, host.learner(onefile_id=502)):
        LearnerOutcome.objects.create(
            run=run,
            learner_type=ContentType.objects.get_for_model(learner),
            learner_pk=str(learner.pk),
            state="updated",
        )
    return run


@pytest.fixture
def registered(host) -> Iterator[Any]:
    """Registers the host's learner with an admin of the class given, or with none."""
    assert get_resolver().url_patterns  # addresses keep the admins that were registered when they were made
    before = dict(admin.site._registry)

    def register(with_class: type | None) -> None:
        admin.site._registry.pop(services.learner_model(), None)
        if with_class is not None:
            admin.site.register(services.learner_model(), with_class)

    yield register
    admin.site._registry = before


@pytest.fixture
def asked_by(rf, host):
    """A request of somebody with these permissions, or of a superuser."""

    def make(*codenames: str, superuser: bool = False, path: str = "/") -> Any:
        member = User.objects.create_user(f"staff{User.objects.count()}", is_superuser=superuser)
        app_label = services.learner_model()._meta.app_label
        member.user_permissions.set(
            Permission.objects.filter(content_type__app_label=app_label, codename__in=codenames)
        )
        request = rf.get(path)
        request.user = member
        return request

    return make


VIEW = ("view_learner", "view_student")


def seen(request, run) -> list[str]:
    """The primary keys of the learners of a run whom the person sees, asked in both ways, which must agree."""
    in_bulk = {outcome.learner_pk for outcome in access.visible_outcomes(request, run)}
    request.__dict__.pop("_onefile_visible_learners")
    one_by_one = {
        outcome.learner_pk
        for outcome in run.outcomes.all()
        if visibility.may_view_learner(request, outcome.learner)
    }
    assert in_bulk == one_by_one
    return sorted(in_bulk)


def everyone(run) -> list[str]:
    return sorted(run.outcomes.values_list("learner_pk", flat=True))


class OwnCentre(ModelAdmin):
    def get_queryset(self, request):
        return super().get_queryset(request).filter(onefile_id=501)


class OwnCaseload(ModelAdmin):
    def has_view_permission(self, request, obj=None):
        return super().has_view_permission(request, obj) and (obj is None or obj.onefile_id == 501)

    def has_change_permission(self, request, obj=None):
        return super().has_change_permission(request, obj) and (obj is None or obj.onefile_id == 501)


@pytest.mark.parametrize("with_class", [OwnCentre, OwnCaseload])
def test_the_learner_admin_decides_which_learners_are_visible(with_class, registered, asked_by, own, run):
    registered(with_class)
    assert seen(asked_by(*VIEW), run) == [str(own.pk)]
    assert seen(asked_by("change_learner", "change_student"), run) == [str(own.pk)]
    assert seen(asked_by(superuser=True), run) == [str(own.pk)]
    assert seen(asked_by(), run) == []


def test_an_admin_without_restrictions_shows_everyone_and_costs_no_query(
    registered, asked_by, own, run, django_assert_num_queries
):
    class AnyLearner(ModelAdmin):
        def get_queryset(self, request):
            return super().get_queryset(request).order_by("onefile_id").defer("onefile_centre_id")

    registered(AnyLearner)
    request = asked_by(superuser=True)
    with django_assert_num_queries(0):
        assert visibility.visible_pks(request) is None
        assert visibility.may_view_learner(request, own)
    assert seen(asked_by(*VIEW), run) == everyone(run)
    assert seen(asked_by(), run) == []


def test_without_an_admin_the_models_permissions_say_so(registered, asked_by, run):
    registered(None)
    assert seen(asked_by(*VIEW), run) == everyone(run)
    assert seen(asked_by("change_learner", "change_student"), run) == everyone(run)
    assert seen(asked_by(superuser=True), run) == everyone(run)
    assert seen(asked_by(), run) == []


def test_an_anonymous_user_sees_no_learner(rf, host, run):
    request = rf.get("/")
    request.user = AnonymousUser()
    assert seen(request, run) == []


def with_number_501(user):
    return services.learner_model()._base_manager.filter(onefile_id=501)


def everyone_for_superusers(user):
    learners = services.learner_model()._default_manager.all()
    return learners if user.is_superuser else learners.none()


def a_list(user):
    return [501]


def visible_to(settings, function):
    mapping = settings.ONEFILE_SYNC
    path = f"tests.test_visibility.{function}"
    settings.ONEFILE_SYNC = {**mapping, "LEARNER": {**mapping["LEARNER"], "visible_to": path}}


def test_a_function_of_picswebs_takes_the_place_of_the_admin(settings, registered, asked_by, own, run):
    registered(ModelAdmin)
    visible_to(settings, "with_number_501")
    for request in (asked_by(), asked_by(*VIEW), asked_by(superuser=True)):
        assert seen(request, run) == [str(own.pk)]
    visible_to(settings, "everyone_for_superusers")
    assert seen(asked_by(*VIEW), run) == []
    assert seen(asked_by(superuser=True), run) == everyone(run)


def test_a_function_that_returns_no_queryset_shows_no_learner(settings, asked_by, run):
    visible_to(settings, "a_list")
    with pytest.raises(TypeError, match="not a queryset of learners"):
        visibility.visible_pks(asked_by(superuser=True))


@pytest.mark.parametrize("function", ["there_is_none", "VIEW"])
def test_with_a_wrong_function_only_superusers_see_learners(function, settings, rf, asked_by, run):
    visible_to(settings, function)
    assert seen(asked_by(*VIEW), run) == []
    assert seen(asked_by(superuser=True), run) == everyone(run)
    settings.ONEFILE_SYNC = {}
    request = rf.get("/")
    request.user = User.objects.create_user("somebody else")
    assert visibility.visible_pks(request) == frozenset()


class ForRowsWithNumber501:
    """A backend of a host that gives permissions row by row."""

    def authenticate(self, request, **credentials):
        return None

    def has_perm(self, user, permission, row=None):
        return row is not None and row.onefile_id == 501


@pytest.mark.parametrize("with_class", [ModelAdmin, None])
def test_a_backend_that_gives_permissions_row_by_row_is_asked(
    with_class, settings, registered, asked_by, own, run
):
    settings.AUTHENTICATION_BACKENDS = [
        "django.contrib.auth.backends.ModelBackend",
        "tests.test_visibility.ForRowsWithNumber501",
    ]
    registered(with_class)
    assert seen(asked_by(), run) == [str(own.pk)]
    assert seen(asked_by(*VIEW), run) == everyone(run)


def test_such_a_backend_does_not_overrule_an_admin_that_says_no(settings, registered, asked_by, run):
    settings.AUTHENTICATION_BACKENDS = [
        "django.contrib.auth.backends.ModelBackend",
        "tests.test_visibility.ForRowsWithNumber501",
    ]

    class Nobody(ModelAdmin):
        def has_view_permission(self, request, obj=None):
            return False

        has_change_permission = has_view_permission

    registered(Nobody)
    assert seen(asked_by(*VIEW), run) == []


@isolate_apps("tests.college")
@pytest.mark.parametrize("host", ["college"], indirect=True)
def test_a_proxy_in_the_admin_shows_what_its_own_manager_finds(host, asked_by):
    learner, other = host.learner(onefile_id=501), host.learner(onefile_id=502)

    class WithNumber501(models.Manager):
        def get_queryset(self):
            return super().get_queryset().filter(onefile_id=501)

    class Own(Student):
        objects = WithNumber501()

        class Meta:
            proxy = True
            app_label = "college"

    admin.site.register(Own)
    try:
        assert not visibility.may_view_learner(
            asked_by("view_student"), learner
        )  # the proxy's permission counts
        request = asked_by(superuser=True)
        assert visibility.may_view_learner(request, learner)
        assert not visibility.may_view_learner(request, other)
        assert visibility.visible_pks(request) == frozenset([str(learner.pk)])
    finally:
        admin.site.unregister(Own)


@pytest.mark.parametrize("host", ["college"], indirect=True)
def test_learners_hidden_from_all_do_not_count_as_a_restriction(host, asked_by):
    """Its default manager leaves the bin out: that is no reason to look every learner up."""
    assert visibility.visible_pks(asked_by("view_student")) is None


def test_outcomes_of_deleted_learners_are_visible_to_users_who_see_everyone(host, registered, asked_by, run):
    outcome = run.outcomes.first()
    outcome.learner_pk = absent_learner(host)
    outcome.save()
    registered(OwnCentre)
    assert not access.may_see_outcome(asked_by(superuser=True), outcome)
    registered(ModelAdmin)
    assert access.may_see_outcome(asked_by(superuser=True), outcome)


def test_a_row_of_another_model_is_not_a_learner_that_anybody_may_see(host, own) -> None:
    some = visibility.VisibleLearners(type(own), type(own)._default_manager.filter(pk=own.pk))
    assert some.includes(own)
    assert not some.includes(host.officer())


@pytest.mark.parametrize("host", ["college"], indirect=True)
def test_an_officer_without_an_admin_is_seen_with_the_models_permission(host, asked_by) -> None:
    officer = host.officer()
    for allowed in ("view_tutor", "change_tutor"):
        assert visibility.may_view_other(asked_by(allowed), officer)
    assert not visibility.may_view_other(asked_by("view_student"), officer)


def test_while_the_mapping_is_wrong_only_superusers_see_a_row_and_a_search_finds_none(
    settings, asked_by, own
) -> None:
    clerk, superuser = asked_by(*VIEW), asked_by(superuser=True)
    assert access.may_see_row(clerk, own)
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "LEARNER": {"model": "nowhere.Learner"}}
    for request, sees in ((clerk, False), (superuser, True)):
        request.__dict__.pop("_onefile_learners_asked_about", None)
        assert access.may_see_row(request, own) is sees
        assert visibility.search(request, "O'Connor") == []
