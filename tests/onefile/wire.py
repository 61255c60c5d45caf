"""Operations to call, answers to get, and what can happen on the way."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from onefile_sync.onefile import endpoints
from onefile_sync.onefile.errors import OneFileError
from onefile_sync.onefile.operations import Operation
from onefile_sync.onefile.transport import Transport

from .fakes import RESET, SILENCE, raw_answer

#: Every operation that the client uses.
OPERATIONS = [each for each in vars(endpoints).values() if isinstance(each, Operation)]

READ = Operation("read review", "GET", "/Review/{}", repeatable=True, meanings={400: "not_found"})
SEARCH = Operation("search reviews", "POST", "/Review/Search/{}/{}", repeatable=True)
UPDATE = Operation("update learning aim", "POST", "/LearningAim/{}", repeatable=True, has_answer=False)
CREATE = Operation("create review", "POST", "/Review", repeatable=False)

OK = Response('{"ID": 5}', 200)
CREATED = Response("1000001", 200)
NOTHING = Response(status=204)
NEW_SESSION = "another-session-canary"

BASE = "/api/v2.1"

Connect = Callable[..., Transport]
Answers = Callable[..., None]


def status(code: int, body: str = "", **headers: str) -> Response:
    return Response(body, code, headers={name.replace("_", "-"): value for name, value in headers.items()})


def failure_of(send: Callable[[], object]) -> OneFileError:
    with pytest.raises(OneFileError) as caught:
        send()
    return caught.value


#: Answers that say nothing about whether the thing was done, and the case that each is.
TROUBLE = {
    "html": (status(200, "<html>maintenance</html>"), "bad_answer"),
    "broken JSON": (status(200, '{"ID": 5'), "bad_answer"),
    "not a number": (status(200, "NaN"), "bad_answer"),
    "broken encoding": (Response(b'"\xff"', 200), "bad_answer"),
    "not gzip": (Response(b"plain", 200, headers={"Content-Encoding": "gzip"}), "bad_answer"),
    "500": (status(500, "<html>"), "server_error"),
    "502": (status(502), "server_error"),
    "503": (status(503, Retry_After="3600"), "server_error"),
    "408": (status(408), "timed_out"),
}

#: The same for what may happen to a connection.
BAD_LINES = {
    "reset": (RESET, "cut_off"),
    "closed at once": (b"", "cut_off"),
    "truncated": (raw_answer(b'{"ID": 5', length=100), "cut_off"),
    "silence": (SILENCE, "timed_out"),
    "silence in the middle": (raw_answer(b'{"ID"', length=100) + SILENCE, "timed_out"),
    "no HTTP": (b"SSH-2.0-OpenSSH_9\r\n\r\n", "cut_off"),
}


class Exchange:
    """OneFile's side of a test: gives the answers it was told to, in turn, and keeps what it was asked."""

    def __init__(self, httpserver: HTTPServer) -> None:
        self.asked: list[tuple[str, str, object]] = []
        self._answers: list[object] = []
        httpserver.expect_request(re.compile(".*")).respond_with_handler(self._answer)

    def will_answer(self, *answers: object) -> None:
        self._answers += answers

    def _answer(self, request: Request) -> Response:
        body = request.get_json() if request.get_data() else None
        self.asked.append((request.method, request.path.removeprefix(BASE), body))
        answer = self._answers.pop(0)
        return answer if isinstance(answer, Response) else Response(json.dumps(answer), 200)
