"""The pages for cancelling a run, and for applying or discarding a run that the safety stop holds.

Each asks for confirmation on a page of its own, works without JavaScript and acts on POST only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from onefile_sync import access, services
from onefile_sync.models import OutcomeState, RunKind, SyncRun

from .views import page_of, run_for


@dataclass(frozen=True, slots=True)
class Decision:
    """An action on a run: who may take it, when it is possible, its texts, and the function that carries it out."""

    permission: str
    may: Callable[[HttpRequest, SyncRun], bool]
    is_open: Callable[[SyncRun], bool]
    carry_out: Callable[..., bool]
    title: Promise
    meaning: Promise | str
    button: Promise
    done: Promise


CANCEL = Decision(
    permission=access.CANCEL,
    may=access.may_cancel,
    is_open=lambda run: run.can_be_cancelled,
    carry_out=services.cancel,
    title=gettext_lazy("Cancel this run?"),
    meaning=gettext_lazy(
        "Learners who are being compared now will still be finished; all learners who are waiting are left out of this "
        "run. Changes made so far stay."
    ),
    button=gettext_lazy("Cancel the run"),
    done=gettext_lazy("The run was cancelled."),
)
APPLY = Decision(
    permission=access.DECIDE,
    may=access.may_decide,
    is_open=lambda run: run.is_held,
    carry_out=services.apply_held,
    title=gettext_lazy("Apply what this run would change?"),
    meaning=gettext_lazy(
        "The learners who were put aside are compared once more, and PICSWeb's values are replaced by OneFile's. The "
        "run's report shows the old values, but there is no button to restore them."
    ),
    button=gettext_lazy("Apply"),
    done=gettext_lazy("The run continues."),
)
DISCARD = Decision(
    permission=access.DECIDE,
    may=access.may_decide,
    is_open=lambda run: run.is_held,
    carry_out=services.discard_held,
    title=gettext_lazy("Discard what this run would change?"),
    meaning=gettext_lazy(
        "Nothing is written for the learners who were put aside, and the run ends. The next daily sync compares them "
        "again, and is held again if it would still change as many."
    ),
    button=gettext_lazy("Discard"),
    done=gettext_lazy("The run was discarded."),
)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _decide(request, pk, CANCEL)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def apply_held(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _decide(request, pk, APPLY)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def discard_held(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _decide(request, pk, DISCARD)


def _decide(request: HttpRequest, pk: UUID, decision: Decision) -> HttpResponse:
    if not request.user.has_perm(decision.permission):
        raise PermissionDenied
    run = run_for(request, pk)
    if not decision.may(request, run):
        raise PermissionDenied
    if request.method == "POST":
        if decision.carry_out(run, by=request.user):
            messages.success(request, str(decision.done))
        else:
            messages.warning(request, _("Too late: the run has already continued or ended."))
        return redirect(run)
    if not decision.is_open(run):
        return redirect(run)
    return page_of(request, "onefile_sync/decide.html", str(decision.title), **_context(run, decision))


def _context(run: SyncRun, decision: Decision) -> dict[str, Any]:
    if run.has_no_learners:
        meaning = _("What was kept of the lists that are not finished stays. You can have them read again.")
        if run.kind == RunKind.LINKING:
            meaning = _("Pairs that are linked already stay linked. The others can be ticked again.")
        if run.kind == RunKind.PAIRING:
            meaning = _("Answers that are saved already stay saved. The others are asked again.")
        return {"run": run, "decision": replace(decision, meaning=meaning), "waiting": None}
    counts = services.progress(run).counts
    waiting = counts.get(OutcomeState.QUEUED, 0) + counts.get(OutcomeState.ASIDE, 0)
    return {"run": run, "decision": decision, "waiting": waiting}
