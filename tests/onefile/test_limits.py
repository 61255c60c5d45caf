"""No answer is read beyond its limits, however it is packed, cut up or drawn out."""

from __future__ import annotations

import gzip
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from onefile_sync.onefile.operations import AUTHENTICATE, Operation
from onefile_sync.onefile.retry import RetryPolicy
from onefile_sync.sync.short_calls import AT_ONCE

from .fakes import KeptSession, PieceServer, head, raw_answer
from .wire import CREATE, OPERATIONS, READ, SEARCH, Connect, failure_of

MEGABYTE = 1024**2
PART = b" " * 65536
BOMB = gzip.compress(bytes(64 * MEGABYTE))
OK_HEAD = b"HTTP/1.1 200 OK\r\n"


def packed(status: str = "200 OK", **headers: str) -> bytes:
    more = [f"{name}: {value}" for name, value in headers.items()]
    return head("Content-Encoding: gzip", f"Content-Length: {len(BOMB)}", *more, status=status) + BOMB


def repeated(first: bytes, part: bytes, times: int) -> Callable[[], Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        yield first
        for _ in range(times):
            yield part

    return pieces


#: Answers of 64 MB. http.client itself gives up after a hundred headers.
ENDLESS: dict[str, Callable[[], Iterator[bytes]]] = {
    "a long body": repeated(head(f"Content-Length: {64 * MEGABYTE}"), PART, 1024),
    "a body without length": repeated(head("Connection: close"), PART, 1024),
    "chunks without end": repeated(head("Transfer-Encoding: chunked"), b"10000\r\n" + PART + b"\r\n", 1024),
    "a bomb": lambda: iter([packed()]),
    "trailers without end": repeated(
        head("Transfer-Encoding: chunked") + b"2\r\n[]\r\n0\r\n", b"X: " + b"x" * 60000 + b"\r\n", 1024
    ),
    "never the final answer": repeated(
        b"", b"HTTP/1.1 100 Continue\r\nX: " + b"x" * 60000 + b"\r\n\r\n", 1024
    ),
}


def peak_of(send: Callable[[], Any]) -> tuple[Any, int]:
    tracemalloc.start()
    try:
        return send(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ENDLESS)
@pytest.mark.parametrize("operation", [READ, CREATE], ids=lambda operation: operation.name)
def test_a_record_of_many_megabytes_is_not_read_to_its_end(
    connect: Connect, serve: Callable[..., PieceServer], kind: str, operation: Operation
) -> None:
    server = serve(ENDLESS[kind])
    transport = connect(server.url)
    error, peak = peak_of(lambda: failure_of(lambda: transport.send(operation, (5,), {})))
    assert (error.code, error.unsure) == ("too_large", operation is CREATE)
    assert transport.calls == 1
    assert peak < 8 * MEGABYTE


def test_a_line_without_end_fills_no_memory(connect: Connect, serve: Callable[..., PieceServer]) -> None:
    server = serve(repeated(head("Transfer-Encoding: chunked"), b"0" * 65536, 1024))
    retry_policy = RetryPolicy(tries=1, longest_wait=0, total=1, pauses=0)
    transport = connect(server.url, retry_policy=retry_policy)
    _error, peak = peak_of(lambda: failure_of(lambda: transport.send(READ, (5,))))
    assert peak < 8 * MEGABYTE


def test_a_session_of_many_megabytes_is_not_read_to_its_end(
    connect: Connect, sessions: KeptSession, serve: Callable[..., PieceServer]
) -> None:
    sessions.kept = None
    transport = connect(serve(ENDLESS["a bomb"]).url)
    error, peak = peak_of(lambda: failure_of(lambda: transport.send(CREATE, (), {})))
    assert (error.code, error.operation, error.unsure) == ("too_large", "authenticate", False)
    assert peak < 8 * MEGABYTE


@pytest.mark.parametrize(
    ("status", "code"),
    [("302 Found", "redirected"), ("400 Bad Request", "not_found"), ("404 Not Found", "not_found")],
)
def test_the_body_of_a_refusal_or_redirect_is_not_unpacked(
    connect: Connect, serve: Callable[..., PieceServer], status: str, code: str
) -> None:
    transport = connect(serve(lambda: iter([packed(status, Location="https://example.com")])).url)
    error, peak = peak_of(lambda: failure_of(lambda: transport.send(READ, (5,))))
    assert error.code == code
    assert peak < 8 * MEGABYTE


def test_a_refusal_is_what_its_status_says_even_where_its_body_breaks_off(
    connect: Connect, serve: Callable[..., PieceServer], rate_limiter
) -> None:
    broken = head("Content-Length: 100", "Retry-After: 7", status="429 Too Many Requests") + b"{"
    server = serve(lambda: iter([broken]), lambda: iter([raw_answer(b"[]")]))
    transport = connect(server.url)
    assert transport.send(SEARCH, (1, 100), {}) == []
    assert (transport.rate_limited, rate_limiter.pauses) == (1, [7.0])


@pytest.mark.parametrize("operation", [*OPERATIONS, AUTHENTICATE], ids=lambda operation: operation.name)
def test_every_operation_has_limits_that_fit_what_it_asks_for(operation: Operation) -> None:
    is_page = "/Search/" in operation.path
    assert operation.max_bytes == (16 if is_page else 1) * MEGABYTE
    assert operation.max_seconds == (60 if is_page else 30)


@pytest.mark.parametrize("packing", [None, "gzip", "x-gzip", "deflate"])
def test_an_answer_of_just_the_allowed_size_is_read(
    connect: Connect, serve: Callable[..., PieceServer], packing: str | None
) -> None:
    body = b'"' + b"x" * 9998 + b'"'
    sent = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress}.get(
        packing or "", lambda body: body
    )(body)
    headers = [f"Content-Length: {len(sent)}", *([f"Content-Encoding: {packing}"] if packing else [])]
    transport = connect(serve(lambda: iter([head(*headers) + sent])).url)
    assert transport.send(replace(READ, max_bytes=10_000), (5,)) == "x" * 9998
    assert failure_of(lambda: transport.send(replace(READ, max_bytes=9_999), (5,))).code == "too_large"


