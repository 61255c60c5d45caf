"""The REST interface to linking: check a OneFile ID, link a learner to it, and unlink the learner."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.utils.translation import gettext_lazy as _
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from onefile_sync import access, services
from onefile_sync.web.learner_linking import holder_of, may_move_from, taken_by

from . import openapi
from .link_serializers import DecisionSerializer, LinkCheckSerializer, LinkSerializer
from .serializers import WhyNot, WhyNotSerializer, asker
from .throttling import RefreshThrottle
from .views import LearnerView

MAY_NOT_LINK = _("You may not link this learner to OneFile.")


class LearnerLink(LearnerView):
    def get_throttles(self) -> list[BaseThrottle]:
        throttles = super().get_throttles()
        return [*throttles, RefreshThrottle()] if self.request.method == "POST" else throttles

    @openapi.link_learner
    def post(self, request: Request, learner_pk: str) -> Response:
        learner = self._learner(learner_pk)
        asked = DecisionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            if "shown" not in asked.validated_data:
                seen = services.check_onefile_id(learner, asked.validated_data["onefile_id"])
                holder_of(asker(request), seen)
                return Response(LinkCheckSerializer(seen).data)
            made = self._linked(request, learner, **asked.validated_data)
        except services.TakenByAnother as taken:
            return _refused(taken.code, taken_by(asker(request), taken))
        except (services.LinkRefused, services.Refused) as refused:
            return _refused(refused.code, refused.reason)
        return Response(LinkSerializer(made).data, status=status.HTTP_201_CREATED)

    @openapi.unlink_learner
    def delete(self, request: Request, learner_pk: str) -> Response:
        try:
            services.unlink(self._learner(learner_pk), by=request.user)
        except (services.LinkRefused, services.Refused) as refused:
            return _refused(refused.code, refused.reason)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _learner(self, learner_pk: str) -> Model:
        return self.learner(learner_pk, access.may_link, access.LINK, message=MAY_NOT_LINK)

    def _linked(self, request: Request, learner: Model, onefile_id: int, **decided: Any) -> Any:
        move_from = decided["move_from"]
        decided["move_from"] = move_from if may_move_from(asker(request), move_from) else ""
        decided["reviews_answer"] = services.ReviewsAnswer(decided["reviews_answer"])
        return services.link(learner, onefile_id, services.LinkDecision(**decided), by=request.user)


def _refused(code: str, reason: str) -> Response:
    return Response(WhyNotSerializer(WhyNot(code, reason)).data, status=status.HTTP_409_CONFLICT)
