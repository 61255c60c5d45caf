"""Creates on record: what is committed before anything is created in OneFile, and after each answer.

If a process is killed, the next one knows that it has to look in OneFile before it creates anything, and how long
OneFile may still be processing the last create. A process that was presumed dead and continues later finds the row
changed and does not overwrite it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from onefile_sync import host
from onefile_sync.conf import deployment
from onefile_sync.host.snapshot import Value, comparable
from onefile_sync.linking import identity
from onefile_sync.linking.directory_entries import digest
from onefile_sync.models import CreateEnding, CreateIntent, CreateKind, SubjectKind, Tenant
from onefile_sync.sync.planning.types import Subject
from onefile_sync.sync.runs import leases
from onefile_sync.sync.runs.leases import Lease, LostClaim
from onefile_sync.transactions import retried

#: A record that was created this often without an answer is not created again unless a person says so.
MOST_TRIES: Final = 3
#: What several learners need. The worker that creates one holds the intent's own lease.
SHARED: Final = (CreateKind.ASSESSOR, CreateKind.PLACEMENT, CreateKind.CLASSROOM)
#: The date of birth that stands for an unknown one.
NO_DATE: Final = "1900-01-01"
#: Renews the lease on the learner in full and returns the current time. Nobody else processes the learner meanwhile.
Hold = Callable[[], datetime]


class PartyBusy(Exception):
    """Another worker is creating an officer, employer or class that the learner needs.

    The learner must be queued again, and the attempt does not count.
    """


@dataclass(frozen=True, slots=True)
class Create:
    """Something to be created in OneFile, with what is sent, by our names for the values.

    ``subject`` is PICSWeb's row, and what a problem is about; of a class, its primary key is blank.
    """

    kind: CreateKind
    subject: Subject
    centre_id: int
    target: str = ""
    values: Mapping[str, Value] = field(default_factory=dict, repr=False)

    @property
    def is_shared(self) -> bool:
        return self.kind in SHARED

    @property
    def sent(self) -> dict[str, str]:
        """Keyed digests of what tells the record again."""
        values = {name: comparable(value) for name, value in self.values.items()}
        return sent_digests(
            name=_name_of(self.kind, values),
            email=values.get("email", ""),
            mis_value=values.get("mis_value", ""),
            date_of_birth=values.get("date_of_birth", ""),
        )


def sent_digests(
    *, name: str, email: str = "", mis_value: str = "", date_of_birth: str = ""
) -> dict[str, str]:
    """Keyed digests of normalised values, by name; none of a blank."""
    values = {
        "name": name,
        "email": identity.email(email),
        "mis": identity.mis_value(mis_value),
        "dob": "" if date_of_birth == NO_DATE else date_of_birth,
    }
    return {key: digest(key, value) for key, value in values.items() if value}


def whole_name(text: str) -> str:
    """The name of a placement or class without spaces and case."""
    return "".join(text.split()).casefold()


def person_name(first_name: str, last_name: str) -> str:
    """Both names in the form in which they are compared; ``""`` if one is missing."""
    first, last = identity.name(first_name), identity.name(last_name)
    return f"{first} {last}" if first and last else ""


def _name_of(kind: CreateKind, values: Mapping[str, str]) -> str:
    if kind in (CreateKind.LEARNER, CreateKind.ASSESSOR):
        return person_name(values.get("first_name", ""), values.get("last_name", ""))
    return whole_name(values.get("name", ""))


def class_target(name: str) -> str:
    """What tells the creates of classes apart: they have no row in PICSWeb."""
    return digest("name", whole_name(name))


def is_quiet(intent: CreateIntent) -> bool:
    """Whether OneFile may still be processing the last create."""
    return intent.in_doubt_since is not None and timezone.now() < quiet_ends_at(intent)


def quiet_ends_at(intent: CreateIntent) -> datetime:
    """When the same thing may be created again. Only of an intent that is in doubt."""
    assert intent.in_doubt_since is not None  # noqa: S101 - for mypy
    return intent.in_doubt_since + deployment.enrol_quiet


# Which creates are open


def open_creates(tenant: Tenant) -> QuerySet[CreateIntent]:
    return CreateIntent.objects.filter(tenant=tenant, finished_at=None)


def of_learner(tenant: Tenant, learner_pk: str) -> QuerySet[CreateIntent]:
    """The open creates of a learner, without those of people and employers whom other learners need as well."""
    own = open_creates(tenant).filter(learner_type=host.learner_type(), learner_pk=learner_pk)
    return own.exclude(kind__in=SHARED)


def is_under_way(tenant: Tenant, learner_pk: str) -> bool:
    """Whether an interrupted run has begun to create this learner, or parts of the learner, and has to go on."""
    return of_learner(tenant, learner_pk).exists()


def in_doubt(tenant: Tenant) -> QuerySet[CreateIntent]:
    """The open creates whose answer is unknown, or whose record is not linked yet."""
    return open_creates(tenant).filter(~Q(in_doubt_since=None) | ~Q(onefile_id=None))


# The steps of one create


@retried
def begin(tenant: Tenant, learner_pk: str, create: Create) -> CreateIntent:
    """The open intent for this create, or a new one."""
    kind = create.subject.kind
    intent, _created = CreateIntent.objects.get_or_create(
        tenant=tenant,
        kind=create.kind,
        subject_kind=kind,
        subject_pk=create.subject.pk,
        centre_id=create.centre_id,
        target=create.target,
        finished_at=None,
        defaults={
            "subject_type": ContentType.objects.get_for_model(host.model_of(kind)),
            "learner_type": host.learner_type(),
            "learner_pk": learner_pk,
        },
    )
    return intent


def was_sent_before(tenant: Tenant, create: Create) -> bool:
    """Whether the same was created before, as far as that is known, or may have been."""
    return CreateIntent.objects.filter(
        tenant=tenant,
        kind=create.kind,
        subject_kind=create.subject.kind,
        subject_pk=create.subject.pk,
        target=create.target,
        ending__in=(CreateEnding.CREATED, CreateEnding.UNSURE),
    ).exists()


@retried
def take(intent: CreateIntent) -> Lease:
    """Take the intent's own lease. Raises :class:`PartyBusy` if another worker has it or has finished the create."""
    lease = leases.claim(leases.free(CreateIntent.objects.filter(pk=intent.pk, finished_at=None)))
    if lease is None:
        raise PartyBusy(intent.pk)
    intent.refresh_from_db()
    return lease


