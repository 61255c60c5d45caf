"""The pages of *Match with OneFile*: choose what to match, look through what was found, and link what is ticked.

They work without JavaScript and act on POST only. Values of a person are shown only where somebody opens a pair.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from onefile_sync import access, services
from onefile_sync.models import MatchSuggestion, RunKind, SubjectKind
from onefile_sync.services import matches

from .csv_export import csv_lines, csv_response
from .learner_linking import AGREEMENTS, NAMES
from .views import page_of

#: Pairs on one page.
PAGE_LENGTH: Final = 50
#: Pairs that the confirmation page names.
EXAMPLES: Final = 10
NOTHING: Final = "nothing"

KINDS: Final[dict[str, Promise]] = {
    SubjectKind.LEARNER: gettext_lazy("Learners"),
    SubjectKind.OFFICER: gettext_lazy("Officers"),
    SubjectKind.ORGANISATION: gettext_lazy("Organisations"),
}
LEVELS: Final[dict[str, Promise]] = {
    services.Confidence.CERTAIN.value: gettext_lazy("Certain"),
    services.Confidence.STRONG.value: gettext_lazy("Strong"),
    services.Confidence.POSSIBLE.value: gettext_lazy("Possible"),
    services.Confidence.SEVERAL.value: gettext_lazy("Several"),
    services.Confidence.CONTRADICTED.value: gettext_lazy("Contradicted"),
    NOTHING: gettext_lazy("Nothing found"),
}
#: Pairs of these confidences can be ticked. Any other pair has to be opened.
TICKABLE: Final = (services.Confidence.CERTAIN.value, services.Confidence.STRONG.value)


@dataclass(frozen=True, slots=True)
class LevelTab:
    """A tab of the page: pairs of one confidence."""

    level: str
    label: Promise
    count: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class PairLine:
    """A pair as a line of the page."""

    line: matches.MatchLine
    matched_on: str
    differs: str


@dataclass(frozen=True, slots=True)
class SideBySide:
    """A value of both records. ``agreement`` says how the two compare."""

    label: Promise | str
    ours: str
    theirs: str
    agreement: Promise
    differs: bool


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def start(request: HttpRequest) -> HttpResponse:
    """Say how many rows have no OneFile ID and how many calls matching takes, and start it."""
    _check(request)
    chosen = request.POST if request.method == "POST" else request.GET
    kinds = [kind for kind in chosen.getlist("kind") if kind in KINDS] or list(KINDS)
    centres = [int(each) for each in chosen.getlist("centre") if each.isdecimal() and len(each) < 19]
    try:
        if request.method == "POST" and "count" not in request.POST:
            run = services.match(kinds, centres, by=request.user)
            if run.kind != RunKind.MATCH:
                messages.warning(
                    request, _("OneFile's lists are being read at the moment. Start the matching after that.")
                )
            return redirect(run)
        estimate = services.match_estimate(kinds, centres)
        known = matches.centres()
    except services.Refused as refused:
        messages.error(request, refused.reason)
        estimate, known = None, []
    return page_of(
        request,
        "onefile_sync/match_start.html",
        _("Match with OneFile"),
        kinds=[(kind, label, kind in kinds) for kind, label in KINDS.items()],
        centres=[(each.onefile_id, each.name, each.onefile_id in centres) for each in known],
        estimate=estimate,
        unlinked=_unlinked(request, kinds) if estimate is not None else [],
    )


@login_required
@never_cache
@require_safe
def found(request: HttpRequest) -> HttpResponse:
    """The pairs that nobody has decided about, by confidence."""
    _check(request)
    kind, level = _chosen(request.GET)
    among = access.visible_pks(request)
    try:
        counts = matches.count_by_level(kind, among=among)
        of_kind = {each: sum(matches.count_by_level(each, among=among).values()) for each in KINDS}
        counts[NOTHING] = len(matches.in_no_pair(kind, among=among))
    except services.Refused as refused:
        messages.error(request, refused.reason)
        return HttpResponseRedirect(reverse("onefile_sync:match"))
    rows: Sequence[tuple[str, str]] | Sequence[MatchSuggestion] = (
        matches.nothing_found(kind, among=among)
        if level == NOTHING
        else matches.by_name(matches.suggestions(kind, level, among=among))
    )
    page = Paginator(rows, PAGE_LENGTH).get_page(request.GET.get("page"))
    return page_of(
        request,
        "onefile_sync/matches.html",
        _("Match with OneFile: what was found"),
        kinds=[(each, label, each == kind, of_kind[each]) for each, label in KINDS.items()],
        tabs=[LevelTab(each, label, counts.get(each, 0), each == level) for each, label in LEVELS.items()],
        kind=kind,
        level=level,
        is_nothing=level == NOTHING,
        page=page,
        lines=[] if level == NOTHING else list(_lines(page.object_list)),  # type: ignore[arg-type] # a list or a query
        is_tickable=level in TICKABLE,
        is_ticked=level == services.Confidence.CERTAIN.value,
        total=page.paginator.count,
        kept=f"&{urlencode({'kind': kind, 'level': level})}",
    )


@login_required
@never_cache
@require_POST
def link(request: HttpRequest) -> HttpResponse:
    """Ask for confirmation with examples, then link what was ticked."""
    _check(request)
    kind, level = _chosen(request.POST)
    if level not in TICKABLE:
        raise PermissionDenied
    back = f"{reverse('onefile_sync:matches')}?{urlencode({'kind': kind, 'level': level})}"
    try:
        ticked = _ticked(request, kind, level)
        count = ticked.count()
        if not count:
            messages.warning(request, _("Nothing was ticked, or all of it has been decided already."))
            return HttpResponseRedirect(back)
        # Somebody else may have decided, or matched again, since the confirmation was shown.
        if request.POST.get("confirmed") == str(count):
            run = services.link_ticked(list(ticked.values_list("pk", flat=True)), by=request.user)
            return redirect(run) if run is not None else HttpResponseRedirect(back)
    except services.Refused as refused:
        messages.error(request, _("Not linked: %(reason)s") % {"reason": refused.reason})
        return HttpResponseRedirect(back)
    return page_of(
        request,
        "onefile_sync/link_matches.html",
        _("Link what was ticked?"),
        kind=kind,
        level=level,
        count=count,
        examples=list(_lines(matches.by_name(ticked)[:EXAMPLES])),
        pks=[] if request.POST.get("all") else list(ticked.values_list("pk", flat=True)),
        everything=bool(request.POST.get("all")),
        back=back,
    )


@transaction.non_atomic_requests  # OneFile is called: a transaction would lock the rate limit of all processes
@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def pair(request: HttpRequest, pk: int) -> HttpResponse:
    """Show both records of a pair side by side; link them, or remember that they are not the same."""
    suggestion = MatchSuggestion.objects.select_related("tenant").filter(pk=pk).first()
    if suggestion is None or not access.may_match_row(
        request, suggestion.subject_kind, suggestion.subject_pk
    ):
        access.refuse(request, access.MATCH_RECORDS)
    kind, level = suggestion.subject_kind, suggestion.level
    back = f"{reverse('onefile_sync:matches')}?{urlencode({'kind': kind, 'level': level})}"
    if request.method == "POST":
        return _decided(request, suggestion, back)
    values, refusal = [], ""
    try:
        values = [
            SideBySide(
                NAMES.get(each.name) or services.evidence_labels([each.name]),
                each.ours,
                each.theirs,
                AGREEMENTS[each.agreement],
                each.agreement is services.Agreement.DIFFERS,
            )
            for each in services.look_at_pair(suggestion)
        ]
    except (services.LinkRefused, services.Refused) as refused:
        refusal = refused.reason
    return page_of(
        request,
        "onefile_sync/match_pair.html",
        _("Are these the same?"),
        pair=next(_lines([suggestion])),
        values=values,
        refusal=refusal,
        is_open=matches.is_undecided(suggestion),
        is_contradicted=bool(suggestion.contradictions),
        label=LEVELS[level],
        back=back,
    )


@login_required
@never_cache
@require_safe
def found_csv(request: HttpRequest) -> HttpResponseBase:
    """Every pair of every kind, and every row for which nothing was found, as CSV."""
    _check(request)
    try:
        return csv_response("match-with-onefile", *_table(access.visible_pks(request)))
    except services.Refused as refused:
        messages.error(request, refused.reason)
        return HttpResponseRedirect(reverse("onefile_sync:match"))


def csv_of_matches(among: Collection[str] | None) -> Iterator[str]:
    """What :func:`found_csv` sends, line by line. ``among`` are the learners to include; ``None``: all."""
    return csv_lines(*_table(among))


def _table(among: Collection[str] | None) -> tuple[list[object], Iterator[list[object]]]:
    header: list[object] = [
        _("Type"),
        _("PICSWeb"),
        _("PICSWeb key"),
        _("OneFile"),
        _("OneFile ID"),
        _("MIS Value"),
        _("Centre"),
        _("Matched On"),
        _("Differs"),
        _("Confidence"),
        _("Not linked because"),
    ]
    # Here and not while the rows are sent, when it would be too late to say that there is no token.
    pairs = {kind: matches.suggestions(kind, among=among) for kind in KINDS}
    return header, _csv_rows(pairs, among)


def _csv_rows(
    pairs: Mapping[str, QuerySet[MatchSuggestion]], among: Collection[str] | None
) -> Iterator[list[object]]:
    for kind, label in KINDS.items():
        for each in _lines(matches.by_name(pairs[kind])):
            line, suggestion = each.line, each.line.suggestion
            yield [
                label,
                line.ours,
                suggestion.subject_pk,
                line.theirs,
                suggestion.onefile_id,
                line.mis_value,
                line.centre,
                each.matched_on,
                each.differs,
                LEVELS[suggestion.level],
                line.refusal,
            ]
        for pk, name in matches.nothing_found(kind, among=among):
            yield [label, name, pk, "", "", "", "", "", "", LEVELS[NOTHING], ""]


def _check(request: HttpRequest) -> None:
    if not access.may_match(request):
        raise PermissionDenied


def _chosen(data: QueryDict) -> tuple[str, str]:
    kind, level = data.get("kind", ""), data.get("level", "")
    return (
        kind if kind in KINDS else SubjectKind.LEARNER.value,
        level if level in LEVELS else services.Confidence.CERTAIN.value,
    )


def _unlinked(request: HttpRequest, kinds: list[str]) -> list[tuple[Promise, int]]:
    """How many rows have no OneFile ID, of the learners only those whom the user may see."""
    among = access.visible_pks(request)
    return [(KINDS[kind], matches.count_unlinked(kind, among=among)) for kind in kinds]


def _ticked(request: HttpRequest, kind: str, level: str) -> QuerySet[MatchSuggestion]:
    """The pairs of a tab that were ticked, of those whom the user may see."""
    among = matches.suggestions(kind, level, among=access.visible_pks(request))
    if request.POST.get("all"):
        return among
    pks = [int(each) for each in request.POST.getlist("pair") if each.isdecimal() and len(each) < 19]
    return among.filter(pk__in=pks)


def _decided(request: HttpRequest, suggestion: MatchSuggestion, back: str) -> HttpResponse:
    action = request.POST.get("action")
    if action == "not_same":
        if services.not_same(suggestion, by=request.user):
            messages.success(request, _("Remembered: these two are not the same."))
        else:
            messages.warning(request, _("Somebody else has decided about this pair already."))
        return HttpResponseRedirect(back)
    if suggestion.contradictions and request.POST.get("same_person") != "yes":
        messages.error(request, services.link_refusal("link_contradicted"))
        return redirect("onefile_sync:match_pair", suggestion.pk)
    try:
        run = services.link_ticked([suggestion.pk], singly=True, by=request.user)
    except services.Refused as refused:
        messages.error(request, _("Not linked: %(reason)s") % {"reason": refused.reason})
        return redirect("onefile_sync:match_pair", suggestion.pk)
    if run is None:
        messages.warning(request, _("Somebody else has decided about this pair already."))
        return HttpResponseRedirect(back)
    return redirect(run)


def _lines(found: Iterable[MatchSuggestion]) -> Iterator[PairLine]:
    for line in matches.match_lines(found):
        told = line.suggestion
        slips = [code[1:] for code in told.evidence if code.startswith("~")]
        yield PairLine(
            line,
            services.evidence_labels([code for code in told.evidence if not code.startswith("~")]),
            services.evidence_labels([*told.contradictions, *slips]),
        )
