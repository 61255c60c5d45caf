"""Sends every call to OneFile: session token, rate limit, retries and time-outs."""

from __future__ import annotations

import logging
import ssl
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import quote

import requests
from django.views.decorators.debug import sensitive_variables
from requests.auth import AuthBase
from tenacity import Retrying, retry_if_exception
from urllib3.exceptions import HTTPError, NewConnectionError, ReadTimeoutError

from onefile_sync import __version__
from onefile_sync.secret import Secret

from . import parsing
from .errors import OneFileError, Repeat
from .operations import AUTHENTICATE, LISTENER, Operation, code_of_status
from .responses import LONGEST_REFUSAL, Meter, MeteredSession, OutOfBounds, body_of
from .retry import RetryPolicy, RetryState
from .tokens import is_safe_address, is_token

logger = logging.getLogger(__name__)

#: A OneFile session lasts 24 hours. We renew it an hour early, so that it does not expire during a call.
SESSION_LIFETIME = timedelta(hours=23)
#: How long an idle connection may be reused. A firewall may drop it after that without telling either side.
IDLE = timedelta(seconds=45)
#: Seconds for which all processes pause after a 429 without a usable Retry-After, and the bounds of Retry-After.
PAUSE = 60.0
SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 120.0


class SessionStore(Protocol):
    """Stores the session token that all processes share."""

    def load(self) -> tuple[str, datetime] | None:
        """The token and the time of its issue; ``None`` if none is stored."""

    def save(self, token: str, issued_at: datetime) -> None: ...

    def forget(self, token: str) -> None:
        """Delete this token, but not a newer one that another process has stored since."""


class RateLimiter(Protocol):
    """The budget of calls that all processes share."""

    def wait(self) -> None:
        """Block until one call may be sent."""

    def pause(self, seconds: float) -> None:
        """Hold back the calls of all processes for ``seconds``."""


