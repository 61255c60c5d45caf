"""The ledger of what happened: runs, what became of each learner in them, changes, problems; and upload intents.

Rows that speak of PICSWeb's rows do so with a generic foreign key whose ``…_pk`` is text, so that any primary key
(integers, UUIDs) fits.
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


class RunState(models.TextChoices):
    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    HELD = "held", _("Held")
    FINISHED = "finished", _("Finished")


class Ending(models.TextChoices):
    """How a run ended before all of its learners had their turn; blank where they did."""

    CANCELLED = "cancelled", _("Cancelled")
    DISCARDED = "discarded", _("Discarded")
    REPLACED = "replaced", _("Replaced by a new run")


class SyncRun(OwnModel):
    """One request to synchronise, whoever asked: a click, a command or the schedule.

    ``open_key`` is set while the run is open and unique: it makes a second click lead to the run that is already
    there, and lets only one daily run be open. ``scheduled_for`` is the day a scheduled run stands for, unique, so a
    repeated delivery of the schedule's task does not sync everyone twice.

    A ``guarded`` run puts learners whose existing values would be replaced aside until ``cleared_at``; where they are
    implausibly many it is held from ``held_at`` on until somebody decides
    (:mod:`onefile_sync.sync.planning.safety_stop`). ``decided_by`` applied, discarded or cancelled it.

    A run that ``reads_everyone`` reads OneFile for all of its learners at once, in lists until ``listed_at`` and what
    they leave out until ``read_at`` (:mod:`onefile_sync.sync.bulk.listings`). ``put_off`` counts the reviews that
    are not read again in this run. ``worked_at`` is when a worker last did something for the run.

    ``environment`` and ``address`` say which OneFile was called; blank before the start, and in runs of old releases.
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
    put_off = models.PositiveIntegerField(_("reviews put off"), default=0)
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
        """While it is at work: about a held one somebody decides, and one that ends early is ending already."""
        return self.state in (RunState.QUEUED, RunState.RUNNING) and not self.ending

    @property
    def is_preview(self) -> bool:
        return self.kind == RunKind.PREVIEW

    @property
    def is_for_a_person(self) -> bool:
        """Whether somebody waits for it: a refresh, or a preview that was clicked (and not run by a command)."""
        return self.kind == RunKind.REFRESH or (self.is_preview and self.open_key is not None)

    @property
    def puts_aside(self) -> bool:
        """Whether learners whose existing values would be replaced wait for all others to be compared."""
        return self.guarded and self.cleared_at is None


class OutcomeState(models.TextChoices):
    """What became of one learner in one run: on the way, then exactly one of the last five.

    *Aside*: existing values would be replaced, which waits until all learners are compared or somebody decides.
    """

    QUEUED = "queued", _("Queued")
    WORKING = "working", _("Working")
    ASIDE = "aside", _("Put aside")
    UPDATED = "updated", _("Updated")
    UNCHANGED = "unchanged", _("Unchanged")
    ATTENTION = "attention", _("Needs attention")
    FAILED = "failed", _("Failed")
    SKIPPED = "skipped", _("Skipped")


#: The states of an outcome that is not final.
OPEN_OUTCOMES = (OutcomeState.QUEUED, OutcomeState.WORKING, OutcomeState.ASIDE)
#: Those that somebody still has to work on before a run can be closed or held.
UNDER_WAY = (OutcomeState.QUEUED, OutcomeState.WORKING)


class LearnerOutcome(OwnModel):
    """One learner in one run: the record of it, and the guard (design, section 4).

    ``surveyed``: the learner was compared together with others, and has to be worked on alone.

    A task claims the row by moving it from queued to working with a lease; a lease that has run out lets the sweep
    queue the learner again. The database allows one working row a learner, so nobody is worked on twice at once.
    ``is_working`` says the same as the state, and comes first in that constraint: look for working rows by it.
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
    # Kept by the database, true or null: MariaDB and MySQL have no constraints with a condition, and ignore them
    # without a word, but rows with a null never clash.
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


class About(OwnModel):
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

    ``old`` and ``new`` are text as staff read it (dates dd/mm/yyyy). ``made`` is false for a change that was planned
    only: in a preview, and of a learner who was put aside. ``rule`` is the code of a row of
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
    """One thing that a person or a retry must deal with.

    ``code`` is a row of :data:`onefile_sync.messages.catalogue.CATALOGUE`; ``details`` fills that row's text in (ids
    and values, never a payload).
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
        return self.code.replace("_", " ").capitalize()


class Difference(OwnModel):
    """A value that a side keeps differently from what it was given: said once, and left until either side changes.

    ``side`` keeps ``kept`` since it was given ``offered``, both as :func:`onefile_sync.host.snapshot.comparable` writes
    them; the subject is PICSWeb's row. Nothing is offered again while both sides have these two values.
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


class UploadIntent(OwnModel):
    """Written before a review is created in OneFile and finished after, so a crash in between is looked up (R7).

    ``review_pk`` is PICSWeb's review. ``finished_at`` is empty while it is not known how the creation ended.
    ``in_doubt_since`` is when the last create was sent whose answer is not on record: until a lease has passed it may
    still be on its way. ``visits_in_doubt`` counts the visits that OneFile may hold without our knowing their ID.
    ``new_visit_refused_at`` is when OneFile refused the review in the visit on record, which it had made just before.
    """

    learner_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, related_name="+")
    learner_pk = models.CharField(max_length=64)
    learner = LearnerKey("learner_type", "learner_pk")
    review_pk = models.CharField(max_length=64)
    scheduled_for = models.DateTimeField()
    visit_id = models.PositiveBigIntegerField(null=True)
    review_id = models.PositiveBigIntegerField(null=True)
    in_doubt_since = models.DateTimeField(null=True)
    visits_in_doubt = models.PositiveSmallIntegerField(default=0)
    new_visit_refused_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    is_open = models.GeneratedField(  # as is_working of an outcome
        expression=Case(When(Q(finished_at=None), then=Value(True))),
        output_field=models.BooleanField(null=True),
        db_persist=True,
    )

    class Meta:
        verbose_name = _("upload intent")
        constraints = [
            models.UniqueConstraint(
                fields=["is_open", "learner_type", "review_pk"], name="onefile_one_open_upload"
            )
        ]
        indexes = [models.Index(fields=["learner_type", "learner_pk"], name="onefile_intent_learner")]

    def __str__(self) -> str:
        return f"{self.review_pk} ({'finished' if self.finished_at else 'open'})"
