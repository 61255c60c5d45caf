"""Properties of every exchange, for any data on both sides. ``HYPOTHESIS_PROFILE=nightly`` searches longer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from onefile_sync import host as picsweb
from onefile_sync.fields import Kind, blank_values, kinds_by_name
from onefile_sync.host.snapshot import (
    Attendance,
    LearnerRow,
    Officers,
    QualificationRow,
    ReviewRow,
)
from onefile_sync.onefile import parsing
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.operations import Operation, code_of_status
from onefile_sync.onefile.records import LearningAim, Review
from onefile_sync.sandbox.api import Api, understand
from onefile_sync.sandbox.entities import on_london_date
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.wire import ApiRefusal, Body
from onefile_sync.sandbox.world import World
from onefile_sync.sync.connection.aim_fields import aim_fields
from onefile_sync.sync.learner import uploads
from onefile_sync.sync.learner.apply import Applied, apply_plan
from onefile_sync.sync.learner.fetch import read_onefile
from onefile_sync.sync.learner.on_record import read_on_record
from onefile_sync.sync.learner.sources import LiveSource
from onefile_sync.sync.planning import rules
from onefile_sync.sync.planning.planner import make_plan
from onefile_sync.sync.planning.types import FieldChange, OneFileSide, OnRecord, OpenUpload, Plan, Policy
from tests.conftest import PROFILE
from tests.factories import HOSTS, Host
from tests.scenarios.two_of_each import flat

pytestmark = pytest.mark.matrix

EXAMPLES = {"quick": 15, "thorough": 60, "nightly": 3000}[PROFILE]
BOUNDS = settings(
    phases=[
        Phase.explicit,
        Phase.reuse,
        Phase.generate,
    ],  # to shrink takes minutes where an example is an exchange
    max_examples=EXAMPLES,
    derandomize=PROFILE != "nightly",
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

ONEFILE_ID = 501
LONG_AGO = datetime.fromisoformat("1900-01-02")
#: When creates were cut off that OneFile can no longer be carrying out.
PAST_DOUBT = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = [date(2025, 10, 26), date(2026, 3, 29), date(2026, 7, 1)]
TIMES = [time(0, 0), time(1, 30), time(10, 0), time(23, 59, 30)]
NUMBERS = ["", " ", "A1", " A1 ", "B2", "9" * 300]
NONSENSE: list[object] = ["nonsense", -1, 10**30, True, [], {}, "\x00"]

days = st.sampled_from([None, *DAYS])


def moments() -> st.SearchStrategy[datetime | None]:
    at = st.builds(
        lambda day, at: datetime.combine(day, at, UTC), st.sampled_from(DAYS), st.sampled_from(TIMES)
    )
    return st.none() | at


def wires(*names: str) -> st.SearchStrategy[dict[str, object]]:
    """Mostly nothing wrong; occasionally a nonsensical property."""
    nonsense = st.dictionaries(st.sampled_from(names), st.sampled_from(NONSENSE), max_size=2)
    return st.just({}) | st.just({}) | nonsense


@dataclass(frozen=True)
class Story:
    """Both sides of a learner, as arguments for their rows. A link is an index into the other list."""

    qualifications: Sequence[Mapping[str, Any]]
    reviews: Sequence[Mapping[str, Any]]
    aims: Sequence[Mapping[str, Any]]
    records: Sequence[Mapping[str, Any]]
    main_officer: int | None
    centre_known: bool
    policy: Policy
    items: Any
    update_mode: Any


links = st.sampled_from([None, 0, 1, 2, 3, "another learner's", "nobody's"])
review_links = st.sampled_from([None, None, 0, 1, 2, 3, "nobody's"])
officers = st.sampled_from([None, 0, 1, 2])
small = st.sampled_from([None, 0, 3, 7, 20])

stories = st.builds(
    Story,
    qualifications=st.lists(
        st.fixed_dictionaries(
            {
                "link": links,
                "total_elements": small,
                "elements_done": small,
                "registration_number": st.sampled_from(NUMBERS[:-1]),
                "registration_date": days,
                "certificate_applied_date": days,
                "certificate_received_date": days,
                "units": st.booleans(),
            }
        ),
        max_size=4,
    ),
    reviews=st.lists(
        st.fixed_dictionaries(
            {
                "link": review_links,
                "is_normal": st.booleans(),
                "proposed_date": days,
                "proposed_time": st.sampled_from([None, *TIMES]),
                "attended": st.sampled_from(Attendance),
                "actual_date": days,
                "officer": officers,
                "trainee_signed_date": days,
                "cut_off": st.sampled_from(["", "", "", "before the visit", "before the review", "after"]),
            }
        ),
        max_size=5,
    ),
    aims=st.lists(
        st.fixed_dictionaries(
            {
                "total_elements": small,
                "elements_done": small,
                "registration_number": st.sampled_from(NUMBERS),
                "registration_date": days,
                "certificate_applied_date": days,
                "certificate_received_date": days,
                "progress": st.just(1.0),
                "start_date": days,
                "wire": wires(
                    "ID", "UserID", "TotalElements", "RegistrationNumber", "CertificateAppliedDate"
                ),
            }
        ),
        max_size=4,
    ),
    records=st.lists(
        st.fixed_dictionaries(
            {
                "scheduled_for": moments(),
                "started_on": moments(),
                "learner_signed_on": moments(),
                "created_on": st.just(datetime(2026, 1, 1, tzinfo=UTC)),
                "assessor": officers,
                "wire": wires("ID", "LearnerID", "ScheduledFor", "StartedOn", "AssessorID", "VisitID"),
            }
        ),
        max_size=5,
    ),
    main_officer=officers,
    centre_known=st.booleans(),
    policy=st.builds(
        Policy, st.sampled_from([True, True, False]), st.sampled_from([True, True, False]), st.booleans()
    ),
    items=st.sampled_from(["thin", "rich"]),
    update_mode=st.sampled_from(["partial", "replace"]),
)


class InProcess:
    """The sandbox without sockets, in place of the transport."""

    def __init__(self, world: World, switches: Switches) -> None:
        self.api = Api(world, switches, lambda: datetime.now(UTC))

    def send(
        self,
        operation: Operation,
        path_args: Sequence[object] = (),
        body: Mapping[str, object] | None = None,
        *,
        about_to_send: Callable[[], object] = lambda: None,
    ) -> object:
        about_to_send()
        call = understand(operation.method, operation.path.format(*path_args))
        try:
            answer = self.api.carry_out(replace(call, body=Body(body or {})))
        except ApiRefusal as refused:
            code = code_of_status(operation, refused.status)
            assert code is not None
            raise operation.failure(code, refused.status) from None
        return parsing.from_json(answer.body) if answer.body and operation.has_answer else None


@dataclass
class Stage:
    """A learner in one host and in a world of their own, ready for an exchange."""

    world: World
    learner: Any
    onefile: OneFile
    policy: Policy
    made: list[FieldChange] = field(default_factory=list)

    def row(self) -> LearnerRow:
        learner = picsweb.learner_by_pk(str(self.learner.pk))
        assert learner is not None
        return picsweb.read_learner(learner)

    def plan(self) -> Plan:
        row = self.row()
        on_record = read_on_record([row.pk])[row.pk]
        side = read_onefile(LiveSource(self.onefile), row, on_record, self.policy)
        assessors = picsweb.read_officers({user for user in self.world.users if user != ONEFILE_ID})
        return make_plan(row, on_record, side, assessors, self.policy, picsweb.can_hold)

    def carry_out(self, plan: Plan) -> Applied:
        applied = Applied(record=self.made.extend, hold=timezone.now)
        apply_plan(self.onefile, plan, 1, applied)
        uploads.close(plan.learner.pk, applied.finished_uploads)  # as the outcome's being written down does
        return applied


def set_the_stage(host: Host, story: Story) -> Stage:
    world = World()
    linked = world.add_assessor()
    shared = world.add_assessor()
    stranger = world.add_assessor()
    assessors = [linked.id, shared.id, stranger.id]
    staff = [host.officer(onefile_id=linked.id), host.officer(onefile_id=shared.id), host.officer()]
    host.officer(onefile_id=shared.id)
    world.add_learner(id=ONEFILE_ID)
    another = world.add_learner(id=502)
    foreign_aim = world.add_aim(another.id, progress=1.0)

    # A search result with any value of a full record counts as full, so a thin one can only be wrong in what it has.
    thin = {"ID", "UserID"} if story.items == "thin" else set()
    aims = [
        world.add_aim(
            ONEFILE_ID,
            **{**aim, "wire": {name: sent for name, sent in aim["wire"].items() if not thin or name in thin}},
        )
        for aim in story.aims
    ]
    records = []
    for values in story.records:
        record = dict(values)
        assessor = record.pop("assessor")
        assessor_id = None if assessor is None else assessors[assessor]
        records.append(world.add_review(ONEFILE_ID, assessor_id=assessor_id, **record))

    def linked_to(there: Sequence[Any], link: object) -> int | None:
        if isinstance(link, int):
            return there[link].id if link < len(there) else None
        return {"another learner's": foreign_aim.id, "nobody's": 999_999}.get(str(link))

    learner = host.learner(
        onefile_id=ONEFILE_ID,
        main_officer=None if story.main_officer is None else staff[story.main_officer],
        centre_id=world.centre_id if story.centre_known else None,
    )
    for values in story.qualifications:
        values = dict(values)
        link, units = values.pop("link"), values.pop("units")
        qualification = host.qualification(learner, onefile_id=linked_to(aims, link), **values)
        if units:
            host.unit(qualification)
    for values in story.reviews:
        values = dict(values)
        link, cut_off, officer = values.pop("link"), values.pop("cut_off"), values.pop("officer")
        if host.name == "college" and values["proposed_date"] is None:
            values["proposed_time"] = None
        if host.name == "college" and values["proposed_time"] == time(1, 30):
            # Date and time are one field there, and this time does not exist on a day to which OneFile may move it.
            values["proposed_time"] = time(10, 0)
        values["officer"] = None if officer is None else staff[officer]
        review = host.review(learner, onefile_id=linked_to(records, link), **values)
        if cut_off and values["proposed_date"] is not None and linked_to(records, link) is None:
            cut_an_upload_off(learner, review, values, cut_off, world)
    switches = Switches(rate_limit=0, items=story.items, update_mode=story.update_mode)
    return Stage(world, learner, OneFile(InProcess(world, switches), aim_fields()), story.policy)  # type: ignore[arg-type]


def cut_an_upload_off(learner: Any, review: Any, values: Any, when: str, world: World) -> None:
    starts = rules.scheduled_for(values["proposed_date"], values["proposed_time"])
    intent = uploads.begin(str(learner.pk), str(review.pk), starts)
    uploads.note_sending_visit(intent, lambda: PAST_DOUBT)
    if when == "before the visit":
        return
    visit = world.add_visit(ONEFILE_ID, date_from=starts, date_to=starts + rules.VISIT_LENGTH)
    uploads.note_visit(intent, visit.id)
    uploads.note_sending_review(intent, lambda: PAST_DOUBT)
    if when == "after":
        world.add_review(
            ONEFILE_ID, visit_id=visit.id, scheduled_for=starts, created_on=datetime(2026, 1, 1, tzinfo=UTC)
        )


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest, settings: Any, db: None) -> Host:
    chosen = HOSTS[request.param]
    settings.ONEFILE_SYNC = {**chosen.mapping, "CALLS_PER_MINUTE": None}
    return chosen


@contextmanager
def staged(host: Host, story: Story) -> Iterator[Stage]:
    """Everything that an example writes is removed afterwards."""
    with transaction.atomic():
        yield set_the_stage(host, story)
        transaction.set_rollback(True)


# What the two sides say, value by value

Values = dict[tuple[str, str, str], Any]


def without_space(value: Any) -> Any:
    """White space around a text is ignored, and a text of white space only is blank."""
    return value.strip() or None if isinstance(value, str) else value


def in_picsweb(row: LearnerRow) -> Values:
    """(kind, primary key, field) -> value."""
    values: Values = {("learner", row.pk, "centre_id"): row.centre_id}
    kinds = {"qualification": row.qualifications, "review": row.reviews}
    for kind, rows in kinds.items():
        for each in rows:
            for name, value in flat(each).items():
                if name not in ("pk", "label", "officer_onefile_id"):
                    values[kind, each.pk, name] = without_space(value)
    return values


def in_onefile(world: World) -> Values:
    """(kind, ID, field) -> value, moments of dates as dates; without those that OneFile sends nonsense of.

    A full update sends back what was read, so the nonsense comes true; which is none of our doing.
    """
    values: Values = {}
    for kind, shelf in (("aim", world.aims), ("review", world.reviews)):
        for record in shelf.values():
            nonsense = {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() for name in record.wire}
            for name, value in flat(record).items():
                if name != "wire" and name not in nonsense:
                    is_date = isinstance(value, date) and kind == "aim"
                    values[kind, str(record.id), name] = (
                        on_london_date(value) if is_date else without_space(value)
                    )
    return values


def difference(before: Values, after: Values) -> dict[tuple[str, str, str], tuple[Any, Any]]:
    return {
        key: (before.get(key), after.get(key))
        for key in before.keys() | after.keys()
        if before.get(key) != after.get(key)
    }


def as_listed(changes: Sequence[FieldChange], side: str) -> dict[tuple[str, str, str], tuple[Any, Any]]:
    """What the changes say about existing rows, as a difference."""
    kinds = {"qualification": "aim"} if side == "onefile" else {}
    return {
        (
            kinds.get(change.subject.kind, change.subject.kind),
            str(change.subject.onefile_id) if side == "onefile" else change.subject.pk,
            change.field,
        ): (without_space(change.old), without_space(change.new))
        for change in changes
        if change.side == side and change.field != "review"
    }


@BOUNDS
@given(story=stories)
def test_applying_a_plan_changes_exactly_what_it_lists(host: Host, story: Story) -> None:
    with staged(host, story) as stage:
        picsweb_before, onefile_before = in_picsweb(stage.row()), in_onefile(stage.world)
        plan = stage.plan()
        assert (in_picsweb(stage.row()), in_onefile(stage.world)) == (picsweb_before, onefile_before)

        applied = stage.carry_out(plan)

        assert not applied.stale
        found = [write.found for write in plan.writes if write.found]
        listed = [*found, *plan.changes()]
        # An ID that OneFile or PICSWeb assigns is not known beforehand; nor is a value that OneFile does not store.
        assert applied.changes == len(stage.made) == len(listed) or applied.problems
        there = difference(onefile_before, in_onefile(stage.world))
        new_reviews = {key[1] for key in there if key[0] == "review"}
        # A review that an earlier attempt created without an answer is reported now.
        told_of = [change for change in stage.made if change.field == "review" and change not in found]
        assert len(new_reviews) == len(told_of)
        of_aims = {key: change for key, change in there.items() if key[0] == "aim"}
        assert of_aims == as_listed(stage.made, "onefile")
        assert as_listed(stage.made, "onefile").items() <= as_listed(listed, "onefile").items()

        here = difference(picsweb_before, in_picsweb(stage.row()))
        created = {("review", change.subject.pk) for change in stage.made if change.rule == "review_match"}
        of_rows = {key: change for key, change in here.items() if key[:2] not in created}
        listed_here = as_listed(stage.made, "picsweb")
        assert of_rows == {key: change for key, change in listed_here.items() if key[:2] not in created}
        foreseen = as_listed(listed, "picsweb")
        given_ids = {key for key in of_rows if key[2] == "onefile_id"}
        assert all(foreseen[key] == change for key, change in of_rows.items() if key not in given_ids)
        assert given_ids <= foreseen.keys()
        new_rows = {key[:2] for key in here if (*key[:2], "onefile_id") not in picsweb_before}
        assert new_rows - {("learner", stage.row().pk)} == created
        assert len(created) == len(plan.creations)


@BOUNDS
@given(story=stories)
def test_a_second_plan_after_applying_has_no_changes(host: Host, story: Story) -> None:
    with staged(host, story) as stage:
        applied = stage.carry_out(stage.plan())
        again = stage.plan()

        not_taken = {problem.subject.onefile_id for problem in applied.problems}
        left = [change for change in again.changes() if change.subject.onefile_id not in not_taken]
        assert left == []
        assert again.finished_uploads == {}


@BOUNDS
@given(story=stories)
def test_no_value_of_onefiles_is_overwritten_and_none_of_picswebs_blanked(host: Host, story: Story) -> None:
    with staged(host, story) as stage:
        picsweb_before, onefile_before = in_picsweb(stage.row()), in_onefile(stage.world)

        stage.carry_out(stage.plan())

        for key, (old, _new) in difference(onefile_before, in_onefile(stage.world)).items():
            assert rules.is_blank(old), key
        for key, (_old, new) in difference(picsweb_before, in_picsweb(stage.row())).items():
            assert not rules.is_blank(new) or key[2] == "actual_date", key


@BOUNDS
@given(story=stories)
def test_each_review_of_picswebs_has_one_of_onefiles_at_most(host: Host, story: Story) -> None:
    with staged(host, story) as stage:
        before = {review.pk: review.onefile_id for review in stage.row().reviews}
        known = set(stage.world.reviews)
        eligible = sum(rules.may_be_uploaded(review) for review in stage.row().reviews)

        for _exchange in range(3):
            stage.carry_out(stage.plan())

        after = {review.pk: review.onefile_id for review in stage.row().reviews}
        assert all(after[pk] == onefile_id for pk, onefile_id in before.items() if onefile_id is not None)
        gained = [onefile_id for pk, onefile_id in after.items() if onefile_id and before.get(pk) is None]
        assert len(gained) == len(set(gained))
        assert not set(gained) & {onefile_id for onefile_id in before.values() if onefile_id}
        made = set(stage.world.reviews) - known
        assert made <= set(gained)
        assert len(made) <= eligible


# Plans for arbitrary data

ids = st.sampled_from([1, 2, 3, 4])
any_text = st.text(max_size=60)
any_number = st.none() | st.integers(0, 2**63 - 1)
any_day = st.none() | st.dates()
any_moment = st.none() | st.datetimes(min_value=LONG_AGO, timezones=st.just(UTC))
any_officer = st.none() | st.sampled_from(["gwen", "tom"])
open_uploads = st.builds(
    OpenUpload,
    scheduled_for=st.datetimes(min_value=LONG_AGO, timezones=st.just(UTC)),
    visit_id=st.none() | ids,
    review_id=st.none() | ids,
)
AIM_FIELDS = ["learner_id", *blank_values()]
REVIEW_FIELDS = ["learner_id", "assessor_id", "visit_id", "scheduled_for", "started_on", "learner_signed_on"]


def some_of(names: list[str]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(names))


def values_of_any_kind(text: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    """A value for each synchronised field."""
    of_kind = {Kind.NUMBER: any_number, Kind.TEXT: text, Kind.DATE: any_day}
    return st.fixed_dictionaries({name: of_kind[kind] for name, kind in kinds_by_name().items()})


any_learner = st.builds(
    LearnerRow,
    pk=st.just("l1"),
    label=any_text,
    onefile_id=ids,
    centre_id=st.none() | ids,
    main_officer=any_officer,
    main_officer_onefile_id=st.none() | ids,
    qualifications=st.lists(
        st.builds(
            QualificationRow,
            pk=st.uuids().map(str),
            label=any_text,
            onefile_id=st.none() | ids,
            has_units=st.booleans(),
            values=values_of_any_kind(any_text),
        ),
        max_size=4,
    ).map(tuple),
    reviews=st.lists(
        st.builds(
            ReviewRow,
            pk=st.uuids().map(str),
            label=any_text,
            onefile_id=st.none() | ids,
            is_normal=st.booleans(),
            proposed_date=any_day,
            proposed_time=st.none() | st.times(),
            attended=st.sampled_from(Attendance),
            actual_date=any_day,
            officer=any_officer,
            officer_onefile_id=st.none() | ids,
            trainee_signed_date=any_day,
        ),
        max_size=5,
    ).map(tuple),
)
any_side = st.builds(
    OneFileSide,
    centre_id=st.none() | ids,
    aims=st.lists(
        st.builds(
            LearningAim,
            id=ids,
            learner_id=st.none() | ids,
            values=values_of_any_kind(any_text.map(str.strip)),
            unreadable=some_of(AIM_FIELDS),
        ),
        max_size=4,
        unique_by=lambda aim: aim.id,
    ).map(tuple),
    reviews=st.lists(
        st.builds(
            Review,
            id=ids,
            learner_id=st.none() | ids,
            assessor_id=st.none() | ids,
            visit_id=st.none() | ids,
            scheduled_for=any_moment,
            started_on=any_day,
            learner_signed_on=any_day,
            unreadable=some_of(REVIEW_FIELDS),
        ),
        max_size=5,
        unique_by=lambda record: record.id,
    ).map(tuple),
    gone_aims=st.frozensets(ids),
    gone_reviews=st.frozensets(ids),
    reviews_complete=st.booleans(),
    unread_reviews=st.frozensets(ids),
)


@settings(BOUNDS, max_examples=4 * EXAMPLES)
@given(
    learner=any_learner,
    side=any_side,
    policy=st.builds(Policy, st.booleans(), st.booleans(), st.booleans()),
    holds=st.sets(st.sampled_from(["registration_number", "total_elements", "actual_date", "officer"])),
    data=st.data(),
)
def test_a_plan_can_be_made_of_anything(
    learner: LearnerRow, side: OneFileSide, policy: Policy, holds: set[str], data: st.DataObject
) -> None:
    linked_to = Officers({1: "gwen", 2: "tom"}, {"gwen": "Gwen Price"}, frozenset({3}))

    begun = [review.pk for review in learner.reviews] + ["gone"]
    on_record = OnRecord(data.draw(st.dictionaries(st.sampled_from(begun), open_uploads)))

    plan = make_plan(learner, on_record, side, linked_to, policy, lambda kind, name, value: name not in holds)

    changes = list(plan.changes())
    assert all(rules.rule_of(change.rule) for change in changes)
    assert not any(change.field in holds for change in changes if change.side == "picsweb")
    assert all(rules.is_blank(change.old) for change in changes if change.side == "onefile")
    blanked = {change.field for change in changes if change.side == "picsweb" and rules.is_blank(change.new)}
    # The ID that OneFile will assign to an upload is not known yet.
    assert blanked <= ({"actual_date", "onefile_id"} if plan.uploads else {"actual_date"})
    linked = [
        change.new for write in plan.writes for change in write.changes if change.field == "onefile_id"
    ] + [creation.onefile_id for creation in plan.creations]
    assert len(linked) == len(set(linked)) or _claimed_twice(on_record)
    assert len({upload.review.pk for upload in plan.uploads}) == len(plan.uploads)


def _claimed_twice(on_record: OnRecord) -> bool:
    """Whether OneFile is on record as having given one ID to two reviews."""
    ids = [upload.review_id for upload in on_record.uploads.values()]
    known = [each for each in ids if each is not None]
    return len(known) != len(set(known))
