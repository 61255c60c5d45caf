"""Uploads of reviews that have begun, so that none is created twice."""

from __future__ import annotations

from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Case, Q, Value, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .base import LearnerKey, OwnModel
from .staff import Tenant


class UploadIntent(OwnModel):
    """Stored before a review is created in OneFile and finished afterwards, so that a crash in between is noticed (R7).

    ``review_pk`` is PICSWeb's review. ``finished_at`` is null while the result of the creation is unknown.
    ``in_doubt_since`` is when the last create without a recorded answer was sent; OneFile may still be processing it
    until a lease has passed. ``visits_in_doubt`` counts visits that OneFile may have created without our knowing their
    IDs. ``new_visit_refused_at`` is when OneFile refused the review in the recorded visit, created just before.

    ``put_away_for`` is the OneFile in which an unfinished upload was begun, while PICSWeb is linked to another one.
    """

    learner_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, related_name="+")
    learner_pk = models.CharField(max_length=64)
    learner = LearnerKey("learner_type", "learner_pk")
    review_pk = models.CharField(max_length=64)
    scheduled_for = models.DateTimeField()
    visit_id = models.PositiveBigIntegerField(null=True)
    review_id = models.PositiveBigIntegerField(null=True)
    in_doubt_since = models.DateTimeField(null=True)
    visits_in_doubt = models.PositiveSmallIntegerField(default=0)
    new_visit_refused_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    put_away_for = models.ForeignKey(Tenant, null=True, on_delete=models.CASCADE, related_name="+")
    is_open = models.GeneratedField(  # for the same reason as LearnerOutcome.is_working
        expression=Case(When(Q(finished_at=None, put_away_for=None), then=Value(True))),
        output_field=models.BooleanField(null=True),
        db_persist=True,
    )

    class Meta:
        verbose_name = _("upload intent")
        constraints = [
            models.UniqueConstraint(
                fields=["is_open", "learner_type", "review_pk"], name="onefile_one_open_upload"
            )
        ]
        indexes = [models.Index(fields=["learner_type", "learner_pk"], name="onefile_intent_learner")]

    def __str__(self) -> str:
        return f"{self.review_pk} ({'finished' if self.finished_at else 'open'})"
