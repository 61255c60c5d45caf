"""Records what OneFile answers while learners are created: the shape of each answer, never a value.

Some questions about OneFile are answered by creates only. They are tried in Practice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.views.decorators.debug import sensitive_variables

from onefile_sync.conf import deployment
from onefile_sync.onefile import endpoints
from onefile_sync.onefile.centre_records import USER_NAMES
from onefile_sync.onefile.errors import OneFileError
from onefile_sync.onefile.operations import LISTENER, Operation
from onefile_sync.onefile.parsing import Item, is_blank

from .probe_answers import ProbeAnswer, Property


@dataclass(frozen=True, slots=True)
class TracedCall:
    """A call and what came of it, without values. ``onefile_code`` is OneFile's own number in a refusal."""

    operation: str
    answer: str
    properties: tuple[Property, ...] = ()
    onefile_code: int | None = None


@dataclass(slots=True)
class CreateTrace:
    """The calls in order, and what they tell of OneFile; ``None`` where they do not tell.

    ``aims_after_create`` is the number of learning aims that the first learner had before a standard was assigned.
    ``mis_value_kept``: a user who was created with a MIS Value has it when read back. ``assign_answer`` is the answer
    to the first assignment of an assessor.
    """

    calls: list[TracedCall] = field(default_factory=list)
    aims_after_create: int | None = None
    mis_value_kept: bool | None = None
    assign_answer: str | None = None
    _expects_mis_value: bool = False
    _standard_assigned: bool = False

    @sensitive_variables()
    def note(self, operation: Operation, body: Mapping[str, object], answer: object) -> None:
        error = answer if isinstance(answer, OneFileError) else None
        answered = ProbeAnswer(None if error else answer, error)
        is_number = isinstance(answer, int | float) and not isinstance(answer, bool)
        described = "number" if is_number else answered.described
        code = error.onefile_code if error else None
        self.calls.append(TracedCall(operation.name, described, answered.properties, code))
        self._learn(operation.name, body, answered, described)

    def _learn(self, name: str, body: Mapping[str, object], answered: ProbeAnswer, described: str) -> None:
        mis_value = {**USER_NAMES, **deployment.user_names}["mis_value"]
        if name == endpoints.CREATE_USER.name:
            self._expects_mis_value = answered.refused is None and mis_value in body
        elif name == endpoints.READ_USER.name and self._expects_mis_value:
            self._expects_mis_value = False
            for record in map(Item, answered.records):
                is_kept = record.has(mis_value) and not is_blank(record.as_sent(mis_value))
                self.mis_value_kept = is_kept and self.mis_value_kept is not False
        elif name == endpoints.SEARCH_LEARNING_AIMS.name and not self._standard_assigned:
            if self.aims_after_create is None and answered.refused is None:
                self.aims_after_create = len(answered.listed)
        elif name == endpoints.ASSIGN_STANDARD.name:
            self._standard_assigned = True
        elif name == endpoints.ASSIGN_USER.name and self.assign_answer is None:
            self.assign_answer = described


@contextmanager
def tracing() -> Iterator[CreateTrace]:
    """Record the answers to all calls of this thread."""
    trace = CreateTrace()
    token = LISTENER.set(trace.note)
    try:
        yield trace
    finally:
        LISTENER.reset(token)
