"""Creates in OneFile that have begun, so that nothing is created twice."""

from __future__ import annotations

from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Case, Q, Value, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .base import LearnerKey
from .runs import SubjectKind
from .staff import Tenant
from .staged import Leased


class CreateKind(models.TextChoices):
    """What is created in OneFile. Placements, assessors and classes are shared by several learners."""

    LEARNER = "learner", _("learner")
    ASSESSOR = "assessor", _("assessor")
    PLACEMENT = "placement", _("placement")
    CLASSROOM = "class", _("class")
    AIM = "aim", _("learning aim")
    ASSIGNMENT = "assignment", _("assignment")


class CreateEnding(models.TextChoices):
    """How a create ended."""

    CREATED = "created", _("Created")
    FOUND = "found", _("Found again")
    CHOSEN = "chosen", _("Chosen by a person")
    NOT_NEEDED = "not_needed", _("Not needed any more")
    REFUSED = "refused", _("Refused by OneFile")
    LEFT_OVER = "left_over", _("Left over")
    UNSURE = "unsure", _("Never known")


class CreateIntent(Leased):
    """Stored before a record is created in OneFile and finished afterwards, so that a crash in between is noticed.

    The subject is PICSWeb's row: the learner also of an assignment, the qualification of a learning aim; a class has
    none. ``target`` tells the creates of one subject apart: a learning aim's standard, an assignment's level, standard
    and assessor, and the digest of a class's name. ``learner_pk`` is the learner in whose run it was begun.

    ``sent`` are keyed digests of what was last sent, by name: all that is needed to know the record again.
    ``seen_before`` are the OneFile IDs of records that fitted before, so they are not ours. ``onefile_id`` is set once
    OneFile has answered. ``in_doubt_since`` is when a create without a recorded answer was sent; OneFile may still be
    processing it. ``tries`` counts the creates sent since a person last decided. ``candidates`` are the OneFile IDs of
    several records that may be ours, until a person chooses. The lease is that of the worker who creates the record.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="creates")
    kind = models.CharField(max_length=10, choices=CreateKind)
    subject_kind = models.CharField(max_length=15, choices=SubjectKind)
    subject_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, related_name="+")
    subject_pk = models.CharField(max_length=64, blank=True, default="")
    learner_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, related_name="+")
    learner_pk = models.CharField(max_length=64)
    learner = LearnerKey("learner_type", "learner_pk")
    centre_id = models.PositiveBigIntegerField(default=0)
    target = models.CharField(max_length=64, blank=True, default="")
    sent = models.JSONField(default=dict, blank=True)
    seen_before = models.JSONField(default=list, blank=True)
    onefile_id = models.PositiveBigIntegerField(null=True)
    in_doubt_since = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    candidates = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    ending = models.CharField(max_length=10, choices=CreateEnding, blank=True, default="")
    is_open = models.GeneratedField(  # for the same reason as LearnerOutcome.is_working
        expression=Case(When(Q(finished_at=None), then=Value(True))),
        output_field=models.BooleanField(null=True),
        db_persist=True,
    )

    class Meta:
        verbose_name = _("create intent")
        constraints = [
            models.UniqueConstraint(
                fields=["is_open", "tenant", "kind", "subject_kind", "subject_pk", "centre_id", "target"],
                name="onefile_one_open_create",
            )
        ]
        indexes = [
            models.Index(fields=["learner_type", "learner_pk"], name="onefile_create_learner"),
            models.Index(fields=["subject_type", "subject_pk"], name="onefile_create_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_pk} ({'finished' if self.finished_at else 'open'})"