@retried
def give_back(intent: CreateIntent) -> None:
    """Give up the intent's lease, so that other workers need not wait for its end."""
    if intent.claimed_by is not None:
        mine = CreateIntent.objects.filter(pk=intent.pk, claimed_by=intent.claimed_by)
        leases.release(mine)
        intent.claimed_by = None


@retried
def note_seen(intent: CreateIntent, onefile_ids: Iterable[int]) -> None:
    """Record which records of OneFile fit before anything is created, so none of them is ours."""
    seen = sorted({*intent.seen_before, *onefile_ids})
    if seen != intent.seen_before:
        _write(intent, seen_before=seen)


@retried
def note_sending(intent: CreateIntent, sent: Mapping[str, str], hold: Hold, *, again: bool = False) -> None:
    """Record that the record is about to be created. Renews the leases on the learner and on the intent.

    ``again``: a previous attempt certainly failed, so this one is already counted.
    """
    with transaction.atomic():
        now = hold()
        renewed = {"lease_expires_at": now + deployment.lease} if intent.claimed_by is not None else {}
        tries = intent.tries if again else intent.tries + 1
        _write(intent, in_doubt_since=now, tries=tries, sent=dict(sent), **renewed)


def note_not_created(intent: CreateIntent, *, sent: bool) -> None:
    """Record that the last create was certainly refused, or never sent. ``sent``: it was recorded as being sent."""
    if sent:
        _write(intent, in_doubt_since=None, tries=max(0, intent.tries - 1))


@retried
def note_created(intent: CreateIntent, onefile_id: int) -> None:
    """Record the ID of the record that OneFile has created, or that was found again."""
    _write(intent, onefile_id=onefile_id, in_doubt_since=None, candidates=[])


@retried
def note_candidates(intent: CreateIntent, onefile_ids: Sequence[int]) -> None:
    """Record several records any of which may be ours, for a person to choose."""
    if list(onefile_ids) != intent.candidates:
        _write(intent, candidates=list(onefile_ids))


@retried
@transaction.atomic
def choose(intent: CreateIntent, onefile_id: int | None) -> bool:
    """What a person says of the candidates: this one is ours, or none is, so another may be created.

    Returns false, and changes nothing, if the candidates have changed since the person looked, or a worker has the
    create.
    """
    present = CreateIntent.objects.select_for_update().filter(pk=intent.pk, finished_at=None).first()
    if present is None or not leases.is_free(present) or present.candidates != intent.candidates:
        return False
    if present.onefile_id is not None or present.in_doubt_since is None:
        return False
    if onefile_id is None:
        present.seen_before = sorted({*present.seen_before, *present.candidates})
        present.tries = 0
    elif onefile_id in present.candidates:
        present.onefile_id = onefile_id
    else:
        return False
    present.in_doubt_since, present.candidates = None, []
    present.save(update_fields=["seen_before", "tries", "onefile_id", "in_doubt_since", "candidates"])
    intent.refresh_from_db()
    return True


@retried
def close(intent: CreateIntent, ending: CreateEnding) -> None:
    """Finish an intent. Raises LostClaim if another process has continued this create meanwhile."""
    _write(intent, finished_at=timezone.now(), ending=ending, **leases.FREE)


def _write(intent: CreateIntent, **values: Any) -> None:
    """Update the row. Raises LostClaim if another process has continued this create meanwhile."""
    as_we_know_it = CreateIntent.objects.filter(
        pk=intent.pk,
        in_doubt_since=intent.in_doubt_since,
        onefile_id=intent.onefile_id,
        claimed_by=intent.claimed_by,
        tries=intent.tries,
        finished_at=None,
    )
    if not as_we_know_it.update(**values):
        raise LostClaim(intent.pk)
    for name, value in values.items():
        setattr(intent, name, value)


def subject_of(intent: CreateIntent) -> Subject:
    """What problems of an intent are about."""
    names = host.names(intent.subject_kind, [intent.subject_pk]) if intent.subject_pk else {}
    label = names.get(intent.subject_pk, "")
    return Subject(SubjectKind(intent.subject_kind).value, intent.subject_pk, intent.onefile_id, label)
