"""Log events: a name and a few ids, codes and counts, for people who read and for programs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from onefile_sync import events, services
from onefile_sync.models import OutcomeState, RunKind, SyncRun
from onefile_sync.sync.runs import lifecycle
from tests.factories import Host
from tests.run_fixtures import FREE, claimed, learners_of, run_of, stop_at

RUN = UUID("7f0c2a54-3c0e-4b6e-9a53-0d1c5f7b8e21")


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, dict[str, Any]]]:
    """The events so far: the name of each, and its facts."""
    ours = [record for record in caplog.records if record.name == "onefile_sync"]
    return [(record.onefile_event, record.onefile) for record in ours]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("log", "level"), [(events.info, "INFO"), (events.warning, "WARNING"), (events.error, "ERROR")]
)
def test_an_event_reads_as_its_name_and_facts_and_carries_them(
    caplog: pytest.LogCaptureFixture, log: Callable[..., None], level: str
) -> None:
    log("run_held", run=RUN, learners=31, share=0.75, code=None, kind=RunKind.DAILY)

    (record,) = caplog.records
    assert (record.name, record.levelname) == ("onefile_sync", level)
    assert record.getMessage() == f"run_held run={RUN} learners=31 share=0.75 code=None kind=daily"
    assert told(caplog) == [
        ("run_held", {"run": RUN, "learners": 31, "share": 0.75, "code": None, "kind": "daily"})
    ]


def test_an_event_without_facts_is_its_name(caplog: pytest.LogCaptureFixture) -> None:
    events.info("looked")

    assert caplog.records[0].getMessage() == "looked"
    assert told(caplog) == [("looked", {})]


def test_a_percent_sign_in_a_fact_is_no_format(caplog: pytest.LogCaptureFixture) -> None:
    events.info("looked", code="100 %s %d")

    assert caplog.records[0].getMessage() == "looked code=100 %s %d"


class TestARun:
    def test_tells_its_beginning_and_its_end(self, host: Host, caplog: pytest.LogCaptureFixture) -> None:
        run = run_of(learners_of(host, 2))
        claimed(run).finish(OutcomeState.UPDATED, [], FREE)
        claimed(run).finish(OutcomeState.UNCHANGED, [], FREE)
        lifecycle.advance(run)
        lifecycle.advance(run)

        assert told(caplog) == [
            ("run_opened", {"run": run.pk, "kind": "refresh"}),
            (
                "run_finished",
                {"run": run.pk, "kind": "refresh", "ending": None, "updated": 1, "unchanged": 1},
            ),
        ]

    def test_tells_that_it_was_cancelled(self, host: Host, caplog: pytest.LogCaptureFixture) -> None:
        run = run_of(learners_of(host, 2))
        services.cancel(run)
        services.cancel(run)

        assert told(caplog)[1:] == [
            ("run_ended_early", {"run": run.pk, "ending": "cancelled", "by": None}),
            ("run_finished", {"run": run.pk, "kind": "refresh", "ending": "cancelled", "skipped": 2}),
        ]

    def test_tells_that_it_is_held_and_what_was_decided(
        self, host: Host, caplog: pytest.LogCaptureFixture
    ) -> None:
        stop_at(percent=20, learners=1)
        run = run_of(learners_of(host, 2), kind=RunKind.DAILY, guarded=True)
        run.outcomes.update(state=OutcomeState.ASIDE)
        lifecycle.advance(run)
        services.apply_held(run)
        services.apply_held(run)

        assert told(caplog)[1:] == [
            ("run_held", {"run": run.pk, "learners": 2, "compared": 2}),
            ("run_applied", {"run": run.pk, "by": None}),
        ]

    def test_that_is_joined_tells_nothing(self, host: Host, caplog: pytest.LogCaptureFixture) -> None:
        run_of(learners_of(host, 1), open_key="key")
        caplog.clear()

        run_of([], open_key="key")

        assert told(caplog) == []
        assert SyncRun.objects.count() == 1
