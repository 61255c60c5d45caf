"""The REST interface: ask for a learner's refresh, follow the run, read what became of it and how a learner stands."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth import get_permission_codename
from django.db.models import Model
from django.shortcuts import get_object_or_404
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from drf_spectacular.openapi import AutoSchema
from rest_framework import status
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from onefile_sync import access, services
from onefile_sync.models import LearnerOutcome, SyncRun

from . import openapi
from .pagination import OutcomePages
from .permissions import MayReadRun, MayRefreshLearner, MaySeeStatus
from .serializers import (
    CallersStatus,
    LearnerStatusSerializer,
    OutcomeSerializer,
    RunSerializer,
    WhyNot,
    WhyNotSerializer,
)
from .throttling import RefreshThrottle

#: Seconds that a caller is asked to wait before reading the run.
RETRY_AFTER = 2


@method_decorator(never_cache, name="dispatch")
class OneFileView(APIView):
    """What the views below have in common. Answers are about people and change by the second: no cache keeps them."""

    # Stated here so that a host need not make it the default of all its views.
    schema = AutoSchema()


class LearnerView(OneFileView):
    """About one learner, whom the address names by primary key."""

    def learner(self, learner_pk: str) -> Model:
        """The learner, if the caller may do with them what this view does; else the exception that answers it."""
        learner = services.find_learner(learner_pk)
        if learner is None:
            # Nobody is to find out by trial which learners there are.
            raise NotFound if may_view_every_learner(self.request) else PermissionDenied
        self.check_object_permissions(self.request, learner)
        return learner


class RefreshLearner(LearnerView):
    permission_classes = [MayRefreshLearner]

    def get_throttles(self) -> list[BaseThrottle]:
        return [*super().get_throttles(), RefreshThrottle()]

    @openapi.refresh_learner
    def post(self, request: Request, learner_pk: str) -> Response:
        learner = self.learner(learner_pk)
        try:
            run = services.refresh([learner], by=request.user)
        except services.Refused as refused:
            refusal = WhyNotSerializer(WhyNot(refused.code, refused.reason))
            return Response(refusal.data, status=status.HTTP_409_CONFLICT)
        body = RunSerializer(run, context={"request": request}).data
        return Response(
            body,
            status=status.HTTP_202_ACCEPTED,
            headers={
                # Not the serializer's link: a subclass of str, which servers that go by PEP 3333 refuse in a header.
                "Location": reverse("onefile_sync_rest:run", args=[run.pk], request=request),
                "Retry-After": str(RETRY_AFTER),
            },
        )


class LearnerStatus(LearnerView):
    permission_classes = [MaySeeStatus]

    @openapi.learner_status
    def get(self, request: Request, learner_pk: str) -> Response:
        learner = self.learner(learner_pk)
        learner_status = services.learner_status(learner)
        callers_status = CallersStatus(learner, learner_status, why_not(request, learner, learner_status))
        return Response(LearnerStatusSerializer(callers_status, context={"request": request}).data)


class RunView(OneFileView):
    """About one run, which the address names by its ID."""

    permission_classes = [MayReadRun]

    def run(self, run_id: UUID) -> SyncRun:
        """The run, if the caller may read it; else the exception that answers it."""
        run = get_object_or_404(SyncRun, pk=run_id)
        self.check_object_permissions(self.request, run)
        return run


class Run(RunView):
    @openapi.run
    def get(self, request: Request, run_id: UUID) -> Response:
        return Response(RunSerializer(self.run(run_id), context={"request": request}).data)


class RunOutcomes(RunView, GenericAPIView[LearnerOutcome]):
    pagination_class = OutcomePages
    serializer_class = OutcomeSerializer
    queryset = LearnerOutcome.objects.select_related("run").prefetch_related("changes", "problems")

    @openapi.run_outcomes
    def get(self, _request: Request, run_id: UUID) -> Response:
        outcomes = self.get_queryset().filter(run=self.run(run_id))
        page = self.paginate_queryset(outcomes)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


def may_view_every_learner(request: Request) -> bool:
    options = services.learner_model()._meta
    return request.user.has_perm(f"{options.app_label}.{get_permission_codename('view', options)}")


def why_not(request: Request, learner: Model, learner_status: services.LearnerStatus) -> WhyNot | None:
    """Why asking for a refresh would be refused: the caller may not, or the learner cannot be refreshed."""
    if not access.may_refresh(request.user, learner):
        return WhyNot("not_permitted", MayRefreshLearner.message)
    if learner_status.refusal is not None:
        return WhyNot(learner_status.refusal.code, learner_status.refusal.reason)
    return None
