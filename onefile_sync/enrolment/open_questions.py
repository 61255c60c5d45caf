"""Creates in doubt as a person sees them, and what the person says of them. No call to OneFile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model

from onefile_sync import host
from onefile_sync.host.snapshot import Label
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import CreateIntent, DirectoryEntry, Tenant
from onefile_sync.sync.connection.session import NotConnected

from . import creates


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record of OneFile that may be what was created. What the kept lists do not have is blank."""

    onefile_id: int
    name: str = field(default="", repr=False)
    mis_value: str = ""
    email: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class CreateInDoubt:
    """A create of which OneFile did not say whether it happened.

    ``since`` is when it was sent. Until ``quiet_until`` nothing is created again. ``candidates``: several records may
    be ours, and a person has to choose. ``is_given_up``: it was sent as often as it may be without an answer.
    """

    pk: int
    kind: str
    label: Label = field(repr=False)
    since: datetime
    quiet_until: datetime
    candidates: tuple[Candidate, ...] = ()
    is_given_up: bool = False

    @property
    def asks(self) -> bool:
        """Whether a person has to say something."""
        return bool(self.candidates) or self.is_given_up


def creates_in_doubt(learner: Model) -> list[CreateInDoubt]:
    """What was begun for this learner and is in doubt, oldest first. A few queries; one if there is nothing."""
    try:
        tenant = present_tenant()
    except (NotConnected, ImproperlyConfigured):
        return []
    found = creates.open_creates(tenant).filter(
        learner_type=host.learner_type(), learner_pk=str(learner.pk), in_doubt_since__isnull=False
    )
    return [_shown(tenant, intent) for intent in found.order_by("pk")]


def answer_create(learner: Model, pk: int, onefile_id: int | None, seen: Sequence[int]) -> bool:
    """Note that one of the records is ours, or with ``None`` that none is, so that another may be created.

    ``seen`` are the candidates that the person saw. Returns false, and changes nothing, if they have changed, or a
    worker has the create.
    """
    intent = CreateIntent.objects.filter(
        pk=pk, learner_type=host.learner_type(), learner_pk=str(learner.pk), finished_at=None
    ).first()
    if intent is None or sorted(intent.candidates) != sorted(seen):
        return False
    if not intent.candidates and intent.tries < creates.MOST_TRIES:
        return False
    return creates.choose(intent, onefile_id)


def _shown(tenant: Tenant, intent: CreateIntent) -> CreateInDoubt:
    entries = DirectoryEntry.objects.filter(tenant=tenant, onefile_id__in=intent.candidates)
    known = {entry.onefile_id: entry for entry in entries.order_by("pk")}
    candidates = (
        Candidate(
            each,
            known[each].name if each in known else "",
            known[each].mis_value if each in known else "",
            known[each].email if each in known else "",
        )
        for each in intent.candidates
    )
    return CreateInDoubt(
        intent.pk,
        intent.get_kind_display(),
        creates.subject_of(intent).label,
        intent.in_doubt_since or intent.created_at,
        creates.quiet_ends_at(intent),
        tuple(candidates),
        is_given_up=not intent.candidates and intent.tries >= creates.MOST_TRIES,
    )
