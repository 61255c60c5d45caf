"""Starts runs that read OneFile's lists, as a button, the REST interface or a command asks for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from onefile_sync.models import DirectoryKind, RunKind, SyncRun

from .directory import start_reading


def refresh_links(*, by: Any = None) -> SyncRun:
    """Queue a run that reads the standards of every centre: *Refresh Qualification Links*. ``by`` is the user.

    While a run that reads lists is open, another call returns that run. Raises
    :class:`~onefile_sync.sync.eligibility.Refused`.
    """
    return start_reading([DirectoryKind.STANDARD], run_kind=RunKind.LINKS, by=getattr(by, "pk", None))


def refresh_links_now() -> SyncRun:
    """The same run, not queued: the caller performs it. Raises :class:`~onefile_sync.sync.eligibility.Refused`."""
    return start_reading([DirectoryKind.STANDARD], run_kind=RunKind.LINKS, queued=False)


def read_lists(kinds: Iterable[DirectoryKind] = tuple(DirectoryKind), *, by: Any = None) -> SyncRun:
    """Queue a run that reads all of OneFile's lists, or those of some kinds only. As :func:`refresh_links`."""
    return start_reading(kinds, by=getattr(by, "pk", None))
