"""The table of failed calls: what OneFile answered, and what the client does about it.

The table is closed: a failure that no other row describes is ``gone_wrong``. The texts that people read about a case
are in the catalogue of messages, not in this client.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from enum import Enum

from onefile_sync.secret import Secret

#: OneFile's own numbers in a refusal, as far as they are known: what is sent exists, or what it names does not.
ALREADY_EXISTS = -9
NO_SUCH_CENTRE, NO_SUCH_PLACEMENT, NO_SUCH_CLASSROOM = -11, -57, -58


class Scope(Enum):
    """Whether a failure concerns one record only, or every further call of the run."""

    ITEM = "item"
    RUN = "run"


class Repeat(Enum):
    """How a failed call is repeated. A create whose result is unknown is never repeated, whatever its case says."""

    NEVER = "never"
    AGAIN = "again"
    AFTER_PAUSE = "after pause"
    WITH_NEW_SESSION = "with new session"


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table.

    ``statuses`` are the HTTP statuses of this case, unless an operation gives them another meaning. ``doubtful``:
    OneFile may have carried out the request although the call failed.
    """

    code: str
    statuses: Container[int]
    repeat: Repeat
    doubtful: bool
    scope: Scope


CASES: tuple[Case, ...] = (
    Case(code="bad_customer_token", statuses=(), repeat=Repeat.NEVER, doubtful=False, scope=Scope.RUN),
    Case(code="wrong_address", statuses=(), repeat=Repeat.NEVER, doubtful=False, scope=Scope.RUN),
    Case(
        code="session_refused",
        statuses=(401,),
        repeat=Repeat.WITH_NEW_SESSION,
        doubtful=False,
        scope=Scope.RUN,
    ),
    Case(code="forbidden", statuses=(403,), repeat=Repeat.WITH_NEW_SESSION, doubtful=False, scope=Scope.ITEM),
    Case(code="not_found", statuses=(404, 410), repeat=Repeat.NEVER, doubtful=False, scope=Scope.ITEM),
    Case(code="timed_out", statuses=(408,), repeat=Repeat.AGAIN, doubtful=True, scope=Scope.ITEM),
    Case(code="conflict", statuses=(409,), repeat=Repeat.NEVER, doubtful=False, scope=Scope.ITEM),
    Case(code="rate_limited", statuses=(429,), repeat=Repeat.AFTER_PAUSE, doubtful=False, scope=Scope.RUN),
    Case(code="refused", statuses=range(400, 500), repeat=Repeat.NEVER, doubtful=False, scope=Scope.ITEM),
    Case(code="server_error", statuses=range(500, 600), repeat=Repeat.AGAIN, doubtful=True, scope=Scope.ITEM),
    Case(code="bad_answer", statuses=(), repeat=Repeat.AGAIN, doubtful=True, scope=Scope.ITEM),
    Case(code="too_large", statuses=(), repeat=Repeat.NEVER, doubtful=True, scope=Scope.ITEM),
    Case(code="unreachable", statuses=(), repeat=Repeat.AGAIN, doubtful=False, scope=Scope.RUN),
    Case(code="cut_off", statuses=(), repeat=Repeat.AGAIN, doubtful=True, scope=Scope.ITEM),
    Case(code="redirected", statuses=range(300, 400), repeat=Repeat.NEVER, doubtful=False, scope=Scope.RUN),
    Case(code="tls", statuses=(), repeat=Repeat.NEVER, doubtful=False, scope=Scope.RUN),
    Case(code="gone_wrong", statuses=(), repeat=Repeat.NEVER, doubtful=True, scope=Scope.ITEM),
)

_BY_CODE = {case.code: case for case in CASES}


def case_for(code: str) -> Case:
    """The row for a code; an unknown code is ``gone_wrong``."""
    return _BY_CODE.get(code, _BY_CODE["gone_wrong"])


def case_of_status(status: int) -> Case | None:
    """The case of an HTTP status to which the operation gives no meaning of its own; ``None`` for success."""
    if 200 <= status < 300:
        return None
    return next((case for case in CASES if status in case.statuses), case_for("gone_wrong"))


class OneFileError(Exception):
    """A failed call to OneFile, described by a row of :data:`CASES`.

    ``unsure`` is true only of a create that OneFile may have carried out. ``onefile_code`` is OneFile's own number in
    a refusal; ``retry_after`` is the number of seconds OneFile asks us to wait. ``was_dropped`` means that the
    connection was dropped while idle, so a repeatable call can be repeated at once. ``said`` is what OneFile says of a
    refused create: one line, which may quote what was sent. Apart from it the error carries no text, token or address,
    and neither its text nor its ``repr`` or ``args`` has any, so that none can reach a log.
    """

    def __init__(
        self,
        code: str,
        operation: str = "",
        status: int | None = None,
        *,
        unsure: bool = False,
        scope: Scope | None = None,
        onefile_code: int | None = None,
        said: str = "",
    ) -> None:
        super().__init__(code, operation, status)
        self.code = code
        self.operation = operation
        self.status = status
        self.unsure = unsure
        self.scope = scope or self.case.scope
        self.onefile_code = onefile_code
        self.said = Secret(said)
        self.retry_after = 0.0
        self.was_dropped = False

    @property
    def case(self) -> Case:
        return case_for(self.code)

    def __str__(self) -> str:
        return " ".join(
            str(part) for part in (self.code, self.operation, self.status) if part not in ("", None)
        )
