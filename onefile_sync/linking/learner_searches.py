"""Searches OneFile for each learner without a OneFile ID, where that takes fewer calls than reading their lists.

People who are found go into the kept entries. The list itself counts neither as read nor as up to date, and
nobody is gone from it. No filter is believed: each record is compared with what was searched for. If OneFile returns
somebody who does not fit, or does not find somebody who is surely there, the run reads the lists instead.

The values that were searched for of each learner are kept with the run, as a digest, so that a run that was killed
continues, and the next one within a day does not search for the same again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from onefile_sync import crypto, events
from onefile_sync.host.snapshot import PersonRow
from onefile_sync.models import (
    DirectoryEntry,
    DirectoryKind,
    DirectoryList,
    RunKind,
    SubjectKind,
    SyncRun,
    Tenant,
)
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.errors import OneFileError, Scope
from onefile_sync.onefile.records import Person, SearchPage
from onefile_sync.sync.bulk.listings import counted
from onefile_sync.sync.learner.fetch import ROLE_LEARNER
from onefile_sync.sync.runs import leases
from onefile_sync.transactions import retried

from . import candidates, directory, directory_entries, identity, match_costs
from .matching import MOST_WITH_ONE_VALUE

#: How a run finds the learners: it has yet to choose, it searches for each of them, or it reads the lists.
TO_BE_CHOSEN: Final = "undecided"
SEARCH: Final = "search"
LISTS: Final = "lists"
#: Pages of one search. What has more pages is no search for one person.
_MOST_PAGES: Final = 5
_DIGEST_LENGTH: Final = 16


class SearchUseless(Exception):
    """Searching does not tell who is there. ``args[0]`` is a code."""


def is_left(run: SyncRun) -> bool:
    """Whether a run, whose options were read just now, has yet to choose how it finds the learners, or to search."""
    return run.options.get("way") in (TO_BE_CHOSEN, SEARCH)


def fell_back(run: SyncRun) -> bool:
    """Whether a run read the lists because searching was of no use."""
    return bool(run.options.get("fell_back"))


@sensitive_variables()
def carry_on(
    run: SyncRun,
    tenant: Tenant,
    onefile: OneFile,
    *,
    renew: Callable[[], Any],
    time_is_up: Callable[[], bool],
) -> bool:
    """Search for some learners, after choosing whether to. Returns whether nothing is left to be searched for.

    ``renew`` renews the caller's lease, without which no two workers may call this for one run, and returns something
    false if it is lost. Raises OneFileError of scope ``RUN``.
    """
    try:
        if run.options["way"] == TO_BE_CHOSEN and not _choose(run, tenant, onefile):
            return False
        taken = candidates.linked_ids(tenant, SubjectKind.LEARNER)
        for row, told in _left(run, tenant):
            if not renew():
                return False
            with counted(run, onefile):
                found = _search_for(onefile, row, run.options["page"])
            _keep(run, tenant, row.pk, told, _placed(tenant, found), taken)
            if time_is_up():
                return False
    except (SearchUseless, OneFileError) as error:
        if isinstance(error, OneFileError) and error.scope is Scope.RUN:
            raise
        _read_lists_instead(run, tenant, error.code if isinstance(error, OneFileError) else error.args[0])
        return False
    return True


# Searching or listing


def _choose(run: SyncRun, tenant: Tenant, onefile: OneFile) -> bool:
    """Whether the run searches. Otherwise the lists are added to what it reads."""
    costs = match_costs.learner_costs(tenant, run.options.get("centres", ()))
    if not costs.learners:
        _note(run, way=SEARCH, page=0)
        return True
    if costs.is_searching_cheaper is False:
        _read_lists(run, tenant)
        return False
    with counted(run, onefile):
        first = onefile.page_of_people(1, centre_id=None, role=ROLE_LEARNER)
        if costs.pages is None and not _are_lists_longer(onefile, tenant, first, costs.searches):
            _read_lists(run, tenant)
            return False
        _try_out(onefile, first)
    _note(run, way=SEARCH, page=first.items)
    return True


def _are_lists_longer(onefile: OneFile, tenant: Tenant, first: SearchPage[Person], pages: int) -> bool:
    """Whether the lists of all centres have more than this number of pages, told by a page behind that."""
    number = max(2, pages + 1 - len(directory.centres(tenant)))
    behind = onefile.page_of_people(number, centre_id=None, role=ROLE_LEARNER)
    return bool({person.id for person in behind.records} - {person.id for person in first.records})


@sensitive_variables()
def _try_out(onefile: OneFile, first: SearchPage[Person]) -> None:
    """Search for somebody of the first page by both names, to see that they are found."""
    for person in first.records:
        if identity.first_given_name(person.first_name) and identity.name(person.last_name):
            texts = {"first_name": person.first_name, "last_name": person.last_name}
            if person.id not in {each.id for each in _found(onefile, texts, first.items)}:
                raise SearchUseless("search_finds_nobody")
            return
    raise SearchUseless("search_finds_nobody")


@retried
@transaction.atomic
def _read_lists(run: SyncRun, tenant: Tenant, **options: Any) -> None:
    _note(run, way=LISTS, **options)
    directory.read_as_well(run, tenant, DirectoryKind.LEARNER)


def _read_lists_instead(run: SyncRun, tenant: Tenant, code: str) -> None:
    _read_lists(run, tenant, fell_back=code)
    events.warning("search_given_up", run=run.pk, code=code)


@retried
def _note(run: SyncRun, **options: Any) -> None:
    """Only the worker that holds the lease writes to the options."""
    run.options = {**run.options, **options}
    SyncRun.objects.filter(pk=run.pk).update(options=run.options)


# Searching


def _left(run: SyncRun, tenant: Tenant) -> list[tuple[PersonRow, str]]:
    """The learners that were not searched for with their present values in the last day, and a digest of these."""
    since = timezone.now() - directory.FRESH
    lately = SyncRun.objects.filter(kind=RunKind.MATCH, read_at__gt=since, options__tenant=tenant.pk)
    searched: dict[str, set[str]] = {}
    for options in [*lately.exclude(pk=run.pk).values_list("options", flat=True), run.options]:
        if options.get("way") == SEARCH:
            for pk, told in options.get("searched", {}).items():
                searched.setdefault(pk, set()).add(told)
    rows = ((row, _digest(row)) for row in match_costs.rows_to_find(tenant, SubjectKind.LEARNER))
    return [(row, told) for row, told in rows if told not in searched.get(row.pk, ())]


@sensitive_variables()
def _digest(row: PersonRow) -> str:
    return crypto.fingerprint("search", repr(match_costs.texts_of(row)))[:_DIGEST_LENGTH]


@sensitive_variables()
def _search_for(onefile: OneFile, row: PersonRow, longest: int) -> list[Person]:
    """Those whom OneFile returns for one of the learner's values, each once."""
    found: dict[int, Person] = {}
    for texts in match_costs.texts_of(row):
        found |= {person.id: person for person in _found(onefile, texts, longest)}
    return list(found.values())


