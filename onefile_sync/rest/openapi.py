"""Descriptions of each operation that drf-spectacular cannot derive from the code."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from .link_serializers import DecisionSerializer, LinkCheckSerializer, LinkSerializer
from .list_serializers import QualificationLinksSerializer, UnmatchedSerializer
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
location = OpenApiParameter(
    "Location",
    OpenApiTypes.URI,
    OpenApiParameter.HEADER,
    response=[202],
    required=True,
    description="The run to follow.",
)
retry_after = OpenApiParameter(
    "Retry-After",
    OpenApiTypes.INT,
    OpenApiParameter.HEADER,
    response=[202, 429],
    required=True,
    description="Seconds to wait before asking again.",
)

not_allowed = {
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
    parameters=[_learner, location, retry_after],
    responses={
        202: OpenApiResponse(RunSerializer, "The open run. Its progress is at the URL in Location."),
        **not_allowed,
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
        **not_allowed,
        404: _no_learner,
    },
)

refresh_qualification_links = extend_schema(
    operation_id="onefile_refresh_qualification_links",
    tags=TAGS,
    summary="Refresh Qualification Links",
    description=(
        "Queues a run that reads the standards of every centre from OneFile, and answers immediately. While OneFile's "
        "lists are being read, another request returns the same run."
    ),
    request=None,
    parameters=[location, retry_after],
    responses={
        202: OpenApiResponse(RunSerializer, "The open run. Its progress is at the URL in Location."),
        **not_allowed,
        409: OpenApiResponse(WhyNotSerializer, "OneFile cannot be read at the moment. Nothing was queued."),
        429: OpenApiResponse(ErrorSerializer, "Too many requests."),
    },
)

qualification_links = extend_schema(
    operation_id="onefile_qualification_links",
    tags=TAGS,
    summary="VQ References and OneFile's standards",
    description="What the lists say that were last read. OneFile is not called.",
    responses={
        200: OpenApiResponse(QualificationLinksSerializer, "The VQ References in use."),
        **not_allowed,
    },
)

unmatched = extend_schema(
    operation_id="onefile_unmatched",
    tags=TAGS,
    summary="What stands in PICSWeb or in OneFile only",
    description=(
        "What PICSWeb's records and the lists say that were last read. OneFile is not called. Callers who may not see "
        "every learner get their own only, and none of OneFile's learners."
    ),
    parameters=[
        OpenApiParameter(
            "section", OpenApiTypes.STR, description="The code of a section, to get its records."
        ),
        OpenApiParameter(
            "page", OpenApiTypes.INT, description="The page of its records, from 1; 100 on each."
        ),
    ],
    responses={
        200: OpenApiResponse(UnmatchedSerializer, "All sections with their counts."),
        **not_allowed,
        409: OpenApiResponse(WhyNotSerializer, "The mapping of PICSWeb is wrong."),
    },
)

run = extend_schema(
    operation_id="onefile_run",
    tags=TAGS,
    summary="The progress of a run",
    description="The run has ended when its state is `finished`.",
    parameters=[_run],
    responses={200: OpenApiResponse(RunSerializer, "The run as it is now."), **not_allowed, 404: _no_run},
)

run_outcomes = extend_schema(
    operation_id="onefile_run_outcomes",
    tags=TAGS,
    summary="The outcome of each learner in a run",
    description="Each outcome has its changes and problems. Follow `next` until it is null.",
    parameters=[_run],
    responses={
        200: OutcomeSerializer(many=True),
        **not_allowed,
        404: _no_run,
    },
)

seconds = OpenApiParameter(
    "Retry-After",
    OpenApiTypes.INT,
    OpenApiParameter.HEADER,
    response=[429],
    required=True,
    description="Seconds to wait before asking again.",
)
link_learner = extend_schema(
    operation_id="onefile_link_learner",
    tags=TAGS,
    summary="Link a learner to an existing OneFile learner",
    description=(
        "Without `shown`, reads the OneFile learner and answers with both records side by side; nothing is written. "
        "With `shown` from that answer, reads both once more and links them, with the qualifications and reviews that "
        "are the same. Three short calls to OneFile each time."
    ),
    request=DecisionSerializer,
    parameters=[_learner, seconds],
    responses={
        200: OpenApiResponse(LinkCheckSerializer, "Both records. Nothing was written."),
        201: OpenApiResponse(LinkSerializer, "The learner is linked."),
        400: OpenApiResponse(OpenApiTypes.OBJECT, "The request is not as described: errors by field."),
        **not_allowed,
        404: _no_learner,
        409: OpenApiResponse(WhyNotSerializer, "The learner was not linked. Nothing was written."),
        415: OpenApiResponse(ErrorSerializer, "The body has a media type that is not accepted."),
        429: OpenApiResponse(ErrorSerializer, "Too many requests."),
    },
)

unlink_learner = extend_schema(
    operation_id="onefile_unlink_learner",
    tags=TAGS,
    summary="Unlink a learner from OneFile",
    description=(
        "Clears the OneFile IDs of the learner, the qualifications and the reviews in PICSWeb. OneFile is not touched. "
        "Linking the learner to the same OneFile learner again restores them."
    ),
    request=None,
    parameters=[_learner],
    responses={
        204: OpenApiResponse(None, "The learner is not linked."),
        **not_allowed,
        404: _no_learner,
        409: OpenApiResponse(WhyNotSerializer, "The learner cannot be unlinked at the moment."),
    },
)
