"""Log events: what happened, as a name and a few ids, codes and counts. Nothing else ever goes into a log.

A record's text is ``name key=value …``; the same stands in its attributes ``onefile_event`` and ``onefile`` (a dict),
for a formatter that writes JSON. docs/operations.md lists the names.
"""

from __future__ import annotations

import logging
from uuid import UUID

logger = logging.getLogger("onefile_sync")

#: What may be logged: a type that could hold a sentence or a payload is a mistake that mypy finds.
Loggable = int | float | str | UUID | None


def log(level: int, event: str, **facts: Loggable) -> None:
    """Write one event down. Texts among the ``facts`` are codes, never what a person or OneFile wrote."""
    told = "".join(f" {name}={fact}" for name, fact in facts.items())
    logger.log(level, "%s%s", event, told, extra={"onefile_event": event, "onefile": facts})


def info(event: str, **facts: Loggable) -> None:
    log(logging.INFO, event, **facts)


def warning(event: str, **facts: Loggable) -> None:
    log(logging.WARNING, event, **facts)


def error(event: str, **facts: Loggable) -> None:
    log(logging.ERROR, event, **facts)
