"""Which OneFile the IDs in PICSWeb's rows belong to."""

from __future__ import annotations

from onefile_sync.models import OneFileSettings, Tenant
from onefile_sync.sync.connection.session import fingerprint


def present_tenant(settings: OneFileSettings | None = None) -> Tenant:
    """The OneFile to which the settings lead. Raises :class:`~onefile_sync.sync.connection.session.NotConnected`."""
    settings = settings or OneFileSettings.load()
    tenant, _created = Tenant.objects.get_or_create(
        token_digest=fingerprint(settings),
        defaults={"environment": settings.environment, "address": settings.address},
    )
    return tenant
