"""Is it working? What a person, a monitor or a health check wants to know, without a call to OneFile.

One function a question, in the order in which a person would ask; a new question is a function and a test. While the
integration is off, nothing of it is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from django.db.models import Min
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from onefile_sync import checks, host
from onefile_sync.conf import DAILY, SCHEDULED_TASKS
from onefile_sync.models import (
    ApiSession,
    Heartbeat,
    LearnerOutcome,
    OneFileSettings,
    OutcomeState,
    RunKind,
    RunState,
    SyncRun,
    UploadIntent,
)
from onefile_sync.onefile.errors import Scope, case_for
from onefile_sync.sync.connection.rate_limit import PaceLost, PaceState, present_share, shared_store
from onefile_sync.sync.connection.session import NotConnected, customer_token, fingerprint
from onefile_sync.sync.runs import heartbeat, lifecycle
from onefile_sync.sync.runs.schedule import installed_schedules

#: From what age on something is a warning, and from what age on it is critical.
LAST_DAILY = timedelta(hours=26), timedelta(hours=50)
OLDEST_CLICK = timedelta(minutes=10), timedelta(hours=1)
OLDEST_OF_A_DAY = timedelta(hours=8), timedelta(hours=24)
WORKER = timedelta(minutes=5), timedelta(minutes=15)
OPEN_UPLOAD = timedelta(days=1), timedelta(days=7)
#: Below this share of the allowed calls the daily sync may not fit into a night.
SLOW = 0.5


class Level(IntEnum):
    """How bad it is. The number is the exit code of ``onefile_status``, as monitoring systems have it."""

    FINE = 0
    WARNING = 1
    CRITICAL = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question, with what to do about it.

    ``value`` is for programs: a number, a moment, a code or an ID. ``run`` is the run that the answer speaks of.
    """

    code: str
    level: Level
    text: str | Promise
    value: str | int | float | datetime | None = None
    remedy: str | Promise = ""
    run: SyncRun | None = None

    @property
    def is_off(self) -> bool:
        """Nothing is wrong, and nothing works either: the integration is switched off."""
        return (self.code, self.value) == ("integration", "off")

    @property
    def word(self) -> str:
        """The level for programs."""
        return "off" if self.is_off else self.level.name.lower()


@dataclass(frozen=True, slots=True)
class Health:
    """All answers, as of ``looked_at``."""

    looked_at: datetime
    findings: tuple[Finding, ...]

    @property
    def level(self) -> Level:
        return max(finding.level for finding in self.findings)

    @property
    def is_off(self) -> bool:
        return any(finding.is_off for finding in self.findings)

    @property
    def word(self) -> str:
        """The level for programs; ``off`` is not ``fine``."""
        return "off" if self.is_off else self.level.name.lower()


NOT_SET_UP = Finding(
    "integration",
    Level.CRITICAL,
    _("PICSWeb is not set up for OneFile."),
    "mapping_wrong",
    _("Run “python manage.py check” to see what is wrong."),
)

ROW_MISSING = Finding(
    "integration",
    Level.CRITICAL,
    _("A row of a lookup table that PICSWeb's OneFile setup names is missing, or there twice."),
    "row_missing",
    _("Run “python manage.py check --database default” to see which it is, and restore it."),
)


def health() -> Health:
    """How the integration is doing. A handful of queries, no network but Redis where it keeps the pace."""
    settings, now = OneFileSettings.load(), timezone.now()
    if not settings.enabled:
        off = Finding("integration", Level.FINE, _("The integration is switched off."), "off")
        return Health(now, (off,))
    if checks.mapping_errors():
        return Health(now, (NOT_SET_UP,))
    if host.is_a_row_missing():
        return Health(now, (ROW_MISSING,))
    return Health(now, tuple(look(settings, now) for look in LOOKS))


def _integration(settings: OneFileSettings, _now: datetime) -> Finding:
    if settings.paused:
        return Finding(
            "integration",
            Level.WARNING,
            _("The integration is paused."),
            "paused",
            _("Untick Paused in the OneFile settings to go on."),
        )
    return Finding("integration", Level.FINE, _("The integration is on."), "on")


