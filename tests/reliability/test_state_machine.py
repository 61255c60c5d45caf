"""Staff and assessors edit, syncs run, calls fail, workers die, in any order: both sides come together, and nothing is
lost, doubled, overwritten or blanked on the way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from onefile_sync import host as picsweb
from onefile_sync import services
from onefile_sync.fields import Kind, kinds_by_name, two_way_fields
from onefile_sync.host.mapping import REVIEW
from onefile_sync.host.snapshot import Attendance, LearnerRow
from onefile_sync.models import LearnerOutcome, OneFileSettings, OutcomeState, SyncRun
from onefile_sync.onefile.client import OneFile
from onefile_sync.sandbox.entities import on_london_date
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from onefile_sync.sync import worker
from onefile_sync.sync.connection.aim_fields import aim_fields
from onefile_sync.sync.planning import rules
from tests.conftest import PROFILE, dont_wait
from tests.factories import HOSTS, Host
from tests.scenarios.two_of_each import flat, let_doubts_pass

from .conftest import LONG
from .socketless import Killed, Wire, bounds, each_statement, undone_afterwards

EXAMPLES = {"quick": 12, "thorough": 200, "nightly": 5000}
#: Refreshes after the last trouble within which both sides must have come together.
SOON = 4

NUMBERS = st.sampled_from(["", "A1", "B2"])
DAYS = st.sampled_from([None, date(2026, 3, 29), date(2026, 7, 1)])
ELEMENTS = st.sampled_from([(None, None), (20, 3), (20, 7), (7, 7)])
WHICH = st.integers(0, 3)
VALUES = {"registration_number": NUMBERS} | {
    name: DAYS for name in two_way_fields() if kinds_by_name()[name] is Kind.DATE
}


class TwoSides(RuleBasedStateMachine):
    """One learner on both sides. Everything that an example writes is gone after it."""

    host: Host

    @initialize(
        items=st.sampled_from(["thin", "rich"]),
        update_mode=st.sampled_from(["partial", "replace"]),
        create_answer=st.sampled_from(["number", "object"]),
        nulls=st.sampled_from(["omitted", "null", "empty"]),
        centre_told=st.booleans(),
    )
    def begin(self, items: Any, update_mode: Any, create_answer: Any, nulls: Any, centre_told: bool) -> None:
        self.stack = ExitStack()
        self.stack.enter_context(undone_afterwards())
        self.world = World()
        self.wire = Wire(
            self.world,
            Switches(
                rate_limit=0,
                items=items,
                update_mode=update_mode,
                create_answer=create_answer,
                nulls=nulls,
                users_carry_centre=centre_told,
            ),
        )
        monkeypatch = self.stack.enter_context(pytest.MonkeyPatch.context())
        monkeypatch.setattr(worker, "connect", lambda *_anything, **_more: OneFile(self.wire, aim_fields()))  # type: ignore[arg-type]
        row = OneFileSettings(enabled=True)
        row.set_customer_token("a-customer-token")
        row.save()
        self.assessors = [self.world.add_assessor(), self.world.add_assessor(first_name="Tom")]
        self.officers = [self.host.officer(onefile_id=each.id) for each in self.assessors]
        person = self.world.add_learner()
        self.onefile_id = person.id
        self.learner = self.host.learner(onefile_id=person.id, main_officer=self.officers[0])
        aims = [self.world.add_aim(person.id, start_date=date(2025, 9, 1)) for _each in range(2)]
        self.qualifications = [self.host.qualification(self.learner, onefile_id=aim.id) for aim in aims]
        self.minutes = 0
        #: PICSWeb's review by the moment it was proposed for: every moment is given to one review only.
        self.proposed: dict[datetime, str] = {}

    def teardown(self) -> None:
        if not hasattr(self, "stack"):
            return  # ended before it began
        try:
            self.everything_comes_together()
        finally:
            self.stack.close()

    # What people do

    @rule(which=WHICH, field=st.sampled_from(sorted(VALUES)), data=st.data())
    def staff_edit_a_qualification(self, which: int, field: str, data: Any) -> None:
        value = data.draw(VALUES[field])
        self.save(self.qualifications[which % 2], "qualification", **{field: value})

    @rule(which=WHICH, elements=ELEMENTS)
    def staff_edit_elements(self, which: int, elements: Any) -> None:
        total, done = elements
        self.save(self.qualifications[which % 2], "qualification", total_elements=total, elements_done=done)

    @rule(officer=st.sampled_from([None, 0, 1]))
    def staff_plan_a_review(self, officer: int | None) -> None:
        day, at = self.another_moment()
        review = self.host.review(
            self.learner,
            proposed_date=day,
            proposed_time=at,
            officer=None if officer is None else self.officers[officer],
        )
        self.proposed[rules.scheduled_for(day, at)] = str(review.pk)

    @rule(which=WHICH)
    def staff_move_a_review(self, which: int) -> None:
        review = self.a_review(which)
        if review is not None:
            day, at = self.another_moment()
            self.save(self.review_row(review.pk), "review", proposed_date=day, proposed_time=at)
            self.proposed[rules.scheduled_for(day, at)] = review.pk

    @rule(which=WHICH, attended=st.sampled_from(Attendance), on=DAYS)
    def staff_say_who_came(self, which: int, attended: Attendance, on: date | None) -> None:
        review = self.a_review(which)
        if review is not None:
            self.save(self.review_row(review.pk), "review", attended=attended, actual_date=on)

    @rule(which=WHICH, field=st.sampled_from(sorted(VALUES)), data=st.data())
    def an_assessor_edits_a_learning_aim(self, which: int, field: str, data: Any) -> None:
        aim = self.world.aims_of(self.onefile_id)[which % 2]
        setattr(aim, field, data.draw(VALUES[field]))

    @rule(which=WHICH, elements=ELEMENTS)
    def an_assessor_moves_progress(self, which: int, elements: Any) -> None:
        aim = self.world.aims_of(self.onefile_id)[which % 2]
        aim.total_elements, aim.elements_done = elements

    @rule(assessor=st.integers(0, 1))
    def an_assessor_schedules_a_review(self, assessor: int) -> None:
        day, at = self.another_moment()
        self.world.add_review(
            self.onefile_id,
            scheduled_for=rules.scheduled_for(day, at),
            created_on=datetime(2026, 1, 2, tzinfo=UTC),
            assessor_id=self.assessors[assessor].id,
        )

    @rule(which=WHICH, signed=st.booleans())
    def an_assessor_starts_a_review(self, which: int, signed: bool) -> None:
        records = self.world.reviews_of(self.onefile_id)
        if records:
            record = records[which % len(records)]
            record.started_on = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
            record.learner_signed_on = datetime(2026, 6, 2, 9, 0, tzinfo=UTC) if signed else None

    @rule(which=WHICH)
    def a_review_is_unlocked(self, which: int) -> None:
        records = self.world.reviews_of(self.onefile_id)
        if records:
            records[which % len(records)].learner_signed_on = None

    # What goes wrong

    @rule(
        fails=st.lists(
            st.tuples(
                st.sampled_from(["", "", "timed_out", "cut_off", "server_error", "bad_answer", "conflict"]),
                st.booleans(),
            ),
            max_size=12,
        )
    )
    def calls_will_fail(self, fails: list[tuple[str, bool]]) -> None:
        # A refusal is an answer: what was refused has not been carried out.
        self.wire.fails = [(code, after and code != "conflict") for code, after in fails]

    @rule(steps=st.integers(0, 120))
    def the_worker_will_die(self, steps: int) -> None:
        self.wire.dies_at = steps

    @rule()
    def time_passes(self) -> None:
        let_doubts_pass()
        LearnerOutcome.objects.filter(state=OutcomeState.WORKING).update(
            lease_expires_at=timezone.now() - timedelta(seconds=1)
        )

    # What we do

    @rule()
    def sync(self) -> None:
        self.sync_once()

    def sync_once(self) -> LearnerOutcome | None:
        """A refresh; ``None`` where the worker died, or somebody who died still has the learner."""
        if LearnerOutcome.objects.filter(state=OutcomeState.WORKING).exists():
            services.sweep()
        if LearnerOutcome.objects.filter(state=OutcomeState.WORKING).exists():
            return None
        onefile_before, picsweb_before = self.in_onefile(), self.in_picsweb()
        died = True
        try:
            with connection.execute_wrapper(each_statement(self.wire)):
                run = services.perform(self.the_run(), sleep=dont_wait)
            died = False
        except Killed:
            run = None
            # What was committed stays; to Django this looks like an error within one long transaction.
            transaction.set_rollback(False)
        finally:
            self.wire.dies_at = None
        self.nothing_of_onefiles_was_overwritten(onefile_before)
        self.nothing_of_picswebs_was_blanked(picsweb_before)
        return None if died or run is None else run.outcomes.get()

    def the_run(self) -> SyncRun:
        """The one that a worker who died left behind, or a new one."""
        left_behind = SyncRun.objects.exclude(state="finished").first()
        return left_behind or services.refresh_now([self.learner])

    # What must hold

    def nothing_of_onefiles_was_overwritten(self, before: dict[Any, Any]) -> None:
        after = self.in_onefile()
        for key, value in before.items():
            assert after.get(key) == value or rules.is_blank(value), key

    def nothing_of_picswebs_was_blanked(self, before: dict[Any, Any]) -> None:
        after = self.in_picsweb()
        for key, value in before.items():
            blanked = rules.is_blank(after[key]) and not rules.is_blank(value)
            assert not blanked or key[2] == "actual_date", key

    @invariant()
    def a_review_of_picswebs_has_one_of_onefiles_at_most(self) -> None:
        if not hasattr(self, "wire"):
            return
        created = Counter(
            self.proposed[call.body.moment("ScheduledFor")]  # type: ignore[index]
            for call in self.wire.created
            if call.operation == "Review/create"
        )
        assert all(times == 1 for times in created.values()), created
        linked = [review.onefile_id for review in self.row().reviews if review.onefile_id is not None]
        assert len(linked) == len(set(linked))

    @invariant()
    def nobody_is_worked_on_twice(self) -> None:
        if hasattr(self, "wire"):
            assert LearnerOutcome.objects.filter(state=OutcomeState.WORKING).count() <= 1

    def everything_comes_together(self) -> None:
        self.wire.fails, self.wire.dies_at = [], None
        for _refresh in range(SOON):
            self.time_passes()
            self.sync_once()
        writes, before = self.world.writes, self.in_picsweb()
        last = self.sync_once()
        assert last is not None
        assert last.state in (OutcomeState.UNCHANGED, OutcomeState.ATTENTION)
        assert not last.changes.exists()
        assert (self.world.writes, self.in_picsweb()) == (writes, before)
        assert set(LearnerOutcome.objects.values_list("state", flat=True)) & {"queued", "working"} == set()
        self.both_sides_agree()

    def both_sides_agree(self) -> None:
        row = self.row()
        for qualification in row.qualifications:
            aim = self.world.aims[qualification.onefile_id or 0]
            for name in two_way_fields():
                theirs = getattr(aim, name)
                theirs = on_london_date(theirs) if isinstance(theirs, date) else theirs
                ours = qualification.values[name]
                assert ours == theirs or (rules.is_blank(ours) and rules.is_blank(theirs))
            for name in ("total_elements", "elements_done"):
                assert getattr(aim, name) in (None, qualification.values[name])
        records = {record.id: record for record in self.world.reviews_of(self.onefile_id)}
        linked = {review.onefile_id: review for review in row.reviews if review.onefile_id is not None}
        assert records.keys() == linked.keys()
        for onefile_id, record in records.items():
            review = linked[onefile_id]
            started = record.started_on
            assert review.actual_date == (on_london_date(started) if started else None)
            assert review.attended is (Attendance.YES if started else Attendance.UNKNOWN)
        assert not any(rules.may_be_uploaded(review) for review in row.reviews)

    # Looking

    def row(self) -> LearnerRow:
        learner = picsweb.learner_by_pk(str(self.learner.pk))
        assert learner is not None
        return picsweb.read_learner(learner)

    def in_picsweb(self) -> dict[Any, Any]:
        row = self.row()
        kinds: dict[str, Sequence[Any]] = {"qualification": row.qualifications, "review": row.reviews}
        return {
            (kind, each.pk, name): value
            for kind, rows in kinds.items()
            for each in rows
            for name, value in flat(each).items()
            if name not in ("label", "officer_onefile_id", "attended", "is_normal")
        }

    def in_onefile(self) -> dict[Any, Any]:
        shelves: dict[str, Mapping[int, Any]] = {"aim": self.world.aims, "review": self.world.reviews}
        return {
            (kind, record.id, name): on_london_date(value) if isinstance(value, date) else value
            for kind, shelf in shelves.items()
            for record in shelf.values()
            for name, value in flat(record).items()
            if name != "wire"
        }

    def a_review(self, which: int) -> Any:
        """One of PICSWeb's reviews that staff may still plan."""
        reviews = [review for review in self.row().reviews if review.onefile_id is None]
        return reviews[which % len(reviews)] if reviews else None

    def review_row(self, pk: str) -> Any:
        return REVIEW.model._default_manager.get(pk=pk)

    def save(self, row: Any, part: str, **values: Any) -> None:
        if part == "review" and "proposed_date" not in values:
            present = next(each for each in self.row().reviews if each.pk == str(row.pk))
            values = {"proposed_date": present.proposed_date, "proposed_time": present.proposed_time} | values
        fields = self.host.translate(part, values)
        type(row).objects.filter(pk=row.pk).update(**fields)

    def another_moment(self) -> tuple[date, time]:
        self.minutes += 1
        return date(2027, 1, 4), (
            datetime(2027, 1, 4, 9, 0, tzinfo=UTC) + timedelta(minutes=self.minutes)
        ).time()


@pytest.mark.hypothesis
@pytest.mark.matrix
@pytest.mark.parametrize("host", HOSTS)
def test_both_sides_always_agree_in_the_end(host: str, settings: Any, db: None, figures: Any) -> None:
    chosen = HOSTS[host]
    settings.ONEFILE_SYNC = {**chosen.mapping, "CALLS_PER_MINUTE": None}
    examples = EXAMPLES["nightly" if LONG else PROFILE] // len(HOSTS)

    class OnThisHost(TwoSides):
        pass

    OnThisHost.host = chosen
    run_state_machine_as_test(OnThisHost, settings=bounds(examples))
    figures(f"state machine, {host}", examples=examples, counterexamples=0)