@dataclass(frozen=True, slots=True)
class Received:
    """A complete, unpacked answer. It may hold a token or personal data, so its ``repr`` shows the status only."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)

    def text(self) -> str:
        """The body as text, decoded by the charset in its header. Raises ValueError."""
        declared = Message()
        declared["Content-Type"] = self.headers.get("Content-Type", "")
        return parsing.decoded(self.content, declared.get_content_charset(""))


def utc_now() -> datetime:
    return datetime.now(UTC)


class Transport:
    """Sends calls to one OneFile for one customer. Not thread-safe: give each thread its own.

    ``calls`` counts every attempt sent, except authentication; ``rate_limited`` counts answers with status 429.
    ``timeout`` is (seconds to connect, seconds to wait for each part of an answer); if the second exceeds an
    operation's ``max_seconds``, it replaces that limit.
    ``after_each_call`` is called as soon as a call has an answer or has failed, before the answer is used.
    ``ca_bundle`` is the path of the certificates to trust instead of those of requests; calls to https addresses go
    through the ``proxy``. ``told`` receives the error of each attempt, or ``None`` after a success.
    Raises ValueError for an address that is neither https nor on this machine.
    """

    def __init__(
        self,
        base_url: str,
        customer_token: str,
        *,
        sessions: SessionStore,
        rate_limiter: RateLimiter,
        retry_policy: RetryPolicy,
        clock: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], object] = time.sleep,
        after_each_call: Callable[[], object] = lambda: None,
        timeout: tuple[float, float] = (5, 30),
        ca_bundle: str | None = None,
        proxy: str | None = None,
        told: Callable[[OneFileError | None], object] = lambda _error: None,
    ) -> None:
        if not is_safe_address(base_url):
            raise ValueError("OneFile's address must begin with https://, unless it is on this machine.")
        self.calls = 0
        self.rate_limited = 0
        self._base_url = base_url.rstrip("/")
        self._customer_token = Secret(customer_token.strip())
        self._sessions = sessions
        self._rate_limiter = rate_limiter
        self._retry_policy = retry_policy
        self._clock = clock
        self._sleep = sleep
        self._after_each_call = after_each_call
        self._told = told
        self._timeout = timeout
        self._used_at = clock()
        self._meter = Meter()
        self._http = MeteredSession(self._meter)
        self._http.verify = ca_bundle or True
        # Not for http: a sandbox on this machine would have its token sent to the proxy unencrypted.
        self._http.proxies = {"https": proxy} if proxy else {}
        self._http.headers.update({"User-Agent": f"onefile_sync/{__version__}", "Accept": "application/json"})

    def close(self) -> None:
        self._http.close()

    @sensitive_variables()
    def send(
        self,
        operation: Operation,
        path_args: Sequence[object] = (),
        body: Mapping[str, object] | None = None,
        *,
        about_to_send: Callable[[], object] = lambda: None,
    ) -> object:
        """Carry out an operation and return its answer as parsed JSON; ``None`` for an empty answer.

        Retries as the error table and the retry policy allow. ``about_to_send`` is called immediately before each
        attempt, after all waiting; an exception from it prevents the attempt. Raises :class:`OneFileError`.
        """
        path = operation.path.format(*(quote(str(part), safe="") for part in path_args))
        scheduled = RetryState(self._retry_policy, self._clock)
        retrying = Retrying(
            sleep=self._rest,
            retry=retry_if_exception(scheduled.may_go_on),
            wait=scheduled.wait,
            stop=scheduled.is_out_of_time,
            reraise=True,
        )
        listener = LISTENER.get()
        if listener is None:
            return retrying(self._attempt_told, operation, path, body, scheduled, about_to_send)
        try:
            answer: object = retrying(self._attempt_told, operation, path, body, scheduled, about_to_send)
        except OneFileError as error:
            listener(operation, body or {}, error)
            raise
        listener(operation, body or {}, answer)
        return answer

    def _rest(self, seconds: float) -> None:
        if seconds:
            self._sleep(seconds)

    @sensitive_variables()
    def _attempt_told(self, *what: Any) -> object:
        try:
            answer = self._attempt(*what)
        except OneFileError as error:
            self._told(error)
            raise
        self._told(None)
        return answer

    @sensitive_variables()
    def _attempt(
        self,
        operation: Operation,
        path: str,
        body: Mapping[str, object] | None,
        scheduled: RetryState,
        about_to_send: Callable[[], object],
    ) -> object:
        token = self._session_token(scheduled.refused_token)
        try:
            received = self._call(operation, path, body, _Signed("X-TokenID", token), about_to_send)
            return _answer(operation, received)
        except OneFileError as error:
            facts = {"code": error.code, "operation": error.operation, "status": error.status}
            logger.info("call_failed %s", error, extra={"onefile_event": "call_failed", "onefile": facts})
            if error.case.repeat is Repeat.WITH_NEW_SESSION:
                self._sessions.forget(token)
                scheduled.refused_token = token
            raise

    @sensitive_variables()
    def _session_token(self, refused_token: str | None) -> str:
        kept = self._sessions.load()
        if kept is not None:
            token, issued_at = kept
            if token != refused_token and self._clock() - issued_at < SESSION_LIFETIME:
                return token
        return self._authenticate()

    @sensitive_variables()
    def _authenticate(self) -> str:
        if not is_token(self._customer_token):
            raise AUTHENTICATE.failure("bad_customer_token")
        issued_at = self._clock()
        signed = _Signed("X-CustomerToken", self._customer_token)
        received = self._call(AUTHENTICATE, AUTHENTICATE.path, None, signed)
        token = Secret(parsing.session_token(_readable_text(received)))
        if not is_token(token):
            raise AUTHENTICATE.failure("bad_answer", received.status)
        self._sessions.save(token, issued_at)
        return token

    def _call(
        self,
        operation: Operation,
        path: str,
        body: Mapping[str, object] | None,
        signed: _Signed,
        about_to_send: Callable[[], object] = lambda: None,
    ) -> Received:
        """Send a call once, without retrying. Raises OneFileError unless the status is a success."""
        self._rate_limiter.wait()
        about_to_send()
        if operation is not AUTHENTICATE:
            self.calls += 1
        if not operation.repeatable or self._clock() - self._used_at > IDLE:
            # A server may reset a reused connection, which would leave a create in doubt, and a firewall may have
            # dropped an idle one. Closing the session makes it open a new connection.
            self._http.close()
        received: Received | None = None
        self._used_at = self._clock()
        try:
            try:
                received = self._receive(operation, path, body, signed)
            finally:
                self._after_each_call()
            code = code_of_status(operation, received.status)
        except requests.RequestException as error:
            code = code_of_exception(error)
        except OutOfBounds as error:
            code = error.code
        except HTTPError as error:
            code = "timed_out" if isinstance(error, ReadTimeoutError) else "cut_off"
        except zlib.error:
            code = "bad_answer"
        except BaseException as error:  # noqa: BLE001 - re-raised without its traceback
            # The frames of requests and urllib3 hold headers, and so tokens, in clear text.
            raise error.with_traceback(None) from None
        if received is None and code != "tls" and self._http.proxies and not self._meter.requested:
            code = "unreachable"  # the call failed at the proxy, so OneFile has not seen it
        if received is None:
            # Raised outside the except block: the exception of requests holds tokens and must not become the context.
            failure = operation.failure(code or "gone_wrong")
            failure.was_dropped = code == "cut_off" and operation.repeatable and self._meter.was_dropped
            raise failure
        if received.status == 429:
            self.rate_limited += 1
            self._rate_limiter.pause(self._seconds_to_pause(received))
        if code is None:
            return received
        failure = operation.failure(code, received.status, _readable_text(received))
        if "Retry-After" in received.headers:
            failure.retry_after = self._seconds_to_pause(received)
        raise failure

    def _receive(
        self, operation: Operation, path: str, body: Mapping[str, object] | None, signed: _Signed
    ) -> Received:
        """Send a call and read its answer within the operation's limits."""
        connecting, longest_silence = self._timeout
        seconds = min(max(operation.max_seconds, longest_silence), self._retry_policy.answer)
        self._meter.start(operation.max_bytes, seconds, longest_silence)
        response = self._http.request(
            operation.method,
            self._base_url + path,
            json=body,
            auth=signed,
            timeout=(min(connecting, seconds), min(longest_silence, seconds)),
            allow_redirects=False,
            stream=True,
        )
        with response:
            status = response.status_code
            if 300 <= status < 400:
                content = b""
            elif code_of_status(operation, status) is None:
                content = body_of(response, operation.max_bytes)
            else:
                content = _refusal_of(response)
            return Received(status, response.headers, content)

    def _seconds_to_pause(self, received: Received) -> float:
        """The pause an answer asks for. A date in Retry-After is compared with the answer's own Date header."""
        sent_at = _http_date(received.headers.get("Date", ""))
        return seconds_to_pause(received.headers.get("Retry-After"), sent_at or self._clock())


