"""What bytes become what text: charsets, byte order marks, and the session token in its various dress."""

from __future__ import annotations

import codecs
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug import Response

from onefile_sync.onefile import parsing
from onefile_sync.onefile.transport import Transport

from .fakes import KeptSession
from .wire import CREATE, READ, Answers, Connect, failure_of

NAME = {"Name": "Zoë O\u2019Neill"}
SENT = json.dumps(NAME, ensure_ascii=False)
TOKEN = "session/canary+=="


def answer(content: bytes, content_type: str, status: int = 200) -> Response:
    return Response(content, status, headers={"Content-Type": content_type})


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (SENT.encode(), "application/json"),
        (SENT.encode(), "application/json; charset=utf-8"),
        (SENT.encode(), "application/json; charset=nobody-knows"),
        (SENT.encode(), "application/json; charset=unicode_escape"),
        (SENT.encode(), "application/json; charset=hex"),
        (SENT.encode("cp1252"), "application/json; charset=windows-1252"),
        (SENT.encode("cp1252"), 'text/json; odata=minimal; charset="Windows-1252"'),
        (codecs.BOM_UTF8 + SENT.encode(), "application/json"),
        (codecs.BOM_UTF8 + SENT.encode(), "application/json; charset=iso-8859-1"),
        (b"\r\n" + codecs.BOM_UTF8 + SENT.encode() + b"\r\n", "application/json"),
        (codecs.BOM_UTF8 * 2 + SENT.encode(), "application/json"),
        (SENT.encode("utf-16"), "application/json; charset=utf-16"),
        (SENT.encode("utf-16-le"), "application/json; charset=utf-16"),
        ((SENT + "\r\n").encode("utf-16-be"), "application/json; charset=utf-16"),
        (SENT.encode("utf-16-be"), "application/json; charset=utf-8"),
        (SENT.encode("utf-32"), "application/json"),
    ],
)
def test_an_answer_is_read_in_its_charset(
    transport: Transport, answers: Answers, content: bytes, content_type: str
) -> None:
    answers("/Review/5", answer(content, content_type))
    assert transport.send(READ, (5,)) == NAME


def test_latin_1_is_read_where_it_is_declared(transport: Transport, answers: Answers) -> None:
    answers("/Review/5", answer('{"Name": "Zoë"}'.encode("latin-1"), "application/json; charset=iso-8859-1"))
    assert transport.send(READ, (5,)) == {"Name": "Zoë"}


def test_what_is_no_text_in_its_charset_cannot_be_read(transport: Transport, answers: Answers) -> None:
    answers("/Review", answer(SENT.encode("cp1252"), "application/json; charset=utf-8"))
    error = failure_of(lambda: transport.send(CREATE, (), {}))
    assert (error.code, error.unsure) == ("bad_answer", True)


def test_the_number_of_a_refusal_is_read_in_its_charset(transport: Transport, answers: Answers) -> None:
    refusal = '{"code": -11, "message": "canary"}'.encode("utf-16")
    answers("/Review", answer(refusal, "application/json; charset=utf-16", 400))
    assert failure_of(lambda: transport.send(CREATE, (), {})).onefile_code == -11


@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF8 + TOKEN.encode(),
        codecs.BOM_UTF8 + f'"{TOKEN}"'.encode(),
        f'"\ufeff{TOKEN}"'.encode(),
        TOKEN.encode("utf-16"),
        f' "{TOKEN}" '.encode(),
        TOKEN.replace("+", "\\u002B").join('""').encode(),
        TOKEN.replace("/", "\\/").join('""').encode(),
    ],
)
def test_a_session_token_is_found_in_every_form_of_answer(
    connect: Connect, answers: Answers, sessions: KeptSession, content: bytes
) -> None:
    sessions.kept = None
    answers("/Authentication", Response(content, 200))
    answers("/Review/5", Response("{}", 200))
    connect().send(READ, (5,))
    assert sessions.kept is not None
    assert sessions.kept[0] == TOKEN


@pytest.mark.parametrize("content", [b'{"error":"canary"}', b'["canary"]', codecs.BOM_UTF8, b'"\xff"'])
def test_what_is_no_session_token_is_not_taken_for_one(
    connect: Connect, answers: Answers, sessions: KeptSession, content: bytes
) -> None:
    sessions.kept = None
    answers("/Authentication", Response(content, 200))
    assert failure_of(lambda: connect().send(READ, (5,))).code == "bad_answer"
    assert sessions.kept is None


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]),
)
def test_every_text_comes_back_as_it_was_sent(text: str, encoding: str) -> None:
    sent = json.dumps({"Name": text}, ensure_ascii=False).encode(encoding)
    assert parsing.from_json(parsing.decoded(sent, encoding)) == {"Name": text}
