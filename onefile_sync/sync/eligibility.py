"""Decides why a refresh or a run is refused. A refusal writes nothing. The texts are in the catalogue of messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Model, QuerySet

from onefile_sync import checks, host
from onefile_sync.messages.catalogue import explain
from onefile_sync.models import OPEN_OUTCOMES, LearnerOutcome, OneFileSettings, RunKind, RunState

from .connection import id_owner
from .connection.session import NotConnected, customer_token


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason for a refusal. ``code`` is the code of a row in the catalogue of messages."""

    code: str

    @property
    def reason(self) -> str:
        """The reason and what to do about it, in the active language."""
        return explain(self.code).refusal


class Refused(Exception):
    """A refresh or a run was refused, so nothing was written; see :attr:`refusal`."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal

    @property
    def code(self) -> str:
        return self.refusal.code

    @property
    def reason(self) -> str:
        return self.refusal.reason


OFF = Refusal("off")
PAUSED = Refusal("paused")
NO_ONEFILE_ID = Refusal("no_onefile_id")
SHARED_ONEFILE_ID = Refusal("learner_duplicate")
ALREADY_RUNNING = Refusal("already_running")
CLOCK_WRONG = Refusal("clock_wrong")
PACE_LOST = Refusal("pace_lost")
HELD = Refusal("held")
REFRESH_HELD = Refusal("refresh_held")
NOBODY = Refusal("nobody")
MAPPING_WRONG = Refusal("mapping_wrong")
ROW_MISSING = Refusal("row_missing")
ENVIRONMENT_CHANGED = Refusal("environment_changed")
OTHER_ONEFILE = Refusal("other_onefile")
LINKS_MOVING = Refusal("links_moving")
_OBSTACLES = {refusal.code: refusal for refusal in (OTHER_ONEFILE, LINKS_MOVING)}


def refusal_for_everyone(settings: OneFileSettings) -> Refusal | None:
    """Why every learner is refused, or ``None``. No call to OneFile; one query for each natural key in the mapping."""
    if checks.mapping_errors():
        return MAPPING_WRONG
    if not settings.enabled:
        return OFF
    if settings.paused:
        return PAUSED
    if host.is_a_row_missing():
        return ROW_MISSING
    try:
        customer_token(settings)
        obstacle = id_owner.obstacle(settings)
    except NotConnected as reason:
        return Refusal(reason.code)
    return _OBSTACLES[obstacle] if obstacle else None


def _onefile_id(learner: Model) -> int | None:
    onefile_id: int | None = getattr(learner, "onefile_id", None)
    return onefile_id


def refusal_for(learner: Model) -> Refusal | None:
    """Why this learner cannot be refreshed now, or ``None``.

    Makes no call to OneFile. At most three queries, and one more for each natural key in the mapping.
    """
    refusal = refusal_for_everyone(OneFileSettings.load())
    if refusal is not None:
        return refusal
    onefile_id = _onefile_id(learner)
    if onefile_id is None:
        return NO_ONEFILE_ID
    return SHARED_ONEFILE_ID if len(host.learners_sharing(onefile_id)) > 1 else None


@dataclass(frozen=True, slots=True)
class Selection:
    """Learners who can be refreshed, and learners who cannot, with the reason."""

    accepted: list[Model]
    refused: list[tuple[Model, Refusal]]


def partition(learners: Iterable[Model]) -> Selection:
    """Split learners into those who can be refreshed and those who cannot. A constant number of queries."""
    general = refusal_for_everyone(OneFileSettings.load())
    shared = host.shared_onefile_ids()
    in_a_refresh = outcomes().filter(state__in=OPEN_OUTCOMES, run__kind=RunKind.REFRESH)
    stands_at = dict(in_a_refresh.values_list("learner_pk", "run__state"))
    selection = Selection([], [])
    for learner in learners:
        refusal = general
        if refusal is None and _onefile_id(learner) is None:
            refusal = NO_ONEFILE_ID
        if refusal is None and _onefile_id(learner) in shared:
            refusal = SHARED_ONEFILE_ID
        if refusal is None and str(learner.pk) in stands_at:
            refusal = REFRESH_HELD if stands_at[str(learner.pk)] == RunState.HELD else ALREADY_RUNNING
        if refusal is None:
            selection.accepted.append(learner)
        else:
            selection.refused.append((learner, refusal))
    return selection


def check_setup() -> None:
    """Check that learners can be refreshed in general. Makes no call to OneFile. Raises :class:`Refused`."""
    refusal = refusal_for_everyone(OneFileSettings.load())
    if refusal is not None:
        raise Refused(refusal)


def refuse_wrong_mapping() -> None:
    """Raise :class:`Refused` if the mapping has an error that a system check would report."""
    if checks.mapping_errors():
        raise Refused(MAPPING_WRONG)


def refuse_missing_rows() -> None:
    """Raise :class:`Refused` if a row named in the mapping is missing. The mapping must be valid otherwise."""
    if host.is_a_row_missing():
        raise Refused(ROW_MISSING)


def refuse_another_onefile() -> None:
    """Raise :class:`Refused` if PICSWeb's OneFile IDs belong to another OneFile than the settings lead to."""
    try:
        obstacle = id_owner.obstacle(OneFileSettings.load())
    except NotConnected as reason:
        raise Refused(Refusal(reason.code)) from None
    if obstacle:
        raise Refused(_OBSTACLES[obstacle])


def outcomes() -> QuerySet[LearnerOutcome]:
    """The outcomes of the learners of this deployment's learner model."""
    return LearnerOutcome.objects.filter(learner_type=host.learner_type()).select_related("run")
