"""Keeps what a page of one of OneFile's lists says. A constant number of queries for a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from onefile_sync import crypto
from onefile_sync.conf import deployment
from onefile_sync.host.snapshot import PersonRow
from onefile_sync.models import DirectoryEntry, DirectoryKind, DirectoryList, forget_old_details
from onefile_sync.onefile.records import Centre, NamedRecord, Person, Standard

from . import identity

Listed = Centre | Person | NamedRecord | Standard

#: The kinds of lists that are of users.
USERS: Final = (DirectoryKind.LEARNER, DirectoryKind.ASSESSOR)
#: What is kept of a record. A value that changes is counted as renamed if it is one of the first five.
_NAMES: Final = ("name", "first_name", "last_name", "mis_value", "code")
_VALUES: Final = (*_NAMES, "role", "email", "archived", "digests", "start_date", "detailed_at")
#: List items often leave these values out, so a blank does not replace what the record itself said.
_OFTEN_LEFT_OUT: Final = ("mis_value", "email", "archived", "start_date")
#: The digests that say that a whole record was read, if OneFile sends a value for each.
_WHOLE: Final = frozenset({"email", "uln", "ni", "dob"})
#: Characters kept of each text.
_LONGEST: Final = {field.name: field.max_length for field in DirectoryEntry._meta.concrete_fields}
#: Characters kept of a digest.
_DIGEST_LENGTH: Final = 32


@dataclass(frozen=True, slots=True)
class PageTally:
    """What a page brought. ``unseen``: it has records that no earlier page of this list had in this run."""

    new: int
    renamed: int
    unseen: bool


def of_list(listed: DirectoryList) -> QuerySet[DirectoryEntry]:
    """The entries of a list, gone ones included. The list of all centres (0) has those of every centre."""
    found = DirectoryEntry.objects.filter(tenant=listed.tenant_id, kind=listed.kind, role=listed.role)
    return found.filter(centre_id=listed.centre_id) if listed.centre_id else found


def fitting(listed: DirectoryList, records: Sequence[Listed]) -> list[Listed]:
    """The records that belong in a list. OneFile may ignore the filters, and list other centres and roles as well.

    A standard may belong to several centres, so the list decides where it is.
    """
    found = list(records)
    if listed.kind in (DirectoryKind.CENTRE, DirectoryKind.STANDARD):
        return found
    if listed.centre_id:
        found = [each for each in found if getattr(each, "centre_id", None) in (None, listed.centre_id)]
    if listed.kind in USERS:
        of_role = [each for each in found if getattr(each, "role", None) in (None, listed.role)]
        archived = [each for each in found if getattr(each, "role", None) in deployment.archived.roles]
        # An archived user's role does not say who they were, so the filter must have held for everybody else.
        found = of_role if len(of_role) + len(archived) < len(found) else found
    return found


def keep(listed: DirectoryList, run_pk: UUID | None, records: Sequence[Listed]) -> PageTally:
    """Store what a page says of its records. Call it in a transaction in which the list is locked.

    ``run_pk`` is the run that reads the list; ``None`` for records that a search found, as that says nothing of how
    far the list was read.
    """
    now = timezone.now()
    told = {
        (_centre_of(listed, record), record.id): _values_of(listed, record, now)
        for record in fitting(listed, records)
    }
    known = {
        (entry.centre_id, entry.onefile_id): entry
        for entry in DirectoryEntry.objects.filter(
            tenant=listed.tenant_id,
            kind=listed.kind,
            onefile_id__in=[onefile_id for _centre, onefile_id in told],
        )
    }
    seen: dict[str, Any] = {"seen_in": run_pk, "seen_at": now, "gone_at": None}
    new, changed, same, renamed, unseen = [], [], [], 0, False
    for key, values in told.items():
        entry = known.get(key)
        if entry is None:
            centre_id, onefile_id = key
            new.append(
                DirectoryEntry(
                    tenant_id=listed.tenant_id,
                    kind=listed.kind,
                    centre_id=centre_id,
                    onefile_id=onefile_id,
                    **values,
                    **seen,
                )
            )
            continue
        unseen = unseen or (entry.seen_in, entry.role) != (run_pk, listed.role)
        values = _with_what_was_left_out(entry, values)
        if all(getattr(entry, name) == value for name, value in values.items()):
            same.append(entry.pk)
            continue
        renamed += any(getattr(entry, name) != values[name] for name in _NAMES)
        for name, value in (values | seen).items():
            setattr(entry, name, value)
        changed.append(entry)
    DirectoryEntry.objects.bulk_create(new, ignore_conflicts=True)
    DirectoryEntry.objects.bulk_update(changed, [*_VALUES, *seen])
    DirectoryEntry.objects.filter(pk__in=same).update(**seen)
    return PageTally(len(new), renamed, unseen or bool(new))


def mark_gone(listed: DirectoryList, run_pk: UUID) -> int:
    """Mark the entries that a run has not found in a list. Returns how many."""
    left = of_list(listed).filter(gone_at=None).exclude(seen_in=run_pk)
    return left.update(gone_at=timezone.now())


def forget_old(listed: DirectoryList) -> None:
    """Clear the details of a list that are older than they may be."""
    if listed.kind == DirectoryKind.LEARNER:
        forget_old_details(of_list(listed))


def digests_of(person: Person | PersonRow) -> dict[str, str]:
    """Keyed digests of what identifies somebody, by the names of :class:`.matching.Identity`; none of blanks.

    Those of ``dob_alike`` and ``ni_alike``, which are several, stand behind each other with spaces between them.
    """
    values = {
        "email": (identity.email(person.email),),
        "uln": (identity.uln(person.uln),),
        "ni": (identity.ni_number(person.ni_number),),
        "ni_alike": identity.ni_numbers_alike(person.ni_number),
        "dob": (identity.date_of_birth(person.date_of_birth),),
        "dob_alike": identity.dates_of_birth_alike(person.date_of_birth),
    }
    digests = {
        name: " ".join(digest(name, each) for each in several if each) for name, several in values.items()
    }
    return {name: several for name, several in digests.items() if several}


def digest(name: str, value: str) -> str:
    """The keyed digest of a normalised value. PICSWeb's values are digested in the same way to be compared."""
    return crypto.fingerprint(name, value)[:_DIGEST_LENGTH]


