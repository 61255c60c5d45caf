"""Which VQ References of PICSWeb have a standard in OneFile: Refresh Qualification Links.

A standard is found by its code, which OneFile shows behind the title in square brackets. Codes are compared without
spaces, slashes, hyphens and case. Linked qualifications stay linked, whatever is found here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.core.exceptions import ImproperlyConfigured

from onefile_sync import checks, host
from onefile_sync.models import DirectoryEntry, DirectoryKind, SyncRun
from onefile_sync.sync.connection.session import NotConnected

from . import directory, identity
from .tenants import present_tenant

#: Near misses that are shown of each reference.
MOST_NEAR: Final = 5


@dataclass(frozen=True, slots=True)
class ListedStandard:
    """A standard of one centre. ``gone_at`` is when OneFile's list no longer had it."""

    onefile_id: int
    centre_id: int
    title: str
    code: str
    gone_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReferenceLink:
    """A VQ Reference of PICSWeb and the standards with this code.

    ``pathways``: one centre has several of them, so a person chooses by title. ``near`` has standards whose code has
    the same digits or differs by one character; only where no standard was found.
    """

    reference: str
    qualifications: int
    standards: tuple[ListedStandard, ...]
    pathways: bool = False
    near: tuple[ListedStandard, ...] = ()


@dataclass(frozen=True, slots=True)
class SharedCode:
    """A code that several standards of one centre have, which are its pathways."""

    code: str
    centre_id: int
    standards: tuple[ListedStandard, ...]


@dataclass(frozen=True, slots=True)
class GoneStandard:
    """A standard that OneFile no longer lists, and how many linked qualifications have its code."""

    standard: ListedStandard
    qualifications: int


@dataclass(frozen=True, slots=True)
class CentreStandards:
    """The kept list of one centre's standards. ``centre_id`` 0 stands for all centres. ``failure`` is a code."""

    centre_id: int
    name: str
    read_at: datetime | None
    standards: int
    is_fresh: bool
    failure: str


@dataclass(frozen=True, slots=True)
class QualificationLinks:
    """What is known of OneFile's standards. ``run`` reads them now.

    ``knows_references`` is false if PICSWeb's mapping has no field for the VQ Reference.
    """

    centres: tuple[CentreStandards, ...] = ()
    standards: int = 0
    references: tuple[ReferenceLink, ...] = ()
    shared_codes: tuple[SharedCode, ...] = ()
    gone: tuple[GoneStandard, ...] = ()
    run: SyncRun | None = None
    knows_references: bool = True

    @property
    def read_at(self) -> datetime | None:
        """When the oldest of the lists was read; ``None`` if one was never read."""
        times = [centre.read_at for centre in self.centres]
        return None if not times or None in times else min(time for time in times if time)

    @property
    def without_standard(self) -> tuple[ReferenceLink, ...]:
        return tuple(each for each in self.references if not each.standards)

    @property
    def with_pathways(self) -> tuple[ReferenceLink, ...]:
        return tuple(each for each in self.references if each.pathways)


def qualification_links() -> QualificationLinks:
    """What the kept lists say of the VQ References in use. No call to OneFile; a constant number of queries.

    Nothing if the mapping is wrong or OneFile is not set up, which the system checks and the settings page report.
    """
    if checks.mapping_errors():
        return QualificationLinks()
    try:
        tenant = present_tenant()
    except (NotConnected, ImproperlyConfigured):
        return QualificationLinks()
    names = {centre.onefile_id: centre.name for centre in directory.centres(tenant)}
    lists = directory.lists(tenant).filter(kind=DirectoryKind.STANDARD)
    centres = tuple(
        CentreStandards(
            each.centre_id,
            names.get(each.centre_id, ""),
            each.read_at,
            each.entries,
            directory.is_fresh(each),
            each.failure,
        )
        for each in lists
        if each.read_at or each.failure
    )
    found = [_plain(entry) for entry in directory.entries(tenant, DirectoryKind.STANDARD)]
    gone = [_plain(entry) for entry in directory.entries(tenant, DirectoryKind.STANDARD, gone=True)]
    return QualificationLinks(
        centres=centres,
        standards=len({standard.onefile_id for standard in found}),
        references=link_references(host.references_in_use(), found) if centres else (),
        shared_codes=shared_codes(found),
        gone=gone_in_use(host.references_in_use(linked=True), found, gone) if gone else (),
        run=SyncRun.objects.filter(open_key=directory.OPEN_KEY).first(),
        knows_references=host.knows_references(),
    )


