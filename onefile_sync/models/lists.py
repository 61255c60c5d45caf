"""What OneFile's lists have been seen to carry."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from .base import OwnModel
from .staged import ListingKind


class ListedProperty(OwnModel):
    """What is known of one property in the lists of one OneFile: whether a value that is there is in the list, too.

    ``name`` is OneFile's. ``shown``: a list item has had a value of it. ``agreed`` counts the records that were read by
    themselves and had no value where the list had none; ``missing_at`` is when a record had a value and the list none,
    after which both begin anew. ``records`` is of how many records in scope the last daily sync's lists gave no value.
    """

    address = models.CharField(max_length=255)
    kind = models.CharField(max_length=7, choices=ListingKind)
    name = models.CharField(max_length=100)
    shown = models.BooleanField(default=False)
    agreed = models.PositiveIntegerField(default=0)
    records = models.PositiveIntegerField(null=True)
    missing_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("listed property")
        verbose_name_plural = _("listed properties")
        constraints = [
            models.UniqueConstraint(fields=["address", "kind", "name"], name="onefile_one_listed_property")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"
