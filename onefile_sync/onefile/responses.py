"""Reads an answer within limits: bytes on the wire, bytes unpacked and total seconds, headers included.

requests limits only the wait for each part of an answer. A server that sends one byte every half second, endless
headers or a gzip bomb would block a process or fill its memory. So we count every byte as it leaves the socket, and
unpack the body ourselves, no further than the limit.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
import zlib
from typing import Any

import requests
from requests.adapters import HTTPAdapter

#: Allowance in bytes for the headers and framing of an answer, in addition to its body.
HEADERS = 64 * 1024
#: Maximum bytes read from a refusal, of which only OneFile's own number and a short message are needed.
LONGEST_REFUSAL = 64 * 1024
PART = 64 * 1024
#: zlib detects whether the data is gzip or zlib; HTTP calls the latter "deflate".
PACKED = frozenset({"gzip", "x-gzip", "deflate"})
GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


class OutOfBounds(Exception):
    """An answer exceeded its limits, or has an unsupported Content-Encoding. ``code`` is its case."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Meter:
    """Measures the bytes and seconds of an answer. Each transport has one and starts it afresh for each call.

    ``connected``: the call opened a new connection, rather than reusing one that may have been dropped while idle.
    ``requested``: sending the request itself has begun, so any negotiation with a proxy is complete.
    """

    def __init__(self) -> None:
        self._until = self._longest_silence = 0.0
        self._most_bytes = 0
        self.received = 0
        self.connected = self.requested = False

    def start(self, most_bytes: int, seconds: float, longest_silence: float) -> None:
        self._until = time.monotonic() + seconds
        self._longest_silence = longest_silence
        self._most_bytes = most_bytes + HEADERS
        self.received = 0
        self.connected = self.requested = False

    @property
    def was_dropped(self) -> bool:
        """Whether a reused connection returned nothing at all."""
        return not self.connected and not self.received

    def seconds_for_next_part(self) -> float:
        """Seconds to wait for the next part. Raises OutOfBounds when the total time is used up."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise OutOfBounds("timed_out")
        return min(left, self._longest_silence)

    def count(self, received: int) -> None:
        self.received += received
        if self.received > self._most_bytes:
            raise OutOfBounds("too_large")


class _MeteredReader(io.RawIOBase):
    def __init__(self, connection: socket.socket, meter: Meter) -> None:
        self._connection = connection
        self._incoming = connection.makefile("rb", buffering=0)
        self._meter = meter

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._connection.settimeout(self._meter.seconds_for_next_part())
        received = self._incoming.readinto(buffer)
        self._meter.count(received or 0)
        return received

    def close(self) -> None:
        self._incoming.close()
        super().close()


class _MeteredSocket:
    """The part of a socket's interface that ``http.client.HTTPResponse`` uses."""

    def __init__(self, connection: socket.socket, meter: Meter) -> None:
        self._connection = connection
        self._meter = meter

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_MeteredReader(self._connection, self._meter))


class MeteredAdapter(HTTPAdapter):
    """Reads all answers through a meter, including their headers and a proxy's answers."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        super().__init__()

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        unmetered: Any = type(pool).ConnectionCls
        if pool.ConnectionCls is unmetered:
            pool.ConnectionCls = self._metered(unmetered)
        return pool

    def _metered(self, connection_class: Any) -> type:
        meter = self._meter

        class Metered(connection_class):  # type: ignore[misc]  # http or https
            @staticmethod
            def response_class(connection: socket.socket, *args: Any, **kwargs: Any) -> Any:
                return http.client.HTTPResponse(_MeteredSocket(connection, meter), *args, **kwargs)  # type: ignore[arg-type]

            def connect(self) -> None:
                meter.connected = True
                super().connect()

            def request(self, *args: Any, **kwargs: Any) -> None:
                meter.requested = True
                super().request(*args, **kwargs)

        return Metered


class MeteredSession(requests.Session):
    """A session that reads a body only on request, and takes nothing from the environment."""

    def __init__(self, meter: Meter) -> None:
        super().__init__()
        # A token must not go through the proxies, certificates or .netrc of the environment.
        self.trust_env = False
        self.mount("https://", MeteredAdapter(meter))
        self.mount("http://", MeteredAdapter(meter))

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Treat no answer as a redirect: requests would read and unpack its body even without following it."""


def body_of(response: requests.Response, longest: int) -> bytes:
    """The unpacked body. Raises OutOfBounds, and the errors of urllib3 and zlib."""
    packed_as = response.headers.get("Content-Encoding", "").strip().lower()
    if packed_as in ("", "identity"):
        unpacker = None
    elif packed_as in PACKED:
        unpacker = zlib.decompressobj(GZIP_OR_ZLIB)
    else:
        raise OutOfBounds("bad_answer")
    body = bytearray()
    for part in response.raw.stream(PART, decode_content=False):
        body += unpacker.decompress(part, longest + 1 - len(body)) if unpacker else part
        if len(body) > longest:
            raise OutOfBounds("too_large")
    if unpacker and body and not unpacker.eof:
        raise OutOfBounds("bad_answer")
    return bytes(body)
