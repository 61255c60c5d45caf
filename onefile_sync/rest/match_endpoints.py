"""The REST interface to *Match with OneFile*: estimate, start, read what was found, and decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework import status
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from onefile_sync import access, services
from onefile_sync.models import MatchSuggestion, RunKind

from . import openapi_matches
from .match_serializers import (
    ChosenPairsSerializer,
    MatchEstimateSerializer,
    MatchWishSerializer,
    NotSameSerializer,
    SuggestionFilterSerializer,
    SuggestionSerializer,
)
from .pagination import SuggestionPages
from .serializers import WhyNot, WhyNotSerializer, asker
from .throttling import RefreshThrottle
from .views import OneFileView, accepted, refused_with

MAY_NOT_MATCH = _("You may not match records with OneFile.")
LISTS_ARE_BEING_READ = _("OneFile's lists are being read at the moment. Start the matching after that.")
DECIDED_ALREADY = _("All of these pairs have been decided about already, or cannot be linked together.")


class MatchView(OneFileView):
    """The base of the views below. Requests that act are limited like refreshes."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        is_known = hasattr(
            self, (request.method or "").lower()
        )  # of any other method it is said that it is not
        if is_known and not access.may_match(asker(request)):
            raise PermissionDenied(str(MAY_NOT_MATCH))

    def get_throttles(self) -> list[BaseThrottle]:
        throttles = super().get_throttles()
        return [*throttles, RefreshThrottle()] if self.request.method == "POST" else throttles

    def undecided(self, request: Request, pks: list[int]) -> list[MatchSuggestion]:
        """Those of these pairs that nobody has decided about, and that the caller may see."""
        among = access.visible_pks(asker(request))
        kinds = MatchSuggestion.objects.filter(pk__in=pks).values_list("subject_kind", flat=True).distinct()
        return [
            each
            for kind in kinds
            for each in services.matches.suggestions(kind, among=among).filter(pk__in=pks)
        ]


class Matching(MatchView):
    @openapi_matches.match_estimate
    def get(self, request: Request) -> Response:
        asked = MatchWishSerializer(data=_lists_of(request, "kinds", "centres"))
        asked.is_valid(raise_exception=True)
        return _unless_refused(
            lambda: Response(MatchEstimateSerializer(services.match_estimate(**asked.validated_data)).data)
        )

    @openapi_matches.start_match
    def post(self, request: Request) -> Response:
        asked = MatchWishSerializer(data=request.data)
        asked.is_valid(raise_exception=True)

        def start() -> Response:
            run = services.match(**asked.validated_data, by=request.user)
            if run.kind != RunKind.MATCH:
                return _conflict("lists_are_being_read", LISTS_ARE_BEING_READ)
            return accepted(request, run)

        return _unless_refused(start)


class Suggestions(MatchView, GenericAPIView[MatchSuggestion]):
    pagination_class = SuggestionPages
    serializer_class = SuggestionSerializer
    queryset = MatchSuggestion.objects.none()  # for the OpenAPI description only; get() selects the pairs

    @openapi_matches.suggestions
    def get(self, request: Request) -> Response:
        asked = SuggestionFilterSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        chosen = asked.validated_data

        def found() -> Response:
            pairs: QuerySet[MatchSuggestion] = services.matches.suggestions(
                chosen["kind"], chosen["level"], among=access.visible_pks(asker(request))
            )
            page = self.paginate_queryset(pairs.select_related("tenant")) or []
            lines = list(services.matches.match_lines(page))
            return self.get_paginated_response(self.get_serializer(lines, many=True).data)

        return _unless_refused(found)


class LinkSuggestions(MatchView):
    @openapi_matches.link_suggestions
    def post(self, request: Request) -> Response:
        asked = ChosenPairsSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        singly = asked.validated_data["singly"]

        def link() -> Response:
            chosen = self.undecided(request, asked.validated_data["suggestions"])
            run = services.link_ticked([each.pk for each in chosen], singly=singly, by=request.user)
            return accepted(request, run) if run is not None else _conflict("decided", DECIDED_ALREADY)

        return _unless_refused(link)


class NotSame(MatchView):
    @openapi_matches.not_same
    def post(self, request: Request) -> Response:
        asked = NotSameSerializer(data=request.data)
        asked.is_valid(raise_exception=True)

        def remember() -> Response:
            chosen = self.undecided(request, asked.validated_data["suggestions"])
            done = [each.pk for each in chosen if services.not_same(each, by=request.user)]
            return Response({"suggestions": sorted(done)}, status=status.HTTP_200_OK)

        return _unless_refused(remember)


def _lists_of(request: Request, *names: str) -> dict[str, list[str]]:
    """The values of parameters that may be repeated; left out if absent."""
    return {name: request.query_params.getlist(name) for name in names if name in request.query_params}


def _conflict(code: str, reason: object) -> Response:
    return Response(WhyNotSerializer(WhyNot(code, str(reason))).data, status=status.HTTP_409_CONFLICT)


def _unless_refused(work: Callable[[], Response]) -> Response:
    try:
        return work()
    except services.Refused as refused:
        return refused_with(refused)
