"""What a run's pages say in words: titles, headlines, and what became of a learner."""

from __future__ import annotations

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from .models import LearnerOutcome, OutcomeState, RunKind, RunState, SyncRun
from .services import Progress

#: The order in which a reader wants to see outcomes: what needs someone first, then what changed.
READING_ORDER = (
    OutcomeState.FAILED,
    OutcomeState.ATTENTION,
    OutcomeState.UPDATED,
    OutcomeState.SKIPPED,
    OutcomeState.WORKING,
    OutcomeState.QUEUED,
    OutcomeState.UNCHANGED,
)

_IN_WORDS: dict[str, Promise] = {
    OutcomeState.QUEUED: gettext_lazy("Waiting for its turn."),
    OutcomeState.WORKING: gettext_lazy("Being compared with OneFile now."),
    OutcomeState.UPDATED: gettext_lazy("Brought up to date."),
    OutcomeState.UNCHANGED: gettext_lazy("Up to date already: nothing needed changing."),
    OutcomeState.ATTENTION: gettext_lazy("Compared with OneFile; something needs attention."),
    OutcomeState.FAILED: gettext_lazy("Could not be refreshed. What was not done is safe to do again."),
    OutcomeState.SKIPPED: gettext_lazy("Left out of this run."),
}

_PREVIEW_IN_WORDS: dict[str, Promise] = {
    **_IN_WORDS,
    OutcomeState.UPDATED: gettext_lazy("A refresh would make the changes below."),
    OutcomeState.UNCHANGED: gettext_lazy("A refresh would change nothing."),
    OutcomeState.ATTENTION: gettext_lazy("A refresh would leave something that needs attention."),
    OutcomeState.FAILED: gettext_lazy("Could not be compared with OneFile."),
}

_PREVIEW_LABELS: dict[str, Promise] = {
    OutcomeState.UPDATED: gettext_lazy("Would change"),
    OutcomeState.UNCHANGED: gettext_lazy("Would not change"),
    OutcomeState.ATTENTION: gettext_lazy("Would need attention"),
}


def learner_name(outcome: LearnerOutcome) -> str:
    """The learner as the host names them, or their primary key where the host no longer has them."""
    return str(outcome.learner) if outcome.learner is not None else _("Learner %s") % outcome.learner_pk


def outcome_in_words(outcome: LearnerOutcome) -> str:
    words = _PREVIEW_IN_WORDS if outcome.run.is_preview else _IN_WORDS
    return str(words[outcome.state])


def state_label(run: SyncRun, state: str) -> str:
    """An outcome's state as a short label; a preview speaks of what would be."""
    label = _PREVIEW_LABELS.get(state) if run.is_preview else None
    return str(label or OutcomeState(state).label)


def run_title(run: SyncRun, only: LearnerOutcome | None) -> str:
    """The page's title; ``only`` is the outcome of a run with one learner."""
    if run.kind == RunKind.DAILY:
        return _("Daily sync of %(day)s") % {"day": f"{timezone.localtime(run.created_at):%d/%m/%Y}"}
    kind = _("Preview of a refresh with OneFile") if run.is_preview else _("Refresh with OneFile")
    return f"{kind}: {learner_name(only)}" if only is not None else kind


def headline(run: SyncRun, progress: Progress) -> str:
    """Where a run stands, in one sentence."""
    if progress.is_final:
        return _finished(run, progress)
    if progress.waiting_for_worker:
        return _("Waiting: nobody has been working on this for a minute.")
    if progress.state == RunState.QUEUED:
        return _("Waiting to start.")
    return ngettext(
        "Comparing with OneFile: %(done)d of %(total)d learner done.",
        "Comparing with OneFile: %(done)d of %(total)d learners done.",
        progress.total,
    ) % {"done": progress.done, "total": progress.total}


def _finished(run: SyncRun, progress: Progress) -> str:
    if progress.total == 0:
        return _("Finished: there was nobody to refresh.")
    by_state = {state: progress.counts.get(state, 0) for state in READING_ORDER}
    if progress.total == 1:
        label = next(state_label(run, state) for state, number in by_state.items() if number)
        return _("Finished: %(outcome)s.") % {"outcome": label.lower()}
    counted = ", ".join(f"{state_label(run, state)} {number}" for state, number in by_state.items() if number)
    return _("Finished: %(total)d learners. %(counted)s.") % {"total": progress.total, "counted": counted}
