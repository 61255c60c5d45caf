"""Why something is not begun at all: one sentence each that says what to do. Nothing is written in these cases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Model, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from onefile_sync import checks, host
from onefile_sync.models import OPEN_OUTCOMES, LearnerOutcome, OneFileSettings, RunKind, RunState

from .connection.session import NotConnected, customer_token


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something was not begun. ``reason`` is a sentence for a person that says what to do."""

    code: str
    reason: str | Promise


class Refused(Exception):
    """Nothing was begun and nothing was written; see :attr:`refusal`."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal

    @property
    def code(self) -> str:
        return self.refusal.code

    @property
    def reason(self) -> str:
        return str(self.refusal.reason)


OFF = Refusal("off", _("The OneFile integration is switched off. Switch it on in the OneFile settings."))
PAUSED = Refusal(
    "paused", _("The OneFile integration is paused. Untick Paused in the OneFile settings to go on.")
)
NO_TOKEN = Refusal("no_token", _("There is no customer token. Enter it in the OneFile settings."))
TOKEN_UNREADABLE = Refusal(
    "token_unreadable",
    _("The customer token cannot be read any more. Enter it again in the OneFile settings."),
)
TOKEN_OTHER_ENVIRONMENT = Refusal(
    "token_other_environment",
    _(
        "The customer token belongs to another environment or address, so it was not sent. Enter the token of the "
        "chosen environment in the OneFile settings."
    ),
)
NO_ONEFILE_ID = Refusal(
    "no_onefile_id", _("The learner has no OneFile ID. Enter it on the learner's record to link the two.")
)
SHARED_ONEFILE_ID = Refusal(
    "learner_duplicate", _("Another learner has the same OneFile ID. Correct the ID of one of them.")
)
ALREADY_RUNNING = Refusal("already_running", _("The learner is being refreshed already."))
CLOCK_WRONG = Refusal(
    "clock_wrong",
    _("This machine's clock differs from the database's. Let both set it by NTP, then try again."),
)
PACE_LOST = Refusal(
    "pace_lost", _("Redis cannot be reached, which keeps the pace of calls to OneFile. See that it runs.")
)
HELD = Refusal(
    "held",
    _(
        "The daily sync is held, because it would replace values of many learners. Look at it in PICSWeb and apply or "
        "discard it."
    ),
)
REFRESH_HELD = Refusal(
    "refresh_held",
    _(
        "A refresh of several learners, this one among them, is held. Apply or discard it on its page, or refresh the "
        "learner alone."
    ),
)
NOBODY = Refusal("nobody", _("None of the chosen learners can be refreshed."))
MAPPING_WRONG = Refusal(
    "mapping_wrong",
    _("PICSWeb is not set up for OneFile: run “python manage.py check” to see what is wrong."),
)

ROW_MISSING = Refusal(
    "row_missing",
    _(
        "PICSWeb's OneFile setup names a row of a lookup table that is missing, or there twice. Nobody can be compared "
        "without it. Run “python manage.py check --database default” to see which it is, and restore it."
    ),
)


NOT_CONNECTED = {refusal.code: refusal for refusal in (NO_TOKEN, TOKEN_UNREADABLE, TOKEN_OTHER_ENVIRONMENT)}


def refusal_for_everyone(settings: OneFileSettings) -> Refusal | None:
    """What stands in the way for every learner. No network; a query for each natural key that the mapping names."""
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
    except NotConnected as reason:
        return NOT_CONNECTED[reason.code]
    return None


def _onefile_id(learner: Model) -> int | None:
    onefile_id: int | None = getattr(learner, "onefile_id", None)
    return onefile_id


def refusal_for(learner: Model) -> Refusal | None:
    """Why this learner cannot be refreshed now, or ``None``. No network and at most three queries.

    One more for each natural key that the mapping names.
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
    """Learners sorted into those who can be refreshed and those who cannot, with the reason."""

    accepted: list[Model]
    refused: list[tuple[Model, Refusal]]


def partition(learners: Iterable[Model]) -> Selection:
    """Sort learners for a bulk refresh. A constant number of queries, however many learners."""
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
    """See that nothing stands in the way of every learner. No network. Raises :class:`Refused`."""
    refusal = refusal_for_everyone(OneFileSettings.load())
    if refusal is not None:
        raise Refused(refusal)


def refuse_wrong_mapping() -> None:
    """Raises :class:`Refused` when the deployment's mapping has an error that a system check would name."""
    if checks.mapping_errors():
        raise Refused(MAPPING_WRONG)


def refuse_missing_rows() -> None:
    """Raises :class:`Refused` when a row that the mapping names is missing. The mapping has to be right otherwise."""
    if host.is_a_row_missing():
        raise Refused(ROW_MISSING)


def outcomes() -> QuerySet[LearnerOutcome]:
    """The outcomes of the learners of this deployment's learner model."""
    return LearnerOutcome.objects.filter(learner_type=host.learner_type()).select_related("run")
