"""The steps of the demo in its own environment: prepare PICSWeb and OneFile, synchronise, check everything."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import time, timedelta
from io import StringIO
from typing import Any

import requests
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from django_q.models import Success
from django_q.tasks import async_task

from example_project import demo
from example_project.picsweb.management.commands.seed_demo import switch_on
from example_project.picsweb.models import Attended, Learner, Qualification, Review
from example_project.visitor import Assessor, PageProblem, Visitor
from onefile_sync import host, services
from onefile_sync.models import LearnerOutcome, OutcomeState
from onefile_sync.sandbox.server import CUSTOMER_TOKEN

ADMIN, CLERK = "admin", "clerk"
ITS_OWN_PASSWORD = "(the password it already has)"  # noqa: S105 - says that there is none to show


@dataclass
class Demonstration:
    """A demo. Raises :class:`demo.DemoFailed` or :class:`PageProblem` if it cannot continue.

    ``say`` prints a line for the user.
    """

    children: demo.Children
    #: The options that ``seed_demo`` and ``onefile_sandbox`` share.
    provider: list[str]
    unlinked: bool
    port: int
    sandbox_port: int
    say: Callable[[str], None]
    passwords: dict[str, str] = field(default_factory=dict)
    first_sync: dict[str, Any] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def site(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def sandbox(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}/"

    @property
    def onefile(self) -> str:
        return os.environ["ONEFILE_BASE_URL"]

    # Starting

    def prepare(self) -> None:
        """Everything up to and including the first daily sync."""
        self.say("Preparing PICSWeb …")
        call_command("migrate", verbosity=0)
        self.seed_learners()
        self.create_log_ins()
        switch_on()
        self.say("Starting the sandbox OneFile, the worker and the web site …")
        self.start_processes()
        call_command("onefile_schedule", "install", stdout=StringIO())
        self.say("Synchronising every learner in scope for the first time …")
        self.first_sync = self.synchronise()
        self.say(f"  {in_words(self.first_sync)}")

    def seed_learners(self) -> None:
        if Learner.objects.exists():
            self.say(
                f"  This PICSWeb already holds {Learner.objects.count()} learners, which are kept. The sandbox belongs "
                f"to them if they were seeded with {' '.join(self.provider)}."
            )
            return
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute(f"PRAGMA application_id = {demo.MADE_BY_THE_DEMO}")
        unlinked = ["--unlinked"] if self.unlinked else []
        call_command("seed_demo", *self.provider, *unlinked, stdout=StringIO())

    def create_log_ins(self) -> None:
        """``admin`` may do everything; ``clerk`` may view learners and the outcomes of refreshes."""
        may_look = Permission.objects.filter(
            codename__startswith="view_", content_type__app_label__in=["picsweb", "onefile_sync"]
        ).exclude(codename="view_onefilesettings")
        user_model = get_user_model()
        for username in (ADMIN, CLERK):
            user, is_new = user_model.objects.get_or_create(
                username=username, defaults={"is_staff": True, "is_superuser": username == ADMIN}
            )
            if not is_new:
                # Leave the existing password: people may be using this database.
                self.passwords[username] = ITS_OWN_PASSWORD
                continue
            self.passwords[username] = secrets.token_urlsafe(9)
            user.set_password(self.passwords[username])
            user.save()
            if username == CLERK:
                user.user_permissions.set(may_look)

    def start_processes(self) -> None:
        sandbox = self.children.start(
            "sandbox",
            "onefile_sandbox",
            f"--port={self.sandbox_port}",
            *self.provider,
            f"--rate-limit={os.environ['ONEFILE_CALLS_PER_MINUTE']}",
        )
        worker = self.children.start("worker", "qcluster")
        site = self.children.start("web site", "runserver", "--noreload", f"127.0.0.1:{self.port}")
        demo.wait_until_it_answers(sandbox, lambda: answers(self.sandbox))
        demo.wait_until_it_answers(site, lambda: answers(f"{self.site}accounts/login/"))
        demo.wait_until_it_answers(worker, task_is_done(async_task("math.hypot", 3, 4, group="demo")))

    def synchronise(self) -> dict[str, Any]:
        """Run ``onefile_sync --json`` for all learners in scope and return the object that it prints."""
        ran = demo.run_manage(os.environ, "onefile_sync", "--json")
        try:
            report: dict[str, Any] = json.loads(ran.stdout)
        except ValueError:
            raise demo.DemoFailed(
                f"onefile_sync ended with code {ran.returncode}:\n{ran.stderr.strip()}"
            ) from None
        return report

    # Running

    def work_on_a_learner(self) -> None:
        """Make some changes on both sides, so that the first click on Refresh has something to synchronise."""
        learner = self.first_learner()
        if learner is None:
            return
        qualification = learner.qualifications.filter(onefile_id__isnull=False).order_by("pk").first()
        due = learner.reviews.filter(onefile_id__isnull=False, attended=Attended.UNKNOWN)
        review = due.order_by("proposed_date").first()
        assessor = Assessor(self.onefile, CUSTOMER_TOKEN)
        if qualification is not None:
            assessor.enter_registration_number(qualification.onefile_id or 0, "NCFE-2026-0417")
            if qualification.certificate_applied_date is None:
                qualification.certificate_applied_date = timezone.localdate()
                qualification.save(update_fields=["certificate_applied_date"])
        if review is not None:
            for step in ("start", "sign-assessor", "sign-learner"):
                assessor.act_on_review(self.sandbox, review.onefile_id or 0, step)
        Review.objects.create(
            learner=learner,
            type="Normal",
            proposed_date=timezone.localdate() + timedelta(weeks=6),
            proposed_time=time(14, 30),
        )
        self.say(
            f"  Since then an assessor and a clerk have worked on {learner}: press Refresh to bring both together."
        )

    def first_learner(self) -> Learner | None:
        return Learner.objects.filter(onefile_id__isnull=False).order_by("pk").first()

    def stay_up(self, sleep: Callable[[float], None]) -> None:
        """Print the addresses and watch the processes until interrupted."""
        learner = self.first_learner() or Learner.objects.order_by("pk").first()
        plan = (
            self.site.rstrip("/") + learner.get_absolute_url() if learner else "none: there are no learners"
        )
        self.say(
            f"\nPICSWeb          {self.site}\n"
            f"  log in as      {ADMIN} / {self.passwords[ADMIN]}   may do everything\n"
            f"  or as          {CLERK} / {self.passwords[CLERK]}   may look, but not refresh\n"
            f"A Delivery Plan  {plan}\n"
            f"Administration   {self.site}admin/\n"
            f"Sandbox OneFile  {self.sandbox}   play the assessor here, then refresh the learner\n"
            f"Logs             {self.children.folder}/*.log\n"
        )
        if self.sandbox_port != 8765:
            self.say(f"For manage.py in another terminal:  export ONEFILE_BASE_URL={self.onefile}\n")
        self.say("Ctrl-C stops it all.")
        started_by = os.getppid()
        while (ended := self.children.ended()) is None:
            if os.getppid() != started_by:
                return  # the outer process that would stop us has ended
            sleep(0.5)
        raise ended.failure(f"ended with code {ended.process.returncode}")

    # Checking

    def try_out(self) -> None:
        """Check what the demo promises and print the results. Raises :class:`demo.DemoFailed` if a check fails."""
        self.check_first_sync()
        self.check_refresh_by_click()
        self.check_refresh_by_rest()
        self.check_who_may_only_look()
        self.check_second_sync()
        for child in self.children.running:
            self.expect(not child.has_ended, f"The {child.name} is still running")
        if killed := self.children.stop():
            self.say(f"     (did not end when asked and had to be killed: {', '.join(killed)})")
        if self.failures:
            raise demo.DemoFailed("The demo does not work: " + "; ".join(self.failures) + ".")
        self.say("Everything worked.")

    def expect(self, held: bool, claim: str) -> None:
        self.say(f"{'ok  ' if held else 'FAIL'} {claim}")
        if not held:
            self.failures.append(claim)

    def check_first_sync(self) -> None:
        learners = self.first_sync["learners"]
        in_scope = sum(1 for _ in host.scope(timezone.localdate()))
        finals = [learners[state] for state in ("updated", "unchanged", "attention", "failed", "skipped")]
        changes = self.first_sync["changes"]
        self.expect(
            self.first_sync["state"] == "finished" and learners["in_scope"] == in_scope == sum(finals),
            f"First sync: all {in_scope} learners in scope of {Learner.objects.count()} came to an outcome",
        )
        self.expect(
            learners["failed"] == learners["skipped"] == 0,
            f"First sync: {learners['failed']} failed, {learners['skipped']} skipped, "
            f"{learners['attention']} need someone's attention",
        )
        self.expect(
            changes["to_picsweb"] > 0 and changes["to_onefile"] > 0,
            f"First sync: {changes['to_picsweb']} changes in PICSWeb, {changes['to_onefile']} in OneFile",
        )
        reported, counted = self.first_sync["api_calls"], calls_at(self.sandbox)
        self.expect(
            reported == counted,
            f"First sync: {reported} API calls reported, {counted} counted by the sandbox",
        )

    def check_refresh_by_click(self) -> None:
        """An assessor enters a registration number in OneFile; a click in PICSWeb fetches it."""
        qualification = self.a_learner_to_refresh()
        learner, aim_id = qualification.learner, qualification.onefile_id or 0
        before = qualification.registration_number
        assessor = Assessor(self.onefile, CUSTOMER_TOKEN)
        assessor.enter_registration_number(aim_id, f"DEMO-{secrets.randbelow(10**6):06}")
        staff = Visitor(self.site)
        staff.log_in(ADMIN, self.passwords[ADMIN])
        run = staff.press_refresh(str(learner.pk))
        counts = staff.watch(run)["counts"]
        qualification.refresh_from_db()
        in_onefile = assessor.registration_number(aim_id)
        self.expect(
            isinstance(counts, dict) and counts.get(OutcomeState.UPDATED) == 1,
            f"Refresh by click: learner {learner.pk} came out as updated",
        )
        self.expect(
            in_onefile != before and qualification.registration_number == in_onefile,
            f"Refresh by click: Registration Number was {before or 'blank'}, is {in_onefile} in OneFile and "
            f"{qualification.registration_number} in PICSWeb",
        )
        self.expect(in_onefile in staff.open(run).text, "Refresh by click: the run's page shows the change")

    def check_refresh_by_rest(self) -> None:
        learner = self.a_learner_to_refresh().learner
        staff = Visitor(self.site)
        staff.log_in(ADMIN, self.passwords[ADMIN])
        run = staff.ask_for_refresh(str(learner.pk))
        counts = staff.watch(f"{self.site}onefile/run/{run['id']}/")["counts"]
        self.expect(
            isinstance(counts, dict) and sum(counts.values()) == 1,
            f"Refresh by REST: learner {learner.pk} came to an outcome, in the run that the answer named",
        )

    def check_who_may_only_look(self) -> None:
        clerk = Visitor(self.site)
        clerk.log_in(CLERK, self.passwords[CLERK])
        try:
            clerk.press_refresh(str(self.a_learner_to_refresh().learner.pk))
        except PageProblem as problem:
            self.expect(
                "no Refresh button" in str(problem), "Log-in that may only look: sees no Refresh button"
            )
        else:
            self.expect(False, "Log-in that may only look: sees no Refresh button")

    def check_second_sync(self) -> None:
        writes_before = writes_at(self.sandbox)
        second = self.synchronise()
        changes, writes = second["changes"], writes_at(self.sandbox) - writes_before
        self.expect(
            changes == {"to_picsweb": 0, "to_onefile": 0} and writes == 0,
            f"Second sync: {changes['to_picsweb']} changes in PICSWeb, {changes['to_onefile']} in OneFile, "
            f"{writes} writes counted by the sandbox",
        )
        self.expect(
            second["learners"]["in_scope"] == self.first_sync["learners"]["in_scope"],
            f"Second sync: {second['learners']['in_scope']} learners in scope, as in the first",
        )

    def a_learner_to_refresh(self) -> Qualification:
        """A qualification with a registration number, of a learner without problems in the first sync."""
        in_order = LearnerOutcome.objects.filter(
            run_id=self.first_sync["run"], state__in=[OutcomeState.UPDATED, OutcomeState.UNCHANGED]
        ).values_list("learner_pk", flat=True)
        candidates = (
            Qualification.objects.filter(learner__in=[int(pk) for pk in in_order], onefile_id__isnull=False)
            .exclude(registration_number="")
            .select_related("learner")
        )
        for qualification in candidates.order_by("pk"):
            if services.refusal_for(qualification.learner) is None:
                return qualification
        raise demo.DemoFailed("The first sync left no learner in order who has a registration number.")


def in_words(report: dict[str, Any]) -> str:
    """Summarise a report of ``onefile_sync --json`` in one line."""
    learners, changes = report["learners"], report["changes"]
    return (
        f"{learners['in_scope']} learners: {learners['updated']} updated, {learners['unchanged']} unchanged, "
        f"{learners['attention']} need attention, {learners['failed']} failed, {learners['skipped']} skipped; "
        f"{changes['to_picsweb']} changes in PICSWeb, {changes['to_onefile']} in OneFile; "
        f"{report['api_calls']} API calls in {report['seconds']:.0f} seconds"
    )


def answers(address: str) -> bool:
    """Whether a web server on this machine answers without an error."""
    try:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(address, timeout=5).ok
    except requests.ConnectionError:
        return False


def task_is_done(task_id: str) -> Callable[[], bool]:
    return lambda: Success.objects.filter(pk=task_id).exists()


def counts_at(sandbox: str) -> dict[str, Any]:
    with requests.Session() as session:
        session.trust_env = False
        counts: dict[str, Any] = session.get(f"{sandbox}_sandbox/calls", timeout=30).json()
        return counts


def calls_at(sandbox: str) -> int:
    """The API calls counted by the sandbox, without authentication, as in our own reports."""
    calls = counts_at(sandbox)["calls"]
    return sum(times for operation, times in calls.items() if operation != "Authentication")


def writes_at(sandbox: str) -> int:
    """The changed and created records counted by the sandbox."""
    return int(counts_at(sandbox)["writes"])
