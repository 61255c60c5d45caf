"""Looks in OneFile for a record that a create without an answer may have made, and for those that were there before.

No filter is believed: each record is compared here, with digests of what was sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.views.decorators.debug import sensitive_variables

from onefile_sync import host
from onefile_sync.conf import deployment
from onefile_sync.host.snapshot import Value, comparable
from onefile_sync.linking import identity
from onefile_sync.models import CreateIntent, CreateKind, RecordLink, Tenant
from onefile_sync.onefile.client import MAX_PAGES, OneFile
from onefile_sync.onefile.errors import OneFileError
from onefile_sync.onefile.records import AimOutline, NamedRecord, Person, SearchResult
from onefile_sync.sync.learner.fetch import ROLE_LEARNER

from .creates import person_name, sent_digests, whole_name

#: What has to be known of a user before it is called the same.
_TELLING: Final = frozenset({"role", "centre_id", "email", "mis_value", "date_of_birth"})
#: Records read at most to tell whether they are the same. Further ones with the same names make a search incomplete.
MOST_READ: Final = 50


@dataclass(frozen=True, slots=True)
class Hits:
    """The OneFile IDs of the records that fit. ``complete``: no other one can be there."""

    ids: tuple[int, ...] = ()
    complete: bool = True

    def without(self, ids: Iterable[int]) -> Hits:
        gone = set(ids)
        return Hits(tuple(each for each in self.ids if each not in gone), self.complete)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for: a record of a kind, in a centre, with these digests of values that were sent.

    ``values`` are what PICSWeb has now. They serve as filters as far as they are what was sent.
    """

    kind: CreateKind
    centre_id: int
    sent: Mapping[str, str]
    values: Mapping[str, Value] = field(default_factory=dict, repr=False)

    @property
    def roles(self) -> tuple[int, ...]:
        return (ROLE_LEARNER,) if self.kind is CreateKind.LEARNER else tuple(deployment.assessor_roles)

    def filters(self) -> list[dict[str, str]] | None:
        """What to search users for, one after the other; ``None`` if PICSWeb no longer has what was sent."""
        present = {name: comparable(self.values.get(name)) for name in ("mis_value", "email")}
        digests = sent_digests(name="", **present)
        if any(self.sent.get(key) not in (None, digests.get(key)) for key in ("mis", "email")):
            return None
        return [{name: text} for name, text in present.items() if text] or None

    def name_filter(self) -> str:
        """The name to search placements and classes for; ``""`` if PICSWeb no longer has what was sent."""
        name = comparable(self.values.get("name"))
        return name if sent_digests(name=whole_name(name)).get("name") == self.sent.get("name") else ""


@dataclass(slots=True)
class RecordSearch:
    """Searches of one run. ``filters_ignored``: OneFile was seen to bring records that do not fit a filter."""

    onefile: OneFile
    filters_ignored: bool = False

    @sensitive_variables()
    def who_fits(self, wanted: Wanted) -> Hits:
        """The users, placements or classes that fit. Raises :class:`~onefile_sync.onefile.errors.OneFileError`."""
        if wanted.kind in (CreateKind.LEARNER, CreateKind.ASSESSOR):
            return self._people(wanted)
        search = self.onefile.placements if wanted.kind is CreateKind.PLACEMENT else self.onefile.classrooms
        return self._named(wanted, search)

    def all_aims(self, learner_id: int) -> tuple[list[AimOutline], bool]:
        """The learner's learning aims, and whether all of them could be read."""
        found: dict[int, AimOutline] = {}
        complete = True
        for number in range(1, MAX_PAGES + 1):
            page = self.onefile.page_of_aim_outlines(number, learner_id)
            complete = complete and not page.unreadable_items
            known = len(found)
            for aim in page.records:
                found.setdefault(aim.id, aim)
            if len(found) == known and not 0 < page.unreadable_items == page.items:
                return [each for each in found.values() if each.learner_id in (None, learner_id)], complete
        return list(found.values()), False

    def fitting(self, people: Iterable[Person], wanted: Wanted) -> Hits:
        """Those of the users, found by an earlier search that was complete, who fit."""
        return self._compared(people, wanted, complete=True)

    # Users

    def _people(self, wanted: Wanted) -> Hits:
        found: dict[int, Person] = {}
        complete = True
        filters = None if self.filters_ignored else wanted.filters()
        for each in filters or ():
            result = self._search_people(wanted, each)
            complete = complete and not result.unreadable_items
            if not all(_is_as_filtered(person, each, wanted) for person in result.records):
                self.filters_ignored, filters = True, None
                break
            found |= {person.id: person for person in result.records}
        if filters is None:
            found, complete = {}, True
            for role in wanted.roles:
                result = self.onefile.people(centre_id=wanted.centre_id, role=role)
                complete = complete and not result.unreadable_items
                found |= {person.id: person for person in result.records}
        return self._compared(found.values(), wanted, complete=complete)

    def _search_people(self, wanted: Wanted, filters: Mapping[str, str]) -> SearchResult[Person]:
        role = ROLE_LEARNER if wanted.kind is CreateKind.LEARNER else None  # one search for all roles
        return self.onefile.people(
            centre_id=wanted.centre_id,
            role=role,
            mis_value=filters.get("mis_value", ""),
            email=filters.get("email", ""),
        )

    def _compared(self, people: Iterable[Person], wanted: Wanted, *, complete: bool) -> Hits:
        ids: list[Person] = []
        to_read: list[Person] = []
        for person in people:
            if not _may_fit(person, wanted):
                continue
            (to_read if person.silent & _TELLING else ids).append(person)
        for person in to_read[:MOST_READ]:
            try:
                whole = self.onefile.person(person.id)
            except OneFileError as error:
                if error.code != "not_found":
                    raise
                continue
            ids.append(whole)
        fitting = tuple(sorted(each.id for each in ids if _fits(each, wanted)))
        return Hits(fitting, complete and len(to_read) <= MOST_READ)

    # Placements and classes

    def _named(self, wanted: Wanted, search: Callable[[int, str], SearchResult[NamedRecord]]) -> Hits:
        name = "" if self.filters_ignored else wanted.name_filter()
        result = search(wanted.centre_id, name)
        if name and not all(_has_name(each, wanted) for each in result.records):
            self.filters_ignored = True
            result = search(wanted.centre_id, "")
        fitting = (each.id for each in result.records if _is_the_named(each, wanted))
        return Hits(tuple(sorted(fitting)), not result.unreadable_items)


