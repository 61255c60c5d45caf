"""Calls to OneFile within a web request: few, brief, and with every failure told as a refusal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from onefile_sync.models import OneFileSettings
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.errors import OneFileError
from onefile_sync.onefile.retry import RetryPolicy
from onefile_sync.onefile.transport import SessionStore

from .connection.rate_limit import RateLimitLost
from .connection.session import NotConnected, connect
from .eligibility import PACE_LOST, Refusal, Refused

#: One attempt, an answer within seconds, no waiting for a pause to end.
AT_ONCE = RetryPolicy(tries=1, longest_wait=0, total=5, pauses=0, answer=10)


@contextmanager
def onefile_at_once(settings: OneFileSettings, sessions: SessionStore | None = None) -> Iterator[OneFile]:
    """A client for a web request. ``sessions`` as for :func:`onefile_sync.sync.connection.session.connect`.

    Raises :class:`Refused`, also for every call that fails within the block.
    """
    with trouble_told():
        onefile = connect(settings, AT_ONCE, sleep=_briefly, sessions=sessions)
        with closing(onefile.transport):
            yield onefile


@contextmanager
def trouble_told() -> Iterator[None]:
    """Turn every error that prevents a call to OneFile into :class:`Refused`."""
    try:
        yield
    except NotConnected as reason:
        raise Refused(Refusal(reason.code)) from None
    except RateLimitLost:
        raise Refused(PACE_LOST) from None
    except OneFileError as error:
        raise Refused(Refusal(error.code)) from None


def _briefly(seconds: float) -> None:
    if seconds > AT_ONCE.total:
        raise OneFileError("rate_limited", "wait for the pace")
    time.sleep(seconds)
