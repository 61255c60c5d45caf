"""The questions of the health page, one small class each, in the order of the page.

A new question needs a class, its place in :func:`all_checks` and a row in the table of ``docs/operations.md``.
"""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime, timedelta

from django.db.models import Min
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from onefile_sync import checks, host
from onefile_sync.linking import candidates, mis_values
from onefile_sync.messages.catalogue import explain
from onefile_sync.models import (
    ApiSession,
    Heartbeat,
    LearnerOutcome,
    OneFileSettings,
    OutcomeState,
    RunKind,
    RunState,
    SubjectKind,
    SyncRun,
    UploadIntent,
)
from onefile_sync.onefile.errors import Scope, case_for
from onefile_sync.sync import daily
from onefile_sync.sync.connection import id_owner
from onefile_sync.sync.connection.rate_limit import RateLimitLost, shared_store, throttle_at
from onefile_sync.sync.connection.session import NotConnected, customer_token, fingerprint
from onefile_sync.sync.learner.officers import is_by_mis_value
from onefile_sync.sync.runs import heartbeat, lifecycle
from onefile_sync.sync.runs.schedule import DAILY, SCHEDULED_TASKS, installed_schedules

from .findings import AgeCheck, AgeLimits, Finding, HealthCheck, Level
from .list_checks import StandardsCheck

#: Below this fraction of the allowed call rate, the daily sync may not finish in one night.
SLOW = 0.5


class IntegrationCheck(HealthCheck):
    code = "integration"
    question = _("Is the integration on?")
    remedy = _("Untick Paused in the OneFile settings to continue.")

    def unusable(self, settings: OneFileSettings) -> Finding | None:
        """The finding that makes all other questions pointless: the integration is off, or its mapping is wrong."""
        if not settings.enabled:
            return self.found(Level.FINE, _("The integration is switched off."), "off")
        if checks.mapping_errors():
            return self.obstacle("mapping_wrong")
        if host.is_a_row_missing():
            return self.obstacle("row_missing")
        return None

    def look(self, settings: OneFileSettings, _now: datetime) -> Finding:
        if settings.paused:
            return self.found(Level.WARNING, _("The integration is paused."), "paused")
        return self.found(Level.FINE, _("The integration is on."), "on")


class TokenCheck(HealthCheck):
    code = "token"
    question = _("Is there a customer token?")
    remedy = explain("no_token").remedy

    def look(self, settings: OneFileSettings, _now: datetime) -> Finding:
        try:
            customer_token(settings)
        except NotConnected as reason:
            return self.obstacle(reason.code)
        return self.found(Level.FINE, _("There is a customer token."), "there")


class LinksCheck(HealthCheck):
    code = "links"
    question = _("Do the OneFile IDs in PICSWeb belong to this OneFile?")
    remedy = explain("other_onefile").remedy

    def look(self, settings: OneFileSettings, _now: datetime) -> Finding:
        fine = self.found(Level.FINE, _("The OneFile IDs belong to the chosen OneFile."))
        try:
            code = id_owner.obstacle(settings)
        except NotConnected:
            return fine  # TokenCheck reports it
        if code == id_owner.LINKS_MOVING:
            moving = explain(code)
            return self.found(Level.WARNING, moving.text, code, remedy=moving.remedy)
        return self.obstacle(code) if code else fine


class UnlinkedCheck(HealthCheck):
    code = "unlinked"
    question = _("Is every learner linked?")
    remedy = _(
        "Open Unmatched, which the OneFile settings lead to. Link these learners, or create them in OneFile."
    )

    def applies(self, settings: OneFileSettings) -> bool:
        """Not where OneFile IDs are only ever typed, as nobody there expects the question."""
        return settings.links_recorded

    def look(self, _settings: OneFileSettings, _now: datetime) -> Finding:
        number = len(candidates.without_link(None, SubjectKind.LEARNER, daily.today()))
        text = _("Learners who would be synchronised but have no OneFile ID.")
        return self.found(Level.WARNING if number else Level.FINE, text, number)


class MisValuesCheck(HealthCheck):
    code = "mis_values"
    question = _("Does any MIS Value stand twice?")
    remedy = _(
        "Open Unmatched, which the OneFile settings lead to. Correct these MIS Values in OneFile, archived users "
        "included."
    )

    def applies(self, settings: OneFileSettings) -> bool:
        return is_by_mis_value(settings)

    def look(self, settings: OneFileSettings, _now: datetime) -> Finding:
        tenant = settings.linked_tenant
        number = len(mis_values.shared_mis_values(tenant)) if tenant is not None else 0
        text = _(
            "MIS Values that several assessors or placements of one centre have: they cannot be told apart."
        )
        return self.found(Level.WARNING if number else Level.FINE, text, number)


