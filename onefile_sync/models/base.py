"""The base of our models: always read from the database that is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models, router

Row = TypeVar("Row", bound=models.Model)


class PrimaryManager(models.Manager[Row]):
    """Reads from the database that is written, whatever a router says about reads.

    Leases, intents and outcomes decide what is written next. With a lagging replica, a review could be uploaded twice.
    """

    def get_queryset(self) -> models.QuerySet[Row]:
        rows = super().get_queryset()
        return rows if self._db else rows.using(router.db_for_write(self.model))


class OwnModel(models.Model):
    """The base of our models. Relations and ``refresh_from_db`` use the base manager, so we replace that as well."""

    if not TYPE_CHECKING:  # lets the type checker infer each model's own manager
        objects = PrimaryManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"


class LearnerKey(GenericForeignKey):
    """PICSWeb's learner, also if PICSWeb's models are in another database; Django would look in our row's database."""

    def get_content_type(
        self,
        obj: Any = None,
        id: Any = None,  # noqa: A002 - Django's names
        using: Any = None,  # noqa: ARG002
        model: Any = None,
    ) -> Any:
        known = type(obj) if obj is not None else model
        return super().get_content_type(id=id, using=router.db_for_write(ContentType), model=known)

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        if instance is not None and not self.is_cached(instance):
            self.set_cached_value(instance, self._find(instance))
        return super().__get__(instance, cls)

    def _find(self, row: Any) -> models.Model | None:
        type_id = getattr(row, f"{self.ct_field}_id")
        model = type_id and self.get_content_type(id=type_id).model_class()
        if not model:
            return None
        rows = model._base_manager.using(router.db_for_write(model))
        found: models.Model | None = rows.filter(pk=getattr(row, self.fk_field)).first()
        return found
