"""The answers of the REST interface. The serializers are read-only, as requesting a refresh takes no body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.http import HttpRequest
from django.utils.functional import Promise
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request

from onefile_sync import access, services
from onefile_sync.models import Ending, LearnerOutcome, Move, OutcomeState, RunKind, RunState, Side, SyncRun

from . import examples


def asker(request: Request) -> HttpRequest:
    """The caller's Django request, as ``access`` and PICSWeb's admin expect it."""
    return request._request


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Why a refresh cannot be requested: a code for programs, and a text with the reason and what to do."""

    code: str
    detail: str | Promise


@dataclass(frozen=True, slots=True)
class FollowedRun:
    """A run with its progress."""

    run: SyncRun
    progress: services.Progress

    @property
    def counts(self) -> dict[str, int]:
        """The number of learners in each state, including states with none."""
        return {state: self.progress.counts.get(state, 0) for state in OutcomeState.values}


@dataclass(frozen=True, slots=True)
class CallersStatus:
    """A learner's OneFile status for one caller. ``why_not`` may be that the caller lacks the permission."""

    learner: Model
    status: services.LearnerStatus
    why_not: WhyNot | None

    @property
    def may_refresh(self) -> bool:
        return self.why_not is None


@extend_schema_serializer(component_name="OneFileError")
class ErrorSerializer(serializers.Serializer[Any]):
    """Django REST framework's standard error."""

    detail = serializers.CharField(help_text="The error as text.")


@extend_schema_serializer(component_name="OneFileRefusal", examples=examples.WHY_NOT)
class WhyNotSerializer(serializers.Serializer[WhyNot]):
    """Why a refresh cannot be requested."""

    code = serializers.CharField(help_text="Stable code for programs.")
    detail = serializers.CharField(help_text="The reason as text, with what to do about it.")


@extend_schema_serializer(component_name="OneFileCounts")
class CountsSerializer(serializers.Serializer[dict[str, int]]):
    """The number of a run's learners in each state."""

    queued = serializers.IntegerField(help_text="Not started yet.")
    working = serializers.IntegerField(help_text="Being synchronised now.")
    aside = serializers.IntegerField(help_text="Put aside by the safety stop, as values would be replaced.")
    updated = serializers.IntegerField(help_text="A value changed in PICSWeb or OneFile.")
    unchanged = serializers.IntegerField(help_text="Both sides agreed already.")
    attention = serializers.IntegerField(help_text="Synchronised, with a problem that needs attention.")
    failed = serializers.IntegerField(help_text="Could not be synchronised.")
    skipped = serializers.IntegerField(help_text="Left out of the run; a problem gives the reason.")


@extend_schema_serializer(component_name="OneFileRun", examples=examples.RUN)
class RunSerializer(serializers.Serializer[Any]):
    """A refresh, a daily sync or a preview; or a run without learners, such as one that reads OneFile's lists.

    All numbers count only the learners that PICSWeb lets the caller see. In a run without learners, `total` and `done`
    count lists, and all `counts` are 0.
    """

    id = serializers.UUIDField(source="run.pk")
    url = serializers.HyperlinkedRelatedField[SyncRun](
        source="run", view_name="onefile_sync_rest:run", lookup_url_kwarg="run_id", read_only=True
    )
    kind = serializers.ChoiceField(choices=RunKind.choices, source="run.kind")
    state = serializers.ChoiceField(choices=RunState.choices, source="run.state")
    result = serializers.ChoiceField(
        choices=[*RunState.values, services.RESULT_FAILED],
        source="progress.result",
        help_text="The state; `failed` if every learner processed failed, or if the run ended with a `failure`.",
    )
    ending = serializers.ChoiceField(
        choices=Ending.choices,
        allow_blank=True,
        source="run.ending",
        help_text="Why the run ended before all learners were processed; blank if all were.",
    )
    failure = serializers.CharField(
        source="run.failure", help_text="Code of why a run without learners ended early; blank if it did not."
    )
    total = serializers.IntegerField(source="progress.total", help_text="Learners, or lists, in the run.")
    done = serializers.IntegerField(source="progress.done", help_text="Those processed so far.")
    counts = CountsSerializer()
    waiting_for_worker = serializers.BooleanField(
        source="progress.waiting_for_worker",
        help_text="The run is open, but no worker has processed it for a minute. Probably no worker is running.",
    )
    created_at = serializers.DateTimeField(source="run.created_at")
    started_at = serializers.DateTimeField(source="run.started_at", allow_null=True)
    finished_at = serializers.DateTimeField(source="run.finished_at", allow_null=True)
    outcomes_url = serializers.HyperlinkedRelatedField[SyncRun](
        source="run", view_name="onefile_sync_rest:run-outcomes", lookup_url_kwarg="run_id", read_only=True
    )

    def to_representation(self, run: SyncRun) -> dict[str, Any]:
        progress = access.progress(asker(self.context["request"]), run)
        return super().to_representation(FollowedRun(run, progress))


