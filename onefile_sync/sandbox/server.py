"""The HTTP server around the API and the page: keep-alive connections, sessions, rate limit, faults and counts."""

from __future__ import annotations

import io
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final, Self

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Request, Response

from .answers import Call
from .api import AUTHENTICATION, UNKNOWN_OPERATION, Api, understand
from .faults import ConnectionReset, Fault
from .limits import Clock, RateLimit, Sessions
from .page import AssessorPage
from .switches import Switches
from .wire import ApiRefusal, Body, SandboxResponse, in_json, read_json, refusal
from .world import World

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

CUSTOMER_TOKEN: Final = "sandbox-customer-token"  # noqa: S105 - it opens nothing but this sandbox
HOST: Final = "127.0.0.1"
PREFIX: Final = "/api/v2.1"


#: The answer of Microsoft's web server to an unknown path. A client must not mistake it for a missing record.
NO_OPERATION: Final = SandboxResponse(
    404,
    b"<!DOCTYPE html><html><body><h1>404 - File or directory not found.</h1></body></html>",
    "text/html; charset=utf-8",
)


class SandboxServer:
    """A sandbox OneFile on 127.0.0.1. Use it as a context manager, or call ``start`` and ``stop``.

    ``port`` 0 takes a free port. ``latency`` (seconds) delays every answer. ``calls`` counts calls by operation
    ("LearningAim/Search", "Review/create", …, "Authentication", "unknown"), including refused ones; ``refusals``
    counts refused calls by HTTP status. Append to ``faults`` to make the server misbehave.
    """

    def __init__(
        self,
        world: World,
        switches: Switches | None = None,
        port: int = 0,
        *,
        customer_token: str = CUSTOMER_TOKEN,
        clock: Clock = lambda: datetime.now(UTC),
        latency: float = 0.0,
    ) -> None:
        """Bind the port; answers begin with :meth:`start`. Raises ``OSError`` if the port is taken."""
        self.world = world
        self.switches = switches or Switches()
        self.customer_token = customer_token
        self.clock = clock
        self.latency = latency
        self.calls: Counter[str] = Counter()
        self.refusals: Counter[int] = Counter()
        self.faults: list[Fault] = []
        self.sessions = Sessions(self.switches.session_lifetime, clock)
        self._rate_limit = RateLimit(self.switches, clock)
        self._api = Api(world, self.switches, clock)
        self._page = AssessorPage(world, clock, counts=self.counts, reset_counts=self.reset_counts)
        self._counting = threading.Lock()
        self._under_way = 0
        self._idle = threading.Condition(self._counting)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        with socket.create_server((HOST, port), backlog=128) as listening:
            self._http = _HttpServer(HOST, port, self._respond, _Handler, fd=listening.fileno())
            self._http.clock = clock
        self.port = self._http.port

    @property
    def url(self) -> str:
        """The base URL of the API."""
        return f"http://{HOST}:{self.port}{PREFIX}"

    @property
    def page_url(self) -> str:
        """The URL of the page on which a person plays the assessor."""
        return f"http://{HOST}:{self.port}/"

    def start(self) -> Self:
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop answering, on open connections as well. A second call does nothing."""
        self._stopping.set()
        if self._thread is not None:
            self._http.shutdown()
            self._thread.join()
            self._thread = None
        self._http.server_close()
        self._http.close_connections()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def wait_until_idle(self, seconds: float = 30.0) -> None:
        """Wait until every call received is finished, including calls whose client has hung up.

        Raises ``TimeoutError`` after ``seconds``.
        """
        with self._idle:
            if not self._idle.wait_for(lambda: not self._under_way, seconds):
                raise TimeoutError

    def reset_counts(self) -> None:
        with self._counting:
            self.calls.clear()
            self.refusals.clear()

    def counts(self) -> dict[str, object]:
        """The content of ``/_sandbox/calls``."""
        with self._counting:
            return {
                "calls": dict(sorted(self.calls.items())),
                "refusals": {str(status): times for status, times in sorted(self.refusals.items())},
                "writes": self.world.writes,
            }

    # One call

    def _respond(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        request = Request(environ)
        if request.path.lower().startswith(PREFIX + "/"):
            with self._counted_in():
                response = _response(self._answer(request))
        else:
            response = self._page.respond(request)
        return response(environ, start_response)

    @contextmanager
    def _counted_in(self) -> Iterator[None]:
        with self._idle:
            self._under_way += 1
        try:
            yield
        finally:
            with self._idle:
                self._under_way -= 1
                self._idle.notify_all()

    def _answer(self, request: Request) -> SandboxResponse:
        call = understand(request.method, request.path[len(PREFIX) :])
        with self._counting:
            self.calls[call.operation] += 1
        if self.latency:
            self._stopping.wait(self.latency)
        answer = self._struck(call.operation, "before", None)
        if answer is None:
            answer = self._proper_answer(request, call)
        spoilt = self._struck(call.operation, "after", answer) or answer
        if spoilt.status >= 400:
            with self._counting:
                self.refusals[spoilt.status] += 1
        return spoilt

    def _struck(self, operation: str, when: str, answer: SandboxResponse | None) -> SandboxResponse | None:
        with self._counting:
            fault = next((fault for fault in self.faults if fault.strikes(operation, when)), None)
            if fault is None:
                return answer
            fault.times -= 1
        return fault.spoil(answer, self._stopping.wait)

    def _proper_answer(self, request: Request, call: Call) -> SandboxResponse:
        try:
            if call.operation == AUTHENTICATION:
                return self._authenticate(request)
            if not self.sessions.is_valid(request.headers.get("X-TokenID", "")):
                return SandboxResponse(self.switches.bad_session)
            if not self._rate_limit.allows_one_more():
                return SandboxResponse(429, headers=self._rate_limit.headers_of_a_refusal())
            if call.operation == UNKNOWN_OPERATION:
                return NO_OPERATION
            call = replace(call, body=_body(request))
            with self.world.lock:
                return self._api.carry_out(call)
        except ApiRefusal as refused:
            return refusal(refused, self.switches)

    def _authenticate(self, request: Request) -> SandboxResponse:
        if request.headers.get("X-CustomerToken") != self.customer_token:
            return SandboxResponse(self.switches.bad_customer_token)
        token = self.sessions.issue()
        if self.switches.auth_body == "quoted":
            return in_json(token)
        return SandboxResponse(200, token.encode(), "text/plain; charset=utf-8")


def _body(request: Request) -> Body:
    if request.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return Body(request.form.to_dict())
    return read_json(request.get_data())


def _response(answer: SandboxResponse) -> Response:
    response = Response(answer.body, answer.status, content_type=answer.content_type)
    if not answer.body:
        del response.headers["Content-Type"]
    response.headers.update(answer.headers)
    return response


class _HttpServer(ThreadedWSGIServer):
    """Keeps track of its connections, so that idle ones can be closed when it stops."""

    clock: Clock

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._connections: set[socket.socket] = set()
        super().__init__(*arguments, **options)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        for connection in list(self._connections):
            with suppress(OSError):  # the client has already closed it
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(WSGIRequestHandler):
    """Keeps connections open after an answer, as OneFile does; Werkzeug's own handler closes them.

    Nothing is logged, as a path may name a learner and a header carries a token.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # sends headers and body in one packet

    def run_wsgi(self) -> None:
        self.environ = environ = self.make_environ()
        # Always read the whole body: on an open connection the rest would be parsed as the next request.
        sent = Request(environ).get_data()
        environ |= {"wsgi.input": io.BytesIO(sent), "CONTENT_LENGTH": str(len(sent))}
        try:
            body, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        except ConnectionReset:
            self._reset()
            return
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.writelines(body)

    def _reset(self) -> None:
        """Close the connection with a TCP reset instead of an orderly shutdown."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.connection.detach())

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Set the Date header by the sandbox's clock, as all its other times are."""
        clock: Clock = self.server.clock  # type: ignore[attr-defined]
        moment = clock() if timestamp is None else datetime.fromtimestamp(timestamp, UTC)
        return format_datetime(moment.astimezone(UTC), usegmt=True)

    def log(self, *_: Any) -> None:
        """Log nothing."""
