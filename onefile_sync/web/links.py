"""Links to a learner's page, and back to the page from which the user came."""

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

#: Longer paths to go back to are dropped, so that the URLs that carry them stay short.
LONGEST = 500


def came_from(request: HttpRequest) -> str:
    """The path to go back to, from ``next`` in the form or the query; ``""`` unless it is a path on this site."""
    path = request.POST.get("next") or request.GET.get("next") or ""
    is_path = path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None)
    return path if is_path and len(path) <= LONGEST else ""


def followed_at(request: HttpRequest, run: SyncRun, learner: Model, origin: str) -> str:
    """The page on which the user follows a learner's refresh; ``origin`` is the path to go back to.

    The click may have joined an open run of several learners. If the user may not see that run, this is the page of
    the learner's own outcome in it.
    """
    address = run.get_absolute_url()
    if not access.may_see_run(request, run):
        address = reverse("onefile_sync:outcome", args=[run.outcomes.get(learner_pk=str(learner.pk)).pk])
    return f"{address}?{urlencode({'next': origin})}" if origin else address


def learner_link(request: HttpRequest, learner: Model | None) -> str:
    """The learner's page: in the admin if the user may open it there, else PICSWeb's own page; ``""`` if neither."""
    if learner is None or not may_view_learner(request, learner):
        return ""
    return _in_admin(request, learner) or own_page(learner)


def pairing_link(request: HttpRequest, learner: Model | None) -> str:
    """The page on which this user links a learner or pairs reviews, with the way back; ``""`` if the user may not."""
    if learner is None or not access.may_link(request, learner):
        return ""
    back = urlencode({"next": request.get_full_path()})
    return f"{reverse('onefile_sync:link', args=[learner.pk])}?{back}"


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
    """The learner's page outside the admin, or ``""`` if PICSWeb has none."""
    if not hasattr(learner, "get_absolute_url"):
        return ""
    try:
        return str(learner.get_absolute_url())
    except NoReverseMatch:
        return ""
