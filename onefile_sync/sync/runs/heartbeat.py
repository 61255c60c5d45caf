"""Records that a worker is alive, and checks its clock.

Leases, uploads in doubt and the rate limit use times that one machine writes and another reads. A machine whose clock
differs from the database's could take learners away from workers that are processing them, so it takes no work.
"""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone
from django_q.conf import Conf

from onefile_sync import events
from onefile_sync.conf import deployment
from onefile_sync.models import Heartbeat, OneFileSettings
from onefile_sync.transactions import retried

#: The fraction of a lease by which clocks may differ.
TOLERANCE = 0.1
#: How long the heartbeat of a stopped worker is kept.
FORGOTTEN_AFTER = timedelta(days=7)


@retried
def beat() -> bool:
    """Record a heartbeat of this worker. Returns false if its clock is wrong, so it must not work."""
    now = timezone.now()
    worker = f"{socket.gethostname()} {Conf.CLUSTER_NAME}"[:200]
    row, _created = Heartbeat.objects.get_or_create(worker=worker, defaults={"beaten_at": now})
    ahead = _clock_ahead()
    Heartbeat.objects.filter(pk=row.pk).update(beaten_at=now, clock_ahead=ahead)
    Heartbeat.objects.filter(beaten_at__lt=now - FORGOTTEN_AFTER).delete()
    if is_off(ahead):
        events.error("clock_wrong", seconds_ahead=round(ahead))
        return False
    return True


def clock_is_right() -> bool:
    """Whether this machine's clock is right. Records no heartbeat, so that the web site does not count as a worker."""
    return not is_off(_clock_ahead())


def is_off(seconds_ahead: float) -> bool:
    return abs(seconds_ahead) > deployment.lease_seconds * TOLERANCE


class _DatabaseClock(Now):
    """The database's clock. ``CURRENT_TIMESTAMP`` of MariaDB and MySQL is in the time zone of their session."""

    def as_mysql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="UTC_TIMESTAMP(6)", **extra)


def _clock_ahead() -> float:
    """Seconds by which this machine's clock is ahead of the database's; 0 on SQLite, which is on the same machine."""
    if connection.vendor == "sqlite":
        return 0.0
    # Any row will do for the query. If no worker has ever been seen, there is the row of settings.
    clocks = (
        model._default_manager.annotate(there=_DatabaseClock()).values_list("there", flat=True).first()
        for model in (Heartbeat, OneFileSettings)
    )
    there = next((each for each in clocks if each is not None), None)
    return (timezone.now() - there).total_seconds() if there is not None else 0.0
