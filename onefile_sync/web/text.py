"""The texts of a run's pages and of the health page: titles, headlines and results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from onefile_sync.models import LearnerOutcome, OutcomeState, RunKind, RunState, SyncRun
from onefile_sync.services import (
    CentreChoices,
    Finding,
    Health,
    Level,
    Progress,
    QualificationLinks,
    Reading,
    read_out,
)

#: Outcomes in the order in which pages list them: first those that need attention, then those that changed.
READING_ORDER = (
    OutcomeState.ASIDE,
    OutcomeState.FAILED,
    OutcomeState.ATTENTION,
    OutcomeState.UPDATED,
    OutcomeState.SKIPPED,
    OutcomeState.WORKING,
    OutcomeState.QUEUED,
    OutcomeState.UNCHANGED,
)

_IN_WORDS: dict[str, Promise] = {
    OutcomeState.QUEUED: gettext_lazy("Waiting to be processed."),
    OutcomeState.WORKING: gettext_lazy("Being compared with OneFile now."),
    OutcomeState.ASIDE: gettext_lazy("Put aside: existing values would be replaced. Nothing was written."),
    OutcomeState.UPDATED: gettext_lazy("Brought up to date."),
    OutcomeState.UNCHANGED: gettext_lazy("Up to date already: nothing needed changing."),
    OutcomeState.ATTENTION: gettext_lazy("Compared with OneFile; something needs attention."),
    OutcomeState.FAILED: gettext_lazy("Could not be refreshed. It is safe to try again."),
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

_CHECK_IN_WORDS: dict[str, Promise] = {
    **_IN_WORDS,
    OutcomeState.WORKING: gettext_lazy("Being looked for in OneFile now."),
    OutcomeState.UNCHANGED: gettext_lazy("Ready to be created in OneFile. Nothing was written."),
    OutcomeState.ATTENTION: gettext_lazy(
        "Looked for in OneFile; something is to be done first. Nothing was written."
    ),
    OutcomeState.FAILED: gettext_lazy("Could not be looked for in OneFile. Nothing was written."),
}

_CHECK_LABELS: dict[str, Promise] = {OutcomeState.UNCHANGED: gettext_lazy("Ready")}

_CREATE_IN_WORDS: dict[str, Promise] = {
    **_IN_WORDS,
    OutcomeState.WORKING: gettext_lazy("Being created in OneFile now."),
    OutcomeState.UPDATED: gettext_lazy("In OneFile, and linked."),
    OutcomeState.UNCHANGED: gettext_lazy("Nothing was left to be created."),
    OutcomeState.ATTENTION: gettext_lazy("In OneFile; something needs attention."),
    OutcomeState.FAILED: gettext_lazy("Not created in OneFile: see why below."),
}

_CREATE_LABELS: dict[str, Promise] = {
    OutcomeState.UPDATED: gettext_lazy("Created"),
    OutcomeState.FAILED: gettext_lazy("Not created"),
}


def learner_name(outcome: LearnerOutcome) -> str:
    """The learner's name in PICSWeb, or the primary key if the learner has been deleted there."""
    return str(outcome.learner) if outcome.learner is not None else _("Learner %s") % outcome.learner_pk


def outcome_in_words(outcome: LearnerOutcome) -> str:
    in_words = {RunKind.ENROL_CHECK: _CHECK_IN_WORDS, RunKind.ENROL: _CREATE_IN_WORDS}
    of_kind = in_words.get(RunKind(outcome.run.kind), _IN_WORDS)
    words = _PREVIEW_IN_WORDS if outcome.run.is_preview else of_kind
    return str(words[outcome.state])


def state_label(run: SyncRun, state: str) -> str:
    """A short label for an outcome's state; for a preview it says what would happen."""
    labels = {RunKind.ENROL_CHECK: _CHECK_LABELS, RunKind.ENROL: _CREATE_LABELS}
    of_kind = _PREVIEW_LABELS if run.is_preview else labels.get(RunKind(run.kind), {})
    return str(of_kind.get(state) or OutcomeState(state).label)


