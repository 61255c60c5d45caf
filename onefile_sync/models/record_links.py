"""Which row of PICSWeb is which record of OneFile, on what evidence; and suggestions that nobody has decided yet.

The ``onefile_id`` of PICSWeb's row is what the exchange reads. A link says since when, how and by whom it is there. An
ID that was typed straight into the row has no link.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Case, Q, Value, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .base import OwnModel
from .runs import SubjectKind, SyncRun
from .staff import Tenant
from .staged import Leased


class LinkMethod(models.TextChoices):
    """How a row was linked."""

    UNRECORDED = "unrecorded", _("The OneFile ID was entered on the record")
    CHECKED = "checked", _("Linked after a check of both records")
    LOOKED_UP = "looked_up", _("Chosen from OneFile's list")
    MATCHED = "matched", _("Confirmed in Match with OneFile")
    MIS_VALUE = "mis_value", _("Same MIS Value in the centre")
    PAIRED = "paired", _("Paired while the learner was linked")
    RESTORED = "restored", _("Restored from an earlier link")
    MOVED = "moved", _("Moved from an earlier record of the same person")
    CREATED = "created", _("Created in OneFile from PICSWeb's record")
    FOUND_AGAIN = "found_again", _("Created in OneFile and found again there")


class LinkEnding(models.TextChoices):
    """Why a link is no longer in force."""

    UNLINKED = "unlinked", _("Unlinked")
    MOVED = "moved", _("Moved to another record")
    PUT_AWAY = "put_away", _("Put away with its OneFile environment")
    REPLACED = "replaced", _("Another OneFile ID was entered on the record")


class RecordLink(OwnModel):
    """One row of PICSWeb and one record of OneFile, of one tenant.

    ``centre_id`` is 0 where it is unknown or does not matter. An officer or organisation may have one link for each
    centre: ``in_row`` says whether the OneFile ID is the one that stands in the row; the others are on record only.
    ``evidence`` is a list of codes of :mod:`onefile_sync.linking.matching`, contradictions with a leading minus.
    ``parent`` is the learner's link with which a qualification or review was linked or unlinked: linking the learner to
    the same OneFile record again restores these. ``reviews_pending``: until a person has said which reviews are the
    same, the learner's reviews are neither uploaded nor downloaded.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="links")
    subject_kind = models.CharField(max_length=15, choices=SubjectKind)
    subject_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, related_name="+")
    subject_pk = models.CharField(max_length=64)
    centre_id = models.PositiveBigIntegerField(default=0)
    onefile_id = models.PositiveBigIntegerField()
    in_row = models.BooleanField(default=True)
    how = models.CharField(max_length=12, choices=LinkMethod)
    evidence = models.JSONField(default=list, blank=True)
    parent = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="parts")
    reviews_pending = models.BooleanField(default=False)
    linked_at = models.DateTimeField(default=timezone.now)
    linked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    ending = models.CharField(max_length=10, choices=LinkEnding, blank=True, default="")
    is_open = models.GeneratedField(  # for the same reason as LearnerOutcome.is_working
        expression=Case(When(Q(ended_at=None), then=Value(True))),
        output_field=models.BooleanField(null=True),
        db_persist=True,
    )

    class Meta:
        verbose_name = _("link")
        verbose_name_plural = _("links")
        constraints = [
            models.UniqueConstraint(
                fields=["is_open", "tenant", "subject_kind", "onefile_id"], name="onefile_one_link_per_record"
            ),
            models.UniqueConstraint(
                fields=["is_open", "tenant", "subject_kind", "subject_pk", "centre_id"],
                name="onefile_one_link_per_row",
            ),
        ]
        indexes = [models.Index(fields=["subject_type", "subject_pk"], name="onefile_link_subject")]
        permissions = [
            ("link_records", _("Can link records to OneFile, and unlink them")),
            ("match_records", _("Can match learners, officers and organisations with OneFile")),
            ("refresh_links", _("Can read OneFile's lists and refresh qualification links")),
        ]

    def __str__(self) -> str:
        return f"{self.subject_kind} {self.subject_pk}: {self.onefile_id}"


