"""Keeps what a check found until the window is answered, encrypted, as it has personal details of OneFile learners."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from onefile_sync import crypto, host
from onefile_sync.models import EnrolmentCheck, SyncRun, Tenant
from onefile_sync.transactions import retried

from . import learner_search
from .plan import EnrolmentChoices, EnrolmentPlan, Findings

#: How long the findings of a check count. A check is made again before anything is created, in any case.
KEPT_FOR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class KeptCheck:
    """What the latest check of a learner found, and when. ``choices`` are those that it was made with."""

    findings: Findings
    checked_at: datetime
    choices: EnrolmentChoices


@sensitive_variables()
def keep(run: SyncRun, tenant: Tenant, findings: Findings, plan: EnrolmentPlan) -> None:
    """Keep the findings, and what tells the plan, instead of those of an earlier check."""
    is_ready = plan.can_create and not plan.is_linked
    _write(
        plan.learner.pk,
        run=run,
        tenant=tenant,
        encrypted_findings=crypto.encrypt(json.dumps(learner_search.to_json(findings))),
        digest=plan.digest if is_ready else "",
        creations=plan.creations if is_ready else [],
        matches=plan.match_ids if is_ready else [],
        checked_at=timezone.now(),
    )


@retried
def _write(learner_pk: str, **values: Any) -> None:
    EnrolmentCheck.objects.update_or_create(
        learner_type=host.learner_type(), learner_pk=learner_pk, defaults=values
    )


@sensitive_variables()
def latest(learner_pk: str, tenant: Tenant) -> KeptCheck | None:
    """The latest check of a learner in this OneFile, if it is recent and can be read."""
    kept = EnrolmentCheck.objects.filter(
        learner_type=host.learner_type(),
        learner_pk=learner_pk,
        tenant=tenant,
        checked_at__gt=timezone.now() - KEPT_FOR,
    )
    row = kept.select_related("run").first()
    if row is None:
        return None
    try:
        clear = crypto.decrypt(row.encrypted_findings)
    except crypto.Undecipherable:
        return None
    choices = EnrolmentChoices.from_json(row.run.options.get("choices", {}))
    return KeptCheck(learner_search.from_json(json.loads(clear)), row.checked_at, choices)


def forget(learner_pk: str) -> None:
    """Delete what was found about a learner, once the window was answered."""
    EnrolmentCheck.objects.filter(learner_type=host.learner_type(), learner_pk=learner_pk).delete()
