"""The exchange of one learner (R1): read -> plan -> apply -> record. Every refresh, preview and daily sync uses it."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import NoReturn

from django.db import transaction

from onefile_sync import events, host
from onefile_sync.conf import deployment
from onefile_sync.host.snapshot import Officers
from onefile_sync.models import OneFileSettings, OutcomeState
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.errors import OneFileError
from onefile_sync.sync.connection import assessors
from onefile_sync.sync.connection.list_evidence import ListEvidence
from onefile_sync.sync.connection.rate_limit import RateLimitLost
from onefile_sync.sync.planning.planner import make_plan
from onefile_sync.sync.planning.safety_stop import replaces_values
from onefile_sync.sync.planning.types import (
    FieldChange,
    FinishedUpload,
    FoundProblem,
    KeptValue,
    OnRecord,
    Plan,
    Policy,
    Subject,
)
from onefile_sync.sync.runs.leases import MOST_ATTEMPTS, Claim, Cost, LostClaim, PutBack, TimeIsUp
from onefile_sync.sync.runs.ledger import note_changes, note_differences, state_of
from onefile_sync.transactions import retried

from . import uploads
from .apply import Applied, apply_plan
from .fetch import NotTheLearner, read_onefile
from .officers import read_officers
from .on_record import read_on_record
from .sources import LiveSource, Source

#: Maximum number of times a learner is planned, if someone keeps editing the learner.
ROUNDS = 3


@dataclass(slots=True)
class Exchange:
    """The exchange for the learner of one claim.

    A ``preview`` writes nothing but the ledger. ``puts_aside``: a learner whose existing values would be replaced is
    put aside until all learners are compared. ``source`` has the learner's staged records, if the run has read them.
    """

    claim: Claim
    onefile: OneFile
    settings: OneFileSettings
    preview: bool
    puts_aside: bool = False
    source: Source | None = None
    officers: Officers = field(default_factory=Officers)
    on_record: OnRecord = field(default_factory=OnRecord)
    planned: tuple[FoundProblem, ...] = ()
    foreseen: Mapping[str, FinishedUpload] = field(default_factory=dict)
    calls_before: int = 0
    rate_limited_before: int = 0
    applied: Applied = field(init=False)

    def __post_init__(self) -> None:
        self.applied = Applied(record=self.record, hold=self.claim.hold, compare=self.compare)
        self.calls_before = self.onefile.transport.calls
        self.rate_limited_before = self.onefile.transport.rate_limited

    def carry_out(self) -> None:
        """Carry out the exchange and record exactly one outcome for the learner.

        Raises OneFileError of scope ``RUN`` after recording it, because it would affect the next learner too;
        :class:`LostClaim` if another worker has taken over the learner; and :class:`PutBack` after queueing the learner
        again, because time is up or OneFile accepts no more calls for now. Any other error becomes a problem in the
        outcome.
        """
        outcome = self.claim.outcome
        about = Subject("learner", outcome.learner_pk, outcome.onefile_id)
        try:
            self.process(about)
        except LostClaim:
            raise
        except RateLimitLost:
            self.put_back(counts=False)
        except TimeIsUp:
            got_somewhere = bool(self.cost()["api_calls"])
            if outcome.attempts < MOST_ATTEMPTS or not got_somewhere:
                self.put_back(counts=got_somewhere)
            self.finish(OutcomeState.FAILED, FoundProblem("interrupted", about))
            raise PutBack(outcome.pk) from None
        except NotTheLearner as found:
            self.finish(OutcomeState.ATTENTION, FoundProblem(found.code, about))
        except OneFileError as error:
            if error.code == "rate_limited" and outcome.attempts < MOST_ATTEMPTS:
                self.put_back()
            self.finish(OutcomeState.FAILED, FoundProblem(error.code, about))
            raise
        except Exception as error:  # noqa: BLE001 - R25: one learner's failure must not stop the run
            # The exception's message may contain a learner's values, so only its type and place are logged.
            kind, place = type(error).__name__, _place(error)
            events.error("learner_stopped", learner=about.pk, error=kind, place=place)
            self.finish(OutcomeState.FAILED, FoundProblem("stopped", about))

    def process(self, about: Subject) -> None:
        """Do what this kind of run does with its learner, and record the outcome."""
        learner = host.learner_by_pk(about.pk)
        onefile_id: int | None = getattr(learner, "onefile_id", None)
        if learner is None or onefile_id is None:
            self.finish(OutcomeState.SKIPPED, FoundProblem("learner_left", about))
            return
        about = replace(about, onefile_id=onefile_id, label=str(learner))
        if len(host.learners_sharing(onefile_id)) > 1:
            self.finish(OutcomeState.ATTENTION, FoundProblem("learner_duplicate", about))
            return
        self.exchange(about)

    def exchange(self, about: Subject) -> None:
        policy = policy_of(self.settings, send_again=self.claim.outcome.run.is_for_a_person)
        visit_type = deployment.visit_types[self.settings.visit_type]
        for rounds_left in reversed(range(ROUNDS)):
            plan = self.plan(policy)
            if plan is None:
                self.finish(OutcomeState.SKIPPED, FoundProblem("learner_left", about))
                return
            # Each round reads everything again, so problems of the previous round are found again or are solved.
            self.planned, self.applied.problems, self.applied.stale = plan.problems, [], False
            if self.puts_aside and replaces_values(plan):
                self.claim.put_aside(list(plan.changes()), self.officers, self.cost())
                return
            assessors.learn_names(self.onefile, assessors.mentioned(plan.problems))
            if self.preview:
                self.applied.done(*plan.changes())
                self.foreseen = plan.uploads_that_end()
            else:
                apply_plan(self.onefile, plan, visit_type, self.applied)
            if self.applied.stale and rounds_left:
                continue  # someone was editing the learner: plan again with the new values
            kept_changing = [FoundProblem("kept_changing", about)] if self.applied.stale else []
            problems = [*plan.problems, *self.applied.problems, *kept_changing]
            self.finish(state_of(self.applied.changes, problems), *kept_changing)
            return

    def plan(self, policy: Policy) -> Plan | None:
        """Read both sides and make a plan; ``None`` if the learner has been deleted or unlinked meanwhile."""
        learner = host.learner_by_pk(self.claim.outcome.learner_pk)
        if learner is None or getattr(learner, "onefile_id", None) is None:
            return None
        pk = str(learner.pk)
        self.on_record = read_on_record([pk], links=policy.links_recorded)[pk]
        row = host.read_learner(learner)
        lists = ListEvidence.load(self.settings.address)
        try:
            onefile = read_onefile(
                self.source or LiveSource(self.onefile), row, self.on_record, policy, lists
            )
        finally:
            lists.save()
        self.source = None  # staged records may be out of date by the next round, so it reads OneFile
        self.officers = read_officers([(row, onefile)], self.settings, self.onefile)
        return make_plan(row, self.on_record, onefile, self.officers, policy, host.can_hold)

    def record(self, changes: Sequence[FieldChange]) -> None:
        # Recorded before the lease is renewed: a change in OneFile has been made even if the lease is lost. A change in
        # PICSWeb is rolled back together with this record.
        note_changes(self.claim.outcome, changes, self.officers, made=not self.preview)
        self.claim.renew()

    def compare(self, kept: Sequence[KeptValue]) -> list[FoundProblem]:
        # Includes values that used to be stored differently and are no longer, so that their differences are deleted.
        news = [each for each in kept if each.differs or each.key in self.on_record.differences]
        return note_differences(self.claim.outcome, news, self.officers) if news else []

    def finish(self, state: OutcomeState, *last: FoundProblem) -> None:
        """Record the outcome with every problem met in the present round; ``last`` are those that end it."""
        learner_pk = self.claim.outcome.learner_pk
        finished = self.foreseen if self.preview else self.applied.finished_uploads
        problems: list[FoundProblem] = []
        told = {(each.code, each.subject.kind, each.subject.pk) for each in self.planned}
        left_over = [
            each
            for each in (uploads.left_over(learner_pk, finished) if finished else [])
            if (each.code, each.subject.kind, each.subject.pk) not in told
        ]
        for problem in (*self.planned, *self.applied.problems, *last, *left_over):
            if problem not in problems:
                problems.append(problem)
        if left_over and state in (OutcomeState.UPDATED, OutcomeState.UNCHANGED):
            state = OutcomeState.ATTENTION
        self.write_down(state, problems)

    @retried
    @transaction.atomic
    def write_down(self, state: OutcomeState, problems: Sequence[FoundProblem]) -> None:
        self.claim.finish(state, problems, self.cost())
        if finished := self.applied.finished_uploads:
            uploads.close(self.claim.outcome.learner_pk, finished)

    def put_back(self, *, counts: bool = True) -> NoReturn:
        self.claim.put_back(self.cost(), counts=counts)
        raise PutBack(self.claim.outcome.pk)

    def cost(self) -> Cost:
        transport = self.onefile.transport
        return {
            "api_calls": transport.calls - self.calls_before,
            "rate_limited": transport.rate_limited - self.rate_limited_before,
        }


def policy_of(settings: OneFileSettings, *, send_again: bool = False) -> Policy:
    """The settings on which the rules depend: those that share their name with a field of the policy."""
    switches = {
        each.name: getattr(settings, each.name) for each in fields(Policy) if each.name != "send_again"
    }
    return Policy(**switches, send_again=send_again)


def _place(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"
