"""Who may see and do what. Every page, button and endpoint asks here.

Which learners somebody may see is PICSWeb's to say (:mod:`onefile_sync.visibility`). A permission of ours counts when
the user holds it for every learner or, by a host's own backend, for this one: Django's model backend says no to every
question about a single row.
"""

from __future__ import annotations

from typing import NoReturn
from uuid import UUID

from django.contrib.auth.models import AnonymousUser, PermissionsMixin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest

from . import services
from .models import LearnerOutcome, SyncRun
from .visibility import may_view_learner, only_visible, search, visible, visible_pks

__all__ = [
    "CANCEL",
    "CHANGE_SETTINGS",
    "DECIDE",
    "PREVIEW",
    "REFRESH",
    "SEE_STATUS",
    "VIEW_HEALTH",
    "VIEW_RUNS",
    "User",
    "holds",
    "may_cancel",
    "may_decide",
    "may_preview",
    "may_refresh",
    "may_see_outcome",
    "may_see_run",
    "may_see_status",
    "may_view_learner",
    "only_visible",
    "progress",
    "refuse",
    "search",
    "sees_everyone_in",
    "visible",
    "visible_outcomes",
    "visible_pks",
]

REFRESH = "onefile_sync.refresh_learner"
PREVIEW = "onefile_sync.preview_learner"
VIEW_RUNS = "onefile_sync.view_syncrun"
CANCEL = "onefile_sync.cancel_syncrun"
DECIDE = "onefile_sync.decide_syncrun"
VIEW_HEALTH = "onefile_sync.view_health"
CHANGE_SETTINGS = "onefile_sync.change_onefilesettings"

#: Each of these lets a user see how the learners whom they may see were synchronised.
SEE_STATUS = (REFRESH, PREVIEW, VIEW_RUNS)

#: Where a request keeps which learners of a run are for whoever asks.
_KEPT = "_onefile_learners_of_runs"

User = PermissionsMixin | AnonymousUser


def holds(user: User, permission: str, learner: Model | None = None) -> bool:
    return user.has_perm(permission) or (learner is not None and user.has_perm(permission, learner))


def refuse(request: HttpRequest, *permissions: str) -> NoReturn:
    """End a request for a row that is not there or not for this user: the answer does not tell which.

    Not found for those who hold one of these permissions, which are what it takes where the row is for them;
    forbidden for everyone else.
    """
    if any(request.user.has_perm(permission) for permission in permissions):
        raise Http404
    raise PermissionDenied


def may_refresh(request: HttpRequest, learner: Model) -> bool:
    return holds(request.user, REFRESH, learner) and may_view_learner(request, learner)


def may_preview(request: HttpRequest, learner: Model) -> bool:
    return holds(request.user, PREVIEW, learner) and may_view_learner(request, learner)


def may_see_status(request: HttpRequest, learner: Model) -> bool:
    """Whether the user may know when and how a learner was last synchronised."""
    holds_one = any(holds(request.user, permission, learner) for permission in SEE_STATUS)
    return holds_one and may_view_learner(request, learner)


def may_see_outcome(request: HttpRequest, outcome: LearnerOutcome) -> bool:
    """Of a learner whom they may see: whoever may see the run, and whoever may refresh or preview this learner."""
    if outcome.learner is None:  # not in PICSWeb any more
        return visible_pks(request) is None and _may_open_run(request.user, outcome.run)
    if _may_open_run(request.user, outcome.run):
        return may_view_learner(request, outcome.learner)
    return may_see_status(request, outcome.learner)


def may_see_run(request: HttpRequest, run: SyncRun) -> bool:
    """Whoever may view runs, whoever asked for this one, and whoever may see the only learner in it.

    The last is for a second click: it leads to the run that a colleague started for the same learner. A run is for
    nobody who may see none of its learners.
    """
    if _may_open_run(request.user, run):
        return _theirs_in(request, run) != frozenset() or not run.outcomes.exists()
    first_two = list(run.outcomes.all()[:2])
    return len(first_two) == 1 and may_see_outcome(request, first_two[0])


def visible_outcomes(request: HttpRequest, run: SyncRun) -> QuerySet[LearnerOutcome]:
    """What became of those learners of a run whom the user may see."""
    theirs = _theirs_in(request, run)
    if theirs is None:
        return run.outcomes.all()
    return run.outcomes.filter(learner_type=services.learner_type(), learner_pk__in=theirs)


def _theirs_in(request: HttpRequest, run: SyncRun) -> frozenset[str] | None:
    """The primary keys of the learners of a run whom the user may see; ``None``: all.

    Compared here and kept: in the database, a caseload of thousands would be compared in each of several queries.
    """
    pks = visible_pks(request)
    if not pks:
        return pks
    kept: dict[UUID, frozenset[str]] = request.__dict__.setdefault(_KEPT, {})
    if run.pk not in kept:
        outcomes = run.outcomes.filter(learner_type=services.learner_type()).order_by()
        kept[run.pk] = pks.intersection(outcomes.values_list("learner_pk", flat=True))
    return kept[run.pk]


def sees_everyone_in(request: HttpRequest, run: SyncRun) -> bool:
    """Whether the user may see every learner of a run."""
    theirs = _theirs_in(request, run)
    return theirs is None or len(theirs) == run.outcomes.count()


def progress(request: HttpRequest, run: SyncRun) -> services.Progress:
    """How far a run is, counting those of its learners whom the user may see."""
    if sees_everyone_in(request, run):
        return services.progress(run)
    return services.progress(run, among=visible_outcomes(request, run))


def may_cancel(request: HttpRequest, run: SyncRun) -> bool:
    return request.user.has_perm(CANCEL) and _may_decide_for_everyone_in(request, run)


def may_decide(request: HttpRequest, run: SyncRun) -> bool:
    """Whether the user may apply or discard a daily run that the safety stop holds."""
    return request.user.has_perm(DECIDE) and _may_decide_for_everyone_in(request, run)


def _may_decide_for_everyone_in(request: HttpRequest, run: SyncRun) -> bool:
    """A decision is about every learner of the run, so it is for those who may see all of them."""
    return may_see_run(request, run) and sees_everyone_in(request, run)


def _may_open_run(user: User, run: SyncRun) -> bool:
    if user.has_perm(VIEW_RUNS):
        return True
    asked_for_it = run.requested_by_id is not None and run.requested_by_id == user.pk
    return asked_for_it and (user.has_perm(REFRESH) or user.has_perm(PREVIEW))
