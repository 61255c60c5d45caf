"""Which properties OneFile's lists have been observed to include."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from .base import OwnModel
from .staged import ListingKind


class ListedProperty(OwnModel):
    """The evidence on one property in the lists of one OneFile: whether lists include it when the record has a value.

    ``name`` is OneFile's. ``shown``: a list item has had a value. ``agreed`` counts records that were read individually
    and, like their list items, had no value. ``missing_at`` is when a record had a value that its list item lacked;
    this resets the other two. ``records`` is the number of records in scope without a value in the lists of the last
    daily sync.

    The row with a blank ``name`` is about the lists themselves: ``missing_at`` is when the sample of the last daily
    sync found a list item that differed from its record.
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
