"""The two sides of *Match with OneFile*, in the form in which they are compared: PICSWeb's rows and the kept lists.

What identifies a learner beyond names and MIS Value is compared as keyed digests, as the kept lists have nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from onefile_sync import host
from onefile_sync.host.snapshot import OrganisationRow, PersonRow
from onefile_sync.models import LIST_OF, DirectoryEntry, DirectoryKind, RecordLink, SubjectKind, Tenant

from . import directory, identity
from .directory_entries import digests_of
from .matching import Identity, OrganisationIdentity, Pair

_CHUNK: Final = 500


def unlinked(tenant: Tenant, kind: str, today: date) -> set[str]:
    """The primary keys of the rows for which a record of OneFile is wanted.

    Learners in scope, officers in use and all organisations, without a OneFile ID. Where the customer has several
    centres, officers and organisations with one are wanted as well, for the other centres.
    """
    if kind == SubjectKind.LEARNER:
        return {row.pk for row in host.unlinked_in_scope(today)}
    rows: Iterable[PersonRow | OrganisationRow] = (
        host.officers_in_use(today) if kind == SubjectKind.OFFICER else host.organisations()
    )
    several = (tenant.centres or 0) > 1
    return {row.pk for row in rows if several or row.onefile_id is None}


def without_link(tenant: Tenant | None, kind: str, today: date) -> set[str]:
    """The primary keys of the learners in scope, officers in use or organisations that are not linked in any centre."""
    if kind == SubjectKind.LEARNER:
        return {row.pk for row in host.unlinked_in_scope(today)}
    rows: Iterable[PersonRow | OrganisationRow] = (
        host.officers_in_use(today) if kind == SubjectKind.OFFICER else host.organisations(linked=False)
    )
    on_record = RecordLink.objects.filter(tenant=tenant, subject_kind=kind, in_row=False, ended_at=None)
    return {row.pk for row in rows if row.onefile_id is None}.difference(
        on_record.values_list("subject_pk", flat=True)
    )


def linked_ids(tenant: Tenant, kind: str) -> set[int]:
    """The OneFile IDs of a kind that rows of PICSWeb have, in their column or on record for a further centre."""
    found, after_pk = set(), ""
    while rows := host.rows_with_onefile_id(kind, after_pk):
        found |= {onefile_id for _pk, onefile_id, _centre in rows}
        after_pk = rows[-1][0]
    return found | {each.onefile_id for each in _open_links(tenant, kind)}


@dataclass(frozen=True, slots=True)
class Names:
    """What the rows without a OneFile ID share with those records of OneFile that may be theirs."""

    names: frozenset[str]
    whole_names: frozenset[tuple[str, ...]]
    mis_values: frozenset[str]

    @classmethod
    def of(cls, rows: Iterable[PersonRow]) -> Names:
        whole_names: set[tuple[str, ...]] = set()
        mis_values: set[str] = set()
        for row in rows:
            whole_names.add(_whole_name(row.first_name, row.surname))
            mis_values.add(identity.mis_value(row.ident))
        names = {each for name in whole_names for each in name}
        return cls(frozenset(names - {""}), frozenset(whole_names), frozenset(mis_values - {""}))

    def may_include(self, entry: DirectoryEntry) -> bool:
        """Whether somebody has one of the entry's names, or its MIS Value. Who shares neither is nobody's match."""
        theirs = _whole_name(entry.first_name, entry.last_name)
        return not self.names.isdisjoint(theirs) or self._has_mis_value(entry)

    def has_both(self, entry: DirectoryEntry) -> bool:
        """Whether somebody has both of the entry's names, in either order, or its MIS Value."""
        return _whole_name(entry.first_name, entry.last_name) in self.whole_names or self._has_mis_value(
            entry
        )

    def _has_mis_value(self, entry: DirectoryEntry) -> bool:
        return identity.mis_value(entry.mis_value) in self.mis_values


def _whole_name(first: str, surname: str) -> tuple[str, ...]:
    """Both names, as they are compared, in alphabetical order."""
    return tuple(sorted((identity.first_given_name(first), identity.name(surname))))


