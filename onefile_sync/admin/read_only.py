"""The base of the admin's lists of runs, outcomes, changes and problems: read-only, and fast on long tables."""

# ruff: noqa: ARG002 - Django passes arguments that these methods do not need

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import get_fields_from_path
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from onefile_sync import access, services
from onefile_sync.models import Change, LearnerOutcome, Problem, SyncRun

if TYPE_CHECKING:
    ReadOnly = admin.ModelAdmin[Any]
else:
    ReadOnly = object


class ReadOnlyMixin(ReadOnly):
    """A read-only admin whose lists stay fast on long tables."""

    class Media:
        css: ClassVar[dict[str, list[str]]] = {"all": ["onefile_sync/onefile.css"]}

    # Facets would read the whole ledger once for every choice of every filter.
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False
    # The primary key gives newest first. Any other order would sort the whole ledger for one page.
    sortable_by = ()
    # Django would join the relations named by columns, and MariaDB would then sort the whole table for one page. The
    # lists use prefetch_related instead.
    list_select_related: ClassVar[Any] = ()
    list_per_page = 50
    view_on_site = False
    ordering = ("-pk",)
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse deletion on our own pages only.

        The admin also asks this for rows that are deleted together with a learner. Refusing there would make it
        impossible to delete a learner.
        """
        page = request.resolver_match
        on_our_pages = page is None or (page.url_name or "").startswith(f"{SyncRun._meta.app_label}_")
        return obj is not None and not on_our_pages

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Check the permission before looking for the row, so that the answer does not reveal which rows exist."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return super().history_view(request, object_id, extra_context)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search by exact IDs and codes, and for learners as PICSWeb's own learner list does.

        Django's search would cast every number to text and scan the table. If learners match, we search by learner
        alone, as OR across tables cannot use their indexes. Only a number is searched both ways.
        """
        term = search_term.strip()
        if not term:
            return queryset, False
        learners = access.search(request, term)
        of_learners = self.of_learners(learners) if learners else Q(pk__in=[])
        if learners and not term.isdigit():
            return queryset.filter(of_learners), False
        found, outcomes = of_learners, Q(pk__in=[])
        for search_field in self.search_fields:
            table, _separator, of_outcome = search_field.partition("__")
            kind_of_field = get_fields_from_path(self.model, search_field)[-1]
            with suppress(ValidationError):  # the term cannot be an ID of this kind
                if table == "outcome":
                    outcomes |= Q(**{of_outcome: kind_of_field.to_python(term)})
                else:
                    found |= Q(**{search_field: kind_of_field.to_python(term)})
        # Outcomes are looked up first, as joining a million rows to their outcomes is slow.
        pks = list(LearnerOutcome.objects.filter(outcomes).order_by().values_list("pk", flat=True))
        return queryset.filter(found | Q(outcome__in=pks) if pks else found), False

    def of_learners(self, pks: list[str]) -> Q:
        """The rows about these learners."""
        of_theirs = LearnerOutcome.objects.filter(learner_type=services.learner_type(), learner_pk__in=pks)
        return Q(outcome__in=of_theirs.order_by())


def as_it_is(number: int | None) -> str:
    """An ID without thousands separators, so that it can be copied."""
    return "" if number is None else str(number)


class AboutMixin:
    """The columns that changes and problems have in common."""

    @admin.display(description=_("OneFile ID"), empty_value="–")
    def id_in_onefile(self, row: Change | Problem) -> str:
        return as_it_is(row.subject_onefile_id)

    @admin.display(description=_("ID in PICSWeb"), empty_value="–")
    def picsweb_id(self, row: Change | Problem) -> str:
        return row.subject_pk
