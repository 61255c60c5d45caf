"""What each create of an enrolment sends, what it makes of the answer, and what is told of a refusal."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Callable
from datetime import UTC, date, datetime
from types import TracebackType
from typing import Any

import pytest
from django.test import RequestFactory
from django.views.debug import ExceptionReporter
from werkzeug import Response

from onefile_sync.onefile import creating
from onefile_sync.onefile.centre_records import PLACEMENT_NAMES, USER_NAMES
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.errors import ALREADY_EXISTS, NO_SUCH_PLACEMENT, OneFileError, Scope
from onefile_sync.onefile.records import AimField, LearningAim
from onefile_sync.onefile.transport import Transport

from .fakes import SILENCE, BadLine
from .test_centre_records import FULL_USER
from .test_client import AIM, create_visit
from .wire import NOTHING, Connect, Exchange, failure_of, status

MIDNIGHT = "T00:00:00.000Z"
LEARNER = {
    "centre_id": 5740,
    "role": 1,
    "first_name": "Canaryforename",
    "last_name": "Quill",
    "email": "canary@example.org",
    "mis_value": "CANARY-MIS",
    "telephone": "01632 960001",
    "mobile": "07700 900001",
    "uln": "9871234560",
    "ni_number": "QQ987654C",
    "date_of_birth": date(1987, 11, 23),
    "start_date": date(2026, 9, 1),
    "planned_end_date": date(2027, 8, 31),
    "default_assessor_id": 122762,
    "placement_id": 9,
    "classroom_id": 77,
    "ethnicity": "31",
    "sex": "F",
    "disability": "1",
    "primary_lldd": "12",
}
#: What must not turn up in a log, an error or its page. Bodies of refusals quote it here.
CANARIES = ("Canaryforename", "canary@example.org", "CANARY-MIS", "9871234560", "QQ987654C", "1987-11-23")
REFUSAL = '{"code": -9, "message": "Canaryforename (QQ987654C) exists"}'


def nothing() -> None: ...


def create_user(onefile: OneFile, about_to_send: Callable[[], object] = nothing) -> int:
    return creating.create_user(onefile, LEARNER, about_to_send=about_to_send)


def create_placement(onefile: OneFile, about_to_send: Callable[[], object] = nothing) -> int:
    return creating.create_placement(
        onefile,
        centre_id=5740,
        name="Mill & Co",
        mis_value="E9",
        address="1 Mill Lane\nLeeds",
        about_to_send=about_to_send,
    )


def create_class(onefile: OneFile, about_to_send: Callable[[], object] = nothing) -> int:
    return creating.create_class(
        onefile, centre_id=5740, name="Autumn", start=date(2026, 9, 1), about_to_send=about_to_send
    )


def assign_standard(onefile: OneFile, about_to_send: Callable[[], object] = nothing) -> int:
    return creating.assign_standard(onefile, 31, 41, about_to_send=about_to_send)


def assign_assessor(onefile: OneFile, about_to_send: Callable[[], object] = nothing) -> None:
    creating.assign_assessor(
        onefile, 122762, learner_id=41, level=3, standard_id=31, about_to_send=about_to_send
    )


CREATES = [create_user, create_placement, create_class, assign_standard]
EVERY_CREATE = pytest.mark.parametrize("create", CREATES, ids=lambda create: create.__name__)
EVERY_WRITE = pytest.mark.parametrize(
    "create", [*CREATES, assign_assessor], ids=lambda create: create.__name__
)


# What is sent


def test_a_learner_is_created_with_onefiles_names(onefile: OneFile, exchange: Exchange) -> None:
    exchange.will_answer({"ID": 1250777, "Username": "CQUILL"})
    assert create_user(onefile) == 1250777
    assert exchange.asked == [
        (
            "POST",
            "/User",
            {
                "OrganisationID": 5740,
                "Role": 1,
                "FirstName": "Canaryforename",
                "LastName": "Quill",
                "Email": "canary@example.org",
                "MISID": "CANARY-MIS",
                "Telephone": "01632 960001",
                "MobileNumber": "07700 900001",
                "ULN": "9871234560",
                "NINO": "QQ987654C",
                "DOB": "1987-11-23" + MIDNIGHT,
                "StartOn": "2026-09-01" + MIDNIGHT,
                "PlannedEndDate": "2027-08-31" + MIDNIGHT,
                "DefaultAssessorID": 122762,
                "PlacementID": 9,
                "ClassroomID": 77,
                "L12": "31",
                "L13": "F",
                "L14": "1",
                "PrimaryLLDDCode": "12",
            },
        )
    ]


def test_what_was_sent_of_a_learner_is_what_is_read_back(onefile: OneFile, exchange: Exchange) -> None:
    exchange.will_answer(1250777)
    create_user(onefile)
    body = exchange.asked[0][2]
    assert isinstance(body, dict)
    exchange.will_answer({"ID": 1250777, **body})
    read = onefile.person(1250777)
    assert {name: getattr(read, name) for name in LEARNER} == LEARNER


def test_a_blank_is_never_sent(onefile: OneFile, exchange: Exchange) -> None:
    exchange.will_answer(41, 9)
    values = {"first_name": "Zoë", "uln": "", "ni_number": "  ", "date_of_birth": None}
    creating.create_user(onefile, values, about_to_send=nothing)
    creating.create_placement(onefile, centre_id=5740, name="Mill", web=" ", about_to_send=nothing)
    assert [body for _, _, body in exchange.asked] == [
        {"FirstName": "Zoë"},
        {"OrganisationID": 5740, "Name": "Mill", "Active": True},
    ]


@pytest.mark.parametrize(
    "values", [{"FirstName": "Zoë"}, {"date_of_birth": datetime(1999, 6, 15, tzinfo=UTC)}]
)
def test_a_user_is_created_with_known_values_only(
    onefile: OneFile, exchange: Exchange, values: dict[str, Any]
) -> None:
    with pytest.raises(TypeError):
        creating.create_user(onefile, values, about_to_send=nothing)
    assert exchange.asked == []


def test_a_placement(onefile: OneFile, exchange: Exchange) -> None:
    exchange.will_answer("9")
    assert create_placement(onefile) == 9
    body = {
        "OrganisationID": 5740,
        "Name": "Mill & Co",
        "MISID": "E9",
        "Address": "1 Mill Lane\nLeeds",
        "Active": True,
    }
    assert exchange.asked == [("POST", "/Placement", body)]


def test_a_class(onefile: OneFile, exchange: Exchange) -> None:
    exchange.will_answer(77)
    assert create_class(onefile) == 77
    body = {"OrganisationID": 5740, "Name": "Autumn", "StartOn": "2026-09-01" + MIDNIGHT}
    assert exchange.asked == [("POST", "/Classroom", body)]


@pytest.mark.parametrize("answer", [7001, "7001", {"ID": 7001, "StandardID": 31}], ids=str)
def test_a_standard_is_assigned_to_a_learner(onefile: OneFile, exchange: Exchange, answer: object) -> None:
    exchange.will_answer(answer)
    assert assign_standard(onefile) == 7001
    assert exchange.asked == [("POST", "/Standard/31/Assign/41", {})]


@pytest.mark.parametrize("answer", [NOTHING, Response(), 122762, True, {"ID": 5}, Response("Saved")], ids=str)
def test_an_assessor_is_assigned_whatever_the_answer(
    onefile: OneFile, exchange: Exchange, answer: object
) -> None:
    exchange.will_answer(answer, NOTHING)
    assign_assessor(onefile)
    creating.assign_assessor(onefile, 12, learner_id=41, level=1, about_to_send=nothing)
    assert exchange.asked == [
        ("POST", "/User/122762/Assign", {"LearnerID": 41, "Level": 3, "StandardID": 31}),
        ("POST", "/User/12/Assign", {"LearnerID": 41, "Level": 1}),
    ]


def test_names_of_what_is_created_are_configuration(transport: Transport, exchange: Exchange) -> None:
    onefile = OneFile(
        transport,
        user_names={**USER_NAMES, "sex": "Gender"},
        placement_names={**PLACEMENT_NAMES, "name": "Employer"},
    )
    exchange.will_answer(41, 9)
    creating.create_user(onefile, {"sex": "F"}, about_to_send=nothing)
    create_placement(onefile)
    (_, _, user), (_, _, placement) = exchange.asked
    assert user == {"Gender": "F"}
    assert isinstance(placement, dict)
    assert placement["Employer"] == "Mill & Co"


class TestDatesOfALearningAim:
    def test_are_set_and_all_else_is_sent_as_it_was_read(self, onefile: OneFile, exchange: Exchange) -> None:
        exchange.will_answer(AIM, NOTHING)
        aim = onefile.learning_aim(7001)
        creating.set_aim_dates(onefile, aim, start=date(2026, 9, 1), planned_end=date(2027, 8, 31))
        assert exchange.asked[1] == (
            "POST",
            "/LearningAim/7001",
            {
                "ID": 7001,
                "UserID": 41,
                "Status": 0,
                "StartDate": "2026-09-01" + MIDNIGHT,
                "PlannedEnd": "2027-08-31" + MIDNIGHT,
                "RegistrationNumber": "REG1",
                "RegistrationDate": "2025-10-01" + MIDNIGHT,
            },
        )

    def test_a_blank_leaves_the_other_as_it_was_read(self, onefile: OneFile, exchange: Exchange) -> None:
        exchange.will_answer(AIM, NOTHING)
        aim = onefile.learning_aim(7001)
        creating.set_aim_dates(onefile, aim, start=None, planned_end=date(2027, 8, 31))
        body = exchange.asked[1][2]
        assert isinstance(body, dict)
        assert (body["StartDate"], body["PlannedEnd"]) == (AIM["StartDate"], "2027-08-31" + MIDNIGHT)

    def test_without_any_nothing_is_sent(self, onefile: OneFile, exchange: Exchange) -> None:
        creating.set_aim_dates(onefile, LearningAim(7001, 41), start=None, planned_end=None)
        assert exchange.asked == []

    def test_are_set_where_they_are_synchronised_as_well(
        self, transport: Transport, exchange: Exchange
    ) -> None:
        onefile = OneFile(transport, [AimField("begins", "StartDate", lambda _sent: date(2020, 1, 1), True)])
        exchange.will_answer(AIM, NOTHING)
        aim = onefile.learning_aim(7001)
        creating.set_aim_dates(onefile, aim, start=date(2026, 9, 1), planned_end=None)
        body = exchange.asked[1][2]
        assert isinstance(body, dict)
        assert body["StartDate"] == "2026-09-01" + MIDNIGHT


def test_searches_go_to_the_end_and_may_have_a_name(onefile: OneFile, exchange: Exchange) -> None:
    def ids(found: Any) -> list[int]:
        return [record.id for record in found.records]

    exchange.will_answer([{"ID": 1}, {"ID": 2}], [{"ID": 3}], NOTHING, NOTHING, [{"ID": 4}], NOTHING)
    assert ids(onefile.placements(5740, "Mill & Co")) == [1, 2, 3]
    assert ids(onefile.classrooms(5740)) == []
    assert ids(onefile.standards(5740)) == [4]
    mill = {"OrganisationID": 5740, "Name": "Mill & Co"}
    assert exchange.asked == [
        ("POST", "/Placement/Search/1/3", mill),
        ("POST", "/Placement/Search/2/3", mill),
        ("POST", "/Placement/Search/3/3", mill),
        ("POST", "/Classroom/Search/1/3", {"OrganisationID": 5740}),
        ("POST", "/Standard/Search/1/3", {"OrganisationID": 5740}),
        ("POST", "/Standard/Search/2/3", {"OrganisationID": 5740}),
    ]


def test_a_placement_is_read(onefile: OneFile, exchange: Exchange) -> None:
    exchange.will_answer({"ID": 9, "Name": "Mill & Co", "MISID": "E9"}, status(400))
    assert onefile.placement(9).mis_value == "E9"
    assert failure_of(lambda: onefile.placement(8)).code == "not_found"
    assert exchange.asked[0] == ("GET", "/Placement/9", None)


# In doubt


@EVERY_WRITE
def test_about_to_send_is_called_once_and_may_prevent_it(
    onefile: OneFile, exchange: Exchange, create: Callable[..., object]
) -> None:
    def prevent() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        create(onefile, prevent)
    assert exchange.asked == []
    exchange.will_answer(5)
    calls: list[int] = []
    create(onefile, lambda: calls.append(len(exchange.asked)))
    assert calls == [0]


@EVERY_CREATE
@pytest.mark.parametrize(
    "answer",
    [NOTHING, Response(), Response("<html>"), 0, -9, 1.5, None, "created", [5], {}, {"Username": "X"}],
    ids=str,
)
def test_a_create_without_an_id_in_its_answer_is_in_doubt(
    onefile: OneFile, exchange: Exchange, create: Callable[..., object], answer: object
) -> None:
    exchange.will_answer(answer)
    error = failure_of(lambda: create(onefile))
    assert (error.code, error.unsure, error.scope) == ("bad_answer", True, Scope.ITEM)
    assert len(exchange.asked) == 1


@EVERY_WRITE
@pytest.mark.parametrize("answer", [status(200, "<html>maintenance"), status(500), status(408)], ids=str)
def test_what_may_have_been_done_is_in_doubt_and_not_repeated(
    onefile: OneFile, exchange: Exchange, create: Callable[..., object], answer: Response
) -> None:
    exchange.will_answer(answer)
    error = failure_of(lambda: create(onefile))
    assert (error.unsure, error.said, len(exchange.asked)) == (True, "", 1)


@EVERY_WRITE
@pytest.mark.parametrize("fate", [b"", SILENCE], ids=["closed", "silence"])
def test_without_an_answer_it_is_in_doubt(
    connect: Connect, bad_line: Callable[..., BadLine], create: Callable[..., object], fate: bytes
) -> None:
    onefile = OneFile(connect(bad_line([fate]).url, timeout=(1, 0.2)))
    error = failure_of(lambda: create(onefile))
    assert (error.unsure, error.said) == (True, "")


# Refused


@EVERY_WRITE
@pytest.mark.parametrize("code", [400, 404, 409, 422])
def test_a_refused_create_tells_onefiles_number_and_what_it_said(
    onefile: OneFile, exchange: Exchange, create: Callable[..., object], code: int
) -> None:
    exchange.will_answer(status(code, REFUSAL))
    error = failure_of(lambda: create(onefile))
    assert (error.onefile_code, error.said) == (ALREADY_EXISTS, "Canaryforename (QQ987654C) exists")
    assert (error.unsure, error.scope) == (False, Scope.ITEM)


def test_a_refused_create_tells_which_list_is_out_of_date(onefile: OneFile, exchange: Exchange) -> None:
    exchange.will_answer(status(400, '{"Code": "-57", "Message": "No such placement"}'))
    error = failure_of(lambda: create_user(onefile))
    assert (error.code, error.onefile_code, error.said) == ("refused", NO_SUCH_PLACEMENT, "No such placement")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"message": "a\\u0000b\\r\\n  c\\u0007\\ud800\\u202e\\u2028d"}', "a b c d"),
        ('{"message": "' + "é" * 201 + '"}', "é" * 200),
        ('{"message": "' + " " * 300 + 'late"}', "late"),
        ('{"message": "<b>no</b>"}', "<b>no</b>"),
        ('{"message": {"canary": 1}}', ""),
        ('{"message": null}', ""),
        ('["message"]', ""),
        ("<html>message", ""),
        ("", ""),
    ],
    ids=["control characters", "too long", "spaces", "HTML", "object", "null", "list", "page", "empty"],
)
def test_what_onefile_said_is_one_short_line(
    onefile: OneFile, exchange: Exchange, body: str, said: str
) -> None:
    exchange.will_answer(status(400, body))
    assert failure_of(lambda: create_user(onefile)).said == said


@pytest.mark.parametrize(
    "call",
    [
        lambda api: api.person(41),
        lambda api: api.people(email="canary@example.org"),
        lambda api: api.update_learning_aim(LearningAim(7001), registration_number="REG1"),
    ],
    ids=["read", "search", "update"],
)
def test_of_any_other_refusal_the_message_is_not_kept(
    onefile: OneFile, exchange: Exchange, call: Callable[[OneFile], object]
) -> None:
    exchange.will_answer(status(400, REFUSAL))
    error = failure_of(lambda: call(onefile))
    assert (error.onefile_code, error.said) == (ALREADY_EXISTS, "")


@pytest.mark.parametrize("code", [301, 401, 408, 429, 500])
def test_of_a_create_that_was_not_refused_the_message_is_not_kept(
    onefile: OneFile, exchange: Exchange, code: int
) -> None:
    exchange.will_answer(*[status(code, REFUSAL)] * 9)
    assert failure_of(lambda: create_visit(onefile)).said == ""


# Canaries


def client_frames(trace: TracebackType) -> TracebackType:
    """The traceback without the test's own frames, in which the canaries are."""
    while "onefile_sync/onefile" not in trace.tb_frame.f_code.co_filename:
        assert trace.tb_next is not None
        trace = trace.tb_next
    return trace