def person_of_row(row: PersonRow, *, linked: bool = False) -> Identity:
    """A learner or officer of PICSWeb."""
    return person_of_values(
        row.pk,
        digests_of(row),
        mis=row.ident,
        email="" if row.kind == "learner" else row.email,
        first=row.first_name,
        surname=row.surname,
        start=row.start_date,
        linked=linked,
    )


def person_of_entry(entry: DirectoryEntry, *, linked: bool = False) -> Identity:
    """A learner or assessor of OneFile. Learners are told apart by centre, assessors by role as well."""
    is_learner = entry.kind == DirectoryKind.LEARNER
    return person_of_values(
        str(entry.onefile_id),
        entry.digests,
        centre=str(entry.centre_id) if is_learner else f"{entry.centre_id} {entry.role}",
        mis=entry.mis_value,
        email=entry.email,
        first=entry.first_name,
        surname=entry.last_name,
        start=entry.start_date,
        linked=linked,
    )


def person_of_values(
    key: str,
    digests: Mapping[str, str],
    *,
    mis: str,
    email: str,
    first: str,
    surname: str,
    **values: Any,
) -> Identity:
    """Somebody by names, MIS Value and digests. ``email`` is blank where e-mails are compared as digests."""
    return Identity(
        key=key,
        mis=identity.mis_value(mis),
        uln=digests.get("uln", ""),
        ni=digests.get("ni", ""),
        email=identity.email(email) or digests.get("email", ""),
        dob=digests.get("dob", ""),
        dob_alike=tuple(digests.get("dob_alike", "").split()),
        ni_alike=tuple(digests.get("ni_alike", "").split()),
        first=identity.first_given_name(first),
        surname=identity.name(surname),
        **values,
    )


def organisation_of(key: str, mis: str, name: str, *, linked: bool = False) -> OrganisationIdentity:
    """An organisation of PICSWeb, or a placement of OneFile."""
    return OrganisationIdentity(
        key=key,
        mis=identity.mis_value(mis),
        name=identity.organisation_name(name),
        core=identity.organisation_core(name),
        linked=linked,
    )


def our_learners() -> Iterator[Identity]:
    """All learners. Those who have ended compete for the records of OneFile, so that nobody gets another's."""
    return (person_of_row(row, linked=row.onefile_id is not None) for row in host.all_people("learner"))


def entries_of(tenant: Tenant, kind: str) -> Iterator[DirectoryEntry]:
    """What OneFile's kept lists have of a kind, once each, by OneFile ID."""
    last = None
    entries = directory.entries(tenant, LIST_OF[kind]).order_by("onefile_id", "pk")
    for entry in entries.iterator(chunk_size=_CHUNK):
        if entry.onefile_id != last:
            last = entry.onefile_id
            yield entry


def linked_in(
    tenant: Tenant,
    kind: str,
    rows: Iterable[PersonRow | OrganisationRow],
    centres_of: Mapping[int, int],
) -> set[tuple[str, int]]:
    """The primary keys of officers or organisations that have a record in a centre, with that centre.

    ``centres_of`` are the centres of the kept records. Whose record stands in no list may have it in any centre.
    """
    found: set[tuple[str, int]] = set()
    centres = set(centres_of.values())
    for row in rows:
        if row.onefile_id is not None:
            where = centres_of.get(row.onefile_id)
            found |= {(row.pk, centre) for centre in ([where] if where is not None else centres)}
    return found | {(each.subject_pk, each.centre_id) for each in _open_links(tenant, kind)}


def _open_links(tenant: Tenant, kind: str) -> list[RecordLink]:
    """Open links. One that its row contradicts counts as well: nobody is to get that record unseen."""
    return list(RecordLink.objects.filter(tenant=tenant, subject_kind=kind, ended_at=None))


def codes_of(pair: Pair) -> list[str]:
    """What a pair has in common as suggestions and links keep it: values that differ by a slip have a leading tilde."""
    return [*pair.evidence, *(f"~{field}" for field in pair.slips)]
