"""*Match with OneFile*: reads what is needed of OneFile, and finds which records may be the same. Links nothing.

A run reads the lists that are older than a day, then the records of those entries whose names or MIS Value somebody
without a OneFile ID has, as lists say little else of a person. What was read is kept for a week.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Q
from django.utils import timezone

from onefile_sync import events, host
from onefile_sync.conf import deployment
from onefile_sync.models import (
    DETAILS_KEPT,
    LIST_OF,
    DirectoryEntry,
    DirectoryKind,
    DirectoryList,
    OutcomeState,
    RunKind,
    SubjectKind,
    SyncRun,
    Tenant,
)
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.errors import OneFileError, Scope
from onefile_sync.sync.bulk.listings import counted
from onefile_sync.sync.daily import today
from onefile_sync.sync.eligibility import (
    ENVIRONMENT_CHANGED,
    check_setup,
    refuse_another_onefile,
    refuse_wrong_mapping,
)
from onefile_sync.sync.runs import leases, lifecycle, queue
from onefile_sync.sync.short_calls import trouble_told
from onefile_sync.transactions import retried

from . import candidates, directory, suggestions
from .directory_entries import digests_of, values_of_person
from .tenants import present_tenant

#: Records that are read for each row without a OneFile ID, on average, before only those with both names are.
_MOST_FOR_EACH: Final = 4
#: Records that one worker claims at a time.
_AT_A_TIME: Final = 10
_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class MatchEstimate:
    """What a run would do: rows without a OneFile ID, by kind, and about how many calls.

    ``is_known`` is false if a list was never read, so that the number of its records is a guess.
    """

    unlinked: Mapping[str, int]
    calls: int
    is_known: bool

    @property
    def minutes(self) -> int:
        """About how long the calls take at the permitted rate, at least a minute."""
        return max(1, -(-self.calls // (deployment.calls_per_minute or self.calls or 1)))


def estimate(kinds: Collection[str], centres: Collection[int] = ()) -> MatchEstimate:
    """Say what a run would do, from what is kept. No call to OneFile.

    Raises :class:`~onefile_sync.sync.eligibility.Refused`.
    """
    refuse_wrong_mapping()
    refuse_another_onefile()
    with trouble_told():
        tenant = present_tenant()
    counts = {kind: len(candidates.without_link(tenant, kind, today())) for kind in kinds}
    calls, is_known = 2, True
    for kind in kinds:
        lists = list(directory.lists(tenant).filter(kind=LIST_OF[kind]))
        read = [each for each in lists if each.read_at is not None]
        is_known = is_known and bool(read)
        if not read:
            everybody = counts[kind] + sum(1 for _each in _linked(kind))
            calls += _pages(everybody) + (0 if kind == SubjectKind.ORGANISATION else counts[kind])
            continue
        calls += len(_to_read(tenant, kind, centres))
    stale = [kind for kind in _lists_for(kinds) if not _is_fresh(tenant, kind)]
    of_stale = directory.lists(tenant).filter(kind__in=stale).exclude(read_at=None)
    calls += sum(_pages(each.entries) for each in of_stale)
    return MatchEstimate(counts, calls, is_known)


def start(
    kinds: Iterable[str], centres: Iterable[int] = (), *, by: Any = None, queued: bool = True
) -> SyncRun:
    """Open a run that matches these kinds in these centres (none: all), or return the run that reads lists now.

    Raises :class:`~onefile_sync.sync.eligibility.Refused`.
    """
    check_setup()
    refuse_another_onefile()
    tenant = present_tenant()
    chosen = list(dict.fromkeys(kinds))
    stale = [kind for kind in _lists_for(chosen) if not _is_fresh(tenant, kind)]
    run = directory.start_reading(stale, run_kind=RunKind.MATCH, by=by, queued=False)
    options = {"tenant": tenant.pk, "kinds": chosen, "centres": sorted(set(centres))}
    # A second click leads to the first run, whatever it chose.
    is_new = SyncRun.objects.filter(pk=run.pk, kind=RunKind.MATCH, started_at=None, options={}).update(
        options=options
    )
    if queued and (is_new or lifecycle.stalled_runs().filter(pk=run.pk).exists()):
        queue.enqueue(run)
    run.refresh_from_db()
    return run


def step(run: SyncRun, onefile: OneFile, time_is_up: Callable[[], bool]) -> bool:
    """Do one step of a run. Returns false if other workers have the rest. Raises as the reading of lists does."""
    went_on = directory.read_lists(run, onefile, time_is_up)
    if went_on is not None:
        return went_on
    tenant = present_tenant()
    if run.options.get("tenant", tenant.pk) != tenant.pk:
        lifecycle.give_up(run, OutcomeState.FAILED, ENVIRONMENT_CHANGED.code)
        return True
    run.refresh_from_db(fields=["expected_calls", "read_at"])
    if run.expected_calls is None:
        return _alone(tenant, lambda: _plan(run, tenant))
    went_on = _read_records(run, onefile, time_is_up)
    return went_on if went_on is not None else _alone(tenant, lambda: _match(run, tenant))


def kinds_of(run: SyncRun) -> list[str]:
    """What a run matches."""
    return list(run.options.get("kinds", LIST_OF))


def _alone(tenant: Tenant, work: Callable[[], None]) -> bool:
    """Do what one worker is to do at a time. Returns false if another one does it. The list of centres is the lock."""
    lock = DirectoryList.objects.filter(tenant=tenant, kind=DirectoryKind.CENTRE, centre_id=0)
    lease = leases.claim(leases.free(lock))
    if lease is None:
        return False
    try:
        work()
    finally:
        _free(lease.held(lock))
    return True


@retried
def _free(held: Any) -> None:
    leases.release(held)


# What is read


def _lists_for(kinds: Iterable[str]) -> list[DirectoryKind]:
    """The lists that are needed. By the standards, a learner's qualifications are paired when the learner is linked."""
    needed = [LIST_OF[kind] for kind in kinds]
    return [*needed, DirectoryKind.STANDARD] if DirectoryKind.LEARNER in needed else needed


