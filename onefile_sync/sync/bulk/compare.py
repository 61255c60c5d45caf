"""Compares learners with the staged records, in batches and without a call, and finishes those who need no change.

Learners for whom something has to be written or read from OneFile are left to the exchange
(:mod:`onefile_sync.sync.learner.exchange`). The only calls in between are the worker's, for names of assessors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from onefile_sync import events, host
from onefile_sync.host.snapshot import LearnerRow, Officers
from onefile_sync.models import (
    WITHOUT_WRITING,
    LearnerOutcome,
    ListingKind,
    OneFileSettings,
    OutcomeState,
    SyncRun,
)
from onefile_sync.sync.connection import assessors
from onefile_sync.sync.connection.list_evidence import ListEvidence
from onefile_sync.sync.learner.exchange import policy_of
from onefile_sync.sync.learner.fetch import read_onefile
from onefile_sync.sync.learner.officers import is_by_mis_value, read_officers
from onefile_sync.sync.learner.on_record import read_on_record
from onefile_sync.sync.learner.sources import Source
from onefile_sync.sync.planning.planner import make_plan
from onefile_sync.sync.planning.safety_stop import replaces_values
from onefile_sync.sync.planning.types import (
    FieldChange,
    FoundProblem,
    OneFileSide,
    Plan,
)
from onefile_sync.sync.runs import leases, ledger
from onefile_sync.sync.runs.leases import Lease
from onefile_sync.transactions import retried

from . import staging
from .staged_source import NotStaged, StagedSource

#: Number of learners compared in one batch.
BATCH = 100
#: How long staged records may be used for planning. After that, OneFile is asked again.
FRESH = timedelta(hours=24)


def staged_for(
    run: SyncRun, learner_pks: Sequence[str], live: Source | None = None
) -> dict[str, StagedSource]:
    """The staged records of these learners, where they are recent enough to plan with. Three queries.

    Records that are not staged are read from ``live``; without it the sources make no call.

    Returns nothing for a run that was held, nor for learners refreshed since the run began, whose values are newer.
    """
    if run.read_at is None or run.held_at is not None or timezone.now() - run.read_at > FRESH:
        return {}
    refreshed = set(
        LearnerOutcome.objects.filter(
            learner_type=host.learner_type(), learner_pk__in=learner_pks, finished_at__gt=run.created_at
        )
        .exclude(run=run)
        .exclude(run__kind__in=WITHOUT_WRITING)
        .values_list("learner_pk", flat=True)
    )
    lists = _Lists.of(run)
    records, centres = staging.records_of(run, learner_pks)
    return {
        pk: StagedSource(
            staged_aims=lists.values(ListingKind.AIM, records.get((pk, ListingKind.AIM))),
            staged_reviews=lists.values(ListingKind.REVIEW, records.get((pk, ListingKind.REVIEW))),
            centre_id=centres.get(pk),
            only_centre_id=lists.only_centre,
            live=live,
        )
        for pk in learner_pks
        if pk not in refreshed
    }


@dataclass(frozen=True, slots=True)
class _Lists:
    """Which of a run's lists are usable. A record missing from a list may still exist; it is looked up by its ID."""

    usable: Mapping[str, bool]
    only_centre: int | None

    @classmethod
    def of(cls, run: SyncRun) -> _Lists:
        by_kind: dict[str, list[Any]] = {kind: [] for kind in staging.CODECS}
        for listing in run.listings.filter(kind__in=staging.CODECS):
            by_kind[listing.kind].append(listing)
        reviews = by_kind[ListingKind.REVIEW]
        return cls(
            usable={kind: not any(each.fallback for each in lists) for kind, lists in by_kind.items()},
            only_centre=(reviews[0].centre_id or None) if len(reviews) == 1 else None,
        )

    def values(self, kind: str, records: list[Any] | None) -> tuple[Any, ...] | None:
        return tuple(records or ()) if self.usable[kind] else None


def survey(run: SyncRun, settings: OneFileSettings, learn_names: Callable[[set[int]], None]) -> int | None:
    """Compare the next batch of a run. Returns how many learners were finished, and ``None`` when all were compared.

    ``learn_names`` receives the OneFile IDs of assessors in the problems, if any, before the problems are recorded.
    """
    batch = _claim(run)
    if batch is None:
        return None
    try:
        batch.compare(settings)
        if met := batch.assessors():
            learn_names(met)
            if is_by_mis_value(settings):
                batch.compare(settings)  # now their MIS Values are known, and so may be their officers
        return batch.write()
    except Exception as error:  # noqa: BLE001 - R25: one learner's failure must not stop the others
        events.error("survey_stopped", run=run.pk, error=type(error).__name__)
    batch.ended, batch.aside = {}, {}  # each learner is exchanged alone, so that the failure hits only one
    return batch.write()


