"""The sandbox without its sockets, with failing calls and dying workers, for the state machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings

from onefile_sync.onefile import parsing
from onefile_sync.onefile.operations import Operation, code_of_status
from onefile_sync.sandbox.api import Api, Call, understand
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.wire import ApiRefusal, Body
from onefile_sync.sandbox.world import World

from .conftest import LONG

CREATES = ("Visit/create", "Review/create")


class Killed(BaseException):
    """The worker dies on the spot."""


class Wire:
    """The sandbox without its sockets, in the place of the transport, with the trouble that is on its way.

    ``fails`` says of the next calls with which code each fails, before or after OneFile has carried it out.
    """

    def __init__(self, world: World, switches: Switches) -> None:
        self.api = Api(world, switches, lambda: datetime.now(UTC))
        self.calls = self.rate_limited = 0
        self.fails: list[tuple[str, bool]] = []
        self.dies_at: int | None = None
        self.created: list[Call] = []

    def send(
        self,
        operation: Operation,
        path_args: Sequence[object] = (),
        body: Mapping[str, object] | None = None,
        *,
        about_to_send: Callable[[], object] = lambda: None,
    ) -> object:
        about_to_send()
        self.calls += 1
        call = replace(understand(operation.method, operation.path.format(*path_args)), body=Body(body or {}))
        code, afterwards = self.fails.pop(0) if self.fails else ("", False)
        self.live_or_die()
        if code and not afterwards:
            raise operation.failure(code)
        try:
            answer = self.api.carry_out(call)
        except ApiRefusal as refused:
            told = code_of_status(operation, refused.status)
            assert told is not None
            raise operation.failure(told, refused.status) from None
        if call.operation in CREATES:
            self.created.append(call)
        self.live_or_die()
        if code:
            raise operation.failure(code)
        return parsing.from_json(answer.body) if answer.body and operation.has_answer else None

    def live_or_die(self) -> None:
        if self.dies_at is not None:
            self.dies_at -= 1
            if self.dies_at < 0:
                raise Killed

    def close(self) -> None:
        """There is nothing to close."""


def each_statement(wire: Wire) -> Any:
    """A worker may die at each of its SQL statements too: before it, with what was not committed lost."""

    def execute(run: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            wire.live_or_die()
        return run(sql, params, many, context)

    return execute


@contextmanager
def undone_afterwards() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def bounds(examples: int, steps: int = 25) -> Any:
    return hypothesis_settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=not LONG,
        # To shrink takes minutes where an example is a handful of exchanges.
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
