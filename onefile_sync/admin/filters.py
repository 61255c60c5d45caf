"""The filters of the ledger's lists: by attention, problem, rule and month."""

# ruff: noqa: ARG002 - Django passes arguments that these methods do not need

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Max, Min, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from onefile_sync import access, services
from onefile_sync.models import LearnerOutcome, Move, Problem, SyncRun

Choices = Sequence[tuple[str, Any]]


class AttentionFilter(admin.SimpleListFilter):
    """Runs or outcomes with problems that still need attention today."""

    title = _("attention needed")
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [
            ("yes", _("Needs attention or failed")),
            (Move.YOURS, _("You can act")),
            (Move.OURS, _("Your support team can act")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        problems = access.only_visible(request, services.open_problems(), "outcome__")
        if self.value() != "yes":
            problems = problems.filter(move=self.value())
        if queryset.model is SyncRun:
            return queryset.filter(pk__in=problems.values("outcome__run"))
        return queryset.filter(pk__in=problems.values("outcome"))


class StandingFilter(admin.SimpleListFilter):
    """Problems by whether they are still open. Shows open problems by default."""

    title = _("status")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        out_of_reach = self.unsettled.out_of_reach
        if out_of_reach and access.visible_pks(request) is not None:
            theirs = Problem.objects.filter(pk__in=out_of_reach)
            number = access.only_visible(request, theirs, "outcome__").count()
        else:
            number = len(out_of_reach)
        return [
            ("left", _("Learner no longer in the daily sync (%(number)d)") % {"number": number}),
            ("all", _("All")),
        ]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        offered = super().choices(changelist)
        yield {**next(offered), "display": _("Open")}
        yield from offered

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "all":
            return queryset
        left = self.value() == "left"
        return queryset.filter(pk__in=self.unsettled.out_of_reach if left else self.unsettled.open)

    @cached_property
    def unsettled(self) -> services.Unsettled:
        return services.unsettled_problems()


class ProblemFilter(admin.SimpleListFilter):
    """Problems by their title. Offers only problems that occur among the learners visible to the user."""

    title = _("problem")
    parameter_name = "code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        problems = access.only_visible(request, Problem.objects.order_by("code"), "outcome__")
        codes = problems.values_list("code", flat=True).distinct()
        return [(code, str(Problem(code=code))) for code in codes]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(code=self.value()) if self.value() else queryset


class MadeFilter(admin.SimpleListFilter):
    """Changes that were made, and changes that were only planned: in a preview, or for a learner put aside."""

    title = _("made or planned")
    parameter_name = "made__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [("1", _("Made")), ("0", _("Only planned"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(made=self.value() == "1") if self.value() in ("0", "1") else queryset


class RuleFilter(admin.SimpleListFilter):
    """Changes by their rule, in the words and order of docs/rules.md."""

    title = _("rule")
    parameter_name = "rule"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(rule.code, rule.about) for rule in services.RULES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(rule=self.value()) if self.value() else queryset


def titled(title: Any) -> type[admin.FieldListFilter]:
    """Django's choices filter with another title, as several fields are called "kind" or "state"."""

    class Titled(admin.ChoicesFieldListFilter):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.title = title

    return Titled


ABOUT = ("subject_kind", titled(_("type of record")))


class MonthFilter(admin.SimpleListFilter):
    """Outcomes, changes and problems by the month in which the learner's outcome was finished.

    Django's ``date_hierarchy`` would read the whole ledger twice to find out which months there are.
    """

    title = _("month")
    parameter_name = "month"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [
            (f"{month:%Y-%m}", date_format(month, "YEAR_MONTH_FORMAT")) for month in reversed(self.months)
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        path = "" if queryset.model is LearnerOutcome else "outcome__"
        chosen = [month for month in self.months if f"{month:%Y-%m}" == self.value()]
        for month in chosen:
            within = {"finished_at__gte": month, "finished_at__lt": _next_month(month)}
            # The range of outcome IDs lets the database skip newer rows without joining each one to its outcome.
            ends = LearnerOutcome.objects.filter(**within).aggregate(id__gte=Min("pk"), id__lte=Max("pk"))
            known = {name: value for name, value in {**within, **ends}.items() if value is not None}
            queryset = queryset.filter(**{f"{path}{name}": value for name, value in known.items()})
        return queryset

    @cached_property
    def months(self) -> list[datetime]:
        """The first moment of each month since the first run."""
        first = SyncRun.objects.aggregate(first=Min("created_at"))["first"]
        if first is None:
            return []
        months = [timezone.localtime(first).replace(day=1, hour=0, minute=0, second=0, microsecond=0)]
        while (following := _next_month(months[-1])) <= timezone.now():
            months.append(following)
        return months


def _next_month(month: datetime) -> datetime:
    years, january_is_0 = divmod(month.month, 12)
    return month.replace(year=month.year + years, month=january_is_0 + 1)