def run_title(run: SyncRun, only: LearnerOutcome | None) -> str:
    """The page's title. ``only`` is the single outcome of a run with one learner."""
    if run.has_no_learners:
        return str(run.get_kind_display())
    if run.kind == RunKind.DAILY:
        return _("Daily sync of %(day)s") % {"day": f"{timezone.localtime(run.created_at):%d/%m/%Y}"}
    if run.kind in (RunKind.ENROL_CHECK, RunKind.ENROL):
        kind = str(run.get_kind_display())
    else:
        kind = _("Preview of a refresh with OneFile") if run.is_preview else _("Refresh with OneFile")
    return f"{kind}: {learner_name(only)}" if only is not None else kind


def headline(run: SyncRun, progress: Progress) -> str:
    """The progress or result of a run, in one sentence."""
    if progress.state == RunState.HELD:
        return _("Held: existing values of %(aside)d of %(total)d learners would be replaced.") % {
            "aside": progress.counts.get(OutcomeState.ASIDE, 0),
            "total": progress.total,
        }
    if progress.is_final:
        return _finished_without_learners(run, progress) if run.has_no_learners else _finished(run, progress)
    if run.ending and run.has_no_learners:
        return _("Ending: the page that is being read now will still be finished.")
    if run.ending:
        return _("Ending: learners who are being compared now will still be finished.")
    if progress.waiting_for_worker:
        if progress.goes_on_at is None:
            return _("Waiting: no worker is processing this run.")
        return _("Waiting: no worker is processing this run. It continues after %(time)s.") % {
            "time": f"{timezone.localtime(progress.goes_on_at):%H:%M}"
        }
    if progress.state == RunState.QUEUED:
        return _("Waiting to start.")
    if progress.reading is None and run.has_no_learners:
        return _matching(run) % {"done": progress.done, "total": progress.total}
    if progress.reading is not None and run.has_no_learners:
        return _("Reading OneFile's lists: %(done)d of %(total)d done, %(pages)d pages so far.") % {
            "done": progress.done,
            "total": progress.total,
            "pages": progress.reading.pages,
        }
    if progress.reading is not None:
        return _reading(progress.reading)
    if run.kind == RunKind.ENROL_CHECK:
        return _("Looking in OneFile: %(done)d of %(total)d learners done.") % {
            "done": progress.done,
            "total": progress.total,
        }
    if run.kind == RunKind.ENROL:
        return _("Creating in OneFile: %(done)d of %(total)d learners done.") % {
            "done": progress.done,
            "total": progress.total,
        }
    return ngettext(
        "Comparing with OneFile: %(done)d of %(total)d learner done.",
        "Comparing with OneFile: %(done)d of %(total)d learners done.",
        progress.total,
    ) % {"done": progress.done, "total": progress.total}


def _matching(run: SyncRun) -> str:
    if run.kind == RunKind.LINKING:
        return _("Linking: %(done)d of %(total)d pairs done.")
    if run.kind == RunKind.PAIRING:
        return _("Saving the answers about reviews: %(done)d of %(total)d learners done.")
    return _("Reading records individually from OneFile: %(done)d of about %(total)d calls made.")


def _reading(reading: Reading) -> str:
    if reading.records_left is None:
        return ngettext(
            "Reading the lists of OneFile: %(pages)d page so far.",
            "Reading the lists of OneFile: %(pages)d pages so far.",
            reading.pages,
        ) % {"pages": reading.pages}
    return ngettext(
        "Reading records individually from OneFile: %(left)d record to go.",
        "Reading records individually from OneFile: %(left)d records to go.",
        reading.records_left,
    ) % {"left": reading.records_left}


def run_result(run: SyncRun, *, failed: bool) -> str:
    """A short label for the state of a run, or for how it ended."""
    if failed:
        return _("Failed")
    return str(run.get_ending_display() if run.ending else run.get_state_display())


def _finished(run: SyncRun, progress: Progress) -> str:
    if progress.total == 0:
        return _("Finished: there were no learners to refresh.")
    if progress.has_failed and progress.total == progress.counts[OutcomeState.FAILED]:
        if run.kind == RunKind.ENROL:
            return ngettext(
                "Failed: the learner was not created in OneFile.",
                "Failed: none of %(total)d learners were created in OneFile.",
                progress.total,
            ) % {"total": progress.total}
        return ngettext(
            "Failed: the learner could not be fully compared with OneFile.",
            "Failed: none of %(total)d learners could be fully compared with OneFile.",
            progress.total,
        ) % {"total": progress.total}
    ended = run_result(run, failed=progress.has_failed)
    by_state = {state: progress.counts.get(state, 0) for state in READING_ORDER}
    if progress.total == 1:
        label = next(state_label(run, state) for state, number in by_state.items() if number)
        return _("%(ended)s: %(outcome)s.") % {"ended": ended, "outcome": label.lower()}
    counted = ", ".join(f"{state_label(run, state)} {number}" for state, number in by_state.items() if number)
    return _("%(ended)s: %(total)d learners. %(counted)s.") % {
        "ended": ended,
        "total": progress.total,
        "counted": counted,
    }


