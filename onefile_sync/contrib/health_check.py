"""A check for django-health-check (extra ``health``)::

    HealthCheckView.as_view(checks=["onefile_sync.contrib.health_check.OneFileIntegration"])

The texts are the codes of the findings: what a monitor shows may be public.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import DatabaseError, connection, connections
from health_check.base import HealthCheck
from health_check.exceptions import ServiceUnavailable, ServiceWarning

from onefile_sync import services


@dataclass
class OneFileIntegration(HealthCheck):
    """Whether the integration with OneFile works, as ``manage.py onefile_status`` has it. No call to OneFile."""

    def run(self) -> None:
        """Raises ``ServiceUnavailable`` or ``ServiceWarning`` with the codes of what is wrong."""
        try:
            health = services.health()
        except DatabaseError:
            raise ServiceUnavailable("database") from None
        finally:
            if not connection.in_atomic_block:
                connections.close_all()  # this runs in a thread of its own, to which no request belongs
        codes = ", ".join(finding.code for finding in health.findings if finding.level is health.level)
        if health.level is services.Level.CRITICAL:
            raise ServiceUnavailable(codes)
        if health.level is services.Level.WARNING:
            raise ServiceWarning(codes)