@extend_schema_serializer(component_name="OneFileChange")
class ChangeSerializer(serializers.Serializer[services.ChangeLine]):
    """One changed value."""

    side = serializers.ChoiceField(choices=Side.choices, help_text="The side that changed.")
    side_text = serializers.CharField(help_text="The side as text.")
    subject = serializers.CharField(help_text="The learner, qualification or review, as PICSWeb shows it.")
    field = serializers.CharField()
    before = serializers.CharField(source="old", help_text="As PICSWeb shows it; dates are dd/mm/yyyy.")
    after = serializers.CharField(source="new")
    rule = serializers.CharField(source="rule_text", help_text="The rule behind the change, as text.")
    made = serializers.BooleanField(
        help_text="False for a change that was only planned: in a preview, or for a learner put aside."
    )


@extend_schema_serializer(component_name="OneFileProblem")
class ProblemSerializer(serializers.Serializer[services.ProblemLine]):
    """A problem that a person or a retry has to solve."""

    code = serializers.CharField(help_text="Stable code for programs.")
    subject = serializers.CharField(help_text="The learner, qualification or review, as PICSWeb shows it.")
    text = serializers.CharField(help_text="What happened.")
    remedy = serializers.CharField(help_text="What to do next.")
    move = serializers.ChoiceField(choices=Move.choices, help_text="Who has to act.")


@extend_schema_serializer(component_name="OneFileOutcome", examples=examples.OUTCOME)
class OutcomeSerializer(serializers.Serializer[Any]):
    """One learner's outcome in one run."""

    id = serializers.IntegerField(source="outcome.pk")
    learner = serializers.CharField(
        source="outcome.learner_pk", help_text="The learner's primary key in PICSWeb."
    )
    onefile_id = serializers.IntegerField(source="outcome.onefile_id", allow_null=True)
    state = serializers.ChoiceField(choices=OutcomeState.choices, source="outcome.state")
    started_at = serializers.DateTimeField(source="outcome.started_at", allow_null=True)
    finished_at = serializers.DateTimeField(source="outcome.finished_at", allow_null=True)
    run_url = serializers.HyperlinkedRelatedField[SyncRun](
        source="outcome.run", view_name="onefile_sync_rest:run", lookup_url_kwarg="run_id", read_only=True
    )
    learner_status_url = serializers.HyperlinkedRelatedField[LearnerOutcome](
        source="outcome",
        view_name="onefile_sync_rest:learner-status",
        lookup_field="learner_pk",
        lookup_url_kwarg="learner_pk",
        read_only=True,
    )
    changes = ChangeSerializer(many=True)
    problems = ProblemSerializer(many=True)

    def to_representation(self, outcome: LearnerOutcome) -> dict[str, Any]:
        return super().to_representation(services.report(outcome))


@extend_schema_serializer(component_name="OneFileAttempt")
class AttemptSerializer(serializers.Serializer[LearnerOutcome]):
    """An attempt to synchronise a learner."""

    at = serializers.DateTimeField(source="finished_at")
    outcome = serializers.CharField(source="state", help_text="The state of the attempt's outcome.")
    run_url = serializers.HyperlinkedRelatedField[SyncRun](
        source="run", view_name="onefile_sync_rest:run", lookup_url_kwarg="run_id", read_only=True
    )


@extend_schema_serializer(component_name="OneFileLearnerStatus", examples=examples.STATUS)
class LearnerStatusSerializer(serializers.Serializer[CallersStatus]):
    """A learner's OneFile status, and whether the caller may request a refresh now."""

    learner = serializers.CharField(source="learner.pk", help_text="The learner's primary key in PICSWeb.")
    onefile_id = serializers.IntegerField(source="learner.onefile_id", allow_null=True)
    last_synchronised_at = serializers.DateTimeField(source="status.last_synchronised", allow_null=True)
    last_outcome = OutcomeSerializer(source="status.last", allow_null=True)
    last_success = AttemptSerializer(
        source="status.last_success",
        allow_null=True,
        help_text="The last attempt in which the learner was compared with OneFile.",
    )
    last_attempt = AttemptSerializer(
        source="status.last",
        allow_null=True,
        help_text="The last attempt, whatever its outcome.",
    )
    current_run = RunSerializer(
        source="status.current", allow_null=True, help_text="The run that is open for the learner now."
    )
    may_refresh = serializers.BooleanField()
    why_not = WhyNotSerializer(allow_null=True, help_text="Null if a refresh can be requested.")
