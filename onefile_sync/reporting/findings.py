"""What a health check is made of, and what it answers.

A check is a class with a code, a question, a remedy and a look. Where one of them is missing, mypy and Python refuse to
make the check. The checks themselves are in :mod:`.health_checks`.
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
    """How bad it is. The number is the exit code of ``onefile_status``, as monitoring systems have it."""

    FINE = 0
    WARNING = 1
    CRITICAL = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question, with what to do about it.

    ``value`` is for programs: a number, a moment, a code or an ID; a ``float`` is a share between 0 and 1. ``run`` is
    the run that the answer speaks of.
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
        """Nothing is wrong, and nothing works either: the integration is switched off."""
        return (self.code, self.value) == ("integration", "off")

    @property
    def word(self) -> str:
        """The level for programs."""
        return "off" if self.is_off else self.level.name.lower()


class HealthCheck(ABC):
    """One question about the integration. Answering it costs a few queries and no call to OneFile."""

    @property
    @abstractmethod
    def code(self) -> str:
        """The name of the finding for programs: monitors rely on it, so it is never changed."""

    @property
    @abstractmethod
    def question(self) -> str | Promise:
        """The question as the health page shows it."""

    @property
    @abstractmethod
    def remedy(self) -> str | Promise:
        """What to do where the answer is not fine, unless the finding has a remedy of its own."""

    @abstractmethod
    def look(self, settings: OneFileSettings, now: datetime) -> Finding:
        """Answer the question. The integration is on, and its mapping is right."""

    def found(
        self,
        level: Level,
        text: str | Promise,
        value: str | int | float | datetime | None = None,
        *,
        remedy: str | Promise | None = None,
        run: SyncRun | None = None,
    ) -> Finding:
        """The finding of this check; without a ``remedy`` it has the check's own."""
        remedy = self.remedy if remedy is None else remedy
        return Finding(self.code, level, text, value, remedy, run, question=self.question)

    def obstacle(self, code: str) -> Finding:
        """The finding that nothing can be exchanged, as the catalogue of messages explains it."""
        message = explain(code)
        return self.found(Level.CRITICAL, message.text, code, remedy=message.remedy)


@dataclass(frozen=True, slots=True)
class AgeLimits:
    """An age above ``warning`` is a warning, one above ``critical`` is critical."""

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
        """Which age is too much."""
