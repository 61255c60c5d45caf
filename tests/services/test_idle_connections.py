"""The server closes idle connections: a task that has waited for OneFile continues with new ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.db import connection
from django_q.conf import Conf

from onefile_sync import services
from onefile_sync.models import OutcomeState
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sync import worker
from onefile_sync.sync.connection import rate_limit, session
from tests.factories import PICSWEB
from tests.test_transactions import end_our_session

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def learner(provider: SandboxServer) -> Any:
    person = provider.world.add_learner()
    aim = provider.world.add_aim(person.id, total_elements=80, elements_done=40)
    learner = PICSWEB.learner(onefile_id=person.id, ident="IDLE")
    PICSWEB.qualification(learner, onefile_id=aim.id, total_elements=10, elements_done=3)
    return learner


def work_on(learner: Any, sleep: Callable[[float], None]) -> str:
    """One task, as a worker has it: what becomes of the learner in it."""
    run = services.refresh([learner])
    assert services.work(str(run.pk), sleep=sleep) == "finished"
    return str(run.outcomes.get().state)


def test_a_connection_that_was_closed_during_a_pause(provider: SandboxServer, learner: Any) -> None:
    provider.faults.append(Fault(operation="LearningAim/get", kind="status", status=429, times=1))
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        end_our_session()

    assert work_on(learner, sleep) == OutcomeState.UPDATED
    assert max(waited) > 1


def test_a_connection_that_was_closed_while_onefile_took_its_time(
    provider: SandboxServer, learner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[None] = []

    def request(transport: Any, *what: Any) -> Any:
        end_our_session()
        calls.append(None)
        return send(transport, *what)

    transport = session.Transport
    send = transport._receive
    monkeypatch.setattr(transport, "_receive", request)
    # The wrapper stands before the real one, whose end is what looks after the connection.
    assert work_on(learner, lambda seconds: None) == OutcomeState.UPDATED
    assert calls


def test_the_connection_of_a_worker_whose_threads_read_for_minutes(
    provider: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[None] = []
    run = services.start_daily(new_run=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")

    def wait(working: Any, return_when: str) -> Any:
        if not ended:
            ended.append(None)
            end_our_session()
        return really_wait(working, return_when=return_when)

    really_wait = worker.wait
    monkeypatch.setattr(worker, "wait", wait)

    services.perform(run, sleep=lambda seconds: None)

    run.refresh_from_db()
    assert ended
    assert not run.is_open


def test_a_connection_to_redis_that_was_closed() -> None:
    """redis-py looks at a kept connection before it is used again, and connects anew."""
    store = rate_limit.RedisStore(redis.from_url(os.environ["REDIS_URL"]), f"{Conf.PREFIX}:a_test:pace")
    store.connection.delete(store.key)
    store.change(lambda state: (rate_limit.pause(state, rate_limit.timezone.now(), 5), None))
    mine = store.connection.client_id()
    redis.from_url(os.environ["REDIS_URL"]).client_kill_filter(_id=mine)

    assert store.read().paused_until is not None
    assert store.connection.client_id() != mine
    redis.from_url(os.environ["REDIS_URL"]).client_kill_filter(_id=store.connection.client_id())
    store.change(lambda state: (rate_limit.RateLimitState(), None))
    assert store.read().paused_until is None
