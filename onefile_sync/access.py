"""Who may see and do what on the faces. Every page, button and endpoint asks here.

A permission counts when the user holds it for every learner or, by a host's own backend, for this one: Django's
model backend says no to every question about a single row.
"""

from __future__ import annotations

from django.contrib.admin.utils import quote
from django.contrib.auth import get_permission_codename
from django.contrib.auth.models import AnonymousUser, PermissionsMixin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse

from .learner_admin import is_served, learner_admin
from .models import LearnerOutcome, SyncRun

REFRESH = "onefile_sync.refresh_learner"
PREVIEW = "onefile_sync.preview_learner"
VIEW_RUNS = "onefile_sync.view_syncrun"
CANCEL = "onefile_sync.cancel_syncrun"
DECIDE = "onefile_sync.decide_syncrun"
VIEW_HEALTH = "onefile_sync.view_health"
CHANGE_SETTINGS = "onefile_sync.change_onefilesettings"

User = PermissionsMixin | AnonymousUser


def holds(user: User, permission: str, learner: Model | None = None) -> bool:
    return user.has_perm(permission) or (learner is not None and user.has_perm(permission, learner))


def may_view_learner(user: User, learner: Model) -> bool:
    """Whether the host lets the user see this learner: its own view permission, or change, as in the admin."""
    options = learner._meta
    return any(
        holds(user, f"{options.app_label}.{get_permission_codename(action, options)}", learner)
        for action in ("view", "change")
    )


def may_refresh(user: User, learner: Model) -> bool:
    return holds(user, REFRESH, learner) and may_view_learner(user, learner)


def may_preview(user: User, learner: Model) -> bool:
    return holds(user, PREVIEW, learner) and may_view_learner(user, learner)


def may_see_status(user: User, learner: Model) -> bool:
    """Whether the user may know when and how a learner was last synchronised."""
    return may_view_learner(user, learner) and any(
        holds(user, permission, learner) for permission in (REFRESH, PREVIEW, VIEW_RUNS)
    )


def may_see_outcome(user: User, outcome: LearnerOutcome) -> bool:
    """Whoever may see the run, and whoever may refresh or preview this learner, whoever asked for the run."""
    if _may_see_whole_run(user, outcome.run):
        return True
    return outcome.learner is not None and may_see_status(user, outcome.learner)


def may_see_run(user: User, run: SyncRun) -> bool:
    """Whoever may view runs, whoever asked for this one, and whoever may see the only learner in it.

    The last is for a second click: it leads to the run that a colleague started for the same learner.
    """
    if _may_see_whole_run(user, run):
        return True
    first_two = list(run.outcomes.all()[:2])
    return len(first_two) == 1 and may_see_outcome(user, first_two[0])


def may_cancel(user: User, run: SyncRun) -> bool:
    return user.has_perm(CANCEL) and may_see_run(user, run)


def may_decide(user: User, run: SyncRun) -> bool:
    """Whether the user may apply or discard a daily run that the safety stop holds."""
    return user.has_perm(DECIDE) and may_see_run(user, run)


def _may_see_whole_run(user: User, run: SyncRun) -> bool:
    if user.has_perm(VIEW_RUNS):
        return True
    asked_for_it = run.requested_by_id is not None and run.requested_by_id == user.pk
    return asked_for_it and (user.has_perm(REFRESH) or user.has_perm(PREVIEW))


def learner_link(request: HttpRequest, learner: Model | None) -> str:
    """The learner's page in the host's admin, or ``""`` where there is none or the user may not open it."""
    if learner is None:
        return ""
    found = learner_admin(type(learner))
    if found is None or not is_served(found.site) or not found.site.has_permission(request):
        return ""
    if not found.model_admin.has_view_or_change_permission(request, learner):
        return ""
    options = found.model_admin.opts
    name = f"{found.site.name}:{options.app_label}_{options.model_name}_change"
    return reverse(name, args=[quote(learner.pk)])
