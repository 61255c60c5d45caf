"""The HTML pages outside the admin: request a refresh, follow a run, read a learner's outcome, health.

Every page requires a log-in and a permission (:mod:`onefile_sync.access`), and is never cached.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Case, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from onefile_sync import access, services
from onefile_sync.learner_admin import is_served, learner_admin
from onefile_sync.models import LearnerOutcome, OneFileSettings, OutcomeState, RunKind, SyncRun

from . import links, text

#: Learners on one page of a run.
PAGE_LENGTH = 25


@dataclass(frozen=True, slots=True)
class LearnerResult:
    """One learner's outcome in a run, as text and links."""

    outcome: LearnerOutcome
    name: str
    link: str
    label: str
    words: str
    report: services.OutcomeReport


@dataclass(frozen=True, slots=True)
class Tally:
    """The number of a run's learners with one outcome. ``chosen``: the list below shows only these."""

    state: str
    label: str
    count: int
    chosen: bool


@login_required
@never_cache
@require_POST
def refresh(request: HttpRequest, pk: str) -> HttpResponse:
    """Queue a refresh of one learner and redirect to the run's page. While a refresh is open, redirect to that run."""
    learner = services.find_learner(pk)
    if learner is None or not access.may_refresh(request, learner):
        access.refuse(request, access.REFRESH)
    origin = links.came_from(request)
    try:
        run = services.refresh([learner], by=request.user)
    except services.Refused as refused:
        messages.error(request, _("Not refreshed: %(reason)s") % {"reason": refused.reason})
        return HttpResponseRedirect(
            origin or links.own_page(learner) or links.learner_link(request, learner) or "/"
        )
    return HttpResponseRedirect(links.followed_at(request, run, learner, origin))


