"""``manage.py onefile_sync`` and ``onefile_prune``: what scripts and people read, and the exit codes."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from onefile_sync import host, services
from onefile_sync.management.commands import onefile_sync as command
from onefile_sync.management.onefile_command import NO_DATABASE
from onefile_sync.management.progress_bar import ProgressBar
from onefile_sync.models import Change, OneFileSettings, RunKind, RunState, SyncRun
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.sync.eligibility import PAUSED
from tests.factories import Host
from tests.run_fixtures import Manage, Said, codes, run_of, states

pytestmark = pytest.mark.matrix

Linked = Callable[[int], list[Any]]

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("what", ["daily", "preview", "one learner"])
def test_the_reported_calls_are_those_that_onefile_received(
    what: str, linked: Linked, onefile: SandboxServer, manage: Manage
) -> None:
    """The check of the connection is one of them."""
    one, *_others = linked(2)
    options = {"daily": [], "preview": ["--preview"], "one learner": ["--learner", str(one.pk)]}

    printed = json.loads(manage("onefile_sync", "--json", *options[what]).out)

    received = sum(onefile.calls.values()) - onefile.calls["Authentication"]
    assert onefile.calls["Customer/get"]
    assert printed["api_calls"] == received


def test_a_list_that_onefile_does_not_give_is_said(
    linked: Linked, onefile: SandboxServer, manage: Manage
) -> None:
    linked(1)
    onefile.faults.append(Fault(operation="LearningAim/Search", kind="status", status=400))

    said = manage("onefile_sync")

    assert said.code == 0
    assert "so they are read learner by learner." in said.out


class TestJson:
    def test_is_the_contract_and_nothing_else(
        self, linked: Linked, onefile: SandboxServer, manage: Manage
    ) -> None:
        linked(2)

        said = manage("onefile_sync", "--json")

        printed = json.loads(said.out)
        run = SyncRun.objects.get()
        assert said.out.count("\n") == 1
        assert said.err == ""
        assert said.code == 0
        seconds = printed.pop("seconds")
        assert isinstance(seconds, float)
        assert printed.pop("api_calls") == services.totals(run).api_calls > 0
        assert printed == {
            "run": str(run.pk),
            "kind": "daily",
            "state": "finished",
            "result": "finished",
            "learners": {
                "in_scope": 2,
                "updated": 2,
                "unchanged": 0,
                "attention": 0,
                "failed": 0,
                "skipped": 0,
            },
            "changes": {"to_picsweb": 4, "to_onefile": 0},
            "rate_limited": 0,
        }

    def test_counts_what_went_to_onefile(
        self, host: Host, world: World, onefile: SandboxServer, manage: Manage
    ) -> None:
        person = world.add_learner()
        aim = world.add_aim(person.id)
        learner = host.learner(onefile_id=person.id)
        host.qualification(learner, onefile_id=aim.id, registration_number="P-1")

        printed = json.loads(manage("onefile_sync", "--json").out)

        assert printed["changes"] == {"to_picsweb": 1, "to_onefile": 1}
        assert aim.registration_number == "P-1"

    def test_without_learners_has_zeros_only(self, onefile: SandboxServer, manage: Manage) -> None:
        said = manage("onefile_sync", "--json")

        assert said.code == 0
        assert set(json.loads(said.out)["learners"].values()) == {0}


class TestExitCodes:
    def test_one_when_a_learner_needs_attention(
        self, linked: Linked, host: Host, onefile: SandboxServer, manage: Manage
    ) -> None:
        linked(1)
        host.learner(onefile_id=9)  # OneFile has no such learner

        said = manage("onefile_sync", "--json")

        assert said.code == 1
        learners = json.loads(said.out)["learners"]
        assert (learners["updated"], learners["attention"]) == (1, 1)

    def test_one_when_a_learner_failed(
        self, linked: Linked, onefile: SandboxServer, manage: Manage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        learners = linked(2)
        monkeypatch.setattr(ProgressBar, "advance", lambda _bar: onefile.stop())

        said = manage("onefile_sync", "--learner", *(str(learner.pk) for learner in learners))

        assert said.code == 1
        assert "2 learners: 1 updated, 0 unchanged, 0 attention, 1 failed, 0 skipped." in said.out

    @pytest.mark.parametrize("options", [[], ["--json"]], ids=str)
    def test_one_when_everybody_failed_which_is_said(
        self,
        linked: Linked,
        onefile: SandboxServer,
        manage: Manage,
        options: list[str],
    ) -> None:
        linked(2)
        onefile.faults.append(Fault(operation="LearningAim/Search", kind="status", status=401, times=1000))

        said = manage("onefile_sync", *options)

        assert said.code == 1
        if options:
            assert json.loads(said.out)["result"] == "failed"
        else:
            assert "0 updated, 0 unchanged, 0 attention, 2 failed, 0 skipped." in said.out
            assert "The run failed: no learner in it could be fully compared" in said.out

    def test_one_when_it_was_paused_before_the_end(
        self,
        linked: Linked,
        onefile: SandboxServer,
        manage: Manage,
        configure: Callable[..., None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        linked(2)
        monkeypatch.setattr(ProgressBar, "advance", lambda _bar: configure(paused=True))

        said = manage("onefile_sync", "--json")

        assert said.code == 1
        printed = json.loads(said.out)
        assert (printed["state"], printed["seconds"]) == ("running", None)
        assert sum(printed["learners"].values()) == 3  # two in scope, one of them updated

    def test_one_when_it_was_cancelled_which_is_said(
        self, linked: Linked, onefile: SandboxServer, manage: Manage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        linked(2)
        monkeypatch.setattr(ProgressBar, "advance", lambda _bar: services.cancel(SyncRun.objects.get()))

        said = manage("onefile_sync")

        assert said.code == 1
        assert "The run ended early: cancelled" in said.out

    def test_two_when_it_is_refused_once_it_has_begun(
        self, linked: Linked, onefile: SandboxServer, manage: Manage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_given: Any, **_options: Any) -> None:
            raise services.Refused(PAUSED)

        linked(1)
        monkeypatch.setattr(services, "perform", refuse)

        said = manage("onefile_sync")

        assert (said.code, said.out) == (2, "")
        assert "The OneFile integration is paused." in said.err

    def test_one_when_the_run_is_held(self, held: SyncRun, manage: Manage) -> None:
        services.discard_held(held)
        SyncRun.objects.create(kind=RunKind.DAILY, state=RunState.FINISHED)  # not the first sync ever

        said = manage("onefile_sync", "--json")

        assert said.code == 1
        printed = json.loads(said.out)
        assert (printed["state"], printed["seconds"]) == ("held", None)
        assert printed["learners"] == {
            "in_scope": 2,
            "updated": 0,
            "unchanged": 0,
            "attention": 0,
            "failed": 0,
            "skipped": 0,
        }
        assert printed["changes"] == {"to_picsweb": 0, "to_onefile": 0}

    def test_one_in_words_when_the_run_is_held(self, held: SyncRun, manage: Manage) -> None:
        services.discard_held(held)
        SyncRun.objects.create(kind=RunKind.DAILY, state=RunState.FINISHED)

        said = manage("onefile_sync")

        assert (said.code, said.err) == (1, "")
        assert "0 skipped, 2 waiting." in said.out
        assert command.HELD in said.out
        assert "None" not in said.out

    def test_two_for_an_option_that_it_does_not_know(self, onefile: SandboxServer, manage: Manage) -> None:
        assert manage("onefile_sync", "--everything").code == 2


class TestLearners:
    def test_only_the_named_learners_are_refreshed(
        self, linked: Linked, onefile: SandboxServer, manage: Manage
    ) -> None:
        one, two, _other = linked(3)

        said = manage("onefile_sync", "--learner", str(one.pk), "--learner", str(two.pk))

        run = SyncRun.objects.get()
        assert said.code == 0
        assert run.kind == RunKind.REFRESH
        assert {outcome.learner for outcome in run.outcomes.all()} == {one, two}
        assert said.out.startswith("2 learners: 2 updated")

    def test_several_may_be_named_at_once(
        self, linked: Linked, onefile: SandboxServer, manage: Manage
    ) -> None:
        learners = linked(4)
        one, two, three, _other = (str(learner.pk) for learner in learners)

        said = manage("onefile_sync", "--learner", one, two, "--learner", three, "--json")

        assert said.code == 0
        assert {outcome.learner for outcome in SyncRun.objects.get().outcomes.all()} == set(learners[:3])

    def test_naming_no_learner_does_not_mean_all_learners(
        self, linked: Linked, onefile: SandboxServer, manage: Manage
    ) -> None:
        linked(1)

        assert manage("onefile_sync", "--learner").code == 2
        assert not SyncRun.objects.exists()

    def test_one_named_twice_is_refreshed_once(
        self, linked: Linked, onefile: SandboxServer, manage: Manage
    ) -> None:
        (learner,) = linked(1)
        otherwise = f"0{learner.pk}" if isinstance(learner.pk, int) else str(learner.pk).upper()

        named = [str(learner.pk), str(learner.pk), otherwise]
        said = manage("onefile_sync", *(word for pk in named for word in ("--learner", pk)))

        assert (said.code, said.err) == (0, "")
        assert SyncRun.objects.get().outcomes.count() == 1


class TestPreview:
    def test_writes_nothing_on_either_side(
        self,
        linked: Linked,
        host: Host,
        world: World,
        onefile: SandboxServer,
        manage: Manage,
        counting: Callable[[], Any],
    ) -> None:
        learners = linked(2)
        aim = world.add_aim(learners[0].onefile_id)
        host.qualification(learners[0], onefile_id=aim.id, registration_number="P-1")

        with counting() as counted:
            said = manage("onefile_sync", "--preview", "--json")

        printed = json.loads(said.out)
        assert (said.code, printed["kind"]) == (0, "preview")
        assert printed["changes"] == {"to_picsweb": 4, "to_onefile": 1}
        assert (counted.to_picsweb, world.writes) == (0, 0)

    def test_says_would_be(self, linked: Linked, onefile: SandboxServer, manage: Manage) -> None:
        (learner,) = linked(1)

        said = manage("onefile_sync", "--preview", "--learner", str(learner.pk))

        assert "Would change: 2 values in PICSWeb, 0 in OneFile." in said.out
        assert SyncRun.objects.get().kind == RunKind.PREVIEW


class TestTheDailyRun:
    def test_that_is_open_is_continued(self, linked: Linked, onefile: SandboxServer, manage: Manage) -> None:
        linked(2)
        begun = services.start_daily()

        printed = json.loads(manage("onefile_sync", "--json").out)

        assert printed["run"] == str(begun.pk)
        assert states(begun) == ["updated", "updated"]
        assert SyncRun.objects.count() == 1

    def test_is_replaced_with_new_run(self, linked: Linked, onefile: SandboxServer, manage: Manage) -> None:
        linked(1)
        begun = services.start_daily()

        printed = json.loads(manage("onefile_sync", "--json", "--new-run").out)

        assert printed["run"] != str(begun.pk)
        assert printed["learners"]["updated"] == 1
        begun.refresh_from_db()
        assert begun.state == RunState.FINISHED
        assert codes(begun) == [["run_replaced"]]

    def test_that_is_held_is_not_continued(self, held: SyncRun, manage: Manage) -> None:
        said = manage("onefile_sync", "--json")

        assert (said.code, said.out) == (2, "")
        assert "apply or discard it" in said.err
        assert SyncRun.objects.get().is_held

    def test_that_is_held_makes_room_for_a_new_run(self, held: SyncRun, manage: Manage) -> None:
        printed = json.loads(manage("onefile_sync", "--json", "--new-run").out)

        assert printed["run"] != str(held.pk)
        assert codes(held) == [["run_replaced"]] * 2

    def test_does_not_stand_in_for_the_scheduled_one(
        self, linked: Linked, onefile: SandboxServer, manage: Manage
    ) -> None:
        linked(1)
        manage("onefile_sync")

        assert services.start_scheduled_daily().startswith("queued: ")
        assert SyncRun.objects.count() == 2


def turn_off(learner: Any, onefile: SandboxServer, settings: Any) -> None:
    OneFileSettings.objects.update(enabled=False)


def lose_the_token(learner: Any, onefile: SandboxServer, settings: Any) -> None:
    OneFileSettings.objects.update(encrypted_customer_token="")


def enter_a_wrong_token(learner: Any, onefile: SandboxServer, settings: Any) -> None:
    onefile.customer_token = "another"


def stop_the_sandbox(learner: Any, onefile: SandboxServer, settings: Any) -> None:
    onefile.stop()


def map_a_missing_model(learner: Any, onefile: SandboxServer, settings: Any) -> None:
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "LEARNER": {"model": "picsweb.Pupil"}}


def mistype_the_rate_limit(learner: Any, onefile: SandboxServer, settings: Any) -> None:
    settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "CALLS_PER_MINUTE": "many"}


def lose_the_mapping(learner: Any, onefile: SandboxServer, settings: Any) -> None:
    settings.ONEFILE_SYNC = None


def lose_the_onefile_id(learner: Any, onefile: SandboxServer, settings: Any) -> None:
    type(learner).objects.update(onefile_id=None)


COULD_NOT_RUN = [
    (turn_off, "switched off"),
    (lose_the_token, "There is no customer token"),
    (enter_a_wrong_token, "did not accept the customer token"),
    (stop_the_sandbox, "could not be reached"),
    (map_a_missing_model, "manage.py check"),
    (mistype_the_rate_limit, "manage.py check"),
    (lose_the_mapping, "manage.py check"),
]


class TestItCouldNotRun:
    """One line on stderr, exit code 2, nothing on stdout, and no run on record."""

    @pytest.mark.parametrize("extra", [[], ["--json"], ["--preview"], ["--new-run"]], ids=str)
    @pytest.mark.parametrize(
        ("spoil", "says"), COULD_NOT_RUN, ids=[spoil.__name__ for spoil, _ in COULD_NOT_RUN]
    )
    def test_for_anybody(
        self,
        linked: Linked,
        onefile: SandboxServer,
        settings: Any,
        manage: Manage,
        spoil: Callable[..., None],
        says: str,
        extra: list[str],
    ) -> None:
        (learner,) = linked(1)
        spoil(learner, onefile, settings)

        self.see_that_it_did_not(manage("onefile_sync", *extra), says)

    def test_for_a_learner_without_onefile_id(
        self, linked: Linked, onefile: SandboxServer, settings: Any, manage: Manage
    ) -> None:
        (learner,) = linked(1)
        lose_the_onefile_id(learner, onefile, settings)

        said = manage("onefile_sync", "--learner", str(learner.pk))

        self.see_that_it_did_not(said, "The learner has no OneFile ID.")

    def test_for_learners_who_share_a_onefile_id(
        self, linked: Linked, host: Host, onefile: SandboxServer, manage: Manage
    ) -> None:
        (learner,) = linked(1)
        host.learner(onefile_id=learner.onefile_id)

        said = manage("onefile_sync", "--learner", str(learner.pk))

        self.see_that_it_did_not(said, "Another learner, perhaps an archived one, has the same OneFile ID.")

    @pytest.mark.parametrize("pk", ["999999", "0e0bd7ae-3a5c-4d0e-9d5e-1f1a5f0c7f11", "Zoë", ""])
    def test_for_a_learner_who_is_not_there(self, onefile: SandboxServer, manage: Manage, pk: str) -> None:
        said = manage("onefile_sync", "--learner", pk, "--json")

        self.see_that_it_did_not(said, f"There is no learner with the primary key {pk}.")

    def test_while_paused(
        self, linked: Linked, onefile: SandboxServer, configure: Callable[..., None], manage: Manage
    ) -> None:
        configure(paused=True)

        self.see_that_it_did_not(manage("onefile_sync"), "The OneFile integration is paused.")

    @pytest.mark.parametrize("name", ["onefile_sync", "onefile_probe"])
    def test_when_the_database_fails(
        self, onefile: SandboxServer, manage: Manage, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        def fail() -> None:
            raise OperationalError("password of picsweb refused")

        monkeypatch.setattr(OneFileSettings, "load", fail)
        monkeypatch.setattr(host, "scope", lambda _today: fail())

        said = manage(name)

        self.see_that_it_did_not(said, "run “manage.py migrate”")
        assert "picsweb refused" not in said.err

    @staticmethod
    def see_that_it_did_not(said: Said, says: str) -> None:
        assert said.code == 2
        assert says in said.err
        assert said.err.count("\n") == 1
        assert said.out == ""
        assert not SyncRun.objects.exists()


class TestASiteThatIsNotReady:
    """In a process of its own: the commands in front of a database and an environment as they are on a new server."""

    @staticmethod
    def manage(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "django", *arguments, "--settings=example_project.settings"],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "DATABASE_URL": f"sqlite:///{folder}/new.sqlite3",
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def test_a_database_that_is_not_migrated_is_said_in_one_line(self, tmp_path: Path) -> None:
        codes = {
            "onefile_sync": 2,
            "onefile_probe": 2,
            "onefile_status": 3,
            "onefile_schedule install": 2,
            "onefile_schedule show": 2,
            "onefile_schedule remove": 2,
            "onefile_prune": 2,
            "seed_demo": 2,
        }
        each_in_turn = dedent(
            """
            import contextlib, io, json, shlex
            from django.core.management import execute_from_command_line
            def said(arguments):
                with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
                    try:
                        execute_from_command_line(["manage.py", *shlex.split(arguments)])
                    except SystemExit as ended:
                        return ended.code, out.getvalue(), err.getvalue()
                return 0, out.getvalue(), err.getvalue()
            print(json.dumps({arguments: said(arguments) for arguments in CODES}))
            """
        ).replace("CODES", repr(list(codes)))
        ran = self.manage(tmp_path, "shell", "-v0", "-c", each_in_turn)

        assert ran.returncode == 0, ran.stderr
        for arguments, (code, out, err) in json.loads(ran.stdout).items():
            assert (arguments, code, out) == (arguments, codes[arguments], "")
            assert err.splitlines()[-1] == f"CommandError: {NO_DATABASE}", arguments
            assert "Traceback" not in err

    def test_a_database_that_is_not_there_is_said_in_one_line(self, tmp_path: Path) -> None:
        said = self.manage(tmp_path, "onefile_sync", DATABASE_URL=f"sqlite:///{tmp_path}")

        assert (said.returncode, said.stdout) == (2, "")
        assert said.stderr == f"CommandError: {NO_DATABASE}\n"

    def test_a_pace_that_is_no_number_is_named(self, tmp_path: Path) -> None:
        said = self.manage(tmp_path, "onefile_sync", ONEFILE_CALLS_PER_MINUTE="abc")

        assert said.returncode != 0
        assert said.stderr.endswith(
            "ImproperlyConfigured: Write a whole number into the environment variable ONEFILE_CALLS_PER_MINUTE.\n"
        )


class TestBar:
    @pytest.fixture
    def terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("onefile_sync.management.progress_bar.on_a_terminal", lambda: True)
        monkeypatch.setattr("onefile_sync.management.progress_bar.BETWEEN_LOOKS", 0.0)

    def test_is_shown_on_a_terminal_only(
        self, linked: Linked, onefile: SandboxServer, manage: Manage, terminal: None
    ) -> None:
        linked(2)

        assert "2/2" in manage("onefile_sync").err
        assert manage("onefile_sync", "--json").err == ""

    def test_moves_while_onefile_is_read(
        self, linked: Linked, world: World, onefile: SandboxServer, manage: Manage, terminal: None
    ) -> None:
        linked(3)
        for learner in [user.id for user in world.users.values()]:
            world.add_review(learner, scheduled_for=timezone.now(), created_on=timezone.now())

        shown = re.split(r"[\r\n]", manage("onefile_sync").err)

        assert any("page" in line for line in shown), shown
        assert any("record" in line for line in shown), shown
        assert "3/3" in shown[-2], shown
        assert "learner/s" in shown[-2], shown

    def test_is_not_cut_through_by_what_is_logged(
        self,
        linked: Linked,
        onefile: SandboxServer,
        manage: Manage,
        terminal: None,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        linked(1)
        logger = logging.getLogger("onefile_sync")
        handler = logging.StreamHandler(sys.stderr)
        monkeypatch.setattr(logger, "handlers", [handler])
        advance = ProgressBar.advance

        def log_and_advance(bar: ProgressBar) -> None:
            logger.warning("something happened")
            advance(bar)

        monkeypatch.setattr(ProgressBar, "advance", log_and_advance)

        shown = re.split(r"[\r\n]", manage("onefile_sync").err)

        assert "something happened" in [line.strip() for line in shown], shown
        assert logger.handlers == [handler], "afterwards everything is logged as before"


class TestLastLines:
    def test_name_the_run_and_the_learners_who_need_attention(
        self, linked: Linked, host: Host, onefile: SandboxServer, manage: Manage
    ) -> None:
        linked(1)
        lost = host.learner(onefile_id=9)  # OneFile has no such learner

        lines = manage("onefile_sync").out.splitlines()

        run = SyncRun.objects.get()
        assert lines[-3:] == [
            "Learners who need attention:",
            f"  {lost.pk}: needs attention (learner_gone)",
            f"Run {run.pk}: {run}. Its page in PICSWeb: {run.get_absolute_url()}",
        ]
        assert str(lost) not in "".join(lines), "what a scheduler captures ends in logs"

    def test_say_names_on_a_screen(
        self, host: Host, onefile: SandboxServer, manage: Manage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lost = host.learner(onefile_id=9)
        monkeypatch.setattr("django.core.management.base.OutputWrapper.isatty", lambda _self: True)

        assert f"  {lost.pk} {lost}: needs attention" in manage("onefile_sync").out

    def test_do_not_name_a_whole_provider(
        self, host: Host, onefile: SandboxServer, manage: Manage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(command, "MOST_NAMED", 2)
        for onefile_id in range(5):
            host.learner(onefile_id=onefile_id + 5)

        assert "  … and 3 more." in manage("onefile_sync").out


class TestPrune:
    def test_deletes_old_runs(self, linked: Linked, onefile: SandboxServer, manage: Manage) -> None:
        run = services.perform(services.refresh_now(linked(1)))
        SyncRun.objects.update(finished_at=timezone.now() - timedelta(days=91))
        kept = run_of([])

        said = manage("onefile_prune")

        assert said == Said(0, "Deleted 1 run(s) that ended more than 90 days ago.\n", "")
        assert SyncRun.objects.get() == kept
        assert run.pk != kept.pk
        assert not Change.objects.exists()

    def test_keeps_as_many_days_as_asked(self, host: Host, manage: Manage) -> None:
        run_of([])
        SyncRun.objects.update(state=RunState.FINISHED, finished_at=timezone.now() - timedelta(days=2))

        assert "Deleted 0 run(s)" in manage("onefile_prune", "--days", "3").out
        assert "Deleted 1 run(s)" in manage("onefile_prune", "--days", "1").out

    def test_refuses_to_delete_everything(self, host: Host, manage: Manage) -> None:
        assert manage("onefile_prune", "--days", "0") == Said(
            1, "", "CommandError: --days must be at least 1.\n"
        )
