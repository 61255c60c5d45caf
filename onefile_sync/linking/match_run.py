"""*Match with OneFile*: reads what is needed of OneFile, and finds which records may be the same. Links nothing.

A run reads the lists that are older than a day, then the records of those entries whose names or MIS Value somebody
without a OneFile ID has, as lists say little else of a person. What was read is kept for a week. Where it takes fewer
calls, learners are searched for one by one instead (:mod:`onefile_sync.linking.learner_searches`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from django.utils import timezone

from onefile_sync import events
from onefile_sync.models import (
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
)
from onefile_sync.sync.runs import leases, lifecycle, queue
from onefile_sync.transactions import retried

from . import directory, learner_searches, match_costs, mis_values, suggestions
from .directory_entries import digests_of, values_of_person
from .tenants import present_tenant

#: Records that one worker claims at a time.
_AT_A_TIME: Final = 10
_BATCH: Final = 500


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
    stale = [kind for kind in match_costs.lists_for(chosen) if not match_costs.is_fresh(tenant, kind)]
    options: dict[str, Any] = {"tenant": tenant.pk, "kinds": chosen, "centres": sorted(set(centres))}
    if DirectoryKind.LEARNER in stale:
        stale.remove(DirectoryKind.LEARNER)
        options["way"] = learner_searches.TO_BE_CHOSEN
    run = directory.start_reading(stale, run_kind=RunKind.MATCH, by=by, queued=False)
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
        return _alone(tenant, lambda renew: _prepare(run, tenant, onefile, renew, time_is_up))
    went_on = _read_records(run, onefile, time_is_up)
    return went_on if went_on is not None else _alone(tenant, lambda _renew: _match(run, tenant))


def kinds_of(run: SyncRun) -> list[str]:
    """What a run matches."""
    return list(run.options.get("kinds", LIST_OF))


def _alone(tenant: Tenant, work: Callable[[Callable[[], Any]], None]) -> bool:
    """Do what one worker is to do at a time. Returns false if another one does it. The list of centres is the lock."""
    lock = DirectoryList.objects.filter(tenant=tenant, kind=DirectoryKind.CENTRE, centre_id=0)
    lease = leases.claim(leases.free(lock))
    if lease is None:
        return False
    try:
        work(lambda: _renew(lease.held(lock)))
    finally:
        _free(lease.held(lock))
    return True


@retried
def _free(held: Any) -> None:
    leases.release(held)


# What is read


def _prepare(
    run: SyncRun,
    tenant: Tenant,
    onefile: OneFile,
    renew: Callable[[], Any],
    time_is_up: Callable[[], bool],
) -> None:
    """Link by MIS Value in the lists that were read, search for the learners where that is cheaper, plan the rest."""
    run.refresh_from_db(fields=["expected_calls", "options"])
    if run.expected_calls is not None or not mis_values.link_by_mis_value(run, time_is_up):
        return
    if learner_searches.is_left(run) and not learner_searches.carry_on(
        run, tenant, onefile, renew=renew, time_is_up=time_is_up
    ):
        return
    _plan(run, tenant)


def _plan(run: SyncRun, tenant: Tenant) -> None:
    """Choose the records to be read, and say how many calls the run makes in all."""
    run.refresh_from_db(fields=["expected_calls", "api_calls"])
    if run.expected_calls is not None:
        return
    due: list[int] = []
    for kind in kinds_of(run):
        if kind == SubjectKind.LEARNER and run.options.get("way") == learner_searches.SEARCH:
            continue  # the searches have said which records are to be read
        pages = _pages_read(run) if kind == SubjectKind.LEARNER else 0
        due += match_costs.to_read(tenant, kind, run.options.get("centres", ()), pages=pages)
    records = _note_plan(run, due)
    events.info("match_planned", run=run.pk, records=records)


def _pages_read(run: SyncRun) -> int:
    """The pages of the learners' lists that a run has read."""
    lists = DirectoryList.objects.filter(run=run, kind=DirectoryKind.LEARNER)
    return sum(each.next_page - 1 for each in lists)


@retried
def _note_plan(run: SyncRun, due: list[int]) -> int:
    """Returns how many records are to be read, with those that searches have found."""
    for first in range(0, len(due), _BATCH):
        DirectoryEntry.objects.filter(pk__in=due[first : first + _BATCH]).update(due_in=run.pk, **leases.FREE)
    records = DirectoryEntry.objects.filter(due_in=run.pk).count()
    SyncRun.objects.filter(pk=run.pk).update(expected_calls=run.api_calls + records)
    return records


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
