"""*Reviews to answer*: the question which reviews are the same, of all learners of whom it is open.

It works without JavaScript, acts on POST only and calls no OneFile: a run saves the answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from onefile_sync import access, services
from onefile_sync.models import RecordLink

from . import links
from .learner_linking import Pairing, number_in, pairings, review_label
from .views import page_of

#: Learners on one page.
PAGE_LENGTH: Final = 25


@dataclass(frozen=True, slots=True)
class LearnerReviews:
    """A learner with the reviews of both sides. ``answer`` is the one that is chosen at first."""

    question: services.ReviewsQuestion
    learner: Model
    alone: str
    pairs: list[Pairing]
    theirs: list[str]
    answer: str
    refusal: str


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def reviews(request: HttpRequest) -> HttpResponse:
    """Ask which reviews are the same, of 25 learners at a time, and have the answers saved."""
    if not request.user.has_perm(access.LINK):
        raise PermissionDenied
    try:
        waiting = _waiting(request)
        if request.method == "POST":
            return _saved(request, [link for _learner, link in waiting])
    except services.Refused as refused:
        return page_of(request, "onefile_sync/refusal.html", _("Reviews to answer"), refusal=refused.reason)
    page = Paginator(waiting, PAGE_LENGTH).get_page(request.GET.get("page"))
    return page_of(
        request,
        "onefile_sync/reviews.html",
        _("Reviews to answer"),
        total=len(waiting),
        page=page,
        learners=list(_lines(request, list(page.object_list))),
        runs=services.linking.runs_saving_reviews(),
    )


def _waiting(request: HttpRequest) -> list[tuple[Model, RecordLink]]:
    """The learners whose reviews wait and whom this user may link, by name."""
    found = {each.subject_pk: each for each in services.linking.waiting_links()}
    access.visible_pks(request)  # once for all of them
    learners = services.find_rows("learner", found).items()
    mine = [(learner, found[pk]) for pk, learner in learners if access.may_link(request, learner)]
    return sorted(mine, key=lambda each: (str(each[0]).casefold(), each[1].pk))


def _lines(request: HttpRequest, waiting: list[tuple[Model, RecordLink]]) -> Iterable[LearnerReviews]:
    questions = services.linking.review_questions([link for _learner, link in waiting])
    for (learner, link), question in zip(waiting, questions, strict=True):
        found = question.reviews
        # Where some are chosen already, and others may be the same as well, nothing is answered by mistake.
        is_unsure = not found or (bool(found.certain) and found.needs_a_look)
        yield LearnerReviews(
            question,
            learner,
            links.pairing_link(request, learner),
            pairings(f"review-{link.pk}", found, None),
            [review_label(each) for each in found.theirs],
            (services.ReviewsAnswer.LATER if is_unsure else services.ReviewsAnswer.PAIRED).value,
            services.linking.refusal_of_answer(question),
        )


def _saved(request: HttpRequest, waiting: list[RecordLink]) -> HttpResponse:
    decisions: dict[int, services.ReviewsDecision] = {}
    untold = 0
    for link in waiting:
        chosen = request.POST.get(f"answer-{link.pk}", services.ReviewsAnswer.LATER.value)
        if chosen not in (services.ReviewsAnswer.PAIRED.value, services.ReviewsAnswer.DIFFERENT.value):
            continue
        is_paired = chosen == services.ReviewsAnswer.PAIRED.value
        pairs = _pairs(request, f"review-{link.pk}-") if is_paired else {}
        if is_paired and not pairs:
            untold += 1
            continue
        decisions[link.pk] = services.ReviewsDecision(request.POST.get(f"shown-{link.pk}", ""), pairs)
    run = services.answer_reviews(decisions, by=request.user) if decisions else None
    if run is not None:
        told = ngettext(
            "The answer about %(number)d learner is being saved.",
            "The answers about %(number)d learners are being saved.",
            len(decisions),
        )
        messages.success(request, told % {"number": len(decisions)})
    if untold:
        told = ngettext(
            "%(number)d learner still waits, as no review was chosen. Choose one, or “They are all different”.",
            "%(number)d learners still wait, as no review was chosen. Choose one, or “They are all different”.",
            untold,
        )
        messages.warning(request, told % {"number": untold})
    shown = {name for name in request.POST if name.startswith("shown-")}
    if (decisions and run is None) or shown - {f"shown-{link.pk}" for link in waiting}:
        messages.warning(
            request, _("Learners about whom somebody else has answered meanwhile were left out.")
        )
    elif not decisions and not untold:
        messages.warning(request, _("Nothing was answered."))
    page = request.POST.get("page", "")
    return HttpResponseRedirect(
        f"{request.path}?{urlencode({'page': page})}" if page.isdecimal() else request.path
    )


def _pairs(request: HttpRequest, prefix: str) -> dict[str, int]:
    return {
        name.removeprefix(prefix): number_in(str(chosen))
        for name, chosen in request.POST.items()
        if name.startswith(prefix) and chosen
    }