@dataclass(slots=True)
class _Batch:
    """The claimed learners of one batch, and their results."""

    run: SyncRun
    lease: Lease
    outcomes: dict[str, LearnerOutcome]
    ended: dict[int, tuple[OutcomeState, Sequence[FoundProblem]]] = field(default_factory=dict)
    aside: dict[int, Sequence[FieldChange]] = field(default_factory=dict)
    officers: Officers = field(default_factory=Officers)

    def compare(self, settings: OneFileSettings) -> None:
        self.ended, self.aside, policy = {}, {}, policy_of(settings)
        learners = [learner for learner in host.learners_by_pk(self.outcomes) if _onefile_id(learner)]
        shared = host.shared_among([_onefile_id(learner) for learner in learners])
        known = [learner for learner in learners if _onefile_id(learner) not in shared]
        staged = staged_for(self.run, list(self.outcomes))
        lists = ListEvidence.load(self.run.address)
        sides: list[tuple[LearnerRow, OneFileSide]] = []
        on_record = read_on_record((str(learner.pk) for learner in known), links=policy.links_recorded)
        for row in host.read_learners(known):
            if row.pk in staged and self.outcomes[row.pk].attempts == 1:
                try:
                    sides.append((row, read_onefile(staged[row.pk], row, on_record[row.pk], policy, lists)))
                except NotStaged:
                    continue
        self.officers = read_officers(sides, settings)
        for row, side in sides:
            self.note(row.pk, make_plan(row, on_record[row.pk], side, self.officers, policy, host.can_hold))

    def note(self, learner_pk: str, plan: Plan) -> None:
        outcome = self.outcomes[learner_pk]
        changes = list(plan.changes())
        if not changes and not plan.finished_uploads:
            self.ended[outcome.pk] = ledger.state_of(0, plan.problems), plan.problems
        elif self.run.puts_aside and replaces_values(plan):
            self.aside[outcome.pk] = changes

    def assessors(self) -> set[int]:
        return assessors.mentioned(
            problem for _state, problems in self.ended.values() for problem in problems
        )

    @retried
    def write(self) -> int:
        """Record the results of learners we still hold. The others need an exchange of their own."""
        with transaction.atomic():
            outcomes = LearnerOutcome.objects
            ours = [outcome.pk for outcome in self.outcomes.values()]
            mine = self.lease.held(outcomes.filter(pk__in=ours, state=OutcomeState.WORKING))
            held = set(mine.select_for_update().values_list("pk", flat=True))
            ended = {pk: end for pk, end in self.ended.items() if pk in held}
            aside = {pk: changes for pk, changes in self.aside.items() if pk in held}
            alone = held - ended.keys() - aside.keys()
            for state in {state for state, _problems in ended.values()}:
                pks = [pk for pk, end in ended.items() if end[0] == state]
                leases.release(outcomes.filter(pk__in=pks), state=state, finished_at=timezone.now())
            leases.release(outcomes.filter(pk__in=aside), state=OutcomeState.ASIDE, attempts=0)
            leases.release(
                outcomes.filter(pk__in=alone),
                state=OutcomeState.QUEUED,
                surveyed=True,
                attempts=F("attempts") - 1,
            )
            ledger.note_problems({pk: problems for pk, (_state, problems) in ended.items()})
            ledger.note_planned(aside, self.officers)
        return len(ended)


def _claim(run: SyncRun) -> _Batch | None:
    queued = run.outcomes.filter(state=OutcomeState.QUEUED, surveyed=False)
    for size in (BATCH, BATCH // 10, 1):
        busy = LearnerOutcome.objects.filter(is_working=True, learner_type=host.learner_type())
        free = queued.exclude(learner_pk__in=busy.values("learner_pk")).order_by("id")
        try:
            lease, outcomes = leases.claim_some(free, size, **leases.work_begun())
        except IntegrityError:
            continue  # a refresh of one of them has just begun
        for outcome in outcomes:
            outcome.attempts += 1
        if outcomes:
            return _Batch(run, lease, {outcome.learner_pk: outcome for outcome in outcomes})
        break
    # The remaining learners are being processed elsewhere: by another worker of this run, or by a refresh.
    return None if not queued.update(surveyed=True) else _Batch(run, Lease(), {})


def _onefile_id(learner: Any) -> int | None:
    onefile_id: int | None = getattr(learner, "onefile_id", None)
    return onefile_id
