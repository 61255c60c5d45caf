"""Who gets past the door of the REST interface. What they may do there, the views ask :mod:`onefile_sync.access`.

Django REST framework's own classes do not fit: they let every signed-in caller read, and take POST for adding a row.
"""

from __future__ import annotations

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView


class SignedIn(BasePermission):
    """Anonymous callers get no further: 401 or 403, as the host's authentication classes have it.

    What a signed-in caller may do depends on the learner or the run.
    """

    def has_permission(self, request: Request, _view: APIView) -> bool:
        return request.user.is_authenticated
