"""Requires callers of the REST interface to be signed in. The views check permissions with :mod:`onefile_sync.access`.

Django REST framework's own permission classes do not fit: they let every signed-in caller read, and treat every POST
as adding a row.
"""

from __future__ import annotations

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView


class SignedIn(BasePermission):
    """Refuses anonymous callers: with 401 or 403, depending on the host's authentication classes.

    What a signed-in caller may do depends on the learner or the run.
    """

    def has_permission(self, request: Request, _view: APIView) -> bool:
        return request.user.is_authenticated