@pytest.mark.parametrize(
    "answer",
    [
        status(400, REFUSAL),
        status(409, REFUSAL),
        status(500, REFUSAL),
        status(200, REFUSAL),
        status(200, "Canaryforename"),
    ],
    ids=["refused", "conflict", "server error", "another object", "no JSON"],
)
def test_neither_what_was_sent_nor_what_onefile_said_gets_out(
    onefile: OneFile, exchange: Exchange, answer: Response, caplog: pytest.LogCaptureFixture
) -> None:
    """Django's own error report shows the variables of every frame."""
    caplog.set_level(logging.DEBUG)
    exchange.will_answer(answer)
    with pytest.raises(OneFileError) as raised:
        create_user(onefile)

    error = raised.value
    report = ExceptionReporter(RequestFactory().get("/"), raised.type, error, client_frames(raised.tb))
    told = [
        str(error),
        repr(error),
        repr(error.args),
        repr(vars(error)),
        "".join(traceback.format_exception(error)),
        report.get_traceback_html(),
        report.get_traceback_text(),
        *(f"{record.getMessage()} {record.__dict__}" for record in caplog.records),
    ]
    assert [canary for canary in CANARIES if canary in "".join(told)] == []
    assert error.__cause__ is None


def test_what_onefile_said_survives_the_way_between_processes() -> None:
    error = OneFileError("refused", "create user", 400, onefile_code=-9, said="Canaryforename exists")
    twin = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert twin.said == "Canaryforename exists"
    assert "Canary" not in repr(vars(twin))


def test_a_persons_codes_and_telephones_are_not_in_the_text_of_the_record(
    onefile: OneFile, exchange: Exchange
) -> None:
    sent = {"Telephone": "01632-canary", "MobileNumber": "07700-canary", "L12": "canary", "L13": "canary"}
    exchange.will_answer(FULL_USER | sent | {"L14": "canary", "PrimaryLLDDCode": "canary"})
    assert "canary" not in repr(onefile.person(41))
