"""Where links of ours lead: to a learner's own page, and back to where somebody came from."""

from __future__ import annotations

from django.contrib.admin.utils import quote
from django.db.models import Model
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

from onefile_sync import access
from onefile_sync.learner_admin import is_served, learner_admin
from onefile_sync.models import SyncRun
from onefile_sync.visibility import may_view_learner

#: What is longer is forgotten: an address that carries it along has to stay one.
LONGEST = 500


def came_from(request: HttpRequest) -> str:
    """The page to go back to, from ``next`` of the form or of the address; ``""`` unless it is a path of this site."""
    path = request.POST.get("next") or request.GET.get("next") or ""
    is_path = path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None)
    return path if is_path and len(path) <= LONGEST else ""


def followed_at(request: HttpRequest, run: SyncRun, learner: Model, origin: str) -> str:
    """The page on which somebody follows a learner's refresh, and which keeps in mind where they came from.

    A click joins a run of several learners in which the learner is already. Where that one is not theirs to see, it is
    the learner's own part in it.
    """
    address = run.get_absolute_url()
    if not access.may_see_run(request, run):
        address = reverse("onefile_sync:outcome", args=[run.outcomes.get(learner_pk=str(learner.pk)).pk])
    return f"{address}?{urlencode({'next': origin})}" if origin else address


def learner_link(request: HttpRequest, learner: Model | None) -> str:
    """The learner's page: in the admin for those who may open it there, else PICSWeb's own; ``""`` for none."""
    if learner is None or not may_view_learner(request, learner):
        return ""
    return _in_admin(request, learner) or own_page(learner)


def _in_admin(request: HttpRequest, learner: Model) -> str:
    found = learner_admin(type(learner))
    if found is None or not is_served(found.site) or not found.site.has_permission(request):
        return ""
    if not found.model_admin.has_view_or_change_permission(request, learner):
        return ""
    options = found.model_admin.opts
    name = f"{found.site.name}:{options.app_label}_{options.model_name}_change"
    return reverse(name, args=[quote(learner.pk)])


def own_page(learner: Model) -> str:
    """The learner's page outside the admin, or ``""`` where PICSWeb has none."""
    if not hasattr(learner, "get_absolute_url"):
        return ""
    try:
        return str(learner.get_absolute_url())
    except NoReverseMatch:
        return ""
