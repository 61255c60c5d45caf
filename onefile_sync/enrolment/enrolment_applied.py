"""What carrying out a plan of an enrolment has done, and what it needs from the run around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from onefile_sync.models import DirectoryKind
from onefile_sync.onefile.errors import (
    NO_SUCH_CENTRE,
    NO_SUCH_CLASSROOM,
    NO_SUCH_PLACEMENT,
    OneFileError,
    Scope,
)
from onefile_sync.onefile.records import LearningAim
from onefile_sync.sync.planning.types import FieldChange, FoundProblem, Subject

from .creates import Hold
from .plan import Findings

#: The list that is out of date, and what is said if it is not, by OneFile's number in a refusal.
_OUTDATED = {
    NO_SUCH_CENTRE: (DirectoryKind.CENTRE, ""),
    NO_SUCH_PLACEMENT: (DirectoryKind.PLACEMENT, "no_placement"),
    NO_SUCH_CLASSROOM: (DirectoryKind.CLASSROOM, "no_class"),
}


#: OneFile did not accept what was sent.
REFUSED = frozenset({"refused", "conflict", "not_found"})


@dataclass(slots=True)
class EnrolmentApplied:
    """What was done, as :class:`onefile_sync.sync.learner.apply.Applied` has it, with what the creates need.

    ``as_planned`` says right before each create whether PICSWeb still has what was planned. ``findings`` are those of
    a search for the learner in this very run, if there was one. ``outdated`` names the lists that OneFile contradicts:
    they have to be read and the learner planned again, with ``lists_are_fresh``. ``by`` is the user who asked for it.
    ``aims_read`` are learning aims as read a moment ago, by OneFile ID, after everything was sent.
    ``looks_only``: what is found again is linked, but nothing is created.
    """

    record: Callable[[Sequence[FieldChange]], None]
    hold: Hold
    as_planned: Callable[[], bool] = lambda: True
    findings: Findings | None = None
    lists_are_fresh: bool = False
    looks_only: bool = False
    by: Any = None
    changes: int = 0
    problems: list[FoundProblem] = field(default_factory=list)
    stale: bool = False
    outdated: set[DirectoryKind] = field(default_factory=set)
    aims_read: dict[int, LearningAim] = field(default_factory=dict)

    def done(self, *changes: FieldChange) -> None:
        self.record(changes)
        self.changes += len(changes)

    def tell(self, code: str, about: Subject, **details: str | int) -> None:
        self.problems.append(FoundProblem(code, about, details))

    def report(self, error: OneFileError, about: Subject) -> None:
        """Report a failed call that created nothing. Raises the error if it concerns every further call as well."""
        if error.scope is Scope.RUN:
            raise error
        self.tell(error.code, about)

    def refused(self, error: OneFileError, about: Subject, centre: str) -> None:
        """Report a create that OneFile refused. Raises the error if it concerns every further call as well."""
        if error.scope is Scope.RUN:
            raise error
        outdated, code = _OUTDATED.get(error.onefile_code or 0, (None, ""))
        if outdated is not None and not self.lists_are_fresh:
            self.outdated.add(outdated)
        elif code:
            self.tell(code, about, centre=centre)
        elif error.code in REFUSED:
            self.tell("create_refused", about, said=str.__str__(error.said) or "–")
        else:
            self.tell(error.code, about)
