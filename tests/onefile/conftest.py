from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.retry import RetryPolicy
from onefile_sync.onefile.transport import Transport

from .aims import aim_fields
from .fakes import (
    CUSTOMER_TOKEN,
    NOON,
    SESSION,
    BadLine,
    Clock,
    CountedRateLimiter,
    KeptSession,
    Pieces,
    PieceServer,
)
from .wire import BASE, Exchange


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions() -> KeptSession:
    """A session that is good for hours yet."""
    return KeptSession((SESSION, NOON))


@pytest.fixture
def rate_limiter() -> CountedRateLimiter:
    return CountedRateLimiter()


@pytest.fixture
def connect(
    httpserver: HTTPServer, clock: Clock, sessions: KeptSession, rate_limiter: CountedRateLimiter
) -> Iterator[Callable[..., Transport]]:
    """Makes transports to the test's server, or to another address."""
    opened: list[Transport] = []

    def make(base_url: str | None = None, customer_token: str = CUSTOMER_TOKEN, **options: Any) -> Transport:
        settings: dict[str, Any] = {
            "sessions": sessions,
            "rate_limiter": rate_limiter,
            "retry_policy": RetryPolicy(tries=3, longest_wait=4, total=60, pauses=2),
            "clock": clock,
            "sleep": clock.sleep,
            "timeout": (1, 1),
        }
        transport = Transport(base_url or httpserver.url_for(BASE), customer_token, **(settings | options))
        opened.append(transport)
        return transport

    yield make
    for transport in opened:
        transport.close()


@pytest.fixture
def transport(connect: Callable[..., Transport]) -> Transport:
    return connect()


@pytest.fixture
def answers(httpserver: HTTPServer) -> Callable[..., None]:
    """``answers(path, first, second, ...)``: OneFile's answers at this path, in turn; the last one is repeated."""

    def give(path: str, *responses: Response) -> None:
        for response in responses[:-1]:
            httpserver.expect_oneshot_request(BASE + path).respond_with_response(response)
        httpserver.expect_request(BASE + path).respond_with_response(responses[-1])

    return give


@pytest.fixture
def bad_line() -> Iterator[Callable[[Sequence[bytes]], BadLine]]:
    opened: list[BadLine] = []

    def open_line(fates: Sequence[bytes]) -> BadLine:
        opened.append(BadLine(fates))
        return opened[-1]

    yield open_line
    for line in opened:
        line.stop()


@pytest.fixture
def serve() -> Iterator[Callable[..., PieceServer]]:
    """Starts servers that send the given answers in pieces."""
    opened: list[PieceServer] = []

    def start(*answers: Pieces, pause: float = 0.0) -> PieceServer:
        opened.append(PieceServer(answers, pause))
        return opened[-1]

    yield start
    for server in opened:
        server.stop()


@pytest.fixture
def paths(httpserver: HTTPServer) -> Callable[[], list[str]]:
    """The calls that OneFile got, as paths below the base."""
    return lambda: [request.path.removeprefix(BASE) for request, _ in httpserver.log]


@pytest.fixture
def exchange(httpserver: HTTPServer) -> Exchange:
    return Exchange(httpserver)


@pytest.fixture
def onefile(transport: Transport) -> OneFile:
    return OneFile(transport, aim_fields(), page_size=3)
