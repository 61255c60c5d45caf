"""What a call sends and to whom, over a real socket."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from onefile_sync import __version__
from onefile_sync.onefile.errors import Scope
from onefile_sync.onefile.operations import Operation
from onefile_sync.onefile.tokens import is_safe_address
from onefile_sync.onefile.transport import Transport

from .fakes import CUSTOMER_TOKEN, SESSION, CountedRateLimiter, KeptSession
from .wire import (
    BASE,
    CREATE,
    NEW_SESSION,
    OK,
    READ,
    SEARCH,
    UPDATE,
    Answers,
    Connect,
    failure_of,
    status,
)


def test_a_call_carries_the_session_and_says_who_we_are(transport: Transport, httpserver: HTTPServer) -> None:
    seen: list[Request] = []

    def answer(request: Request) -> Response:
        request.get_data()
        seen.append(request)
        return OK

    httpserver.expect_request(BASE + "/Review/Search/1/100").respond_with_handler(answer)
    assert transport.send(SEARCH, (1, 100), {"LearnerID": 41}) == {"ID": 5}
    (request,) = seen
    assert request.method == "POST"
    assert request.headers["X-TokenID"] == SESSION
    assert request.headers["User-Agent"] == f"onefile_sync/{__version__}"
    assert request.headers["Accept"] == "application/json"
    assert request.headers["Content-Type"] == "application/json"
    assert request.get_json() == {"LearnerID": 41}
    assert CUSTOMER_TOKEN not in str(request.headers)


def test_parts_of_a_path_cannot_lead_elsewhere(transport: Transport, httpserver: HTTPServer) -> None:
    failure_of(lambda: transport.send(READ, ("../User?x",)))
    assert "/Review/..%2FUser%3Fx" in httpserver.log[0][0].environ["RAW_URI"]


def test_an_empty_answer_is_none(transport: Transport, answers: Answers) -> None:
    answers("/Review/Search/1/100", status(204), status(200), status(200, "  "))
    assert [transport.send(SEARCH, (1, 100), {}) for _ in range(3)] == [None, None, None]


def test_the_answer_to_an_update_does_not_matter_unless_it_is_a_web_page(
    transport: Transport, answers: Answers, paths: Callable[[], list[str]]
) -> None:
    answers("/LearningAim/7", status(200, "Updated."), status(204), status(200, "<html>"), status(200, "{}"))
    assert [transport.send(UPDATE, (7,), {}) for _ in range(3)] == [None, None, None]
    assert len(paths()) == 4


def test_calls_are_counted_and_wait_for_their_turn(
    connect: Connect, answers: Answers, rate_limiter: CountedRateLimiter, sessions: KeptSession
) -> None:
    sessions.kept = None
    answers("/Authentication", status(200, NEW_SESSION))
    answers("/Review/5", OK)
    transport = connect()
    transport.send(READ, (5,))
    transport.send(READ, (5,))
    assert (transport.calls, rate_limiter.waits) == (2, 3)


class KeptBack(Exception):
    """Something came up before the call was sent."""


def test_a_call_that_is_not_sent_after_all_is_not_counted(
    transport: Transport,
    rate_limiter: CountedRateLimiter,
    paths: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def keep_back() -> None:
        raise KeptBack

    with pytest.raises(KeptBack):
        transport.send(CREATE, (), {}, about_to_send=keep_back)
    monkeypatch.setattr(rate_limiter, "wait", keep_back)
    with pytest.raises(KeptBack):
        transport.send(READ, (5,))

    assert transport.calls == len(paths()) == 0


@pytest.mark.parametrize(
    ("address", "safe"),
    [
        ("https://wsapi.onefile.co.uk/api/v2.1", True),
        ("http://127.0.0.1:8900/api/v2.1", True),
        ("http://127.9.9.9", True),
        ("http://localhost:8900", True),
        ("http://[::1]:8900", True),
        ("http://wsapi.onefile.co.uk/api/v2.1", False),
        ("http://10.0.0.1", False),
        ("http://localhost.example.com", False),
        ("http://127.0.0.1@example.com", False),
        ("http://[::1", False),
        ("https:///api", False),
        ("ftp://localhost", False),
        ("wsapi.onefile.co.uk", False),
        ("", False),
    ],
)
def test_tokens_go_over_tls_or_stay_on_this_machine(connect: Connect, address: str, safe: bool) -> None:
    assert is_safe_address(address) is safe
    if not safe and address:
        with pytest.raises(ValueError, match="https"):
            connect(address)


def test_the_environment_does_not_lead_calls_through_a_proxy(
    transport: Transport, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    answers("/Review/5", OK)
    assert transport.send(READ, (5,)) == {"ID": 5}


@pytest.mark.parametrize(
    ("operation", "answer", "code", "onefile_code"),
    [
        (CREATE, status(400, '{"code": -11, "message": "canary"}'), "refused", -11),
        (CREATE, status(400, '{"Code": "-57"}'), "refused", -57),
        (CREATE, status(400, '{"message": "canary"}'), "refused", None),
        (CREATE, status(400, '{"code": {"canary": 1}}'), "refused", None),
        (CREATE, status(400, "<html>canary"), "refused", None),
        (CREATE, status(400, "[-11]"), "refused", None),
        (CREATE, status(400), "refused", None),
        (CREATE, status(422), "refused", None),
        (CREATE, status(404), "not_found", None),
        (CREATE, status(409), "conflict", None),
        (READ, status(404), "not_found", None),
        (READ, status(400, '{"code": -10}'), "not_found", -10),
        (SEARCH, status(400), "refused", None),
        (SEARCH, status(999), "gone_wrong", None),
    ],
)
def test_a_refusal_is_final(
    transport: Transport,
    httpserver: HTTPServer,
    operation: Operation,
    answer: Response,
    code: str,
    onefile_code: int | None,
) -> None:
    path_args = (1, 100)[: operation.path.count("{}")]
    httpserver.expect_request(BASE + operation.path.format(*path_args)).respond_with_response(answer)
    error = failure_of(lambda: transport.send(operation, path_args))
    assert (error.code, error.onefile_code) == (code, onefile_code)
    assert (error.scope, error.unsure) == (Scope.ITEM, False)
    assert error.status == answer.status_code
    assert transport.calls == 1
    assert "canary" not in repr(error)


def test_a_redirect_is_not_followed(transport: Transport, answers: Answers) -> None:
    with HTTPServer() as elsewhere:
        answers("/Review/5", status(307, Location=elsewhere.url_for("/Review/5")))
        error = failure_of(lambda: transport.send(READ, (5,)))
        assert (error.code, error.scope) == ("redirected", Scope.RUN)
        assert elsewhere.log == []


@pytest.fixture
def impostor(tmp_path: Path) -> ssl.SSLContext:
    """A certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - dt.timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, key_pem = tmp_path / "certificate.pem", tmp_path / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key_pem)
    return context


def test_an_impostor_gets_no_token(connect: Connect, impostor: ssl.SSLContext) -> None:
    with HTTPServer(host="127.0.0.1", ssl_context=impostor) as server:
        transport = connect(f"https://127.0.0.1:{server.port}")
        error = failure_of(lambda: transport.send(CREATE, (), {}))
        assert (error.code, error.scope, error.unsure) == ("tls", Scope.RUN, False)
        assert server.log == []
    assert transport.calls == 1
