"""Three processes on one budget: OneFile never has to refuse a call, and hardly one that it allows is left unused.

Time is scaled by allowing more calls a minute than OneFile's 300, on both sides alike; minutes stay minutes. The
long run
is twenty times as fast and wants a machine of its own; the short one is five times as fast, which a busy machine
can keep up with.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from django.db import connection
from django_q.conf import Conf

from example_project import demo
from onefile_sync.models import ApiSession, Environment, OneFileSettings
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from tests.services.conftest import content_types_afresh, environment, services_are_there

from .conftest import LONG

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]

PROCESSES = 3
CALLS = 10_002 if LONG else 600
TIMES_FASTER = 20 if LONG else 5
ALLOWED = 300 * TIMES_FASTER

#: Calls without anything in between, as the daily sync makes them; then the moments of the first and the last.
CALL = f"""
import django
django.setup()
from datetime import datetime, timezone
from onefile_sync.models import OneFileSettings
from onefile_sync.onefile.retry import RetryPolicy
from onefile_sync.sync.connection.session import connect
onefile = connect(OneFileSettings.load(), RetryPolicy.unattended(), for_a_person=False)
onefile.customer()
first = datetime.now(timezone.utc)
for _call in range({CALLS // PROCESSES} - 1):
    onefile.customer()
print(first.isoformat(), datetime.now(timezone.utc).isoformat(), onefile.transport.rate_limited)
"""

__all__ = ["content_types_afresh", "services_are_there"]


@pytest.fixture(params=["PostgreSQL", "Redis"])
def broker(request: pytest.FixtureRequest) -> str:
    redis.from_url(os.environ["REDIS_URL"]).delete(f"{Conf.PREFIX}:onefile_sync:pace")
    name: str = request.param
    return name


def test_three_processes_share_one_budget(
    broker: str,
    make_onefile_sandbox: Callable[..., SandboxServer],
    tmp_path: Path,
    figures: Callable[..., None],
    settings: Any,
) -> None:
    onefile = make_onefile_sandbox(learners=1, switches=Switches(rate_limit=ALLOWED))
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "BASE_URL": onefile.url}
    row = OneFileSettings(enabled=True, environment=Environment.SANDBOX)
    row.set_customer_token(onefile.customer_token)
    row.save()
    ApiSession.objects.create(pk=1)
    connection.close()
    shared = environment(onefile.url, broker) | {"ONEFILE_CALLS_PER_MINUTE": str(ALLOWED)}

    with demo.Children(tmp_path, shared) as processes:
        started = [
            processes.start_command(f"process {number}", [sys.executable, "-c", CALL])
            for number in range(PROCESSES)
        ]
        for child in started:
            assert child.process.wait(600) == 0, child.last_lines()
        told = [child.log.read_text().split() for child in started]

    moments = [datetime.fromisoformat(moment) for first, last, _limited in told for moment in (first, last)]
    seconds = (max(moments) - min(moments)).total_seconds()
    used = CALLS / seconds * 60 / ALLOWED
    refused = onefile.refusals[429]
    figures(
        f"one budget, kept in {broker}",
        calls=onefile.calls["Customer/get"],
        processes=PROCESSES,
        allowed_a_minute=f"{ALLOWED} ({TIMES_FASTER} × 300)",
        seconds=round(seconds, 1),
        answers_of_429=refused,
        share_of_the_allowed_rate_used=f"{used:.1%}",
    )
    assert onefile.calls["Customer/get"] == CALLS
    assert refused == 0
    assert {limited for _first, _last, limited in told} == {"0"}
    assert used >= 0.95
