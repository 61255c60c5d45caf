"""Runs that read lists, match or link: they have no learners and end with their last step."""

from __future__ import annotations

import pytest

from onefile_sync.models import RunKind, RunState, SyncRun
from onefile_sync.onefile.errors import OneFileError, Scope
from onefile_sync.sync import daily, worker
from onefile_sync.sync.runs import lifecycle

pytestmark = pytest.mark.django_db


@pytest.fixture
def steps(monkeypatch):
    """The steps of a run in order: what each of them returns or raises."""
    to_do: list[object] = []

    def step(run: SyncRun, _onefile: object, _time_is_up: object) -> bool:
        now = to_do.pop(0)
        if isinstance(now, Exception):
            raise now
        if now == "last":
            SyncRun.objects.filter(pk=run.pk).update(read_at=run.created_at)
        return now != "elsewhere"

    monkeypatch.setitem(worker.STEPS, RunKind.LISTS, step)
    return to_do


@pytest.fixture
def run(switched_on):
    return lifecycle.open_run(RunKind.LISTS, [], open_key="lists")[0]


def test_a_run_goes_on_until_its_last_step_is_done(run, steps, switched_on):
    steps += ["more", "elsewhere", "last"]
    done = daily.perform(run, sleep=lambda _seconds: None)
    assert (done.state, done.failure, done.open_key, steps) == (RunState.FINISHED, "", None, [])


def test_what_would_fail_for_everything_ends_the_run_with_its_code(run, steps, switched_on):
    steps += ["more", OneFileError("unreachable", "search users", None, unsure=False, scope=Scope.RUN)]
    done = daily.perform(run, sleep=lambda _seconds: None)
    assert (done.state, done.failure) == (RunState.FINISHED, "unreachable")


def test_a_cancelled_run_begins_no_further_step(run, steps, switched_on):
    steps += ["more"]
    assert lifecycle.cancel(run, None)
    run.refresh_from_db()
    assert (run.state, steps) == (RunState.FINISHED, ["more"])


def test_a_run_whose_task_was_lost_is_handed_out_again(run):
    assert run in lifecycle.waiting()
    SyncRun.objects.filter(pk=run.pk).update(read_at=run.created_at)
    assert run not in lifecycle.waiting()


def test_the_sweep_does_not_close_a_run_with_steps_left(run):
    assert not lifecycle.advance(run)
    run.refresh_from_db()
    assert run.state == RunState.QUEUED
