"""The way out of an office: a proxy, and a network that inspects TLS with certificates of its own."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from onefile_sync.onefile.errors import Scope
from onefile_sync.onefile.retry import RetryPolicy

from .certificates import Authority
from .fakes import RESET, PieceServer, head
from .test_trouble import everything_about
from .wire import BASE, CREATE, READ, Connect, failure_of

ONE_TRY = RetryPolicy(tries=1, longest_wait=4, total=60, pauses=0)
PASSWORD = "proxy-password-canary"


class Proxy:
    """Leads every connection to one server, and remembers what it was asked."""

    def __init__(self, leads_to: int) -> None:
        self.asked: list[bytes] = []
        self._leads_to = leads_to
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        self._threads.append(threading.Thread(target=target, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener was shut down
            while True:
                client, _ = self._listener.accept()
                self.asked.append(client.recv(65536))
                server = socket.create_connection(("127.0.0.1", self._leads_to))
                self._open += client, server
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                self._start(self._carry, client, server)
                self._start(self._carry, server, client)

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):  # either side has left
            while sent := source.recv(65536):
                target.sendall(sent)
        with contextlib.suppress(OSError):  # it was reset
            target.shutdown(socket.SHUT_WR)

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in (*self._open, self._listener):
            each.close()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def inspected(authority: Authority) -> Iterator[HTTPServer]:
    """OneFile as an office sees it whose network opens TLS."""
    with HTTPServer(host="127.0.0.1", ssl_context=authority.server_context()) as server:
        server.expect_request(BASE + "/Review/5").respond_with_json({"ID": 5})
        yield server


@pytest.fixture
def proxy(inspected: HTTPServer) -> Iterator[Proxy]:
    proxy = Proxy(inspected.port)
    yield proxy
    proxy.stop()


def test_certificates_of_ones_own_are_trusted_where_they_are_named(
    connect: Connect, inspected: HTTPServer, authority: Authority
) -> None:
    transport = connect(inspected.url_for(BASE), ca_bundle=str(authority.pem))
    assert transport.send(READ, (5,)) == {"ID": 5}


def test_and_are_not_where_only_the_environment_names_them(
    connect: Connect, inspected: HTTPServer, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(authority.pem))
    error = failure_of(lambda: connect(inspected.url_for(BASE)).send(CREATE, (), {}))
    assert (error.code, error.scope, error.unsure) == ("tls", Scope.RUN, False)
    assert inspected.log == []


def test_another_name_than_the_certificates_is_not_onefile(
    connect: Connect, inspected: HTTPServer, authority: Authority
) -> None:
    transport = connect(f"https://localhost:{inspected.port}", ca_bundle=str(authority.pem))
    assert failure_of(lambda: transport.send(READ, (5,))).code == "tls"


def test_calls_go_through_the_proxy_and_stay_encrypted(
    connect: Connect, inspected: HTTPServer, authority: Authority, proxy: Proxy
) -> None:
    transport = connect(
        "https://127.0.0.1:9" + BASE,
        ca_bundle=str(authority.pem),
        proxy=f"http://picsweb:{PASSWORD}@127.0.0.1:{proxy.port}",
    )
    assert transport.send(READ, (5,)) == {"ID": 5}
    assert transport.send(READ, (5,)) == {"ID": 5}
    asked, _again = proxy.asked  # this server keeps no connections
    assert asked.startswith(b"CONNECT 127.0.0.1:9 HTTP/1.")
    assert b"Proxy-Authorization: Basic " in asked
    assert b"canary" not in asked
    assert len(inspected.log) == 2
    assert "Proxy-Authorization" not in inspected.log[0][0].headers


def test_a_proxy_does_not_keep_certificates_from_being_verified(
    connect: Connect, inspected: HTTPServer, proxy: Proxy
) -> None:
    transport = connect("https://127.0.0.1:9", proxy=f"http://127.0.0.1:{proxy.port}")
    error = failure_of(lambda: transport.send(CREATE, (), {}))
    assert (error.code, error.unsure) == ("tls", False)
    assert inspected.log == []


def test_a_proxy_that_cannot_prove_who_it_is_gets_no_password(
    connect: Connect, inspected: HTTPServer
) -> None:
    transport = connect("https://127.0.0.1:9", proxy=f"https://picsweb:{PASSWORD}@127.0.0.1:{inspected.port}")
    error = failure_of(lambda: transport.send(CREATE, (), {}))
    assert (error.code, error.unsure) == ("tls", False)
    assert inspected.log == []


def test_the_sandbox_on_this_machine_is_called_directly(
    connect: Connect, httpserver: HTTPServer, proxy: Proxy
) -> None:
    httpserver.expect_request(BASE + "/Review/5").respond_with_json({"ID": 5})
    transport = connect(proxy=f"http://127.0.0.1:{proxy.port}")
    assert transport.send(READ, (5,)) == {"ID": 5}
    assert proxy.asked == []


def refused() -> Iterator[bytes]:
    yield head("Content-Length: 0", status="407 Proxy Authentication Required")


def endless() -> Iterator[bytes]:
    for _ in range(1024):
        yield b"HTTP/1.1 200 " + b"x" * 65000


def silent() -> Iterator[bytes]:
    return iter(())


def reset() -> Iterator[bytes]:
    yield RESET


@pytest.mark.parametrize("answer", [refused, endless, silent, reset])
def test_a_create_that_fails_at_the_proxy_has_not_reached_onefile(
    connect: Connect, serve: Callable[..., PieceServer], caplog: pytest.LogCaptureFixture, answer
) -> None:
    caplog.set_level(logging.DEBUG)
    address = serve(answer).url.removeprefix("http://")
    transport = connect(
        "https://127.0.0.1:9",
        proxy=f"http://picsweb:{PASSWORD}@{address}",
        retry_policy=ONE_TRY,
        timeout=(1, 0.2),
    )
    error = failure_of(lambda: transport.send(CREATE, (), {}))
    assert (error.code, error.scope, error.unsure) == ("unreachable", Scope.RUN, False)
    assert "canary" not in everything_about(error) + caplog.text
    assert "picsweb" not in everything_about(error) + caplog.text


def test_a_create_that_was_sent_through_a_proxy_is_in_doubt_when_its_answer_is_lost(
    connect: Connect, authority: Authority
) -> None:
    """urllib3 calls that a failure of the proxy, as it has forgotten by then that there was a way through."""
    context = authority.server_context()
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
                seen.append(secured.recv(65536))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        proxy = Proxy(listener.getsockname()[1])
        transport = connect(
            "https://127.0.0.1:9",
            ca_bundle=str(authority.pem),
            proxy=f"http://127.0.0.1:{proxy.port}",
            retry_policy=ONE_TRY,
        )
        error = failure_of(lambda: transport.send(CREATE, (), {}))
        thread.join()
        proxy.stop()
    assert seen
    assert (error.code, error.unsure) == ("cut_off", True)