def _is_fresh(tenant: Tenant, kind: DirectoryKind) -> bool:
    """Whether every centre's list of a kind was read within a day."""
    lists = list(directory.lists(tenant).filter(kind=kind))
    known = {each.onefile_id for each in directory.centres(tenant)} or {0}
    return {each.centre_id for each in lists} >= known and all(map(directory.is_fresh, lists))


def _linked(kind: str) -> Iterator[Any]:
    if kind == SubjectKind.ORGANISATION:
        return host.organisations(linked=True)
    return host.all_people(kind, linked=True)  # type: ignore[arg-type]


def _pages(records: int) -> int:
    """The pages of a list, with the empty one behind the last."""
    return -(-records // deployment.page_size) + 1


def _plan(run: SyncRun, tenant: Tenant) -> None:
    """Choose the records to be read, and say how many calls the run makes in all."""
    run.refresh_from_db(fields=["expected_calls", "api_calls"])
    if run.expected_calls is not None:
        return
    due = [pk for kind in kinds_of(run) for pk in _to_read(tenant, kind, run.options.get("centres", ()))]
    _note_plan(run, due)
    events.info("match_planned", run=run.pk, records=len(due))


@retried
def _note_plan(run: SyncRun, due: list[int]) -> None:
    for first in range(0, len(due), _BATCH):
        DirectoryEntry.objects.filter(pk__in=due[first : first + _BATCH]).update(due_in=run.pk, **leases.FREE)
    SyncRun.objects.filter(pk=run.pk).update(expected_calls=run.api_calls + len(due))


def _to_read(tenant: Tenant, kind: str, centres: Collection[int]) -> list[int]:
    """The entries whose record has to be read itself: not lately read, not linked, and possibly somebody's.

    Who shares one name with few of ours is read as well, as the other name may be wrong; but not where OneFile has very
    many for each of ours. Searching OneFile for both names and MIS Values, which the lists have, would find no more.
    """
    if kind == SubjectKind.ORGANISATION:
        return []
    wanted = candidates.unlinked(tenant, kind, today())
    rows = [row for row in host.all_people(kind) if row.pk in wanted]  # type: ignore[arg-type]
    is_learner = kind == SubjectKind.LEARNER
    if not any(row.email or (is_learner and digests_of(row)) for row in rows):
        return []  # PICSWeb has nothing to compare with what a record says beyond the list
    names, taken = candidates.Names.of(rows), candidates.linked_ids(tenant, kind)
    known_since = timezone.now() - DETAILS_KEPT
    entries = directory.entries(tenant, LIST_OF[kind]).filter(
        Q(detailed_at=None) | Q(detailed_at__lt=known_since)
    )
    if not is_learner:
        entries = entries.filter(email="")
    if centres:
        entries = entries.filter(centre_id__in=centres)
    likely = {
        entry.pk: names.has_both(entry)
        for entry in entries.order_by("pk").iterator(chunk_size=_BATCH)
        if entry.onefile_id not in taken and names.may_include(entry)
    }
    if len(likely) > _MOST_FOR_EACH * len(rows):
        return [pk for pk, has_both in likely.items() if has_both]
    return list(likely)


def _read_records(run: SyncRun, onefile: OneFile, time_is_up: Callable[[], bool]) -> bool | None:
    """Read some of the records that are due; ``None`` if all are read."""
    due = DirectoryEntry.objects.filter(due_in=run.pk)
    lease, claimed = leases.claim_some(leases.free(due).order_by("pk"), _AT_A_TIME)
    if not claimed:
        return False if due.exists() else None
    with counted(run, onefile), _let_go_of(lease.held(due)):
        for entry in claimed:
            if not _renew(lease.held(due)):
                break  # another worker has them
            _read_record(onefile, entry, lease)
            if time_is_up():
                break
    return True


@contextmanager
def _let_go_of(held: Any) -> Iterator[None]:
    try:
        yield
    finally:
        _free(held)


@retried
def _renew(held: Any) -> Any:
    return leases.renew(held)


def _read_record(onefile: OneFile, entry: DirectoryEntry, lease: leases.Lease) -> None:
    values: dict[str, Any] = {}
    try:
        person = onefile.person(entry.onefile_id)
    except OneFileError as error:
        if error.scope is Scope.RUN:
            raise
        if error.code == "not_found":
            values = {"gone_at": timezone.now()}  # deleted since it was listed
    else:
        if person.first_name or person.last_name:  # else the answer is blank, and the next run reads it again
            is_learner = entry.kind == DirectoryKind.LEARNER
            values = values_of_person(person, with_email=not is_learner) | {
                "digests": digests_of(person) if is_learner else {},
                "detailed_at": timezone.now(),
            }
    _note_record(entry, lease, values)


@retried
def _note_record(entry: DirectoryEntry, lease: leases.Lease, values: Mapping[str, Any]) -> None:
    mine = lease.held(DirectoryEntry.objects.filter(pk=entry.pk))
    leases.release(mine, due_in=None, **values)


def _match(run: SyncRun, tenant: Tenant) -> None:
    centres = run.options.get("centres", [])
    for kind in kinds_of(run):
        suggestions.find_pairs(run, tenant, kind, centres, today())
    _note_read(run)


@retried
def _note_read(run: SyncRun) -> None:
    SyncRun.objects.filter(pk=run.pk, read_at=None).update(read_at=timezone.now())
