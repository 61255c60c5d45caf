"""What is known of OneFile's assessors: names, so that problems need not show mere IDs; centres and MIS Values.

Each assessor is read once and stored, and read again if needed and older than :data:`GOOD_FOR`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from onefile_sync.models import AssessorName, OneFileSettings
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.errors import OneFileError, Scope
from onefile_sync.sync.planning.types import FoundProblem
from onefile_sync.transactions import retried

#: How long what is stored is used before it is read again. This includes what OneFile did not return.
GOOD_FOR = timedelta(days=30)
#: The same where a MIS Value decides whose review it is, as staff may have just corrected it.
A_DAY = timedelta(days=1)
#: Assessors read before they are saved.
AT_A_TIME = 20


def mentioned(problems: Iterable[FoundProblem]) -> set[int]:
    """The OneFile IDs of the assessors that these problems are about."""
    return {int(problem.details["assessor"]) for problem in problems if "assessor" in problem.details}


def known(ids: Collection[int]) -> dict[int, AssessorName]:
    """What is stored for the current address, by OneFile ID. No query if ``ids`` is empty."""
    if not ids:
        return {}
    return {
        row.onefile_id: row for row in AssessorName.objects.filter(address=_address(), onefile_id__in=ids)
    }


def known_names(ids: Collection[int]) -> dict[int, str]:
    """The stored names for the current address, by OneFile ID. No query if ``ids`` is empty."""
    return {onefile_id: row.name for onefile_id, row in known(ids).items() if row.name}


def learn_names(onefile: OneFile, ids: Collection[int], good_for: timedelta = GOOD_FOR) -> None:
    """Read the assessors that are not stored or are too old. Must not be called in a transaction.

    If OneFile does not return one, what is stored stays. Raises OneFileError of scope ``RUN``, and any error that
    prevents a call, after saving what was read so far.
    """
    if not ids:
        return
    address, stored = _address(), known(ids)
    good_from = timezone.now() - good_for
    wanted = [each for each in sorted(ids) if each not in stored or stored[each].read_at < good_from]
    for first in range(0, len(wanted), AT_A_TIME):
        read: list[AssessorName] = []
        try:
            for each in wanted[first : first + AT_A_TIME]:
                read.append(_read(onefile, address, each, stored.get(each)))  # noqa: PERF401 - kept if a call fails
        finally:
            _keep(address, read)


def _read(onefile: OneFile, address: str, assessor_id: int, stored: AssessorName | None) -> AssessorName:
    row = AssessorName(address=address, onefile_id=assessor_id)
    if stored is not None:
        row.name, row.centre_id, row.mis_value = stored.name, stored.centre_id, stored.mis_value
    try:
        person = onefile.person(assessor_id)
    except OneFileError as error:
        if error.scope is Scope.RUN:
            raise
        return row
    name = " ".join(part for part in (person.first_name, person.last_name) if part)
    row.name = name[: AssessorName.LONGEST] or row.name
    row.centre_id, row.mis_value = person.centre_id, person.mis_value[: AssessorName.LONGEST]
    return row


@retried
@transaction.atomic
def _keep(address: str, read: list[AssessorName]) -> None:
    AssessorName.objects.filter(address=address, onefile_id__in=[row.onefile_id for row in read]).delete()
    # Another worker may be saving the same assessors.
    AssessorName.objects.bulk_create(read, ignore_conflicts=True)


def _address() -> str:
    return OneFileSettings.load().address[: AssessorName.LONGEST]
