"""The exchange for one learner, from PICSWeb's tables to OneFile's records and back, over real sockets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from onefile_sync import host as picsweb
from onefile_sync.host.snapshot import Attendance, LearnerRow
from onefile_sync.models import LearnerOutcome, OutcomeState, UploadIntent
from onefile_sync.sandbox.entities import on_london_date
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from tests.conftest import changes, daily_of, preview, problems, sync
from tests.factories import Host
from tests.matrix import mixed_switches
from tests.scenarios.every_rule import AUTUMN, SPRING, SUMMER, EveryRule, build_every_rule

pytestmark = pytest.mark.matrix


def _named(switches: Switches) -> str:
    differing = [
        f"{name}={getattr(switches, name)}"
        for name in Switches.__slots__
        if getattr(switches, name) != getattr(Switches(rate_limit=switches.rate_limit), name)
    ]
    return ",".join(differing) or "default"


ALTERNATIVES = [
    Switches(rate_limit=0),
    *mixed_switches(),
    *(
        pytest.param(switches, id=_named(switches), marks=pytest.mark.exhaustive)
        for _name, _value, switches in Switches.each_alternative()
    ),
]


@pytest.fixture
def scenario(host: Host, world: World) -> EveryRule:
    return build_every_rule(host, world)


def row_of(scenario: EveryRule) -> LearnerRow:
    """The learner's current row, with qualifications in the order of the learning aims."""
    learner = picsweb.learner_by_pk(str(scenario.learner.pk))
    assert learner is not None
    row = picsweb.read_learner(learner)
    in_order = sorted(row.qualifications, key=lambda qualification: qualification.onefile_id or 0)
    return replace(row, qualifications=tuple(in_order))


@pytest.mark.parametrize("refresh", [sync, daily_of], ids=["one learner", "everyone"])
@pytest.mark.parametrize("switches", ALTERNATIVES, ids=_named)
def test_every_rule_is_carried_out_and_a_second_sync_changes_nothing(
    scenario: EveryRule,
    world: World,
    onefile: SandboxServer,
    counting: Callable[[], Any],
    refresh: Callable[[Any], LearnerOutcome],
) -> None:
    outcome = refresh(scenario.learner)

    assert problems(outcome) == []
    assert outcome.state == OutcomeState.UPDATED
    row = row_of(scenario)
    first, second, third = row.qualifications
    assert (first.values["total_elements"], first.values["elements_done"]) == (20, 7)
    assert (first.values["registration_number"], first.values["registration_date"]) == ("PICS-1", SUMMER)
    assert (second.values["registration_number"], second.values["registration_date"]) == ("OF-2", SPRING)
    assert second.values["certificate_received_date"] == AUTUMN
    assert third.values["total_elements"] == 99
    aim, other, _third = scenario.aims
    assert (aim.registration_number, on_london_date(aim.certificate_applied_date)) == ("PICS-1", SPRING)
    assert on_london_date(aim.registration_date) == SUMMER
    assert on_london_date(aim.start_date) == date(2025, 9, 1)
    assert (other.registration_number, on_london_date(other.registration_date)) == ("OF-2", SPRING)

    assert len(row.reviews) == len(world.reviews_of(scenario.onefile_id)) == 8
    held = next(review for review in row.reviews if review.pk == str(scenario.held.pk))
    assert (held.proposed_date, held.proposed_time) == (SUMMER, time(10, 0))
    assert (held.attended, held.actual_date) == (Attendance.YES, date(2026, 7, 2))
    assert held.trainee_signed_date == date(2026, 7, 4)  # half past midnight, British Summer Time
    assert held.officer == str(scenario.officer.pk)
    uploaded = next(review for review in row.reviews if review.pk == str(scenario.upload.pk))
    there = world.reviews[uploaded.onefile_id]
    assert there.scheduled_for == datetime(2026, 10, 30, 14, 30, tzinfo=UTC)
    visit = world.visits[there.visit_id]
    assert (visit.date_from, visit.date_to) == (
        there.scheduled_for,
        datetime(2026, 10, 30, 15, 30, tzinfo=UTC),
    )
    assert uploaded.attended is Attendance.UNKNOWN
    assert row.centre_id == world.centre_id
    assert not UploadIntent.objects.filter(finished_at=None).exists()

    writes = world.writes
    with counting() as counted:
        again = refresh(scenario.learner)
    assert again.state == OutcomeState.UNCHANGED
    assert counted.to_picsweb == 0
    assert world.writes == writes