def _plain(entry: DirectoryEntry) -> ListedStandard:
    return ListedStandard(entry.onefile_id, entry.centre_id, entry.name, entry.code, entry.gone_at)


def link_references(
    in_use: Mapping[str, int], standards: Iterable[ListedStandard]
) -> tuple[ReferenceLink, ...]:
    """The references in use, each with its standards, or with near misses if there are none. By reference."""
    by_code = _by_code(standards)
    nearness = _Nearness(by_code)
    links = []
    for reference, number in sorted(in_use.items()):
        code = identity.code(reference)
        found = tuple(_in_order(by_code.get(code, ())))
        links.append(
            ReferenceLink(
                reference,
                number,
                found,
                pathways=_twice_in_a_centre(found),
                near=() if found else tuple(nearness.of(code)),
            )
        )
    return tuple(links)


def shared_codes(standards: Iterable[ListedStandard]) -> tuple[SharedCode, ...]:
    """The codes that several standards of one centre have, by code and centre."""
    by_centre: defaultdict[tuple[str, int], list[ListedStandard]] = defaultdict(list)
    for code, found in _by_code(standards).items():
        for each in found:
            by_centre[code, each.centre_id].append(each)
    return tuple(
        SharedCode(found[0].code, centre_id, tuple(_in_order(found)))
        for (_code, centre_id), found in sorted(by_centre.items())
        if len(found) > 1
    )


def gone_in_use(
    linked: Mapping[str, int], present: Iterable[ListedStandard], gone: Iterable[ListedStandard]
) -> tuple[GoneStandard, ...]:
    """The standards no longer listed that linked qualifications have the code of, unless another one has that code."""
    number_of: defaultdict[str, int] = defaultdict(int)
    for reference, number in linked.items():
        number_of[identity.code(reference)] += number
    still = _by_code(present).keys()
    return tuple(
        GoneStandard(each, number_of[code])
        for code, found in sorted(_by_code(gone).items())
        if number_of[code] and code not in still
        for each in _in_order(found)
    )


def _by_code(standards: Iterable[ListedStandard]) -> dict[str, list[ListedStandard]]:
    found: defaultdict[str, list[ListedStandard]] = defaultdict(list)
    for standard in standards:
        if code := identity.code(standard.code):
            found[code].append(standard)
    return dict(found)


def _in_order(standards: Iterable[ListedStandard]) -> list[ListedStandard]:
    return sorted(standards, key=lambda each: (each.centre_id, each.title, each.onefile_id))


def _twice_in_a_centre(standards: Sequence[ListedStandard]) -> bool:
    return len({each.centre_id for each in standards}) < len(standards)


class _Nearness:
    """Finds codes with the same digits and other letters, or that differ by one character, without comparing all."""

    def __init__(self, by_code: Mapping[str, list[ListedStandard]]) -> None:
        self._by_code = by_code
        self._codes: defaultdict[tuple[object, ...], set[str]] = defaultdict(set)
        for code in by_code:
            for key in {*_alike(code), ("whole", code), *(("less", rest) for _place, rest in _less(code))}:
                self._codes[key].add(code)

    def of(self, code: str) -> list[ListedStandard]:
        keys = {*_alike(code), ("less", code), *(("whole", rest) for _place, rest in _less(code))}
        near = set().union(*(self._codes.get(key, set()) for key in keys)) - {code}
        # A standard of several centres is named once.
        found = {(each.title, each.code): each for other in sorted(near) for each in self._by_code[other]}
        ranked = sorted(
            found.values(), key=lambda each: (_digits(each.code) != _digits(code), each.code, each.title)
        )
        return ranked[:MOST_NEAR]


def _alike(code: str) -> set[tuple[object, ...]]:
    """What a code has in common with those that have the same digits, or another character in one place."""
    alike: set[tuple[object, ...]] = {("other", *each) for each in _less(code)}
    return alike | {("digits", _digits(code))} if _digits(code) else alike


def _less(code: str) -> list[tuple[int, str]]:
    """The code without each of its characters. One or two characters are too few to be near to others."""
    places = range(len(code)) if len(code) > 2 else ()
    return [(place, code[:place] + code[place + 1 :]) for place in places]


def _digits(code: str) -> str:
    return "".join(character for character in code if character.isdigit())
