"""State shared by all processes: the session and rate limit, the workers' heartbeats, the names of assessors."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .base import OwnModel


class ApiSession(OwnModel):
    """The session token and the state of the rate limit: one row for all processes (design, decision 2).

    ``belongs_to`` is a keyed digest of address and customer token; if either changes, the session is not used.
    The next four fields are those of :class:`onefile_sync.sync.connection.rate_limit.RateLimitState`, stored here
    unless Redis stores them.
    The last three describe the last failed call until a call succeeds: the failure's code, its time, and the digest of
    the address and customer token used.
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
    """When a worker last ran one of our tasks: one row per machine and cluster.

    ``clock_ahead`` is the number of seconds by which the machine's clock is ahead of the database's.
    """

    worker = models.CharField(max_length=200, unique=True)
    beaten_at = models.DateTimeField()
    clock_ahead = models.FloatField(default=0.0)

    class Meta:
        verbose_name = _("heartbeat")
        # The admin's front page shows this name; its link leads to the health page.
        verbose_name_plural = _("Is it working?")

    def __str__(self) -> str:
        return self.worker


class AssessorName(OwnModel):
    """The name of a OneFile assessor, for problems that ask staff to link an officer; centre and MIS Value.

    ``address`` is the OneFile to which the ID belongs. What OneFile did not return is blank.
    """

    #: Maximum characters of an address and of a name.
    LONGEST = 200

    address = models.CharField(max_length=LONGEST)
    onefile_id = models.PositiveBigIntegerField()
    name = models.CharField(max_length=LONGEST, blank=True, default="")
    centre_id = models.PositiveBigIntegerField(null=True)
    mis_value = models.CharField(max_length=LONGEST, blank=True, default="")
    read_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("assessor's name")
        constraints = [
            models.UniqueConstraint(fields=["address", "onefile_id"], name="onefile_one_assessor_name")
        ]

    def __str__(self) -> str:
        return self.name or f"OneFile {self.onefile_id}"
