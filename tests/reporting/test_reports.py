"""Texts for people: the progress of a run and the outcome of a learner, in whole sentences."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from onefile_sync import services
from onefile_sync.conf import deployment
from onefile_sync.messages import catalogue
from onefile_sync.messages.labels import field_labels
from onefile_sync.models import (
    Change,
    LearnerOutcome,
    ListingKind,
    Move,
    OneFileSettings,
    OutcomeState,
    Problem,
    RunKind,
    RunState,
    SubjectKind,
    SyncRun,
)
from onefile_sync.reporting.reports import Reading
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sync.connection.rate_limit import SharedRateLimiter
from onefile_sync.sync.runs import leases, lifecycle
from onefile_sync.web import text
from tests.conftest import dont_wait, preview, sync
from tests.factories import Host
from tests.run_fixtures import FREE, learners_of, run_of

pytestmark = pytest.mark.matrix

#: Eleven o'clock in London.
KILLED_AT = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)


class TestReadingForEveryone:
    @pytest.fixture
    def daily(self, host: Host) -> SyncRun:
        return run_of(learners_of(host, 1), RunKind.DAILY)

    @pytest.mark.parametrize(
        ("values", "note"),
        [
            ({"kind": ListingKind.CENTRES, "fallback": "unread"}, "The centres could not be listed"),
            (
                {"kind": ListingKind.AIM, "fallback": "unread"},
                "OneFile does not list the learning aims of all",
            ),
            ({"kind": ListingKind.REVIEW, "differs": True}, "Some reviews differed between the list"),
        ],
    )
    def test_says_where_lists_were_of_no_use(self, daily: SyncRun, values: dict[str, Any], note: str) -> None:
        daily.listings.create(**values)
        daily.listings.create(kind=ListingKind.REVIEW, centre_id=2)

        (said,) = services.how_it_read(daily)

        assert said.startswith(note)

    def test_says_what_was_put_off(self, daily: SyncRun) -> None:
        daily.put_off = 12

        (said,) = services.how_it_read(daily)

        assert said.startswith("12 settled reviews were left for another night")

    def test_is_the_headline_until_learners_are_compared(self) -> None:
        def headline(pages: int, left: int | None) -> str:
            progress = services.Progress(
                RunState.RUNNING,
                3,
                0,
                {},
                waiting_for_worker=False,
                is_final=False,
                reading=Reading(pages, left),
            )
            return str(text.headline(SyncRun(kind=RunKind.DAILY), progress))

        assert headline(1, None) == "Reading the lists of OneFile: 1 page so far."
        assert headline(7, None) == "Reading the lists of OneFile: 7 pages so far."
        assert headline(7, 1) == "Reading records individually from OneFile: 1 record to go."
        assert headline(7, 9) == "Reading records individually from OneFile: 9 records to go."


class TestProgress:
    def test_counts_the_learners_by_state(self, host: Host) -> None:
        run = run_of(learners_of(host, 3))
        lifecycle.start(run)
        claim = leases.claim_next(run)
        assert claim is not None
        claim.finish(OutcomeState.UPDATED, [], FREE)
        leases.claim_next(run)

        now = services.progress(run)

        assert (now.state, now.total, now.done, now.is_final) == ("running", 3, 1, False)
        assert now.counts == {"updated": 1, "working": 1, "queued": 1}

    @pytest.mark.parametrize(("seconds", "is_waiting"), [(45, False), (59, True)])
    def test_says_when_no_worker_comes(self, host: Host, seconds: int, is_waiting: bool) -> None:
        run = run_of(learners_of(host, 1))
        SyncRun.objects.update(created_at=timezone.now() - timedelta(seconds=seconds))
        run.refresh_from_db()

        assert services.progress(run).waiting_for_worker is is_waiting

    def test_a_run_with_an_active_worker_is_not_waiting(self, host: Host) -> None:
        run = run_of(learners_of(host, 2))
        SyncRun.objects.update(created_at=timezone.now() - timedelta(hours=1))
        run.refresh_from_db()
        claim = leases.claim_next(run)
        assert claim is not None
        assert not services.progress(run).waiting_for_worker

        claim.finish(OutcomeState.UPDATED, [], FREE)
        assert not services.progress(run).waiting_for_worker  # the last was begun a moment ago

        LearnerOutcome.objects.update(started_at=timezone.now() - timedelta(seconds=61))
        assert services.progress(run).waiting_for_worker

    def test_says_within_a_minute_that_a_worker_was_killed_and_when_work_continues(self, host: Host) -> None:
        with time_machine.travel(KILLED_AT, tick=False):
            run = run_of(learners_of(host, 1))
            lifecycle.start(run)
            claim = leases.claim_next(run)
            assert claim is not None

        with time_machine.travel(KILLED_AT + timedelta(seconds=45), tick=False):
            assert not services.progress(run).waiting_for_worker
        with time_machine.travel(KILLED_AT + timedelta(seconds=59), tick=False):
            now = services.progress(run)
            assert now.waiting_for_worker
            assert now.goes_on_at == KILLED_AT + deployment.lease
            assert text.headline(run, now) == (
                "Waiting: no worker is processing this run. It continues after 11:05."
            )

    def test_a_worker_at_a_slow_learner_shows_that_it_is_there(self, host: Host) -> None:
        with time_machine.travel(KILLED_AT, tick=False):
            run = run_of(learners_of(host, 1))
            claim = leases.claim_next(run)
            assert claim is not None
        for seconds in range(15, 240, 15):
            with time_machine.travel(KILLED_AT + timedelta(seconds=seconds), tick=False):
                claim.renew()
        with time_machine.travel(KILLED_AT + timedelta(seconds=270), tick=False):
            assert not services.progress(run).waiting_for_worker

    def test_a_run_is_not_waiting_for_a_worker_during_a_pause(self, host: Host) -> None:
        with time_machine.travel(KILLED_AT, tick=False):
            run = run_of(learners_of(host, 1))
            leases.claim_next(run)
            SharedRateLimiter(300).pause(100)
        with time_machine.travel(KILLED_AT + timedelta(seconds=90), tick=False):
            assert not services.progress(run).waiting_for_worker
        with time_machine.travel(KILLED_AT + timedelta(seconds=110), tick=False):
            assert services.progress(run).waiting_for_worker

    def test_a_finished_run_is_not_waiting_for_a_worker(self, host: Host) -> None:
        run = run_of([])
        SyncRun.objects.update(created_at=timezone.now() - timedelta(hours=1))
        lifecycle.advance(run)

        now = services.progress(run)

        assert now.is_final
        assert not now.waiting_for_worker


class TestReports:
    @pytest.mark.parametrize("code", [row.code for row in catalogue.CATALOGUE])
    def test_every_problem_reads_as_whole_sentences(self, host: Host, code: str) -> None:
        outcome = run_of(learners_of(host, 1)).outcomes.get()
        details = {
            "field": "registration_number",
            "items": 31,
            "done": 32,
            "total": 33,
            "value": "R-34 50%",
            "assessor": 35,
            "reviews": "36, 37",
            "when": "01/07/2026 10:00",
            "fields": "38",
            "kept": "39",
            "learner": "Zoë",
            "run": "Daily sync 01/07/2026 02:00",
            "onefile_id": 40,
            "officer": "Ola",
            "employer": "Mill",
            "tag": "Monday",
            "reference": "196AS",
            "centre": "Leeds",
            "count": 41,
            "users": "42, 43",
            "until": "14:35",
            "ids": "44, 45",
            "title": "Welding",
            "said": "Bad e-mail",
            "kind": "learner",
        }
        row = catalogue.explain(code)
        Problem.objects.create(
            outcome=outcome,
            code=code,
            move=row.move,
            details=details,
            subject_kind="review",
            subject_onefile_id=77,
        )

        (line,) = services.report(outcome).problems

        raw = f"{row.report} {row.remedy}"
        read = f"{line.text} {line.remedy}"
        assert row.code == line.code == code
        assert "%" not in read.replace("R-34 50%", "")
        shown = {**details, "field": "Registration Number"}
        for name in re.findall(r"%\((\w+)\)s", raw):
            assert str(shown[name]) in read
        assert line.text.endswith((".", "?"))
        assert line.remedy.endswith(".")
        assert line.subject == "Review with OneFile ID 77"
        assert line.move == row.move
        assert line.move_text == str(Move(row.move).label)

    def test_a_rule_that_is_no_longer_known_reads_as_its_code(self) -> None:
        assert services.rule_text("of_an_earlier_version") == "of_an_earlier_version"
        assert services.field_label("of_an_earlier_version") == "of_an_earlier_version"

    def test_every_change_names_its_field_and_rule(self, host: Host) -> None:
        outcome = run_of(learners_of(host, 1)).outcomes.get()
        for field in field_labels():
            Change.objects.create(
                outcome=outcome,
                side="onefile",
                field=field,
                new="" if field == "onefile_id" else "after",
                rule="review_match",
                subject_kind="learner",
            )

        lines = services.report(outcome).changes

        assert [line.field for line in lines] == [str(label) for label in field_labels().values()]
        assert {line.new for line in lines} == {"after", "given by OneFile"}
        assert {(line.side_text, line.subject) for line in lines} == {
            ("OneFile", "Learner with OneFile ID –")
        }
        assert {line.rule_text for line in lines} == {services.rule_text("review_match")}

    def test_a_subject_is_called_by_its_name_where_it_has_one(self, host: Host) -> None:
        outcome = run_of(learners_of(host, 1)).outcomes.get()
        Problem.objects.create(
            outcome=outcome,
            code="review_gone",
            move="yours",
            subject_kind="review",
            subject_label="Normal 01/07/2026",
        )

        assert services.report(outcome).problems[0].subject == "Normal 01/07/2026"

    @pytest.mark.parametrize("kind", SubjectKind)
    def test_a_subject_without_a_name_is_called_by_its_kind_and_id(
        self, host: Host, kind: SubjectKind
    ) -> None:
        outcome = run_of(learners_of(host, 1)).outcomes.get()
        Change.objects.create(
            outcome=outcome, side="picsweb", field="onefile_id", subject_kind=kind, subject_onefile_id=71
        )

        assert services.report(outcome).changes[0].subject == f"{kind.label} with OneFile ID 71"

    def test_an_unlinking_is_not_said_to_get_an_id(self, host: Host) -> None:
        outcome = run_of(learners_of(host, 1)).outcomes.get()
        Change.objects.create(
            outcome=outcome, side="picsweb", field="onefile_id", old="71", new="", subject_kind="officer"
        )

        (line,) = services.report(outcome).changes

        assert (line.old, line.new) == ("71", "")

    def test_totals_add_up_over_the_learners(
        self, linked: Callable[[int], list[Any]], onefile: SandboxServer
    ) -> None:
        run = services.perform(services.refresh_now(linked(2)), sleep=dont_wait)

        totals = services.totals(run)

        assert totals.changes == {"picsweb": 4, "onefile": 0}
        assert totals.api_calls == sum(outcome.api_calls for outcome in run.outcomes.all()) > 0
        assert totals.rate_limited == 0

    def test_totals_of_nothing_are_nothing(self, host: Host) -> None:
        assert services.totals(run_of([])) == services.Totals({"picsweb": 0, "onefile": 0}, 0, 0)


class TestLearnerStatus:
    def test_of_a_learner_never_synchronised(self, host: Host, switched_on: OneFileSettings) -> None:
        assert services.learner_status(host.learner()) == services.LearnerStatus(None, None, None, None)

    def test_says_nothing_but_that_the_mapping_is_wrong(
        self, host: Host, switched_on: OneFileSettings, settings: Any
    ) -> None:
        learner = host.learner()
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "REVIEW": {"model": "nowhere.Review"}}

        status = services.learner_status(learner)

        assert status.refusal is not None
        assert status == services.LearnerStatus(status.refusal, None, None, None)
        assert status.refusal.code == "mapping_wrong"

    def test_names_the_run_that_is_under_way(self, host: Host, switched_on: OneFileSettings) -> None:
        learner = host.learner()
        services.preview(learner)
        run = services.refresh([learner])

        status = services.learner_status(learner)

        assert status.current == run
        assert status.last is None

    def test_a_preview_is_no_synchronisation(
        self, linked: Callable[[int], list[Any]], onefile: SandboxServer
    ) -> None:
        (learner,) = linked(1)
        preview(learner)
        assert services.learner_status(learner).last is None

        outcome = sync(learner)

        status = services.learner_status(learner)
        assert (status.last, status.last_synchronised) == (outcome, outcome.finished_at)
        assert status.current is None

    def test_a_failure_is_the_last_outcome_and_not_the_last_synchronisation(
        self, linked: Callable[[int], list[Any]], onefile: SandboxServer
    ) -> None:
        (learner,) = linked(1)
        good = sync(learner)
        onefile.stop()
        failed = sync(learner)

        status = services.learner_status(learner)

        assert (status.last, status.last_synchronised) == (failed, good.finished_at)
        assert status.last_success == good
        assert failed.state == OutcomeState.FAILED

    def test_says_why_there_is_no_refresh(self, host: Host, switched_on: OneFileSettings) -> None:
        refusal = services.learner_status(host.learner(onefile_id=None)).refusal

        assert refusal is not None
        assert refusal.code == "no_onefile_id"