class AnswerState(models.TextChoices):
    """What became of the question about a learner's reviews. *Queued*: a run is to save the answer."""

    OPEN = "open", _("Not answered")
    QUEUED = "queued", _("To be saved")
    SAVED = "saved", _("Saved")
    REFUSED = "refused", _("Not saved")


class WaitingReviews(Leased):
    """The question which reviews of a learner are the same, kept with the learner's link, and a person's answer to it.

    ``theirs`` are the OneFile IDs and days of OneFile's reviews that no review of PICSWeb is linked to, as they were
    last read; they are forgotten once the question is answered. The answer: ``pairs`` are OneFile IDs by PICSWeb's
    primary key, none if all are different; ``shown`` is a digest of what the person saw; ``run`` saves it. ``refusal``
    is the code of why it was not saved.
    """

    link = models.OneToOneField(RecordLink, on_delete=models.CASCADE, related_name="waiting_reviews")
    theirs = models.JSONField(default=list)
    read_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=10, choices=AnswerState, default=AnswerState.OPEN)
    pairs = models.JSONField(default=dict)
    shown = models.CharField(max_length=64, blank=True, default="")
    run = models.ForeignKey(SyncRun, null=True, on_delete=models.SET_NULL, related_name="reviews_to_pair")
    refusal = models.CharField(max_length=40, blank=True, default="")

    class Meta:
        verbose_name = _("waiting reviews")

    def __str__(self) -> str:
        return f"reviews of link {self.link_id}"


class SuggestionState(models.TextChoices):
    """What became of a suggestion. *Queued* and *Working*: a run is to link it."""

    OPEN = "open", _("Not decided")
    QUEUED = "queued", _("To be linked")
    LINKED = "linked", _("Linked")
    REFUSED = "refused", _("Not linked")
    NOT_SAME = "not_same", _("Not the same")


class MatchSuggestion(Leased):
    """A row of PICSWeb and a record of OneFile that may be the same, found by *Match with OneFile*.

    ``level`` and ``evidence`` are those of :mod:`onefile_sync.linking.matching`. The evidence also names, with a
    leading tilde, the values that differ only by a slip. ``run`` is the run that found it, and ``linking_run`` the run
    that has to link it. ``refusal`` is the code of why it was not linked. A pair that is *not the same* stays on record
    and is never suggested again.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="suggestions")
    subject_kind = models.CharField(max_length=15, choices=SubjectKind)
    subject_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, related_name="+")
    subject_pk = models.CharField(max_length=64)
    onefile_id = models.PositiveBigIntegerField()
    centre_id = models.PositiveBigIntegerField(default=0)
    level = models.CharField(max_length=12)
    best = models.CharField(max_length=12, blank=True, default="")
    evidence = models.JSONField(default=list, blank=True)
    contradictions = models.JSONField(default=list, blank=True)
    state = models.CharField(max_length=10, choices=SuggestionState, default=SuggestionState.OPEN)
    run = models.ForeignKey(SyncRun, null=True, on_delete=models.SET_NULL, related_name="suggestions")
    linking_run = models.ForeignKey(
        SyncRun, null=True, on_delete=models.SET_NULL, related_name="suggestions_to_link"
    )
    refusal = models.CharField(max_length=40, blank=True, default="")
    found_at = models.DateTimeField(default=timezone.now)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        verbose_name = _("suggestion")
        # The admin's front page shows this name; its link leads to the page.
        verbose_name_plural = _("Match with OneFile")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "subject_kind", "subject_pk", "onefile_id"],
                name="onefile_one_suggestion",
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "subject_kind", "state", "level"], name="onefile_suggestion_list"),
            models.Index(fields=["subject_type", "subject_pk"], name="onefile_suggestion_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.subject_kind} {self.subject_pk}: {self.onefile_id}?"
