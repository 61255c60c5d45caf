"""No personal data outside the database: unique words for tokens and names, and everywhere they must not turn up."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from types import TracebackType
from typing import Any

import pytest
from django.db import OperationalError
from django.test import RequestFactory
from django.views.debug import ExceptionReporter
from django_q.models import OrmQ, Task

from onefile_sync import host as picsweb
from onefile_sync import services, tasks
from onefile_sync.models import ApiSession, Change, OneFileSettings, Problem, SyncRun
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.errors import OneFileError
from onefile_sync.onefile.retry import RetryPolicy
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.world import World
from onefile_sync.sync.connection import rate_limit
from onefile_sync.sync.connection.session import connect
from tests.conftest import dont_wait
from tests.factories import Host
from tests.run_fixtures import codes, queued_tasks, states

pytestmark = pytest.mark.matrix

TOKEN = "canary-customer-token-71c1"
NAME = "Canaryforename"
REGISTRATION = "CANARY-REG-9"
NEVER = (TOKEN, NAME, REGISTRATION)


def named(host: Host, onefile_id: int) -> Any:
    name = {"picsweb": "first_name", "college": "forename"}[host.name]
    learner = host.learner(onefile_id=onefile_id)
    type(learner).objects.filter(pk=learner.pk).update(**{name: NAME})
    learner.refresh_from_db()
    return learner


@pytest.fixture
def learners(host: Host, world: World, onefile: SandboxServer) -> list[Any]:
    """Learners called by the canary's name, one with a registration number too long for PICSWeb."""
    onefile.customer_token = TOKEN
    row = OneFileSettings.load()
    row.set_customer_token(TOKEN)
    row.save()
    made = []
    for number in (REGISTRATION, f"{REGISTRATION}{'9' * 200}", REGISTRATION, REGISTRATION):
        person = world.add_learner(first_name=NAME)
        learner = named(host, person.id)
        host.qualification(learner, onefile_id=world.add_aim(person.id, registration_number=number).id)
        made.append(learner)
    world.add_review(made[2].onefile_id, assessor_id=world.add_assessor(first_name=NAME).id)
    return made


def everything_said(caplog: pytest.LogCaptureFixture) -> str:
    """Every log record with its arguments, and the text of any exception that hangs on it."""
    formatter = logging.Formatter()
    said = []
    for record in caplog.records:
        said += [record.getMessage(), repr(record.args)]
        if record.exc_info:
            said.append(formatter.formatException(record.exc_info))
    return "\n".join(said)


