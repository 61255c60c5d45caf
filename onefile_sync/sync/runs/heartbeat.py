"""A worker says that it is there, and finds out whether its clock can be trusted.

Leases, doubts and the rate limit are moments that one machine writes and another reads. A machine whose clock is far
from the database's would take learners away from workers who are at them: it takes no work.
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

#: The part of a lease by which clocks may differ.
TOLERANCE = 0.1
#: After so long a worker that is not heard of any more is forgotten.
FORGOTTEN_AFTER = timedelta(days=7)


@retried
def beat() -> bool:
    """A worker of ``qcluster`` is at work here; false where it had better not be, because its clock is wrong."""
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
    """Whether this machine may take up what seems to be left behind; of a web site nobody hears a heartbeat."""
    return not is_off(_clock_ahead())


def is_off(seconds_ahead: float) -> bool:
    return abs(seconds_ahead) > deployment.lease_seconds * TOLERANCE


class _DatabaseClock(Now):
    """The database's clock. ``CURRENT_TIMESTAMP`` of MariaDB and MySQL is in the time zone of their session."""

    def as_mysql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="UTC_TIMESTAMP(6)", **extra)


def _clock_ahead() -> float:
    """Seconds by which this machine's clock is ahead of the database's; none where both are one machine."""
    if connection.vendor == "sqlite":
        return 0.0
    # Any row of ours will do: where no worker was ever seen there is one of the settings.
    clocks = (
        model._default_manager.annotate(there=_DatabaseClock()).values_list("there", flat=True).first()
        for model in (Heartbeat, OneFileSettings)
    )
    there = next((each for each in clocks if each is not None), None)
    return (timezone.now() - there).total_seconds() if there is not None else 0.0
