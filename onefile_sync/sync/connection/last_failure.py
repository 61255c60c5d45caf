"""Stores the code and time of the last failed call to OneFile for the health page, until a call succeeds."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from onefile_sync.models import ApiSession
from onefile_sync.onefile.errors import OneFileError, Scope


@dataclass(slots=True)
class LastFailure:
    """Receives the result of each call of one connection.

    ``belongs_to`` is the digest of address and customer token; a failure with other ones says nothing about these.
    ``keeps`` is false for a test of unsaved settings: its failures are not stored, but its success clears a stored one.
    """

    belongs_to: str
    keeps: bool = True
    may_be_one: bool = True

    def __call__(self, error: OneFileError | None) -> None:
        if error is not None and _is_about_the_connection(error):
            if self.keeps:
                self._keep(error.code)
        elif self.may_be_one:
            ApiSession.objects.filter(pk=1, failure_belongs_to=self.belongs_to).exclude(
                failure_code=""
            ).update(failure_code="", failed_at=None)
            self.may_be_one = False

    def _keep(self, code: str) -> None:
        self.may_be_one = True
        failure = {
            "failure_code": code,
            "failed_at": timezone.now(),
            "failure_belongs_to": self.belongs_to,
        }
        ApiSession.objects.update_or_create(pk=1, defaults=failure)


def _is_about_the_connection(error: OneFileError) -> bool:
    """Whether OneFile refused the connection or did not answer. Refusing a single record is an answer."""
    return error.scope is Scope.RUN or error.case.doubtful
