"""Our own tables: the settings staff edit, the session shared by all processes, and the ledger of what happened.

Rows that speak of PICSWeb's rows do so with a generic foreign key whose ``…_pk`` is text, so that any primary key
(integers, UUIDs) fits.
"""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from . import crypto


class Environment(models.TextChoices):
    """Which OneFile to talk to. A customer token belongs to one environment (R26)."""

    LIVE = "live", _("Live")
    BETA = "beta", _("Beta")
    PRACTICE = "practice", _("Practice")
    SANDBOX = "sandbox", _("Sandbox (to practise on)")


class VisitType(models.TextChoices):
    """The visit type put on each uploaded review (R9). The numbers OneFile uses for them are deployment settings."""

    NOT_SPECIFIED = "not_specified", _("Not Specified")
    REMOTE_SESSION = "remote_session", _("Remote Session")
    FACE_TO_FACE = "face_to_face", _("Face to Face")


class DemographicsMode(models.TextChoices):
    """Which side's details of a person or organisation win. Kept as PICSWeb has it; see docs/rules.md."""

    NONE = "none", _("None")
    PUSH = "push", _("Push PICS Data to OneFile")
    PULL = "pull", _("Update PICS from OneFile Data")


class OneFileSettings(models.Model):
    """The one row of settings that staff edit. Read it with :meth:`load`.

    The customer token is encrypted at rest, set with :meth:`set_customer_token` and never shown again.
    """

    enabled = models.BooleanField(_("Integration Enabled"), default=False)
    paused = models.BooleanField(
        _("Paused"), default=False, help_text=_("Nothing new starts while this is ticked; nothing is lost.")
    )
    environment = models.CharField(
        _("Environment"), max_length=10, choices=Environment, default=Environment.SANDBOX
    )
    encrypted_customer_token = models.TextField(editable=False, blank=True, default="")
    upload_reviews = models.BooleanField(_("Upload Reviews to OneFile"), default=True)
    download_reviews = models.BooleanField(_("Download Reviews from OneFile"), default=True)
    visit_type = models.CharField(
        _("Visit Type for Uploaded Reviews"),
        max_length=20,
        choices=VisitType,
        default=VisitType.NOT_SPECIFIED,
    )
    skip_elements_with_units = models.BooleanField(
        _("Ignore elements of qualifications with units"),
        default=True,
        help_text=_("Total Elements and Elements Done are left alone where units are attached in PICSWeb."),
    )
    additional_assessors = models.CharField(_("Additional Assessors"), max_length=200, blank=True, default="")
    classroom_from_main_tag = models.BooleanField(_("Create Learner: Classroom from Main Tag"), default=False)
    learner_demographics = models.CharField(
        _("Update Learner Demographics Mode"),
        max_length=4,
        choices=DemographicsMode,
        default=DemographicsMode.NONE,
    )
    officer_demographics = models.CharField(
        _("Update Officer Demographics Mode"),
        max_length=4,
        choices=DemographicsMode,
        default=DemographicsMode.NONE,
    )
    organisation_demographics = models.CharField(
        _("Update Organisation Demographics Mode"),
        max_length=4,
        choices=DemographicsMode,
        default=DemographicsMode.NONE,
    )

    class Meta:
        verbose_name = _("OneFile settings")
        verbose_name_plural = _("OneFile settings")

    def __str__(self) -> str:
        return str(_("OneFile settings"))

    def save(self, *args: object, **kwargs: object) -> None:
        self.pk = 1
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    @classmethod
    def load(cls) -> OneFileSettings:
        """The settings as stored, or the defaults where nobody has saved any."""
        return cls.objects.filter(pk=1).first() or cls(pk=1)

    @property
    def has_customer_token(self) -> bool:
        return bool(self.encrypted_customer_token)

    @property
    def customer_token(self) -> str:
        """The token in clear, or ``""``. Raises :class:`onefile_sync.crypto.Undecipherable` when no key fits."""
        return crypto.decrypt(self.encrypted_customer_token)

    def set_customer_token(self, token: str) -> None:
        """Keep a token (``""`` forgets it); :meth:`save` is left to the caller."""
        self.encrypted_customer_token = crypto.encrypt(token.strip())


