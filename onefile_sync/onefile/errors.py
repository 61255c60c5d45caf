"""One table: what came back from OneFile -> what the client does about it.

The table is closed: anything that no other row describes is ``gone_wrong``. What a person is told of a case is a row
of the catalogue of messages, not of this client.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from enum import Enum


class Scope(Enum):
    """How far a failure reaches: this record only, or every call that would follow."""

    ITEM = "item"
    RUN = "run"


class Repeat(Enum):
    """What may turn a failure into a success. An unsure create is never repeated, whatever stands here."""

    NEVER = "never"
    AGAIN = "again"
    AFTER_PAUSE = "after pause"
    WITH_NEW_SESSION = "with new session"


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table.

    ``statuses`` are the HTTP statuses that mean this case unless an operation says otherwise. ``doubtful``: OneFile
    may have done what was asked all the same.
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
    """The row of a code; a code that the table does not know is ``gone_wrong``."""
    return _BY_CODE.get(code, _BY_CODE["gone_wrong"])


def case_of_status(status: int) -> Case | None:
    """What an HTTP status means where the operation has no meaning of its own for it; ``None`` for success."""
    if 200 <= status < 300:
        return None
    return next((case for case in CASES if status in case.statuses), case_for("gone_wrong"))


class OneFileError(Exception):
    """A call to OneFile that failed, as a row of :data:`CASES`.

    ``unsure`` is true only of a create that OneFile may have carried out all the same. ``onefile_code`` is the number
    that OneFile gives with a refusal, ``retry_after`` the seconds that it asks to wait. ``was_dropped``: the connection
    had been dropped while it was idle, so a call that may be repeated can go again at once. Text, tokens and addresses
    that came with it are left behind on purpose.
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
    ) -> None:
        super().__init__(code, operation, status)
        self.code = code
        self.operation = operation
        self.status = status
        self.unsure = unsure
        self.scope = scope or self.case.scope
        self.onefile_code = onefile_code
        self.retry_after = 0.0
        self.was_dropped = False

    @property
    def case(self) -> Case:
        return case_for(self.code)

    def __str__(self) -> str:
        return " ".join(
            str(part) for part in (self.code, self.operation, self.status) if part not in ("", None)
        )
