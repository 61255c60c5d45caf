"""Is it working? What a person, a monitor and a health check are told, and from when on it is bad."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from django_q.models import Schedule

from onefile_sync import services, tasks
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import (
    ApiSession,
    DirectoryEntry,
    DirectoryList,
    Heartbeat,
    LearnerOutcome,
    OneFileSettings,
    OutcomeState,
    RunKind,
    RunState,
    SyncRun,
    UploadIntent,
)
from onefile_sync.reporting.findings import AgeCheck, HealthCheck, Level
from onefile_sync.reporting.health_checks import all_checks
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.sync.connection.rate_limit import DatabaseStore, SharedRateLimiter
from onefile_sync.sync.connection.session import SharedSession
from onefile_sync.sync.learner import uploads
from onefile_sync.sync.runs import lifecycle
from onefile_sync.sync.runs.schedule import DAILY, SWEEP
from tests.conftest import dont_wait, sync
from tests.factories import Host
from tests.run_fixtures import Away, a_day_done, claimed, learners_of, refuse_the_token, run_of

pytestmark = pytest.mark.matrix

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
FINE, WARNING, CRITICAL = services.Level.FINE, services.Level.WARNING, services.Level.CRITICAL
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
DAY = 24 * HOUR


@pytest.fixture(autouse=True)
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def found() -> dict[str, services.Finding]:
    """The findings by their code."""
    return {finding.code: finding for finding in services.health().findings}


def wrong() -> dict[str, services.Level]:
    """The findings that are not fine."""
    return {code: finding.level for code, finding in found().items() if finding.level is not FINE}


class TestWhenAllIsWell:
    def test_every_question_has_an_answer_and_all_are_fine(self, in_order: OneFileSettings) -> None:
        health = services.health()

        assert [finding.code for finding in health.findings] == [
            "integration",
            "token",
            "links",
            "schedules",
            "worker",
            "clocks",
            "last_daily",
            "last_attempt",
            "held",
            "oldest_click",
            "oldest_of_the_day",
            "open_uploads",
            "session",
            "last_call",
            "pace",
        ]
        assert sum(check.applies(in_order) for check in all_checks()) == len(health.findings)
        assert (health.level, health.looked_at) == (FINE, NOON)
        assert all(str(finding.text).endswith(".") for finding in health.findings)

    def test_the_number_of_queries_does_not_grow(
        self, in_order: OneFileSettings, host: Host, django_assert_max_num_queries: Any
    ) -> None:
        for _day in range(3):
            run_of(learners_of(host, 30), kind=RunKind.DAILY)
        services.health()

        with django_assert_max_num_queries(21):
            services.health()

    def test_the_values_are_for_programs(self, in_order: OneFileSettings) -> None:
        SharedSession("fingerprint").save("session-token", NOON - HOUR)

        values = {code: finding.value for code, finding in found().items()}

        assert values == {
            "integration": "on",
            "token": "there",
            "links": None,
            "schedules": NOON + 14 * HOUR,
            "worker": NOON,
            "clocks": None,
            "last_daily": NOON - 8 * HOUR,
            "last_attempt": NOON - 8 * HOUR,
            "held": None,
            "oldest_click": None,
            "oldest_of_the_day": None,
            "open_uploads": 0,
            "session": NOON - HOUR,
            "last_call": None,
            "pace": 1.0,
        }


class TestAQuestion:
    def test_that_leaves_a_part_out_cannot_be_asked(self) -> None:
        parts: dict[str, Any] = {
            "code": "kettle",
            "question": "Is the kettle on?",
            "remedy": "Switch it on.",
            "look": lambda self, _settings, _now: self.found(FINE, "It is on."),
        }
        assert (
            type("Kettle", (HealthCheck,), parts)().look(OneFileSettings(), NOON).question
            == parts["question"]
        )

        for part in parts:
            rest = {name: value for name, value in parts.items() if name != part}
            with pytest.raises(TypeError, match=part):
                type("Kettle", (HealthCheck,), rest)()

    def test_about_an_age_says_which_age_is_too_much(self) -> None:
        assert AgeCheck.__abstractmethods__ - HealthCheck.__abstractmethods__ == {"limits"}

    def test_is_asked_once_under_a_code_of_its_own(self) -> None:
        codes = [check.code for check in all_checks()]

        assert len(codes) == len(set(codes))
        assert {type(check) for check in all_checks()} == set(complete(HealthCheck))

    @pytest.mark.parametrize("check", all_checks(), ids=lambda check: check.code)
    def test_says_what_to_do(self, check: HealthCheck) -> None:
        assert str(check.question).endswith("?")
        assert str(check.remedy).endswith(".")
        assert check.found(WARNING, "It is not.").remedy == check.remedy
        assert check.found(WARNING, "It is not.", remedy="Wait.").remedy == "Wait."


def complete(check: type[HealthCheck]) -> Iterator[type[HealthCheck]]:
    """The classes of the package below this one that nothing is missing from."""
    for each in check.__subclasses__():
        if not each.__abstractmethods__ and each.__module__.startswith("onefile_sync."):
            yield each
        yield from complete(each)


class TestSwitchedOff:
    def test_nothing_of_it_is_wrong(self, host: Host) -> None:
        assert found() == {"integration": found()["integration"]}
        assert (services.health().level, found()["integration"].value) == (FINE, "off")

    def test_is_not_called_fine(self, in_order: OneFileSettings) -> None:
        assert (services.health().word, found()["integration"].word) == ("fine", "fine")
        OneFileSettings.objects.update(enabled=False)
        assert (services.health().word, found()["integration"].word) == ("off", "off")

    def test_whatever_else_would_be(self, in_order: OneFileSettings, away: Away, settings: Any) -> None:
        Schedule.objects.all().delete()
        Heartbeat.objects.all().delete()
        SyncRun.objects.update(state=RunState.HELD)
        OneFileSettings.objects.update(enabled=False, paused=True, encrypted_customer_token="")
        settings.ONEFILE_SYNC = {"LEARNER": {"model": "picsweb.Pupil"}}

        assert wrong() == {}


def pause_it(host: Host, settings: Any) -> None:
    OneFileSettings.objects.update(paused=True)


def map_a_missing_model(host: Host, settings: Any) -> None:
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "LEARNER": {"model": "picsweb.Pupil"}}


def mistype_a_key(host: Host, settings: Any) -> None:
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "CUSTOMER_TOKENS": "x"}


def lose_the_mapping(host: Host, settings: Any) -> None:
    settings.ONEFILE_SYNC = None


def forget_the_token(host: Host, settings: Any) -> None:
    OneFileSettings.objects.update(encrypted_customer_token="")


def change_the_secret_key(host: Host, settings: Any) -> None:
    settings.SECRET_KEY = "another"


def forget_the_daily_schedule(host: Host, settings: Any) -> None:
    Schedule.objects.filter(name=DAILY.name).delete()


def forget_the_sweep(host: Host, settings: Any) -> None:
    Schedule.objects.filter(name=SWEEP.name).delete()


def double_the_daily_schedule(host: Host, settings: Any) -> None:
    Schedule.objects.create(name=DAILY.name, func=DAILY.task)


def double_the_sweep(host: Host, settings: Any) -> None:
    Schedule.objects.create(name=SWEEP.name, func=SWEEP.task)


def use_up_the_repeats(host: Host, settings: Any) -> None:
    Schedule.objects.filter(name=DAILY.name).update(repeats=0)


def take_away_the_next_sweep(host: Host, settings: Any) -> None:
    Schedule.objects.filter(name=SWEEP.name).update(next_run=None)


def see_no_worker(host: Host, settings: Any) -> None:
    Heartbeat.objects.all().delete()


def finish_no_day(host: Host, settings: Any) -> None:
    SyncRun.objects.all().delete()


def cancel_the_only_day(host: Host, settings: Any) -> None:
    SyncRun.objects.update(ending="cancelled")


def finish_nothing_but_a_refresh(host: Host, settings: Any) -> None:
    SyncRun.objects.update(kind=RunKind.REFRESH)


def fail_for_everybody(host: Host, settings: Any) -> None:
    a_day_done(HOUR, "failed", "failed")


def fail_for_most(host: Host, settings: Any) -> None:
    a_day_done(HOUR, "failed", "failed", "unchanged")


def fail_for_half(host: Host, settings: Any) -> None:
    a_day_done(HOUR, "failed", "unchanged")


def cancel_another_day(host: Host, settings: Any) -> None:
    a_day_done(HOUR, "skipped", ending="cancelled")


def have_a_clock_ahead(host: Host, settings: Any) -> None:
    Heartbeat.objects.create(worker="another machine", beaten_at=NOON, clock_ahead=31.4)


def have_a_clock_behind(host: Host, settings: Any) -> None:
    Heartbeat.objects.update(clock_ahead=-31.4)


def have_a_clock_a_little_off(host: Host, settings: Any) -> None:
    Heartbeat.objects.update(clock_ahead=30)


def have_had_a_wrong_clock(host: Host, settings: Any) -> None:
    Heartbeat.objects.create(worker="gone", beaten_at=NOON - 16 * MINUTE, clock_ahead=3600)


def fail_for_everybody_the_day_before(host: Host, settings: Any) -> None:
    a_day_done(DAY, "failed", "failed")


def sync_a_day_with_nobody_in_scope(host: Host, settings: Any) -> None:
    a_day_done(HOUR)


def hold_a_day(host: Host, settings: Any) -> None:
    run_of(learners_of(host, 1), kind=RunKind.DAILY, open_key=lifecycle.DAILY_KEY, guarded=True)
    SyncRun.objects.exclude(open_key=None).update(state=RunState.HELD, held_at=NOON)


def lose_half_of_the_rate(host: Host, settings: Any) -> None:
    ApiSession.objects.create(pk=1, share=0.5, slowed_at=NOON)


def choose_another_environment(host: Host, settings: Any) -> None:
    OneFileSettings.objects.update(environment="practice")


def lose_more_than_half_of_the_rate(host: Host, settings: Any) -> None:
    ApiSession.objects.create(pk=1, share=0.49, slowed_at=NOON)


def have_recovered(host: Host, settings: Any) -> None:
    ApiSession.objects.create(pk=1, share=0.1, slowed_at=NOON - 45 * MINUTE)


@pytest.mark.parametrize(
    ("arrange", "code", "level", "value"),
    [
        (pause_it, "integration", WARNING, "paused"),
        (map_a_missing_model, "integration", CRITICAL, "mapping_wrong"),
        (mistype_a_key, "integration", CRITICAL, "mapping_wrong"),
        (lose_the_mapping, "integration", CRITICAL, "mapping_wrong"),
        (forget_the_token, "token", CRITICAL, "no_token"),
        (change_the_secret_key, "token", CRITICAL, "token_unreadable"),
        (choose_another_environment, "token", CRITICAL, "token_other_environment"),
        (forget_the_daily_schedule, "schedules", CRITICAL, DAILY.name),
        (forget_the_sweep, "schedules", WARNING, SWEEP.name),
        (double_the_daily_schedule, "schedules", CRITICAL, DAILY.name),
        (double_the_sweep, "schedules", WARNING, SWEEP.name),
        (use_up_the_repeats, "schedules", CRITICAL, DAILY.name),
        (take_away_the_next_sweep, "schedules", WARNING, SWEEP.name),
        (see_no_worker, "worker", CRITICAL, None),
        (have_a_clock_ahead, "clocks", CRITICAL, 31),
        (have_a_clock_behind, "clocks", CRITICAL, -31),
        (have_a_clock_a_little_off, "clocks", FINE, None),
        (have_had_a_wrong_clock, "clocks", FINE, None),
        (finish_no_day, "last_daily", WARNING, None),
        (cancel_the_only_day, "last_daily", WARNING, None),
        (finish_nothing_but_a_refresh, "last_daily", WARNING, None),
        (fail_for_everybody, "last_attempt", CRITICAL, NOON - HOUR),
        (fail_for_most, "last_attempt", CRITICAL, NOON - HOUR),
        (fail_for_half, "last_attempt", WARNING, NOON - HOUR),
        (fail_for_everybody_the_day_before, "last_attempt", FINE, NOON - 8 * HOUR),
        (fail_for_everybody_the_day_before, "last_daily", FINE, NOON - 8 * HOUR),
        (cancel_another_day, "last_attempt", FINE, NOON - HOUR),
        (sync_a_day_with_nobody_in_scope, "last_daily", FINE, NOON - HOUR),
        (lose_half_of_the_rate, "pace", FINE, 0.5),
        (lose_more_than_half_of_the_rate, "pace", WARNING, 0.49),
        (have_recovered, "pace", FINE, 0.55),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
class TestOneThingWrong:
    def test_is_found_and_nothing_else(
        self,
        in_order: OneFileSettings,
        host: Host,
        settings: Any,
        arrange: Callable[[Host, Any], None],
        code: str,
        level: services.Level,
        value: Any,
    ) -> None:
        arrange(host, settings)

        finding = found()[code]

        assert (finding.level, finding.value) == (level, value)
        assert wrong() == ({} if level is FINE else {code: level})
        assert services.health().level is level
        assert bool(finding.remedy) or level is FINE


class TestTheLastDailySync:
    def test_that_failed_for_everybody_is_an_attempt_and_no_success(self, in_order: OneFileSettings) -> None:
        """However often: the age of the last success is that of the last one that compared somebody."""
        SyncRun.objects.update(finished_at=NOON - 3 * DAY)
        LearnerOutcome.objects.all().delete()
        failed = [a_day_done(day * DAY, "failed", "failed") for day in (2, 1)][-1]

        assert wrong() == {"last_daily": CRITICAL, "last_attempt": CRITICAL}
        assert found()["last_daily"].value == NOON - 3 * DAY
        assert found()["last_attempt"].value == NOON - DAY
        assert found()["last_attempt"].run == failed
        assert found()["last_daily"].run != failed

    def test_that_was_held_is_an_attempt(self, in_order: OneFileSettings, host: Host) -> None:
        hold_a_day(host, None)

        assert found()["last_attempt"].value == NOON
        assert found()["last_attempt"].run == found()["held"].run != found()["last_daily"].run


class TestTheLastCall:
    """With a real server. What OneFile refused, or did not answer, is kept until a call succeeds."""

    @pytest.fixture
    def learner(self, world: World, host: Host, onefile: SandboxServer) -> Any:
        return host.learner(onefile_id=world.add_learner().id)

    def test_is_fine_before_there_was_one(self, in_order: OneFileSettings) -> None:
        assert found()["last_call"].level is FINE

    def test_that_refused_the_token(self, learner: Any, onefile: SandboxServer) -> None:
        refuse_the_token(onefile)
        sync(learner)

        finding = found()["last_call"]
        assert (finding.level, finding.value) == (CRITICAL, "bad_customer_token")
        assert "OneFile did not accept the customer token. Last tried on 02/03/2026 12:00." in str(
            finding.text
        )
        assert "Check the environment and enter the customer token again" in str(finding.remedy)

    def test_that_came_to_no_answer(self, learner: Any, onefile: SandboxServer) -> None:
        sync(learner)
        assert found()["last_call"].level is FINE
        onefile.stop()
        sync(learner)

        assert (found()["last_call"].level, found()["last_call"].value) == (CRITICAL, "unreachable")

    def test_that_met_an_error_of_onefiles_own_is_a_warning(
        self, learner: Any, onefile: SandboxServer
    ) -> None:
        sync(learner)
        onefile.faults.append(Fault(operation="*", kind="status", status=500, times=1000))
        sync(learner)

        assert (found()["last_call"].level, found()["last_call"].value) == (WARNING, "server_error")

    def test_is_forgotten_with_the_next_success(self, learner: Any, onefile: SandboxServer) -> None:
        accepted = onefile.customer_token
        refuse_the_token(onefile)
        sync(learner)
        assert found()["last_call"].level is CRITICAL
        onefile.customer_token = accepted

        assert services.test_connection(OneFileSettings.load()).ok

        assert found()["last_call"].level is FINE
        assert ApiSession.objects.get().failed_at is None

    @pytest.mark.parametrize("status", [400, 403, 404, 409])
    def test_is_an_answer_where_one_record_is_refused(
        self, learner: Any, host: Host, onefile: SandboxServer, status: int
    ) -> None:
        onefile.faults.append(Fault(operation="User/get", kind="status", status=status, times=1000))
        sync(learner)

        assert found()["last_call"].level is FINE

    def test_with_another_token_says_nothing_of_the_present_one(
        self, learner: Any, onefile: SandboxServer
    ) -> None:
        refuse_the_token(onefile)
        sync(learner)
        row = OneFileSettings.load()
        row.set_customer_token("another")
        row.save()

        assert found()["last_call"].level is FINE

    def test_with_unsaved_settings_is_not_stored(self, learner: Any, onefile: SandboxServer) -> None:
        typed = OneFileSettings.load()
        typed.set_customer_token("mistyped")

        assert not services.test_connection(typed).ok

        assert found()["last_call"].level is FINE
        assert not ApiSession.objects.exclude(failure_code="").exists()

    def test_is_kept_as_a_code_and_a_time_and_nothing_else(
        self, learner: Any, onefile: SandboxServer
    ) -> None:
        refuse_the_token(onefile)
        sync(learner)

        row = ApiSession.objects.get()
        assert (row.failure_code, row.failed_at) == ("bad_customer_token", NOON)
        assert onefile.customer_token not in row.failure_belongs_to


class TestTheWorker:
    def test_is_not_the_command_that_works_in_the_foreground(
        self, linked: Callable[[int], list[Any]], onefile: SandboxServer
    ) -> None:
        linked(1)
        services.perform(services.start_daily(), sleep=dont_wait)

        assert not Heartbeat.objects.exists()
        assert (found()["worker"].level, found()["worker"].value) == (CRITICAL, None)

    @pytest.mark.parametrize("task", [tasks.sweep, tasks.daily])
    def test_is_a_process_that_takes_tasks_from_the_queue(
        self, switched_on: OneFileSettings, task: Callable[[], str]
    ) -> None:
        task()

        assert found()["worker"].level is FINE


class TestWhatIsHeld:
    def test_is_a_warning_that_names_the_run(self, in_order: OneFileSettings, host: Host) -> None:
        hold_a_day(host, None)

        assert wrong() == {"held": WARNING}
        assert found()["held"].value == str(SyncRun.objects.get(state=RunState.HELD).pk)

    def test_is_not_a_learner_waiting_for_a_worker(
        self, in_order: OneFileSettings, host: Host, now: time_machine.Traveller
    ) -> None:
        hold_a_day(host, None)
        LearnerOutcome.objects.update(state=OutcomeState.ASIDE)
        now.shift(3 * DAY)

        assert found()["oldest_of_the_day"].level is FINE

    def test_has_not_waited_for_a_worker_once_it_is_applied(
        self, in_order: OneFileSettings, host: Host, now: time_machine.Traveller
    ) -> None:
        """It waited for a person: no worker could have done anything."""
        hold_a_day(host, None)
        run = SyncRun.objects.get(state=RunState.HELD)
        LearnerOutcome.objects.update(state=OutcomeState.ASIDE)
        now.shift(2 * DAY)

        services.apply_held(run)

        assert found()["oldest_of_the_day"].level is FINE


def wait_for_a_click(host: Host, kind: RunKind) -> Any:
    return run_of(learners_of(host, 1), kind=kind)


#: What is asked, how it is brought about, and from which age on it is a warning, and critical.
AGES = [
    ("last_daily", lambda host: SyncRun.objects.update(finished_at=NOON), 26 * HOUR, 50 * HOUR),
    ("worker", lambda host: Heartbeat.objects.update(beaten_at=NOON), 5 * MINUTE, 15 * MINUTE),
    ("oldest_click", lambda host: wait_for_a_click(host, RunKind.REFRESH), 10 * MINUTE, HOUR),
    ("oldest_click", lambda host: wait_for_a_click(host, RunKind.PREVIEW), 10 * MINUTE, HOUR),
    ("oldest_of_the_day", lambda host: wait_for_a_click(host, RunKind.DAILY), 8 * HOUR, 24 * HOUR),
    ("open_uploads", lambda host: uploads.begin("5", "7", NOON), DAY, 7 * DAY),
]


class TestAge:
    """To the very moment it is fine, or a warning; a second later it is worse."""

    @pytest.mark.parametrize("number", range(len(AGES)), ids=lambda number: AGES[number][0])
    def test_makes_it_worse(
        self, in_order: OneFileSettings, host: Host, now: time_machine.Traveller, number: int
    ) -> None:
        code, begin, warning, critical = AGES[number]
        begin(host)

        levels = []
        for age in (timedelta(), warning, warning + SECOND, critical, critical + SECOND, 100 * critical):
            now.move_to(NOON + age)
            levels.append(found()[code].level)

        assert levels == [FINE, FINE, WARNING, WARNING, CRITICAL, CRITICAL]

    def test_is_that_of_the_oldest(
        self, in_order: OneFileSettings, host: Host, now: time_machine.Traveller
    ) -> None:
        one, other = learners_of(host, 2)
        run_of([one])
        uploads.begin("5", "7", NOON)
        now.shift(2 * DAY)
        run_of([other])
        uploads.begin("6", "8", NOON)

        assert (found()["oldest_click"].level, found()["oldest_click"].value) == (CRITICAL, NOON)
        assert (found()["open_uploads"].level, found()["open_uploads"].value) == (WARNING, 2)

    def test_is_that_of_the_worker_seen_last(
        self, in_order: OneFileSettings, now: time_machine.Traveller
    ) -> None:
        Heartbeat.objects.update(beaten_at=NOON - DAY)
        Heartbeat.objects.create(worker="another machine", beaten_at=NOON - MINUTE)

        assert (found()["worker"].level, found()["worker"].value) == (FINE, NOON - MINUTE)

    def test_of_a_learner_being_processed_does_not_count(
        self, in_order: OneFileSettings, host: Host, now: time_machine.Traveller
    ) -> None:
        claimed(run_of(learners_of(host, 1)))
        now.shift(2 * HOUR)

        assert found()["oldest_click"].level is FINE

    def test_of_an_upload_that_is_over_does_not_count(
        self, in_order: OneFileSettings, now: time_machine.Traveller
    ) -> None:
        uploads.begin("5", "7", NOON)
        uploads.close("5", ["7"])
        now.shift(30 * DAY)

        assert UploadIntent.objects.exists()
        assert (found()["open_uploads"].level, found()["open_uploads"].value) == (FINE, 0)


class TestThePace:
    def test_that_cannot_be_reached_is_critical(self, in_order: OneFileSettings, away: Away) -> None:
        assert wrong() == {"pace": CRITICAL}
        assert found()["pace"].value is None

    def test_is_what_refusals_have_left_of_it(
        self, in_order: OneFileSettings, now: time_machine.Traveller
    ) -> None:
        for _incident in range(3):
            SharedRateLimiter(300).pause(60)
            now.shift(61)

        assert DatabaseStore().read().share < 0.5
        assert found()["pace"].level is WARNING


class TestTheHeartbeat:
    @pytest.mark.parametrize(
        "carry_out", [tasks.sweep, lambda: tasks.work_on_run("0e0bd7ae-3a5c-4d0e-9d5e-1f1a5f0c7f11")]
    )
    def test_is_every_tasks(
        self, host: Host, now: time_machine.Traveller, carry_out: Callable[[], Any]
    ) -> None:
        carry_out()
        now.shift(MINUTE)
        carry_out()

        heartbeat = Heartbeat.objects.get()
        assert heartbeat.beaten_at == NOON + MINUTE
        assert str(heartbeat) == heartbeat.worker
        assert heartbeat.worker.endswith(" picsweb")

    def test_of_a_worker_continues_while_the_integration_is_paused(self, in_order: OneFileSettings) -> None:
        Heartbeat.objects.all().delete()
        OneFileSettings.objects.update(paused=True)

        tasks.sweep()

        assert wrong() == {"integration": WARNING}


class TestWhatIsNotLinked:
    def test_it_is_not_asked_where_ids_are_only_typed(self, in_order: OneFileSettings, host: Host) -> None:
        host.learner(onefile_id=None)
        assert not {"unlinked", "mis_values"} & found().keys()

    def test_learners_without_an_id_are_counted_where_links_are_recorded(
        self, in_order: OneFileSettings, host: Host
    ) -> None:
        OneFileSettings.objects.update(links_recorded=True)
        assert (found()["unlinked"].level, found()["unlinked"].value) == (FINE, 0)
        host.learner(onefile_id=None)
        host.learner(onefile_id=None, in_learning=False)
        finding = found()["unlinked"]
        assert (finding.level, finding.value) == (WARNING, 1)
        assert "Unmatched" in str(finding.remedy)

    def test_mis_values_that_stand_twice_are_counted_where_they_match(
        self, in_order: OneFileSettings, host: Host
    ) -> None:
        tenant = present_tenant()
        OneFileSettings.objects.update(linked_tenant=tenant, match_by="mis_value")
        for onefile_id, value in ((1, "A 1"), (2, "a1"), (3, "B")):
            DirectoryEntry.objects.create(
                tenant=tenant, kind="assessor", centre_id=7, onefile_id=onefile_id, mis_value=value
            )
        assert (found()["mis_values"].level, found()["mis_values"].value) == (WARNING, 1)
        DirectoryEntry.objects.filter(onefile_id=2).update(centre_id=8)
        assert found()["mis_values"].level is FINE


class TestTheListOfStandards:
    def test_it_is_not_asked_where_there_is_none(self, in_order: OneFileSettings) -> None:
        OneFileSettings.objects.update(linked_tenant=present_tenant())
        assert "standards" not in found()

    @pytest.mark.parametrize(("days", "level"), [(89, FINE), (91, WARNING)])
    def test_the_oldest_list_counts(self, in_order: OneFileSettings, days: int, level: Level) -> None:
        tenant = present_tenant()
        OneFileSettings.objects.update(linked_tenant=tenant)
        for centre_id, age in ((1, 1), (2, days)):
            DirectoryList.objects.create(
                tenant=tenant,
                kind="standard",
                centre_id=centre_id,
                read_at=timezone.now() - timedelta(days=age),
            )
        assert found()["standards"].level is level
