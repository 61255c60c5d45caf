"""How long to go on trying with one call, and whether to."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tenacity import RetryCallState, wait_random_exponential

from .errors import OneFileError, Repeat

SHORTEST_WAIT = 0.5


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to go on trying with one call.

    At most ``tries`` tries, the last of them begun within ``total`` seconds of the first failure, at most
    ``longest_wait`` seconds apart; and at most ``pauses`` times is the call put off because of the rate limit.
    An answer that cannot be read is likely to come again: it is tried ``unreadable_tries`` times at most.
    ``answer``: seconds that one answer may take in all, where that is less than the operation allows.
    """

    tries: int
    longest_wait: float
    total: float
    pauses: int
    unreadable_tries: float = math.inf
    answer: float = math.inf

    @classmethod
    def person(cls) -> RetryPolicy:
        """For somebody who watches."""
        return cls(tries=3, longest_wait=2, total=15, pauses=1, unreadable_tries=2)

    @classmethod
    def unattended(cls) -> RetryPolicy:
        """For the daily run."""
        return cls(tries=6, longest_wait=30, total=120, pauses=3)


class RetryState:
    """One call to :meth:`Transport.send`: what has happened so far, and whether to go on."""

    def __init__(self, retry_policy: RetryPolicy, clock: Callable[[], datetime]) -> None:
        self.refused_token: str | None = None
        self._retry_policy = retry_policy
        self._clock = clock
        self._failures = 0
        self._pauses = 0
        self._renewals = 0
        self._dropped = 0
        self._at_once = False
        self._first_failure: datetime | None = None
        self._backoff = wait_random_exponential(
            multiplier=1, max=retry_policy.longest_wait, min=min(SHORTEST_WAIT, retry_policy.longest_wait)
        )

    def may_go_on(self, error: BaseException) -> bool:
        if not isinstance(error, OneFileError) or error.unsure:
            return False
        self._at_once = error.was_dropped and not self._dropped
        if self._at_once:
            self._dropped += 1
            return True
        match error.case.repeat:
            case Repeat.AGAIN:
                self._first_failure = self._first_failure or self._clock()
                self._failures += 1
                unreadable = error.code == "bad_answer"
                tries = min(
                    self._retry_policy.tries, self._retry_policy.unreadable_tries if unreadable else math.inf
                )
                return self._failures < tries
            case Repeat.AFTER_PAUSE:
                self._pauses += 1
                return self._pauses <= self._retry_policy.pauses
            case Repeat.WITH_NEW_SESSION:
                self._renewals += 1
                return self._renewals == 1
            case Repeat.NEVER:
                return False

    def wait(self, state: RetryCallState) -> float:
        """Seconds before the next try: ever longer, and as long as OneFile asked for within the retry policy.

        None after a 429, as the pace does that waiting, nor with a new session, nor where the connection had been
        dropped while nobody used it.
        """
        if self._at_once or not _went_wrong(state):
            return 0.0
        error = state.outcome.exception() if state.outcome else None
        told = error.retry_after if isinstance(error, OneFileError) else 0.0
        return max(min(told, self._retry_policy.longest_wait), self._backoff(state))

    def is_out_of_time(self, state: RetryCallState) -> bool:
        if self._at_once or self._first_failure is None or not _went_wrong(state):
            return False
        spent = (self._clock() - self._first_failure).total_seconds()
        return spent + state.upcoming_sleep > self._retry_policy.total


def _went_wrong(state: RetryCallState) -> bool:
    error = state.outcome.exception() if state.outcome else None
    return isinstance(error, OneFileError) and error.case.repeat is Repeat.AGAIN
