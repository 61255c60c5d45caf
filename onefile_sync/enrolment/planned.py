"""The plan for one learner, from PICSWeb's row, the kept lists and the settings. No call to OneFile."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from onefile_sync import host
from onefile_sync.conf import deployment
from onefile_sync.host.snapshot import LearnerToCreate, PersonRow
from onefile_sync.models import CreateMissing, OneFileSettings, Tenant
from onefile_sync.sync.daily import today

from .centre_directory import directory_for
from .enrolment_planner import make_enrolment_plan
from .plan import EnrolmentChoices, EnrolmentPlan, EnrolmentPolicy, Findings


def read_row(learner_pk: str, settings: OneFileSettings) -> LearnerToCreate | None:
    """The learner as PICSWeb has it now; ``None`` if deleted or hidden."""
    return host.read_learner_to_create(learner_pk, settings.additional_roles)


def plan_for(
    row: LearnerToCreate,
    tenant: Tenant,
    settings: OneFileSettings,
    findings: Findings,
    choices: EnrolmentChoices,
    *,
    in_bulk: bool = False,
) -> EnrolmentPlan:
    """What creating this learner would do, by the kept lists. No call to OneFile."""
    policy = EnrolmentPolicy(
        today=today(),
        send_mis_value=settings.send_mis_value,
        create_missing=_creates_missing(settings, in_bulk=in_bulk),
        create_classes=settings.create_classes,
        classroom_from_main_tag=settings.classroom_from_main_tag,
        codes=deployment.codes,
    )
    directory = directory_for(row, tenant, choices.centre_id, findings)
    return make_enrolment_plan(row, directory, findings, choices, policy)


def _creates_missing(settings: OneFileSettings, *, in_bulk: bool) -> bool:
    """Whether people and employers are created along with learners. In bulk nobody looks at each of them."""
    if in_bulk:
        return settings.create_missing == CreateMissing.BULK
    return settings.create_missing != CreateMissing.NEVER


def has_same_values(now: LearnerToCreate | None, then: LearnerToCreate) -> bool:
    """Whether PICSWeb still has what was planned. OneFile IDs do not count: creating writes them."""
    return now is not None and _without_ids(now) == _without_ids(then)


def _without_ids(row: LearnerToCreate) -> LearnerToCreate:
    return replace(
        row,
        person=_bare(row.person),
        main_officer=_bare(row.main_officer),
        additional=tuple(map(_bare, row.additional)),
        employer=_bare(row.employer),
        qualifications=tuple(
            replace(each, label="", onefile_id=None, assessor=_bare(each.assessor))
            for each in row.qualifications
        ),
        reviews=(),
    )


def _bare(row: Any) -> Any:
    if row is None:
        return None
    bare = replace(row, label="", onefile_id=None)
    return replace(bare, centre_id=None) if isinstance(bare, PersonRow) else bare
