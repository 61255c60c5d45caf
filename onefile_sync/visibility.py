"""Which learners a user may see. PICSWeb decides; all our pages, lists and endpoints ask here.

PICSWeb decides through the function in ``LEARNER["visible_to"]``. Without one, the learner's admin decides, through its
``get_queryset`` and its view permission; without an admin, Django's permissions for the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.contrib.admin import ModelAdmin
from django.contrib.auth import get_backends, get_permission_codename
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from . import services
from .learner_admin import learner_admin

#: The attributes of a request that cache the answers: the keys of all visible learners, and the answer by learner.
_KEPT, _KEPT_BY_LEARNER = "_onefile_visible_learners", "_onefile_learners_asked_about"

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class VisibleLearners:
    """The learners visible to one user: those in ``among`` for whom ``ask``, if given, returns true."""

    model: type[Model]
    among: QuerySet[Model]
    ask: Callable[[Model], bool] | None = None

    @property
    def is_everyone(self) -> bool:
        """Whether the user may see every learner that PICSWeb's default manager returns."""
        asked, every = self.among.query, self.model._default_manager.all().query
        return (
            self.ask is None and not asked.is_sliced and not asked.combinator and asked.where == every.where
        )

    def includes(self, learner: Model) -> bool:
        """Whether the learner is visible. At most one query."""
        if self.is_everyone:
            return True
        if learner._meta.concrete_model is not self.model._meta.concrete_model:
            return False
        if self.ask is not None and not self.ask(learner):
            return False
        return self.among.filter(pk=learner.pk).exists()

    def pks(self) -> frozenset[str] | None:
        """The primary keys as text; ``None`` means all learners."""
        if self.is_everyone:
            return None
        if self.ask is None:
            return frozenset(str(pk) for pk in self.among.order_by().values_list("pk", flat=True))
        return frozenset(str(learner.pk) for learner in self.among.iterator() if self.ask(learner))


def may_view_learner(request: HttpRequest, learner: Model) -> bool:
    """Whether PICSWeb lets this user see this learner."""
    if _KEPT in request.__dict__:
        pks = visible_pks(request)
        return pks is None or str(learner.pk) in pks
    by_learner = request.__dict__.setdefault(_KEPT_BY_LEARNER, {})
    if learner not in by_learner:
        answer = _answer(request)
        by_learner[learner] = request.user.is_superuser if answer is None else answer.includes(learner)
    return bool(by_learner[learner])


def may_change_learner(request: HttpRequest, learner: Model) -> bool:
    """Whether PICSWeb lets this user change a learner or another row: by its admin, else by Django's permissions."""
    found = learner_admin(type(learner))
    if found is not None:
        return bool(found.model_admin.has_change_permission(request, learner))
    return _holds_one_of(request, learner, "change")


def may_view_other(request: HttpRequest, row: Model) -> bool:
    """Whether PICSWeb lets this user see an officer or organisation: by its admin, else by Django's permissions."""
    found = learner_admin(type(row))
    if found is not None:
        return bool(found.model_admin.has_view_or_change_permission(request, row))
    return _holds_one_of(request, row, "view", "change")


def _holds_one_of(request: HttpRequest, row: Model, *actions: str) -> bool:
    """Whether the user holds one of Django's permissions for this row, or for every row of its model."""
    options, user = row._meta, request.user
    names = [f"{options.app_label}.{get_permission_codename(action, options)}" for action in actions]
    return any(user.has_perm(name) or user.has_perm(name, row) for name in names)


def visible_pks(request: HttpRequest) -> frozenset[str] | None:
    """The primary keys, as text, of the learners whom this user may see; ``None`` means all learners.

    Keys rather than a subquery, as databases differ in comparing text with numbers and UUIDs, and as PICSWeb's
    learners may be in another database.
    """
    if _KEPT not in request.__dict__:
        request.__dict__[_KEPT] = _find_visible_pks(request)
    pks: frozenset[str] | None = request.__dict__[_KEPT]
    return pks


def visible(request: HttpRequest, learners: Iterable[Model]) -> list[Model]:
    """Those of these learners whom this user may see."""
    pks = visible_pks(request)
    return [learner for learner in learners if pks is None or str(learner.pk) in pks]


def only_visible(request: HttpRequest, rows: QuerySet[Row], outcome: str = "") -> QuerySet[Row]:
    """Filter rows to those about learners whom this user may see.

    ``outcome`` is the lookup prefix from a row to its outcome, such as ``"outcome__"``; ``""`` if rows are outcomes.
    """
    pks = visible_pks(request)
    if pks is None:
        return rows
    if not pks:
        return rows.none()
    of_visible = {f"{outcome}learner_type": services.learner_type(), f"{outcome}learner_pk__in": pks}
    return rows.filter(**of_visible)


def search(request: HttpRequest, term: str) -> list[str]:
    """The primary keys, as text, of the learners that PICSWeb's learner admin finds by this search term.

    Only learners whom this user may see; none if learners have no admin, or it has no search.
    """
    try:
        found = learner_admin(services.learner_model())
    except (ImproperlyConfigured, LookupError):
        return []
    if found is None or not found.model_admin.get_search_fields(request):
        return []
    learners = found.model_admin.get_queryset(request).order_by()
    matching, _may_have_duplicates = found.model_admin.get_search_results(request, learners, term)
    pks, visible_to_them = {str(pk) for pk in matching.values_list("pk", flat=True)}, visible_pks(request)
    return sorted(pks if visible_to_them is None else pks & visible_to_them)


def _find_visible_pks(request: HttpRequest) -> frozenset[str] | None:
    answer = _answer(request)
    if answer is None:
        return None if request.user.is_superuser else frozenset()
    return answer.pks()


def _answer(request: HttpRequest) -> VisibleLearners | None:
    """PICSWeb's decision for this user; ``None`` if the mapping is invalid, so that learners cannot be found."""
    try:
        model, chosen = services.learner_model(), services.visible_learners(request.user)
    except (ImproperlyConfigured, LookupError):
        return None
    if chosen is not None:
        return VisibleLearners(model, chosen)
    found = learner_admin(model)
    if found is None:
        return _by_permission(request, model, model, model._default_manager.all())
    model_admin = found.model_admin
    among = model_admin.get_queryset(request)
    if _decides_itself(model_admin):
        return VisibleLearners(
            model, among, lambda learner: model_admin.has_view_or_change_permission(request, learner)
        )
    return _by_permission(request, model, model_admin.model, among)


def _decides_itself(model_admin: ModelAdmin[Any]) -> bool:
    """Whether an admin overrides the view permission, so that it has to be asked about each learner."""
    asked = ("has_view_permission", "has_change_permission", "has_view_or_change_permission")
    methods = {name: getattr(getattr(model_admin, name), "__func__", None) for name in asked}
    return any(method is not getattr(ModelAdmin, name) for name, method in methods.items())


def _by_permission(
    request: HttpRequest, model: type[Model], asked_of: type[Model], among: QuerySet[Model]
) -> VisibleLearners:
    """Decide by Django's view or change permission, held for all learners or, through a backend, for single ones."""
    options, user = asked_of._meta, request.user
    either = [
        f"{options.app_label}.{get_permission_codename(action, options)}" for action in ("view", "change")
    ]
    if any(user.has_perm(permission) for permission in either):
        return VisibleLearners(model, among)
    if all(type(backend).__module__.startswith("django.contrib.auth.") for backend in get_backends()):
        return VisibleLearners(model, among.none())  # Django's backends have no permissions for single rows
    return VisibleLearners(
        model, among, lambda learner: any(user.has_perm(permission, learner) for permission in either)
    )
