"""The steps of runs that carry out what a person decided: one row after the other, each leased meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.db.models import QuerySet
from django.utils import timezone

from onefile_sync.models import Leased, SyncRun
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.errors import OneFileError, Scope
from onefile_sync.sync.bulk.listings import counted
from onefile_sync.sync.runs import leases
from onefile_sync.transactions import retried

from .linker import LinkRefused

Row = TypeVar("Row", bound=Leased)


def deal_with_next(
    run: SyncRun,
    onefile: OneFile,
    left: QuerySet[Row],
    carry_out: Callable[[Row], None],
    *,
    done: str,
    refused: str,
) -> bool:
    """Carry out the next of the rows that are left. Returns false if other workers have the rest.

    ``done`` and ``refused`` are the states that the row then has. If ``carry_out`` raises
    :class:`~.linker.LinkRefused`, or an error that concerns only this row, its code becomes the row's refusal.
    """
    lease, claimed = leases.claim_some(leases.free(left).order_by("pk"), 1)
    if not claimed:
        if left.exists():
            return False
        _note_done(run)
        return True
    mine = lease.held(left)
    try:
        with counted(run, onefile):
            refusal = _refusal_of(claimed[0], carry_out)
    except BaseException:
        _settle(mine)
        raise
    _settle(mine, state=refused if refusal else done, refusal=refusal)
    return True


def _refusal_of(row: Row, carry_out: Callable[[Row], None]) -> str:
    try:
        carry_out(row)
    except LinkRefused as refused:
        return refused.code
    except OneFileError as error:
        if error.scope is Scope.RUN:
            raise
        return error.code
    return ""


@retried
def _settle(mine: QuerySet[Any], **values: Any) -> None:
    leases.release(mine, **values)


@retried
def _note_done(run: SyncRun) -> None:
    SyncRun.objects.filter(pk=run.pk, read_at=None).update(read_at=timezone.now())
