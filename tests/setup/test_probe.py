"""`onefile_probe` finds out what OneFile really sends and prints no personal value."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from onefile_sync import services
from onefile_sync.host.snapshot import Attendance
from onefile_sync.models import OneFileSettings
from onefile_sync.sandbox import entities
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from onefile_sync.setup import connection_test
from onefile_sync.setup.redaction import kind_of, shown
from tests.conftest import dont_wait
from tests.factories import Host
from tests.run_fixtures import refuse_the_token

pytestmark = pytest.mark.matrix

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
SILENT = Switches(rate_limit=0)
#: The learner's values in OneFile, none of which may be printed.
PERSONAL = ("Angharad", "Quillfeather", "angharad@example.org", "REG-77431", "Tŷ Mawr", "2026", "07700900321")


@dataclass
class Story:
    """A learner in PICSWeb, and the same learner in OneFile."""

    learner: Any
    user: entities.SandboxUser
    aim: entities.SandboxAim
    review: entities.SandboxReview


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person at a terminal waits between two attempts; the tests do not."""
    monkeypatch.setattr(connection_test, "connect", partial(connection_test.connect, sleep=dont_wait))


@pytest.fixture
def story(host: Host, world: World) -> Story:
    user = world.add_learner(
        first_name="Angharad",
        last_name="Quillfeather",
        email="angharad@example.org",
        home_address="Tŷ Mawr",
        mobile_number="07700900321",
    )
    aim = world.add_aim(
        user.id,
        start_date=date(2026, 1, 5),
        registration_number="REG-77431",
        registration_date=date(2026, 2, 3),
        total_elements=7431,
        elements_done=6218,
    )
    visit = world.add_visit(user.id, date_from=START, date_to=START)
    world.add_review(user.id, scheduled_for=START, created_on=START)
    review = world.add_review(
        user.id, scheduled_for=START, created_on=START, started_on=START, visit_id=visit.id
    )
    learner = host.learner(onefile_id=user.id)
    host.qualification(learner, onefile_id=aim.id, registration_number="REG-77431")
    host.review(learner, onefile_id=review.id, attended=Attendance.YES, actual_date=START.date())
    return Story(learner, user, aim, review)


def ask(**options: Any) -> str:
    screen = io.StringIO()
    call_command("onefile_probe", stdout=screen, **options)
    return screen.getvalue()


def found(**options: Any) -> dict[str, Any]:
    """The object that ``--json`` prints."""
    report: dict[str, Any] = json.loads(ask(json=True, **options))
    return report


