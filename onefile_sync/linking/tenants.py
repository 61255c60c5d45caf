"""Which OneFile the IDs in PICSWeb's rows belong to."""

from __future__ import annotations

from onefile_sync.models import OneFileSettings, Tenant
from onefile_sync.sync.connection import id_owner


def present_tenant(settings: OneFileSettings | None = None) -> Tenant:
    """The OneFile to which the settings lead. Raises :class:`~onefile_sync.sync.connection.session.NotConnected`."""
    return id_owner.tenant_of(settings or OneFileSettings.load())
