"""What tells who somebody is stays where records are linked: unique values, and everywhere they must not turn up."""

from __future__ import annotations

import logging
import pickle
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.signals import got_request_exception
from django.urls import reverse
from rest_framework.test import APIClient

from example_project.picsweb.models import Learner, Officer
from onefile_sync import services
from onefile_sync.linking import confirmed_matches, directory, linker, match_run
from onefile_sync.models import DirectoryEntry, DirectoryKind, MatchSuggestion, RecordLink, SyncRun
from onefile_sync.onefile.client import OneFile
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from tests.conftest import dont_wait
from tests.error_reports import everything_shown
from tests.factories import LearnerFactory, OfficerFactory, QualificationFactory, ReviewFactory
from tests.run_fixtures import queued_tasks
from tests.test_personal_data import everything_said

pytestmark = [pytest.mark.matrix, pytest.mark.parametrize("host", ["picsweb"], indirect=True)]

#: In PICSWeb and in OneFile. The two sides differ, so that the pair is contradicted as well.
OURS: Final = {
    "first_name": "Picsforename",
    "surname": "Canarysurname",
    "email": "ours.canary@example.org",
    "uln": "9876543228",
    "ni_number": "AB987654C",
    "date_of_birth": date(1987, 11, 23),
}
THEIRS: Final = {
    "first_name": "Filesforename",
    "last_name": "Canarysurname",
    "email": "theirs.canary@example.org",
    "uln": "9876543236",
    "nino": "AB987655D",
    "dob": "1988-12-24",
}
#: Never outside the database and the page that shows a pair.
IDENTIFIERS: Final = (
    "ours.canary",
    "theirs.canary",
    "9876543228",
    "9876543236",
    "AB987654C",
    "AB987655D",
    "1987-11-23",
    "23/11/1987",
    "1988-12-24",
    "24/12/1988",
)
NAMES: Final = ("Picsforename", "Canarysurname", "Filesforename", "Canaryofficer")
EVERYTHING: Final = (*IDENTIFIERS, *NAMES)
BODY: Final = " ".join(EVERYTHING).encode()


@dataclass
class Told:
    """What was told outside of the pages' own text."""

    caplog: pytest.LogCaptureFixture
    capfd: pytest.CaptureFixture[str]
    addresses: list[str] = field(default_factory=list)

    def watch(self, answer: Any) -> Any:
        """Keep the addresses that an answer leads to."""
        self.addresses.append(answer.headers.get("Location", ""))
        if not answer.streaming:
            self.addresses += re.findall(r'(?:href|action|src)="([^"]*)"', answer.content.decode())
        return answer

    def in_addresses(self) -> list[str]:
        return [canary for canary in EVERYTHING if any(canary in each for each in self.addresses)]

    def elsewhere(self) -> list[str]:
        printed = self.capfd.readouterr()
        said = [everything_said(self.caplog), printed.out, printed.err]
        said += [repr(pickle.dumps(task)) for task in queued_tasks()]
        said += [repr(session.get_decoded()) for session in Session.objects.all()]
        said += [f"{message.subject} {message.body}" for message in mail.outbox]
        return [canary for canary in EVERYTHING if canary in "".join(said)]


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Told:
    caplog.set_level(logging.DEBUG)
    return Told(caplog, capfd)


def on_record(names_in: tuple[type, ...] = (DirectoryEntry,)) -> list[str]:
    """The canaries in any table of this app. Names of OneFile's lists are kept, as people choose from them."""
    found = set()
    for model in apps.get_app_config("onefile_sync").get_models():
        text = repr(list(model._default_manager.values()))
        found |= {each for each in (IDENTIFIERS if model in names_in else EVERYTHING) if each in text}
    return sorted(found)


@pytest.fixture
def learner(onefile: SandboxServer) -> Learner:
    made = LearnerFactory(onefile_id=None, ident="CANARY-1", **OURS)
    QualificationFactory(learner=made, onefile_id=None)
    ReviewFactory(learner=made, onefile_id=None, proposed_date=date(2026, 3, 12))
    return made


@pytest.fixture
def user_id(onefile: SandboxServer, world: World) -> int:
    user = world.add_learner(**THEIRS)
    world.add_aim(user.id)
    world.add_review(user.id)
    return user.id


@pytest.fixture
def client(staff: Callable[..., User], browser: Callable[..., Any]) -> Any:
    permitted = ("link_records", "match_records", "refresh_links", "view_syncrun", "refresh_learner")
    return browser(staff(*permitted, "change_learner", "change_officer", "change_organisation"))


def read_everything() -> None:
    services.perform(directory.start_reading(DirectoryKind, queued=False), sleep=dont_wait)


