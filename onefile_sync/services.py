"""The public interface: every button, admin action, template tag, REST endpoint, command and task calls this module.

A developer of PICSWeb needs three of these::

    from onefile_sync import services

    run = services.refresh([learner], by=request.user)   # queues the refresh; run.get_absolute_url() shows its progress
    services.refusal_for(learner)                        # why the learner cannot be refreshed, or None
    services.learner_status(learner)                     # when and how the learner was last synchronised

Of these functions, web requests may call OneFile by :func:`test_connection`, :func:`check_onefile_id`, :func:`link`."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from typing import Any

from django.db.models import Model

from . import linking_services as linking
from .conf import deployment
from .enrolment import enrolment_runs as enrolment
from .enrolment import plan as enrolment_plan
from .enrolment.centre_choices import (
    CentreChoices,
    DefaultChoice,
    UnknownRecord,
    centre_choices,
    keep_centre_defaults,
)
from .enrolment.enrolment_runs import enrol, enrol_check
from .enrolment.plan import EnrolmentChoices
from .host import kind_of, learner_model, learner_type, visible_learners
from .host import learner_by_pk as find_learner
from .host import rows_by_pk as find_rows
from .linking import moving
from .linking.choices import Choice, Choices, Option
from .linking.comparison import Agreement
from .linking.learner_check import LinkCheck, TakenByAnother
from .linking.learner_links import AskAgain, LinkDecision, ReviewsAnswer
from .linking.linker import LinkRefused
from .linking.look_up import (
    LinkInForce,
    LinkSuggestion,
    LookUp,
    link_record,
    link_suggestions,
    matching_by,
    unlink_record,
)
from .linking.match_costs import MatchEstimate
from .linking.match_costs import estimate as match_estimate
from .linking.matching import Confidence
from .linking.moving import LinkStatus, OneFileChange, link_status, refusal_to_move
from .linking.pair_check import look_at_pair
from .linking.qualification_links import QualificationLinks, ReferenceLink, qualification_links
from .linking.reading_runs import read_lists, refresh_links, refresh_links_now
from .linking.waiting_reviews import ReviewsDecision, ReviewsQuestion
from .linking_services import (
    User,
    answer_reviews,
    check_onefile_id,
    link,
    link_refusal,
    link_ticked,
    match,
    names_of,
    not_same,
    primary_key_of,
    reviews_wait,
    unlink,
)
from .messages.catalogue import read_out, remedy_by_hand
from .messages.labels import evidence_labels, field_label
from .models import OneFileSettings, SyncRun
from .reporting import matches
from .reporting.attention import NEEDS_ATTENTION, Unsettled, open_problems, unsettled_problems
from .reporting.findings import Finding, Level
from .reporting.health import Health, health
from .reporting.learner_status import LearnerStatus, learner_status
from .reporting.list_reports import ListLine, kept_lists, lists_of_run
from .reporting.reports import (
    RESULT_FAILED,
    ChangeLine,
    OutcomeReport,
    ProblemLine,
    Progress,
    Reading,
    Totals,
    how_it_read,
    progress,
    report,
    rule_text,
    totals,
)
from .reporting.unmatched import Unmatched, UnmatchedLine, UnmatchedSection, unmatched
from .setup.centre_probe import CentreReport
from .setup.connection_test import (
    ConnectionReport,
    check_connection,
    customer_id,
    look_at_linking,
    look_closely,
    test_connection,
)
from .setup.create_trace import CreateTrace, tracing
from .setup.probe import ProbeReport, learner_to_probe
from .sync import daily, on_demand
from .sync.daily import perform, resume, start_daily, start_scheduled_daily, work
from .sync.eligibility import (
    Refusal,
    Refused,
    Selection,
    check_setup,
    partition,
    refusal_for,
    refuse_another_onefile,
    refuse_missing_rows,
    refuse_wrong_mapping,
)
from .sync.on_demand import is_guarded, preview_now, refresh_now
from .sync.planning.rules import RULES
from .sync.planning.types import FoundProblem
from .sync.runs import lifecycle
from .sync.runs.leases import Cost
from .sync.runs.lifecycle import COMPARED
from .sync.runs.retention import prune
from .sync.runs.schedule import (
    SCHEDULED_TASKS,
    SWEEP,
    ScheduledTask,
    install_schedules,
    installed_schedules,
    remove_schedules,
)

__all__ = [
    "linking",
    "EnrolmentChoices",
    "enrol",
    "enrol_check",
    "enrolment",
    "enrolment_plan",
    "FoundProblem",
    "names_of",
    "Confidence",
    "MatchEstimate",
    "ReviewsDecision",
    "ReviewsQuestion",
    "answer_reviews",
    "link_ticked",
    "look_at_pair",
    "match",
    "remedy_by_hand",
    "match_estimate",
    "matches",
    "not_same",
    "Choice",
    "Choices",
    "Option",
    "reviews_wait",
    "link_refusal",
    "unlink",
    "link",
    "check_onefile_id",
    "TakenByAnother",
    "ReviewsAnswer",
    "LinkRefused",
    "LinkDecision",
    "LinkCheck",
    "AskAgain",
    "Agreement",
    "COMPARED",
    "NEEDS_ATTENTION",
    "RESULT_FAILED",
    "RULES",
    "SCHEDULED_TASKS",
    "SWEEP",
    "CentreChoices",
    "CentreReport",
    "DefaultChoice",
    "UnknownRecord",
    "centre_choices",
    "keep_centre_defaults",
    "ChangeLine",
    "ConnectionReport",
    "CreateTrace",
    "tracing",
    "Finding",
    "Health",
    "LearnerStatus",
    "LinkStatus",
    "OneFileChange",
    "begin_move",
    "change_of_onefile",
    "link_status",
    "move_links",
    "refusal_to_move",
    "refuse_wrong_mapping",
    "LinkInForce",
    "LinkSuggestion",
    "LookUp",
    "Level",
    "ListLine",
    "OutcomeReport",
    "ProbeReport",
    "ProblemLine",
    "Progress",
    "QualificationLinks",
    "Reading",
    "ReferenceLink",
    "Refusal",
    "Refused",
    "ScheduledTask",
    "Selection",
    "Totals",
    "Unmatched",
    "UnmatchedLine",
    "UnmatchedSection",
    "Unsettled",
    "apply_held",
    "cancel",
    "check_connection",
    "count_calls",
    "check_setup",
    "discard_held",
    "evidence_labels",
    "field_label",
    "find_learner",
    "find_rows",
    "health",
    "how_it_read",
    "install_schedules",
    "is_guarded",
    "installed_schedules",
    "last_daily_attempt",
    "last_daily_run",
    "kept_lists",
    "kind_of",
    "learner_model",
    "learner_status",
    "learner_type",
    "link_record",
    "link_suggestions",
    "lists_of_run",
    "matching_by",
    "open_problems",
    "partition",
    "perform",
    "preview",
    "preview_now",
    "probe",
    "probe_centres",
    "progress",
    "prune",
    "qualification_links",
    "read_lists",
    "read_out",
    "refresh",
    "refresh_links",
    "refresh_links_now",
    "refresh_now",
    "refusal_for",
    "remove_schedules",
    "report",
    "resume",
    "rule_text",
    "start_daily",
    "start_scheduled_daily",
    "sweep",
    "test_connection",
    "totals",
    "unlink_record",
    "unmatched",
    "unsettled_problems",
    "visible_learners",
    "work",
]


def refresh(learners: Sequence[Model], *, by: User | None = None) -> SyncRun:
    """Queue a refresh of these learners (R1) and return its run, whose page shows the progress and the outcomes.

    While a refresh of a single learner is open, another call returns the same run. If there are several learners, those
    who cannot be refreshed are left out (see :func:`partition`). Raises :class:`Refused` if none can be refreshed.
    """
    return on_demand.refresh(learners, primary_key_of(by), _waits_for_worker)


def preview(learner: Model, *, by: User | None = None) -> SyncRun:
    """Queue a preview of what a refresh of this learner would change. Neither side is written.

    Raises :class:`Refused`.
    """
    return on_demand.preview(learner, primary_key_of(by), _waits_for_worker)


def _waits_for_worker(run: SyncRun) -> bool:
    return progress(run).waiting_for_worker


def sweep() -> int:
    """Recover what killed workers left behind and the queue has lost. Returns the number of runs queued again."""
    moving.resume()
    return daily.sweep()


def move_links() -> bool:
    """Put links away and bring links back for a limited time. Returns true if nothing is left of the move."""
    until = time.monotonic() + deployment.task_seconds
    return moving.move_on(lambda: time.monotonic() > until)


def change_of_onefile(settings: OneFileSettings) -> OneFileChange | None:
    """Whether these settings lead to another OneFile than the one to which rows are linked, or have a new token of it.

    ``settings`` may be unsaved. At most one short call to OneFile. Raises :class:`Refused` if OneFile does not answer.
    """
    return moving.change_of_onefile(settings, customer_id)


def begin_move(customer: int | None, *, same_customer: bool = False) -> None:
    """Exchange PICSWeb's OneFile IDs for those of the OneFile to which the stored settings lead now.

    Few links are moved at once, many by the workers. ``customer`` is that of the :class:`OneFileChange`.
    """
    moving.begin(customer, same_customer=same_customer)
    moving.go_on()


def count_calls(run: SyncRun, cost: Cost) -> None:
    """Add the calls of :func:`check_connection` to the run for which it was made."""
    lifecycle.count_calls(run, **cost)


def cancel(run: SyncRun, *, by: User | None = None) -> bool:
    """Cancel a run: learners being processed are finished, and queued learners are recorded as skipped.

    Returns false if the run is already closed or is held.
    """
    return lifecycle.cancel(run, primary_key_of(by))


def apply_held(run: SyncRun, *, by: User | None = None) -> bool:
    """Continue a run that the safety stop holds, and queue it. Returns false if the run is not held."""
    return daily.apply_held(run, primary_key_of(by))


def discard_held(run: SyncRun, *, by: User | None = None) -> bool:
    """End a run that the safety stop holds, without writing the changes held back. Returns false if it is not held."""
    return lifecycle.discard_held(run, primary_key_of(by))


def probe(learner_pk: str | None = None) -> ProbeReport:
    """Report what OneFile sends for one learner: the one given, else the first in scope (R2) with a linked aim.

    At most twelve read calls. Works while the integration is off, as it helps to set it up. Raises :class:`Refused`.
    """
    refuse_wrong_mapping()
    refuse_missing_rows()
    refuse_another_onefile()
    return look_closely(learner_to_probe(learner_pk, daily.today()))


def probe_centres(
    users: tuple[int, int] | None = None, *, standards: bool = False, search: bool = False
) -> CentreReport:
    """Report what linking has to know of OneFile. ``users`` are the OneFile IDs of an active and an archived user.

    ``standards`` looks at the standards of up to five centres; ``search``, which needs ``users``, at searches for a MIS
    Value. About fifteen read calls. Works while the integration is off. Raises :class:`Refused`.
    """
    refuse_wrong_mapping()
    return look_at_linking(users, standards=standards, search=search)


def last_daily_run() -> SyncRun | None:
    """The last completed daily sync, unless every learner in it failed: PICSWeb's *Last Synchronised* (R25)."""
    return lifecycle.successful_daily_runs().order_by("-finished_at").first()


def last_daily_attempt() -> SyncRun | None:
    """The last daily sync that is not running, whatever its result."""
    return lifecycle.daily_attempts().first()


#: Old names and their replacements. Old names work for one release, with a deprecation warning.
_RENAMED = {"sort_out": "partition", "why_not": "refusal_for"}


def __getattr__(name: str) -> Any:
    if name in _RENAMED:
        renamed = _RENAMED[name]
        warnings.warn(
            f"onefile_sync.services.{name} has been renamed to {renamed}.", DeprecationWarning, stacklevel=2
        )
        return globals()[renamed]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
