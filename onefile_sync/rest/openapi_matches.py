"""As :mod:`onefile_sync.rest.openapi`, for *Match with OneFile*."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from .match_serializers import (
    ChosenPairsSerializer,
    MatchEstimateSerializer,
    MatchWishSerializer,
    NotSameSerializer,
    SuggestionFilterSerializer,
    SuggestionSerializer,
)
from .openapi import TAGS, location, not_allowed, retry_after, seconds
from .serializers import ErrorSerializer, RunSerializer, WhyNotSerializer

_bad_request = {
    400: OpenApiResponse(OpenApiTypes.OBJECT, "The request is not as described: errors by field.")
}
_acting = {
    **_bad_request,
    **not_allowed,
    409: OpenApiResponse(WhyNotSerializer, "It is refused at the moment. Nothing was queued."),
    415: OpenApiResponse(ErrorSerializer, "The body has a media type that is not accepted."),
    429: OpenApiResponse(ErrorSerializer, "Too many requests."),
}
_refused = OpenApiResponse(WhyNotSerializer, "OneFile is not set up, or the mapping of PICSWeb is wrong.")

match_estimate = extend_schema(
    operation_id="onefile_match_estimate",
    tags=TAGS,
    summary="How many calls a match would take",
    description="From what is kept; OneFile is not called and nothing is started.",
    parameters=[
        OpenApiParameter("kinds", OpenApiTypes.STR, enum=["learner", "officer", "organisation"], many=True),
        OpenApiParameter("centres", OpenApiTypes.INT64, many=True, description="None means all."),
    ],
    responses={
        200: OpenApiResponse(MatchEstimateSerializer, "The estimate."),
        **_bad_request,
        **not_allowed,
        409: _refused,
    },
)

start_match = extend_schema(
    operation_id="onefile_start_match",
    tags=TAGS,
    summary="Match with OneFile",
    description=(
        "Queues a run that finds which OneFile records the rows without a OneFile ID may be, and answers immediately. "
        "No pair is linked by it. While a match is open, another request returns the same run."
    ),
    request=MatchWishSerializer,
    parameters=[location, retry_after],
    responses={202: OpenApiResponse(RunSerializer, "The open run."), **_acting},
)

suggestions = extend_schema(
    operation_id="onefile_match_suggestions",
    tags=TAGS,
    summary="The pairs that a match has found",
    description=(
        "Pairs that nobody has decided about. Callers who may not see every learner get their own only. Follow `next` "
        "until it is null."
    ),
    parameters=[SuggestionFilterSerializer],
    responses={200: SuggestionSerializer(many=True), **_bad_request, **not_allowed, 409: _refused},
)

link_suggestions = extend_schema(
    operation_id="onefile_link_suggestions",
    tags=TAGS,
    summary="Link pairs that a match has found",
    description=(
        "Queues a run that looks at each pair once more and links it if the two still agree. Pairs that were decided "
        "about already, or that the caller may not see, are left out; so are pairs that are neither certain nor "
        "strong, without `singly`."
    ),
    request=ChosenPairsSerializer,
    parameters=[location, retry_after],
    responses={202: OpenApiResponse(RunSerializer, "The open run."), **_acting},
)

not_same = extend_schema(
    operation_id="onefile_not_same",
    tags=TAGS,
    summary="Remember that pairs are not the same",
    description="They are not suggested again. The answer has the pairs for which this was remembered.",
    request=NotSameSerializer,
    parameters=[seconds],
    responses={200: OpenApiResponse(NotSameSerializer, "Remembered for these."), **_acting},
)