class _Signed(AuthBase):
    """Adds a token to a request's header. Its ``repr`` hides the token, as tracebacks may show local variables."""

    def __init__(self, header: str, token: str) -> None:
        def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
            request.headers[header] = token
            return request

        self._sign = sign

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return self._sign(request)


def code_of_exception(error: requests.RequestException) -> str:
    """The code of the case for a call that got no answer."""
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", None)
    if _is_about_a_certificate(error):
        return "tls"
    if isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError):
        return "unreachable"
    if isinstance(error, requests.ReadTimeout) or isinstance(cause, ReadTimeoutError):
        return "timed_out"
    if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return "cut_off"
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return "bad_answer"
    return "gone_wrong"


def _is_about_a_certificate(error: object) -> bool:
    """Whether a certificate was rejected: OneFile's, or a proxy's, whose error is nested one level deeper."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return True
    inner = (*getattr(error, "args", ()), getattr(error, "reason", None))
    return any(_is_about_a_certificate(each) for each in inner if isinstance(each, Exception))


def seconds_to_pause(retry_after: str | None, now: datetime) -> float:
    """The seconds that a Retry-After header asks for, within bounds; the default pause if it cannot be read."""
    asked = (retry_after or "").strip()
    if asked.isascii() and asked.isdigit():
        seconds = float(asked)
    elif (until := _http_date(asked)) is not None:
        seconds = (until - now).total_seconds()
    else:
        return PAUSE
    return min(max(seconds, SHORTEST_PAUSE), LONGEST_PAUSE)


def _http_date(written: str) -> datetime | None:
    """The date-time in an HTTP header; ``None`` if it is not one. Without a zone it is UTC."""
    try:
        moment = parsedate_to_datetime(written)
        return moment.replace(tzinfo=moment.tzinfo or UTC)
    except (ValueError, OverflowError):
        return None


def _refusal_of(response: requests.Response) -> bytes:
    """The body of a refusal; empty if it cannot be read, as the status already says what matters."""
    try:
        return body_of(response, LONGEST_REFUSAL)
    except (OutOfBounds, HTTPError, zlib.error):
        return b""


def _readable_text(received: Received) -> str:
    """The body as text; ``""`` if it is not text."""
    try:
        return received.text()
    except ValueError:
        return ""


def _answer(operation: Operation, received: Received) -> object:
    try:
        text = received.text()
        if not text or not (operation.has_answer or text.startswith("<")):
            return None
        return parsing.from_json(text)
    except ValueError:
        failure = operation.failure("bad_answer", received.status)
    raise failure
