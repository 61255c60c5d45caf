"""Is it working? What a person, a monitor or a health check wants to know, without a call to OneFile.

The questions are in :mod:`.health_checks`. While the integration is off, nothing of it is wrong.
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
    """All answers, as of ``looked_at``."""

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
        """The level for programs; ``off`` is not ``fine``."""
        return "off" if self.is_off else self.level.name.lower()


def health() -> Health:
    """How the integration is doing. A handful of queries, no network but Redis where it keeps the rate limit."""
    settings, now = OneFileSettings.load(), timezone.now()
    unusable = IntegrationCheck().unusable(settings)
    if unusable is not None:
        return Health(now, (unusable,))
    return Health(now, tuple(check.look(settings, now) for check in all_checks()))
