"""Short calls to OneFile outside a run: test the connection, check it before a run, probe a learner's records."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from onefile_sync.host.snapshot import LearnerRow
from onefile_sync.models import OneFileSettings
from onefile_sync.onefile.records import Customer
from onefile_sync.onefile.retry import RetryPolicy
from onefile_sync.sync.connection.session import OwnSession, connect
from onefile_sync.sync.eligibility import Refused, refuse_wrong_mapping
from onefile_sync.sync.runs.leases import Cost
from onefile_sync.sync.short_calls import onefile_at_once, trouble_told

from .centre_probe import CentreReport, look_at_centres
from .probe import ProbeReport, look


@dataclass(frozen=True, slots=True)
class ConnectionReport:
    """The result of *Test connection*. ``text`` names the customer, or says why the test failed."""

    ok: bool
    customer_name: str
    text: str


def test_connection(settings: OneFileSettings) -> ConnectionReport:
    """Sign in to OneFile and read the customer's name: two short calls, made within a web request.

    ``settings`` may be unsaved. Nothing is stored, not even the session.
    """
    try:
        name = _customer(settings).name
    except Refused as refused:
        return ConnectionReport(False, "", refused.reason)
    return ConnectionReport(True, name, str(_("Connected to OneFile as “%s”.")) % name)


def check_connection() -> Cost:
    """Check before a run that OneFile can be reached and accepts the token. Raises :class:`Refused`.

    Returns the calls made, to be counted with the run.
    """
    refuse_wrong_mapping()
    with trouble_told():
        onefile = connect(OneFileSettings.load(), RetryPolicy.person(), sleep=time.sleep)
        with closing(onefile.transport) as transport:
            onefile.customer()
            return {"api_calls": transport.calls, "rate_limited": transport.rate_limited}


def customer_id(settings: OneFileSettings) -> int:
    """Whose the customer token is, asked of OneFile within a web request. Raises :class:`Refused`."""
    return _customer(settings).id


def _customer(settings: OneFileSettings) -> Customer:
    refuse_wrong_mapping()
    with onefile_at_once(settings, OwnSession()) as onefile:
        return onefile.customer()


def look_closely(learner: LearnerRow) -> ProbeReport:
    """Probe one learner's records in OneFile: at most twelve read calls. Raises :class:`Refused`."""
    with trouble_told():
        onefile = connect(OneFileSettings.load(), RetryPolicy.person())
        with closing(onefile.transport):
            return look(onefile.transport, learner)


def look_at_linking(users: tuple[int, int] | None, *, standards: bool, search: bool) -> CentreReport:
    """Probe two users, standards and searches in OneFile. Raises :class:`Refused`."""
    with trouble_told():
        onefile = connect(OneFileSettings.load(), RetryPolicy.person())
        with closing(onefile.transport):
            return look_at_centres(onefile, users, standards=standards, search=search)
