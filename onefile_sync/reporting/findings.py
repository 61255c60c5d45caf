"""The base classes of health checks, and their findings.

A check is a class with a code, a question, a remedy and a ``look`` method. If one of them is missing, mypy reports it
and Python refuses to instantiate the class. The checks themselves are in :mod:`.health_checks`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum

from django.utils.functional import Promise

from onefile_sync.messages.catalogue import explain
from onefile_sync.models import OneFileSettings, SyncRun


class Level(IntEnum):
    """The severity. Its number is the exit code of ``onefile_status``, as monitoring systems expect it."""

    FINE = 0
    WARNING = 1
    CRITICAL = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question, with what to do about it.

    ``value`` is for programs: a number, a date-time, a code or an ID; a ``float`` is a fraction from 0 to 1. ``run`` is
    the run to which the answer refers.
    """

    code: str
    level: Level
    text: str | Promise
    value: str | int | float | datetime | None = None
    remedy: str | Promise = ""
    run: SyncRun | None = None
    question: str | Promise = field(kw_only=True)

    @property
    def is_off(self) -> bool:
        """Whether the integration is switched off, which is neither fine nor wrong."""
        return (self.code, self.value) == ("integration", "off")

    @property
    def word(self) -> str:
        """The level for programs."""
        return "off" if self.is_off else self.level.name.lower()


class HealthCheck(ABC):
    """One question about the integration. The answer takes a few queries and no call to OneFile."""

    @property
    @abstractmethod
    def code(self) -> str:
        """The finding's name for programs. Monitors rely on it, so it never changes."""

    @property
    @abstractmethod
    def question(self) -> str | Promise:
        """The question as the health page shows it."""

    @property
    @abstractmethod
    def remedy(self) -> str | Promise:
        """What to do if the answer is not fine. A finding may have its own remedy instead."""

    def applies(self, _settings: OneFileSettings) -> bool:
        """Whether this question concerns the installation. If not, the health page does not have it."""
        return True

    @abstractmethod
    def look(self, settings: OneFileSettings, now: datetime) -> Finding:
        """Answer the question. Called only while the integration is on and its mapping is valid."""

    def found(
        self,
        level: Level,
        text: str | Promise,
        value: str | int | float | datetime | None = None,
        *,
        remedy: str | Promise | None = None,
        run: SyncRun | None = None,
    ) -> Finding:
        """Build a finding of this check. Without ``remedy``, it has the check's own."""
        remedy = self.remedy if remedy is None else remedy
        return Finding(self.code, level, text, value, remedy, run, question=self.question)

    def obstacle(self, code: str) -> Finding:
        """Build the critical finding that nothing can be exchanged, with its text from the catalogue of messages."""
        message = explain(code)
        return self.found(Level.CRITICAL, message.text, code, remedy=message.remedy)


@dataclass(frozen=True, slots=True)
class AgeLimits:
    """The ages above which a finding is a warning, or critical."""

    warning: timedelta
    critical: timedelta

    def level(self, age: timedelta) -> Level:
        if age > self.critical:
            return Level.CRITICAL
        return Level.WARNING if age > self.warning else Level.FINE


class AgeCheck(HealthCheck):
    """A question about how long ago something was."""

    @property
    @abstractmethod
    def limits(self) -> AgeLimits:
        """The ages that are too old."""
