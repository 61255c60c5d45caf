"""The read-only admin of links: which row of PICSWeb is which record of OneFile, since when, how and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from onefile_sync import access, services
from onefile_sync.models import RecordLink, SubjectKind

from .filters import ABOUT, titled
from .read_only import ReadOnlyMixin, as_it_is

if TYPE_CHECKING:
    LinkModelAdmin = admin.ModelAdmin[RecordLink]
else:
    LinkModelAdmin = admin.ModelAdmin

#: What a link was made on, in words. Contradictions have a leading minus.
EVIDENCE: dict[str, Promise] = {
    "mis": _("MIS Value"),
    "uln": _("ULN"),
    "ni": _("NI Number"),
    "email": _("Email"),
    "dob": _("Date of Birth"),
    "surname": _("Surname"),
    "first": _("First Name"),
    "name": _("Name"),
    "core": _("Name without Ltd and the like"),
}


class InForceFilter(admin.SimpleListFilter):
    """Links that are in force, and links that have ended."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return [("open", _("In force")), ("ended", _("Ended"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        if self.value() == "open":
            return queryset.filter(ended_at=None)
        return queryset.exclude(ended_at=None) if self.value() == "ended" else queryset


@admin.register(RecordLink)
class RecordLinkAdmin(ReadOnlyMixin, LinkModelAdmin):
    list_display = (
        "record", "subject_kind", "id_in_onefile", "how", "linked_at", "linked_by", "evidence_in_words", "ended_at",
        "ending",
    )  # fmt: skip
    list_filter = (ABOUT, InForceFilter, ("how", titled(_("how it was linked"))))
    search_fields = ("onefile_id", "subject_pk")
    search_help_text = _(
        "Search by learner, as in the list of learners, or by the OneFile ID or PICSWeb's ID of a record."
    )
    fields = (
        "record", "subject_kind", "subject_pk", "id_in_onefile", "tenant", "how", "evidence_in_words",
        "reviews_pending", "linked_at", "linked_by", "ended_at", "ended_by", "ending",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[RecordLink]:
        """Links of learners whom the user may see, with their qualifications and reviews; those of others to all."""
        links: QuerySet[RecordLink] = super().get_queryset(request).prefetch_related("linked_by")
        pks = access.visible_pks(request)
        if pks is None:
            return links
        of_nobody = Q(subject_kind__in=(SubjectKind.OFFICER, SubjectKind.ORGANISATION))
        return links.filter(of_nobody | self.of_learners(sorted(pks)))

    def of_learners(self, pks: list[str]) -> Q:
        """The links of these learners, and those of qualifications and reviews that were linked with them."""
        learners = {"subject_kind": SubjectKind.LEARNER, "subject_pk__in": pks}
        return Q(**learners) | Q(**{f"parent__{name}": value for name, value in learners.items()})

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Read the names of this page's records: one query for each kind."""
        shown = super().get_changelist_instance(request)
        shown.result_list = list(shown.result_list)
        names = services.names_of((each.subject_kind, each.subject_pk) for each in shown.result_list)
        for each in shown.result_list:
            each.name_in_picsweb = names.get((each.subject_kind, each.subject_pk), "")
        return shown

    @admin.display(description=_("record in PICSWeb"))
    def record(self, link: Any) -> str:
        name: str | None = getattr(link, "name_in_picsweb", None)
        if name is None:
            about = (link.subject_kind, link.subject_pk)
            name = services.names_of([about]).get(about)
        return name or link.subject_pk

    @admin.display(description=_("OneFile ID"))
    def id_in_onefile(self, link: RecordLink) -> str:
        return as_it_is(link.onefile_id)

    @admin.display(description=_("evidence"), empty_value="–")
    def evidence_in_words(self, link: RecordLink) -> str:
        codes = [str(code) for code in link.evidence]
        agrees = [str(EVIDENCE.get(code, code)) for code in codes if not code.startswith("-")]
        differs = [str(EVIDENCE.get(code[1:], code[1:])) for code in codes if code.startswith("-")]
        words = [", ".join(agrees), _("differs: %(what)s") % {"what": ", ".join(differs)} if differs else ""]
        return "; ".join(filter(None, words))
