"""The window *Create Learner in OneFile*, which of a linked learner adds qualifications in OneFile.

It works without JavaScript and acts on POST only. It makes no call to OneFile: looking and creating are runs. What is
known of a person is never in a URL.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from onefile_sync import access, services
from onefile_sync.models import OneFileSettings, RunKind
from onefile_sync.services import EnrolmentChoices, enrolment, enrolment_plan

from . import links, text
from .enrolment_lines import (
    ANSWERABLE,
    advice,
    aim_lines,
    party_lines,
    potential_lines,
    sent_lines,
    window_link,
)
from .learner_linking import number_in
from .views import page_of

#: The longest primary key that is taken from a form.
LONGEST_KEY: Final = 100


@login_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def enrol(request: HttpRequest, pk: str) -> HttpResponse:
    """Show what would be created; look for the learner in OneFile, and create what was shown."""
    learner = services.find_learner(pk)
    if learner is None or not access.may_enrol(request, learner):
        access.refuse(request, access.ENROL)
    action = request.POST.get("action", "")
    choices = choices_in(request.POST) if action in ("check", "show", "create") else None
    if action == "check":
        return _looked_for(request, learner, choices)
    if action == "answer":
        return _answered(request, learner)
    if action == "create" and choices is not None:
        return _created(request, learner, choices)
    return _page(request, learner, choices)


def choices_in(posted: QueryDict) -> EnrolmentChoices | None:
    """What the form says; ``None`` if it is the button of a page without choices."""
    if "shown" not in posted:
        return None
    pathways = {
        name.removeprefix("pathway-"): number_in(str(chosen))
        for name, chosen in posted.items()
        if name.startswith("pathway-") and chosen
    }
    wanted = _keys(pathways)
    return EnrolmentChoices(
        centre_id=number_in(posted.get("centre", "")) or None,
        pathways={key: standard for key, standard in pathways.items() if key in wanted and standard},
        left_out=_keys(posted.getlist("left_out")),
        different_person=posted.get("different_person") == "yes",
        create=_keys(posted.getlist("create")),
    )


def _keys(names: Iterable[str]) -> frozenset[str]:
    """Those that can be keys: they are kept with the run."""
    return frozenset(name for name in names if name.isprintable() and len(name) <= LONGEST_KEY)


def _choices_seen(posted: QueryDict) -> EnrolmentChoices | None:
    """The choices with which the page was shown."""
    try:
        return EnrolmentChoices.from_json(json.loads(posted.get("seen", "")))
    except (ValueError, TypeError, AttributeError):
        return None


def _looked_for(request: HttpRequest, learner: Model, choices: EnrolmentChoices | None) -> HttpResponse:
    try:
        services.enrol_check([learner], by=request.user, choices=choices)
    except services.Refused as refused:
        messages.error(request, refused.reason)
    return HttpResponseRedirect(window_link(request, learner, links.came_from(request)))


def _answered(request: HttpRequest, learner: Model) -> HttpResponse:
    """Note which record a create in doubt has made, or that none of those found was made by it."""
    chosen = request.POST.get("candidate", "")
    is_noted = (chosen == "none" or number_in(chosen)) and enrolment.answer_create(
        learner,
        number_in(request.POST.get("create_in_doubt", "")) or 0,
        None if chosen == "none" else number_in(chosen),
        [number for each in request.POST.getlist("seen") if (number := number_in(each))],
    )
    if is_noted:
        messages.success(request, _("Noted. PICSWeb goes on from here once you continue below."))
    else:
        messages.error(
            request, _("Nothing was noted: choose one of the answers, or look at what is shown now.")
        )
    return HttpResponseRedirect(window_link(request, learner, links.came_from(request)))


@sensitive_variables()
def _created(request: HttpRequest, learner: Model, choices: EnrolmentChoices) -> HttpResponse:
    try:
        digest = _digest_of_answers(request, learner, choices)
        run = services.enrol(learner, choices, digest, by=request.user)
    except services.Refused as refused:
        messages.error(request, _("Not created: %(reason)s") % {"reason": refused.reason})
        return _page(request, learner, choices)
    return HttpResponseRedirect(links.followed_at(request, run, learner, _back(request, learner)))


@sensitive_variables()
def _digest_of_answers(request: HttpRequest, learner: Model, choices: EnrolmentChoices) -> str:
    """What tells the plan with a person's answers, if the page showed everything that it would create."""
    posted, before = request.POST.get("shown", ""), _choices_seen(request.POST)
    if before is None or before == choices:
        return posted
    seen = enrolment.enrolment_window(learner, before).plan
    now = enrolment.enrolment_window(learner, choices).plan
    if seen is None or now is None or seen.shown != posted or not seen.covers(now):
        return posted
    return now.shown


@sensitive_variables()
def _page(request: HttpRequest, learner: Model, choices: EnrolmentChoices | None = None) -> HttpResponse:
    is_linked = getattr(learner, "onefile_id", None) is not None
    title = _("Add qualifications in OneFile") if is_linked else _("Create Learner in OneFile")
    context: dict[str, Any] = {
        "learner": learner,
        "is_linked": is_linked,
        "came_from": links.came_from(request),
        "back": _back(request, learner),
        "in_doubt": enrolment.creates_in_doubt(learner),
    }
    try:
        window = enrolment.enrolment_window(learner, choices)
    except services.Refused as refused:
        window = enrolment.EnrolmentWindow()
        context["refusal"] = refused.reason
    context |= _of_run(request, learner, window)
    if window.plan is not None and window.run is None:
        context |= _of_plan(request, learner, window.plan)
    return page_of(
        request, "onefile_sync/enrol_learner.html", f"{title}: {learner}", window=window, **context
    )


def _of_run(request: HttpRequest, learner: Model, window: enrolment.EnrolmentWindow) -> dict[str, Any]:
    """The open run, and why the last check failed."""
    failed = services.report(window.failed).problems if window.failed is not None else []
    if window.run is None:
        return {"failed": failed}
    now = access.progress(request, window.run)
    return {
        "failed": failed,
        "run": window.run,
        "progress": now,
        "headline": text.headline(window.run, now),
        "is_creating": window.run.kind == RunKind.ENROL,
        "run_address": links.followed_at(request, window.run, learner, _back(request, learner)),
        "run_is_visible": access.may_see_run(request, window.run),
        "paused": OneFileSettings.load().paused,
    }


def _of_plan(request: HttpRequest, learner: Model, plan: enrolment_plan.EnrolmentPlan) -> dict[str, Any]:
    matches = potential_lines(plan)
    refusals = [advice(each) for each in plan.refusals]
    by_itself = [each.problem for each in plan.values]  # said beside the value
    return {
        "plan": plan,
        "seen": json.dumps(plan.choices.to_json()),
        "refusals": refusals,
        "notes": [advice(each) for each in plan.problems if each not in by_itself],
        "values": sent_lines(plan),
        "matches": matches,
        "likely": next((each for each in matches if each.is_likely), None),
        "aims": aim_lines(plan),
        "parties": party_lines(request, plan),
        "email": plan.sent.get("email", ""),
        "may_create": all(each.code in ANSWERABLE for each in refusals),
        "may_link": access.may_link(request, learner),
        "may_refresh_links": access.may_refresh_links(request),
        "creates_aims": any(each.is_created for each in plan.qualifications),
    }


def _back(request: HttpRequest, learner: Model) -> str:
    return links.came_from(request) or links.own_page(learner) or links.learner_link(request, learner) or "/"
