"""Upload intents: the record of creating a review in OneFile, step by step (R7).

They are committed before each call and after each answer. So if a process is killed, the next refresh knows that it
has to look in OneFile before creating anything, and how long OneFile may still be processing the last create. A process
that was presumed dead and continues later finds the row changed and does not overwrite it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from onefile_sync import host
from onefile_sync.models import UploadIntent
from onefile_sync.sync.planning.rules import in_words
from onefile_sync.sync.planning.types import FinishedUpload, FoundProblem
from onefile_sync.sync.runs.leases import LostClaim
from onefile_sync.transactions import retried

#: How long the visit of a refused review is reused before another visit is created.
KEEP_VISIT = timedelta(days=7)
#: Renews the lease on the learner in full and returns the current time. Nobody else processes the learner meanwhile.
Hold = Callable[[], datetime]


@retried
def begin(learner_pk: str, review_pk: str, scheduled_for: datetime) -> UploadIntent:
    """The open intent for this review, or a new one. If the review was moved meanwhile, its intent starts again."""
    intent, created = UploadIntent.objects.get_or_create(
        learner_type=host.learner_type(),
        review_pk=review_pk,
        finished_at=None,
        put_away_for=None,
        defaults={"learner_pk": learner_pk, "scheduled_for": scheduled_for},
    )
    if not created and (intent.learner_pk, intent.scheduled_for) != (learner_pk, scheduled_for):
        # The plan found no review in OneFile, so the visit of the earlier attempt stays without one. It cannot be used,
        # as it has the old time or belongs to another learner.
        left_over = 0 if intent.visit_id is None else 1
        _write(
            intent,
            learner_pk=learner_pk,
            scheduled_for=scheduled_for,
            visit_id=None,
            new_visit_refused_at=None,
            visits_in_doubt=intent.visits_in_doubt + left_over,
        )
    return intent


@retried
def note_sending_visit(intent: UploadIntent, hold: Hold, *, again: bool = False) -> None:
    """Record that a visit is about to be created, so OneFile may have one whose ID we do not know.

    ``again``: a previous attempt certainly failed, so this visit is already counted.
    """
    with transaction.atomic():
        more = 0 if again else 1
        _write(intent, in_doubt_since=hold(), visits_in_doubt=intent.visits_in_doubt + more)


def note_visit(intent: UploadIntent, visit_id: int) -> None:
    """Record that OneFile has created the visit."""
    _write(intent, visit_id=visit_id, in_doubt_since=None, visits_in_doubt=intent.visits_in_doubt - 1)


@retried
def note_sending_review(intent: UploadIntent, hold: Hold) -> None:
    """Record that a review is about to be created in the recorded visit."""
    with transaction.atomic():
        _write(intent, in_doubt_since=hold())


def note_not_created(intent: UploadIntent, *, visit_asked_for: bool) -> None:
    """Record that the last create was certainly refused or never sent."""
    _write(
        intent, in_doubt_since=None, visits_in_doubt=intent.visits_in_doubt - (1 if visit_asked_for else 0)
    )


def note_review_refused(intent: UploadIntent, *, visit_is_new: bool) -> None:
    """Record that OneFile certainly refused the review. The visit may be the reason; then the next refresh replaces it.

    A visit created just before cannot be the reason, so it is reused; otherwise each refresh would leave another visit
    behind. As it may be deleted meanwhile, it too is replaced eventually.
    """
    now = timezone.now()
    if visit_is_new:
        _write(intent, new_visit_refused_at=now)
    elif intent.new_visit_refused_at is None or now - intent.new_visit_refused_at > _keep_for(intent):
        _write(intent, visit_id=None, new_visit_refused_at=None, visits_in_doubt=intent.visits_in_doubt + 1)


def _keep_for(intent: UploadIntent) -> timedelta:
    """How long the visit of a refused review is reused: longer, the more unused visits OneFile may already have."""
    return KEEP_VISIT * (1 << min(intent.visits_in_doubt, 10))


def note_review(intent: UploadIntent, review_id: int) -> None:
    """Record that OneFile has created the review."""
    _write(intent, review_id=review_id, in_doubt_since=None)


@retried
def _write(intent: UploadIntent, **values: Any) -> None:
    """Update the row. Raises LostClaim if another process has continued this upload meanwhile."""
    as_we_know_it = UploadIntent.objects.filter(
        pk=intent.pk,
        in_doubt_since=intent.in_doubt_since,
        visit_id=intent.visit_id,
        finished_at=None,
        put_away_for=None,
    )
    if not as_we_know_it.update(**values):
        raise LostClaim(intent.pk)
    for name, value in values.items():
        setattr(intent, name, value)


def left_over(learner_pk: str, finished: Mapping[str, FinishedUpload]) -> list[FoundProblem]:
    """Problems for the visits that these uploads leave behind without a review.

    OneFile has no search for visits, so only a person can check whether there is an unused one.
    """
    problems = []
    for intent in _open(learner_pk, finished).order_by("pk"):
        upload = finished[intent.review_pk]
        if intent.visits_in_doubt or (intent.visit_id is not None and not upload.came_about):
            when = in_words(intent.scheduled_for)
            problems.append(FoundProblem("visit_left_over", upload.subject, {"when": when}))
    return problems


def _open(learner_pk: str, review_pks: Iterable[str]) -> QuerySet[UploadIntent]:
    return UploadIntent.objects.filter(
        learner_type=host.learner_type(),
        learner_pk=learner_pk,
        review_pk__in=list(review_pks),
        finished_at=None,
        put_away_for=None,
    )


@retried
def close(learner_pk: str, review_pks: Iterable[str]) -> None:
    """Close the uploads of these reviews, which were linked or turned out never to have been created."""
    _open(learner_pk, review_pks).update(finished_at=timezone.now())
