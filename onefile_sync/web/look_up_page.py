"""*Look Up OneFile ID*: choose an officer's user or an organisation's placement from OneFile's kept list, or unlink it.

The pages call no OneFile. Reading the list again is a run.
"""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ImproperlyConfigured
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from onefile_sync import access, services
from onefile_sync.models import LIST_OF, DirectoryEntry, SubjectKind

from .links import came_from
from .views import page_of

#: Records of OneFile on one page.
PAGE_LENGTH = 25
#: Records that a search shows.
MOST_FOUND = 100
#: What can be looked up, and what OneFile calls it.
THEIRS: dict[str, Promise] = {
    SubjectKind.OFFICER: gettext_lazy("assessor"),
    SubjectKind.ORGANISATION: gettext_lazy("placement"),
}


def look_up_link(request: HttpRequest, row: Model) -> str:
    """The address of *Look Up OneFile ID* for a row of PICSWeb, with the way back; ``""`` if there is none for it."""
    try:
        kind = services.kind_of(row)
        may = kind in THEIRS and row.pk is not None and access.may_link(request, row)
    except (ImproperlyConfigured, LookupError):
        return ""
    return _address(str(kind), row, request.get_full_path()) if may else ""


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def look_up(request: HttpRequest, kind: str, pk: str) -> HttpResponse:
    """OneFile's list for one row, best matches first; *Save* links the row to the chosen record.

    A search is posted, as names and e-mails must not stand in an address.
    """
    row = _row_for(request, kind, pk)
    origin = came_from(request)
    if request.method == "POST" and "q" not in request.POST:
        _link(request, kind, row)
        return redirect(_address(kind, row, origin))
    query = request.POST.get("q", "").replace("\x00", "").strip()[:100]
    found = services.link_suggestions(row, query)
    page = Paginator(found.suggestions, MOST_FOUND if query else PAGE_LENGTH).get_page(
        request.GET.get("page")
    )
    rows = services.find_rows(kind, {each.linked_to for each in page if each.linked_to})
    return page_of(
        request,
        "onefile_sync/look_up.html",
        _("Look Up OneFile ID: %(name)s") % {"name": row},
        row=row,
        kind=kind,
        list_kind=LIST_OF[SubjectKind(kind)],
        found=found,
        query=query,
        page=page,
        lines=[
            {
                "suggestion": each,
                "matched_on": services.evidence_labels(each.pair.evidence) if each.pair else "",
                "status": status_of(each.entry),
                "linked_to": _holder(request, rows.get(each.linked_to)) if each.linked_to else "",
            }
            for each in page
        ],
        came_from=origin,
        kept=f"&{urlencode({'next': origin})}" if origin else "",
        may_read_lists=access.may_refresh_links(request),
    )


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unlink(request: HttpRequest, kind: str, pk: str, onefile_id: int) -> HttpResponse:
    """Ask for confirmation, and unlink a row from one record of OneFile."""
    row = _row_for(request, kind, pk)
    back = _address(kind, row, came_from(request))
    known = {"name": str(row), "theirs": THEIRS[kind], "id": onefile_id}
    if request.method == "POST":
        try:
            services.unlink_record(row, onefile_id, by=request.user)
        except (services.LinkRefused, services.Refused) as refused:
            messages.error(request, _("Not unlinked: %(reason)s") % {"reason": refused.reason})
        else:
            messages.success(
                request, _("%(name)s is no longer linked to OneFile's %(theirs)s %(id)d.") % known
            )
        return redirect(back)
    return page_of(
        request,
        "onefile_sync/look_up_unlink.html",
        _("Unlink %(name)s from OneFile's %(theirs)s %(id)d?") % known,
        back=back,
        came_from=came_from(request),
    )


def status_of(entry: DirectoryEntry) -> str:
    """Whether a record is archived, as far as OneFile says."""
    if entry.archived is None:
        return _("Not known")
    return _("Archived") if entry.archived else _("Active")


def _row_for(request: HttpRequest, kind: str, pk: str) -> Model:
    """The officer or organisation, if the user may link it. Otherwise raises what :func:`.access.refuse` raises."""
    row = services.find_rows(kind, [pk]).get(pk) if kind in THEIRS else None
    if row is None or not access.may_link(request, row):
        access.refuse(request, access.LINK)
    return row


def _link(request: HttpRequest, kind: str, row: Model) -> None:
    chosen = request.POST.get("onefile_id", "")
    if not (chosen.isascii() and chosen.isdigit() and len(chosen) < 20):
        messages.error(request, _("Nothing was linked: choose a record first."))
        return
    try:
        entry = services.link_record(row, int(chosen), by=request.user)
    except (services.LinkRefused, services.Refused) as refused:
        messages.error(
            request,
            _("Not linked: %(reason)s")
            % {"reason": f"{refused.reason} {_who(request, kind, refused)}".strip()},
        )
        return
    messages.success(
        request,
        _("%(name)s is linked to OneFile's %(theirs)s %(id)d.")
        % {"name": row, "theirs": THEIRS[kind], "id": entry.onefile_id},
    )
    if entry.archived:
        messages.warning(request, _("That record is archived in OneFile."))


def _who(request: HttpRequest, kind: str, refused: Exception) -> str:
    """Who has the OneFile ID, for a user who may see that record of PICSWeb."""
    pk = getattr(refused, "details", {}).get("holder", "")
    holder = services.find_rows(kind, [pk]).get(pk) if pk else None
    if holder is None or not access.may_see_row(request, holder):
        return ""
    return _("It is linked to %(holder)s.") % {"holder": holder}


def _holder(request: HttpRequest, row: Model | None) -> str:
    if row is None or not access.may_see_row(request, row):
        return _("Another record")
    return str(row)


def _address(kind: str, row: Model, origin: str) -> str:
    address = reverse("onefile_sync:look-up", args=[kind, row.pk])
    return f"{address}?{urlencode({'next': origin})}" if origin else address
