"""Keeps the last call to OneFile that failed, so that people can be told: its code and its time, until one succeeds."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from onefile_sync.models import ApiSession
from onefile_sync.onefile.errors import OneFileError, Scope


@dataclass(slots=True)
class LastFailure:
    """Told by one connection how each of its calls ended.

    ``belongs_to`` is the digest of address and customer token: what fails with others says nothing of these.
    ``keeps``: false for a try with settings that nobody has saved, which may put an end to a failure all the same.
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
    """Whether OneFile refused us or did not answer. That it refuses one record, or has none, is an answer."""
    return error.scope is Scope.RUN or error.case.doubtful
