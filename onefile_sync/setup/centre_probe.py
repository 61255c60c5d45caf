"""Reads two users and the standards of some centres, and reports what linking has to know of OneFile.

Only reads. The report contains property names, kinds of values and counts, but no values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from onefile_sync.onefile import centre_records
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.endpoints import READ_USER, SEARCH_STANDARDS, SEARCH_USERS
from onefile_sync.onefile.operations import Operation
from onefile_sync.onefile.parsing import Item, is_blank, item_with_id
from onefile_sync.onefile.records import Person

from .probe import Detail, NameState
from .probe_answers import ProbeAnswer, Property, ask
from .redaction import kind_of, shown

#: Centres whose standards are compared.
MOST_CENTRES = 5
#: A MIS Value that nobody has.
NOBODY = "onefile-sync-probe-nobody-4d1b7c"
#: Kinds of values of which it is said that they differ between the two users. Texts and dates of two people always do.
TELLING = ("yes or no", "whole number")

READ_STANDARD = Operation("read standard", "GET", "/Standard/{}", repeatable=True)

Filters = Literal["exact", "partial", "ignored", "no match", "unknown"]


@dataclass(frozen=True, slots=True)
class DifferingProperty:
    """A property that differs between the two users, with the kind of its value in each; ``absent`` for none."""

    name: str
    active: str
    archived: str


@dataclass(frozen=True, slots=True)
class UsersReport:
    """Two users side by side. ``names`` says of each name in ``USER_NAMES`` whether either user has that property.

    The last two are what ``ARCHIVED`` makes of the two users; ``None`` if it does not tell.
    """

    active: Detail
    archived: Detail
    differing: tuple[DifferingProperty, ...]
    names: Mapping[str, NameState]
    active_counts_as_archived: bool | None
    archived_counts_as_archived: bool | None


@dataclass(frozen=True, slots=True)
class StandardsReport:
    """The standards on the first page of each centre. ``with_code`` is the number of those that have a code.

    ``same_id_in_two_centres`` is ``None`` if the records do not show it.
    """

    centres: int
    found: int
    with_code: int
    properties: tuple[Property, ...]
    standard: Detail | None
    same_id_in_two_centres: bool | None


@dataclass(frozen=True, slots=True)
class FiltersReport:
    """How many users a first page has for the MIS Value of the active user, for its beginning, and for nobody's.

    A number is ``None`` if that search was refused or not made. ``archived_found`` says whether a search for the role
    of the active user finds the archived one; ``None`` if that cannot be told.
    """

    known: int | None
    beginning: int | None
    nobody: int | None
    filters: Filters
    archived_found: bool | None


@dataclass(frozen=True, slots=True)
class CentreReport:
    """What was asked for, without values."""

    api_calls: int
    users: UsersReport | None
    standards: StandardsReport | None
    search: FiltersReport | None


def look_at_centres(
    onefile: OneFile, users: tuple[int, int] | None, *, standards: bool, search: bool
) -> CentreReport:
    """Probe what was asked for, in about fifteen calls. ``users`` are the IDs of an active and an archived user.

    ``search`` needs ``users``. A refused call becomes part of the report, but an error of scope RUN is raised.
    """
    calls_before = onefile.transport.calls
    answers = [ask(onefile.transport, READ_USER, (user_id,)) for user_id in users or ()]
    people = [onefile.as_person(answer.content, read_alone=True) for answer in answers]
    return CentreReport(
        users=_users(onefile, answers, people) if users else None,
        standards=_standards(onefile) if standards else None,
        search=_search_filters(onefile, *people) if search and users else None,
        api_calls=onefile.transport.calls - calls_before,
    )


def _users(onefile: OneFile, answers: list[ProbeAnswer], people: list[Person | None]) -> UsersReport:
    active, archived = (
        Detail(answer.described, answer.properties, tuple(sorted(person.unreadable)) if person else ())
        for answer, person in zip(answers, people, strict=True)
    )
    return UsersReport(
        active=active,
        archived=archived,
        differing=_differing(*answers) if all(people) else (),
        names={name: _state(name, ours, answers, people) for ours, name in onefile.user_names.items()},
        active_counts_as_archived=people[0].archived if people[0] else None,
        archived_counts_as_archived=people[1].archived if people[1] else None,
    )


def _differing(active: ProbeAnswer, archived: ProbeAnswer) -> tuple[DifferingProperty, ...]:
    (of_active,), (of_archived,) = active.records, archived.records
    differing = []
    for name in dict.fromkeys([*of_active, *of_archived]):
        kinds = [kind_of(name, each[name]) if name in each else "absent" for each in (of_active, of_archived)]
        is_id = name.casefold() == "id"
        same = kinds[0] not in TELLING or is_id or of_active.get(name) == of_archived.get(name)
        if kinds[0] != kinds[1] or not same:
            differing.append(DifferingProperty(shown(name), *kinds))
    return tuple(differing)


def _state(name: str, ours: str, answers: list[ProbeAnswer], people: list[Person | None]) -> NameState:
    """The strongest state of a property over both users."""
    if any(person and ours in person.unreadable for person in people):
        return "unreadable"
    items = [Item(record) for answer in answers for record in answer.records]
    having = [item for item in items if item.has(name)]
    if any(not is_blank(item.as_sent(name)) for item in having):
        return "present"
    return "blank" if having else "absent" if items else "unknown"


def _standards(onefile: OneFile) -> StandardsReport:
    centres = onefile.centres(onefile.customer().id).records[:MOST_CENTRES]
    pages = [
        ask(onefile.transport, SEARCH_STANDARDS, (1, onefile.page_size), {"OrganisationID": centre.id})
        for centre in centres
    ]
    ids = [{found[1] for record in page.records if (found := item_with_id(record))} for page in pages]
    whole = ProbeAnswer([record for page in pages for record in page.records])
    read = (centre_records.standard(record, onefile.standard_names) for record in whole.records)
    first = next((one for each in ids for one in sorted(each)), None)
    alone = ask(onefile.transport, READ_STANDARD, (first,)) if first else None
    is_complete = all(page.refused is None and len(page.listed) < onefile.page_size for page in pages)
    shared: bool | None = any(one & other for one, other in combinations(ids, 2))
    if not shared and (not is_complete or sum(map(bool, ids)) < 2):
        shared = None
    return StandardsReport(
        centres=len(centres),
        found=len(whole.records),
        with_code=sum(bool(standard and standard.code) for standard in read),
        properties=whole.properties,
        standard=Detail(alone.described, alone.properties) if alone else None,
        same_id_in_two_centres=shared,
    )


def _search_filters(onefile: OneFile, active: Person | None, archived: Person | None) -> FiltersReport:
    def search(person: Person, mis_value: str, role: int | None) -> tuple[int | None, bool]:
        """How many users come, and whether the person is among them."""
        names = onefile.user_names
        body = {names["centre_id"]: person.centre_id, names["role"]: role, names["mis_value"]: mis_value}
        given = {name: value for name, value in body.items() if value is not None}
        answer = ask(onefile.transport, SEARCH_USERS, (1, onefile.page_size), given)
        ids = {found[1] for record in answer.records if (found := item_with_id(record))}
        return (len(answer.listed) if answer.refused is None else None), person.id in ids

    def is_full(number: int | None) -> bool:
        return number is None or number >= onefile.page_size

    if active is None or not active.mis_value:
        return FiltersReport(None, None, None, "unknown", None)
    known, is_found = search(active, active.mis_value, active.role)
    nobody, _ = search(active, NOBODY, active.role)
    beginning, by_beginning = None, False
    if beginning_of := active.mis_value[:-1].strip():
        beginning, by_beginning = search(active, beginning_of, active.role)
    archived_found = None
    if archived is not None and archived.mis_value:
        number, archived_found = search(archived, archived.mis_value, active.role)
        archived_found = archived_found or (None if is_full(number) else False)
    filters: Filters = "unknown"
    if nobody:
        filters = "ignored"
    elif known is not None and not is_found:
        filters = "no match"
    elif beginning is not None and nobody is not None and known is not None:
        filters = "partial" if by_beginning or is_full(beginning) else "exact"
    return FiltersReport(known, beginning, nobody, filters, archived_found)