def kinds(properties: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    return {each["name"]: each["kinds"] for each in properties}


def states(report: dict[str, Any]) -> dict[str, str]:
    return {role: each["state"] for role, each in report["aim_names"].items()}


def refusal_of(**options: Any) -> str:
    with pytest.raises(CommandError) as caught:
        ask(**options)
    assert caught.value.returncode == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("switches", [replace(SILENT, items="most")])
def test_what_lists_lack_is_said_in_words(switches: Switches, onefile: SandboxServer, story: Story) -> None:
    said = ask()

    assert "items: partial" in said
    assert "left out of the list, though the record has a value: StartedOn, VisitID" in said
    assert "without a value in the list, and perhaps only blank: CertificateAppliedDate" in said


class TestWhatIsFound:
    def test_on_a_learning_aim(self, onefile: SandboxServer, story: Story) -> None:
        report = found()

        assert report["learner"] == str(story.learner.pk)
        assert report["learning_aims"]["answer"] == "list of 1"
        assert kinds(report["learning_aims"]["properties"]) == {
            "ID": {"whole number": 1},
            "StandardID": {"whole number": 1},
            "UserID": {"whole number": 1},
            "Status": {"whole number": 1},
        }
        detail = kinds(report["learning_aim"]["properties"])
        assert detail["RegistrationNumber"] == {"text": 1}
        assert detail["RegistrationDate"] == {"date dddd-dd-ddTdd:dd:ddZ": 1}
        assert "CertificateAppliedDate" not in detail

    def test_of_the_names_on_a_learning_aim(self, onefile: SandboxServer, story: Story) -> None:
        assert states(found()) == {
            "registration_number": "present",
            "registration_date": "present",
            "certificate_applied_date": "absent",
            "certificate_received_date": "absent",
            "total_elements": "present",
            "elements_done": "present",
        }
        assert "may only be blank here" in ask()

    def test_of_names_that_onefile_calls_otherwise(self, onefile: SandboxServer, story: Story) -> None:
        story.aim.wire.update(
            TotalElements=entities.ABSENT,
            ElementsTotal=7431,
            CertificateRecievedDate="2026-02-03",
            Colour="red",
        )

        report = found()

        assert states(report)["total_elements"] == "absent"
        assert report["aim_name_candidates"] == ["CertificateRecievedDate", "ElementsTotal"]
        assert "look likely: CertificateRecievedDate, ElementsTotal" in ask()

    def test_of_names_that_are_configured(self, onefile: SandboxServer, story: Story, settings: Any) -> None:
        story.aim.wire.update(TotalElements=entities.ABSENT, ElementsTotal=7431)
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "AIM_NAMES": {"total_elements": "ElementsTotal"}}

        report = found()

        assert report["aim_names"]["total_elements"] == {"name": "ElementsTotal", "state": "present"}
        assert report["aim_name_candidates"] == []

    def test_of_values_that_the_sync_cannot_read(self, onefile: SandboxServer, story: Story) -> None:
        story.aim.wire["RegistrationDate"] = "03 Feb 2026"
        story.review.wire["StartedOn"] = "/Date(soon 03)/"

        report = found()

        assert states(report)["registration_date"] == "unreadable"
        assert report["review"]["unreadable"] == ["started_on"]
        assert {shape for shape in report["date_shapes"] if shape.startswith("unreadable")} == {
            "unreadable date dd aaa dddd",
            "unreadable date /aaaa(aaaa dd)/",
        }
        assert "values that the sync cannot read: started_on" in ask()

    def test_of_the_review_that_has_the_most_to_show(self, onefile: SandboxServer, story: Story) -> None:
        report = found()

        assert kinds(report["reviews"]["properties"])["ScheduledFor"] == {"date dddd-dd-ddTdd:dd:ddZ": 2}
        assert kinds(report["review"]["properties"])["StartedOn"] == {"date dddd-dd-ddTdd:dd:ddZ": 1}
        assert report["visit"] == {"answer": "status 404", "properties": [], "unreadable": []}

    def test_of_a_learner_whose_rows_are_not_linked(
        self, host: Host, onefile: SandboxServer, story: Story
    ) -> None:
        colleague = onefile.world.add_learner()
        onefile.world.add_aim(colleague.id, elements_done=3)
        onefile.world.add_review(colleague.id, scheduled_for=START, started_on=START)
        unlinked = host.learner(onefile_id=colleague.id)

        report = found(learner=str(unlinked.pk))

        assert report["learner"] == str(unlinked.pk)
        assert states(report)["elements_done"] == "present"
        assert "StartedOn" in kinds(report["review"]["properties"])
        assert report["visit"] is None

    def test_of_a_learner_who_has_nothing(self, host: Host, onefile: SandboxServer) -> None:
        alone = host.learner(onefile_id=onefile.world.add_learner().id)

        report = found(learner=str(alone.pk))

        assert (report["learning_aims"]["answer"], report["learning_aims"]["items"]) == ("status 204", "none")
        assert (report["learning_aim"], report["review"], report["paging"]) == (None, None, None)
        assert set(states(report).values()) == {"unknown"}
        assert "try another learner" in ask(learner=str(alone.pk))


