"""A list says what it says: what it leaves out is not known, for one learner as for everyone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefile_sync.host.snapshot import Attendance
from onefile_sync.models import ListedProperty, OutcomeState
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from onefile_sync.sync.bulk import compare, sample
from onefile_sync.sync.connection.list_evidence import MANY, ListEvidence
from tests.conftest import PROFILE, daily_of, problems, sync
from tests.factories import Host
from tests.scenarios.everyone import build_in_step, daily
from tests.scenarios.two_of_each import (
    AUTUMN,
    SPRING,
    SUMMER_AT_TEN,
    TwoOfEach,
    build_two_of_each,
    ending,
    qualification_of,
    review_of,
)

pytestmark = pytest.mark.matrix

WAYS = [pytest.param(sync, id="one learner"), pytest.param(daily_of, id="everyone")]


@pytest.fixture
def scenario(host: Host, world: World) -> TwoOfEach:
    return build_two_of_each(host, world)


def without_an_id(items: Any) -> Any:
    """The first item of a page as a broken one."""
    return [{name: value for name, value in items[0].items() if name != "ID"}, *items[1:]]


def codes(outcome: Any) -> set[str]:
    return set(problems(outcome)) - {"unreadable_items"}


@pytest.mark.parametrize("refresh", WAYS)
class TestAnItemWithoutAnId:
    def test_hides_no_record_that_was_deleted(
        self, refresh: Callable[[Any], Any], scenario: TwoOfEach, world: World, onefile: SandboxServer
    ) -> None:
        sync(scenario.learner)
        del world.aims[scenario.other_aim.id], world.reviews[scenario.held.id]
        for operation in ("LearningAim/Search", "Review/Search"):
            fault = Fault(operation=operation, kind="edited", when="after", times=9, edit=without_an_id)
            onefile.faults.append(fault)

        assert codes(refresh(scenario.learner)) == {"aim_gone", "review_gone"}

    def test_makes_no_record_seem_deleted(
        self, refresh: Callable[[Any], Any], scenario: TwoOfEach, world: World, onefile: SandboxServer
    ) -> None:
        sync(scenario.learner)
        for operation in ("LearningAim/Search", "Review/Search"):
            fault = Fault(operation=operation, kind="edited", when="after", times=9, edit=without_an_id)
            onefile.faults.append(fault)

        assert codes(refresh(scenario.learner)) == set()


@pytest.mark.parametrize("refresh", WAYS)
@pytest.mark.parametrize("sent", [b"[]", b"null", b"one item less"])
def test_what_is_not_listed_and_there_is_not_called_deleted(
    sent: bytes, refresh: Callable[[Any], Any], scenario: TwoOfEach, world: World, onefile: SandboxServer
) -> None:
    sync(scenario.learner)
    for operation in ("LearningAim/Search", "Review/Search"):
        if sent == b"one item less":
            fault = Fault(
                operation=operation, kind="edited", when="after", times=9, edit=lambda items: items[:-1]
            )
        else:
            fault = Fault(operation=operation, kind="status", status=200, body=sent, times=9)
        onefile.faults.append(fault)

    outcome = refresh(scenario.learner)

    assert codes(outcome) == set()
    assert not outcome.changes.exists()


@pytest.mark.parametrize("refresh", WAYS)
def test_a_linked_record_of_another_learner_is_reported_as_such(
    refresh: Callable[[Any], Any], scenario: TwoOfEach, host: Host, world: World, onefile: SandboxServer
) -> None:
    sync(scenario.learner)
    other = world.add_learner()
    aim, review = world.add_aim(other.id), world.add_review(other.id)
    host.qualification(scenario.learner, onefile_id=aim.id)
    host.review(scenario.learner, onefile_id=review.id)

    assert codes(refresh(scenario.learner)) == {"foreign_aim", "foreign_review"}


class TestAPageLimit:
    @pytest.fixture
    def switches(self, items: Any) -> Switches:
        return Switches(rate_limit=0, items=items, page_limit=1)

    @pytest.mark.parametrize("refresh", WAYS)
    def test_makes_no_record_seem_deleted(
        self, refresh: Callable[[Any], Any], scenario: TwoOfEach, world: World, onefile: SandboxServer
    ) -> None:
        assert codes(refresh(scenario.learner)) == set()
        assert codes(refresh(scenario.learner)) == set()


AIM_NAMES = {
    "UserID",
    "TotalElements",
    "ElementsDone",
    "RegistrationNumber",
    "RegistrationDate",
    "CertificateAppliedDate",
    "CertificateReceivedDate",
}
REVIEW_NAMES = {
    "LearnerID",
    "AssessorID",
    "VisitID",
    "ScheduledFor",
    "StartedOn",
    "LearnerSignedOn",
    "CreatedOn",
}


def leave_out(onefile: SandboxServer, names: set[str]) -> None:
    """From now on, lists have none of these."""

    def without(items: Any) -> Any:
        return [{name: value for name, value in item.items() if name not in names} for item in items]

    onefile.faults[:] = [
        Fault(operation=operation, kind="edited", when="after", times=10**6, edit=without)
        for operation in ("LearningAim/Search", "Review/Search")
    ]


class WithFullLists:
    @pytest.fixture
    def items(self) -> Any:
        return "rich"


class TestHalfRichLists(WithFullLists):
    @pytest.mark.parametrize("refresh", WAYS)
    @settings(
        max_examples=2 if PROFILE == "quick" else 6, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(names=st.sets(st.sampled_from(sorted(AIM_NAMES | REVIEW_NAMES)), min_size=1))
    def test_lead_to_the_same_result_whatever_they_include(
        self,
        refresh: Callable[[Any], Any],
        host: Host,
        world: World,
        onefile: SandboxServer,
        names: set[str],
    ) -> None:
        ends = []
        for left_out in (set[str](), names):
            with transaction.atomic():
                scenario = build_two_of_each(host, world)
                leave_out(onefile, left_out)
                assert set(problems(refresh(scenario.learner))) == set()
                ends.append(ending(scenario, world))
                writes = world.writes
                assert refresh(scenario.learner).state == OutcomeState.UNCHANGED
                assert world.writes == writes
                transaction.set_rollback(True)

        assert ends[0] == ends[1]

    @pytest.mark.parametrize("refresh", WAYS)
    def test_blank_no_attendance_and_report_no_assessor(
        self, refresh: Callable[[Any], Any], scenario: TwoOfEach, onefile: SandboxServer
    ) -> None:
        sync(scenario.learner)
        leave_out(onefile, {"StartedOn", "RegistrationDate"})

        for _night in range(3):
            outcome = refresh(scenario.learner)
            assert outcome.state == OutcomeState.UNCHANGED
        assert review_of(scenario, scenario.held).attended is Attendance.YES

    @pytest.mark.parametrize("refresh", WAYS)
    def test_hide_no_unreadable_value(
        self, refresh: Callable[[Any], Any], scenario: TwoOfEach, world: World, onefile: SandboxServer
    ) -> None:
        sync(scenario.learner)
        scenario.held.wire = {"StartedOn": "yesterday"}
        scenario.aim.wire = {"TotalElements": "many"}

        assert codes(refresh(scenario.learner)) == {"bad_value"}
        leave_out(onefile, {"StartedOn", "TotalElements"})
        assert codes(refresh(scenario.learner)) == {"bad_value"}

    @pytest.mark.parametrize("refresh", WAYS)
    def test_that_gave_everything_until_now_are_found_out_at_once(
        self, refresh: Callable[[Any], Any], host: Host, world: World, onefile: SandboxServer
    ) -> None:
        """Nothing that PICSWeb has is blanked or sent on a list's silence, however sure lists seemed to be."""
        scenario = build_two_of_each(host, world)
        for _number in range(10):
            world.add_review(
                scenario.onefile_id, scheduled_for=SUMMER_AT_TEN, assessor_id=scenario.officer.onefile_id
            )
            refresh(scenario.learner)
        assert ListedProperty.objects.filter(name="StartedOn", shown=True, missing_at=None).exists()
        writes = world.writes
        leave_out(onefile, {"StartedOn", "RegistrationDate", "RegistrationNumber"})

        assert refresh(scenario.learner).state == OutcomeState.UNCHANGED

        assert world.writes == writes
        assert ListedProperty.objects.filter(name="StartedOn", missing_at__isnull=False).exists()
        assert ListedProperty.objects.filter(name="RegistrationDate", missing_at__isnull=False).exists()
        scenario.new.started_on = None
        scenario.new.learner_signed_on = None
        refresh(scenario.learner)
        assert review_of(scenario, scenario.new).attended is Attendance.UNKNOWN

    def test_are_found_out_for_everybody_in_the_same_night(
        self, host: Host, world: World, onefile: SandboxServer
    ) -> None:
        build_in_step(host, world, 5)
        daily()
        daily()
        leave_out(onefile, {"RegistrationNumber"})
        for number, aim in enumerate(world.aims.values()):
            aim.registration_number = f"NEW-{number}"

        run = daily()

        assert set(run.outcomes.values_list("state", flat=True)) == {"updated"}
        assert ListedProperty.objects.filter(name="RegistrationNumber", missing_at__isnull=False).exists()


