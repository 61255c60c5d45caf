"""A command's progress bar on a terminal: first for reading OneFile, then for the learners."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from onefile_sync import services
from onefile_sync.models import SyncRun

#: Minimum seconds between two updates while OneFile is read, as each update makes a few queries.
BETWEEN_LOOKS = 0.5


class ProgressBar:
    """Shows the progress of one run. A disabled bar makes no queries."""

    def __init__(self, run: SyncRun, bar: tqdm[Any]) -> None:
        self.run = run
        self.bar = bar
        self.reading = False
        self.records = 0
        self.looked_at = 0.0

    def advance(self) -> None:
        """Count one more learner as done."""
        if self.reading:
            now = services.progress(self.run)
            self._show("learner", now.done, now.total, again=True)
        else:
            self.bar.update()

    def look(self) -> None:
        """Update the bar after a step of reading OneFile."""
        if self.bar.disable or time.monotonic() - self.looked_at < BETWEEN_LOOKS:
            return
        self.looked_at = time.monotonic()
        reading = services.progress(self.run).reading
        if reading is None:
            return
        self.reading = True
        if reading.records_left is None:
            self._show("page", reading.pages, None)
        else:
            first_look = not self.records
            self.records = max(self.records, reading.records_left)
            self._show("record", self.records - reading.records_left, self.records, again=first_look)

    def _show(self, unit: str, done: int, total: int | None, *, again: bool = False) -> None:
        self.reading = unit != "learner"
        self.bar.unit = unit
        if again:
            self.bar.reset(total)
        self.bar.total = total
        self.bar.n = done
        self.bar.refresh()


@contextmanager
def progress_bar(run: SyncRun, *, hidden: bool) -> Iterator[ProgressBar]:
    """A progress bar for this run. While it is visible, log output to the terminal appears above it."""
    now = services.progress(run)
    hidden = hidden or not on_a_terminal()
    with ExitStack() as stack:
        if not hidden:
            stack.enter_context(logging_redirect_tqdm(_loggers_with_handlers()))
        bar = stack.enter_context(tqdm(total=now.total, initial=now.done, unit="learner", disable=hidden))
        yield ProgressBar(run, bar)


def on_a_terminal() -> bool:
    return sys.stderr.isatty()


def _loggers_with_handlers() -> list[logging.Logger]:
    named = logging.Logger.manager.loggerDict.values()
    with_handlers = [logger for logger in named if isinstance(logger, logging.Logger) and logger.handlers]
    return [logging.getLogger(), *with_handlers]
