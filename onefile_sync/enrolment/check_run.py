"""One learner in a run that checks before *Create in OneFile*: read, plan, and keep what the window needs.

Importing this module registers it with the worker.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from onefile_sync.linking import run_steps
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import OutcomeState, RunKind, SyncRun
from onefile_sync.onefile.client import OneFile
from onefile_sync.sync.learner.exchange import Exchange
from onefile_sync.sync.planning.types import FoundProblem, Subject
from onefile_sync.sync.runs import lifecycle
from onefile_sync.sync.worker import EXCHANGES, READ_FIRST

from . import creates, kept_checks
from .learner_search import search_learners
from .plan import EnrolmentChoices, Findings
from .planned import plan_for, read_row


@dataclass(slots=True)
class EnrolmentCheckRun(Exchange):
    """Looks for the learner in OneFile and plans; writes nothing but what the window needs."""

    def process(self, about: Subject) -> None:
        row = read_row(about.pk, self.settings)
        if row is None:
            self.finish(OutcomeState.SKIPPED, FoundProblem("learner_left", about))
            return
        run, tenant = self.claim.outcome.run, present_tenant(self.settings)
        # A create that was interrupted is carried on: who is found now may be the learner whom we created.
        looks = row.person.onefile_id is None and not creates.is_under_way(tenant, about.pk)
        findings = search_learners(self.onefile, row.person) if looks else Findings()
        choices = EnrolmentChoices.from_json(run.options.get("choices", {}))
        in_bulk = bool(run.options.get("in_bulk"))
        plan = plan_for(row, tenant, self.settings, findings, choices, in_bulk=in_bulk)
        kept_checks.keep(run, tenant, findings, plan)
        problems = [*plan.refusals, *plan.problems]
        self.planned = tuple(problems)
        self.finish(OutcomeState.ATTENTION if problems else OutcomeState.UNCHANGED)


def read_lists_first(run: SyncRun, onefile: OneFile, time_is_up: Callable[[], bool]) -> bool:
    """Read what is known of OneFile's lists again, if a run that reads them is open. Returns as a step does.

    The worker helps with that run instead of waiting for it, as there may be one worker only.
    """
    reading = SyncRun.objects.filter(kind=RunKind.LISTS, finished_at=None).first()
    if reading is None or reading.ending:
        run_steps.note_everything_read(run)
        return True
    lifecycle.start(reading)
    went_on = run_steps.read_lists(reading, onefile, time_is_up)
    lifecycle.advance(reading)
    return went_on


EXCHANGES[RunKind.ENROL_CHECK] = EnrolmentCheckRun
READ_FIRST[RunKind.ENROL_CHECK] = read_lists_first