def test_a_refresh_with_failing_learners_says_nothing_outside_the_ledger(
    learners: list[Any],
    onefile: SandboxServer,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    save = picsweb.save_fields

    def fail_for_the_last(kind: str, pk: str, old: Any, new: Any) -> bool:
        if kind == "learner" and pk == str(learners[3].pk):
            raise RuntimeError(f"{NAME} {new}")
        return save(kind, pk, old, new)

    monkeypatch.setattr(picsweb, "save_fields", fail_for_the_last)
    onefile.faults.append(
        Fault(operation="LearningAim/Search", kind="status", status=500, body=NAME.encode())
    )
    onefile.faults.append(Fault(operation="User", kind="html"))

    with django_capture_on_commit_callbacks(execute=True):
        run = services.refresh(learners)
    with django_capture_on_commit_callbacks(execute=True):
        result = tasks.work_on_run(str(run.pk))

    assert states(run) == ["updated", "attention", "attention", "failed"]
    assert codes(run)[1:] == [["cannot_hold"], ["officer_unmatched"], ["stopped"]]
    assert result == "finished"

    packed = [pickle.dumps(task) for task in queued_tasks()]
    told = ("cannot_hold", "officer_unmatched")  # a value, and an assessor's name: what staff ask for
    details = [problem.details for problem in Problem.objects.exclude(code__in=told) if problem.details]
    in_columns = [
        *SyncRun.objects.values(),
        *ApiSession.objects.values(),
        *OneFileSettings.objects.values(),
        *OrmQ.objects.values(),
        *Task.objects.values(),
        *run.outcomes.values(),
    ]
    printed = capfd.readouterr()
    for canary in NEVER:
        assert canary not in everything_said(caplog)
        assert canary not in repr(packed) + result
        assert canary not in repr(details)
        assert canary not in repr(in_columns)
        assert canary not in printed.out + printed.err

    shown = repr([*Problem.objects.values_list("details", flat=True), *Change.objects.values()])
    assert REGISTRATION in shown  # field values are what staff ask for
    unmatched = Problem.objects.get(code="officer_unmatched")
    assert NAME in unmatched.details.pop("assessor_name")
    others = Problem.objects.exclude(pk=unmatched.pk).values_list("details", flat=True)
    assert NAME not in repr([unmatched.details, *others])
    assert TOKEN not in shown


@pytest.mark.parametrize(
    "fault",
    [
        Fault(operation="*", kind="reset", times=99),
        Fault(operation="*", kind="html", times=99),
        Fault(operation="*", kind="status", status=500, body=NAME.encode(), times=99),
        Fault(operation="*", kind="status", status=400, body=TOKEN.encode(), times=99),
        Fault(operation="LearningAim/Search", kind="broken_json", when="after", times=99),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status}",
)
def test_errors_carry_codes_and_nothing_else(
    learners: list[Any], onefile: SandboxServer, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    onefile.faults.append(fault)
    client = connect(OneFileSettings.load(), RetryPolicy.person(), sleep=dont_wait)

    with pytest.raises(OneFileError) as failed:
        client.learning_aims(learners[0].onefile_id)
    client.transport.close()

    error = failed.value
    told = [str(error), repr(error), "".join(traceback.format_exception(error)), everything_said(caplog)]
    assert error.__cause__ is None
    for canary in (TOKEN, NAME):
        assert canary not in "".join(told)


DETAILS = {
    "email": "canary@example.org",
    "misid": "CANARY-MIS",
    "uln": "9871234560",
    "nino": "QQ987654C",
    "dob": date(1987, 11, 23),
}
#: Not written where the search is called, as that line is in the traceback.
SEARCHED = {"mis_value": "CANARY-MIS", "email": "canary@example.org", "last_name": NAME}
#: The whole date of birth: its year alone may be in a port or an address in memory.
BORN = ("1987-11-23", "1987, 11, 23", "23/11/1987", "Nov. 23, 1987")
TOLD_NEVER = (NAME, TOKEN, "canary@example.org", "CANARY-MIS", "9871234560", "QQ987654C", *BORN)


def test_a_persons_details_are_in_no_log_and_no_text_of_a_record(
    learners: list[Any],
    world: World,
    onefile: SandboxServer,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    user = world.add_learner(first_name=NAME, last_name=NAME, **DETAILS)
    client = connect(OneFileSettings.load(), RetryPolicy.person(), sleep=dont_wait)

    person = client.person(user.id)
    found = client.people(mis_value="CANARY-MIS", email="canary@example.org")
    client.transport.close()

    assert (person.email, person.ni_number, person.date_of_birth) == (
        "canary@example.org",
        "QQ987654C",
        date(1987, 11, 23),
    )
    assert [each.id for each in found.records] == [user.id]
    printed = capfd.readouterr()
    said = "".join([repr(person), str(found), everything_said(caplog), printed.out, printed.err])
    assert [canary for canary in TOLD_NEVER if canary in said] == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault(operation="*", kind="reset", times=99),
        Fault(operation="*", kind="status", status=400, body=b"QQ987654C canary@example.org", times=99),
        Fault(operation="*", kind="broken_json", when="after", times=99),
        Fault(operation="User/Search", kind="wrong_type", when="after", times=99),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status}",
)
def test_a_persons_details_are_in_no_error_and_not_on_its_page(
    learners: list[Any], world: World, onefile: SandboxServer, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    """Django's own error report shows the variables of every frame, and so what was searched for."""
    caplog.set_level(logging.DEBUG)
    user = world.add_learner(first_name=NAME, last_name=NAME, **DETAILS)
    calls: list[Callable[[OneFile], object]] = [
        lambda api: api.people(**SEARCHED),
    ]
    if fault.operation == "*":
        calls.append(lambda api: api.person(user.id))
    for call in calls:
        client = connect(OneFileSettings.load(), RetryPolicy.person(), sleep=dont_wait)
        client.customer()
        onefile.faults[:] = [replace(fault)]

        with pytest.raises(OneFileError) as raised:
            call(client)
        client.transport.close()
        onefile.faults.clear()

        error = raised.value
        report = ExceptionReporter(RequestFactory().get("/"), raised.type, error, client_frames(raised.tb))
        told = [str(error), repr(error), "".join(traceback.format_exception(error)), everything_said(caplog)]
        told += [report.get_traceback_html(), report.get_traceback_text()]
        assert [canary for canary in TOLD_NEVER if canary in "".join(told)] == []


def client_frames(trace: TracebackType) -> TracebackType:
    """The traceback without the test's own frames, in which the canaries are."""
    while "onefile_sync/onefile" not in trace.tb_frame.f_code.co_filename:
        assert trace.tb_next is not None
        trace = trace.tb_next
    return trace


def test_refusals_carry_codes_and_nothing_else(learners: list[Any], onefile: SandboxServer) -> None:
    onefile.customer_token = "another"

    with pytest.raises(services.Refused) as refused:
        services.check_connection()

    told = [str(refused.value), repr(refused.value), refused.value.reason]
    assert TOKEN not in "".join(told)
    assert refused.value.__cause__ is None


def test_a_token_is_not_in_the_error_page_of_a_failed_test_connection(
    onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django's own error report shows the variables of every frame."""
    row = OneFileSettings.load()
    row.set_customer_token(TOKEN)
    row.save()

    def broken(_store: Any) -> Any:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(rate_limit.DatabaseStore, "read", broken)
    monkeypatch.setattr(rate_limit.DatabaseStore, "change", broken)

    with pytest.raises(OperationalError) as raised:
        services.test_connection(OneFileSettings.load())

    report = ExceptionReporter(RequestFactory().get("/"), raised.type, raised.value, raised.tb)
    assert "server closed the connection" in report.get_traceback_html()
    assert TOKEN not in report.get_traceback_html() + report.get_traceback_text()
