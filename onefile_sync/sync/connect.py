"""The way to OneFile: address, token, and the session and pace that all processes share through one row."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from onefile_sync import crypto
from onefile_sync.conf import deployment
from onefile_sync.models import ApiSession, OneFileSettings
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.records import AimNames
from onefile_sync.onefile.transport import Patience, Transport


class NotConnected(Exception):
    """There is nothing to call OneFile with; ``code`` says why: ``no_token`` or ``token_unreadable``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def customer_token(settings: OneFileSettings) -> str:
    """The deployment's token, else the one that staff entered. Raises :class:`NotConnected`."""
    try:
        token = deployment.customer_token or settings.customer_token
    except crypto.Undecipherable:
        raise NotConnected("token_unreadable") from None
    if not token:
        raise NotConnected("no_token")
    return token


def connect(
    settings: OneFileSettings,
    patience: Patience,
    *,
    before_each_call: Callable[[float], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> OneFile:
    """A client for the environment that staff chose. No call is made yet. Raises :class:`NotConnected`.

    ``before_each_call`` is told for how many seconds the call will wait for its turn, and may raise.
    """
    token = customer_token(settings)
    address = deployment.address(settings.environment)
    transport = Transport(
        address,
        token,
        sessions=SharedSession(crypto.fingerprint(address, token)),
        pace=SharedPace(deployment.calls_per_minute, before_each_call, sleep),
        patience=patience,
        clock=timezone.now,
        sleep=sleep,
    )
    return OneFile(transport, aim_names=AimNames(**deployment.aim_names), page_size=deployment.page_size)


class SharedSession:
    """The session token, encrypted in the one row of :class:`~onefile_sync.models.ApiSession`.

    ``belongs_to`` is a digest of address and customer token, so a session is never sent anywhere else.
    """

    def __init__(self, belongs_to: str) -> None:
        self.belongs_to = belongs_to

    def load(self) -> tuple[str, datetime] | None:
        row = ApiSession.objects.filter(pk=1, belongs_to=self.belongs_to).first()
        if row is None or row.issued_at is None or not row.encrypted_token:
            return None
        try:
            return crypto.decrypt(row.encrypted_token), row.issued_at
        except crypto.Undecipherable:  # the key was changed: a new session is one call away
            return None

    def save(self, token: str, issued_at: datetime) -> None:
        encrypted = crypto.encrypt(token)
        ApiSession.objects.update_or_create(
            pk=1,
            defaults={"encrypted_token": encrypted, "issued_at": issued_at, "belongs_to": self.belongs_to},
        )

    def forget(self, token: str) -> None:
        """Drop this session, unless another process has put a newer one in its place."""
        with transaction.atomic():
            # Locked, so that nobody puts a newer one there between the look and the update.
            ApiSession.objects.select_for_update().filter(pk=1).first()
            known = self.load()
            if known is not None and known[0] == token:
                ApiSession.objects.filter(pk=1).update(encrypted_token="", issued_at=None)


class SharedPace:
    """Calls of all processes, evenly spaced; a 429 makes all of them wait (design, decision 2)."""

    def __init__(
        self,
        calls_per_minute: int | None,
        before_each_call: Callable[[float], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.spacing = timedelta(minutes=1) / calls_per_minute if calls_per_minute else timedelta()
        self.before_each_call = before_each_call
        self.sleep = sleep

    def wait(self) -> None:
        """Take the next place in the queue of all processes and wait for it."""
        seconds = self._take_place()
        if seconds > 0:
            self.sleep(seconds)

    def pause(self, seconds: float) -> None:
        """Nobody calls for so long."""
        until = timezone.now() + timedelta(seconds=seconds)
        with transaction.atomic():
            row = self._locked_row()
            row.paused_until = max(until, row.paused_until or until)
            row.save(update_fields=["paused_until"])

    def _take_place(self) -> float:
        """The seconds until our turn; whoever may not call after all takes no place."""
        with transaction.atomic():
            row = self._locked_row()
            now = timezone.now()
            place = max(moment for moment in (now, row.next_call_at, row.paused_until) if moment is not None)
            seconds = (place - now).total_seconds()
            if self.before_each_call is not None:
                self.before_each_call(seconds)
            row.next_call_at = place + self.spacing
            row.save(update_fields=["next_call_at"])
        return seconds

    def _locked_row(self) -> ApiSession:
        ApiSession.objects.get_or_create(pk=1)
        return ApiSession.objects.select_for_update().get(pk=1)
