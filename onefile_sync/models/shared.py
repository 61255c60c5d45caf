"""What all processes share: the session with its rate limit, when each worker was last seen, names of assessors."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .base import OwnModel


class ApiSession(OwnModel):
    """The session token and the state of the rate limit, one row for all processes (design, decision 2).

    ``belongs_to`` is a keyed digest of address and customer token: change either and the session is not used.
    The next four are the fields of :class:`onefile_sync.sync.connection.rate_limit.RateLimitState`, kept here unless
    Redis keeps them.
    The last three tell of the last call that failed, until one succeeds: the code of the failure, when it was, and the
    digest of address and customer token that it was made with.
    """

    encrypted_token = models.TextField(blank=True, default="")
    belongs_to = models.CharField(max_length=64, blank=True, default="")
    issued_at = models.DateTimeField(null=True)
    next_call_at = models.DateTimeField(null=True)
    paused_until = models.DateTimeField(null=True)
    share = models.FloatField(default=1.0)
    slowed_at = models.DateTimeField(null=True)
    failure_code = models.CharField(max_length=40, blank=True, default="")
    failed_at = models.DateTimeField(null=True)
    failure_belongs_to = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        verbose_name = _("API session")

    def __str__(self) -> str:
        return str(_("API session"))


class Heartbeat(OwnModel):
    """When a worker last did something of ours: one row for each machine and cluster.

    ``clock_ahead`` is by how many seconds its machine's clock is ahead of the database's.
    """

    worker = models.CharField(max_length=200, unique=True)
    beaten_at = models.DateTimeField()
    clock_ahead = models.FloatField(default=0.0)

    class Meta:
        verbose_name = _("heartbeat")
        # The admin's front page lists this model, and leads to the page with all answers.
        verbose_name_plural = _("Is it working?")

    def __str__(self) -> str:
        return self.worker


class AssessorName(OwnModel):
    """What one of OneFile's assessors is called there, for problems with the officer who is to be linked.

    IDs belong to the ``address`` of OneFile at which they were met. A name that could not be had is blank.
    """

    #: Characters of an address and of a name.
    LONGEST = 200

    address = models.CharField(max_length=LONGEST)
    onefile_id = models.PositiveBigIntegerField()
    name = models.CharField(max_length=LONGEST, blank=True, default="")
    read_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("assessor's name")
        constraints = [
            models.UniqueConstraint(fields=["address", "onefile_id"], name="onefile_one_assessor_name")
        ]

    def __str__(self) -> str:
        return self.name or f"OneFile {self.onefile_id}"