def aims_of_standard(aims: Sequence[AimOutline], complete: bool, standard_id: int) -> Hits:
    """Those of a standard. An item that does not say its standard may be of any."""
    fitting = tuple(sorted(each.id for each in aims if each.standard_id == standard_id))
    return Hits(fitting, complete and all(each.standard_id is not None for each in aims))


def linked_elsewhere(tenant: Tenant, kind: str, pk: str, onefile_ids: Iterable[int]) -> set[int]:
    """Those of the records that another row of PICSWeb is linked to. Two queries."""
    ids = list(onefile_ids)
    if not ids:
        return set()
    on_record = RecordLink.objects.filter(
        tenant=tenant, subject_kind=kind, onefile_id__in=ids, ended_at=None
    ).exclude(subject_pk=pk)
    in_rows = host.pks_with_onefile_id(kind, ids)
    held = {onefile_id for onefile_id, pks in in_rows.items() if set(pks) - {pk}}
    return held | set(on_record.filter(in_row=False).values_list("onefile_id", flat=True))


def ours_among(hits: Hits, intent: CreateIntent) -> Hits:
    """The hits that may be what the intent created: none seen before, none that another row is linked to."""
    rest = hits.without(intent.seen_before)
    if intent.kind in (CreateKind.CLASSROOM, CreateKind.ASSIGNMENT):
        return rest
    return rest.without(linked_elsewhere(intent.tenant, intent.subject_kind, intent.subject_pk, rest.ids))


def _digests(person: Person) -> dict[str, str]:
    return sent_digests(
        name=person_name(person.first_name, person.last_name),
        email=person.email,
        mis_value=person.mis_value,
        date_of_birth=comparable(person.date_of_birth),
    )


def _is_in_place(person: Person, wanted: Wanted) -> bool:
    """Whether a user's centre and role are those that were asked for, as far as they are known."""
    is_of_role = person.role is None or person.role in wanted.roles or bool(person.archived)
    return is_of_role and person.centre_id in (None, wanted.centre_id)


def _is_as_filtered(person: Person, filters: Mapping[str, str], wanted: Wanted) -> bool:
    """Whether a filter may have brought this user. A value that a list item leaves out is taken for the same."""
    theirs = _digests(person)
    if person.centre_id not in (None, wanted.centre_id):
        return False
    if wanted.kind is CreateKind.LEARNER and not _is_in_place(person, wanted):
        return False
    key = "mis" if "mis_value" in filters else "email"
    if theirs.get(key) == wanted.sent.get(key):
        return True
    return key not in theirs and theirs.get("name") == wanted.sent.get("name")


def _may_fit(person: Person, wanted: Wanted) -> bool:
    """Whether a user may be the one, by what a list item says."""
    theirs, sent = _digests(person), wanted.sent
    if not _is_in_place(person, wanted):
        return False
    return ("mis" in sent and theirs.get("mis") == sent["mis"]) or theirs.get("name") == sent.get("name")


def _fits(person: Person, wanted: Wanted) -> bool:
    """By MIS Value; else by e-mail and both names, and a learner's date of birth is equal, or blank in OneFile."""
    if not _is_in_place(person, wanted):
        return False
    theirs, sent = _digests(person), wanted.sent
    if "mis" in theirs and "mis" in sent:
        return theirs["mis"] == sent["mis"]
    is_same_day = wanted.kind is not CreateKind.LEARNER or theirs.get("dob") in (None, sent.get("dob"))
    return is_same_day and all(key in sent and theirs.get(key) == sent[key] for key in ("name", "email"))


def _has_name(record: NamedRecord, wanted: Wanted) -> bool:
    is_named = sent_digests(name=whole_name(record.name)).get("name") == wanted.sent.get("name")
    return is_named and record.centre_id in (None, wanted.centre_id)


def _is_the_named(record: NamedRecord, wanted: Wanted) -> bool:
    """By the whole name, unless MIS Values contradict it."""
    mis, sent = identity.mis_value(record.mis_value), wanted.sent.get("mis")
    is_other = bool(mis) and sent is not None and sent_digests(name="", mis_value=mis).get("mis") != sent
    return _has_name(record, wanted) and not is_other


def wanted_of(intent: CreateIntent, values: Mapping[str, Value]) -> Wanted:
    """What to look for again. ``values`` are what PICSWeb has now."""
    return Wanted(CreateKind(intent.kind), intent.centre_id, intent.sent, values)
