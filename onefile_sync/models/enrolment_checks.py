"""What a check before *Create in OneFile* found, kept until the window is answered."""

from __future__ import annotations

from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .base import LearnerKey, OwnModel
from .runs import SyncRun
from .staff import Tenant


class EnrolmentCheck(OwnModel):
    """The OneFile learners who may be the same person as one learner; one row for each learner, the latest check.

    ``encrypted_findings`` is what :mod:`onefile_sync.enrolment.learner_search` keeps of them: it has personal details.
    ``digest``, ``creations`` and ``matches`` are those of the plan with the choices of the check, if the learner is
    ready.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    run = models.ForeignKey(SyncRun, on_delete=models.CASCADE, related_name="+")
    learner_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, related_name="+")
    learner_pk = models.CharField(max_length=64)
    learner = LearnerKey("learner_type", "learner_pk")
    encrypted_findings = models.TextField()
    digest = models.CharField(max_length=64, blank=True, default="")
    creations = models.JSONField(default=list, blank=True)
    matches = models.JSONField(default=list, blank=True)
    checked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("check before creating in OneFile")
        constraints = [
            models.UniqueConstraint(fields=["learner_type", "learner_pk"], name="onefile_one_enrolment_check")
        ]

    def __str__(self) -> str:
        return f"{self.learner_pk}"
