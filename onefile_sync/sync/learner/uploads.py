"""Upload intents: what is on record of a review that is being created in OneFile, step by step (R7).

Written and committed before each call, and after each answer; so that whatever cuts us off, the next refresh knows to
look in OneFile before it creates anything, and how long a create that was sent may still be on its way. Whoever was
taken for dead and comes back with an answer finds the row changed, and writes nothing over it.
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

#: How long the visit of a review that OneFile refuses is kept for the next try, before another visit is made.
KEEP_VISIT = timedelta(days=7)
#: Takes hold of the learner for a whole lease and says from when, so that nobody else looks before we are past doubt.
Hold = Callable[[], datetime]


@retried
def begin(learner_pk: str, review_pk: str, scheduled_for: datetime) -> UploadIntent:
    """The open intent for this review, or a new one. One whose review was moved meanwhile starts over."""
    intent, created = UploadIntent.objects.get_or_create(
        learner_type=host.learner_type(),
        review_pk=review_pk,
        finished_at=None,
        defaults={"learner_pk": learner_pk, "scheduled_for": scheduled_for},
    )
    if not created and (intent.learner_pk, intent.scheduled_for) != (learner_pk, scheduled_for):
        # The plan looked and found no review in OneFile, so the visit of the earlier attempt stays without one:
        # it has the old time, or is another learner's.
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
    """A visit is about to be asked for: from here on OneFile may hold one that we do not know.

    ``again``: the last try was refused for certain, and so is counted already.
    """
    with transaction.atomic():
        more = 0 if again else 1
        _write(intent, in_doubt_since=hold(), visits_in_doubt=intent.visits_in_doubt + more)


def note_visit(intent: UploadIntent, visit_id: int) -> None:
    """OneFile has created the visit."""
    _write(intent, visit_id=visit_id, in_doubt_since=None, visits_in_doubt=intent.visits_in_doubt - 1)


@retried
def note_sending_review(intent: UploadIntent, hold: Hold) -> None:
    """A review is about to be asked for, in the visit that is on record."""
    with transaction.atomic():
        _write(intent, in_doubt_since=hold())


def note_not_created(intent: UploadIntent, *, visit_asked_for: bool) -> None:
    """What was asked for last was refused for certain, or was not sent at all: nothing is on its way."""
    _write(
        intent, in_doubt_since=None, visits_in_doubt=intent.visits_in_doubt - (1 if visit_asked_for else 0)
    )


def note_review_refused(intent: UploadIntent, *, visit_is_new: bool) -> None:
    """OneFile refused the review for certain. Was it for its visit's sake, the next refresh begins with another one.

    A visit that was made just before cannot be the reason: it waits for the review, lest each refresh leaves one more
    behind. It may be deleted while it waits, so even then another is tried in the end.
    """
    now = timezone.now()
    if visit_is_new:
        _write(intent, new_visit_refused_at=now)
    elif intent.new_visit_refused_at is None or now - intent.new_visit_refused_at > _keep_for(intent):
        _write(intent, visit_id=None, new_visit_refused_at=None, visits_in_doubt=intent.visits_in_doubt + 1)


def _keep_for(intent: UploadIntent) -> timedelta:
    """How long the visit of a refused review is kept: ever longer, the more of them may lie about already."""
    return KEEP_VISIT * (1 << min(intent.visits_in_doubt, 10))


def note_review(intent: UploadIntent, review_id: int) -> None:
    """OneFile has created the review."""
    _write(intent, review_id=review_id, in_doubt_since=None)


@retried
def _write(intent: UploadIntent, **values: Any) -> None:
    """Raises LostClaim where somebody else has gone on with this upload meanwhile."""
    as_we_know_it = UploadIntent.objects.filter(
        pk=intent.pk, in_doubt_since=intent.in_doubt_since, visit_id=intent.visit_id, finished_at=None
    )
    if not as_we_know_it.update(**values):
        raise LostClaim(intent.pk)
    for name, value in values.items():
        setattr(intent, name, value)


def left_over(learner_pk: str, finished: Mapping[str, FinishedUpload]) -> list[FoundProblem]:
    """What these uploads leave behind: visits into which no review will be put.

    OneFile cannot be asked for visits: only a person can see whether there is one that nobody needs.
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
    )


@retried
def close(learner_pk: str, review_pks: Iterable[str]) -> None:
    """The uploads of these reviews are over: they were linked, or turned out never to have happened."""
    _open(learner_pk, review_pks).update(finished_at=timezone.now())
