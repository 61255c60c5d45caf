"""What the daily sync has read of OneFile for everyone, kept from night to night: only what is synchronised.

Listings and pages say how far the reading of one run has come, so that whoever goes on with it does not start over.
"""

from __future__ import annotations

from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils.translation import gettext_lazy as _

from .base import OwnModel
from .runs import SyncRun


class Leased(OwnModel):
    """A piece of work that one worker has at a time, until its lease ends."""

    claimed_by = models.UUIDField(null=True)
    lease_expires_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class ListingKind(models.TextChoices):
    CENTRES = "centres", _("centres")
    AIM = "aim", _("learning aims")
    REVIEW = "review", _("reviews")


class Listing(Leased):
    """One search for everybody that a run makes, page after page. ``centre_id`` is 0 for all centres.

    ``last_page`` is known once a page was empty, or had nothing new. ``items`` tells what the first page was like:
    records that may be whole, or thin ones whose details have to be read one by one; it is thin too where a sample of
    the details ``differs`` from the listing. ``fallback`` is the code of why the search is of no use, so that learner
    by learner is asked instead. The lease is that of what is done once for the whole: the centres, or the sample.
    """

    class Items(models.TextChoices):
        THIN = "thin", _("a few properties")
        RICH = "rich", _("whole records")

    run = models.ForeignKey(SyncRun, on_delete=models.CASCADE, related_name="listings")
    kind = models.CharField(max_length=7, choices=ListingKind)
    centre_id = models.PositiveBigIntegerField(default=0)
    next_page = models.PositiveIntegerField(default=1)
    last_page = models.PositiveIntegerField(null=True)
    items = models.CharField(max_length=4, choices=Items, blank=True, default="")
    differs = models.BooleanField(default=False)
    unreadable_items = models.PositiveIntegerField(default=0)
    fallback = models.CharField(max_length=40, blank=True, default="")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("listing")
        constraints = [
            models.UniqueConstraint(fields=["run", "kind", "centre_id"], name="onefile_one_listing")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.centre_id or ''}".strip()


class ListedPage(Leased):
    """A page of a listing that is being read; what was read leaves no row."""

    listing = models.ForeignKey(Listing, on_delete=models.CASCADE, related_name="pages")
    number = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("listed page")
        constraints = [models.UniqueConstraint(fields=["listing", "number"], name="onefile_one_page")]

    def __str__(self) -> str:
        return str(self.number)


class StagedRecord(Leased):
    """What was last read of one learning aim or review.

    ``owner_id`` is the learner's user ID in OneFile, empty while nobody knows it; ``learner_pk`` is PICSWeb's learner,
    blank for somebody who is not in scope: of them nothing else is kept. ``values`` are the fields of
    :mod:`onefile_sync.onefile.records` that are synchronised, empty while they were not read; ``unchanged`` counts the
    readings in a row that gave the same. ``told_in`` is the run that read them last: ``read_alone``, the record by
    itself, or else from the item of a list. ``left_out`` are the fields for which the last list had no value: they may
    have been left out (:mod:`onefile_sync.sync.connection.list_evidence`). ``due_in`` is the run in which the
    record has to be fetched individually.
    """

    kind = models.CharField(max_length=7, choices=ListingKind)
    onefile_id = models.PositiveBigIntegerField()
    owner_id = models.PositiveBigIntegerField(null=True)
    centre_id = models.PositiveBigIntegerField(null=True)
    learner_type = models.ForeignKey(ContentType, null=True, on_delete=models.CASCADE, related_name="+")
    learner_pk = models.CharField(max_length=64, blank=True, default="")
    values = models.JSONField(default=dict)
    digest = models.CharField(max_length=32, blank=True, default="")
    settled = models.BooleanField(default=False)
    unchanged = models.PositiveSmallIntegerField(default=0)
    read_at = models.DateTimeField(null=True)
    listed_in = models.UUIDField(null=True)
    told_in = models.UUIDField(null=True)
    read_alone = models.BooleanField(default=True)
    left_out = models.CharField(max_length=255, blank=True, default="")
    due_in = models.UUIDField(null=True)

    class Meta:
        verbose_name = _("staged record")
        constraints = [models.UniqueConstraint(fields=["kind", "onefile_id"], name="onefile_one_record")]
        indexes = [
            models.Index(fields=["learner_type", "learner_pk"], name="onefile_staged_learner"),
            models.Index(fields=["due_in", "id"], name="onefile_staged_due"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.onefile_id}"