@pytest.mark.parametrize(
    ("packing", "body"),
    [
        ("br", b"[]"),
        ("gzip, gzip", b"[]"),
        ("gzip", b"[]"),
        ("gzip", gzip.compress(b"[]" * 99, mtime=0)[:-9]),
    ],
)
def test_what_is_packed_in_another_way_or_cut_short_cannot_be_read(
    connect: Connect, serve: Callable[..., PieceServer], packing: str, body: bytes
) -> None:
    answer = head(f"Content-Encoding: {packing}", f"Content-Length: {len(body)}") + body
    transport = connect(serve(lambda: iter([answer])).url)
    assert failure_of(lambda: transport.send(READ, (5,))).code == "bad_answer"


DRAWN_OUT: dict[str, Callable[[], Iterator[bytes]]] = {
    "the status line": repeated(b"HTTP/1.1 200 ", b"O", 200),
    "the headers": repeated(OK_HEAD, b"X-More: x\r\n", 90),
    "the body": repeated(head("Content-Length: 200"), b" ", 200),
    "the chunks": repeated(head("Transfer-Encoding: chunked"), b"1\r\n \r\n", 200),
}


@pytest.mark.parametrize("kind", DRAWN_OUT)
@pytest.mark.parametrize("operation", [READ, CREATE], ids=lambda operation: operation.name)
def test_an_answer_that_comes_byte_by_byte_takes_no_longer_than_allowed(
    connect: Connect, serve: Callable[..., PieceServer], kind: str, operation: Operation
) -> None:
    server = serve(DRAWN_OUT[kind], pause=0.02)
    retry_policy = RetryPolicy(tries=1, longest_wait=0, total=1, pauses=0)
    transport = connect(server.url, retry_policy=retry_policy, timeout=(1, 0.1))
    began = time.monotonic()
    error = failure_of(lambda: transport.send(replace(operation, max_seconds=0.3), (5,), {}))
    assert (error.code, error.unsure) == ("timed_out", operation is CREATE)
    assert time.monotonic() - began < 1


def test_in_a_web_request_an_answer_may_take_less_time(
    connect: Connect, serve: Callable[..., PieceServer]
) -> None:
    assert AT_ONCE.answer == 10
    transport = connect(
        serve(DRAWN_OUT["the body"], pause=0.02).url,
        retry_policy=replace(AT_ONCE, answer=0.3),
        timeout=(1, 1),
    )
    began = time.monotonic()
    assert failure_of(lambda: transport.send(READ, (5,))).code == "timed_out"
    assert time.monotonic() - began < 1


def test_where_a_part_may_take_longer_than_the_whole_so_may_the_whole(
    connect: Connect, serve: Callable[..., PieceServer]
) -> None:
    patient = connect(serve(DRAWN_OUT["the body"], pause=0.002).url, timeout=(1, 20))
    assert patient.send(replace(READ, max_seconds=0.1), (5,)) is None


def test_connections_are_kept_and_those_of_unread_answers_are_not(
    connect: Connect, serve: Callable[..., PieceServer]
) -> None:
    def whole() -> Iterator[bytes]:
        yield head("Content-Length: 2") + b"[]"

    server = serve(whole, whole, whole, ENDLESS["a long body"], whole)
    transport = connect(server.url)
    for _ in range(3):
        assert transport.send(SEARCH, (1, 100), {}) == []
    assert server.connections == 1
    failure_of(lambda: transport.send(replace(SEARCH, max_bytes=1000), (1, 100), {}))
    assert transport.send(SEARCH, (1, 100), {}) == []
    assert server.connections == 2


def test_what_comes_after_an_answer_is_not_taken_for_the_next(
    connect: Connect, serve: Callable[..., PieceServer]
) -> None:
    first = head("Content-Length: 100", status="204 No Content")
    stray = head("Content-Length: 7") + b'{"ID":9'
    server = serve(lambda: iter([first, stray]), lambda: iter([head("Content-Length: 2") + b"[]"]))
    transport = connect(server.url)
    assert transport.send(SEARCH, (1, 100), {}) is None
    server.sent.wait(5)
    assert transport.send(SEARCH, (1, 100), {}) == []
