"""When and how a learner was last synchronised, and why a refresh is refused now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Model

from onefile_sync.models import OPEN_OUTCOMES, WITHOUT_WRITING, LearnerOutcome, RunState, SyncRun
from onefile_sync.sync.eligibility import MAPPING_WRONG, Refusal, outcomes, refusal_for
from onefile_sync.sync.runs.lifecycle import compared


@dataclass(frozen=True, slots=True)
class LearnerStatus:
    """A learner's status: why a refresh is refused, the last attempts, and the open run. Previews do not count.

    ``last`` is the last attempt, whatever its outcome. ``last_success`` is the last one that compared the learner with
    OneFile, and ``last_synchronised`` is its time.
    """

    refusal: Refusal | None
    last: LearnerOutcome | None
    current: SyncRun | None
    last_synchronised: datetime | None
    last_success: LearnerOutcome | None = None


def learner_status(learner: Model) -> LearnerStatus:
    """When and how a learner was last synchronised. A few queries, no call to OneFile."""
    refusal = refusal_for(learner)
    if refusal is MAPPING_WRONG:
        return LearnerStatus(refusal, last=None, current=None, last_synchronised=None)
    mine = outcomes().filter(learner_pk=str(learner.pk)).exclude(run__kind__in=WITHOUT_WRITING)
    done = mine.exclude(state__in=OPEN_OUTCOMES)
    last_success = done.filter(pk__in=compared().values("pk")).order_by("-finished_at").first()
    current = mine.filter(state__in=OPEN_OUTCOMES).exclude(run__state=RunState.FINISHED).first()
    return LearnerStatus(
        refusal=refusal,
        last=done.order_by("-finished_at").first(),
        current=current.run if current else None,
        last_synchronised=last_success.finished_at if last_success else None,
        last_success=last_success,
    )
