"""The ledger: runs, an outcome for each learner in a run, changes and problems.

References to PICSWeb's rows are generic foreign keys with a text column ``…_pk``, so that any type of primary key
(integer, UUID) fits.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Case, Q, Value, When
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .base import LearnerKey, OwnModel
from .staff import Environment


class RunKind(models.TextChoices):
    REFRESH = "refresh", _("Refresh")
    DAILY = "daily", _("Daily sync")
    PREVIEW = "preview", _("Preview")
    LISTS = "lists", _("Read OneFile's lists")
    LINKS = "links", _("Refresh Qualification Links")
    MATCH = "match", _("Match with OneFile")
    LINKING = "linking", _("Link what was ticked")
    PAIRING = "pairing", _("Pair reviews")
    ENROL_CHECK = "enrolcheck", _("Check before creating in OneFile")
    ENROL = "enrol", _("Create in OneFile")


#: The runs without learners: they are over at ``read_at``, or with a ``failure``.
WITHOUT_LEARNERS = (RunKind.LISTS, RunKind.LINKS, RunKind.MATCH, RunKind.LINKING, RunKind.PAIRING)
#: The runs with learners that only a person starts.
FOR_A_PERSON = (RunKind.REFRESH, RunKind.ENROL_CHECK, RunKind.ENROL)
#: The runs that compare or look, and write on neither side. They settle nothing.
WITHOUT_WRITING = (RunKind.PREVIEW, RunKind.ENROL_CHECK)


class RunState(models.TextChoices):
    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    HELD = "held", _("Held")
    FINISHED = "finished", _("Finished")


class Ending(models.TextChoices):
    """Why a run ended before all of its learners were processed; blank if all were."""

    CANCELLED = "cancelled", _("Cancelled")
    DISCARDED = "discarded", _("Discarded")
    REPLACED = "replaced", _("Replaced by a new run")


class SyncRun(OwnModel):
    """A refresh, a preview or a daily sync, started by a click, a command or the schedule.

    ``open_key`` is unique and set while the run is open. It makes a second click lead to the existing run, and allows
    only one open daily run. ``scheduled_for`` is the day of a scheduled run. It is unique, so that a repeated delivery
    of the schedule's task does not start a second run.

    A ``guarded`` run puts aside the learners whose existing values would be replaced, until ``cleared_at``. If there
    are implausibly many, the run is held from ``held_at`` until a person decides
    (:mod:`onefile_sync.sync.planning.safety_stop`). ``decided_by`` is who applied, discarded or cancelled it.

    A run that ``reads_everyone`` reads OneFile for all of its learners at once: the lists until ``listed_at``, then
    until ``read_at`` what they leave out (:mod:`onefile_sync.sync.bulk.listings`). ``put_off`` counts the reviews that
    this run does not read again. ``worked_at`` is when a worker last worked on the run.

    A run without learners (:data:`WITHOUT_LEARNERS`) reads OneFile's lists, or matches or links records, until
    ``read_at``. ``failure`` is the code of why it ended before; ``expected_calls`` is what was said before it began.
    ``options`` are what a person chose for it.

    ``without_reviews`` is set if learners were compared while downloads of reviews were switched off: nothing is then
    known of their reviews.

    ``environment`` and ``address`` say which OneFile was called. They are blank before the run starts, and in runs of
    old releases.
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
    guarded = models.BooleanField(default=False, editable=False)
    reads_everyone = models.BooleanField(default=False, editable=False)
    listed_at = models.DateTimeField(null=True, editable=False)
    read_at = models.DateTimeField(_("read"), null=True, editable=False)
    worked_at = models.DateTimeField(null=True, editable=False)
    api_calls = models.PositiveIntegerField(_("API calls for everyone"), default=0)
    rate_limited = models.PositiveIntegerField(default=0)
    failure = models.CharField(_("failure"), max_length=40, blank=True, default="", editable=False)
    expected_calls = models.PositiveIntegerField(null=True, editable=False)
    options = models.JSONField(default=dict, blank=True, editable=False)
    put_off = models.PositiveIntegerField(_("reviews put off"), default=0)
    without_reviews = models.BooleanField(default=False, editable=False)
    held_at = models.DateTimeField(_("held"), null=True, editable=False)
    cleared_at = models.DateTimeField(null=True, editable=False)
    ending = models.CharField(_("ending"), max_length=10, choices=Ending, blank=True, default="")
    environment = models.CharField(
        _("environment"), max_length=10, choices=Environment, editable=False, blank=True, default=""
    )
    address = models.TextField(_("address"), editable=False, blank=True, default="")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("decided by"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        ordering = ["-created_at"]
        permissions = [
            ("refresh_learner", _("Can refresh learners with OneFile")),
            ("preview_learner", _("Can preview a refresh with OneFile")),
            ("enrol_learner", _("Can create learners in OneFile")),
            ("cancel_syncrun", _("Can cancel runs")),
            ("decide_syncrun", _("Can apply or discard a run that is held")),
            ("view_health", _("Can see how the OneFile integration is doing")),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {timezone.localtime(self.created_at):%d/%m/%Y %H:%M}"

    def get_absolute_url(self) -> str:
        return reverse("onefile_sync:run", args=[self.pk])

    @property
    def is_open(self) -> bool:
        return self.state != RunState.FINISHED

    @property
    def is_held(self) -> bool:
        return self.state == RunState.HELD

    @property
    def can_be_cancelled(self) -> bool:
        """Whether the run is queued or running. A held run is applied or discarded instead."""
        return self.state in (RunState.QUEUED, RunState.RUNNING) and not self.ending

    @property
    def is_preview(self) -> bool:
        return self.kind == RunKind.PREVIEW

    @property
    def has_no_learners(self) -> bool:
        return self.kind in WITHOUT_LEARNERS

    @property
    def is_for_a_person(self) -> bool:
        """Whether a person is waiting for it; not so for a preview started by a command rather than a click."""
        return self.kind in FOR_A_PERSON or (self.is_preview and self.open_key is not None)

    @property
    def puts_aside(self) -> bool:
        """Whether the run still puts aside learners whose existing values would be replaced."""
        return self.guarded and self.cleared_at is None


class OutcomeState(models.TextChoices):
    """The state of one learner in one run. The last five states are final.

    *Aside*: existing values would be replaced. The learner waits until all others are compared, or a person decides.
    """

    QUEUED = "queued", _("Queued")
    WORKING = "working", _("Working")
    ASIDE = "aside", _("Put aside")
    UPDATED = "updated", _("Updated")
    UNCHANGED = "unchanged", _("Unchanged")
    ATTENTION = "attention", _("Needs attention")
    FAILED = "failed", _("Failed")
    SKIPPED = "skipped", _("Skipped")


#: The states that are not final.
OPEN_OUTCOMES = (OutcomeState.QUEUED, OutcomeState.WORKING, OutcomeState.ASIDE)
#: The states that prevent a run from being closed or held.
UNDER_WAY = (OutcomeState.QUEUED, OutcomeState.WORKING)


class LearnerOutcome(OwnModel):
    """One learner in one run: both the record of what happened and the lock on the learner (design, section 4).

    ``surveyed``: the learner was compared in bulk and needs an exchange of their own.

    A task claims the row by moving it from queued to working, with a lease. When the lease has expired, the sweep
    queues the learner again. The database allows only one working row per learner, so no learner is processed twice at
    the same time. ``is_working`` mirrors the state and is the first column of that constraint's index; filter working
    rows by it.
    """

    run = models.ForeignKey(SyncRun, verbose_name=_("run"), on_delete=models.CASCADE, related_name="outcomes")
    learner_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, related_name="+")
    learner_pk = models.CharField(max_length=64)
    learner = LearnerKey("learner_type", "learner_pk")
    onefile_id = models.PositiveBigIntegerField(_("OneFile ID"), null=True)
    state = models.CharField(_("outcome"), max_length=10, choices=OutcomeState, default=OutcomeState.QUEUED)
    lease_expires_at = models.DateTimeField(null=True)
    claimed_by = models.UUIDField(null=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    surveyed = models.BooleanField(default=False)
    api_calls = models.PositiveIntegerField(_("API calls"), default=0)
    rate_limited = models.PositiveIntegerField(_("times rate limited"), default=0)
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    # True or null, computed by the database. MariaDB and MySQL silently ignore constraints with a condition, but in a
    # unique constraint rows with a null never conflict.
    is_working = models.GeneratedField(
        expression=Case(When(Q(state="working"), then=Value(True))),
        output_field=models.BooleanField(null=True),
        db_persist=True,
    )

    class Meta:
        verbose_name = _("learner outcome")
        verbose_name_plural = _("learner outcomes")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "learner_type", "learner_pk"], name="onefile_one_outcome_per_run"
            ),
            models.UniqueConstraint(
                fields=["is_working", "learner_type", "learner_pk"], name="onefile_one_worker_per_learner"
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
    OFFICER = "officer", _("Officer")
    ORGANISATION = "organisation", _("Organisation")


class About(OwnModel):
    """The columns that changes and problems share: which PICSWeb row or OneFile record they are about.

    ``subject_pk`` is the primary key in PICSWeb, blank for a review that does not exist there yet.
    ``subject_onefile_id`` is the ID in OneFile.
    """

    subject_kind = models.CharField(_("type of record"), max_length=15, choices=SubjectKind)
    subject_pk = models.CharField(max_length=64, blank=True, default="")
    subject_onefile_id = models.PositiveBigIntegerField(_("OneFile ID"), null=True)
    subject_label = models.CharField(_("record"), max_length=200, blank=True, default="")

    class Meta:
        abstract = True


class Change(About):
    """One changed value, with the rule behind the change.

    ``old`` and ``new`` are text as shown to staff (dates dd/mm/yyyy). ``made`` is false for a change that was only
    planned: in a preview, or for a learner put aside. ``rule`` is the code of a row of
    :data:`onefile_sync.sync.planning.rules.RULES`.
    """

    outcome = models.ForeignKey(LearnerOutcome, on_delete=models.CASCADE, related_name="changes")
    side = models.CharField(_("side"), max_length=10, choices=Side)
    field = models.CharField(_("field"), max_length=40)
    old = models.TextField(_("before"), blank=True, default="")
    new = models.TextField(_("after"), blank=True, default="")
    rule = models.CharField(_("rule"), max_length=40)
    made = models.BooleanField(_("made"), default=True)

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.subject_label} {self.field}"


