"""The front door: what it takes on, what it refuses and why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection
from django.db.models.signals import post_delete
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import OrmQ

from onefile_sync import services
from onefile_sync.models import (
    Change,
    LearnerOutcome,
    OneFileSettings,
    OutcomeState,
    Problem,
    RunKind,
    RunState,
    SyncRun,
)
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sync.runs import leases, lifecycle, retention
from tests.conftest import dont_wait
from tests.factories import Host
from tests.run_fixtures import FREE, codes, learners_of, queued_runs, run_of, states

pytestmark = pytest.mark.matrix

Commit = Callable[[], Any]


class TestRefresh:
    def test_of_one_learner_is_queued(self, host: Host, switched_on: OneFileSettings, commit: Commit) -> None:
        learner = host.learner()
        clerk = User.objects.create_user("clerk")

        with commit():
            run = services.refresh([learner], by=clerk)

        assert (run.kind, run.state, run.requested_by) == (RunKind.REFRESH, RunState.QUEUED, clerk)
        assert run.outcomes.get().learner == learner
        assert queued_runs() == [str(run.pk)]

    def test_a_second_click_leads_to_the_same_run_and_queues_nothing(
        self, host: Host, switched_on: OneFileSettings, commit: Commit
    ) -> None:
        learner = host.learner()
        with commit():
            first = services.refresh([learner])
        with commit():
            second = services.refresh([learner, learner])

        assert second == first
        assert OrmQ.objects.count() == 1

    def test_a_preview_and_a_refresh_do_not_stand_in_for_each_other(
        self, host: Host, switched_on: OneFileSettings
    ) -> None:
        learner = host.learner()

        asked = {services.refresh([learner]), services.preview(learner), services.preview(learner)}

        assert sorted(run.kind for run in asked) == ["preview", "refresh"]

    def test_of_many_leaves_out_those_who_cannot_be_refreshed(
        self, host: Host, switched_on: OneFileSettings, commit: Commit
    ) -> None:
        linked, unlinked = host.learner(onefile_id=501), host.learner(onefile_id=None)
        with commit():
            run = services.refresh([linked, unlinked], by=AnonymousUser())

        assert run.requested_by is None
        assert [outcome.learner for outcome in run.outcomes.all()] == [linked]
        assert queued_runs() == [str(run.pk)]

    def test_a_learner_chosen_twice_has_one_outcome(self, host: Host, switched_on: OneFileSettings) -> None:
        one, other = learners_of(host, 2)

        assert services.refresh([one, other, one]).outcomes.count() == 2


def switch_off(host: Host, settings: Any) -> Any:
    OneFileSettings.objects.update(enabled=False, paused=True)
    return host.learner()


def pause(host: Host, settings: Any) -> Any:
    OneFileSettings.objects.update(paused=True)
    return host.learner()


def forget_the_token(host: Host, settings: Any) -> Any:
    OneFileSettings.objects.update(encrypted_customer_token="")
    return host.learner()


def change_the_secret_key(host: Host, settings: Any) -> Any:
    settings.SECRET_KEY = "a new one"
    return host.learner()


def choose_another_environment(host: Host, settings: Any) -> Any:
    OneFileSettings.objects.update(environment="practice")
    return host.learner()


def leave_unlinked(host: Host, settings: Any) -> Any:
    return host.learner(onefile_id=None)


def share_the_onefile_id(host: Host, settings: Any) -> Any:
    host.learner(onefile_id=501)
    return host.learner(onefile_id=501)


def map_wrongly(host: Host, settings: Any) -> Any:
    learner = host.learner()
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "LEARNER": {"model": "picsweb.Pupil"}}
    return learner


def mistype_a_key(host: Host, settings: Any) -> Any:
    learner = host.learner()
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "CUSTOMER_TOKENS": "x"}
    return learner


REFUSALS = [
    (switch_off, "off", "switched off"),
    (pause, "paused", "Untick Paused"),
    (forget_the_token, "no_token", "Enter it in the OneFile settings"),
    (change_the_secret_key, "token_unreadable", "Enter it again"),
    (choose_another_environment, "token_other_environment", "Enter the token of the chosen environment"),
    (leave_unlinked, "no_onefile_id", "enter the OneFile ID on the learner's record"),
    (share_the_onefile_id, "learner_duplicate", "Correct the OneFile ID of one of them"),
    (map_wrongly, "mapping_wrong", "manage.py check"),
    (mistype_a_key, "mapping_wrong", "manage.py check"),
]


@pytest.mark.parametrize(("arrange", "code", "says"), REFUSALS, ids=[case[0].__name__ for case in REFUSALS])
class TestRefusals:
    @pytest.mark.parametrize(
        "ask",
        [
            lambda learner: services.refresh([learner]),
            lambda learner: services.preview(learner),
            lambda learner: services.refresh_now([learner]),
            lambda learner: services.preview_now([learner]),
        ],
        ids=["refresh", "preview", "refresh_now", "preview_now"],
    )
    def test_say_what_to_do_and_begin_nothing(
        self,
        host: Host,
        switched_on: OneFileSettings,
        settings: Any,
        commit: Commit,
        arrange: Callable[..., Any],
        code: str,
        says: str,
        ask: Callable[[Any], Any],
    ) -> None:
        learner = arrange(host, settings)

        with commit(), pytest.raises(services.Refused) as refused:
            ask(learner)

        assert refused.value.code == str(refused.value) == code
        assert says in refused.value.reason
        assert not SyncRun.objects.exists()
        assert not OrmQ.objects.exists()

    def test_of_several_learners_for_one_reason_give_that_reason(
        self,
        host: Host,
        switched_on: OneFileSettings,
        settings: Any,
        arrange: Callable[..., Any],
        code: str,
        says: str,
    ) -> None:
        other = host.learner(onefile_id=501 if code == "learner_duplicate" else None)
        learner = arrange(host, settings)

        with pytest.raises(services.Refused) as refused:
            services.refresh([learner, other])

        assert refused.value.code == code


@pytest.mark.parametrize(
    ("arrange", "code", "_says"), [case for case in REFUSALS if case[0] is not map_wrongly]
)
def test_why_not_is_known_beforehand(
    host: Host,
    switched_on: OneFileSettings,
    settings: Any,
    arrange: Callable[..., Any],
    code: str,
    _says: str,
) -> None:
    refusal = services.refusal_for(arrange(host, settings))

    assert refusal is not None
    assert refusal.code == code


def test_nothing_stands_in_the_way_of_a_linked_learner(host: Host, switched_on: OneFileSettings) -> None:
    assert services.refusal_for(host.learner()) is None


class TestSortingOut:
    def test_everybody_gets_their_own_reason(self, host: Host, switched_on: OneFileSettings) -> None:
        free, under_way = host.learner(onefile_id=1), host.learner(onefile_id=2)
        unlinked = host.learner(onefile_id=None)
        twins = [host.learner(onefile_id=3), host.learner(onefile_id=3)]
        services.refresh([under_way])

        selection = services.partition([free, under_way, unlinked, *twins])

        assert selection.accepted == [free]
        assert [(learner, refusal.code) for learner, refusal in selection.refused] == [
            (under_way, "already_running"),
            (unlinked, "no_onefile_id"),
            (twins[0], "learner_duplicate"),
            (twins[1], "learner_duplicate"),
        ]

    def test_several_reasons_together_are_the_code_nobody(
        self, host: Host, switched_on: OneFileSettings
    ) -> None:
        unlinked = host.learner(onefile_id=None)
        twins = [host.learner(onefile_id=3), host.learner(onefile_id=3)]

        with pytest.raises(services.Refused) as refused:
            services.refresh([unlinked, *twins])

        assert refused.value.code == "nobody"

    def test_takes_as_many_queries_for_two_hundred_learners_as_for_two(
        self, host: Host, switched_on: OneFileSettings
    ) -> None:
        learners = learners_of(host, 200)
        services.partition([])  # content types are looked up once in a process
        taken = []
        for chosen in (learners[:2], learners):
            with CaptureQueriesContext(connection) as queries:
                assert services.partition(chosen).accepted == chosen
            taken.append(len(queries))

        assert taken[0] == taken[1] <= 3


class TestDailyRun:
    def test_takes_everyone_in_scope(self, host: Host, switched_on: OneFileSettings) -> None:
        learning = host.learner(onefile_id=1)
        host.learner(onefile_id=2, in_learning=False)
        host.learner(onefile_id=3, live=False)
        host.learner(onefile_id=None)

        run = services.start_daily()

        assert [outcome.learner for outcome in run.outcomes.all()] == [learning]
        assert (run.kind, run.scheduled_for) == (RunKind.DAILY, None)

    def test_an_open_one_is_continued(self, host: Host, switched_on: OneFileSettings) -> None:
        learners_of(host, 1)
        first = services.start_daily()

        assert services.start_daily() == first

    def test_a_new_one_ends_the_open_one(self, host: Host, switched_on: OneFileSettings) -> None:
        learners_of(host, 2)
        first = services.start_daily()
        claim = leases.claim_next(first)
        assert claim is not None

        second = services.start_daily(new_run=True)

        assert second != first
        assert states(first) == ["working", "skipped"]
        assert codes(first) == [[], ["run_replaced"]]
        assert states(second) == ["queued", "queued"]
        claim.finish(OutcomeState.UPDATED, [], FREE)
        assert lifecycle.advance(first)
        assert services.start_daily() == second

    def test_is_scheduled_once_a_day(
        self, host: Host, switched_on: OneFileSettings, commit: Commit, settings: Any
    ) -> None:
        learners_of(host, 1)
        with commit():
            said = services.start_scheduled_daily()
        run = SyncRun.objects.get()
        assert said == f"queued: {run.pk}"
        assert run.scheduled_for is not None
        assert queued_runs() == [str(run.pk)]

        with commit():
            services.start_scheduled_daily()
        assert SyncRun.objects.get() == run

        lifecycle.give_up(run, OutcomeState.SKIPPED, "run_replaced")
        lifecycle.advance(run)
        OrmQ.objects.all().delete()
        with commit():
            assert services.start_scheduled_daily() == f"already done today: {run.pk}"
        assert queued_runs() == []

    def test_an_open_one_that_somebody_started_is_joined_by_the_schedule(
        self, host: Host, switched_on: OneFileSettings, commit: Commit
    ) -> None:
        learners_of(host, 1)
        by_hand = services.start_daily()

        assert services.start_scheduled_daily() == f"queued: {by_hand.pk}"
        assert SyncRun.objects.count() == 1

    def test_the_schedule_recovers_expired_leases(
        self, host: Host, switched_on: OneFileSettings, commit: Commit
    ) -> None:
        left = run_of(learners_of(host, 1))
        SyncRun.objects.update(queued_at=timezone.now() - timedelta(hours=1))

        with commit():
            services.start_scheduled_daily()

        assert str(left.pk) in queued_runs()

    @pytest.mark.parametrize(("setting", "code"), [("paused", "paused"), ("enabled", "off")])
    def test_the_schedule_says_why_it_does_nothing(
        self, host: Host, switched_on: OneFileSettings, setting: str, code: str
    ) -> None:
        OneFileSettings.objects.update(**{setting: setting == "paused"})

        assert services.start_scheduled_daily() == f"not started: {code}"
        assert not SyncRun.objects.exists()

    def test_the_last_one_is_the_last_that_is_finished(self, host: Host) -> None:
        assert services.last_daily_run() is None
        now = timezone.now()
        for ago, kind, state in [
            (1, RunKind.DAILY, RunState.RUNNING),
            (2, RunKind.REFRESH, RunState.FINISHED),
            (3, RunKind.DAILY, RunState.FINISHED),
            (4, RunKind.DAILY, RunState.FINISHED),
        ]:
            SyncRun.objects.create(kind=kind, state=state, finished_at=now - timedelta(days=ago))

        last = services.last_daily_run()

        assert last is not None
        assert last.finished_at == now - timedelta(days=3)


def test_a_preview_of_everyone_continues_after_a_shared_onefile_id(
    linked: Callable[[int], list[Any]], host: Host, onefile: SandboxServer
) -> None:
    linked(1)
    host.learner(onefile_id=9)
    host.learner(onefile_id=9)

    run = services.perform(services.preview_now(), sleep=dont_wait)

    assert sorted(states(run)) == ["attention", "attention", "updated"]
    assert sorted(codes(run)) == [[], ["learner_duplicate"], ["learner_duplicate"]]


def test_pruning_deletes_finished_runs_that_ended_long_ago(host: Host) -> None:
    learners = learners_of(host, 1)
    now = timezone.now()
    old, recent, still_open = (run_of(learners) for _run in range(3))
    for run, days in [(old, 91), (recent, 89)]:
        lifecycle.give_up(run, OutcomeState.SKIPPED, "run_replaced")
        lifecycle.advance(run)
        SyncRun.objects.filter(pk=run.pk).update(finished_at=now - timedelta(days=days))
    SyncRun.objects.filter(pk=still_open.pk).update(created_at=now - timedelta(days=365))

    assert services.prune(90) == 1

    assert set(SyncRun.objects.all()) == {recent, still_open}
    assert LearnerOutcome.objects.count() == 2
    assert Problem.objects.count() == 1


def test_pruning_holds_a_batch_of_rows_in_memory_and_not_a_run(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    run = run_of(learners_of(host, 5))
    lifecycle.give_up(run, OutcomeState.SKIPPED, "run_replaced")
    lifecycle.advance(run)
    SyncRun.objects.filter(pk=run.pk).update(finished_at=timezone.now() - timedelta(days=91))
    with_a_signal: list[int] = []

    def watch(sender: type, instance: LearnerOutcome, **_more: object) -> None:
        with_a_signal.append(instance.pk)

    # With a receiver Django reads what it deletes, as it does for a host that keeps an audit trail.
    post_delete.connect(watch, sender=LearnerOutcome)
    try:
        with CaptureQueriesContext(connection) as queries:
            assert services.prune(90) == 1
    finally:
        post_delete.disconnect(watch, sender=LearnerOutcome)

    deletes = [query for query in queries if query["sql"].startswith("DELETE FROM")]
    assert sum("onefile_sync_learneroutcome" in query["sql"] for query in deletes) == 3, "two, two and one"
    assert len(with_a_signal) == 5
    assert not Problem.objects.exists()


def test_a_prune_that_was_stopped_in_the_middle_is_finished_by_the_next(host: Host) -> None:
    run = run_of(learners_of(host, 2))
    lifecycle.give_up(run, OutcomeState.SKIPPED, "run_replaced")
    lifecycle.advance(run)
    SyncRun.objects.filter(pk=run.pk).update(finished_at=timezone.now() - timedelta(days=91))
    run.outcomes.earliest("pk").delete()

    assert services.prune(90) == 1

    assert not SyncRun.objects.exists()
    assert not LearnerOutcome.objects.exists()


def test_rows_read_as_what_they_are(host: Host) -> None:
    run = run_of(learners_of(host, 1), kind=RunKind.DAILY, scheduled_for=date(2026, 3, 2))
    outcome = run.outcomes.get()

    assert str(run).startswith("Daily sync ")
    assert str(run.pk) in run.get_absolute_url()
    assert str(outcome) == f"{outcome.learner_pk}: Queued"
    assert outcome.is_open
    assert str(Change(subject_label="Carpentry", field="elements_done")) == "Carpentry elements_done"
    assert str(Problem(code="officer_unmatched")) == "Officer unmatched"
    assert str(OneFileSettings()) == "OneFile settings"


class TestNamesOfEarlierReleases:
    @pytest.mark.parametrize(("earlier", "now"), [("sort_out", "partition"), ("why_not", "refusal_for")])
    def test_work_with_a_warning(self, earlier: str, now: str) -> None:
        with pytest.deprecated_call(match=f"services.{earlier} has been renamed to {now}"):
            assert getattr(services, earlier) is getattr(services, now)

    def test_a_name_that_never_was_is_an_error(self) -> None:
        with pytest.raises(AttributeError, match="never_was"):
            services.never_was  # noqa: B018 - asking is the test
