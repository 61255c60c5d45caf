"""Describes an API operation: verb, path, whether it may be repeated, and the limits of its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

from django.views.decorators.debug import sensitive_variables

from . import parsing
from .errors import OneFileError, Scope, case_for, case_of_status

#: Maximum size of an answer in bytes, both on the wire and unpacked: for one record, and for a page of records.
LARGEST_RECORD, LARGEST_PAGE = 1024**2, 16 * 1024**2
#: Maximum duration of an answer in seconds, from the request to its last byte.
LONGEST_RECORD, LONGEST_PAGE = 30.0, 60.0
#: Maximum length of what is kept of OneFile's message in a refusal.
LONGEST_MESSAGE = 200


@dataclass(frozen=True, slots=True)
class Operation:
    """One API operation.

    ``repeatable``: the operation is idempotent. The verb does not say so, as OneFile's searches and creates are both
    POST. ``meanings`` maps statuses that mean something else here than in the error table to their case.
    ``has_answer``: a success has a JSON body that we need. ``for_everyone``: if this operation fails, every other call
    would fail as well. ``max_bytes`` and ``max_seconds`` limit an answer, headers included.
    """

    name: str
    method: Literal["GET", "POST"]
    path: str
    repeatable: bool
    meanings: Mapping[int, str] = field(default_factory=dict, hash=False)
    has_answer: bool = True
    for_everyone: bool = False
    max_bytes: int = LARGEST_RECORD
    max_seconds: float = LONGEST_RECORD

    @sensitive_variables()
    def failure(self, code: str, status: int | None = None, refusal: str = "") -> OneFileError:
        """The error to raise when this operation failed with the case ``code``.

        ``refusal`` is the body of a refusal. OneFile's message in it is kept only if this create was refused.
        """
        case = case_for(code)
        scope = Scope.RUN if self.for_everyone else case.scope
        onefile_code, message = parsing.refusal(refusal)
        is_refused_create = not self.repeatable and not case.doubtful and scope is Scope.ITEM
        return OneFileError(
            code,
            self.name,
            status,
            unsure=case.doubtful and not self.repeatable,
            scope=scope,
            onefile_code=onefile_code,
            said=message[:LONGEST_MESSAGE] if is_refused_create else "",
        )


#: Who is told of each operation in this context: its body, and its final answer or error. Nobody, unless calls are
#: traced.
Listener = Callable[[Operation, Mapping[str, object], object], object]
LISTENER: ContextVar[Listener | None] = ContextVar("onefile_listener", default=None)

AUTHENTICATE = Operation(
    name="authenticate",
    method="POST",
    path="/Authentication",
    repeatable=True,
    meanings={
        400: "bad_customer_token",
        401: "bad_customer_token",
        403: "bad_customer_token",
        404: "wrong_address",
    },
    for_everyone=True,
)


def code_of_status(operation: Operation, status: int) -> str | None:
    """The code of an answer's status for this operation; ``None`` for success."""
    if status in operation.meanings:
        return operation.meanings[status]
    case = case_of_status(status)
    return case.code if case else None
