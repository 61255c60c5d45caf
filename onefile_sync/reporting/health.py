"""Runs the health checks for the health page, monitors and django-health-check. Makes no call to OneFile.

The questions are in :mod:`.health_checks`. While the integration is off, they are not asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from onefile_sync.models import OneFileSettings

from .findings import Finding, Level
from .health_checks import IntegrationCheck, all_checks


@dataclass(frozen=True, slots=True)
class Health:
    """All findings at the time ``looked_at``."""

    looked_at: datetime
    findings: tuple[Finding, ...]

    @property
    def level(self) -> Level:
        return max(finding.level for finding in self.findings)

    @property
    def is_off(self) -> bool:
        return any(finding.is_off for finding in self.findings)

    @property
    def word(self) -> str:
        """The level for programs; ``off`` while the integration is off."""
        return "off" if self.is_off else self.level.name.lower()


def health() -> Health:
    """Run all health checks. A few queries; no network access except to Redis, if it holds the rate limit."""
    settings, now = OneFileSettings.load(), timezone.now()
    unusable = IntegrationCheck().unusable(settings)
    if unusable is not None:
        return Health(now, (unusable,))
    return Health(now, tuple(check.look(settings, now) for check in all_checks() if check.applies(settings)))
