"""The read-only admin of the ledger: runs, outcomes, changes and problems.

Nothing can be added, changed or deleted here. ``manage.py onefile_prune`` deletes old runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from onefile_sync import access, services
from onefile_sync.models import Change, LearnerOutcome, OutcomeState, Problem, RunState, SubjectKind, SyncRun
from onefile_sync.web import links, text

from .filters import (
    ABOUT,
    AttentionFilter,
    MadeFilter,
    MonthFilter,
    ProblemFilter,
    RuleFilter,
    StandingFilter,
    titled,
)
from .read_only import AboutMixin, ReadOnlyMixin, as_it_is

if TYPE_CHECKING:
    RunModelAdmin = admin.ModelAdmin[SyncRun]
    OutcomeModelAdmin = admin.ModelAdmin[LearnerOutcome]
    ChangeModelAdmin = admin.ModelAdmin[Change]
    ProblemModelAdmin = admin.ModelAdmin[Problem]
else:
    RunModelAdmin = OutcomeModelAdmin = ChangeModelAdmin = ProblemModelAdmin = admin.ModelAdmin


KIND_OF_RUN = _("kind of run")


@admin.register(SyncRun)
class SyncRunAdmin(ReadOnlyMixin, RunModelAdmin):
    list_display = ("page", "kind", "result", "requested_by", "learners", "attention", "failed")
    list_display_links = ("kind",)
    list_filter = (AttentionFilter, "kind", "state")
    ordering = ("-created_at",)
    list_select_related = ("requested_by",)
    date_hierarchy = "created_at"
    search_fields = ("id",)
    search_help_text = _("Search by learner, as in the list of learners, or by the run's ID.")
    fields = (
        "page", "kind", "state", "ending", "requested_by", "decided_by", "environment", "address", "created_at",
        "started_at", "held_at", "finished_at", "learners", "attention", "failed",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncRun]:
        everyone = LearnerOutcome.objects.filter(run=OuterRef("pk")).order_by()
        visible = access.only_visible(request, everyone)
        runs: QuerySet[SyncRun] = super().get_queryset(request)
        if visible is not everyone:
            runs = runs.filter(Exists(visible) | ~Exists(everyone))
        return runs

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Count the learners of this page's runs only; as part of the query, every run would be counted."""
        shown = super().get_changelist_instance(request)
        shown.result_list = list(shown.result_list)
        _count_learners(request, shown.result_list)
        return shown

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> SyncRun | None:
        run = super().get_object(request, object_id, from_field)
        _count_learners(request, [run] if run else [])
        return run

    @admin.display(description=_("state"))
    def result(self, run: Any) -> str:
        failed = bool(run.failure) or (
            run.state == RunState.FINISHED and run.failed_count and not run.compared_count
        )
        label = text.run_result(run, failed=failed)
        return _as_failed(label) if failed else label

    def of_learners(self, pks: list[str]) -> Q:
        outcomes = LearnerOutcome.objects.filter(learner_type=services.learner_type(), learner_pk__in=pks)
        return Q(pk__in=outcomes.order_by().values("run"))

    @admin.display(description=_("learners"))
    def learners(self, run: Any) -> str:
        if run.has_no_learners:
            return "–"
        return self._outcomes_link(run, run.learner_count)

    @admin.display(description=_("need attention"))
    def attention(self, run: Any) -> str:
        """The number when the run ended. Problems settled since then are still counted, unlike in the filter."""
        if not run.attention_count:
            return "–" if run.has_no_learners else "0"
        return self._outcomes_link(run, run.attention_count, state__exact=OutcomeState.ATTENTION.value)

    @admin.display(description=_("failed"))
    def failed(self, run: Any) -> str:
        if not run.failed_count:
            return "–" if run.has_no_learners else "0"
        return _as_failed(self._outcomes_link(run, run.failed_count, state__exact=OutcomeState.FAILED.value))

    def _outcomes_link(self, run: SyncRun, number: int, **filters: str) -> str:
        query = {"run__id__exact": str(run.pk), **filters}
        url = reverse(f"{self.admin_site.name}:onefile_sync_learneroutcome_changelist", query=query)
        return format_html('<a href="{}">{}</a>', url, number)

    @admin.display(description=_("report"))
    def page(self, run: SyncRun) -> str:
        asked_at = f"{timezone.localtime(run.created_at):%d/%m/%Y %H:%M}"
        return format_html('<a href="{}">{}</a>', run.get_absolute_url(), asked_at)