def _token(settings: OneFileSettings, _now: datetime) -> Finding:
    try:
        customer_token(settings)
    except NotConnected as reason:
        texts = {
            "no_token": _("There is no customer token."),
            "token_unreadable": _("The customer token cannot be read any more: SECRET_KEY was changed."),
            "token_other_environment": _("The customer token belongs to another environment or address."),
        }
        remedy = _("Enter it in the OneFile settings.")
        return Finding("token", Level.CRITICAL, texts[reason.code], reason.code, remedy)
    return Finding("token", Level.FINE, _("There is a customer token."), "there")


def _session(_settings: OneFileSettings, _now: datetime) -> Finding:
    row = ApiSession.objects.filter(pk=1).exclude(encrypted_token="").first()
    if row is None or row.issued_at is None:
        return Finding("session", Level.FINE, _("No session with OneFile is open; the next call opens one."))
    return Finding("session", Level.FINE, _("A session with OneFile is open."), row.issued_at)


def _schedules(_settings: OneFileSettings, _now: datetime) -> Finding:
    for errand in SCHEDULED_TASKS:
        rows = installed_schedules(errand)
        if len(rows) != 1 or rows[0].repeats == 0 or rows[0].next_run is None:
            return Finding(
                "schedules",
                Level.CRITICAL if errand is DAILY else Level.WARNING,
                _("The schedule “%(name)s” is missing, there twice, or switched off.")
                % {"name": errand.name},
                errand.name,
                _("Run “python manage.py onefile_schedule install”, or mend it in the admin of django-q2."),
            )
    next_run = installed_schedules()[0].next_run
    return Finding("schedules", Level.FINE, _("The next daily sync is scheduled."), next_run)


def _clocks(_settings: OneFileSettings, now: datetime) -> Finding:
    off = [
        beat
        for beat in Heartbeat.objects.filter(beaten_at__gte=now - WORKER[1])
        if heartbeat.is_off(beat.clock_ahead)
    ]
    if not off:
        return Finding("clocks", Level.FINE, _("The clocks of all workers agree with the database's."))
    return Finding(
        "clocks",
        Level.CRITICAL,
        _("The clock of a worker's machine is wrong, so it takes no work. Seconds it is ahead:"),
        round(max(off, key=lambda beat: abs(beat.clock_ahead)).clock_ahead),
        _("Let all machines set their clocks by NTP."),
    )


def _last_daily(_settings: OneFileSettings, now: datetime) -> Finding:
    last = lifecycle.successful_daily_runs().order_by("-finished_at").first()
    if last is None or last.finished_at is None:
        return Finding(
            "last_daily",
            Level.WARNING,
            _("No daily sync has succeeded yet."),
            None,
            _("Run “python manage.py onefile_sync”, or wait for the first night."),
        )
    remedy = _("See whether the worker is running and whether the schedule is there.")
    if SyncRun.objects.filter(kind=RunKind.DAILY, state=RunState.HELD).exists():
        remedy = _("A daily sync is held: apply or discard it.")
    return Finding(
        "last_daily",
        _by_age(now - last.finished_at, LAST_DAILY),
        _("The last daily sync has finished."),
        last.finished_at,
        remedy,
        last,
    )


def _last_attempt(_settings: OneFileSettings, _now: datetime) -> Finding:
    run = lifecycle.daily_attempts().first()
    if run is None:
        return Finding("last_attempt", Level.FINE, _("No daily sync has been tried yet."))
    at = run.finished_at or run.held_at
    failed, all_of_them = run.outcomes.filter(state=OutcomeState.FAILED).count(), run.outcomes.count()
    if not failed:
        ended = run.get_ending_display() if run.ending else run.get_state_display()
        text = _("How the last daily sync ended: %(ended)s.") % {"ended": ended}
        return Finding("last_attempt", Level.FINE, text, at, run=run)
    return Finding(
        "last_attempt",
        Level.CRITICAL if 2 * failed > all_of_them else Level.WARNING,
        _("The last daily sync failed for %(failed)d of %(all)d learners.")
        % {"failed": failed, "all": all_of_them},
        at,
        _("Its page says why and whose move it is."),
        run,
    )


