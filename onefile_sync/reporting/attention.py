"""Finds the open problems: those that no later comparison of the same learner or record has settled.

Only a completed comparison settles a problem. An outcome that failed, was left out of its run or was cut short by the
run's end settles nothing; nor does a preview, which compares but writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from django.db.models import Exists, Max, OuterRef, Q, QuerySet, Subquery

from onefile_sync.models import (
    WITHOUT_WRITING,
    Difference,
    LearnerOutcome,
    OutcomeState,
    Problem,
    RunKind,
    Side,
    SubjectKind,
    SyncRun,
)
from onefile_sync.onefile.errors import CASES
from onefile_sync.sync.planning.safety_stop import NOT_COMPARED
from onefile_sync.sync.runs.lifecycle import compared

#: The states of outcomes that need attention.
NEEDS_ATTENTION = (OutcomeState.ATTENTION, OutcomeState.FAILED)
#: Problems that mean that their record was not compared: OneFile did not return it, it could not be read, or someone
#: kept editing it.
NOT_HAD = frozenset({*(case.code for case in CASES), "unreadable_items", "kept_changing"})
#: Problems of a learner that summarise all of the learner's reviews.
GATHERED = frozenset({"officer_unmatched", "officer_ambiguous"})
#: Problems of a review that are found when it is uploaded, so that a comparison settles them without downloads too.
UPLOADING = frozenset(
    {
        "officer_not_linked",
        "no_officer",
        "centre_unknown",
        "upload_ambiguous",
        "upload_unresolved",
        "upload_unsure",
        "upload_on_its_way",
        "push_not_taken",
    }
)
#: Problems that are reported once, as no later comparison can find them: OneFile has no search for visits.
TOLD_ONCE = frozenset({"visit_left_over"})

#: Percentage of learners whose last complete comparison is treated as old (:func:`_since_all_was_seen`).
LEFT_BEHIND = 5

#: Problems that are reported once and stay open while their :class:`Difference` exists, with that row's side.
LASTING = {
    "kept_differently": Side.PICSWEB,
    "kept_differently_there": Side.ONEFILE,
    "review_hidden": Side.PICSWEB,
}


@dataclass(frozen=True, slots=True)
class Unsettled:
    """The primary keys of the problems that nothing has settled, each problem once.

    ``out_of_reach`` are problems of learners who were not in the last daily sync because they left its scope or were
    unlinked. The daily sync no longer compares them; a manual refresh still can.
    """

    open: tuple[int, ...]
    out_of_reach: tuple[int, ...]


def open_problems() -> QuerySet[Problem]:
    """The open problems, each once, of learners in the scope of the daily sync."""
    return Problem.objects.filter(pk__in=unsettled_problems().open)


def unsettled_problems() -> Unsettled:
    """Find the problems that nothing has settled. At most five queries, however long the ledger is."""
    began, taken = _last_taken()
    within: list[int] = []
    beyond: list[int] = []
    for problem in _unsettled():
        outcome = problem.outcome
        is_beyond = began and _ended_at(outcome) < began and _learner(outcome) not in taken
        (beyond if is_beyond else within).append(problem.pk)
    return Unsettled(tuple(within), tuple(beyond))


def _last_taken() -> tuple[datetime | None, set[tuple[int, str]]]:
    """When the last daily sync began, and its learners.

    A run without learners is ignored: an empty scope is more likely a mistake than every learner having left.
    """
    daily = SyncRun.objects.filter(
        Exists(LearnerOutcome.objects.filter(run=OuterRef("pk"))), kind=RunKind.DAILY
    )
    last = daily.order_by("-created_at").values("pk")[:1]
    rows = list(
        LearnerOutcome.objects.filter(run=Subquery(last))
        .order_by()
        .values_list("run__created_at", "learner_type", "learner_pk")
    )
    return rows[0][0] if rows else None, {(kind, pk) for _began, kind, pk in rows}


def _unsettled() -> Iterable[Problem]:
    """The unsettled problems, learner by learner, from the learner's last complete comparison onwards."""
    told_once = Q(code__in=[*TOLD_ONCE, *LASTING])
    since, settled_at = _since_all_was_seen()
    met = Problem.objects.filter(Q(outcome__in=since) | told_once)
    met = met.filter(outcome__state__in=NEEDS_ATTENTION, outcome__finished_at__isnull=False).exclude(
        outcome__run__kind__in=WITHOUT_WRITING
    )
    in_order = sorted(
        met.select_related("outcome__run"),
        key=lambda each: (*_learner(each.outcome), _ended_at(each.outcome), each.outcome_id, each.pk),
    )
    standing: set[tuple[str, str, str, str]] = set()
    if any(problem.code in LASTING for problem in in_order):
        standing = set(Difference.objects.values_list("side", "subject_kind", "subject_pk", "field"))
    for who, of_learner in groupby(in_order, key=lambda each: _learner(each.outcome)):
        left: dict[tuple[str, ...], Problem] = {}
        for _outcome, of_outcome in groupby(of_learner, key=lambda each: each.outcome_id):
            together = list(of_outcome)
            if _was_compared(together):
                not_had = [problem for problem in together if problem.code in NOT_HAD]
                without = together[0].outcome.run.without_reviews
                left = {
                    key: each
                    for key, each in left.items()
                    if (without and _needs_reviews(each)) or not _is_settled(each, not_had)
                }
            left |= {_identity(problem): problem for problem in together}
        for each in left.values():
            ended_at = _ended_at(each.outcome)
            if each.code in LASTING:
                stands = _difference(each) in standing
            elif each.code in TOLD_ONCE or _needs_reviews(each):
                stands = True
            else:
                stands = ended_at >= settled_at.get(who, ended_at)
            if stands:
                yield each


