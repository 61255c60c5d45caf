"""The pages on which a learner is linked to an existing OneFile learner, and unlinked.

They work without JavaScript and act on POST only. What was typed or read of a person is never in a URL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from onefile_sync import access, services

from . import links
from .views import page_of

NAMES: dict[str, Promise] = {
    "first_name": gettext_lazy("First Name"),
    "surname": gettext_lazy("Surname"),
    "date_of_birth": gettext_lazy("Date of Birth"),
    "uln": gettext_lazy("ULN"),
    "ni_number": gettext_lazy("NI Number"),
    "email": gettext_lazy("Email"),
    "ident": gettext_lazy("Ident (MIS Value)"),
    "start_date": gettext_lazy("Start Date"),
    "centre_id": gettext_lazy("Centre"),
}
AGREEMENTS: dict[services.Agreement, Promise] = {
    services.Agreement.AGREES: gettext_lazy("agrees"),
    services.Agreement.DIFFERS: gettext_lazy("differs"),
    services.Agreement.BLANK: gettext_lazy("blank"),
}


@dataclass(frozen=True, slots=True)
class Value:
    """A line of the comparison."""

    label: Promise
    ours: str
    theirs: str
    agreement: Promise
    differs: bool


@dataclass(frozen=True, slots=True)
class Offered:
    """A learning aim or review that may be chosen."""

    onefile_id: int
    label: str


@dataclass(frozen=True, slots=True)
class Pairing:
    """A qualification or review of PICSWeb, with what may be chosen for it. ``name`` is that of the form's field."""

    name: str
    label: str
    options: list[Offered]
    chosen: int | None


@transaction.non_atomic_requests  # OneFile is called: a transaction would lock the rate limit of all processes
@login_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def link(request: HttpRequest, pk: str) -> HttpResponse:
    """Ask for the OneFile ID, show both records side by side, and link the two."""
    learner = learner_to_link(request, pk)
    onefile_id: int | None = getattr(learner, "onefile_id", None)
    action = request.POST.get("action", "")
    typed = request.POST.get("onefile_id", "") if action in ("check", "save") else str(onefile_id or "")
    if request.method != "POST" and onefile_id is not None and services.reviews_wait(learner):
        action = "check"  # who comes to pair the reviews has nothing to type first
    if action not in ("check", "save"):
        return _page(request, learner, typed)
    try:
        if action == "check":
            return _page(request, learner, typed, services.check_onefile_id(learner, number_in(typed)))
        return _saved(request, learner, typed)
    except services.TakenByAnother as taken:
        return _page(request, learner, typed, refusal=taken_by(request, taken))
    except (services.LinkRefused, services.Refused) as refused:
        return _page(request, learner, typed, refusal=refused.reason)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unlink(request: HttpRequest, pk: str) -> HttpResponse:
    """Ask for confirmation, saying what is cleared, and unlink the learner."""
    learner = learner_to_link(request, pk)
    back = _back(request, learner)
    onefile_id: int | None = getattr(learner, "onefile_id", None)
    if request.method != "POST" and onefile_id is not None:
        return page_of(
            request,
            "onefile_sync/unlink_learner.html",
            _("Unlink this learner from OneFile?"),
            learner=learner,
            onefile_id=onefile_id,
            came_from=links.came_from(request),
            back=back,
        )
    try:
        ended = services.unlink(learner, by=request.user) if request.method == "POST" else None
    except (services.LinkRefused, services.Refused) as refused:
        messages.error(request, _("Not unlinked: %(reason)s") % {"reason": refused.reason})
    else:
        if ended is not None:
            messages.success(request, _("%(learner)s was unlinked from OneFile.") % {"learner": learner})
        else:
            messages.warning(request, _("%(learner)s is not linked to OneFile.") % {"learner": learner})
    return HttpResponseRedirect(back)


def learner_to_link(request: HttpRequest, pk: str) -> Model:
    """The learner, if this user may link them. Otherwise raises what :func:`access.refuse` raises."""
    learner = services.find_learner(pk)
    if learner is None or not access.may_link(request, learner):
        access.refuse(request, access.LINK)
    return learner


def number_in(typed: str) -> int:
    """The OneFile ID that was typed; 0, which nobody has, if it is no number."""
    return int(typed) if re.fullmatch(r"[0-9]{1,20}", typed := typed.strip()) else 0


def taken_by(request: HttpRequest, taken: services.TakenByAnother) -> str:
    """Why the OneFile ID cannot be had, naming who has it if this user may see that learner."""
    holder = services.find_learner(taken.holder)
    if holder is None or not access.may_view_learner(request, holder):
        return taken.reason
    return services.link_refusal("link_taken_by", learner=str(holder), **taken.details)


def holder_of(request: HttpRequest, seen: services.LinkCheck) -> Model | None:
    """The earlier record from which this user may move the link. Raises ``TakenByAnother`` if the user may not."""
    if seen.holder is None:
        return None
    holder = services.find_learner(seen.holder)
    if holder is None or not access.may_link(request, holder):
        raise services.TakenByAnother(seen.onefile_id, seen.holder)
    return holder


