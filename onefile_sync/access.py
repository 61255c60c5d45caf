"""Permissions: who may see and do what. Every page, button and endpoint checks here.

PICSWeb decides which learners a user may see (:mod:`onefile_sync.visibility`). One of our permissions counts if the
user holds it for all learners or, through an authentication backend of the host, for this learner. Django's own
backend grants no permissions for single rows.
"""

from __future__ import annotations

from typing import NoReturn
from uuid import UUID

from django.contrib.auth.models import AnonymousUser, PermissionsMixin
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest

from . import services
from .models import LearnerOutcome, RunKind, SubjectKind, SyncRun
from .visibility import (
    may_change_learner,
    may_view_learner,
    may_view_other,
    only_visible,
    search,
    visible,
    visible_pks,
)

__all__ = [
    "CANCEL",
    "CHANGE_SETTINGS",
    "DECIDE",
    "ENROL",
    "LINK",
    "MATCH_RECORDS",
    "PREVIEW",
    "REFRESH",
    "REFRESH_LINKS",
    "SEE_LISTS",
    "SEE_STATUS",
    "SEE_UNMATCHED",
    "VIEW_HEALTH",
    "VIEW_RUNS",
    "User",
    "holds",
    "may_cancel",
    "may_change_settings",
    "may_decide",
    "may_enrol",
    "may_link",
    "may_match",
    "may_match_row",
    "may_preview",
    "may_refresh",
    "may_refresh_links",
    "may_see_lists",
    "may_see_outcome",
    "may_see_row",
    "may_see_run",
    "may_see_status",
    "may_see_unmatched",
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
ENROL = "onefile_sync.enrol_learner"
VIEW_RUNS = "onefile_sync.view_syncrun"
CANCEL = "onefile_sync.cancel_syncrun"
DECIDE = "onefile_sync.decide_syncrun"
VIEW_HEALTH = "onefile_sync.view_health"
LINK = "onefile_sync.link_records"
REFRESH_LINKS = "onefile_sync.refresh_links"
MATCH_RECORDS = "onefile_sync.match_records"
CHANGE_SETTINGS = "onefile_sync.change_onefilesettings"

#: Each of these permissions lets a user see how the learners visible to them were synchronised.
SEE_STATUS = (REFRESH, PREVIEW, ENROL, VIEW_RUNS)
#: Each of these permissions lets a user see OneFile's lists, and the runs that read them.
SEE_LISTS = (REFRESH_LINKS, MATCH_RECORDS, VIEW_RUNS)
#: Each of these permissions lets a user see what stands on one side only, of the learners visible to them.
SEE_UNMATCHED = (MATCH_RECORDS, VIEW_RUNS)

#: The attribute of a request that caches which learners of a run are visible to its user.
_KEPT = "_onefile_learners_of_runs"

User = PermissionsMixin | AnonymousUser


def holds(user: User, permission: str, learner: Model | None = None) -> bool:
    return user.has_perm(permission) or (learner is not None and user.has_perm(permission, learner))


def refuse(request: HttpRequest, *permissions: str) -> NoReturn:
    """Raise the same exception whether a row does not exist or is not visible, so that the answer does not say which.

    Raises Http404 for a user with one of these permissions, which would be sufficient for a visible row, and
    PermissionDenied for everyone else.
    """
    if any(request.user.has_perm(permission) for permission in permissions):
        raise Http404
    raise PermissionDenied


def may_refresh(request: HttpRequest, learner: Model) -> bool:
    return holds(request.user, REFRESH, learner) and may_view_learner(request, learner)


def may_preview(request: HttpRequest, learner: Model) -> bool:
    return holds(request.user, PREVIEW, learner) and may_view_learner(request, learner)


def may_enrol(request: HttpRequest, learner: Model) -> bool:
    """Whether the user may create a learner in OneFile, and add the qualifications of one who is linked."""
    return holds(request.user, ENROL, learner) and may_view_learner(request, learner)


def may_link(request: HttpRequest, row: Model) -> bool:
    """Whether the user may link and unlink a learner, an officer or an organisation.

    PICSWeb must let the user change the row.
    """
    may = holds(request.user, LINK, row) and may_see_row(request, row)
    return may and may_change_learner(request, row)


def may_see_row(request: HttpRequest, row: Model) -> bool:
    """Whether PICSWeb lets this user see a learner, an officer or an organisation."""
    try:
        is_learner = services.kind_of(row) in (None, SubjectKind.LEARNER)
    except (ImproperlyConfigured, LookupError):
        is_learner = True  # nobody's, while the mapping is wrong
    return may_view_learner(request, row) if is_learner else may_view_other(request, row)


def may_match(request: HttpRequest) -> bool:
    """Whether the user may use *Match with OneFile*."""
    return request.user.has_perm(MATCH_RECORDS)


def may_match_row(request: HttpRequest, kind: str, pk: str) -> bool:
    """Whether the user may decide about matches of a learner, officer or organisation."""
    if kind != SubjectKind.LEARNER:
        return may_match(request)
    pks = visible_pks(request)
    return may_match(request) and (pks is None or pk in pks)


def may_see_status(request: HttpRequest, learner: Model) -> bool:
    """Whether the user may see when and how a learner was last synchronised."""
    holds_one = any(holds(request.user, permission, learner) for permission in SEE_STATUS)
    return holds_one and may_view_learner(request, learner)


def may_see_outcome(request: HttpRequest, outcome: LearnerOutcome) -> bool:
    """Whether the user may see the learner, and may also see the run or refresh or preview the learner."""
    if outcome.learner is None:  # deleted in PICSWeb
        return visible_pks(request) is None and _may_open_run(request.user, outcome.run)
    if _may_open_run(request.user, outcome.run):
        return may_view_learner(request, outcome.learner)
    return may_see_status(request, outcome.learner)


def may_see_run(request: HttpRequest, run: SyncRun) -> bool:
    """Whether the user may view runs, requested this one, or may see the outcome of its only learner.

    A run without learners is for those who work with OneFile's lists; one that pairs reviews also for those who link.
    The last case is for a click that leads to a run which a colleague started for the same learner. In every case the
    user must be able to see at least one of the run's learners, if it has any.
    """
    if run.has_no_learners:
        is_theirs = run.kind == RunKind.PAIRING and request.user.has_perm(LINK)
        return is_theirs or may_see_lists(request)
    if _may_open_run(request.user, run):
        return _theirs_in(request, run) != frozenset() or not run.outcomes.exists()
    first_two = list(run.outcomes.all()[:2])
    return len(first_two) == 1 and may_see_outcome(request, first_two[0])


def may_see_lists(request: HttpRequest) -> bool:
    """Whether the user may see how old and how long OneFile's kept lists are, and the qualification links."""
    return any(request.user.has_perm(permission) for permission in SEE_LISTS)


def may_see_unmatched(request: HttpRequest) -> bool:
    """Whether the user may see *Unmatched*: who matches records, or looks after the exchange."""
    return any(request.user.has_perm(permission) for permission in SEE_UNMATCHED)


def may_refresh_links(request: HttpRequest) -> bool:
    """Whether the user may have OneFile's lists read again."""
    return request.user.has_perm(REFRESH_LINKS)


def may_change_settings(request: HttpRequest) -> bool:
    """Whether the user may change the OneFile settings, and the defaults of centres with them."""
    return request.user.has_perm(CHANGE_SETTINGS)


def visible_outcomes(request: HttpRequest, run: SyncRun) -> QuerySet[LearnerOutcome]:
    """The outcomes of the learners in a run whom the user may see."""
    theirs = _theirs_in(request, run)
    if theirs is None:
        return run.outcomes.all()
    return run.outcomes.filter(learner_type=services.learner_type(), learner_pk__in=theirs)


def _theirs_in(request: HttpRequest, run: SyncRun) -> frozenset[str] | None:
    """The primary keys of the learners in a run whom the user may see; ``None`` means all.

    Computed here and cached: in the database, each of several queries would compare thousands of keys.
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
    """The progress of a run, counting only the learners whom the user may see."""
    if sees_everyone_in(request, run):
        return services.progress(run)
    return services.progress(run, among=visible_outcomes(request, run))


def may_cancel(request: HttpRequest, run: SyncRun) -> bool:
    return request.user.has_perm(CANCEL) and _may_decide_for_everyone_in(request, run)


def may_decide(request: HttpRequest, run: SyncRun) -> bool:
    """Whether the user may apply or discard a run that the safety stop holds."""
    return request.user.has_perm(DECIDE) and _may_decide_for_everyone_in(request, run)


def _may_decide_for_everyone_in(request: HttpRequest, run: SyncRun) -> bool:
    """Whether the user may see every learner of the run, as a decision affects all of them."""
    return may_see_run(request, run) and sees_everyone_in(request, run)


def _may_open_run(user: User, run: SyncRun) -> bool:
    if user.has_perm(VIEW_RUNS):
        return True
    asked_for_it = run.requested_by_id is not None and run.requested_by_id == user.pk
    return asked_for_it and any(user.has_perm(permission) for permission in (REFRESH, PREVIEW, ENROL))
