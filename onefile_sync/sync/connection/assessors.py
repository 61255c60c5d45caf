"""The names of OneFile assessors with no linked officer, or with several, so that problems need not show mere IDs.

Each name is read once and stored. It is read again if it is needed and older than :data:`GOOD_FOR`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from onefile_sync.models import AssessorName, OneFileSettings
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.errors import OneFileError, Scope
from onefile_sync.sync.planning.types import FoundProblem
from onefile_sync.transactions import retried

#: How long a stored name is used before it is read again. This includes names that OneFile did not return.
GOOD_FOR = timedelta(days=30)
#: Names read before they are saved.
AT_A_TIME = 20


def mentioned(problems: Iterable[FoundProblem]) -> set[int]:
    """The OneFile IDs of the assessors that these problems are about."""
    return {int(problem.details["assessor"]) for problem in problems if "assessor" in problem.details}


def known_names(ids: Collection[int]) -> dict[int, str]:
    """The stored names for the current address, by OneFile ID. No query if ``ids`` is empty."""
    if not ids:
        return {}
    kept = AssessorName.objects.filter(address=_address(), onefile_id__in=ids).exclude(name="")
    return dict(kept.values_list("onefile_id", "name"))


def learn_names(onefile: OneFile, ids: Collection[int]) -> None:
    """Read the names that are not stored or are too old. Must not be called in a transaction.

    If OneFile does not return a name, the stored one stays. Raises OneFileError of scope ``RUN``, and any error that
    prevents a call, after saving the names read so far.
    """
    if not ids:
        return
    address = _address()
    kept = AssessorName.objects.filter(address=address, onefile_id__in=ids)
    known = {row.onefile_id: row for row in kept}
    good_from = timezone.now() - GOOD_FOR
    wanted = [each for each in sorted(ids) if each not in known or known[each].read_at < good_from]
    for first in range(0, len(wanted), AT_A_TIME):
        names: dict[int, str] = {}
        try:
            for each in wanted[first : first + AT_A_TIME]:
                names[each] = _name(onefile, each) or (known[each].name if each in known else "")
        finally:
            _keep(address, names)


def _name(onefile: OneFile, assessor_id: int) -> str:
    try:
        return onefile.user(assessor_id).name
    except OneFileError as error:
        if error.scope is Scope.RUN:
            raise
        return ""


@retried
@transaction.atomic
def _keep(address: str, names: Mapping[int, str]) -> None:
    AssessorName.objects.filter(address=address, onefile_id__in=list(names)).delete()
    # Another worker may be saving the same names.
    AssessorName.objects.bulk_create(
        (
            AssessorName(address=address, onefile_id=onefile_id, name=name[: AssessorName.LONGEST])
            for onefile_id, name in names.items()
        ),
        ignore_conflicts=True,
    )


def _address() -> str:
    return OneFileSettings.load().address[: AssessorName.LONGEST]
