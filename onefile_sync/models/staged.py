"""The synchronised values that daily syncs have read from OneFile, kept from night to night.

Listings and pages record the progress of reading in one run, so that another worker can continue it.
"""

from __future__ import annotations

from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils.translation import gettext_lazy as _

from .base import OwnModel
from .runs import SyncRun


class Leased(OwnModel):
    """A row that one worker at a time processes, until its lease expires."""

    claimed_by = models.UUIDField(null=True)
    lease_expires_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class ListingKind(models.TextChoices):
    CENTRES = "centres", _("centres")
    AIM = "aim", _("learning aims")
    REVIEW = "review", _("reviews")


class Listing(Leased):
    """One search for all learners that a run makes, page by page. ``centre_id`` is 0 for all centres.

    ``last_page`` is set once a page is empty or has nothing new. ``expected_pages`` is the number of pages that the
    list had in the last run, null if that is unknown or was too low. ``items`` says whether the first page had whole
    records, or thin ones that have to be read individually; it also becomes thin if a sample of records ``differs``
    from the listing. ``fallback`` is the code of why the search cannot be used, in which case each learner is asked
    for individually. The lease is for work done once per listing: reading the centres, or comparing the sample.
    """

    class Items(models.TextChoices):
        THIN = "thin", _("a few properties")
        RICH = "rich", _("whole records")

    run = models.ForeignKey(SyncRun, on_delete=models.CASCADE, related_name="listings")
    kind = models.CharField(max_length=7, choices=ListingKind)
    centre_id = models.PositiveBigIntegerField(default=0)
    next_page = models.PositiveIntegerField(default=1)
    last_page = models.PositiveIntegerField(null=True)
    expected_pages = models.PositiveIntegerField(null=True)
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
    """A page of a listing that is being read. The row is deleted once the page has been read."""

    listing = models.ForeignKey(Listing, on_delete=models.CASCADE, related_name="pages")
    number = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("listed page")
        constraints = [models.UniqueConstraint(fields=["listing", "number"], name="onefile_one_page")]

    def __str__(self) -> str:
        return str(self.number)


class StagedRecord(Leased):
    """The values of one learning aim or review when it was last read.

    ``owner_id`` is the learner's user ID in OneFile, null while it is unknown. ``learner_pk`` is PICSWeb's learner,
    blank if the learner is not in scope; then no values are stored. ``values`` are the synchronised fields of
    :mod:`onefile_sync.onefile.records`, empty until they are read. ``unchanged`` counts how often in a row a
    ``settled`` review was read without a change. ``told_in`` is the run that last read them: from the record itself if
    ``read_alone``, else from a list item. ``left_out`` are the fields without a value in the last list, which may have
    omitted them (:mod:`onefile_sync.sync.connection.list_evidence`). ``due_in`` is the run that has to fetch the record
    individually.
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
