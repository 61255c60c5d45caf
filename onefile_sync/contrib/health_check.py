"""A check for django-health-check (extra ``health``)::

    HealthCheckView.as_view(checks=["onefile_sync.contrib.health_check.OneFileIntegration"])

The texts are the codes of the findings only, as the output of a monitor may be public.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import DatabaseError, connection, connections
from health_check.base import HealthCheck
from health_check.exceptions import ServiceUnavailable, ServiceWarning

from onefile_sync import services


@dataclass
class OneFileIntegration(HealthCheck):
    """Whether the OneFile integration works, as ``manage.py onefile_status`` reports it. Makes no call to OneFile."""

    def run(self) -> None:
        """Raise ``ServiceUnavailable`` or ``ServiceWarning`` with the codes of the findings."""
        try:
            health = services.health()
        except DatabaseError:
            raise ServiceUnavailable("database") from None
        finally:
            if not connection.in_atomic_block:
                connections.close_all()  # no request ends in this thread, so Django would not close them
        codes = ", ".join(finding.code for finding in health.findings if finding.level is health.level)
        if health.level is services.Level.CRITICAL:
            raise ServiceUnavailable(codes)
        if health.level is services.Level.WARNING:
            raise ServiceWarning(codes)