class SchedulesCheck(HealthCheck):
    code = "schedules"
    question = _("Is the daily sync scheduled?")
    remedy = _("Run “python manage.py onefile_schedule install”, or correct it in django-q2's admin.")

    def look(self, _settings: OneFileSettings, _now: datetime) -> Finding:
        for task in SCHEDULED_TASKS:
            rows = installed_schedules(task)
            if len(rows) != 1 or rows[0].repeats == 0 or rows[0].next_run is None:
                text = _("The schedule “%(name)s” is missing, duplicated or switched off.")
                level = Level.CRITICAL if task is DAILY else Level.WARNING
                return self.found(level, text % {"name": task.name}, task.name)
        next_run = installed_schedules()[0].next_run
        return self.found(Level.FINE, _("The next daily sync is scheduled."), next_run)


class WorkerCheck(AgeCheck):
    code = "worker"
    question = _("Is a worker running?")
    remedy = _("Start one: “python manage.py qcluster”. If one is already running, restart it.")
    limits = AgeLimits(timedelta(minutes=5), timedelta(minutes=15))

    def look(self, _settings: OneFileSettings, now: datetime) -> Finding:
        last = Heartbeat.objects.order_by("-beaten_at").first()
        if last is None:
            return self.found(Level.CRITICAL, _("No worker has ever been seen."))
        level = self.limits.level(now - last.beaten_at)
        return self.found(level, _("A worker was last seen at this time."), last.beaten_at)


class ClocksCheck(HealthCheck):
    code = "clocks"
    question = _("Do the machines' clocks agree?")
    remedy = _("Synchronise the clocks of all machines with NTP.")

    def look(self, _settings: OneFileSettings, now: datetime) -> Finding:
        off = [
            beat
            for beat in Heartbeat.objects.filter(beaten_at__gte=now - WorkerCheck.limits.critical)
            if heartbeat.is_off(beat.clock_ahead)
        ]
        if not off:
            return self.found(Level.FINE, _("The clocks of all workers agree with the database's."))
        return self.found(
            Level.CRITICAL,
            _("Seconds by which a worker's clock is ahead (negative: behind). That worker takes no work."),
            round(max(off, key=lambda beat: abs(beat.clock_ahead)).clock_ahead),
        )


class LastDailyCheck(AgeCheck):
    code = "last_daily"
    question = _("When did the last daily sync finish?")
    remedy = _("Check that a worker is running and that the daily sync is scheduled.")
    limits = AgeLimits(timedelta(hours=26), timedelta(hours=50))

    def look(self, _settings: OneFileSettings, now: datetime) -> Finding:
        last = lifecycle.successful_daily_runs().order_by("-finished_at").first()
        if last is None or last.finished_at is None:
            return self.found(
                Level.WARNING,
                _("No daily sync has succeeded yet."),
                remedy=_("Run “python manage.py onefile_sync”, or wait for the first night."),
            )
        is_held = SyncRun.objects.filter(kind=RunKind.DAILY, state=RunState.HELD).exists()
        return self.found(
            self.limits.level(now - last.finished_at),
            _("The last daily sync has finished."),
            last.finished_at,
            remedy=_("A daily sync is held: apply or discard it.") if is_held else None,
            run=last,
        )


class LastAttemptCheck(HealthCheck):
    code = "last_attempt"
    question = _("How did the last attempt at a daily sync end?")
    remedy = _("Open the run to see why, and who has to act.")

    def look(self, _settings: OneFileSettings, _now: datetime) -> Finding:
        run = lifecycle.daily_attempts().first()
        if run is None:
            return self.found(Level.FINE, _("No daily sync has been tried yet."))
        at = run.finished_at or run.held_at
        failed, all_of_them = run.outcomes.filter(state=OutcomeState.FAILED).count(), run.outcomes.count()
        if failed:
            text = _("The last daily sync failed for %(failed)d of %(all)d learners.")
            level = Level.CRITICAL if 2 * failed > all_of_them else Level.WARNING
            return self.found(level, text % {"failed": failed, "all": all_of_them}, at, run=run)
        ended = run.get_ending_display() if run.ending else run.get_state_display()
        return self.found(
            Level.FINE, _("How the last daily sync ended: %(ended)s.") % {"ended": ended}, at, run=run
        )


class HeldCheck(HealthCheck):
    code = "held"
    question = _("Is a run waiting for a decision?")
    remedy = _("Open the run, check which learners it concerns, and apply or discard it.")

    def look(self, _settings: OneFileSettings, _now: datetime) -> Finding:
        run = SyncRun.objects.filter(state=RunState.HELD).order_by("-created_at").first()
        if run is None:
            return self.found(Level.FINE, _("No run is held."))
        text = _("A run is held, because it would replace values of many learners.")
        return self.found(Level.WARNING, text, str(run.pk), run=run)


