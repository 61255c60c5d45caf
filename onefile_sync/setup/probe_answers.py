"""What OneFile answered to a call of the probe, described without its values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from onefile_sync.onefile.errors import OneFileError, Scope
from onefile_sync.onefile.operations import Operation
from onefile_sync.onefile.transport import Transport

from .redaction import kind_of, shown


@dataclass(frozen=True, slots=True)
class Property:
    """A property of some records, with the number of records for each kind of value."""

    name: str
    kinds: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """An answer, or the error of a refused call."""

    content: object = None
    refused: OneFileError | None = None

    @property
    def described(self) -> str:
        """The answer in two or three words, without its values."""
        if self.refused is not None:
            no_status = self.refused.status is None or self.refused.code == "bad_answer"
            return self.refused.code if no_status else f"status {self.refused.status}"
        if isinstance(self.content, list):
            return f"list of {len(self.content)}" if self.content else "empty list"
        if self.content is None:
            return "empty body"
        return "object" if isinstance(self.content, dict) else "neither list nor object"

    @property
    def listed(self) -> list[Any]:
        return self.content if isinstance(self.content, list) else []

    @property
    def records(self) -> list[dict[str, object]]:
        return [each for each in (*self.listed, self.content) if isinstance(each, dict)]

    @property
    def properties(self) -> tuple[Property, ...]:
        kinds: dict[str, Counter[str]] = {}
        for record in self.records:
            for name, value in record.items():
                kinds.setdefault(shown(name), Counter())[kind_of(name, value)] += 1
        return tuple(Property(name, dict(counted)) for name, counted in kinds.items())


def ask(
    transport: Transport,
    operation: Operation,
    path_args: Sequence[object],
    body: Mapping[str, object] | None = None,
) -> ProbeAnswer:
    """Make a call. A refusal becomes the answer, unless every other call would fail as well."""
    try:
        return ProbeAnswer(transport.send(operation, path_args, body))
    except OneFileError as error:
        if error.scope is Scope.RUN:
            raise
        return ProbeAnswer(refused=error)