class TestPages:
    def test_are_honoured_and_hold_as_many_as_no_pages(self, onefile: SandboxServer, story: Story) -> None:
        assert found()["paging"] == {
            "search": "search reviews",
            "page_size": 100,
            "found": 2,
            "page_size_honoured": True,
            "next_page_differs": True,
            "unpaged": 2,
            "unpaged_equals_paged": True,
            "past_the_end": "status 204",
        }

    def test_of_the_search_with_more_records(self, onefile: SandboxServer, story: Story) -> None:
        for _each in range(3):
            onefile.world.add_aim(story.user.id)

        paging = found()["paging"]

        assert (paging["search"], paging["found"]) == ("search learning aims", 4)

    def test_of_one_record_tell_less(self, onefile: SandboxServer, story: Story) -> None:
        del onefile.world.reviews[story.review.id]

        paging = found()["paging"]

        assert (paging["page_size_honoured"], paging["next_page_differs"]) == (None, None)
        assert (paging["unpaged"], paging["unpaged_equals_paged"]) == (1, True)
        assert "a page size of 1 is honoured: cannot be told" in ask()

    def test_full_to_the_brim_do_not_tell_how_many_there_are(
        self, onefile: SandboxServer, story: Story, settings: Any
    ) -> None:
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "PAGE_SIZE": 2}
        onefile.world.add_review(story.user.id, scheduled_for=START)

        paging = found()["paging"]

        assert (paging["found"], paging["unpaged"], paging["unpaged_equals_paged"]) == (2, 3, None)

    def test_smaller_than_asked_for_come_with_advice(
        self, onefile: SandboxServer, story: Story, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With a server that caps pages at two records, the sync would stop too early."""
        onefile.world.add_review(story.user.id, scheduled_for=START)
        on_page = onefile._api.on_page
        monkeypatch.setattr(
            onefile._api, "on_page", lambda reviews, page, size: on_page(reviews, page, min(size, 2))
        )

        assert found()["paging"]["unpaged_equals_paged"] is False
        assert "set PAGE_SIZE to 2 at most" in ask()

    def test_that_are_not_honoured(
        self, onefile: SandboxServer, story: Story, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(onefile._api, "on_page", lambda reviews, page, size: reviews)

        paging = found()["paging"]

        assert (paging["page_size_honoured"], paging["next_page_differs"]) == (False, False)
        assert paging["past_the_end"] == "list of 2"

    def test_that_are_refused_are_a_finding(
        self, onefile: SandboxServer, story: Story, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        search_reviews = type(onefile._api).search_reviews

        def only_whole_pages(api: Any, call: Any) -> Any:
            if call.size == 100:
                return search_reviews(api, call)
            return replace(search_reviews(api, call), status=400)

        monkeypatch.setitem(_carriers(), "Review/Search", only_whole_pages)

        paging = found()["paging"]

        assert (paging["page_size_honoured"], paging["next_page_differs"]) == (None, None)
        assert (paging["unpaged"], paging["unpaged_equals_paged"]) == (None, None)
        assert "without pages: refused" in ask()


def _carriers() -> dict[str, Any]:
    """What carries out each operation of the sandbox."""
    from onefile_sync.sandbox import api

    return api._CARRY_OUT


@pytest.mark.parametrize(
    ("switches", "path", "expected"),
    [
        (SILENT, "learning_aims.items", "thin"),
        (replace(SILENT, items="rich"), "learning_aims.items", "full"),
        (replace(SILENT, items="some"), "learning_aims.items", "partial"),
        (replace(SILENT, items="most"), "learning_aims.items", "partial"),
        (replace(SILENT, items="rich"), "learning_aims.left_out", []),
        (
            replace(SILENT, items="most"),
            "learning_aims.without_a_value",
            ["CertificateAppliedDate", "CertificateReceivedDate"],
        ),
        (replace(SILENT, items="most"), "learning_aims.left_out", ["ElementsDone"]),
        (replace(SILENT, items="most"), "reviews.left_out", ["StartedOn", "VisitID"]),
        (replace(SILENT, items="most", nulls="null"), "reviews.left_out", ["StartedOn", "VisitID"]),
        (replace(SILENT, items="some"), "reviews.items", "partial"),
        (replace(SILENT, items="most"), "reviews.items", "partial"),
        (SILENT, "reviews.items", "thin"),
        (replace(SILENT, items="rich"), "reviews.items", "full"),
        (SILENT, "blanks", {"null": 0, "empty text": 0}),
        (SILENT, "date_shapes", ["date dddd-dd-ddTdd:dd:ddZ"]),
        (replace(SILENT, dates="no zone"), "date_shapes", ["date dddd-dd-ddTdd:dd:dd"]),
        (replace(SILENT, dates="milliseconds"), "date_shapes", ["date dddd-dd-ddTdd:dd:dd.dddZ"]),
        (replace(SILENT, dates="offset"), "date_shapes", ["date dddd-dd-ddTdd:dd:dd+dd:dd"]),
        (SILENT, "unknown_id", {"read user": "status 404", "read learning aim": "status 404"}),
        (
            replace(SILENT, unknown_id=400),
            "unknown_id",
            {"read user": "status 400", "read learning aim": "status 400"},
        ),
        (SILENT, "paging.past_the_end", "status 204"),
        (replace(SILENT, past_the_end="empty list"), "paging.past_the_end", "empty list"),
        (SILENT, "user_tells_centre", True),
        (replace(SILENT, users_carry_centre=False), "user_tells_centre", False),
        (replace(SILENT, users_carry_centre=False), "reviews_searched_with_centre", False),
        (replace(SILENT, property_names="camel"), "aim_names.total_elements.state", "present"),
        (replace(SILENT, nulls="null"), "aim_names.certificate_applied_date.state", "blank"),
        (replace(SILENT, nulls="empty"), "aim_names.certificate_applied_date.state", "blank"),
        (replace(SILENT, page_order="unstable"), "paging.next_page_differs", True),
        (
            replace(SILENT, users_carry_centre=False, review_search_without_centre="refused"),
            "reviews.answer",
            "status 400",
        ),
    ],
)
def test_each_behaviour_is_reported(
    switches: Switches, path: str, expected: object, onefile: SandboxServer, story: Story
) -> None:
    told: Any = found()
    for step in path.split("."):
        told = told[step]

    assert told == expected


@pytest.mark.parametrize(
    ("switches", "kind"),
    [(replace(SILENT, nulls="null"), "null"), (replace(SILENT, nulls="empty"), "empty text")],
)
def test_blanks_that_are_sent_are_counted(
    switches: Switches, kind: str, onefile: SandboxServer, story: Story
) -> None:
    report = found()

    assert report["blanks"][kind] > 0
    assert kinds(report["learning_aim"]["properties"])["AchievedDate"] == {kind: 1}
    assert "seem to be left out" not in ask()


@pytest.mark.parametrize("switches", [replace(SILENT, users_carry_centre=False)])
def test_a_centre_that_is_not_known_is_said(switches: Switches, onefile: SandboxServer, story: Story) -> None:
    assert "tells the learner's centre (OrganisationID): no" in ask()
    assert "searched without a centre" in ask()


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    "switches", [SILENT, *(replace(each, rate_limit=0) for _, _, each in Switches.each_alternative())]
)
def test_no_behaviour_makes_the_report_contain_a_value(
    switches: Switches, as_json: bool, onefile: SandboxServer, story: Story
) -> None:
    screen = ask(json=as_json)

    ids = (story.user.id, story.aim.id, story.review.id, story.review.visit_id, onefile.world.centre_id)
    secrets = [*PERSONAL, *map(str, ids), "7431", "6218", onefile.customer_token, *onefile.sessions._issued]
    words = set(
        re.findall(r"[^\s\",;:()]+", screen)
    )  # whole words: a UUID may happen to hold any four digits
    assert [secret for secret in secrets if secret in words] == []
    assert "RegistrationNumber" in screen or "registrationNumber" in screen


def test_it_reads_at_most_twelve_times_and_changes_nothing(onefile: SandboxServer, story: Story) -> None:
    report = found()

    del onefile.calls["Authentication"]
    assert report["api_calls"] == onefile.calls.total() == 12
    assert onefile.world.writes == 0
    assert set(onefile.calls) <= {
        "User/get",
        "LearningAim/Search",
        "LearningAim/get",
        "Review/Search",
        "Review/get",
        "unknown",
    }


def test_it_works_before_the_integration_is_switched_on(
    onefile: SandboxServer, story: Story, configure: Callable[..., None]
) -> None:
    configure(enabled=False, paused=True)

    assert "Learning aims" in ask()


def test_the_first_linked_learner_in_scope_is_looked_at(
    host: Host, onefile: SandboxServer, story: Story
) -> None:
    onefile.world.add_aim(onefile.world.add_learner(id=3).id)
    for learner in (
        host.learner(onefile_id=3),
        host.learner(onefile_id=None),
        host.learner(onefile_id=4, live=False),
    ):
        host.qualification(learner, onefile_id=None if learner.onefile_id == 3 else 99)
    learner_pk = story.learner.pk

    assert found()["learner"] == str(learner_pk)


class TestTrouble:
    @pytest.mark.parametrize(
        ("fault", "answer"),
        [
            (Fault(operation="LearningAim/get", kind="status", status=403, times=99), "status 403"),
            (Fault(operation="LearningAim/get", kind="html", times=99), "bad_answer"),
            (Fault(operation="LearningAim/get", kind="reset", times=99), "cut_off"),
            (
                Fault(operation="LearningAim/get", kind="status", status=200, body=b"7", times=99),
                "neither list nor object",
            ),
            (Fault(operation="LearningAim/get", kind="status", status=200, times=99), "empty body"),
        ],
    )
    def test_with_one_record_is_a_finding(
        self, fault: Fault, answer: str, onefile: SandboxServer, story: Story
    ) -> None:
        onefile.faults.append(fault)

        report = found()

        assert report["learning_aim"]["answer"] == answer
        assert report["review"]["answer"] == "object"
        assert states(report)["total_elements"] == "absent", "the search items are all there is to go by"

    def test_with_the_user_leaves_nothing_to_look_at(
        self, host: Host, onefile: SandboxServer, story: Story
    ) -> None:
        nobody = host.learner(onefile_id=7)

        assert "no record with this OneFile ID" in refusal_of(learner=str(nobody.pk))

    def test_with_a_user_that_is_no_record(self, onefile: SandboxServer, story: Story) -> None:
        onefile.faults.append(Fault(operation="User/get", kind="wrong_type"))

        assert "cannot read" in refusal_of()

    def test_that_meets_every_call_ends_it(self, onefile: SandboxServer, story: Story) -> None:
        onefile.faults.append(Fault(operation="Review/Search", kind="status", status=301, times=9))

        assert "redirects to another address" in refusal_of()

    def test_with_the_token(self, onefile: SandboxServer, story: Story) -> None:
        refuse_the_token(onefile)

        assert "did not accept the customer token" in refusal_of()

    def test_without_a_token(
        self, onefile: SandboxServer, story: Story, configure: Callable[..., None]
    ) -> None:
        configure(encrypted_customer_token="")

        assert "There is no customer token" in refusal_of()

    def test_without_a_linked_learner(self, host: Host, onefile: SandboxServer) -> None:
        host.learner(onefile_id=7)

        assert "No learner of the daily run has a qualification with a OneFile ID" in refusal_of()

    def test_with_a_learner_who_has_no_onefile_id(self, host: Host, onefile: SandboxServer) -> None:
        learner = host.learner(onefile_id=None)

        assert "no OneFile ID" in refusal_of(learner=str(learner.pk))

    @pytest.mark.parametrize("pk", ["987654", "no key at all"])
    def test_with_a_learner_who_is_not_there(self, pk: str, onefile: SandboxServer) -> None:
        assert refusal_of(learner=pk).startswith("PICSWeb has no learner with this primary key.")

    def test_with_the_mapping(self, switched_on: OneFileSettings, settings: Any) -> None:
        settings.ONEFILE_SYNC = {**settings.ONEFILE_SYNC, "LEARNER": {}}

        with pytest.raises(services.Refused) as refused:
            services.probe()
        assert refused.value.code == "mapping_wrong"


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("Status", None, "null"),
        ("SupportFunding", True, "yes or no"),
        ("ID", 7, "whole number"),
        ("Progress", 12.5, "number"),
        ("LastName", "Quillfeather", "text"),
        ("MISID", " ", "empty text"),
        ("Units", [1], "list"),
        ("Standard", {"ID": 1}, "object"),
        ("StartOn", "2026-03-02", "date dddd-dd-dd"),
        ("StartOn", "2026-03-02 09:30:00", "date dddd-dd-dd dd:dd:dd"),
        ("StartOn", "02/03/2026", "unreadable date dd/dd/dddd"),
        ("EndTime", "9 o\N{RIGHT SINGLE QUOTATION MARK}clock \x1b[2J", "unreadable date d aaaaaaa aada"),
        ("StartOn", "soon", "text"),
        ("ULN", "1234567890", "text"),
    ],
)
def test_the_description_of_a_value(name: str, value: object, kind: str) -> None:
    assert kind_of(name, value) == kind


@pytest.mark.parametrize("name", ["Zoë Llewellyn", "\x1b[2J", "12 High Street", ""])
def test_a_name_that_no_program_gave_is_not_shown(name: str) -> None:
    assert shown(name) == "(a name that is not shown)"
    assert shown("LearnerSignedOn") == "LearnerSignedOn"
