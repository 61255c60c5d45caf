"""What a transport leans on, without a database and without waiting."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

CUSTOMER_TOKEN = "customer-token-canary"
SESSION = "session-token-canary+/="
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Clock:
    """Stands still, except when somebody sleeps."""

    def __init__(self) -> None:
        self.now = NOON
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


class KeptSession:
    """A session store in memory. ``successor`` is what another process puts there when a token is forgotten."""

    def __init__(self, kept: tuple[str, datetime] | None = None) -> None:
        self.kept = kept
        self.successor: tuple[str, datetime] | None = None
        self.forgotten: list[str] = []

    def load(self) -> tuple[str, datetime] | None:
        return self.kept

    def save(self, token: str, issued_at: datetime) -> None:
        self.kept = (token, issued_at)

    def forget(self, token: str) -> None:
        self.forgotten.append(token)
        self.kept = self.successor


class CountedRateLimiter:
    """Never holds a call back; remembers what was asked of it."""

    def __init__(self) -> None:
        self.waits = 0
        self.pauses: list[float] = []

    def wait(self) -> None:
        self.waits += 1

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


RESET = b"reset"
#: After whatever comes before it, nothing more, and the connection stays open.
SILENCE = b"silence"


def raw_answer(body: bytes, length: int | None = None) -> bytes:
    """An HTTP answer byte by byte; with a ``length`` that is not the body's it is a broken one."""
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body) if length is None else length}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def head(*headers: str, status: str = "200 OK") -> bytes:
    """The first lines of an answer on a connection that is kept, unless a header says otherwise."""
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode()


class BadLine:
    """A server on a bad line. The given events happen to one connection after the other; the last one is repeated."""

    def __init__(self, fates: Sequence[bytes]) -> None:
        self._fates = list(fates)
        self._held: list[socket.socket] = []
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                request = connection.recv(65536)
                if not request:
                    return
                self.requests.append(request)
                fate = self._fates.pop(0) if len(self._fates) > 1 else self._fates[0]
                if fate == RESET:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    connection.sendall(fate.removesuffix(SILENCE))
                    if fate.endswith(SILENCE):
                        self._held.append(connection.dup())

    def stop(self) -> None:
        with socket.create_connection(self._listener.getsockname()):
            """An empty request tells the thread to end."""
        self._thread.join()
        self._listener.close()
        for connection in self._held:
            connection.close()


#: An answer in pieces, built again each time it is sent.
Pieces = Callable[[], Iterator[bytes]]


class PieceServer:
    """A server that keeps connections and sends each answer in pieces, with a pause in seconds after each piece.

    The answers are given in turn, whichever connection asks; the last one goes on.
    """

    def __init__(self, answers: Sequence[Pieces], pause: float = 0.0) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        self.sent = threading.Event()
        self._answers = list(answers)
        self._pause = pause
        self._stopping = threading.Event()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._start(self._accept)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        self._threads.append(threading.Thread(target=target, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._stopping.is_set():
                connection.close()
                return
            self.connections += 1
            self._open.append(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with (
            connection,
            connection.makefile("rb") as incoming,
            contextlib.suppress(OSError),
        ):  # the client left
            while request := b"".join(iter(lambda: incoming.readline().strip(b"\r\n"), b"")):
                length = re.search(rb"(?i)content-length: *(\d+)", request)
                self.requests.append(request + incoming.read(int(length[1]) if length else 0))
                pieces = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                for piece in pieces():
                    if piece == RESET:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        return
                    connection.sendall(piece)
                    if self._pause and self._stopping.wait(self._pause):
                        return
                self.sent.set()

    def drop_connections(self) -> None:
        """What a server or a firewall does to connections that are idle for long."""
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        self._stopping.set()
        self.drop_connections()
        with socket.create_connection(self._listener.getsockname()):
            """The thread that accepts sees that it is to stop."""
        for thread in self._threads:
            thread.join()
        self._listener.close()