def _last_call(settings: OneFileSettings, _now: datetime) -> Finding:
    fine = Finding("last_call", Level.FINE, _("OneFile answered the last call, or has not been called yet."))
    try:
        belongs_to = fingerprint(settings)
    except NotConnected:
        return fine  # another question's answer
    row = ApiSession.objects.filter(pk=1, failure_belongs_to=belongs_to).exclude(failure_code="").first()
    if row is None or row.failed_at is None:
        return fine
    case = case_for(row.failure_code)
    when = timezone.localtime(row.failed_at)
    return Finding(
        "last_call",
        Level.CRITICAL if case.scope is Scope.RUN and case.code != "rate_limited" else Level.WARNING,
        _("%(what)s Last tried on %(when)s.") % {"what": case.text, "when": f"{when:%d/%m/%Y %H:%M}"},
        row.failure_code,
        case.remedy,
    )


def _held(_settings: OneFileSettings, _now: datetime) -> Finding:
    run = SyncRun.objects.filter(state=RunState.HELD).order_by("-created_at").first()
    if run is None:
        return Finding("held", Level.FINE, _("No run is held."))
    return Finding(
        "held",
        Level.WARNING,
        _("A run is held, because it would replace values of many learners."),
        str(run.pk),
        _("Open its page, look who it is, and apply or discard it."),
        run,
    )


def _oldest(code: str, kinds: tuple[RunKind, ...], bounds: tuple[timedelta, timedelta]) -> LookFunction:
    def look(settings: OneFileSettings, now: datetime) -> Finding:
        queued = LearnerOutcome.objects.filter(
            state=OutcomeState.QUEUED, run__kind__in=kinds, run__state__in=lifecycle.AT_WORK
        )
        asked = queued.annotate(since=Coalesce("run__cleared_at", "run__created_at"))
        oldest = asked.select_related("run").order_by("since").first()
        if oldest is None:
            return Finding(code, Level.FINE, _("Nobody is waiting."))
        since = oldest.since
        return Finding(
            code,
            Level.FINE if settings.paused else _by_age(now - since, bounds),
            _("Since then the first of those who wait has been waiting."),
            since,
            _("See that a worker runs: “python manage.py qcluster”."),
            oldest.run,
        )

    return look


def _worker(_settings: OneFileSettings, now: datetime) -> Finding:
    last = Heartbeat.objects.order_by("-beaten_at").first()
    remedy = _("Start one: “python manage.py qcluster”. If one runs, restart it.")
    if last is None:
        return Finding("worker", Level.CRITICAL, _("No worker has ever been seen."), None, remedy)
    return Finding(
        "worker",
        _by_age(now - last.beaten_at, WORKER),
        _("The last sign of a worker."),
        last.beaten_at,
        remedy,
    )


def _open_uploads(_settings: OneFileSettings, now: datetime) -> Finding:
    still_open = UploadIntent.objects.filter(finished_at=None)
    oldest = still_open.aggregate(since=Min("created_at"))["since"]
    return Finding(
        "open_uploads",
        Level.FINE if oldest is None else _by_age(now - oldest, OPEN_UPLOAD),
        _("Reviews whose upload was begun and not seen to end."),
        still_open.count(),
        _("Refresh the learners: their reports say what is in the way."),
    )


def _pace(_settings: OneFileSettings, now: datetime) -> Finding:
    try:
        state = shared_store().read()
    except PaceLost:
        return Finding(
            "pace",
            Level.CRITICAL,
            _("Redis, which keeps the pace of calls, cannot be reached."),
            None,
            _("See that Redis runs: without it no call is made."),
        )
    return Finding(
        "pace",
        Level.WARNING if present_share(state, now) < SLOW else Level.FINE,
        _("The share of the allowed calls that is in use: less than all after OneFile refused one."),
        _share(state, now),
        _("Ask whether another program uses the same customer token, or set fewer calls a minute."),
    )


def _share(state: PaceState, now: datetime) -> float:
    return round(present_share(state, now), 2)


def _by_age(age: timedelta, bounds: tuple[timedelta, timedelta]) -> Level:
    warning, critical = bounds
    if age > critical:
        return Level.CRITICAL
    return Level.WARNING if age > warning else Level.FINE


LookFunction = Callable[[OneFileSettings, datetime], Finding]

LOOKS: tuple[LookFunction, ...] = (
    _integration,
    _token,
    _schedules,
    _worker,
    _clocks,
    _last_daily,
    _last_attempt,
    _held,
    _oldest("oldest_click", (RunKind.REFRESH, RunKind.PREVIEW), OLDEST_CLICK),
    _oldest("oldest_of_the_day", (RunKind.DAILY,), OLDEST_OF_A_DAY),
    _open_uploads,
    _session,
    _last_call,
    _pace,
)
