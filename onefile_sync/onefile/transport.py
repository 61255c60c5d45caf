"""The one place through which every call to OneFile goes: session token, pacing, retry, time-outs."""

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
from .operations import AUTHENTICATE, Operation, code_of_status
from .responses import LONGEST_REFUSAL, Meter, MeteredSession, OutOfBounds, body_of
from .retry import RetryPolicy, RetryState
from .tokens import is_safe_address, is_token

logger = logging.getLogger(__name__)

#: OneFile's sessions live for 24 hours; one that ends in the middle of a call is no use.
SESSION_LIFETIME = timedelta(hours=23)
#: How long a kept connection may lie idle. A firewall drops it sooner or later, and tells neither side.
IDLE = timedelta(seconds=45)
#: Seconds that everybody waits after a 429, unless OneFile says how long, and the bounds of what it may say.
PAUSE = 60.0
SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 120.0


class SessionStore(Protocol):
    """Where the session token is kept between calls, for all processes."""

    def load(self) -> tuple[str, datetime] | None:
        """The token and when it was issued, if there is one."""

    def save(self, token: str, issued_at: datetime) -> None: ...

    def forget(self, token: str) -> None:
        """Drop this token; one that another process has put in its place meanwhile stays."""


class RateLimiter(Protocol):
    """The budget of calls that all processes draw from."""

    def wait(self) -> None:
        """Block until one call may go."""

    def pause(self, seconds: float) -> None:
        """Let nobody's calls go for so long."""


@dataclass(frozen=True, slots=True)
class Received:
    """An answer as it came: all of it, unpacked. It may be a token or personal, so its text does not tell it."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)

    def text(self) -> str:
        """The body as text, in the charset that its header declares. Raises ValueError."""
        declared = Message()
        declared["Content-Type"] = self.headers.get("Content-Type", "")
        return parsing.decoded(self.content, declared.get_content_charset(""))


def utc_now() -> datetime:
    return datetime.now(UTC)


class Transport:
    """Sends calls to one OneFile for one customer. Not to be shared by threads: give each thread its own.

    ``calls`` counts every try that was sent, authentication not included; ``rate_limited`` the answers of 429.
    ``timeout`` is (connecting, waiting for each part of the answer), in seconds; where a part may take longer than
    the whole of an operation's answer, so may the whole.
    ``after_each_call`` is called when an answer has come or none will, before anything else that waited for it.
    ``ca_bundle`` is the path of the certificates to trust in place of those of requests; calls to https addresses go
    through the ``proxy``. Raises ValueError for an address that is neither https nor on this machine.
    """

    def __init__(
        self,
        base_url: str,
        customer_token: str,
        *,
        sessions: SessionStore,
        pace: RateLimiter,
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
        self._pace = pace
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
        # Never for http: that is a sandbox on this machine, whose token would go to the proxy in clear.
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
        """Carry out an operation and give back its answer as parsed JSON, ``None`` if it was empty.

        Tries again what may be tried again, within the retry policy. ``about_to_send`` is called right before each
        try goes out, when all waiting is over; what it raises keeps the try from going out. Raises
        :class:`OneFileError`.
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
        return retrying(self._attempt_told, operation, path, body, scheduled, about_to_send)

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
        token = Secret(_session_token_in(received))
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
        """One call, once. Raises OneFileError for anything but a status of success."""
        self._pace.wait()
        about_to_send()
        if operation is not AUTHENTICATE:
            self.calls += 1
        if not operation.repeatable or self._clock() - self._used_at > IDLE:
            # A server may reset a kept connection that is used again. That would leave a create in doubt, so each
            # one goes out on a new connection. What is idle for long may lead nowhere. A closed session connects again.
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
        except BaseException as error:  # noqa: BLE001 - it goes on as it came, without the frames
            # Those of requests and what is below it hold headers, and so tokens, in clear.
            raise error.with_traceback(None) from None
        if received is None and code != "tls" and self._http.proxies and not self._meter.requested:
            code = "unreachable"  # whatever the proxy did, OneFile has seen nothing
        if received is None:
            # Raised out here so that the exception of requests, which holds tokens, does not hang on as its context.
            failure = operation.failure(code or "gone_wrong")
            failure.was_dropped = code == "cut_off" and operation.repeatable and self._meter.was_dropped
            raise failure
        if received.status == 429:
            self.rate_limited += 1
            self._pace.pause(self._seconds_to_pause(received))
        if code is None:
            return received
        failure = operation.failure(code, received.status, onefile_code_in(received))
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
        """What an answer asks for. Its Date is by the same clock as the moment that it may name."""
        sent_at = _http_date(received.headers.get("Date", ""))
        return seconds_to_pause(received.headers.get("Retry-After"), sent_at or self._clock())


class _Signed(AuthBase):
    """Puts a token into a request's header. Its own text does not tell it: a traceback may show what frames hold."""

    def __init__(self, header: str, token: str) -> None:
        def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
            request.headers[header] = token
            return request

        self._sign = sign

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return self._sign(request)


def code_of_exception(error: requests.RequestException) -> str:
    """The case of a call that came to no answer."""
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
    """Whether a certificate was refused: OneFile's, or that of a proxy, which lies one exception deeper."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return True
    inner = (*getattr(error, "args", ()), getattr(error, "reason", None))
    return any(_is_about_a_certificate(each) for each in inner if isinstance(each, Exception))


def seconds_to_pause(retry_after: str | None, now: datetime) -> float:
    """What a Retry-After header asks for, in seconds or as a date, within bounds; a minute if it makes no sense."""
    asked = (retry_after or "").strip()
    if asked.isascii() and asked.isdigit():
        seconds = float(asked)
    elif (until := _http_date(asked)) is not None:
        seconds = (until - now).total_seconds()
    else:
        return PAUSE
    return min(max(seconds, SHORTEST_PAUSE), LONGEST_PAUSE)


def _http_date(written: str) -> datetime | None:
    """The moment of an HTTP header, or ``None`` for anything else. Without a zone it is UTC."""
    try:
        moment = parsedate_to_datetime(written)
        return moment.replace(tzinfo=moment.tzinfo or UTC)
    except (ValueError, OverflowError):
        return None


def _refusal_of(response: requests.Response) -> bytes:
    """The body of a refusal, as far as it can be had: the status has said all that matters."""
    try:
        return body_of(response, LONGEST_REFUSAL)
    except (OutOfBounds, HTTPError, zlib.error):
        return b""


def onefile_code_in(received: Received) -> int | None:
    """OneFile's own number for a refusal. Its message stays unread: it may quote what was sent."""
    try:
        refusal = parsing.from_json(received.text())
        return (
            parsing.whole_number(parsing.Item(refusal).as_sent("code")) if isinstance(refusal, dict) else None
        )
    except ValueError:
        return None


def _session_token_in(received: Received) -> str:
    """The token, or ``""`` for what is no text at all."""
    try:
        return parsing.session_token(received.text())
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
