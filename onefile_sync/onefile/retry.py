"""Decides whether and when a failed call is retried."""

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
    """The limits for retrying one call. All times are in seconds.

    A call is attempted at most ``tries`` times, at most ``longest_wait`` apart, and no attempt begins later than
    ``total`` after the first failure. It is postponed at most ``pauses`` times because of the rate limit. After an
    unreadable answer, which is likely to recur, there are at most ``unreadable_tries`` attempts. ``answer`` limits the
    duration of one answer, where that is less than the operation allows.
    """

    tries: int
    longest_wait: float
    total: float
    pauses: int
    unreadable_tries: float = math.inf
    answer: float = math.inf

    @classmethod
    def person(cls) -> RetryPolicy:
        """The policy while a person is waiting."""
        return cls(tries=3, longest_wait=2, total=15, pauses=1, unreadable_tries=2)

    @classmethod
    def unattended(cls) -> RetryPolicy:
        """The policy of the daily sync."""
        return cls(tries=6, longest_wait=30, total=120, pauses=3)


class RetryState:
    """The attempts of one call to :meth:`Transport.send`, and whether to make another."""

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
        """Seconds before the next attempt: exponential back-off, or longer if OneFile asks for it, within the policy.

        Zero after a 429, as the rate limiter does that waiting; zero with a new session, and after a dropped
        connection.
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
