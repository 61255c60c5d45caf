"""Descriptions of each operation that drf-spectacular cannot derive from the code."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from .serializers import (
    ErrorSerializer,
    LearnerStatusSerializer,
    OutcomeSerializer,
    RunSerializer,
    WhyNotSerializer,
)

TAGS = ["OneFile"]

_learner = OpenApiParameter(
    "learner_pk", OpenApiTypes.STR, OpenApiParameter.PATH, description="The learner's primary key in PICSWeb."
)
_run = OpenApiParameter("run_id", OpenApiTypes.UUID, OpenApiParameter.PATH, description="The run's ID.")
_location = OpenApiParameter(
    "Location",
    OpenApiTypes.URI,
    OpenApiParameter.HEADER,
    response=[202],
    required=True,
    description="The run to follow.",
)
_retry_after = OpenApiParameter(
    "Retry-After",
    OpenApiTypes.INT,
    OpenApiParameter.HEADER,
    response=[202, 429],
    required=True,
    description="Seconds to wait before asking again.",
)

_not_allowed = {
    401: OpenApiResponse(ErrorSerializer, "The caller is not signed in; some hosts answer 403 instead."),
    403: OpenApiResponse(ErrorSerializer, "The caller lacks the permission."),
}
_no_learner = OpenApiResponse(ErrorSerializer, "There is no such learner.")
_no_run = OpenApiResponse(ErrorSerializer, "There is no such run.")

refresh_learner = extend_schema(
    operation_id="onefile_refresh_learner",
    tags=TAGS,
    summary="Refresh a learner with OneFile",
    description=(
        "Queues the same exchange that the button in PICSWeb starts, and answers immediately. While a refresh of the "
        "learner is open, another request returns the same run."
    ),
    request=None,
    parameters=[_learner, _location, _retry_after],
    responses={
        202: OpenApiResponse(RunSerializer, "The open run. Its progress is at the URL in Location."),
        **_not_allowed,
        404: _no_learner,
        409: OpenApiResponse(
            WhyNotSerializer, "The learner cannot be refreshed at the moment. Nothing was queued."
        ),
        429: OpenApiResponse(ErrorSerializer, "Too many requests."),
    },
)

learner_status = extend_schema(
    operation_id="onefile_learner_status",
    tags=TAGS,
    summary="A learner's OneFile status",
    description=(
        "When the learner was last synchronised and with what outcome, which run is open now, and whether the caller "
        "may request a refresh. Previews do not count."
    ),
    parameters=[_learner],
    responses={
        200: OpenApiResponse(LearnerStatusSerializer, "The learner's OneFile status."),
        **_not_allowed,
        404: _no_learner,
    },
)

run = extend_schema(
    operation_id="onefile_run",
    tags=TAGS,
    summary="The progress of a run",
    description="The run has ended when its state is `finished`.",
    parameters=[_run],
    responses={200: OpenApiResponse(RunSerializer, "The run as it is now."), **_not_allowed, 404: _no_run},
)

run_outcomes = extend_schema(
    operation_id="onefile_run_outcomes",
    tags=TAGS,
    summary="The outcome of each learner in a run",
    description="Each outcome has its changes and problems. Follow `next` until it is null.",
    parameters=[_run],
    responses={
        200: OutcomeSerializer(many=True),
        **_not_allowed,
        404: _no_run,
    },
)
