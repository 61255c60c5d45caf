"""The REST interface: request a learner's refresh, follow the run, read its outcomes and a learner's status."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn
from uuid import UUID

from django.core import exceptions
from django.core.paginator import Paginator
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
from .list_serializers import QualificationLinksSerializer, UnmatchedPage, UnmatchedSerializer
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

#: Seconds that the caller should wait before reading the run.
RETRY_AFTER = 2

#: Records of a section of Unmatched on one page.
UNMATCHED_ON_A_PAGE = 100

MAY_NOT_REFRESH = _("You may not refresh this learner with OneFile.")
MAY_NOT_SEE_STATUS = _("You may not see how this learner was synchronised with OneFile.")
MAY_NOT_READ_LISTS = _("You may not have OneFile's lists read.")
MAY_NOT_SEE_LISTS = _("You may not see OneFile's lists.")
MAY_NOT_SEE_UNMATCHED = _("You may not see what is unmatched.")
MAY_NOT_READ_RUN = _("You may not read this run.")


@method_decorator(never_cache, name="dispatch")
class OneFileView(APIView):
    """The base of the views below. Answers contain personal data and change quickly, so no cache may store them."""

    # Set here so that the host need not make it the default for all its views.
    schema = AutoSchema()
    permission_classes = [SignedIn]


class LearnerView(OneFileView):
    """The base of views about one learner; the URL has the learner's primary key."""

    def learner(
        self, learner_pk: str, may: Callable[[HttpRequest, Model], bool], *permissions: str, message: Promise
    ) -> Model:
        """The learner, if the caller may do what this view does. Otherwise raises the exception to answer with.

        The caller needs one of ``permissions``, and PICSWeb must let the caller see the learner.
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
            return refused_with(refused)
        return accepted(request, run)


class LearnerStatusView(LearnerView):
    @openapi.learner_status
    def get(self, request: Request, learner_pk: str) -> Response:
        learner = self.learner(
            learner_pk, access.may_see_status, *access.SEE_STATUS, message=MAY_NOT_SEE_STATUS
        )
        learner_status = services.learner_status(learner)
        callers_status = CallersStatus(learner, learner_status, why_not(request, learner, learner_status))
        return Response(LearnerStatusSerializer(callers_status, context={"request": request}).data)


class RefreshQualificationLinks(OneFileView):
    def get_throttles(self) -> list[BaseThrottle]:
        return [*super().get_throttles(), RefreshThrottle()]

    @openapi.refresh_qualification_links
    def post(self, request: Request) -> Response:
        if not access.may_refresh_links(asker(request)):
            raise PermissionDenied(str(MAY_NOT_READ_LISTS))
        try:
            run = services.refresh_links(by=request.user)
        except services.Refused as refused:
            return refused_with(refused)
        return accepted(request, run)


class QualificationLinksView(OneFileView):
    @openapi.qualification_links
    def get(self, request: Request) -> Response:
        if not access.may_see_lists(asker(request)):
            raise PermissionDenied(str(MAY_NOT_SEE_LISTS))
        links = services.qualification_links()
        return Response(QualificationLinksSerializer(links, context={"request": request}).data)


class UnmatchedView(OneFileView):
    @openapi.unmatched
    def get(self, request: Request) -> Response:
        asked = asker(request)
        if not access.may_see_unmatched(asked):
            raise PermissionDenied(str(MAY_NOT_SEE_UNMATCHED))
        try:
            found = services.unmatched(access.visible_pks(asked))
        except services.Refused as refused:
            return refused_with(refused)
        chosen = request.query_params.get("section", "")
        lines = [line for section in found.sections if section.code == chosen for line in section.lines]
        pages = Paginator(lines, UNMATCHED_ON_A_PAGE)
        page = UnmatchedPage(found, list(pages.get_page(request.query_params.get("page"))), pages.num_pages)
        return Response(UnmatchedSerializer(page).data)


class RunView(OneFileView):
    """The base of views about one run, limited to the learners that the caller may see. The URL has the run's ID."""

    def run(self, run_id: UUID) -> SyncRun:
        """The run, if the caller may read it. Otherwise raises the exception to answer with."""
        run = SyncRun.objects.filter(pk=run_id).first()
        if run is None or not access.may_see_run(asker(self.request), run):
            refuse(self.request, *access.SEE_STATUS, *access.SEE_LISTS, message=MAY_NOT_READ_RUN)
        return run


class Run(RunView):
    @openapi.run
    def get(self, request: Request, run_id: UUID) -> Response:
        return Response(RunSerializer(self.run(run_id), context={"request": request}).data)


class RunOutcomes(RunView, GenericAPIView[LearnerOutcome]):
    pagination_class = OutcomePages
    serializer_class = OutcomeSerializer
    queryset = LearnerOutcome.objects.none()  # for the OpenAPI description only; get() selects the outcomes

    @openapi.run_outcomes
    def get(self, request: Request, run_id: UUID) -> Response:
        outcomes = access.visible_outcomes(asker(request), self.run(run_id))
        page = self.paginate_queryset(outcomes.select_related("run").prefetch_related("changes", "problems"))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


def accepted(request: Request, run: SyncRun) -> Response:
    """The answer to a request that has queued a run, or that leads to an open one."""
    return Response(
        RunSerializer(run, context={"request": request}).data,
        status=status.HTTP_202_ACCEPTED,
        headers={
            # The serializer's link is a subclass of str, which strict PEP 3333 servers refuse in a header.
            "Location": reverse("onefile_sync_rest:run", args=[run.pk], request=request),
            "Retry-After": str(RETRY_AFTER),
        },
    )


def refused_with(refused: services.Refused) -> Response:
    """The answer to a request that is permitted, but refused at the moment."""
    refusal = WhyNotSerializer(WhyNot(refused.code, refused.reason))
    return Response(refusal.data, status=status.HTTP_409_CONFLICT)


def refuse(request: Request, *permissions: str, message: Promise) -> NoReturn:
    """As :func:`onefile_sync.access.refuse`, with ``message`` for a caller without permission."""
    try:
        access.refuse(asker(request), *permissions)
    except exceptions.PermissionDenied:
        raise PermissionDenied(str(message)) from None


def why_not(request: Request, learner: Model, learner_status: services.LearnerStatus) -> WhyNot | None:
    """Why a refresh would be refused: the caller lacks permission, or the learner cannot be refreshed."""
    if not access.may_refresh(asker(request), learner):
        return WhyNot("not_permitted", MAY_NOT_REFRESH)
    if learner_status.refusal is not None:
        return WhyNot(learner_status.refusal.code, learner_status.refusal.reason)
    return None
