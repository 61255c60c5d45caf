"""Which learners somebody may see. PICSWeb says so, and every page, list and endpoint of ours asks here.

PICSWeb answers by the function of ``LEARNER["visible_to"]``; without one by the learner's admin, its ``get_queryset``
and its view permission; and where no admin has the learner, by Django's permissions for the model.
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

#: Where a request keeps what has been answered: the keys of all, and yes or no by learner.
_KEPT, _KEPT_BY_LEARNER = "_onefile_visible_learners", "_onefile_learners_asked_about"

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class VisibleLearners:
    """PICSWeb's answer for one person: the learners in ``among`` of whom ``ask``, where there is one, is true."""

    model: type[Model]
    among: QuerySet[Model]
    ask: Callable[[Model], bool] | None = None

    @property
    def is_everyone(self) -> bool:
        """Whether nobody is kept from this person whom PICSWeb's default manager does not hide from all."""
        asked, every = self.among.query, self.model._default_manager.all().query
        return (
            self.ask is None and not asked.is_sliced and not asked.combinator and asked.where == every.where
        )

    def includes(self, learner: Model) -> bool:
        """At most one query."""
        if self.is_everyone:
            return True
        if learner._meta.concrete_model is not self.model._meta.concrete_model:
            return False
        if self.ask is not None and not self.ask(learner):
            return False
        return self.among.filter(pk=learner.pk).exists()

    def pks(self) -> frozenset[str] | None:
        """Their primary keys, as text; ``None``: everyone."""
        if self.is_everyone:
            return None
        if self.ask is None:
            return frozenset(str(pk) for pk in self.among.order_by().values_list("pk", flat=True))
        return frozenset(str(learner.pk) for learner in self.among.iterator() if self.ask(learner))


def may_view_learner(request: HttpRequest, learner: Model) -> bool:
    """Whether PICSWeb lets this person see this learner."""
    if _KEPT in request.__dict__:
        pks = visible_pks(request)
        return pks is None or str(learner.pk) in pks
    by_learner = request.__dict__.setdefault(_KEPT_BY_LEARNER, {})
    if learner not in by_learner:
        answer = _answer(request)
        by_learner[learner] = request.user.is_superuser if answer is None else answer.includes(learner)
    return bool(by_learner[learner])


def visible_pks(request: HttpRequest) -> frozenset[str] | None:
    """The primary keys, as text, of the learners whom this person may see; ``None``: everyone.

    Keys rather than a subquery: text does not compare with numbers and UUIDs the same way in every database, and
    PICSWeb's learners may be in a database of their own.
    """
    if _KEPT not in request.__dict__:
        request.__dict__[_KEPT] = _find_visible_pks(request)
    pks: frozenset[str] | None = request.__dict__[_KEPT]
    return pks


def visible(request: HttpRequest, learners: Iterable[Model]) -> list[Model]:
    """Those of these learners whom this person may see."""
    pks = visible_pks(request)
    return [learner for learner in learners if pks is None or str(learner.pk) in pks]


def only_visible(request: HttpRequest, rows: QuerySet[Row], outcome: str = "") -> QuerySet[Row]:
    """Those rows that speak of learners whom this person may see.

    ``outcome`` leads from a row to its outcome, such as ``"outcome__"``; nothing where the rows are outcomes.
    """
    pks = visible_pks(request)
    if pks is None:
        return rows
    if not pks:
        return rows.none()
    of_visible = {f"{outcome}learner_type": services.learner_type(), f"{outcome}learner_pk__in": pks}
    return rows.filter(**of_visible)


def search(request: HttpRequest, term: str) -> list[str]:
    """The primary keys, as text, of the learners whom PICSWeb's learner admin finds by these words.

    Only those whom this person may see; nobody where no admin has the learner, or it has no search.
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
    """``None`` where the mapping is so wrong that nobody knows who the learners are."""
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
    """Whether an admin has a view permission of its own: then its word is the last, about each learner."""
    asked = ("has_view_permission", "has_change_permission", "has_view_or_change_permission")
    methods = {name: getattr(getattr(model_admin, name), "__func__", None) for name in asked}
    return any(method is not getattr(ModelAdmin, name) for name, method in methods.items())


def _by_permission(
    request: HttpRequest, model: type[Model], asked_of: type[Model], among: QuerySet[Model]
) -> VisibleLearners:
    """By Django's permission to view or change, held for every learner or, by a backend of PICSWeb's, for one."""
    options, user = asked_of._meta, request.user
    either = [
        f"{options.app_label}.{get_permission_codename(action, options)}" for action in ("view", "change")
    ]
    if any(user.has_perm(permission) for permission in either):
        return VisibleLearners(model, among)
    if all(type(backend).__module__.startswith("django.contrib.auth.") for backend in get_backends()):
        return VisibleLearners(model, among.none())  # Django's own backends grant nothing for single rows
    return VisibleLearners(
        model, among, lambda learner: any(user.has_perm(permission, learner) for permission in either)
    )
