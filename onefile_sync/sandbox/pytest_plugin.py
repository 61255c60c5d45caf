"""Fixtures for the tests of those who use onefile_sync: a OneFile on a real socket.

pytest finds this module by itself. Nothing is imported before a fixture is asked for, so that test suites without the
extra ``sandbox`` are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .server import SandboxServer


@pytest.fixture
def make_onefile_sandbox() -> Iterator[Callable[..., SandboxServer]]:
    """Starts sandboxes: ``make_onefile_sandbox(learners=8, seed=1, switches=None, world=None, **options)``.

    With ``world`` that world is served and ``learners`` and ``seed`` are not used. ``options`` are those of
    :class:`onefile_sync.sandbox.server.SandboxServer`. All of them are stopped after the test.
    """
    from .demo_data.provider import build
    from .server import SandboxServer
    from .world import World

    running: list[SandboxServer] = []

    def make(
        learners: int = 8, seed: int = 1, switches: Any = None, world: World | None = None, **options: Any
    ) -> SandboxServer:
        served = World.of(build(learners, seed)) if world is None else world
        running.append(SandboxServer(served, switches, **options).start())
        return running[-1]

    yield make
    for server in running:
        server.stop()


@pytest.fixture
def onefile_sandbox(make_onefile_sandbox: Callable[..., SandboxServer]) -> SandboxServer:
    """A running sandbox with a small provider of 8 learners."""
    return make_onefile_sandbox()
