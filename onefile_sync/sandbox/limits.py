"""Session tokens and the rate limit."""

from __future__ import annotations

import base64
import math
import secrets
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final

from .switches import Switches

Clock = Callable[[], datetime]

#: These bytes make every token begin with "++//", so that a client which fails to encode them fails at once.
_AWKWARD_BYTES: Final = b"\xfb\xef\xbf\xff"
_TOKEN_BYTES: Final = 224


class Sessions:
    """Session tokens: base64, 300 characters. Several are valid at a time, each for ``lifetime`` after its issue."""

    def __init__(self, lifetime: timedelta, clock: Clock) -> None:
        self._lifetime = lifetime
        self._clock = clock
        self._issued: dict[str, datetime] = {}

    def issue(self) -> str:
        token = base64.b64encode(
            _AWKWARD_BYTES + secrets.token_bytes(_TOKEN_BYTES - len(_AWKWARD_BYTES))
        ).decode()
        self._issued[token] = self._clock()
        return token

    def is_valid(self, token: str) -> bool:
        issued = self._issued.get(token)
        return issued is not None and self._clock() < issued + self._lifetime

    def forget_all(self) -> None:
        """Invalidate every token, as a restart of OneFile would."""
        self._issued.clear()


class RateLimit:
    """A limit of calls per window. The first call opens the window; refused calls do not extend it."""

    def __init__(self, switches: Switches, clock: Clock) -> None:
        self._calls_allowed = switches.rate_limit
        self._window = timedelta(seconds=switches.rate_window)
        self._retry_after = switches.retry_after
        self._clock = clock
        self._lock = threading.Lock()
        self._opened: datetime | None = None
        self._calls = 0

    def allows_one_more(self) -> bool:
        if not self._calls_allowed:
            return True
        with self._lock:
            now = self._clock()
            if self._opened is None or now >= self._opened + self._window:
                self._opened, self._calls = now, 0
            self._calls += 1
            return self._calls <= self._calls_allowed

    def headers_of_a_refusal(self) -> Mapping[str, str]:
        if self._opened is None or self._retry_after == "none":
            return {}
        over = self._opened + self._window
        if self._retry_after == "date":
            whole_second = over.astimezone(UTC) + timedelta(microseconds=999_999)
            return {"Retry-After": format_datetime(whole_second.replace(microsecond=0), usegmt=True)}
        return {"Retry-After": str(max(0, math.ceil((over - self._clock()).total_seconds())))}
