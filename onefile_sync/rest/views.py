"""The REST interface: ask for a learner's refresh, follow the run, read what became of it and how a learner stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn
from uuid import UUID

from django.core import exceptions
from django.db.models import Model
from django.http import HttpRequest
from django.utils.decorators import method_decorator
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from drf_spectacular.openapi import AutoSchema
from rest_framework import status
from rest_framework.exceptions import PermissionDenied
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
from .permissions import SignedIn
from .serializers import (
    CallersStatus,
    LearnerStatusSerializer,
    OutcomeSerializer,
    RunSerializer,
    WhyNot,
    WhyNotSerializer,
    asker,
)
from .throttling import RefreshThrottle

#: Seconds that a caller is asked to wait before reading the run.
RETRY_AFTER = 2

MAY_NOT_REFRESH = _("You may not refresh this learner with OneFile.")
MAY_NOT_SEE_STATUS = _("You may not see how this learner was synchronised with OneFile.")
MAY_NOT_READ_RUN = _("You may not read this run.")


@method_decorator(never_cache, name="dispatch")
class OneFileView(APIView):
    """What the views below have in common. Answers are about people and change by the second: no cache keeps them."""

    # Stated here so that a host need not make it the default of all its views.
    schema = AutoSchema()
    permission_classes = [SignedIn]


class LearnerView(OneFileView):
    """About one learner, whom the address names by primary key."""

    def learner(
        self, learner_pk: str, may: Callable[[HttpRequest, Model], bool], *permissions: str, message: Promise
    ) -> Model:
        """The learner, if the caller may do with them what this view does; else the exception that answers it.

        ``permissions`` are those of which it takes one, where the learner is one whom the caller may see.
        """
        learner = services.find_learner(learner_pk)
        if learner is None or not may(asker(self.request), learner):
            refuse(self.request, *permissions, message=message)
        return learner


class RefreshLearner(LearnerView):
    def get_throttles(self) -> list[BaseThrottle]:
        return [*super().get_throttles(), RefreshThrottle()]

    @openapi.refresh_learner
    def post(self, request: Request, learner_pk: str) -> Response:
        learner = self.learner(learner_pk, access.may_refresh, access.REFRESH, message=MAY_NOT_REFRESH)
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


class LearnerStatusView(LearnerView):
    @openapi.learner_status
    def get(self, request: Request, learner_pk: str) -> Response:
        learner = self.learner(
            learner_pk, access.may_see_status, *access.SEE_STATUS, message=MAY_NOT_SEE_STATUS
        )
        learner_status = services.learner_status(learner)
        callers_status = CallersStatus(learner, learner_status, why_not(request, learner, learner_status))
        return Response(LearnerStatusSerializer(callers_status, context={"request": request}).data)


class RunView(OneFileView):
    """About one run, which the address names by its ID, and of it about the learners whom the caller may see."""

    def run(self, run_id: UUID) -> SyncRun:
        """The run, if the caller may read it; else the exception that answers it."""
        run = SyncRun.objects.filter(pk=run_id).first()
        if run is None or not access.may_see_run(asker(self.request), run):
            refuse(self.request, *access.SEE_STATUS, message=MAY_NOT_READ_RUN)
        return run


class Run(RunView):
    @openapi.run
    def get(self, request: Request, run_id: UUID) -> Response:
        return Response(RunSerializer(self.run(run_id), context={"request": request}).data)


class RunOutcomes(RunView, GenericAPIView[LearnerOutcome]):
    pagination_class = OutcomePages
    serializer_class = OutcomeSerializer
    queryset = LearnerOutcome.objects.none()  # for the description; which ones they are depends on the caller

    @openapi.run_outcomes
    def get(self, request: Request, run_id: UUID) -> Response:
        outcomes = access.visible_outcomes(asker(request), self.run(run_id))
        page = self.paginate_queryset(outcomes.select_related("run").prefetch_related("changes", "problems"))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


def refuse(request: Request, *permissions: str, message: Promise) -> NoReturn:
    """As :func:`onefile_sync.access.refuse`, and with what a caller without permission is told."""
    try:
        access.refuse(asker(request), *permissions)
    except exceptions.PermissionDenied:
        raise PermissionDenied(str(message)) from None


def why_not(request: Request, learner: Model, learner_status: services.LearnerStatus) -> WhyNot | None:
    """Why asking for a refresh would be refused: the caller may not, or the learner cannot be refreshed."""
    if not access.may_refresh(asker(request), learner):
        return WhyNot("not_permitted", MAY_NOT_REFRESH)
    if learner_status.refusal is not None:
        return WhyNot(learner_status.refusal.code, learner_status.refusal.reason)
    return None