def form_of(answer: Any) -> dict[str, str]:
    html = answer.content.decode()
    return dict(re.findall(r'<input type="hidden"[^>]*name="([^"]*)" value="([^"]*)"', html))


def test_a_check_and_its_refusals(
    learner: Learner, user_id: int, client: Any, told: Told, world: World
) -> None:
    page = reverse("onefile_sync:link", args=[learner.pk])
    told.watch(client.get(page))
    seen = told.watch(client.post(page, {"action": "check", "onefile_id": user_id}))
    assert "theirs.canary@example.org" in seen.content.decode()
    shown = {**form_of(seen), "action": "save", "onefile_id": user_id, "reviews_answer": "different"}
    told.watch(client.post(page, shown))
    assert Learner.objects.get().onefile_id is None, "the two contradict each other"
    assessor = world.add_assessor(first_name="Canaryofficer", email="theirs.canary@example.org")
    for odd in (assessor.id, user_id + 999, 0, "theirs.canary@example.org", "9" * 20):
        told.watch(client.post(page, {"action": "check", "onefile_id": odd}))
    told.watch(client.post(page, {**shown, "same_person": "yes"}))
    assert Learner.objects.get().onefile_id == user_id
    unlink = reverse("onefile_sync:unlink", args=[learner.pk])
    told.watch(client.get(unlink))
    told.watch(client.post(unlink))
    assert Learner.objects.get().onefile_id is None
    assert (told.in_addresses(), told.elsewhere(), on_record()) == ([], [], [])


def test_a_check_by_rest(learner: Learner, user_id: int, client: Any, told: Told) -> None:
    rest = APIClient()
    rest.force_login(User.objects.get(pk=client.session["_auth_user_id"]))
    page = f"/api/onefile/learners/{learner.pk}/link/"
    seen = rest.post(page, {"onefile_id": user_id}, format="json")
    decision = {"onefile_id": user_id, "shown": seen.json()["shown"]}
    assert rest.post(page, decision, format="json").status_code == 409
    assert rest.post(page, {**decision, "shown": "ours.canary"}, format="json").status_code in (400, 409)
    assert rest.post(page, {"onefile_id": "theirs.canary"}, format="json").status_code == 400
    assert rest.post(page, {**decision, "same_person": True}, format="json").status_code in (200, 201)
    rest.delete(page)
    assert (told.elsewhere(), on_record()) == ([], [])


FAULTS: Final = (
    Fault(operation="*", kind="reset", times=99),
    Fault(operation="*", kind="status", status=400, body=BODY, times=99),
    Fault(operation="*", kind="status", status=500, body=BODY, times=99),
    Fault(operation="*", kind="html", times=99),
    Fault(operation="*", kind="broken_json", when="after", times=99),
    Fault(operation="*", kind="wrong_type", when="after", times=99),
)
fault = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind} {fault.status}")