def believe_in_everything(address: str) -> None:
    """Simulate enough comparisons that properties which lists never included count as blank."""
    ListedProperty.objects.all().delete()
    evidence = ListEvidence.load(address)
    ListedProperty.objects.bulk_create(
        ListedProperty(address=address, kind=kind, name=name, agreed=MANY, records=MANY)
        for kind, names in evidence.names.items()
        for name in names.values()
    )


class TestPropertiesThatNoListEverCarried(WithFullLists):
    """They are believed to be blank after many comparisons. What that may cost is news, never what PICSWeb has."""

    @pytest.mark.parametrize("refresh", WAYS)
    @settings(
        max_examples=2 if PROFILE == "quick" else 8, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(names=st.sets(st.sampled_from(sorted(AIM_NAMES | REVIEW_NAMES)), min_size=1))
    def test_blank_nothing_and_send_nothing(
        self,
        refresh: Callable[[Any], Any],
        host: Host,
        world: World,
        onefile: SandboxServer,
        names: set[str],
    ) -> None:
        with transaction.atomic():
            scenario = build_two_of_each(host, world)
            leave_out(onefile, set())
            refresh(scenario.learner)
            before, writes = ending(scenario, world), world.writes
            leave_out(onefile, names)
            believe_in_everything(onefile.url)

            outcome = refresh(scenario.learner)

            assert (outcome.state, set(problems(outcome))) == (OutcomeState.UNCHANGED, set())
            assert (ending(scenario, world), world.writes) == (before, writes)
            transaction.set_rollback(True)

    @pytest.mark.parametrize("refresh", WAYS)
    def test_send_nothing_over_what_onefile_has(
        self,
        refresh: Callable[[Any], Any],
        scenario: TwoOfEach,
        host: Host,
        world: World,
        onefile: SandboxServer,
    ) -> None:
        refresh(scenario.learner)
        scenario.aim.certificate_applied_date = SPRING
        ours = host.translate("qualification", {"certificate_applied_date": AUTUMN})
        type(scenario.qualification).objects.filter(pk=scenario.qualification.pk).update(**ours)
        leave_out(onefile, AIM_NAMES)
        believe_in_everything(onefile.url)

        refresh(scenario.learner)

        assert scenario.aim.certificate_applied_date == SPRING
        assert qualification_of(scenario, scenario.aim).values["certificate_applied_date"] == SPRING

    @pytest.mark.parametrize("refresh", WAYS)
    def test_report_no_progress_that_onefile_does_not_have(
        self, refresh: Callable[[Any], Any], scenario: TwoOfEach, onefile: SandboxServer
    ) -> None:
        """Done by PICSWeb and in all by OneFile would be more than all."""
        refresh(scenario.learner)
        scenario.aim.total_elements, scenario.aim.elements_done = 6, 4
        leave_out(onefile, {"ElementsDone"})
        believe_in_everything(onefile.url)

        outcome = refresh(scenario.learner)

        assert problems(outcome) == []
        row = qualification_of(scenario, scenario.aim)
        assert (row.values["total_elements"], row.values["elements_done"]) == (6, 4)


class TestNumbersThatAListDidNotLoad(WithFullLists):
    """Servers write 0 for them, as they write no date for dates."""

    @pytest.mark.parametrize("refresh", WAYS)
    @pytest.mark.parametrize(
        "names", [("TotalElements",), ("ElementsDone",), ("TotalElements", "ElementsDone")], ids=" ".join
    )
    def test_replace_no_progress_and_report_none(
        self,
        names: tuple[str, ...],
        refresh: Callable[[Any], Any],
        scenario: TwoOfEach,
        onefile: SandboxServer,
    ) -> None:
        refresh(scenario.learner)

        def noughts(items: Any) -> Any:
            return [{**item, **dict.fromkeys(names, 0)} for item in items]

        onefile.faults.append(
            Fault(operation="LearningAim/Search", kind="edited", when="after", times=10**6, edit=noughts)
        )
        believe_in_everything(onefile.url)

        outcome = refresh(scenario.learner)

        assert problems(outcome) == []
        row = qualification_of(scenario, scenario.aim)
        assert (row.values["total_elements"], row.values["elements_done"]) == (20, 7)

    @pytest.mark.parametrize("refresh", WAYS)
    def test_are_taken_from_the_record_itself(
        self, refresh: Callable[[Any], Any], scenario: TwoOfEach, onefile: SandboxServer
    ) -> None:
        refresh(scenario.learner)
        scenario.aim.elements_done = 0

        refresh(scenario.learner)

        assert qualification_of(scenario, scenario.aim).values["elements_done"] == 0


class TestFullLists(WithFullLists):
    def test_are_believed_after_the_first_night(
        self, host: Host, world: World, onefile: SandboxServer
    ) -> None:
        build_in_step(host, world, 5)
        daily()
        onefile.reset_counts()

        daily()

        read_alone = onefile.calls["LearningAim/get"] + onefile.calls["Review/get"]
        assert read_alone == 2 * 2

    def test_that_were_overtaken_by_a_change_stay_believed(
        self, scenario: TwoOfEach, world: World, onefile: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A review is started after the lists were read: that tells nothing about lists."""
        for _night in range(3):
            daily()
        review_row = review_of(scenario, scenario.new)
        assert review_row.attended is Attendance.YES
        scenario.new.started_on = None
        staged_for = compare.staged_for

        def start_it(*about: Any) -> Any:
            scenario.new.started_on = SPRING
            return staged_for(*about)

        monkeypatch.setattr(compare, "staged_for", start_it)
        monkeypatch.setattr(sample.Sample, "_rows", lambda *_about: iter(()))

        run = daily()

        assert run.outcomes.get().state == OutcomeState.UNCHANGED
        assert not ListedProperty.objects.filter(name="StartedOn", missing_at__isnull=False).exists()
