"""What several processes and people do at the same moment, on a database that really lets them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from django_q.models import OrmQ

from example_project import demo
from example_project.picsweb.models import Qualification
from onefile_sync import services
from onefile_sync.models import ApiSession, OutcomeState, SyncRun
from onefile_sync.onefile.transport import LONGEST_PAUSE
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sync.connection.rate_limit import SPARE
from onefile_sync.sync.learner import exchange
from tests.conftest import changes, dont_wait
from tests.factories import PICSWEB

from .conftest import environment, in_scope, states

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]

TIMES = 5
#: Of which two are spare: 58 places a minute, and nobody goes ahead.
CALLS_PER_MINUTE = 60

TAKE_PLACES = f"""
import django
django.setup()
from datetime import timedelta
from django.utils import timezone
from onefile_sync.sync.connection.rate_limit import SharedRateLimiter

def note_the_place(seconds):
    print((timezone.now() + timedelta(seconds=seconds)).isoformat())

rate_limiter = SharedRateLimiter({CALLS_PER_MINUTE}, sleep=note_the_place, for_a_person=True)
for _call in range({TIMES}):
    rate_limiter.wait()
"""


def in_a_thread(work: Callable[[], Any]) -> Any:
    """The work with a connection of the thread's own."""
    try:
        return work()
    finally:
        connection.close()


def test_the_schedule_delivered_five_times_at_once_starts_one_run(provider: SandboxServer) -> None:
    ready = Barrier(TIMES)

    def deliver() -> str:
        ready.wait()
        return services.start_scheduled_daily()

    with ThreadPoolExecutor(TIMES) as threads:
        said = list(threads.map(lambda _time: in_a_thread(deliver), range(TIMES)))

    run = SyncRun.objects.get()
    assert set(said) == {f"queued: {run.pk}"}
    assert sorted(states(run)) == in_scope()
    assert set(states(run).values()) == {OutcomeState.QUEUED}
    assert 1 <= OrmQ.objects.count() <= 2 * TIMES


def test_calls_of_several_processes_take_places_one_behind_the_other(
    transactional_db: None, tmp_path: Path
) -> None:
    opening = timezone.now() + timedelta(seconds=LONGEST_PAUSE - 10)
    ApiSession.objects.create(pk=1, paused_until=opening)

    with demo.Children(tmp_path, environment()) as processes:
        started = [
            processes.start_command(f"process {number}", [sys.executable, "-c", TAKE_PLACES])
            for number in range(3)
        ]
        for child in started:
            assert child.process.wait(60) == 0, child.last_lines()
        taken = [
            datetime.fromisoformat(line) for child in started for line in child.log.read_text().splitlines()
        ]

    # A call a second or so: what the processes themselves took to note it does not count.
    spacing = timedelta(minutes=1) / (CALLS_PER_MINUTE - SPARE)
    assert sorted(round((place - opening) / spacing) for place in taken) == list(range(3 * TIMES))
    next_call_at = ApiSession.objects.get().next_call_at
    assert next_call_at is not None
    assert round((next_call_at - opening) / spacing, 3) == 3 * TIMES


#: How many sessions wait for a lock of ours; on MariaDB and MySQL, of anybody's.
WHO_WAITS_FOR_US = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))",
    "mysql": "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'",
}


class Clerk:
    """Edits a qualification at the worst moment: read by the exchange already, and not written yet."""

    def __init__(self, qualification: Qualification) -> None:
        self.qualification = qualification
        self.holds_the_row = Event()
        self.exchange_waited = False

    def edit(self, **values: Any) -> None:
        """Save while the exchange waits for the row."""
        with transaction.atomic():
            row = Qualification.objects.select_for_update().get(pk=self.qualification.pk)
            for field, value in values.items():
                setattr(row, field, value)
            row.save()
            self.holds_the_row.set()
            until = timezone.now() + timedelta(seconds=20)
            while not self.exchange_waited and timezone.now() < until:
                self.exchange_waited = self.somebody_waits_for_us()

    def somebody_waits_for_us(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(WHO_WAITS_FOR_US[connection.vendor])
            return bool(int(cursor.fetchone()[-1]))


def test_an_edit_that_a_clerk_makes_meanwhile_is_kept(
    provider: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = provider.world
    person = world.add_learner()
    aim = world.add_aim(person.id, total_elements=80, elements_done=40)
    learner = PICSWEB.learner(onefile_id=person.id)
    qualification = PICSWEB.qualification(
        learner, onefile_id=aim.id, total_elements=10, elements_done=3, registration_number=""
    )
    clerk = Clerk(qualification)
    applied_for = date(2026, 5, 4)
    entered = {"registration_number": "CLERK-1", "certificate_applied_date": applied_for, "elements_done": 41}

    with ThreadPoolExecutor(1) as threads:
        apply, edits = exchange.apply_plan, []

        def apply_while_the_clerk_edits(*plan: Any) -> None:
            if not edits:
                edits.append(threads.submit(in_a_thread, lambda: clerk.edit(**entered)))
                assert clerk.holds_the_row.wait(20)
            apply(*plan)

        monkeypatch.setattr(exchange, "apply_plan", apply_while_the_clerk_edits)
        run = services.perform(services.refresh_now([learner]), sleep=dont_wait)
        edits[0].result()

    assert clerk.exchange_waited
    qualification.refresh_from_db()
    # What the clerk entered stays, and reaches OneFile in the same refresh.
    assert (qualification.registration_number, qualification.certificate_applied_date) == (
        "CLERK-1",
        applied_for,
    )
    assert (aim.registration_number, aim.certificate_applied_date.date()) == ("CLERK-1", applied_for)
    # OneFile's figures win, over the value that the clerk entered and not over an older one.
    assert (qualification.total_elements, qualification.elements_done) == (80, 40)
    outcome = run.outcomes.get()
    assert outcome.state == OutcomeState.UPDATED
    assert ("picsweb", "elements_done", "41", "40") in changes(outcome)
