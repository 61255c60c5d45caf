"""What the REST interface answers, field by field. It only represents: the one write is to ask for a refresh."""

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
    """The caller's request as Django knows it, which PICSWeb's admin may be asked with."""
    return request._request


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Why no refresh may be asked for: a code for programs, and the reason in words with what to do about it."""

    code: str
    detail: str | Promise


@dataclass(frozen=True, slots=True)
class FollowedRun:
    """A run together with how far it is."""

    run: SyncRun
    progress: services.Progress

    @property
    def counts(self) -> dict[str, int]:
        """How many learners are in each state; a state that nobody is in counts 0."""
        return {state: self.progress.counts.get(state, 0) for state in OutcomeState.values}


@dataclass(frozen=True, slots=True)
class CallersStatus:
    """A learner's OneFile status for one caller: ``why_not`` may also be that the caller lacks the permission."""

    learner: Model
    status: services.LearnerStatus
    why_not: WhyNot | None

    @property
    def may_refresh(self) -> bool:
        return self.why_not is None


@extend_schema_serializer(component_name="OneFileError")
class ErrorSerializer(serializers.Serializer[Any]):
    """Django REST framework's own body of an error."""

    detail = serializers.CharField(help_text="What is wrong, in words.")


@extend_schema_serializer(component_name="OneFileRefusal", examples=examples.WHY_NOT)
class WhyNotSerializer(serializers.Serializer[WhyNot]):
    """Why no refresh may be asked for."""

    code = serializers.CharField(help_text="Stable; for programs.")
    detail = serializers.CharField(help_text="The reason in words, with what to do about it.")


@extend_schema_serializer(component_name="OneFileCounts")
class CountsSerializer(serializers.Serializer[dict[str, int]]):
    """How many learners of a run are in each state."""

    queued = serializers.IntegerField(help_text="Not picked up yet.")
    working = serializers.IntegerField(help_text="Being synchronised now.")
    aside = serializers.IntegerField(help_text="Put aside by the safety stop: values would be replaced.")
    updated = serializers.IntegerField(help_text="Something changed, on either side.")
    unchanged = serializers.IntegerField(help_text="Both sides agreed already.")
    attention = serializers.IntegerField(help_text="Synchronised, with a problem that needs someone.")
    failed = serializers.IntegerField(help_text="Could not be synchronised.")
    skipped = serializers.IntegerField(help_text="Left out, with the reason as a problem.")


@extend_schema_serializer(component_name="OneFileRun", examples=examples.RUN)
class RunSerializer(serializers.Serializer[Any]):
    """One request to synchronise: a refresh, the daily sync or a preview.

    All numbers count the learners whom PICSWeb lets the caller see.
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
        help_text="The state; or failed, where the run is finished and everybody who had their turn failed.",
    )
    ending = serializers.ChoiceField(
        choices=Ending.choices,
        allow_blank=True,
        source="run.ending",
        help_text="How it ended before all had their turn; blank where they did.",
    )
    total = serializers.IntegerField(source="progress.total", help_text="Learners in the run.")
    done = serializers.IntegerField(source="progress.done", help_text="Learners that have been processed.")
    counts = CountsSerializer()
    waiting_for_worker = serializers.BooleanField(
        source="progress.waiting_for_worker",
        help_text="Open, and nobody has worked on it for a minute: no worker seems to be running.",
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
    side_text = serializers.CharField(help_text="The side in words.")
    subject = serializers.CharField(help_text="The learner, qualification or review, as staff know it.")
    field = serializers.CharField()
    before = serializers.CharField(source="old", help_text="As staff read it; dates are dd/mm/yyyy.")
    after = serializers.CharField(source="new")
    rule = serializers.CharField(source="rule_text", help_text="The rule that asked for it, in words.")
    made = serializers.BooleanField(
        help_text="False where it was planned only: in a preview, and for a learner who was put aside."
    )


@extend_schema_serializer(component_name="OneFileProblem")
class ProblemSerializer(serializers.Serializer[services.ProblemLine]):
    """One thing that a person or a retry must deal with."""

    code = serializers.CharField(help_text="Stable; for programs.")
    subject = serializers.CharField(help_text="The learner, qualification or review, as staff know it.")
    text = serializers.CharField(help_text="What happened.")
    remedy = serializers.CharField(help_text="What to do next.")
    move = serializers.ChoiceField(choices=Move.choices, help_text="Whose move it is.")


@extend_schema_serializer(component_name="OneFileOutcome", examples=examples.OUTCOME)
class OutcomeSerializer(serializers.Serializer[Any]):
    """What became of one learner in one run."""

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
    """When a learner was synchronised, or it was tried, and what came of it."""

    at = serializers.DateTimeField(source="finished_at")
    outcome = serializers.CharField(source="state", help_text="One of the states of an outcome.")
    run_url = serializers.HyperlinkedRelatedField[SyncRun](
        source="run", view_name="onefile_sync_rest:run", lookup_url_kwarg="run_id", read_only=True
    )


@extend_schema_serializer(component_name="OneFileLearnerStatus", examples=examples.STATUS)
class LearnerStatusSerializer(serializers.Serializer[CallersStatus]):
    """Where a learner stands with OneFile, and whether the caller may ask for a refresh now."""

    learner = serializers.CharField(source="learner.pk", help_text="The learner's primary key in PICSWeb.")
    onefile_id = serializers.IntegerField(source="learner.onefile_id", allow_null=True)
    last_synchronised_at = serializers.DateTimeField(source="status.last_synchronised", allow_null=True)
    last_outcome = OutcomeSerializer(source="status.last", allow_null=True)
    last_success = AttemptSerializer(
        source="status.last_success",
        allow_null=True,
        help_text="The last time the learner was really compared with OneFile.",
    )
    last_attempt = AttemptSerializer(
        source="status.last",
        allow_null=True,
        help_text="The last time it was tried, whatever came of it.",
    )
    current_run = RunSerializer(
        source="status.current", allow_null=True, help_text="The run that is open now."
    )
    may_refresh = serializers.BooleanField()
    why_not = WhyNotSerializer(allow_null=True, help_text="Null when a refresh may be asked for.")
