"""Abstract models that PICSWeb's own models inherit: they add the OneFile ID fields and nothing else.

Why mixins and not models of our own: PICSWeb keeps its tables, names and screens, and a OneFile ID is a fact about
the learner, not about this app (design, decision 7).
"""

from __future__ import annotations

from django.contrib.contenttypes.fields import GenericRelation
from django.db import models
from django.utils.translation import gettext_lazy as _


class OneFileLearnerMixin(models.Model):
    """For PICSWeb's learner model.

    Staff link a learner who already has a OneFile record by entering the OneFile ID. ``onefile_centre_id`` is found
    out by the first refresh (OneFile calls a centre an *organisation*) and sent along afterwards. Deleting a learner
    deletes what we recorded about them, through ``onefile_outcomes``.
    """

    onefile_id = models.PositiveBigIntegerField(
        _("OneFile ID"),
        null=True,
        blank=True,
        db_index=True,
        help_text=_("The learner's user ID in OneFile."),
    )
    onefile_centre_id = models.PositiveBigIntegerField(
        _("OneFile centre ID"), null=True, blank=True, editable=False
    )
    onefile_outcomes = GenericRelation(
        "onefile_sync.LearnerOutcome", content_type_field="learner_type", object_id_field="learner_pk"
    )
    onefile_staged_records = GenericRelation(
        "onefile_sync.StagedRecord", content_type_field="learner_type", object_id_field="learner_pk"
    )
    onefile_upload_intents = GenericRelation(
        "onefile_sync.UploadIntent", content_type_field="learner_type", object_id_field="learner_pk"
    )
    onefile_differences = GenericRelation(
        "onefile_sync.Difference", content_type_field="learner_type", object_id_field="learner_pk"
    )

    class Meta:
        abstract = True


class OneFileQualificationMixin(models.Model):
    """For PICSWeb's model of a learner's qualification: the ID of the learning aim in OneFile."""

    onefile_id = models.PositiveBigIntegerField(
        _("OneFile ID"),
        null=True,
        blank=True,
        db_index=True,
        help_text=_("The learning aim's ID in OneFile."),
    )

    class Meta:
        abstract = True


class OneFileReviewMixin(models.Model):
    """For PICSWeb's review model: the *OneFile System ID*, the only thing that reviews are matched on."""

    onefile_id = models.PositiveBigIntegerField(
        _("OneFile System ID"), null=True, blank=True, db_index=True, editable=False
    )

    class Meta:
        abstract = True


class OneFileOfficerMixin(models.Model):
    """For PICSWeb's officer model: the user ID of the assessor in OneFile whom this officer is."""

    onefile_id = models.PositiveBigIntegerField(
        _("OneFile ID"),
        null=True,
        blank=True,
        db_index=True,
        help_text=_("The assessor's user ID in OneFile."),
    )

    class Meta:
        abstract = True


class OneFileOrganisationMixin(models.Model):
    """For PICSWeb's organisation model: the ID of the placement in OneFile."""

    onefile_id = models.PositiveBigIntegerField(
        _("OneFile ID"), null=True, blank=True, db_index=True, help_text=_("The placement's ID in OneFile.")
    )

    class Meta:
        abstract = True
