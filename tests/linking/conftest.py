"""Runs that read OneFile's lists from the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from onefile_sync.linking import directory
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import DirectoryKind, SyncRun
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sync import daily
from tests.conftest import dont_wait

Read = Callable[..., SyncRun]
Kept = Callable[..., set[str]]


@pytest.fixture
def read(onefile: SandboxServer) -> Read:
    """Read lists of these kinds here and now."""

    def perform(*kinds: DirectoryKind, **options: Any) -> SyncRun:
        run = directory.start_reading(kinds or tuple(DirectoryKind), queued=False, **options)
        return daily.perform(run, sleep=dont_wait)

    return perform


@pytest.fixture
def kept(onefile: SandboxServer) -> Kept:
    """The names that are kept of a kind."""

    def names(kind: DirectoryKind, **options: Any) -> set[str]:
        return set(directory.entries(present_tenant(), kind, **options).values_list("name", flat=True))

    return names
