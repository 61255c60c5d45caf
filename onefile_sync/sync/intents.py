"""Upload intents: what is on record of a review that is being created in OneFile, step by step (R7).

Written and committed before the first call, and after each answer; so that whatever cuts us off, the next refresh
knows to look in OneFile before it creates anything.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from onefile_sync import host
from onefile_sync.models import UploadIntent


def begin(learner_pk: str, review_pk: str, scheduled_for: datetime) -> UploadIntent:
    """The open intent for this review, or a new one. One whose review was moved meanwhile starts over."""
    intent, created = UploadIntent.objects.get_or_create(
        learner_type=_learner_type(),
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


def note_visit(intent: UploadIntent, visit_id: int) -> None:
    intent.visit_id = visit_id
    intent.save(update_fields=["visit_id"])


def note_review(intent: UploadIntent, review_id: int) -> None:
    intent.review_id = review_id
    intent.save(update_fields=["review_id"])


def close(learner_pk: str, review_pk: str) -> None:
    """The upload of this review is over: it was linked, or turned out never to have happened."""
    UploadIntent.objects.filter(
        learner_type=_learner_type(), learner_pk=learner_pk, review_pk=review_pk, finished_at=None
    ).update(finished_at=timezone.now())


def _learner_type() -> ContentType:
    return ContentType.objects.get_for_model(host.learner_model())
