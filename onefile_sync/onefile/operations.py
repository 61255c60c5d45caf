"""What OneFile can be asked to do: verb, path, whether it may be repeated, and how much of an answer is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .errors import OneFileError, Scope, case_for, case_of_status

#: Bytes of an answer, on the wire and unpacked: more than any one record has, and more than any page of them.
LARGEST_RECORD, LARGEST_PAGE = 1024**2, 16 * 1024**2
#: Seconds that an answer may take in all, however slowly it comes.
LONGEST_RECORD, LONGEST_PAGE = 30.0, 60.0


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that OneFile can be asked to do.

    ``repeatable``: doing it twice leaves what doing it once leaves. OneFile's searches and creates are both POST, so
    the verb does not tell. ``meanings`` maps the statuses that mean something else here than in the error table.
    ``has_answer``: success has a JSON body that matters. ``for_everyone``: when it fails, every other call would.
    ``max_bytes`` and ``max_seconds`` bound an answer, headers included.
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

    def failure(self, code: str, status: int | None = None, onefile_code: int | None = None) -> OneFileError:
        """The error to raise when this operation came to the case ``code``."""
        case = case_for(code)
        return OneFileError(
            code,
            self.name,
            status,
            unsure=case.doubtful and not self.repeatable,
            scope=Scope.RUN if self.for_everyone else case.scope,
            onefile_code=onefile_code,
        )


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
    """The case that an answer's status is for this operation; ``None`` for success."""
    if status in operation.meanings:
        return operation.meanings[status]
    case = case_of_status(status)
    return case.code if case else None
