"""OneFile's lists of users, placements, classes and standards, kept with their age for linking.

A list is read page by page by a run. What it says replaces what was kept only once it was read to its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from django.db import models
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .runs import SubjectKind, SyncRun
from .staff import Tenant
from .staged import Leased

#: How long what a learner's record itself said is kept, and used for matching.
DETAILS_KEPT: Final = timedelta(days=7)


class DirectoryKind(models.TextChoices):
    """What a kept list is of. Learners and assessors are users, told apart by their role in OneFile."""

    CENTRE = "centre", _("centres")
    LEARNER = "learner", _("learners")
    ASSESSOR = "assessor", _("assessors")
    PLACEMENT = "placement", _("placements")
    CLASSROOM = "classroom", _("classes")
    STANDARD = "standard", _("standards")


#: The rows of PICSWeb that can be found in OneFile's lists, and the list of each.
LIST_OF: Final[Mapping[str, DirectoryKind]] = {
    SubjectKind.LEARNER: DirectoryKind.LEARNER,
    SubjectKind.OFFICER: DirectoryKind.ASSESSOR,
    SubjectKind.ORGANISATION: DirectoryKind.PLACEMENT,
}


class DirectoryList(Leased):
    """One list of one centre: its age, and how far the run that reads it has got.

    ``centre_id`` is 0 for the list of centres. ``role`` is OneFile's role of the users, else 0. ``read_at`` is when the
    list was last read to its end. ``run`` reads the list while ``finished_at`` is null; ``failure`` is the code of why
    it could not. ``page_digest`` tells whether the next page is the same as the last one. ``new_entries``,
    ``renamed_entries`` and ``gone_entries`` count what ``run`` has found.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="lists")
    kind = models.CharField(max_length=10, choices=DirectoryKind)
    centre_id = models.PositiveBigIntegerField(default=0)
    role = models.PositiveSmallIntegerField(default=0)
    read_at = models.DateTimeField(null=True)
    entries = models.PositiveIntegerField(default=0)
    unreadable_items = models.PositiveIntegerField(default=0)
    run = models.ForeignKey(SyncRun, null=True, on_delete=models.SET_NULL, related_name="directory_lists")
    next_page = models.PositiveIntegerField(default=1)
    finished_at = models.DateTimeField(null=True)
    failure = models.CharField(max_length=40, blank=True, default="")
    page_digest = models.CharField(max_length=32, blank=True, default="")
    new_entries = models.PositiveIntegerField(default=0)
    renamed_entries = models.PositiveIntegerField(default=0)
    gone_entries = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("list of OneFile")
        # The admin's front page shows this name; its link leads to the page of the lists.
        verbose_name_plural = _("OneFile's lists")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "kind", "centre_id", "role"], name="onefile_one_directory_list"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.centre_id or ''}".strip()


class DirectoryEntry(Leased):
    """A record of one of OneFile's lists.

    ``name`` is a name or title; a user has ``first_name`` and ``last_name`` as well. ``email`` is kept of assessors and
    placements only. ``digests`` are keyed digests of a learner's e-mail, ULN, NI number and date of birth, by the names
    of :class:`onefile_sync.linking.matching.Identity`; they are empty until ``detailed_at``. ``code`` is a standard's.
    ``archived`` is null where OneFile does not say. ``seen_in`` is the run that last found the entry; ``gone_at`` is
    when a list that was read to its end no longer had it. ``due_in`` is the run that has to read the record itself.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="entries")
    kind = models.CharField(max_length=10, choices=DirectoryKind)
    centre_id = models.PositiveBigIntegerField(default=0)
    role = models.PositiveSmallIntegerField(default=0)
    onefile_id = models.PositiveBigIntegerField()
    name = models.CharField(max_length=255, blank=True, default="")
    first_name = models.CharField(max_length=100, blank=True, default="")
    last_name = models.CharField(max_length=100, blank=True, default="")
    mis_value = models.CharField(max_length=100, blank=True, default="")
    email = models.CharField(max_length=254, blank=True, default="")
    code = models.CharField(max_length=50, blank=True, default="", db_index=True)
    archived = models.BooleanField(null=True)
    digests = models.JSONField(default=dict, blank=True)
    start_date = models.DateField(null=True)
    detailed_at = models.DateTimeField(null=True)
    due_in = models.UUIDField(null=True)
    seen_in = models.UUIDField(null=True)
    seen_at = models.DateTimeField(default=timezone.now)
    gone_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("entry of OneFile's lists")
        verbose_name_plural = _("entries of OneFile's lists")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "kind", "centre_id", "onefile_id"], name="onefile_one_directory_entry"
            )
        ]
        indexes = [
            models.Index(fields=["due_in", "id"], name="onefile_entry_due"),
            models.Index(fields=["tenant", "kind", "mis_value"], name="onefile_entry_mis_value"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.onefile_id}"


def forget_old_details(entries: QuerySet[DirectoryEntry]) -> int:
    """Clear what was kept of learners' records for longer than :data:`DETAILS_KEPT`. Returns of how many. One query."""
    before = timezone.now() - DETAILS_KEPT
    old = Q(detailed_at__lt=before) | Q(detailed_at=None, seen_at__lt=before)
    return entries.filter(old, kind=DirectoryKind.LEARNER).update(digests={}, detailed_at=None)
