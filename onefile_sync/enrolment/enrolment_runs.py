"""Opens runs that check and that create, and says what the window shows. No call to OneFile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model

from onefile_sync import events, host
from onefile_sync.linking import directory
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.messages.enrolment_refusals import ASK_FIRST, TO_CHOOSE
from onefile_sync.models import (
    EnrolmentCheck,
    LearnerOutcome,
    OneFileSettings,
    OutcomeState,
    Problem,
    RunKind,
    SyncRun,
)
from onefile_sync.sync.eligibility import (
    MAPPING_WRONG,
    Refusal,
    Refused,
    refusal_for_everyone,
    refuse_wrong_mapping,
)
from onefile_sync.sync.runs import leases, lifecycle, queue

from . import creates, kept_checks
from .centre_directory import NEEDED, stale_lists
from .open_questions import answer_create as answer_create
from .open_questions import creates_in_doubt as creates_in_doubt
from .plan import EnrolmentChoices, EnrolmentPlan, Findings
from .planned import plan_for, read_row

ALREADY_LINKED: Final = Refusal("already_linked_to")
UPLOAD_NOT_MAPPED: Final = Refusal("upload_not_mapped")
#: The ``open_key`` of the run that looks for creates in doubt.
LOOKING: Final = "enrol:in doubt"
CHECK_FIRST: Final = Refusal("check_first")
OUTDATED: Final = Refusal("look_again")
ANSWER_FIRST: Final = Refusal("answer_first")
NOBODY_READY: Final = Refusal("nobody_ready")


@dataclass(frozen=True, slots=True)
class EnrolmentWindow:
    """What *Create Learner in OneFile* shows. ``plan`` is ``None`` until the learner has been looked for in OneFile.

    ``checked_at`` is when that was. ``run`` is the open run that checks or creates the learner now. ``failed`` is the
    outcome of a later check that failed. ``is_live`` and ``is_in_learning`` are PICSWeb's, and refuse nothing.
    """

    plan: EnrolmentPlan | None = None
    checked_at: datetime | None = None
    run: SyncRun | None = None
    failed: LearnerOutcome | None = None
    is_live: bool = True
    is_in_learning: bool = True


def offers_enrolment() -> bool:
    """Whether the mapping has what creating a learner needs. Without it, no button is shown."""
    return not host.has_upload_mapping()


def refusal_to_enrol() -> Refusal | None:
    """Why nothing can be created in OneFile now, or ``None``. No call to OneFile.

    Learners who have ended, or are not Live, may be created all the same.
    """
    refusal = refusal_for_everyone(OneFileSettings.load())
    if refusal is not None:
        return refusal
    return None if offers_enrolment() else UPLOAD_NOT_MAPPED


def enrol_check(
    learners: Sequence[Model],
    *,
    by: Any = None,
    choices: EnrolmentChoices | None = None,
    queued: bool = True,
    in_bulk: bool = False,
) -> SyncRun:
    """Open a run that looks for learners in OneFile and plans; of one learner, the one that is open already.

    Where OneFile's lists are missing or more than a day old, they are read again first. Several learners, or any
    ``in_bulk``, are checked for :func:`enrol_ready`; those who are linked are left out. Raises
    :class:`~onefile_sync.sync.eligibility.Refused`.
    """
    refuse_wrong_mapping()
    learners = list(dict.fromkeys(learners))
    _refuse()
    is_single = len(learners) == 1 and not in_bulk
    if not is_single:
        learners = [each for each in learners if getattr(each, "onefile_id", None) is None]
        if not learners:
            raise Refused(ALREADY_LINKED)
    leases.recover_expired()
    if stale_lists(present_tenant()):
        directory.start_reading(NEEDED, by=_key_of(by), queued=False)
    options = {"choices": choices.to_json()} if choices is not None else {}
    run, created = lifecycle.open_run(
        RunKind.ENROL_CHECK,
        learners,
        by=_key_of(by),
        open_key=_open_key(RunKind.ENROL_CHECK, learners[0]) if is_single else None,
        options={**options, "in_bulk": not is_single},
    )
    if queued and (created or _is_lost(run)):
        queue.enqueue(run)
    return run


def enrolment_window(
    learner: Model, choices: EnrolmentChoices | None = None, *, in_bulk: bool = False
) -> EnrolmentWindow:
    """What creating this learner would do with these choices, by the latest check and OneFile's kept lists.

    Without ``choices``, those of the check count. ``in_bulk``: people and employers are created only if the settings
    say so for learners whom nobody looks at. Raises :class:`~onefile_sync.sync.eligibility.Refused`.
    """
    _refuse()
    settings, tenant, pk = OneFileSettings.load(), present_tenant(), str(learner.pk)
    mine = LearnerOutcome.objects.filter(learner_type=host.learner_type(), learner_pk=pk)
    of_creating = mine.filter(run__kind__in=(RunKind.ENROL_CHECK, RunKind.ENROL)).select_related("run")
    under_way = of_creating.filter(run__finished_at=None).order_by("-run__created_at").first()
    try:
        row = read_row(pk, settings)
        is_live, is_in_learning = host.is_current(pk)
    except (TypeError, ImproperlyConfigured) as error:
        # A function of PICSWeb's returned nonsense, or a row that the mapping names is missing. The message may hold a
        # value.
        events.error("learner_not_read", learner=pk, error=type(error).__name__)
        raise Refused(MAPPING_WRONG) from None
    kept = kept_checks.latest(pk, tenant)
    last = of_creating.filter(run__kind=RunKind.ENROL_CHECK).exclude(finished_at=None)
    if kept is not None:
        last = last.filter(finished_at__gt=kept.checked_at)
    latest = last.order_by("-finished_at").first()
    window = EnrolmentWindow(
        run=under_way.run if under_way is not None else None,
        failed=latest if latest is not None and latest.state == OutcomeState.FAILED else None,
        is_live=is_live,
        is_in_learning=is_in_learning,
    )
    if row is None or kept is None:
        return window
    findings = kept.findings if row.person.onefile_id is None else Findings()
    plan = plan_for(row, tenant, settings, findings, choices or kept.choices, in_bulk=in_bulk)
    return replace(window, plan=plan, checked_at=kept.checked_at)


def enrol(
    learner: Model, choices: EnrolmentChoices, shown: str, *, by: Any = None, queued: bool = True
) -> SyncRun:
    """Open the run that creates a learner, or adds qualifications of a linked one, as the window showed it.

    ``shown`` is that of the plan that was shown. The run that is open already is returned. Raises
    :class:`~onefile_sync.sync.eligibility.Refused`: nothing was checked, something has changed since, or something has
    to be answered first.
    """
    window = enrolment_window(learner, choices)
    plan = window.plan
    if window.run is not None and window.run.kind == RunKind.ENROL:
        return window.run
    if plan is None:
        raise Refused(CHECK_FIRST)
    if plan.shown != shown:
        raise Refused(OUTDATED)
    if plan.refusals:
        raise Refused(ANSWER_FIRST)
    confirmed = {str(learner.pk): _confirmed(plan)}
    run, created = lifecycle.open_run(
        RunKind.ENROL,
        [learner],
        by=_key_of(by),
        open_key=_open_key(RunKind.ENROL, learner),
        options={"learners": confirmed},
    )
    if queued and (created or _is_lost(run)):
        queue.enqueue(run)
    return run


# Several learners


@dataclass(frozen=True, slots=True)
class EnrolmentReadiness:
    """What a check of several learners found: the outcomes of those who are ready, and of the others with the problems.

    ``to_choose``: a person has to choose something in the learner's window; ``may_exist``: the learner may be in
    OneFile already; ``cannot``: something is missing.
    """

    ready: tuple[LearnerOutcome, ...] = ()
    to_choose: tuple[LearnerOutcome, ...] = ()
    may_exist: tuple[LearnerOutcome, ...] = ()
    cannot: tuple[LearnerOutcome, ...] = ()


def enrolment_readiness(run: SyncRun) -> EnrolmentReadiness:
    """Sort the learners of a check. A constant number of queries."""
    ready_pks = set(
        EnrolmentCheck.objects.filter(run=run).exclude(digest="").values_list("learner_pk", flat=True)
    )
    codes: dict[int, set[str]] = {}
    for outcome_pk, code in Problem.objects.filter(outcome__run=run).values_list("outcome_id", "code"):
        codes.setdefault(outcome_pk, set()).add(code)
    sorted_out: dict[str, list[LearnerOutcome]] = {}
    for outcome in run.outcomes.order_by("pk"):
        found = codes.get(outcome.pk, set())
        if outcome.learner_pk in ready_pks:
            group = "ready"
        elif found & ASK_FIRST:
            group = "may_exist"
        else:
            group = "to_choose" if found & TO_CHOOSE else "cannot"
        sorted_out.setdefault(group, []).append(outcome)
    return EnrolmentReadiness(**{group: tuple(each) for group, each in sorted_out.items()})


def enrol_ready(
    run: SyncRun, *, among: Iterable[str] | None = None, by: Any = None, queued: bool = True
) -> SyncRun:
    """Open the run that creates the learners who are ready by a check; ``among`` these primary keys, if given.

    The run of an earlier call for the same check is returned. Raises
    :class:`~onefile_sync.sync.eligibility.Refused`.
    """
    wanted = None if among is None else set(among)
    pks = [each.learner_pk for each in enrolment_readiness(run).ready]
    chosen = host.learners_by_pk([pk for pk in pks if wanted is None or pk in wanted])
    learners = [each for each in chosen if getattr(each, "onefile_id", None) is None]
    if not learners:
        raise Refused(NOBODY_READY)
    _refuse()
    kept = {
        each.learner_pk: each
        for each in EnrolmentCheck.objects.filter(run=run, learner_pk__in=[str(each.pk) for each in learners])
    }
    confirmed = {
        pk: {
            "choices": EnrolmentChoices.from_json(run.options.get("choices", {})).to_json(),
            "digest": each.digest,
            "creations": each.creations,
            "matches": each.matches,
            "is_linked": False,
        }
        for pk, each in kept.items()
    }
    made, created = lifecycle.open_run(
        RunKind.ENROL,
        learners,
        by=_key_of(by),
        open_key=f"{RunKind.ENROL}:{run.pk}",
        options={"learners": confirmed, "in_bulk": True},
    )
    if queued and (created or _is_lost(made)):
        queue.enqueue(made)
    return made


# After an interruption


def look_for_creates(*, queued: bool = True) -> SyncRun | None:
    """Open a run that looks for creates in doubt and links what it finds; ``None`` if there are none.

    The daily sync begins with it. Nothing is created in it: only a person's click does that.
    """
    if refusal_to_enrol() is not None:
        return None
    in_doubt = creates.in_doubt(present_tenant()).filter(learner_type=host.learner_type())
    pks = set(in_doubt.values_list("learner_pk", flat=True))
    if not pks:
        return None
    confirmed: dict[str, Any] = {}
    earlier = SyncRun.objects.filter(kind=RunKind.ENROL, outcomes__learner_pk__in=pks).distinct()
    for run in earlier.order_by("created_at"):
        confirmed |= {pk: each for pk, each in run.options["learners"].items() if pk in pks}
    run, created = lifecycle.open_run(
        RunKind.ENROL,
        host.learners_by_pk(confirmed),
        open_key=LOOKING,
        options={"learners": confirmed, "looks_only": True},
    )
    if queued and (created or _is_lost(run)):
        queue.enqueue(run)
    return run


def _confirmed(plan: EnrolmentPlan) -> Mapping[str, Any]:
    return {
        "choices": plan.choices.to_json(),
        "digest": plan.digest,
        "creations": plan.creations,
        "matches": plan.match_ids,
        "is_linked": plan.is_linked,
    }


def _refuse() -> None:
    refusal = refusal_to_enrol()
    if refusal is not None:
        raise Refused(refusal)


def _open_key(kind: RunKind, learner: Model) -> str:
    return lifecycle.learner_key(kind, str(learner.pk))


def _is_lost(run: SyncRun) -> bool:
    return lifecycle.stalled_runs().filter(pk=run.pk).exists()


def _key_of(by: Any) -> Any:
    return by.pk if by is not None else None
