"""The sandbox OneFile in a separate process, controlled through a pipe."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from werkzeug.wrappers import Request

from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.wire import SandboxResponse

from .provider import build_world, change_some

MINUTE = 60.0


@dataclass(frozen=True)
class Counted:
    """The calls since the last count, without authentication; ``seconds`` is the time from the first to the last."""

    calls: int
    refused: int
    seconds: float
    by_operation: Counter[str]


class _Timed(SandboxServer):
    first = last = 0.0

    def _answer(self, request: Request) -> SandboxResponse:
        self.last = time.monotonic()
        self.first = self.first or self.last
        return super()._answer(request)


class OneFile:
    """A context manager. ``calls_per_minute`` 0 means no limit; ``latency`` is in seconds."""

    def __init__(self, learners: int, items: str, calls_per_minute: int, latency: float = 0.0) -> None:
        context = get_context("spawn")
        self._line, theirs = context.Pipe()
        about = (theirs, learners, items, calls_per_minute, latency)
        self._process = context.Process(target=_serve, args=about, daemon=True)

    def __enter__(self) -> OneFile:
        self._process.start()
        self.url: str = self._line.recv()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._line.send("stop")
        self._process.join()

    def counted(self) -> Counted:
        """The calls since this was last called."""
        counted: Counted = self._ask("count")
        return counted

    def calls_so_far(self) -> int:
        calls: int = self._ask("so far")
        return calls

    def change_some(self) -> None:
        self._ask("change")

    def _ask(self, what: str) -> Any:
        self._line.send(what)
        return self._line.recv()


def _serve(line: Connection, learners: int, items: Any, calls_per_minute: int, latency: float) -> None:
    world = build_world(learners)
    switches = Switches(
        items=items,
        rate_limit=calls_per_minute,
        rate_window=MINUTE,
        retry_after="seconds",
        page_order="by id",
    )
    with _Timed(world, switches, latency=latency) as server:
        line.send(server.url)
        while (asked := line.recv()) != "stop":
            if asked == "change":
                with world.lock:
                    change_some(world)
                line.send(None)
            elif asked == "so far":
                line.send(sum(server.calls.values()))
            else:
                calls = Counter(
                    {name: number for name, number in server.calls.items() if name != "Authentication"}
                )
                line.send(
                    Counted(sum(calls.values()), server.refusals[429], server.last - server.first, calls)
                )
                server.reset_counts()
                server.first = server.last = 0.0
