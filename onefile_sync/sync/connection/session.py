"""Connects to OneFile: address, token, and the session that all processes share in one row."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from onefile_sync import crypto
from onefile_sync.conf import deployment
from onefile_sync.models import ApiSession, OneFileSettings
from onefile_sync.onefile.centre_records import PLACEMENT_NAMES, STANDARD_NAMES, USER_NAMES
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.retry import RetryPolicy
from onefile_sync.onefile.transport import SessionStore, Transport
from onefile_sync.transactions import drop_closed_connections, retried

from .aim_fields import aim_fields
from .last_failure import LastFailure
from .rate_limit import SharedRateLimiter


class NotConnected(Exception):
    """There is no usable customer token.

    ``code`` says why: ``no_token``, ``token_unreadable`` or ``token_other_environment``.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@sensitive_variables()
def customer_token(settings: OneFileSettings) -> str:
    """The deployment's token for the chosen environment, else the one that staff entered for it.

    A token of another environment or address is not used. Raises :class:`NotConnected`.
    """
    if given := deployment.token_for(settings.environment):
        return given
    if settings.has_customer_token and settings.token_belongs_here:
        try:
            return settings.customer_token
        except crypto.Undecipherable:
            raise NotConnected("token_unreadable") from None
    elsewhere = settings.has_customer_token or deployment.customer_token
    raise NotConnected("token_other_environment" if elsewhere else "no_token")


@sensitive_variables()
def fingerprint(settings: OneFileSettings) -> str:
    """A digest of the address and customer token in use. Raises :class:`NotConnected`."""
    return crypto.fingerprint(deployment.address(settings.environment), customer_token(settings))


@sensitive_variables()
def connect(
    settings: OneFileSettings,
    retry_policy: RetryPolicy,
    *,
    before_each_call: Callable[[float], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
    for_a_person: bool = True,
    sessions: SessionStore | None = None,
) -> OneFile:
    """A client for the environment that staff chose. Makes no call yet. Raises :class:`NotConnected`.

    ``before_each_call`` receives the seconds that the call will wait for its turn, and may raise.
    ``for_a_person``: calls may go ahead of the daily sync's. ``sessions`` replaces the shared session.
    """
    token = customer_token(settings)
    address = deployment.address(settings.environment)
    belongs_to = crypto.fingerprint(address, token)

    def wait(seconds: float) -> None:
        sleep(seconds)
        drop_closed_connections()

    transport = Transport(
        address,
        token,
        sessions=sessions or SharedSession(belongs_to),
        rate_limiter=SharedRateLimiter(
            deployment.calls_per_minute, before_each_call, wait, for_a_person=for_a_person
        ),
        retry_policy=retry_policy,
        clock=timezone.now,
        sleep=wait,
        after_each_call=drop_closed_connections,
        timeout=(min(5, deployment.timeout_seconds), deployment.timeout_seconds),
        ca_bundle=deployment.ca_bundle,
        proxy=deployment.proxy,
        told=LastFailure(belongs_to, keeps=sessions is None),
    )
    return OneFile(
        transport,
        aim_fields=aim_fields(),
        page_size=deployment.page_size,
        user_names={**USER_NAMES, **deployment.user_names},
        placement_names={**PLACEMENT_NAMES, **deployment.placement_names},
        standard_names={**STANDARD_NAMES, **deployment.standard_names},
        archived_property=deployment.archived.property,
        archived_roles=deployment.archived.roles,
    )


class OwnSession:
    """A session that is not stored, for testing unsaved settings."""

    def __init__(self) -> None:
        self._kept: tuple[str, datetime] | None = None

    def load(self) -> tuple[str, datetime] | None:
        return self._kept

    @sensitive_variables()
    def save(self, token: str, issued_at: datetime) -> None:
        self._kept = token, issued_at

    @sensitive_variables()
    def forget(self, token: str) -> None:
        if self._kept is not None and self._kept[0] == token:
            self._kept = None


class SharedSession:
    """The session token, encrypted in the single row of :class:`~onefile_sync.models.ApiSession`.

    ``belongs_to`` is a digest of address and customer token, so that a session is never sent elsewhere.
    """

    def __init__(self, belongs_to: str) -> None:
        self.belongs_to = belongs_to
        self._kept: tuple[str, datetime] | None = None

    @sensitive_variables()
    def load(self) -> tuple[str, datetime] | None:
        """The session as last read or saved. If it is out of date, OneFile refuses it and ``forget`` is called."""
        self._kept = self._kept or self._on_record()
        return self._kept

    def _on_record(self) -> tuple[str, datetime] | None:
        row = ApiSession.objects.filter(pk=1, belongs_to=self.belongs_to).first()
        if row is None or row.issued_at is None or not row.encrypted_token:
            return None
        try:
            return crypto.decrypt(row.encrypted_token), row.issued_at
        except crypto.Undecipherable:  # SECRET_KEY was changed: sign in again
            return None

    @sensitive_variables()
    @retried
    def save(self, token: str, issued_at: datetime) -> None:
        self._kept = token, issued_at
        encrypted = crypto.encrypt(token)
        ApiSession.objects.update_or_create(
            pk=1,
            defaults={"encrypted_token": encrypted, "issued_at": issued_at, "belongs_to": self.belongs_to},
        )

    @sensitive_variables()
    @retried
    def forget(self, token: str) -> None:
        """Delete this session, but not a newer one that another process has saved since."""
        self._kept = None
        with transaction.atomic():
            # The lock prevents another process from saving a newer one between the check and the update.
            ApiSession.objects.select_for_update().filter(pk=1).first()
            known = self._on_record()
            if known is not None and known[0] == token:
                ApiSession.objects.filter(pk=1).update(encrypted_token="", issued_at=None)