class QueuedCheck(AgeCheck):
    """How long the oldest queued learner in certain kinds of run has been waiting."""

    remedy = _("Check that a worker is running: “python manage.py qcluster”.")

    @property
    @abstractmethod
    def kinds(self) -> tuple[RunKind, ...]:
        """The kinds of run to examine."""

    def look(self, settings: OneFileSettings, now: datetime) -> Finding:
        queued = LearnerOutcome.objects.filter(
            state=OutcomeState.QUEUED, run__kind__in=self.kinds, run__state__in=lifecycle.AT_WORK
        )
        asked = queued.annotate(since=Coalesce("run__cleared_at", "run__created_at"))
        oldest = asked.select_related("run").order_by("since").first()
        if oldest is None:
            return self.found(Level.FINE, _("Nobody is waiting."))
        since = oldest.since
        return self.found(
            Level.FINE if settings.paused else self.limits.level(now - since),
            _("The oldest queued learner has been waiting since then."),
            since,
            run=oldest.run,
        )


class OldestClickCheck(QueuedCheck):
    code = "oldest_click"
    question = _("How long has a refresh been waiting?")
    kinds = (RunKind.REFRESH, RunKind.PREVIEW, RunKind.ENROL_CHECK, RunKind.ENROL)
    limits = AgeLimits(timedelta(minutes=10), timedelta(hours=1))


class OldestOfTheDayCheck(QueuedCheck):
    code = "oldest_of_the_day"
    question = _("How long has the daily sync been waiting?")
    kinds = (RunKind.DAILY,)
    limits = AgeLimits(timedelta(hours=8), timedelta(hours=24))


class OpenUploadsCheck(AgeCheck):
    code = "open_uploads"
    question = _("Are any review uploads unfinished?")
    remedy = _("Refresh the learners concerned: their reports say what prevents the upload.")
    limits = AgeLimits(timedelta(days=1), timedelta(days=7))

    def look(self, _settings: OneFileSettings, now: datetime) -> Finding:
        still_open = UploadIntent.objects.filter(finished_at=None, put_away_for=None)
        oldest = still_open.aggregate(since=Min("created_at"))["since"]
        level = Level.FINE if oldest is None else self.limits.level(now - oldest)
        text = _("Reviews whose upload was started but is not confirmed yet.")
        return self.found(level, text, still_open.count())


class SessionCheck(HealthCheck):
    code = "session"
    question = _("Is a session with OneFile open?")
    remedy = _("No action needed: the next call opens one.")

    def look(self, _settings: OneFileSettings, _now: datetime) -> Finding:
        row = ApiSession.objects.filter(pk=1).exclude(encrypted_token="").first()
        if row is None or row.issued_at is None:
            return self.found(Level.FINE, _("No session with OneFile is open; the next call opens one."))
        return self.found(Level.FINE, _("A session with OneFile is open."), row.issued_at)


class LastCallCheck(HealthCheck):
    """The remedy depends on the failure; it comes from the catalogue of messages."""

    code = "last_call"
    question = _("Did OneFile answer the last call?")
    remedy = _("Use “Test connection” in the OneFile settings.")

    def look(self, settings: OneFileSettings, _now: datetime) -> Finding:
        fine = self.found(Level.FINE, _("OneFile answered the last call, or has not been called yet."))
        try:
            belongs_to = fingerprint(settings)
        except NotConnected:
            return fine  # TokenCheck reports it
        row = ApiSession.objects.filter(pk=1, failure_belongs_to=belongs_to).exclude(failure_code="").first()
        if row is None or row.failed_at is None:
            return fine
        case, message = case_for(row.failure_code), explain(row.failure_code)
        when = timezone.localtime(row.failed_at)
        return self.found(
            Level.CRITICAL if case.scope is Scope.RUN and case.code != "rate_limited" else Level.WARNING,
            _("%(what)s Last tried on %(when)s.") % {"what": message.text, "when": f"{when:%d/%m/%Y %H:%M}"},
            row.failure_code,
            remedy=message.remedy,
        )


class PaceCheck(HealthCheck):
    code = "pace"
    question = _("How fast do we call OneFile?")
    remedy = _("Ask whether another program uses the same customer token, or set fewer calls a minute.")

    def look(self, _settings: OneFileSettings, now: datetime) -> Finding:
        try:
            share = throttle_at(shared_store().read(), now)
        except RateLimitLost:
            lost = explain("pace_lost")
            return self.found(Level.CRITICAL, lost.text, remedy=lost.remedy)
        return self.found(
            Level.WARNING if share < SLOW else Level.FINE,
            _("The share of the allowed calls in use. It is reduced after OneFile refuses a call."),
            round(share, 2),
        )


def all_checks() -> tuple[HealthCheck, ...]:
    """Every check, in the order of the page. A function, so that mypy checks each class for missing parts."""
    return (
        IntegrationCheck(),
        TokenCheck(),
        LinksCheck(),
        UnlinkedCheck(),
        MisValuesCheck(),
        StandardsCheck(),
        SchedulesCheck(),
        WorkerCheck(),
        ClocksCheck(),
        LastDailyCheck(),
        LastAttemptCheck(),
        HeldCheck(),
        OldestClickCheck(),
        OldestOfTheDayCheck(),
        OpenUploadsCheck(),
        SessionCheck(),
        LastCallCheck(),
        PaceCheck(),
    )
