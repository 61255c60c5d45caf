"""*Unmatched*: what stands in PICSWeb or in OneFile only, as a page and as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from onefile_sync import access, services
from onefile_sync.models import OneFileSettings

from . import links
from .csv_export import csv_response
from .look_up_page import look_up_link
from .views import page_of

#: Records on one page.
PAGE_LENGTH = 50
#: The kind of PICSWeb's rows in a section, where the user may open them.
_KIND = {"officers": "officer", "organisations": "organisation"}
#: The sections whose learners are dealt with on the page that links a learner and pairs reviews.
_PAIRED = ("learners", "reviews")


@login_required
@never_cache
@require_safe
def unmatched(request: HttpRequest) -> HttpResponse:
    """One section, chosen from all of them."""
    try:
        found = _unmatched_for(request)
    except services.Refused as refused:
        return _refusal(request, refused)
    by_code = {each.code: each for each in found.sections}
    filled = (each for each in found.sections if each.lines)
    chosen = by_code.get(request.GET.get("section", "")) or next(filled, found.sections[0])
    page = Paginator(chosen.lines, PAGE_LENGTH).get_page(request.GET.get("page"))
    return page_of(
        request,
        "onefile_sync/unmatched.html",
        _("Unmatched"),
        found=found,
        chosen=chosen,
        is_ours=chosen.side == "picsweb",
        page=page,
        lines=_with_links(request, chosen.code, list(page)),
        kept=f"&{urlencode({'section': chosen.code})}",
        matching=matching_in_words(OneFileSettings.load()),
        may_read_lists=access.may_refresh_links(request),
    )


@login_required
@never_cache
@require_safe
def unmatched_csv(request: HttpRequest) -> HttpResponseBase:
    """Every section as CSV."""
    try:
        found = _unmatched_for(request)
    except services.Refused as refused:
        return _refusal(request, refused)
    header = [
        _("Side"),
        _("Kind"),
        _("Name"),
        _("Ident, VQ Reference, MIS Value or code"),
        _("OneFile ID"),
        _("Centre"),
        _("Why"),
        _("List of"),
    ]
    return csv_response("unmatched", header, _rows(found))


def _refusal(request: HttpRequest, refused: services.Refused) -> HttpResponse:
    return page_of(request, "onefile_sync/refusal.html", _("Unmatched"), refusal=refused.reason)


def matching_in_words(settings: OneFileSettings) -> str:
    """How officers and organisations are matched, and the number of centres if there are several."""
    by_mis_value, centres = services.matching_by(settings)
    what = _("MIS Value") if by_mis_value else _("OneFile ID")
    return _("%(what)s (%(centres)d centres)") % {"what": what, "centres": centres} if centres > 1 else what


def _unmatched_for(request: HttpRequest) -> services.Unmatched:
    if not access.may_see_unmatched(request):
        raise PermissionDenied
    return services.unmatched(access.visible_pks(request))


def _with_links(
    request: HttpRequest, section: str, lines: list[services.UnmatchedLine]
) -> list[tuple[services.UnmatchedLine, str]]:
    """Each line with the address at which it can be linked.

    That is the page where the learner is linked and reviews are paired, or Look Up OneFile ID; the learner's own page
    for qualifications, and for users who may not link.
    """
    learners = services.find_rows("learner", {line.learner_pk for line in lines if line.learner_pk})
    kind = _KIND.get(section)
    others = services.find_rows(kind, {line.pk for line in lines}) if kind else {}

    def address(line: services.UnmatchedLine) -> str:
        if line.learner_pk:
            learner = learners.get(line.learner_pk)
            pairing = links.pairing_link(request, learner) if section in _PAIRED else ""
            return pairing or links.learner_link(request, learner)
        row = others.get(line.pk)
        return look_up_link(request, row) if row is not None else ""

    return [(line, address(line)) for line in lines]


def _rows(found: services.Unmatched) -> Iterator[list[Any]]:
    for section in found.sections:
        read_at = f"{timezone.localtime(section.read_at):%d/%m/%Y %H:%M}" if section.read_at else ""
        for line in section.lines:
            yield [
                section.heading,
                section.title,
                line.name,
                line.value,
                line.onefile_id,
                line.centre,
                line.why,
                read_at,
            ]