def may_move_from(request: HttpRequest, pk: str) -> bool:
    """Whether this user may take the link from an earlier record."""
    holder = services.find_learner(pk)
    return holder is not None and access.may_link(request, holder)


def _saved(request: HttpRequest, learner: Model, typed: str) -> HttpResponse:
    decision = _decision(request)
    try:
        made = services.link(learner, number_in(typed), decision, by=request.user)
    except services.AskAgain as again:
        return _page(request, learner, typed, again.seen, again.reason, decision)
    messages.success(
        request,
        _("%(learner)s is linked to the OneFile learner %(onefile_id)s.")
        % {"learner": learner, "onefile_id": made.onefile_id},
    )
    return HttpResponseRedirect(_back(request, learner))


def _decision(request: HttpRequest) -> services.LinkDecision:
    posted = request.POST
    answer, move_from = posted.get("reviews_answer", ""), posted.get("move_from", "")
    answers = {each.value: each for each in services.ReviewsAnswer}
    return services.LinkDecision(
        shown=posted.get("shown") or "-",  # nobody links without having looked
        same_person=posted.get("same_person") == "yes",
        move_from=move_from if may_move_from(request, move_from) else "",
        qualifications=_pairs(posted, "qualification-"),
        reviews=_pairs(posted, "review-"),
        reviews_answer=answers.get(answer, services.ReviewsAnswer.LATER),
    )


def _pairs(posted: Mapping[str, Any], prefix: str) -> dict[str, int]:
    return {
        name.removeprefix(prefix): number_in(str(chosen))
        for name, chosen in posted.items()
        if name.startswith(prefix) and chosen
    }


def _page(
    request: HttpRequest,
    learner: Model,
    typed: str,
    seen: services.LinkCheck | None = None,
    refusal: str = "",
    decision: services.LinkDecision | None = None,
) -> HttpResponse:
    context: dict[str, Any] = {}
    if seen is not None:
        # What was decided about something else is not proposed again.
        keeps = decision is not None and decision.shown == seen.shown
        context = {
            "holder": holder_of(request, seen),
            "values": _values(seen),
            "qualifications": pairings(
                "qualification", seen.qualifications, decision.qualifications if keeps and decision else None
            ),
            "reviews": pairings("review", seen.reviews, decision.reviews if keeps and decision else None),
            "answer": decision.reviews_answer.value if keeps and decision else "paired",
        }
    return page_of(
        request,
        "onefile_sync/link_learner.html",
        _("Link to a OneFile learner: %(learner)s") % {"learner": learner},
        learner=learner,
        typed=typed,
        seen=seen,
        refusal=refusal,
        decision=decision,
        came_from=links.came_from(request),
        back=_back(request, learner),
        **context,
    )


def _values(seen: services.LinkCheck) -> list[Value]:
    return [
        Value(
            NAMES[each.name],
            each.ours,
            each.theirs,
            AGREEMENTS[each.agreement],
            each.agreement is services.Agreement.DIFFERS,
        )
        for each in seen.comparison.values
    ]


def pairings(prefix: str, choices: services.Choices, decided: Mapping[str, int] | None) -> list[Pairing]:
    """What may be paired; nothing if one side has nothing. ``prefix`` begins the names of the fields of the form."""
    if not choices:
        return []
    is_review = prefix.startswith("review")
    label = review_label if is_review else _aim_label
    options = [Offered(each.onefile_id, label(each)) for each in choices.theirs]
    chosen = choices.certain if decided is None else decided
    return [
        Pairing(
            f"{prefix}-{each.pk}",
            _our_review(each) if is_review else str(each.label),
            options,
            chosen.get(each.pk),
        )
        for each in choices.ours
    ]


def _our_review(choice: services.Choice) -> str:
    """A review of PICSWeb with its days, unless PICSWeb's own name for it has them."""
    label = str(choice.label)
    days = [
        text % {"day": f"{day:%d/%m/%Y}"}
        for text, day in ((_("proposed %(day)s"), choice.day), (_("held %(day)s"), choice.held))
        if day is not None and f"{day:%d/%m/%Y}" not in label
    ]
    if choice.day is None and choice.held is None:
        days = [_("no date")]
    return ", ".join([label, *days])


def review_label(option: services.Option) -> str:
    """A review in OneFile: its day and OneFile ID."""
    day = f"{option.day:%d/%m/%Y}" if option.day is not None else _("no date")
    return _("%(what)s (OneFile ID %(onefile_id)s)") % {"what": day, "onefile_id": option.onefile_id}


def _aim_label(option: services.Option) -> str:
    """A learning aim by its standard; without one by the OneFile ID alone."""
    known = option.title
    if option.code and option.code not in known:
        known = f"{known} [{option.code}]".strip()
    if not known:
        return _("OneFile ID %(onefile_id)s") % {"onefile_id": option.onefile_id}
    return _("%(what)s (OneFile ID %(onefile_id)s)") % {"what": known, "onefile_id": option.onefile_id}


def _back(request: HttpRequest, learner: Model) -> str:
    return links.came_from(request) or links.own_page(learner) or links.learner_link(request, learner) or "/"
