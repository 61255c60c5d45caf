"""Log events: a name with IDs, codes and counts. Nothing else may be logged.

The text of a record is ``name key=value …``. Its attributes ``onefile_event`` and ``onefile`` (a dict) hold the same,
for formatters that write JSON. docs/operations.md lists the names.
"""

from __future__ import annotations

import logging
from uuid import UUID

logger = logging.getLogger("onefile_sync")

#: The types that may be logged. mypy rejects others, which could hold a payload.
Loggable = int | float | str | UUID | None


def log(level: int, event: str, **facts: Loggable) -> None:
    """Log one event. Text in ``facts`` must be a code, never something that a person or OneFile wrote."""
    told = "".join(f" {name}={fact}" for name, fact in facts.items())
    logger.log(level, "%s%s", event, told, extra={"onefile_event": event, "onefile": facts})


def info(event: str, **facts: Loggable) -> None:
    log(logging.INFO, event, **facts)


def warning(event: str, **facts: Loggable) -> None:
    log(logging.WARNING, event, **facts)


def error(event: str, **facts: Loggable) -> None:
    log(logging.ERROR, event, **facts)