def _finished_without_learners(run: SyncRun, progress: Progress) -> str:
    ended = run_result(run, failed=progress.has_failed)
    if progress.failure:
        text, _remedy = read_out(progress.failure, {})
        return _("%(ended)s: %(reason)s") % {"ended": ended, "reason": text}
    if run.kind == RunKind.MATCH:
        return _("%(ended)s. What was found is listed by confidence.") % {"ended": ended}
    if run.kind == RunKind.LINKING:
        return _("%(ended)s: %(linked)d of %(total)d pairs were linked.") % {
            "ended": ended,
            "linked": progress.done - progress.failed,
            "total": progress.total,
        }
    if run.kind == RunKind.PAIRING:
        return _("%(ended)s: the answers about %(saved)d of %(total)d learners were saved.") % {
            "ended": ended,
            "saved": progress.done - progress.failed,
            "total": progress.total,
        }
    if not progress.total:
        return _("%(ended)s. Its lists have been read again since.") % {"ended": ended}
    return _("%(ended)s: %(read)d of %(total)d lists were read.") % {
        "ended": ended,
        "read": progress.done - progress.failed,
        "total": progress.total,
    }


def centre_defaults_summary(centres: Sequence[CentreChoices]) -> str:
    """How many centres have a class and a placement for new learners."""
    if not centres:
        return _("OneFile's lists have not been read yet.")
    return _("%(complete)d of %(centres)d centres have a default class and placement.") % {
        "complete": sum(each.is_complete for each in centres),
        "centres": len(centres),
    }


def links_summary(links: QualificationLinks) -> str:
    """The date of the kept list of standards, with its number and that of VQ References without one."""
    if links.read_at is None:
        return _("OneFile's list of standards has not been read yet.")
    told = {
        "day": f"{timezone.localtime(links.read_at):%d/%m/%Y}",
        "standards": ngettext("%d standard", "%d standards", links.standards) % links.standards,
    }
    if not links.knows_references:
        return _("Qualification Links of %(day)s: %(standards)s.") % told
    missing = len(links.without_standard)
    told["missing"] = ngettext("%d VQ Reference", "%d VQ References", missing) % missing
    return _("Qualification Links of %(day)s: %(standards)s, %(missing)s without one.") % told


@dataclass(frozen=True, slots=True)
class HealthAnswer:
    """One answer of the health page, as text."""

    level: str
    level_text: str
    question: str
    text: str
    value: str
    remedy: str


_LEVELS: dict[Level, Promise] = {
    Level.FINE: gettext_lazy("Fine"),
    Level.WARNING: gettext_lazy("Warning"),
    Level.CRITICAL: gettext_lazy("Not working"),
}


def finding_in_words(finding: Finding) -> HealthAnswer:
    return HealthAnswer(
        level=finding.word,
        level_text=_("Off") if finding.is_off else str(_LEVELS[finding.level]),
        question=str(finding.question),
        text=str(finding.text),
        value=_value(finding),
        remedy=str(finding.remedy) if finding.level > Level.FINE else "",
    )


def _value(finding: Finding) -> str:
    if isinstance(finding.value, datetime):
        return f"{timezone.localtime(finding.value):%d/%m/%Y %H:%M}"
    if isinstance(finding.value, float):
        return f"{finding.value:.0%}"
    return str(finding.value) if isinstance(finding.value, int) else ""


def health_headline(health: Health) -> str:
    """The overall result of the health checks, in one sentence."""
    if health.is_off:
        return _("Switched off: nothing is synchronised, and nothing else was checked.")
    if health.level is Level.CRITICAL:
        return _("Something is not working.")
    if health.level is Level.WARNING:
        return _("Working, with warnings.")
    return _("Everything is fine.")
