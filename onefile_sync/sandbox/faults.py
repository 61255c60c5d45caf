"""Faults that make the sandbox misbehave."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from .wire import SandboxResponse

ANY_OPERATION = "*"


class ConnectionReset(Exception):
    """Tells the server to cut the connection without an answer."""


@dataclass(slots=True, kw_only=True)
class Fault:
    """A fault that strikes the next ``times`` calls of an operation.

    ``operation`` is a name as in ``SandboxServer.calls``, or ``"*"`` for all. ``when="before"`` prevents the operation;
    ``when="after"`` carries it out and spoils the answer. A delay (of ``seconds``) never prevents the operation.
    ``status``, ``body`` and ``headers`` belong to the kind "status". ``edit`` belongs to the kind "edited", which needs
    ``when="after"``: it receives the answer's JSON and returns what is sent instead.
    """

    operation: str
    kind: Literal["reset", "delay", "status", "html", "broken_json", "truncated", "wrong_type", "edited"]
    when: Literal["before", "after"] = "before"
    times: int = 1
    seconds: float = 0.0
    status: int = 500
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    edit: Callable[[Any], object] = lambda answer: answer

    def strikes(self, operation: str, when: str) -> bool:
        return self.times > 0 and self.when == when and self.operation in (operation, ANY_OPERATION)

    def spoil(
        self, answer: SandboxResponse | None, wait: Callable[[float], object]
    ) -> SandboxResponse | None:
        """Return what is sent instead of ``answer``; ``None`` as an answer means "not carried out yet".

        A delay returns ``answer`` unchanged. Raises :class:`ConnectionReset` for the kind "reset".
        """
        if self.kind == "reset":
            raise ConnectionReset
        if self.kind == "delay":
            wait(self.seconds)
            return answer
        if self.kind == "status":
            return SandboxResponse(self.status, self.body, headers=self.headers)
        if self.kind == "html":
            page = b"<!DOCTYPE html><html><body><h1>Under maintenance</h1></body></html>"
            return SandboxResponse(200, page, "text/html; charset=utf-8")
        if self.kind == "edited":
            return answer if answer is None or not answer.body else self._edited(answer)
        spoilt = replace(answer or SandboxResponse(200), status=200)
        if self.kind == "broken_json":
            return replace(spoilt, body=spoilt.body + b'{"')
        if self.kind == "wrong_type":
            return replace(spoilt, body=b'{"Wrong":1}' if spoilt.body.startswith(b"[") else b'["wrong"]')
        whole = spoilt.body or b"[]"
        cut_off = {"Content-Length": str(len(whole)), "Connection": "close"}
        return replace(spoilt, body=whole[: len(whole) // 2], headers={**spoilt.headers, **cut_off})

    def _edited(self, answer: SandboxResponse) -> SandboxResponse:
        try:
            sent = json.loads(answer.body)
        except ValueError:  # a bare session token
            return answer
        return replace(answer, body=json.dumps(self.edit(sent)).encode())
