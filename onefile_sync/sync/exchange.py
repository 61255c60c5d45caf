"""The one routine (R1): read -> plan -> apply -> record, for one learner, whoever asked for it."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from onefile_sync import host
from onefile_sync.conf import deployment
from onefile_sync.models import OneFileSettings, OutcomeState
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.errors import OneFileError
from onefile_sync.rows import LearnerRow, Officers

from .apply import Applied, apply_plan
from .fetch import NotTheLearner, read_onefile
from .ledger import Claim, LostClaim, note_changes, state_of
from .parts import Change, OneFileSide, Plan, Policy, Problem, Subject
from .plan import make_plan

logger = logging.getLogger("onefile_sync")

#: How often a learner is planned again because somebody was editing them at the same time.
ROUNDS = 3


@dataclass(slots=True)
class Exchange:
    """The exchange for the learner of one claim. A ``preview`` plans and writes nothing but the ledger."""

    claim: Claim
    onefile: OneFile
    settings: OneFileSettings
    preview: bool
    officers: Officers = field(default_factory=Officers)
    calls_before: int = 0
    rate_limited_before: int = 0

    def __post_init__(self) -> None:
        self.calls_before = self.onefile.transport.calls
        self.rate_limited_before = self.onefile.transport.rate_limited

    def carry_out(self) -> None:
        """Bring the learner to exactly one outcome.

        Raises OneFileError of scope ``RUN`` after recording it, because it would meet the next learner too; and
        :class:`LostClaim` when somebody else has taken the learner over. Anything else ends in the outcome.
        """
        outcome = self.claim.outcome
        about = Subject("learner", outcome.learner_pk, outcome.onefile_id)
        try:
            learner = host.learner_by_pk(outcome.learner_pk)
            onefile_id: int | None = getattr(learner, "onefile_id", None)
            if learner is None or onefile_id is None:
                self.finish(OutcomeState.SKIPPED, [Problem("learner_left", about)])
                return
            about = replace(about, onefile_id=onefile_id, label=str(learner))
            if len(host.learners_sharing(onefile_id)) > 1:
                self.finish(OutcomeState.ATTENTION, [Problem("learner_duplicate", about)])
                return
            self.exchange(about)
        except LostClaim:
            raise
        except NotTheLearner as found:
            self.finish(OutcomeState.ATTENTION, [Problem(found.code, about)])
        except OneFileError as error:
            self.finish(OutcomeState.FAILED, [Problem(error.code, about)])
            raise
        except Exception as error:  # noqa: BLE001 - R25: one learner's failure must not stop the run
            # The exception's own text may hold a learner's values, so only its kind and place are logged.
            kind, place = type(error).__name__, _place(error)
            logger.error("learner %s: %s at %s", about.pk, kind, place)  # noqa: TRY400 - a traceback ends in that text
            self.finish(OutcomeState.FAILED, [Problem("stopped", about)])

    def exchange(self, about: Subject) -> None:
        policy = Policy(
            upload_reviews=self.settings.upload_reviews,
            download_reviews=self.settings.download_reviews,
            skip_elements_with_units=self.settings.skip_elements_with_units,
        )
        visit_type = deployment.visit_types[self.settings.visit_type]
        applied = Applied(record=self.record)
        for rounds_left in reversed(range(ROUNDS)):
            plan = self.plan(policy)
            if plan is None:
                self.finish(OutcomeState.SKIPPED, [Problem("learner_left", about)])
                return
            applied.stale = False
            if self.preview:
                applied.done(*plan.changes())
            else:
                apply_plan(self.onefile, plan, visit_type, applied)
            if applied.stale and rounds_left:
                continue  # somebody was editing the learner: what they entered is planned with
            kept_changing = [Problem("kept_changing", about)] if applied.stale else []
            problems: list[Problem] = []
            for problem in (*plan.problems, *applied.problems, *kept_changing):
                if problem not in problems:  # each round meets the same ones again
                    problems.append(problem)
            self.finish(state_of(applied.changes, problems), problems)
            return

    def plan(self, policy: Policy) -> Plan | None:
        """Read both sides and decide; none when the learner has gone meanwhile."""
        learner = host.learner_by_pk(self.claim.outcome.learner_pk)
        if learner is None or getattr(learner, "onefile_id", None) is None:
            return None
        row = host.read_learner(learner)
        onefile = read_onefile(self.onefile, row, policy)
        officers = {review.officer for review in row.reviews if review.officer is not None}
        self.officers = host.read_officers(_assessors(row, onefile), also=officers)
        return make_plan(row, onefile, self.officers, policy, host.can_hold)

    def record(self, changes: Sequence[Change]) -> None:
        self.claim.renew()
        note_changes(self.claim.outcome, changes, self.officers)

    def finish(self, state: OutcomeState, problems: list[Problem]) -> None:
        transport = self.onefile.transport
        self.claim.finish(
            state,
            problems,
            api_calls=transport.calls - self.calls_before,
            rate_limited=transport.rate_limited - self.rate_limited_before,
        )


def _assessors(row: LearnerRow, onefile: OneFileSide) -> set[int]:
    """Every assessor the plan may have to find the officer of."""
    mentioned = {
        row.main_officer_onefile_id,
        *(review.officer_onefile_id for review in row.reviews),
        *(record.assessor_id for record in onefile.reviews),
    }
    return {assessor for assessor in mentioned if assessor is not None}


def _place(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"