@login_required
@never_cache
@require_safe
def run(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A run: its progress, then the changes and problems of each learner, or the lists that it reads."""
    the_run = run_for(request, pk)
    now = access.progress(request, the_run)
    if the_run.has_no_learners:
        return _run_without_learners(request, the_run, now)
    chosen, origin = request.GET.get("outcome", ""), links.came_from(request)
    outcomes = access.visible_outcomes(request, the_run)
    page = Paginator(_in_reading_order(outcomes, chosen), PAGE_LENGTH).get_page(request.GET.get("page"))
    only = page.object_list[0] if now.total == 1 and len(page.object_list) == 1 else None
    sees_everyone = access.sees_everyone_in(request, the_run)
    return page_of(
        request,
        "onefile_sync/run.html",
        text.run_title(the_run, only),
        run=the_run,
        progress=now,
        headline=text.headline(the_run, now),
        how_it_read=services.how_it_read(the_run) if sees_everyone else [],
        sees_everyone=sees_everyone,
        paused=OneFileSettings.load().paused,
        tallies=_tallies(the_run, now, chosen),
        chosen=chosen,
        page=page,
        results=[_result(request, each, origin if only else "") for each in page.object_list],
        came_from=origin,
        kept=f"&{urlencode({'next': origin})}" if origin else "",
        learner_to_refresh=_learner_to_refresh(request, the_run, only),
        may_cancel=the_run.can_be_cancelled and access.may_cancel(request, the_run),
        may_decide=the_run.is_held and access.may_decide(request, the_run),
    )


#: The templates of runs without learners, but for those that read lists.
_TEMPLATES: dict[str, str] = {
    RunKind.MATCH: "onefile_sync/run_of_matches.html",
    RunKind.LINKING: "onefile_sync/run_of_matches.html",
    RunKind.PAIRING: "onefile_sync/run_of_pairing.html",
}


def _run_without_learners(request: HttpRequest, the_run: SyncRun, now: services.Progress) -> HttpResponse:
    return page_of(
        request,
        _TEMPLATES.get(the_run.kind, "onefile_sync/run_of_lists.html"),
        text.run_title(the_run, None),
        run=the_run,
        progress=now,
        headline=text.headline(the_run, now),
        remedy=services.remedy_by_hand(now.failure) if now.failure else "",
        paused=OneFileSettings.load().paused,
        lines=services.lists_of_run(the_run),
        not_saved=_not_saved(request, the_run),
        may_cancel=the_run.can_be_cancelled and access.may_cancel(request, the_run),
    )


def _not_saved(request: HttpRequest, the_run: SyncRun) -> list[tuple[str, str]]:
    """The learners whom this user may see whose answers about reviews were not saved, each with the reason."""
    refused = services.linking.answers_not_saved(the_run)
    learners = services.find_rows("learner", [pk for pk, _why in refused]) if refused else {}
    shown = {str(each.pk): str(each) for each in access.visible(request, learners.values())}
    return [(shown[pk], why) for pk, why in refused if pk in shown]


@login_required
@never_cache
@require_safe
def progress(request: HttpRequest, pk: UUID) -> JsonResponse:
    """The progress of a run as JSON, for the script of the run's page."""
    the_run = run_for(request, pk)
    now = access.progress(request, the_run)
    return JsonResponse(
        {
            "state": now.state,
            "result": now.result,
            "headline": text.headline(the_run, now),
            "total": now.total,
            "done": now.done,
            "counts": dict(now.counts),
            "waiting_for_worker": now.waiting_for_worker,
            "final": now.is_final,
        }
    )


@login_required
@never_cache
@require_safe
def outcome(request: HttpRequest, pk: int) -> HttpResponse:
    """One learner's outcome in one run."""
    the_outcome = LearnerOutcome.objects.select_related("run").filter(pk=pk).first()
    if the_outcome is None or not access.may_see_outcome(request, the_outcome):
        access.refuse(request, *access.SEE_STATUS)
    return page_of(
        request,
        "onefile_sync/outcome.html",
        text.run_title(the_outcome.run, None),
        run=the_outcome.run,
        result=_result(request, the_outcome, links.came_from(request)),
        run_is_visible=access.may_see_run(request, the_outcome.run),
    )


@login_required
@never_cache
@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """The health page: each question with its answer, the worst first."""
    if not request.user.has_perm(access.VIEW_HEALTH):
        raise PermissionDenied
    now = services.health()

    def visible(of: SyncRun | None) -> SyncRun | None:
        return of if of is not None and access.may_see_run(request, of) else None

    findings = sorted(now.findings, key=lambda finding: -finding.level)
    return page_of(
        request,
        "onefile_sync/health.html",
        _("OneFile: is it working?"),
        health=now,
        answers=[(text.finding_in_words(finding), visible(finding.run)) for finding in findings],
        headline=text.health_headline(now),
    )


def run_for(request: HttpRequest, pk: UUID) -> SyncRun:
    """The run, if this user may see it. Otherwise raises what :func:`onefile_sync.access.refuse` raises."""
    run = SyncRun.objects.select_related("requested_by").filter(pk=pk).first()
    if run is None or not access.may_see_run(request, run):
        access.refuse(request, *access.SEE_STATUS, *access.SEE_LISTS)
    return run


def _in_reading_order(outcomes: QuerySet[LearnerOutcome], chosen: str) -> QuerySet[LearnerOutcome]:
    outcomes = outcomes.select_related("run").prefetch_related("learner", "changes", "problems")
    if chosen in OutcomeState.values:
        return outcomes.filter(state=chosen).order_by("id")
    place = Case(*(When(state=state, then=Value(at)) for at, state in enumerate(text.READING_ORDER)))
    return outcomes.order_by(place, "id")


def _tallies(the_run: SyncRun, now: services.Progress, chosen: str) -> list[Tally]:
    return [
        Tally(state, text.state_label(the_run, state), now.counts.get(state, 0), chosen == state)
        for state in text.READING_ORDER
    ]


def _result(request: HttpRequest, of: LearnerOutcome, origin: str) -> LearnerResult:
    return LearnerResult(
        outcome=of,
        name=text.learner_name(of),
        link=origin or links.learner_link(request, of.learner),
        label=text.state_label(of.run, of.state),
        words=text.outcome_in_words(of),
        report=services.report(of),
    )


def _learner_to_refresh(request: HttpRequest, the_run: SyncRun, only: LearnerOutcome | None) -> str:
    """The learner's primary key for the Refresh button of a finished preview, or ``""`` for no button."""
    if not the_run.is_preview or the_run.is_open or only is None or only.learner is None:
        return ""
    may = access.may_refresh(request, only.learner) and services.refusal_for(only.learner) is None
    return only.learner_pk if may else ""


def page_of(request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
    """Render a page within the layout of the admin site to which our pages belong."""
    site = _admin_site()
    request.current_app = site.name  # makes {% url 'admin:…' %} resolve to this site
    frame = site.each_context(request) if is_served(site) else {}
    if not frame.get("has_permission"):
        # Every link in the sidebar would lead this user to the admin's log-in page.
        frame["is_nav_sidebar_enabled"] = False
    return render(request, template, {**frame, "title": title, **context})


def _admin_site() -> AdminSite:
    """The admin site with PICSWeb's learners; the default site if there is none or the mapping is wrong."""
    try:
        found = learner_admin(services.learner_model())
    except (ImproperlyConfigured, LookupError):
        return admin.site
    return found.site if found is not None and is_served(found.site) else admin.site
