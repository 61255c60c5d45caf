"""Abstract models for PICSWeb's own models to inherit. They add the OneFile ID fields and nothing else.

They are mixins rather than models of our own so that PICSWeb keeps its tables, names and screens; and a OneFile ID is
a property of the learner, not of this app (design, decision 7).
"""

from __future__ import annotations

from typing import Any

from django.contrib.contenttypes.fields import GenericRelation
from django.db import models, router
from django.utils.translation import gettext_lazy as _


class RecordedAbout(GenericRelation):
    """A learner's outcomes, deleted together with the learner, even if our tables are in another database.

    Django deletes related rows in the learner's own database only. If ours is another one, a signal deletes them.
    """

    def bulk_related_objects(self, objs: Any, using: str = "default") -> Any:
        return super().bulk_related_objects(objs, using) if using == self._database() else []

    def contribute_to_class(self, cls: type[models.Model], name: str, *args: Any, **kwargs: Any) -> None:
        super().contribute_to_class(cls, name, *args, **kwargs)
        if not cls._meta.abstract:
            models.signals.post_delete.connect(self._delete_elsewhere, sender=cls)

    def _delete_elsewhere(self, instance: models.Model, using: str, **_kwargs: Any) -> None:
        if using != self._database():
            rows: Any = self.remote_field.model
            about = {f"{self.content_type_field_name}_id": self.get_content_type().pk}
            rows._base_manager.filter(**about, **{self.object_id_field_name: str(instance.pk)}).delete()

    def _database(self) -> str:
        return router.db_for_write(self.remote_field.model)


class OneFileLearnerMixin(models.Model):
    """For PICSWeb's learner model.

    Staff link a learner who already has a OneFile record by entering the OneFile ID. The first refresh sets
    ``onefile_centre_id`` (OneFile calls a centre an *organisation*), which later calls send. Deleting a learner also
    deletes the learner's outcomes, through ``onefile_outcomes``.
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
    onefile_outcomes = RecordedAbout(
        "onefile_sync.LearnerOutcome", content_type_field="learner_type", object_id_field="learner_pk"
    )
    onefile_staged_records = RecordedAbout(
        "onefile_sync.StagedRecord", content_type_field="learner_type", object_id_field="learner_pk"
    )
    onefile_upload_intents = RecordedAbout(
        "onefile_sync.UploadIntent", content_type_field="learner_type", object_id_field="learner_pk"
    )
    onefile_differences = RecordedAbout(
        "onefile_sync.Difference", content_type_field="learner_type", object_id_field="learner_pk"
    )
    onefile_links = RecordedAbout(
        "onefile_sync.RecordLink", content_type_field="subject_type", object_id_field="subject_pk"
    )
    onefile_suggestions = RecordedAbout(
        "onefile_sync.MatchSuggestion", content_type_field="subject_type", object_id_field="subject_pk"
    )

    class Meta:
        abstract = True


class OneFileQualificationMixin(models.Model):
    """For PICSWeb's qualification model: the ID of the learning aim in OneFile."""

    onefile_id = models.PositiveBigIntegerField(
        _("OneFile ID"),
        null=True,
        blank=True,
        db_index=True,
        help_text=_("The learning aim's ID in OneFile."),
    )
    onefile_links = RecordedAbout(
        "onefile_sync.RecordLink", content_type_field="subject_type", object_id_field="subject_pk"
    )

    class Meta:
        abstract = True


class OneFileReviewMixin(models.Model):
    """For PICSWeb's review model: the *OneFile System ID*, by which alone reviews are matched."""

    onefile_id = models.PositiveBigIntegerField(
        _("OneFile System ID"), null=True, blank=True, db_index=True, editable=False
    )
    onefile_links = RecordedAbout(
        "onefile_sync.RecordLink", content_type_field="subject_type", object_id_field="subject_pk"
    )

    class Meta:
        abstract = True


class OneFileOfficerMixin(models.Model):
    """For PICSWeb's officer model: the user ID of the same person as an assessor in OneFile."""

    onefile_id = models.PositiveBigIntegerField(
        _("OneFile ID"),
        null=True,
        blank=True,
        db_index=True,
        help_text=_("The assessor's user ID in OneFile."),
    )
    onefile_links = RecordedAbout(
        "onefile_sync.RecordLink", content_type_field="subject_type", object_id_field="subject_pk"
    )
    onefile_suggestions = RecordedAbout(
        "onefile_sync.MatchSuggestion", content_type_field="subject_type", object_id_field="subject_pk"
    )

    class Meta:
        abstract = True


class OneFileOrganisationMixin(models.Model):
    """For PICSWeb's organisation model: the ID of the placement in OneFile."""

    onefile_id = models.PositiveBigIntegerField(
        _("OneFile ID"), null=True, blank=True, db_index=True, help_text=_("The placement's ID in OneFile.")
    )
    onefile_links = RecordedAbout(
        "onefile_sync.RecordLink", content_type_field="subject_type", object_id_field="subject_pk"
    )
    onefile_suggestions = RecordedAbout(
        "onefile_sync.MatchSuggestion", content_type_field="subject_type", object_id_field="subject_pk"
    )

    class Meta:
        abstract = True