@pytest.mark.parametrize("switches", ALTERNATIVES, ids=_named)
def test_a_preview_lists_what_a_refresh_does_and_writes_nothing(
    scenario: EveryRule, world: World, onefile: SandboxServer, counting: Callable[[], Any]
) -> None:
    with counting() as counted:
        foreseen = preview(scenario.learner)
    assert counted.to_picsweb == 0
    assert world.writes == 0

    done = sync(scenario.learner)

    # OneFile assigns the ID of the uploaded review.
    given = {change for change in changes(done) if change[1] == "onefile_id" and change[2] == ""}
    foreseen_ids = {change for change in changes(foreseen) if change[1] == "onefile_id"}
    assert changes(done) - given == changes(foreseen) - foreseen_ids
    assert len(given) == len(foreseen_ids) == 6
    assert foreseen.changes.count() == done.changes.count()


@pytest.mark.parametrize("items", ["thin", "some", "most", "rich"])
class TestCallsForThreeAimsAndEightReviews:
    @pytest.fixture
    def switches(self, items: str) -> Switches:
        return Switches(rate_limit=0, items=items)  # type: ignore[arg-type]

    def test_a_first_and_a_later_refresh(
        self, scenario: EveryRule, world: World, onefile: SandboxServer, items: str
    ) -> None:
        sync(scenario.learner)  # brings the learner to eight reviews, with nothing left to push
        type(scenario.learner).objects.update(onefile_centre_id=None)
        onefile.reset_counts()

        first = sync(scenario.learner)
        later = sync(scenario.learner)

        # Where lists contain every value, the first refresh makes one call to confirm that a missing value is blank.
        calls = {"rich": (4, 2)}.get(items, (14, 13))
        assert (first.api_calls, later.api_calls) == calls
        assert sum(onefile.calls.values()) == sum(calls)


def test_changes_carry_their_rule_and_read_as_staff_read_them(
    scenario: EveryRule, onefile: SandboxServer
) -> None:
    outcome = sync(scenario.learner)

    by_field = {
        (change.subject_label, change.field): change for change in outcome.changes.filter(side="onefile")
    }
    certificate = next(
        change for (_label, field), change in by_field.items() if field == "certificate_applied_date"
    )
    assert (certificate.old, certificate.new) == ("", "14/04/2026")
    assert certificate.rule == "certificate_applied_date"
    officers = outcome.changes.filter(field="officer").values_list("new", flat=True)
    assert str(scenario.officer) in officers


def test_switching_uploads_off(
    scenario: EveryRule, world: World, onefile: SandboxServer, configure: Callable[..., None]
) -> None:
    configure(upload_reviews=False)

    sync(scenario.learner)

    assert world.visits == {}
    assert len(world.reviews) == 7


def test_switching_downloads_off(
    scenario: EveryRule, world: World, onefile: SandboxServer, configure: Callable[..., None]
) -> None:
    configure(download_reviews=False)

    sync(scenario.learner)

    assert len(row_of(scenario).reviews) == 3
    assert onefile.calls["Review/Search"] == 0
    assert len(world.reviews) == 8


def test_elements_of_qualifications_with_units_may_be_copied_too(
    scenario: EveryRule, onefile: SandboxServer, configure: Callable[..., None]
) -> None:
    configure(skip_elements_with_units=False)

    sync(scenario.learner)

    assert row_of(scenario).qualifications[2].values["total_elements"] == 5


def test_the_visit_type_is_the_one_that_staff_chose(
    scenario: EveryRule, world: World, onefile: SandboxServer, configure: Callable[..., None]
) -> None:
    configure(visit_type="face_to_face")

    sync(scenario.learner)

    (visit,) = world.visits.values()
    assert visit.visit_type_id == 2


def test_a_review_deleted_in_onefile_is_reported_and_kept(
    scenario: EveryRule, world: World, onefile: SandboxServer
) -> None:
    sync(scenario.learner)
    del world.reviews[scenario.held.onefile_id]

    outcome = sync(scenario.learner)

    assert problems(outcome) == ["review_gone"]
    assert outcome.state == OutcomeState.ATTENTION
    assert len(row_of(scenario).reviews) == 8


def test_a_learner_of_several_centres_is_found_in_their_own(
    scenario: EveryRule, world: World, onefile: SandboxServer
) -> None:
    elsewhere = world.add_centre(name="Care")
    world.users[scenario.onefile_id].organisation_id = elsewhere.id

    sync(scenario.learner)

    assert row_of(scenario).centre_id == elsewhere.id


class TestTheOnlyCentreOfTheCustomer:
    @pytest.fixture
    def switches(self) -> Switches:
        return Switches(rate_limit=0, users_carry_centre=False)

    def test_is_the_learners(self, scenario: EveryRule, world: World, onefile: SandboxServer) -> None:
        sync(scenario.learner)

        assert row_of(scenario).centre_id == world.centre_id

    def test_with_two_centres_the_centre_is_unknown_and_the_upload_waits(
        self, scenario: EveryRule, world: World, onefile: SandboxServer
    ) -> None:
        world.add_centre(name="Care")

        outcome = sync(scenario.learner)

        assert problems(outcome) == ["centre_unknown"]
        assert world.visits == {}
