from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import CommandParser

from onefile_sync import services
from onefile_sync.management.onefile_command import OneFileCommand

#: The exit code that monitoring systems call "unknown": the check itself failed.
UNKNOWN = 3


class Command(OneFileCommand):
    no_database = UNKNOWN
    help = (
        "Says how the integration is doing, without a call to OneFile. "
        "Exit code 0: fine; 1: working, with warnings; 2: something is not working; 3: could not check."
    )
    #: A wrong set-up is one of the findings.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        health = services.health()
        self.stdout.write(json.dumps(as_json(health)) if options["json"] else in_words(health))
        if health.level:
            sys.exit(health.level)


def as_json(health: services.Health) -> dict[str, Any]:
    """The output of ``--json``. Monitors rely on it: keys may be added, never renamed."""
    return {
        "level": health.word,
        "looked_at": health.looked_at.isoformat(),
        "findings": {
            finding.code: {
                "level": finding.word,
                "text": str(finding.text),
                "value": _value(finding),
                "run": str(finding.run.pk) if finding.run is not None else None,
            }
            for finding in health.findings
        },
    }


def _value(finding: services.Finding) -> str | int | float | None:
    value = finding.value
    return value if value is None or isinstance(value, str | int | float) else value.isoformat()


def in_words(health: services.Health) -> str:
    lines = [f"{health.word}: the OneFile integration"]
    for finding in sorted(health.findings, key=lambda finding: -finding.level):
        value = _value(finding)
        told = "" if value is None else f"{value}: "
        lines.append(f"  {finding.word:8} {finding.code}: {told}{finding.text}")
        if finding.level and finding.remedy:
            lines.append(f"  {'':8} {finding.remedy}")
    return "\n".join(lines)
