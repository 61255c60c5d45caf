"""Upload intents: what is on record of a review that is being created in OneFile, step by step (R7).

Written and committed before each call, and after each answer; so that whatever cuts us off, the next refresh knows to
look in OneFile before it creates anything, and how long a create that was sent may still be on its way.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from onefile_sync import host
from onefile_sync.models import UploadIntent

#: Takes hold of the learner for a whole lease and says from when, so that nobody else looks before we are past doubt.
Hold = Callable[[], datetime]


def begin(learner_pk: str, review_pk: str, scheduled_for: datetime) -> UploadIntent:
    """The open intent for this review, or a new one. One whose review was moved meanwhile starts over."""
    intent, created = UploadIntent.objects.get_or_create(
        learner_type=host.learner_type(),
        review_pk=review_pk,
        finished_at=None,
        defaults={"learner_pk": learner_pk, "scheduled_for": scheduled_for},
    )
    if not created and (intent.learner_pk, intent.scheduled_for) != (learner_pk, scheduled_for):
        # The plan looked and found no review in OneFile, so nothing of the earlier attempt is worth keeping:
        # its visit has the old time, or is another learner's.
        intent.learner_pk, intent.scheduled_for, intent.visit_id = learner_pk, scheduled_for, None
        intent.save(update_fields=["learner_pk", "scheduled_for", "visit_id"])
    return intent


def note_sending_visit(intent: UploadIntent, hold: Hold, *, again: bool = False) -> None:
    """A visit is about to be asked for: from here on OneFile may hold one that we do not know.

    ``again``: the last try was refused for certain, and so is counted already.
    """
    with transaction.atomic():
        intent.in_doubt_since = hold()
        intent.visits_in_doubt += 0 if again else 1
        intent.save(update_fields=["in_doubt_since", "visits_in_doubt"])


def note_visit(intent: UploadIntent, visit_id: int) -> None:
    """OneFile has created the visit."""
    intent.visit_id, intent.in_doubt_since = visit_id, None
    intent.visits_in_doubt -= 1
    intent.save(update_fields=["visit_id", "in_doubt_since", "visits_in_doubt"])


def note_sending_review(intent: UploadIntent, hold: Hold) -> None:
    """A review is about to be asked for, in the visit that is on record."""
    with transaction.atomic():
        intent.in_doubt_since = hold()
        intent.save(update_fields=["in_doubt_since"])


def note_not_created(intent: UploadIntent, *, visit_asked_for: bool) -> None:
    """What was asked for last was refused for certain, or was not sent at all: nothing is on its way."""
    intent.visits_in_doubt -= 1 if visit_asked_for else 0
    intent.in_doubt_since = None
    intent.save(update_fields=["in_doubt_since", "visits_in_doubt"])


def note_review(intent: UploadIntent, review_id: int) -> None:
    """OneFile has created the review."""
    intent.review_id, intent.in_doubt_since = review_id, None
    intent.save(update_fields=["review_id", "in_doubt_since"])


def close(learner_pk: str, review_pk: str) -> None:
    """The upload of this review is over: it was linked, or turned out never to have happened."""
    UploadIntent.objects.filter(
        learner_type=host.learner_type(), learner_pk=learner_pk, review_pk=review_pk, finished_at=None
    ).update(finished_at=timezone.now())
