"""The filters of the ledger's lists: what needs attention now, which problem, by which rule."""

# ruff: noqa: ARG002 - Django calls these methods with arguments that they need not look at

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from onefile_sync import services
from onefile_sync.models import (
    OPEN_OUTCOMES,
    LearnerOutcome,
    Move,
    OutcomeState,
    Problem,
    RunKind,
    SyncRun,
)

Choices = Sequence[tuple[str, Any]]

#: The outcomes that somebody ought to look at.
NEEDS_ATTENTION = (OutcomeState.ATTENTION, OutcomeState.FAILED)


def needing_attention() -> QuerySet[LearnerOutcome]:
    """The outcomes that still need attention.

    Only how a learner's latest sync ended counts: a later one has settled what stood before it, or met it again.
    Previews never count, as they settle nothing.
    """
    ended = LearnerOutcome.objects.exclude(state__in=OPEN_OUTCOMES).exclude(run__kind=RunKind.PREVIEW)
    later = ended.filter(
        learner_type=OuterRef("learner_type"),
        learner_pk=OuterRef("learner_pk"),
        finished_at__gt=OuterRef("finished_at"),
    )
    return ended.filter(~Exists(later), state__in=NEEDS_ATTENTION)


class AttentionFilter(admin.SimpleListFilter):
    """Answers "what needs attention?", of now, for runs and for outcomes."""

    title = _("what needs attention")
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [
            ("yes", _("Needs attention or failed")),
            (Move.YOURS, _("It is your move")),
            (Move.OURS, _("It is your support team's move")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        outcomes = needing_attention()
        if self.value() != "yes":
            outcomes = outcomes.filter(problems__move=self.value())
        if queryset.model is SyncRun:
            return queryset.filter(pk__in=outcomes.values("run_id"))
        return queryset.filter(pk__in=outcomes.values("pk"))


class StandingFilter(admin.SimpleListFilter):
    """Problems that still stand, each of them once; all that were ever met only for whoever asks for them."""

    title = _("whether it still stands")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [("all", _("All"))]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        offered = super().choices(changelist)
        yield {**next(offered), "display": _("Still to be dealt with")}
        yield from offered

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "all":
            return queryset
        return queryset.filter(outcome__in=needing_attention().values("pk"))


class ProblemFilter(admin.SimpleListFilter):
    """Problems by what they are, in words; only those that somebody has met."""

    title = _("problem")
    parameter_name = "code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        codes = Problem.objects.order_by("code").values_list("code", flat=True).distinct()
        return [(code, str(Problem(code=code))) for code in codes]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(code=self.value()) if self.value() else queryset


class MadeFilter(admin.SimpleListFilter):
    """Changes that were made, or that were only planned: in a preview, and of a learner who was put aside."""

    title = _("made or planned")
    parameter_name = "made__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [("1", _("Made")), ("0", _("Only planned"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(made=self.value() == "1") if self.value() in ("0", "1") else queryset


class RuleFilter(admin.SimpleListFilter):
    """Changes by the rule that asked for them, in the contract's own words and order."""

    title = _("rule")
    parameter_name = "rule"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(rule.code, rule.about) for rule in services.RULES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(rule=self.value()) if self.value() else queryset
