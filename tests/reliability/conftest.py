"""The long runs of ``make reliability`` in the size that is asked for, and the figures that they print in the end.

``RELIABILITY=long`` asks for the sizes of the documentation; otherwise everything is there in a short form.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

LONG = os.environ.get("RELIABILITY") == "long"

FIGURES = pytest.StashKey[dict[str, dict[str, object]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES] = {}


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Notes figures of a run, to be printed when all have ended: ``figures("kills", duplicates=0)``."""

    def note(run: str, **measured: object) -> None:
        request.config.stash[FIGURES].setdefault(run, {}).update(measured)

    return note


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where the tests run in several processes, each hands its figures to the one that prints them."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["figures"] = session.config.stash[FIGURES]


def pytest_testnodedown(node: Any) -> None:
    node.config.stash[FIGURES].update(getattr(node, "workeroutput", {}).get("figures", {}))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for run, measured in config.stash[FIGURES].items():
        terminalreporter.section(run)
        for name, value in measured.items():
            terminalreporter.write_line(f"{name.replace('_', ' '):48} {value}")