class Move(models.TextChoices):
    """Who acts on a problem."""

    YOURS = "yours", _("You")
    OURS = "ours", _("Your support team")
    WAIT = "wait", _("No action needed: we retry automatically")


class Problem(About):
    """A problem that a person or a retry has to solve.

    ``code`` is the code of a row of :data:`onefile_sync.messages.catalogue.CATALOGUE`. ``details`` fill that row's
    placeholders: IDs and values, never a payload.
    """

    outcome = models.ForeignKey(LearnerOutcome, on_delete=models.CASCADE, related_name="problems")
    code = models.CharField(_("problem"), max_length=40)
    move = models.CharField(_("who acts"), max_length=5, choices=Move)
    details = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("problem")
        verbose_name_plural = _("problems")
        ordering = ["id"]

    def __str__(self) -> str:
        return self.code.replace("_", " ").capitalize()


class Difference(OwnModel):
    """A value that one side stores differently from what it was sent. Reported once, then left until a side changes.

    ``side`` was sent ``offered`` and stored ``kept``, both in the form of
    :func:`onefile_sync.host.snapshot.comparable`. The subject is PICSWeb's row. While both sides have these values,
    nothing is sent again.
    """

    learner_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, related_name="+")
    learner_pk = models.CharField(max_length=64)
    learner = LearnerKey("learner_type", "learner_pk")
    side = models.CharField(max_length=10, choices=Side)
    subject_kind = models.CharField(max_length=15, choices=SubjectKind)
    subject_pk = models.CharField(max_length=64)
    field = models.CharField(max_length=40)
    offered = models.TextField(blank=True, default="")
    kept = models.TextField(blank=True, default="")
    noted_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("difference")
        constraints = [
            models.UniqueConstraint(
                fields=["side", "subject_kind", "subject_pk", "field"], name="onefile_one_difference"
            )
        ]
        indexes = [models.Index(fields=["learner_type", "learner_pk"], name="onefile_difference_learner")]

    def __str__(self) -> str:
        return f"{self.subject_kind} {self.subject_pk} {self.field}"