class ApiSession(models.Model):
    """The session token and the pacing state, one row for all processes (design, decision 2).

    ``belongs_to`` is a keyed digest of address and customer token: change either and the session is not used.
    """

    encrypted_token = models.TextField(blank=True, default="")
    belongs_to = models.CharField(max_length=64, blank=True, default="")
    issued_at = models.DateTimeField(null=True)
    next_call_at = models.DateTimeField(null=True)
    paused_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("API session")

    def __str__(self) -> str:
        return str(_("API session"))


class RunKind(models.TextChoices):
    REFRESH = "refresh", _("Refresh")
    DAILY = "daily", _("Daily sync")
    PREVIEW = "preview", _("Preview")


class RunState(models.TextChoices):
    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    FINISHED = "finished", _("Finished")


class SyncRun(models.Model):
    """One request to synchronise, whoever asked: a click, a command or the schedule.

    ``open_key`` is set while the run is open and unique: it makes a second click lead to the run that is already
    there, and lets only one daily run be open. ``scheduled_for`` is the day a scheduled run stands for, unique, so a
    repeated delivery of the schedule's task does not sync everyone twice.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(_("kind"), max_length=10, choices=RunKind)
    state = models.CharField(_("state"), max_length=10, choices=RunState, default=RunState.QUEUED)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("requested by"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    open_key = models.CharField(max_length=150, null=True, unique=True, editable=False)  # noqa: DJ001 - unique
    scheduled_for = models.DateField(_("scheduled for"), null=True, unique=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, db_index=True)
    queued_at = models.DateTimeField(_("last handed to the workers"), default=timezone.now, editable=False)
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        ordering = ["-created_at"]
        permissions = [
            ("refresh_learner", _("Can refresh learners with OneFile")),
            ("preview_learner", _("Can preview a refresh with OneFile")),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {timezone.localtime(self.created_at):%d/%m/%Y %H:%M}"

    def get_absolute_url(self) -> str:
        return reverse("onefile_sync:run", args=[self.pk])

    @property
    def is_open(self) -> bool:
        return self.state != RunState.FINISHED

    @property
    def is_preview(self) -> bool:
        return self.kind == RunKind.PREVIEW


class OutcomeState(models.TextChoices):
    """What became of one learner in one run: on the way, then exactly one of the last five."""

    QUEUED = "queued", _("Queued")
    WORKING = "working", _("Working")
    UPDATED = "updated", _("Updated")
    UNCHANGED = "unchanged", _("Unchanged")
    ATTENTION = "attention", _("Needs attention")
    FAILED = "failed", _("Failed")
    SKIPPED = "skipped", _("Skipped")


#: The states of an outcome that is not final.
OPEN_OUTCOMES = (OutcomeState.QUEUED, OutcomeState.WORKING)


class LearnerOutcome(models.Model):
    """One learner in one run: the record of it, and the guard (design, section 4).

    A task claims the row by moving it from queued to working with a lease; a lease that has run out lets the sweep
    queue the learner again. The database allows one working row a learner, so nobody is worked on twice at once.
    """

    run = models.ForeignKey(SyncRun, verbose_name=_("run"), on_delete=models.CASCADE, related_name="outcomes")
    learner_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, related_name="+")
    learner_pk = models.CharField(max_length=64)
    learner = GenericForeignKey("learner_type", "learner_pk")
    onefile_id = models.PositiveBigIntegerField(_("OneFile ID"), null=True)
    state = models.CharField(_("outcome"), max_length=10, choices=OutcomeState, default=OutcomeState.QUEUED)
    lease_expires_at = models.DateTimeField(null=True)
    claimed_by = models.UUIDField(null=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    api_calls = models.PositiveIntegerField(_("API calls"), default=0)
    rate_limited = models.PositiveIntegerField(_("times rate limited"), default=0)
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("learner outcome")
        verbose_name_plural = _("learner outcomes")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "learner_type", "learner_pk"], name="onefile_one_outcome_per_run"
            ),
            models.UniqueConstraint(
                fields=["learner_type", "learner_pk"],
                condition=Q(state="working"),
                name="onefile_one_worker_per_learner",
            ),
        ]
        indexes = [
            models.Index(fields=["run", "state"], name="onefile_outcome_run_state"),
            models.Index(fields=["learner_type", "learner_pk", "-id"], name="onefile_outcome_learner"),
        ]

    def __str__(self) -> str:
        return f"{self.learner_pk}: {self.get_state_display()}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_OUTCOMES


class Side(models.TextChoices):
    PICSWEB = "picsweb", _("PICSWeb")
    ONEFILE = "onefile", _("OneFile")


class SubjectKind(models.TextChoices):
    """What a change or a problem is about."""

    LEARNER = "learner", _("Learner")
    QUALIFICATION = "qualification", _("Qualification")
    REVIEW = "review", _("Review")


class About(models.Model):
    """What both changes and problems say: in which outcome, and about which row or OneFile record.

    ``subject_pk`` is the primary key in PICSWeb (blank for a review that is yet to be created there), and
    ``subject_onefile_id`` the ID in OneFile.
    """

    subject_kind = models.CharField(_("about"), max_length=15, choices=SubjectKind)
    subject_pk = models.CharField(max_length=64, blank=True, default="")
    subject_onefile_id = models.PositiveBigIntegerField(_("OneFile ID"), null=True)
    subject_label = models.CharField(_("which"), max_length=200, blank=True, default="")

    class Meta:
        abstract = True


class Change(About):
    """One changed value: side, whose, field, before, after, and the rule that asked for it.

    ``old`` and ``new`` are text as staff read it (dates dd/mm/yyyy). In a preview run a change was planned and not
    made. ``rule`` is the code of a row of :data:`onefile_sync.sync.rules.RULES`.
    """

    outcome = models.ForeignKey(LearnerOutcome, on_delete=models.CASCADE, related_name="changes")
    side = models.CharField(_("side"), max_length=10, choices=Side)
    field = models.CharField(_("field"), max_length=40)
    old = models.TextField(_("before"), blank=True, default="")
    new = models.TextField(_("after"), blank=True, default="")
    rule = models.CharField(_("rule"), max_length=40)

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.subject_label} {self.field}"


class Move(models.TextChoices):
    """Whose move it is after a problem."""

    YOURS = "yours", _("You")
    OURS = "ours", _("Your support team")
    WAIT = "wait", _("Nobody: it is tried again")


class Problem(About):
    """One thing that a person or a retry must deal with.

    ``code`` is a row of :data:`onefile_sync.sync.problems.CATALOGUE` or of the error table of
    :mod:`onefile_sync.onefile.errors`; ``details`` fills that row's text in (ids and values, never a payload).
    """

    outcome = models.ForeignKey(LearnerOutcome, on_delete=models.CASCADE, related_name="problems")
    code = models.CharField(_("problem"), max_length=40)
    move = models.CharField(_("whose move"), max_length=5, choices=Move)
    details = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("problem")
        verbose_name_plural = _("problems")
        ordering = ["id"]

    def __str__(self) -> str:
        return self.code


class UploadIntent(models.Model):
    """Written before a review is created in OneFile and finished after, so a crash in between is looked up (R7).

    ``review_pk`` is PICSWeb's review. ``finished_at`` is empty while it is not known how the creation ended.
    """

    learner_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, related_name="+")
    learner_pk = models.CharField(max_length=64)
    learner = GenericForeignKey("learner_type", "learner_pk")
    review_pk = models.CharField(max_length=64)
    scheduled_for = models.DateTimeField()
    visit_id = models.PositiveBigIntegerField(null=True)
    review_id = models.PositiveBigIntegerField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("upload intent")
        constraints = [
            models.UniqueConstraint(
                fields=["learner_type", "review_pk"],
                condition=Q(finished_at__isnull=True),
                name="onefile_one_open_upload",
            )
        ]
        indexes = [models.Index(fields=["learner_type", "learner_pk"], name="onefile_intent_learner")]

    def __str__(self) -> str:
        return f"{self.review_pk} ({'finished' if self.finished_at else 'open'})"


#: How long a claim holds before the sweep may queue the learner again.
LEASE = timedelta(minutes=5)
