"""The pages about what OneFile has for linking: Qualification Links, and OneFile's lists with their age.

The pages call no OneFile. Reading the lists again is a run, and each button leads to its page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from onefile_sync import access, services
from onefile_sync.models import DirectoryKind, SyncRun

from . import text
from .csv_export import csv_response
from .views import page_of


@login_required
@never_cache
@require_safe
def qualification_links(request: HttpRequest) -> HttpResponse:
    """Which VQ References have a standard in OneFile, as the kept lists say."""
    _check_may_see(request)
    links = services.qualification_links()
    names = {centre.centre_id: centre.name for centre in links.centres}
    return page_of(
        request,
        "onefile_sync/qualification_links.html",
        _("Qualification Links"),
        links=links,
        summary=text.links_summary(links),
        pathways=[(shared, names.get(shared.centre_id) or shared.centre_id) for shared in links.shared_codes],
        several_centres=len(links.centres) > 1,
        may_refresh=access.may_refresh_links(request),
    )


@login_required
@never_cache
@require_safe
def qualification_links_csv(request: HttpRequest) -> StreamingHttpResponse:
    """Every VQ Reference in use, with its standards or near misses, as CSV."""
    _check_may_see(request)
    header = [
        _("VQ Reference"),
        _("Qualifications"),
        _("Status"),
        _("OneFile ID"),
        _("Code"),
        _("Title"),
        _("Centre"),
    ]
    return csv_response("qualification-links", header, _rows(services.qualification_links()))


def _rows(links: services.QualificationLinks) -> Iterator[list[object]]:
    """A row for each reference and standard. A standard that is gone has a row without a reference."""
    for each in links.references:
        if each.standards:
            status = _("Choose a pathway") if each.pathways else _("In OneFile")
        else:
            status = _("Not in OneFile, near miss") if each.near else _("Not in OneFile")
        for standard in each.standards or each.near or [None]:
            about = (
                [standard.onefile_id, standard.code, standard.title, standard.centre_id] if standard else []
            )
            yield [each.reference, each.qualifications, status, *about]
    for gone in links.gone:
        standard = gone.standard
        yield [
            "",
            gone.qualifications,
            _("No longer in OneFile"),
            standard.onefile_id,
            standard.code,
            standard.title,
            standard.centre_id,
        ]


@login_required
@never_cache
@require_POST
def refresh_links(request: HttpRequest) -> HttpResponse:
    """Queue a run that reads the standards again and redirect to its page, or to that of the run that reads lists."""
    return _start(request, services.refresh_links, "onefile_sync:qualification-links")


@login_required
@never_cache
@require_safe
def kept_lists(request: HttpRequest) -> HttpResponse:
    """OneFile's lists with their age and size."""
    _check_may_see(request)
    return page_of(
        request,
        "onefile_sync/kept_lists.html",
        _("OneFile's lists"),
        lines=services.kept_lists(),
        may_refresh=access.may_refresh_links(request),
    )


@login_required
@never_cache
@require_POST
def read_lists(request: HttpRequest) -> HttpResponse:
    """Queue a run that reads every list again, or those of the kinds that were posted. As :func:`refresh_links`."""
    posted = set(request.POST.getlist("kind"))
    kinds = [kind for kind in DirectoryKind if kind in posted] or list(DirectoryKind)
    return _start(request, partial(services.read_lists, kinds), "onefile_sync:lists")


def _check_may_see(request: HttpRequest) -> None:
    if not access.may_see_lists(request):
        raise PermissionDenied


def _start(request: HttpRequest, start: Callable[..., SyncRun], came_from: str) -> HttpResponse:
    if not access.may_refresh_links(request):
        raise PermissionDenied
    try:
        return redirect(start(by=request.user))
    except services.Refused as refused:
        messages.error(request, _("Not started: %(reason)s") % {"reason": refused.reason})
        return redirect(came_from)