@sensitive_variables()
def _found(onefile: OneFile, texts: dict[str, str], longest: int) -> list[Person]:
    """The people with these values, and a few of whom OneFile does not say.

    ``longest`` is the length of a full page: a shorter one is the last. Raises :class:`SearchUseless` if OneFile
    returns somebody else.
    """
    found: dict[str, dict[int, Person]] = {"whole": {}, "unsure": {}, "part": {}}
    listed: set[int] = set()
    for number in range(1, _MOST_PAGES + 1):
        page = onefile.page_of_people(number, centre_id=None, role=ROLE_LEARNER, texts=texts)
        known = len(listed)
        for person in page.records:
            listed.add(person.id)
            is_learner = person.role in (None, ROLE_LEARNER) or person.archived
            agrees = _agrees(texts, person)
            if not is_learner or agrees is None:
                raise SearchUseless("search_ignores_filters")
            found[agrees][person.id] = person
        if len(found["unsure"]) > MOST_WITH_ONE_VALUE:
            raise SearchUseless("search_ignores_filters")
        if page.items < longest or len(listed) == known:
            return [*found["whole"].values(), *found["unsure"].values()]
    raise SearchUseless("search_finds_too_many")


@sensitive_variables()
def _agrees(texts: dict[str, str], person: Person) -> str | None:
    """How a record agrees with a search: ``whole``, ``unsure`` if OneFile leaves the value out, ``part``; or not."""
    if "mis_value" in texts:
        pairs = [(identity.mis_value(texts["mis_value"]), identity.mis_value(person.mis_value))]
    elif "email" in texts:
        pairs = [(identity.email(texts["email"]), identity.email(person.email))]
    else:
        ours = identity.first_given_name(texts["first_name"]), identity.name(texts["last_name"])
        theirs = identity.first_given_name(person.first_name), identity.name(person.last_name)
        pairs = list(zip(ours, theirs, strict=True))
    if all(one == other for one, other in pairs):
        return "whole"
    if any(not other for _one, other in pairs):
        return "unsure"
    return "part" if all(one in other for one, other in pairs) else None


def _placed(tenant: Tenant, found: Sequence[Person]) -> list[Person]:
    """The people with a centre: their own, that of their entry, or the only one. Raises :class:`SearchUseless`."""
    centres = [each.onefile_id for each in directory.centres(tenant)]
    without = [person.id for person in found if person.centre_id is None]
    entries = directory.entries(tenant, DirectoryKind.LEARNER).filter(onefile_id__in=without)
    known = dict(entries.values_list("onefile_id", "centre_id")) if without else {}
    only = centres[0] if len(centres) == 1 else None if centres else 0
    placed = []
    for person in found:
        centre = person.centre_id if person.centre_id is not None else known.get(person.id, only)
        if centre is None:
            raise SearchUseless("search_without_centre")
        placed.append(replace(person, centre_id=centre or None))
    return placed


@retried
@transaction.atomic
def _keep(
    run: SyncRun, tenant: Tenant, pk: str, told: str, found: Sequence[Person], taken: Iterable[int]
) -> None:
    """Keep who was found, have their records read where needed, and note that the learner was searched for."""
    everywhere = DirectoryList(tenant=tenant, kind=DirectoryKind.LEARNER, role=ROLE_LEARNER, centre_id=0)
    directory_entries.keep(everywhere, None, found)
    ids = {person.id for person in found}.difference(taken)
    entries = DirectoryEntry.objects.filter(
        match_costs.not_lately_read(),
        tenant=tenant,
        kind=DirectoryKind.LEARNER,
        gone_at=None,
        onefile_id__in=ids,
    )
    entries.update(due_in=run.pk, **leases.FREE)
    _note(run, searched={**run.options.get("searched", {}), pk: told})
