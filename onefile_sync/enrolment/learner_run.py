"""One learner in a run that creates in OneFile: read, plan, apply, record.

What a person saw in the window is planned again from both sides, and nothing is created unless it is still the same.
Importing this module registers it with the worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from onefile_sync.host.snapshot import LearnerToCreate
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import LinkMethod, OutcomeState, RecordLink, RunKind, SubjectKind, Tenant
from onefile_sync.onefile.records import LearningAim, User
from onefile_sync.sync.learner.exchange import ROUNDS, Exchange
from onefile_sync.sync.learner.fetch import ROLE_LEARNER
from onefile_sync.sync.learner.sources import LiveSource
from onefile_sync.sync.planning.types import FoundProblem, Subject
from onefile_sync.sync.worker import EXCHANGES

from . import creates, kept_checks
from .carry_out import carry_out
from .centre_directory import forget_age
from .create_steps import end_creates_of_deleted
from .enrolment_applied import EnrolmentApplied
from .learner_search import search_learners
from .plan import EnrolmentChoices, EnrolmentPlan, Findings
from .planned import has_same_values, plan_for, read_row


@dataclass(frozen=True, slots=True)
class JustCreated(LiveSource):
    """OneFile as the source of a learner who was created a moment ago, so that role and centre are known.

    ``aims_read`` are learning aims that have just been read.
    """

    centre_id: int
    aims_read: Mapping[int, LearningAim]

    def user(self, user_id: int) -> User:
        return User(user_id, self.centre_id, ROLE_LEARNER)

    def learning_aim(self, aim_id: int) -> LearningAim:
        return self.aims_read.get(aim_id) or self.onefile.learning_aim(aim_id)


@dataclass(slots=True)
class EnrolmentRun(Exchange):
    """Creates the learner in OneFile with everything that was shown, and then carries out the ordinary exchange.

    ``before`` are the problems met until then.
    """

    before: list[FoundProblem] = field(default_factory=list)
    rounds_left: int = ROUNDS

    def process(self, about: Subject) -> None:
        self.rounds_left -= 1
        row = read_row(about.pk, self.settings)
        tenant = present_tenant(self.settings)
        if row is None:
            left = end_creates_of_deleted(tenant, about)
            self.finish(
                OutcomeState.ATTENTION if left else OutcomeState.SKIPPED,
                *left,
                FoundProblem("learner_left", about),
            )
            return
        about = replace(about, onefile_id=row.person.onefile_id, label=row.person.label)
        planned = self.plan_to_carry_out(row, tenant, about)
        if planned is None:
            return
        plan, findings = planned
        applied = EnrolmentApplied(
            record=self.record,
            hold=self.claim.hold,
            as_planned=lambda: has_same_values(read_row(about.pk, self.settings), row),
            findings=findings,
            looks_only=bool(self.claim.outcome.run.options.get("looks_only")),
            by=self.claim.outcome.run.requested_by_id,
        )
        try:
            onefile_id = carry_out(self.onefile, plan, tenant, applied)
        except creates.PartyBusy:
            self.put_back(counts=False)
        finally:
            self.applied.changes += applied.changes
            self.before = [*applied.problems]
        if applied.outdated:
            forget_age(tenant, applied.outdated)
        if applied.stale or applied.outdated:
            self.before.append(FoundProblem("preview_outdated", about))
        if onefile_id is None:
            if self.rounds_left and any(each.code == "create_unsure" for each in self.before):
                # OneFile answered, but did not say what it created: it is likely to be there, so we look at once.
                self.before = []
                self.process(about)
            else:
                self.finish(OutcomeState.FAILED)
            return
        kept_checks.forget(about.pk)
        self.before += plan.problems
        if not plan.is_linked and plan.centre is not None:
            self.source = JustCreated(self.onefile, plan.centre.id, applied.aims_read)
        self.exchange(replace(about, onefile_id=onefile_id))

    def plan_to_carry_out(
        self, row: LearnerToCreate, tenant: Tenant, about: Subject
    ) -> tuple[EnrolmentPlan, Findings | None] | None:
        """The plan, if it is what a person confirmed, and whom a search found; otherwise the outcome is recorded."""
        run = self.claim.outcome.run
        confirmed = run.options["learners"][about.pk]
        choices = EnrolmentChoices.from_json(confirmed["choices"])
        is_linked, adds_only = row.person.onefile_id is not None, bool(confirmed["is_linked"])
        # An earlier attempt was interrupted: what was begun is carried on, and everybody found may be our own creation.
        goes_on = creates.is_under_way(tenant, about.pk) or (is_linked and self.has_created(about.pk, tenant))
        if is_linked and not adds_only and not goes_on:
            self.finish(OutcomeState.SKIPPED, FoundProblem("already_linked", about))
            return None
        looks = not is_linked and not goes_on
        findings = search_learners(self.onefile, row.person) if looks else None
        in_bulk = bool(run.options.get("in_bulk"))
        plan = plan_for(row, tenant, self.settings, findings or Findings(), choices, in_bulk=in_bulk)
        if goes_on and is_linked:
            return plan, findings
        if plan.refusals:
            self.finish(OutcomeState.FAILED, *plan.refusals)
            return None
        matches = plan.match_ids if goes_on else confirmed["matches"]
        if not plan.is_as_shown(confirmed["digest"], confirmed["creations"], matches):
            self.finish(OutcomeState.FAILED, FoundProblem("preview_outdated", about))
            return None
        return plan, findings

    def has_created(self, learner_pk: str, tenant: Tenant) -> bool:
        """Whether this run has created the learner."""
        made = RecordLink.objects.filter(
            tenant=tenant,
            subject_kind=SubjectKind.LEARNER,
            subject_pk=learner_pk,
            how__in=(LinkMethod.CREATED, LinkMethod.FOUND_AGAIN),
            ended_at=None,
            linked_at__gte=self.claim.outcome.run.created_at,
        )
        return made.exists()

    def finish(self, state: OutcomeState, *last: FoundProblem) -> None:
        if self.before and state in (OutcomeState.UPDATED, OutcomeState.UNCHANGED):
            state = OutcomeState.ATTENTION
        Exchange.finish(self, state, *self.before, *last)


EXCHANGES[RunKind.ENROL] = EnrolmentRun