def values_of_person(person: Person, *, with_email: bool) -> dict[str, Any]:
    """The values of an entry for a user, without the role, the digests and when they were read."""
    return {
        "name": _cut("name", f"{person.first_name} {person.last_name}".strip()),
        "first_name": _cut("first_name", person.first_name),
        "last_name": _cut("last_name", person.last_name),
        "mis_value": _cut("mis_value", person.mis_value),
        "email": _cut("email", person.email) if with_email else "",
        "code": "",
        "archived": person.archived,
        "start_date": person.start_date,
    }


def _centre_of(listed: DirectoryList, record: Listed) -> int:
    """The list's centre. In the list of all centres, the record's own one; 0 if it does not say."""
    if listed.centre_id or listed.kind == DirectoryKind.CENTRE:
        return listed.centre_id
    return getattr(record, "centre_id", None) or 0


def _values_of(listed: DirectoryList, record: Listed, now: datetime) -> dict[str, Any]:
    rest: dict[str, Any] = {"role": listed.role, "digests": {}, "detailed_at": None}
    if isinstance(record, Person):
        is_learner = listed.kind == DirectoryKind.LEARNER
        digests = digests_of(record) if is_learner else {}
        values = values_of_person(record, with_email=not is_learner)
        whole = digests.keys() >= _WHOLE
        return values | rest | {"digests": digests, "detailed_at": now if whole else None}
    values = {
        "name": "",
        "first_name": "",
        "last_name": "",
        "mis_value": "",
        "email": "",
        "code": "",
        "archived": None,
        "start_date": None,
    }
    if isinstance(record, Standard):
        values |= {"name": _cut("name", record.title), "code": _cut("code", record.code)}
    elif isinstance(record, NamedRecord):
        values |= {
            "name": _cut("name", record.name),
            "mis_value": _cut("mis_value", record.mis_value),
            "email": _cut("email", record.email),
            "archived": None if record.active is None else not record.active,
        }
    else:
        values["name"] = _cut("name", record.name)
    return values | rest


def _with_what_was_left_out(entry: DirectoryEntry, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a list item, with those of the record itself where the item has none."""
    if entry.detailed_at is None:
        return dict(values)
    kept = {name: getattr(entry, name) for name in _OFTEN_LEFT_OUT if values[name] in ("", None)}
    return {
        **values,
        **kept,
        "digests": {**entry.digests, **values["digests"]},
        "detailed_at": values["detailed_at"] or entry.detailed_at,
    }


def _cut(name: str, text: str) -> str:
    return text.replace("\x00", "")[: _LONGEST[name]]
