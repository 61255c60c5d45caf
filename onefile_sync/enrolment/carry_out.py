"""Carries out the plan of an enrolment: employer, people, class, learner, learning aims and their assessors.

Each create is on record before it is sent (:mod:`.creates`). Calls are never made inside a database transaction. A
failure of one learning aim becomes a problem and the rest goes on; a failure that would affect everything is raised
(OneFileError of scope ``RUN``), after what was done is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

from django.db import transaction
from django.utils import timezone

from onefile_sync import host
from onefile_sync.conf import deployment
from onefile_sync.host.snapshot import Value
from onefile_sync.models import (
    CreateEnding,
    CreateIntent,
    CreateKind,
    OneFileSettings,
    RecordLink,
    Tenant,
)
from onefile_sync.onefile import creating
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.errors import OneFileError
from onefile_sync.onefile.records import Centre
from onefile_sync.sync.learner.fetch import ROLE_LEARNER
from onefile_sync.sync.learner.officers import is_by_mis_value
from onefile_sync.transactions import retried

from . import creates
from .create_steps import Steps
from .creates import Create
from .enrolment_aims import carry_out_aims, note_parts
from .enrolment_applied import EnrolmentApplied
from .find_again import RecordSearch
from .plan import EnrolmentPlan, Party, PartyKind, PartyStatus

#: OneFile's role of an assessor who is created.
ROLE_ASSESSOR: Final = 5
_KINDS = {
    PartyKind.ASSESSOR: CreateKind.ASSESSOR,
    PartyKind.PLACEMENT: CreateKind.PLACEMENT,
    PartyKind.CLASSROOM: CreateKind.CLASSROOM,
}


def carry_out(onefile: OneFile, plan: EnrolmentPlan, tenant: Tenant, applied: EnrolmentApplied) -> int | None:
    """Carry out a learner's plan; return the learner's OneFile ID, or ``None`` if the learner is not created.

    What is done is in ``applied`` as soon as it is done, and so is why something was not. May be called again after any
    interruption, with a plan made anew. Raises :class:`~.creates.PartyBusy` while another worker creates somebody whom
    the learner needs, and :class:`~onefile_sync.sync.runs.leases.LostClaim`,
    :class:`~onefile_sync.onefile.errors.OneFileError` of scope ``RUN`` and what is raised before a call is sent.
    """
    if plan.centre is None:
        return None
    return _Enrolment(onefile, plan, plan.centre, tenant, applied).carry_out()


@dataclass(slots=True)
class _Enrolment:
    onefile: OneFile
    plan: EnrolmentPlan
    centre: Centre
    tenant: Tenant
    applied: EnrolmentApplied
    steps: Steps = field(init=False)
    #: The OneFile IDs of the parties, by key; ``None`` for one that could not be created.
    ids: dict[str, int | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rules = {each.name: each.rule for each in self.plan.values}
        self.steps = Steps(
            self.onefile,
            self.tenant,
            self.plan.learner,
            self.centre.name,
            self.applied,
            RecordSearch(self.onefile),
            rules,
        )

    def carry_out(self) -> int | None:
        learner_id = self.plan.learner.onefile_id
        if self.plan.is_linked:
            self.end_create_of_linked()
            for party in self.plan.parties():
                self.party(party)
        else:
            learner_id = self.learner()
        if learner_id is None:
            return None
        carry_out_aims(self.steps, self.plan, self.centre, learner_id, self.ids)
        return learner_id

    # The learner

    def learner(self) -> int | None:
        plan, steps, about = self.plan, self.steps, self.plan.learner
        create = Create(CreateKind.LEARNER, about, self.centre.id, values=plan.sent)
        intent = creates.begin(self.tenant, about.pk, create)
        try:
            earlier = steps.resolve(intent, about, lambda: steps.look_again(intent, create.values))
        except OneFileError as error:
            self.applied.report(error, about)
            return None
        onefile_id = earlier.onefile_id
        if onefile_id is None and self.applied.looks_only:
            self.parties()
        elif onefile_id is None and earlier.may_create and self.parties():
            onefile_id = self.new_learner(intent, create)
        if onefile_id is None:
            return None
        new_id = onefile_id
        made = steps.link(
            intent,
            create,
            new_id,
            how=earlier.how,
            and_then=lambda _made: note_parts(steps, plan, self.centre, new_id),
        )
        if made is None:
            return None
        self.parties()  # of a learner who was found again, some may be missing
        steps.read_back(self.with_references(create), new_id)
        return new_id

    def new_learner(self, intent: CreateIntent, create: Create) -> int | None:
        known = {each.person.id for each in self.plan.matches}
        values = self.with_references(create).values
        not_linked = self.is_as_before(create)

        def send(about_to_send: Callable[[], None]) -> int:
            return creating.create_user(self.onefile, _sendable(values), about_to_send=about_to_send)

        try:
            if intent.in_doubt_since is None and not self.steps.nobody_fits(intent, create, known):
                return None
        except OneFileError as error:
            self.applied.report(error, create.subject)
            return None
        return self.steps.send(intent, create, not_linked, send)

    def with_references(self, create: Create) -> Create:
        """The learner with the records that the learner needs, which exist by now."""
        references = {
            "centre_id": self.centre.id,
            "role": ROLE_LEARNER,
            "default_assessor_id": self.id_of(self.plan.main_officer),
            "placement_id": self.id_of(self.plan.placement),
            "classroom_id": self.id_of(self.plan.classroom),
        }
        given = {name: value for name, value in references.items() if value is not None}
        return replace(create, values={**create.values, **given})

    def is_as_before(self, create: Create) -> Callable[[], bool]:
        """Whether PICSWeb's row is still there, with the OneFile ID that it had."""
        kind, pk = create.subject.kind, create.subject.pk
        before = host.link_values(kind, pk) if pk else None
        return lambda: not pk or (before is not None and host.link_values(kind, pk) == before)

    def end_create_of_linked(self) -> None:
        """Finish the create of a learner whom a person has linked meanwhile."""
        left = creates.of_learner(self.tenant, self.plan.learner.pk).filter(kind=CreateKind.LEARNER)
        for intent in left:
            if intent.in_doubt_since is None and intent.onefile_id in (None, self.plan.learner.onefile_id):
                creates.close(intent, CreateEnding.NOT_NEEDED)
            else:
                self.steps.leave_over(intent, self.plan.learner)

    # People, employer and class

    def parties(self) -> bool:
        """Create who is missing. Returns whether everybody is there without whom no learner can be created."""
        needed = (self.plan.placement, self.plan.main_officer, self.plan.classroom)
        keys = {party.key for party in needed if party is not None}
        for party in self.plan.parties():
            if self.party(party) is None and party.key in keys:
                return False
        return all(party is not None for party in needed)

    def id_of(self, party: Party | None) -> int | None:
        return self.ids.get(party.key) if party is not None else None

    def party(self, party: Party) -> int | None:
        """The OneFile ID of a party, who is created if that was planned."""
        if party.key not in self.ids:
            self.ids[party.key] = party.onefile_id
            if party.onefile_id is None and party.status is PartyStatus.TO_CREATE:
                self.ids[party.key] = self.new_party(party)
        return self.ids[party.key]

    def new_party(self, party: Party) -> int | None:
        kind = _KINDS[party.kind]
        name = party.values.get("name")
        target = creates.class_target(str(name)) if kind is CreateKind.CLASSROOM else ""
        create = Create(kind, party.subject, self.centre.id, target, party.values)
        intent = creates.begin(self.tenant, self.plan.learner.pk, create)
        creates.take(intent)
        try:
            made = self.make(intent, create, {each.onefile_id for each in party.records})
        except OneFileError as error:
            creates.give_back(intent)
            self.applied.report(error, create.subject)
            return None
        except Exception:
            creates.give_back(intent)
            raise
        creates.give_back(intent)
        return made

    def make(self, intent: CreateIntent, create: Create, known: set[int]) -> int | None:
        """Create an officer, employer or class and link the row, while no other worker does."""
        linked = self.linked_meanwhile(create)
        if linked is not None:
            if intent.in_doubt_since is not None:
                self.steps.leave_over(intent, create.subject)
            else:
                creates.close(intent, CreateEnding.NOT_NEEDED)
            return linked
        earlier = self.steps.resolve(
            intent, create.subject, lambda: self.steps.look_again(intent, create.values)
        )
        onefile_id = earlier.onefile_id
        is_looked_for = intent.in_doubt_since is not None
        if earlier.may_create and (is_looked_for or self.steps.nobody_fits(intent, create, known)):
            onefile_id = self.steps.send(
                intent, create, self.is_as_before(create), lambda about: self.call(create, about)
            )
        if onefile_id is None:
            return None
        if create.kind is CreateKind.CLASSROOM:
            self.note_class(intent, create, onefile_id)
            return onefile_id
        in_row = self.is_for_row(create)
        if self.steps.link(intent, create, onefile_id, how=earlier.how, in_row=in_row) is None:
            return None
        self.steps.read_back(create, onefile_id)
        return onefile_id

    @retried
    @transaction.atomic
    def note_class(self, intent: CreateIntent, create: Create, onefile_id: int) -> None:
        """Record a new class, which has no row in PICSWeb to be linked."""
        self.applied.done(*self.steps.made_changes(create, onefile_id))
        creates.close(intent, CreateEnding.CREATED)

    def call(self, create: Create, about_to_send: Callable[[], None]) -> int:
        values = _sendable(create.values)
        if create.kind is CreateKind.ASSESSOR:
            fixed = {"centre_id": create.centre_id, "role": ROLE_ASSESSOR}
            return creating.create_user(self.onefile, {**values, **fixed}, about_to_send=about_to_send)
        texts = {name: str(value) for name, value in values.items()}
        if create.kind is CreateKind.PLACEMENT:
            return creating.create_placement(
                self.onefile,
                centre_id=create.centre_id,
                name=texts["name"],
                mis_value=texts.get("mis_value", ""),
                about_to_send=about_to_send,
            )
        return creating.create_class(
            self.onefile,
            centre_id=create.centre_id,
            name=texts["name"],
            start=timezone.localdate(),
            about_to_send=about_to_send,
        )

    def linked_meanwhile(self, create: Create) -> int | None:
        """The record in this centre to which another worker or a person has linked the row since the planning."""
        if create.kind is CreateKind.CLASSROOM:
            return self.class_just_created(create)
        links = RecordLink.objects.filter(
            tenant=self.tenant,
            subject_kind=create.subject.kind,
            subject_pk=create.subject.pk,
            centre_id=create.centre_id,
            ended_at=None,
        )
        held = (host.link_values(create.subject.kind, create.subject.pk) or {}).get("onefile_id")
        found = [each.onefile_id for each in links if not each.in_row or each.onefile_id == held]
        # Where there are several centres, the ID in the row may be that of another one.
        return found[0] if found else held if (self.tenant.centres or 1) == 1 else None

    def is_for_row(self, create: Create) -> bool:
        """Whether PICSWeb's row takes the ID: an ID in the row is never replaced, and one of several is on record."""
        held = host.link_values(create.subject.kind, create.subject.pk) or {}
        if held.get("onefile_id") is not None:
            return False
        return self.tenant.centres == 1 or not is_by_mis_value(OneFileSettings.load())

    def class_just_created(self, create: Create) -> int | None:
        """The class of this name that was created within a quiet time, as searches may not find it yet."""
        just_now = timezone.now() - deployment.enrol_quiet
        found = CreateIntent.objects.filter(
            tenant=self.tenant,
            kind=CreateKind.CLASSROOM,
            centre_id=create.centre_id,
            target=create.target,
            finished_at__gte=just_now,
            onefile_id__isnull=False,
        )
        latest = found.order_by("-pk").first()
        return latest.onefile_id if latest is not None else None


def _sendable(values: Mapping[str, Value]) -> dict[str, str | int | date | None]:
    """The values of a record, none of which is a time or an attendance."""
    return {name: value for name, value in values.items() if isinstance(value, str | int | date)}