def _needs_reviews(problem: Problem) -> bool:
    """Whether only a comparison of the learner's reviews can settle the problem, not one made without downloads."""
    if problem.code in GATHERED:
        return True
    if problem.subject_kind != SubjectKind.REVIEW or problem.code in UPLOADING:
        return False
    # A review that could not be read is known by its OneFile ID only; one that was refused is PICSWeb's.
    return not (problem.code in NOT_HAD and problem.subject_pk)


def _since_all_was_seen() -> tuple[list[int], dict[tuple[int, str], datetime]]:
    """The primary keys of outcomes with problems that no complete comparison of the learner has followed.

    Also, for each learner, when the last comparison ended that was complete but for the reviews: it settles all
    problems except those of reviews.

    A year of daily syncs has hundreds of thousands of outcomes, but for most learners only last night's matters. So
    older outcomes are fetched only for learners whose last complete comparison is old, and where the outcome itself
    failed or was incomplete.
    """
    partial = Problem.objects.filter(code__in=[*NOT_HAD, *NOT_COMPARED]).values("outcome")
    names = ("learner_type", "learner_pk", "run__without_reviews")
    whole = compared().exclude(pk__in=partial).order_by().values_list(*names).annotate(Max("finished_at"))
    with_reviews: dict[tuple[int, str], datetime] = {}
    last: dict[tuple[int, str], datetime] = {}
    for kind, pk, without_reviews, at in whole:
        if at is not None:
            last[kind, pk] = max(at, last.get((kind, pk), at))
            if not without_reviews:
                with_reviews[kind, pk] = at
    moments = sorted(last.values())
    recently = moments[len(moments) * LEFT_BEHIND // 100] if moments else None
    may_count = Q(state=OutcomeState.FAILED) | Q(pk__in=partial)
    if recently is not None:
        behind = [pk for (_kind, pk), at in last.items() if at < recently]
        may_count |= Q(finished_at__gte=recently) | Q(learner_pk__in=behind)
    if last != with_reviews:
        of_reviews = Problem.objects.filter(Q(subject_kind=SubjectKind.REVIEW) | Q(code__in=GATHERED))
        may_count |= Q(pk__in=of_reviews.values("outcome"))
    ended = LearnerOutcome.objects.filter(may_count, state__in=NEEDS_ATTENTION, finished_at__isnull=False)
    rows = ended.order_by().values_list("pk", "learner_type", "learner_pk", "finished_at")
    since = [pk for pk, kind, who, at in rows if at is not None and at >= with_reviews.get((kind, who), at)]
    return since, last


def _was_compared(problems: list[Problem]) -> bool:
    """Whether these problems of one outcome come from a comparison that took place."""
    failed = problems[0].outcome.state == OutcomeState.FAILED
    return not failed and not any(problem.code in NOT_COMPARED for problem in problems)


def _is_settled(problem: Problem, not_had: list[Problem]) -> bool:
    """Whether a comparison that could not read ``not_had`` would have found ``problem`` again if it still existed."""
    if problem.code in TOLD_ONCE or problem.code in LASTING:
        return False
    if problem.code in GATHERED:
        return not not_had
    if problem.subject_kind == SubjectKind.LEARNER:
        return True
    return not any(
        each.subject_kind == SubjectKind.LEARNER or _is_about_the_same(each, problem) for each in not_had
    )


def _is_about_the_same(one: Problem, other: Problem) -> bool:
    """Whether both concern the same record; one that could not be read is known by its OneFile ID only."""
    if one.subject_kind != other.subject_kind:
        return False
    if one.subject_pk and one.subject_pk == other.subject_pk:
        return True
    return one.subject_onefile_id is not None and one.subject_onefile_id == other.subject_onefile_id


def _identity(problem: Problem) -> tuple[str, ...]:
    """A key that is the same when the same problem is found again."""
    if problem.code in LASTING:
        return problem.code, *_difference(problem)
    subject = problem.subject_pk or f"OneFile {problem.subject_onefile_id}"
    # The assessor's name may have become known since; it is still the same problem.
    details = {name: value for name, value in problem.details.items() if name != "assessor_name"}
    return problem.code, problem.subject_kind, subject, json.dumps(details, sort_keys=True)


def _difference(problem: Problem) -> tuple[str, str, str, str]:
    """The key of the :class:`Difference` behind a lasting problem."""
    field = problem.details.get("field", problem.code)
    return str(LASTING[problem.code]), problem.subject_kind, problem.subject_pk, field


def _learner(outcome: LearnerOutcome) -> tuple[int, str]:
    return outcome.learner_type_id, outcome.learner_pk


def _ended_at(outcome: LearnerOutcome) -> datetime:
    assert outcome.finished_at is not None  # noqa: S101 - for mypy: the query selects finished outcomes only
    return outcome.finished_at