@admin.register(LearnerOutcome)
class LearnerOutcomeAdmin(ReadOnlyMixin, OutcomeModelAdmin):
    list_display = ("number", "state", "id_in_onefile", "run", "finished_at", "attempts", "api_calls")
    list_filter = (
        AttentionFilter, "state", ("run__kind", titled(KIND_OF_RUN)), ("run__state", titled(_("state of the run"))),
        MonthFilter,
    )  # fmt: skip
    search_fields = ("id", "run__id", "learner_pk", "onefile_id")
    search_help_text = _(
        "Search by learner, as in the list of learners, by the learner's ID or OneFile ID, or by the ID of a run or an "
        "outcome."
    )
    fields = (
        "learner_id", "id_in_onefile", "state", "run", "started_at", "finished_at", "attempts", "api_calls",
        "rate_limited",
    )  # fmt: skip
    change_form_template = "admin/onefile_sync/outcome_change_form.html"

    @admin.display(description=_("ID"))
    def number(self, outcome: LearnerOutcome) -> str:
        return as_it_is(outcome.pk)

    @admin.display(description=_("OneFile ID"), empty_value="–")
    def id_in_onefile(self, outcome: LearnerOutcome) -> str:
        return as_it_is(outcome.onefile_id)

    def of_learners(self, pks: list[str]) -> Q:
        return Q(learner_type=services.learner_type(), learner_pk__in=pks)

    @admin.display(description=_("learner's ID in PICSWeb"))
    def learner_id(self, outcome: LearnerOutcome) -> str:
        return outcome.learner_pk

    def get_queryset(self, request: HttpRequest) -> QuerySet[LearnerOutcome]:
        outcomes: QuerySet[LearnerOutcome] = super().get_queryset(request)
        return access.only_visible(request, outcomes).prefetch_related("run", "learner")

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return ["number", _learner_column(request, lambda outcome: outcome), *self.list_display[1:]]

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        outcome: LearnerOutcome = context["original"]
        context["onefile_report"] = services.report(outcome)
        context["onefile_learner"] = text.learner_name(outcome)
        context["onefile_learner_url"] = links.learner_link(request, outcome.learner)
        return super().render_change_form(request, context, *args, **kwargs)


@admin.register(Change)
class ChangeAdmin(AboutMixin, ReadOnlyMixin, ChangeModelAdmin):
    list_display = ("subject_label", "field_label", "old", "new", "made", "side", "run")
    list_display_links = ("subject_label",)
    list_filter = (
        MadeFilter,
        "side",
        RuleFilter,
        ABOUT,
        ("outcome__run__kind", titled(KIND_OF_RUN)),
        MonthFilter,
    )
    search_fields = ("id", "outcome__id", "outcome__run__id", "outcome__learner_pk", "subject_onefile_id")
    search_help_text = _(
        "Search by learner, as in the list of learners, by the ID of the learner, outcome or run, or by a OneFile ID."
    )
    fields = (
        "outcome", "subject_kind", "subject_label", "picsweb_id", "id_in_onefile", "side", "field_label",
        "old", "new", "made", "rule_in_words",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Change]:
        changes: QuerySet[Change] = super().get_queryset(request)
        return access.only_visible(request, changes, "outcome__").prefetch_related(
            "outcome__run", "outcome__learner"
        )

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [_learner_column(request, lambda change: change.outcome), *self.list_display]

    @admin.display(description=_("run"))
    def run(self, change: Change) -> str:
        return _report_link(change.outcome)

    @admin.display(description=_("field"))
    def field_label(self, change: Change) -> str:
        return services.field_label(change.field)

    @admin.display(description=_("rule"))
    def rule_in_words(self, change: Change) -> str:
        return services.rule_text(change.rule)


