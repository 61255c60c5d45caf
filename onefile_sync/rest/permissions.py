"""Who may do what through the REST interface: the rules of :mod:`onefile_sync.access`, as permission classes.

Django REST framework's own classes do not fit: they let every signed-in caller read, and take POST for adding a row.
"""

from __future__ import annotations

from django.db.models import Model
from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from onefile_sync import access
from onefile_sync.models import SyncRun


class SignedIn(BasePermission):
    """Anonymous callers get no further: 401 or 403, as the host's authentication classes have it.

    What a signed-in caller may do depends on the learner or the run, which the subclasses look at.
    """

    def has_permission(self, request: Request, _view: APIView) -> bool:
        return request.user.is_authenticated


class MayRefreshLearner(SignedIn):
    """Needs ``onefile_sync.refresh_learner`` and the host's permission to view the learner."""

    message = _("You may not refresh this learner with OneFile.")

    def has_object_permission(self, request: Request, _view: APIView, learner: Model) -> bool:
        return access.may_refresh(request.user, learner)


class MaySeeStatus(SignedIn):
    """Needs the host's permission to view the learner, and one of ours: refresh, preview or view runs."""

    message = _("You may not see how this learner was synchronised with OneFile.")

    def has_object_permission(self, request: Request, _view: APIView, learner: Model) -> bool:
        return access.may_see_status(request.user, learner)


class MayReadRun(SignedIn):
    """Needs ``onefile_sync.view_syncrun``, or to have asked for the run or to be led to it by asking again."""

    message = _("You may not read this run.")

    def has_object_permission(self, request: Request, _view: APIView, run: SyncRun) -> bool:
        return access.may_see_run(request.user, run)