@fault
def test_a_check_that_onefile_spoils(
    learner: Learner,
    user_id: int,
    client: Any,
    told: Told,
    onefile: SandboxServer,
    fault: Fault,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = reverse("onefile_sync:link", args=[learner.pk])
    services.check_connection()
    for operation in ("User", "LearningAim/Search", "Review/Search"):
        onefile.faults[:] = [replace(fault, operation=operation)]
        told.watch(client.post(page, {"action": "check", "onefile_id": user_id}))
        told.watch(client.post(f"/api/onefile/learners/{learner.pk}/link/", {"onefile_id": user_id}))
    assert (told.in_addresses(), told.elsewhere(), on_record()) == ([], [], [])


class Broken(Exception):
    """Something that nobody foresaw."""


@pytest.mark.parametrize("rest", [False, True], ids=["page", "rest"])
@pytest.mark.parametrize("where", ["link", "records"])
def test_the_error_report_of_a_link_that_breaks(
    learner: Learner,
    user_id: int,
    client: Any,
    told: Told,
    where: str,
    rest: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = reverse("onefile_sync:link", args=[learner.pk])
    if rest:
        page = f"/api/onefile/learners/{learner.pk}/link/"
    seen = client.post(page, {"action": "check", "onefile_id": user_id})
    shown = seen.json()["shown"] if rest else form_of(seen)["shown"]

    def broken(*_args: Any, **_kwargs: Any) -> Any:
        raise Broken

    monkeypatch.setattr(*((linker, "link") if where == "link" else (OneFile, "page_of_reviews")), broken)
    reports: list[str] = []

    def keep(request: Any, **_kwargs: Any) -> None:
        error = sys.exc_info()[1]
        assert error is not None
        reports.append(everything_shown(error, request))

    got_request_exception.connect(keep)
    client.raise_request_exception = False
    form = {"action": "save", "onefile_id": user_id, "shown": shown, "same_person": "yes"}
    answer = client.post(page, {**form, "reviews_answer": "different"})
    got_request_exception.disconnect(keep)
    assert answer.status_code == 500
    assert reports
    assert [canary for canary in IDENTIFIERS if canary in "".join(reports)] == []


@pytest.mark.parametrize(
    "switches",
    [Switches(rate_limit=0), Switches(rate_limit=0, items="rich")],
    ids=["thin", "rich"],
)
def test_lists_matching_and_linking(
    learner: Learner, user_id: int, client: Any, told: Told, world: World, onefile: SandboxServer
) -> None:
    officer = OfficerFactory(
        onefile_id=None,
        first_name="Canaryofficer",
        surname="Canarysurname",
        email="ours.canary@example.org",
        ident="C-5",
    )
    theirs = {"first_name": "Canaryofficer", "last_name": "Canarysurname", "misid": "C-5"}
    world.add_assessor(**theirs, email="ours.canary@example.org")
    Learner.objects.update(uln=THEIRS["uln"], main_officer=officer)
    read_everything()
    services.perform(services.match(["learner", "officer"], queued=False), sleep=dont_wait)
    entry = DirectoryEntry.objects.get(onefile_id=user_id, kind="learner")
    assert {"uln", "ni", "dob", "email"} <= entry.digests.keys()
    assert entry.email == ""
    DirectoryEntry.objects.filter(kind="assessor").update(
        email=""
    )  # in clear: an officer's address is no secret
    assert on_record() == []

    for address in ("match", "matches", "matches_csv", "unmatched", "unmatched-csv", "lists"):
        told.watch(client.get(reverse(f"onefile_sync:{address}")))
    pair = MatchSuggestion.objects.get(subject_kind="learner")
    told.watch(client.get(reverse("onefile_sync:match_pair", args=[pair.pk])))
    pks = MatchSuggestion.objects.values_list("pk", flat=True)
    run = confirmed_matches.link_ticked(pks, singly=True, queued=False)
    assert run is not None
    services.perform(run, sleep=dont_wait)
    assert RecordLink.objects.filter(ended_at=None).count() >= 2
    told.watch(client.get(run.get_absolute_url()))
    assert (told.in_addresses(), told.elsewhere(), on_record()) == ([], [], [])


@fault
def test_runs_that_onefile_spoils(
    learner: Learner, user_id: int, told: Told, onefile: SandboxServer, fault: Fault
) -> None:
    Learner.objects.update(uln=THEIRS["uln"])
    onefile.faults[:] = [replace(fault, operation="User/Search")]
    read_everything()
    onefile.faults.clear()
    read_everything()
    onefile.faults[:] = [replace(fault, operation="User")]
    services.perform(match_run.start(["learner"], queued=False), sleep=dont_wait)
    onefile.faults.clear()
    SyncRun.objects.exclude(state="finished").update(state="finished", open_key=None)
    DirectoryEntry.objects.update(detailed_at=None, due_in=None)
    services.perform(match_run.start(["learner"], queued=False), sleep=dont_wait)
    for operation in ("User", "LearningAim/Search", "Review/Search"):
        onefile.faults[:] = [replace(fault, operation=operation)]
        pks = MatchSuggestion.objects.filter(state__in=("open", "refused")).values_list("pk", flat=True)
        if (run := confirmed_matches.link_ticked(pks, singly=True, queued=False)) is not None:
            services.perform(run, sleep=dont_wait)
    assert MatchSuggestion.objects.exists()
    assert (told.elsewhere(), on_record()) == ([], [])


def test_the_look_up(client: Any, told: Told, world: World, onefile: SandboxServer) -> None:
    officer = OfficerFactory(
        first_name="Canaryofficer", surname="Canarysurname", email="ours.canary@example.org", onefile_id=None
    )
    OfficerFactory(surname="Canarysurname", onefile_id=77)
    theirs = world.add_assessor(
        first_name="Filesforename", last_name="Canarysurname", email="theirs.canary@example.org"
    )
    read_everything()
    page = reverse("onefile_sync:look-up", args=["officer", officer.pk])
    seen = told.watch(client.get(page))
    assert "Filesforename" in seen.content.decode()
    for chosen in (77, 999, theirs.id):
        told.watch(client.post(page, {"onefile_id": chosen}))
    assert Officer.objects.get(pk=officer.pk).onefile_id == theirs.id
    unlink = reverse("onefile_sync:look-up-unlink", args=["officer", officer.pk, theirs.id])
    told.watch(client.get(unlink))
    told.watch(client.post(unlink))
    assert (told.in_addresses(), told.elsewhere()) == ([], [])
    DirectoryEntry.objects.all().delete()  # whose e-mail of an assessor is shown in the list
    assert on_record() == []