@admin.register(Problem)
class ProblemAdmin(AboutMixin, ReadOnlyMixin, ProblemModelAdmin):
    list_display = ("which", "in_words", "move", "run")
    list_display_links = ("in_words",)
    list_filter = (
        StandingFilter,
        "move",
        ProblemFilter,
        ABOUT,
        ("outcome__run__kind", titled(KIND_OF_RUN)),
        MonthFilter,
    )
    search_fields = (
        "id", "code", "outcome__id", "outcome__run__id", "outcome__learner_pk", "subject_onefile_id",
    )  # fmt: skip
    search_help_text = _(
        "Search by learner, as in the list of learners, by a problem's code, by the ID of the learner, outcome or run, "
        "or by a OneFile ID."
    )
    fields = (
        "outcome", "in_words", "remedy", "move", "code", "subject_kind", "subject_label", "picsweb_id",
        "id_in_onefile",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Problem]:
        problems: QuerySet[Problem] = super().get_queryset(request)
        return access.only_visible(request, problems, "outcome__").prefetch_related(
            "outcome__run", "outcome__learner"
        )

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [_learner_column(request, lambda problem: problem.outcome), *self.list_display]

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context["subtitle"] = self.in_words(context["original"])
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=_("record"), empty_value="–")
    def which(self, problem: Problem) -> str:
        """The qualification or review concerned; blank for the learner, who has a column already."""
        return "" if problem.subject_kind == SubjectKind.LEARNER else problem.subject_label

    @admin.display(description=_("run"))
    def run(self, problem: Problem) -> str:
        return _report_link(problem.outcome)

    @admin.display(description=_("what happened"))
    def in_words(self, problem: Problem) -> str:
        return services.read_out(problem.code, problem.details)[0]

    @admin.display(description=_("what to do"))
    def remedy(self, problem: Problem) -> str:
        return services.read_out(problem.code, problem.details)[1]


def _learner_column(
    request: HttpRequest, outcome_of: Callable[[Any], LearnerOutcome]
) -> Callable[[Any], str]:
    """A list column with the learner's name, linked if this user may open the learner's page."""

    @admin.display(description=_("learner"))
    def learner(row: Any) -> str:
        outcome = outcome_of(row)
        link, name = links.learner_link(request, outcome.learner), text.learner_name(outcome)
        return format_html('<a href="{}">{}</a>', link, name) if link else name

    return learner


def _as_failed(text: str) -> str:
    """Mark a text as failed by its colour."""
    return format_html('<span class="onefile-failed">{}</span>', text)


def _report_link(outcome: LearnerOutcome) -> str:
    """A link to the learner's report, with the run's name as its text."""
    address = reverse("onefile_sync:outcome", args=[outcome.pk])
    return format_html('<a href="{}">{}</a>', address, outcome.run)


def _count_learners(request: HttpRequest, runs: list[Any]) -> None:
    """Set each run's counts of learners by state, counting the learners this user may see. One query."""
    outcomes = access.only_visible(request, LearnerOutcome.objects.filter(run__in=runs)).order_by()
    numbers: dict[Any, dict[str, int]] = {run.pk: {} for run in runs}
    for run, state, number in outcomes.values_list("run", "state").annotate(Count("pk")):
        numbers[run][state] = number
    for run in runs:
        of_run = numbers[run.pk]
        run.learner_count = sum(of_run.values())
        run.attention_count = of_run.get(OutcomeState.ATTENTION, 0)
        run.failed_count = of_run.get(OutcomeState.FAILED, 0)
        run.compared_count = sum(of_run.get(state, 0) for state in services.COMPARED)
