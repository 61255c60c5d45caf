"""Fixtures for projects that use onefile_sync: a sandbox OneFile on a real socket.

pytest loads this module through its entry point. It imports the sandbox only when a test requests a fixture, so that
test suites without the extra ``sandbox`` still run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .server import SandboxServer


@pytest.fixture
def make_onefile_sandbox() -> Iterator[Callable[..., SandboxServer]]:
    """Start sandboxes: ``make_onefile_sandbox(learners=8, seed=1, switches=None, world=None, **options)``.

    ``two_centres`` and ``errors_percent`` are those of the command. ``world`` replaces the invented provider; what
    chooses one is then ignored. Other ``options`` are those of :class:`onefile_sync.sandbox.server.SandboxServer`.
    All sandboxes are stopped after the test.
    """
    from .demo_data.provider import build
    from .server import SandboxServer
    from .world import World

    running: list[SandboxServer] = []

    def make(
        learners: int = 8,
        seed: int = 1,
        switches: Any = None,
        world: World | None = None,
        *,
        two_centres: bool = False,
        errors_percent: int = 0,
        **options: Any,
    ) -> SandboxServer:
        if world is None:
            world = World.of(build(learners, seed, two_centres=two_centres, errors_percent=errors_percent))
        running.append(SandboxServer(world, switches, **options).start())
        return running[-1]

    yield make
    for server in running:
        server.stop()


@pytest.fixture
def onefile_sandbox(make_onefile_sandbox: Callable[..., SandboxServer]) -> SandboxServer:
    """A running sandbox with 8 learners."""
    return make_onefile_sandbox()
