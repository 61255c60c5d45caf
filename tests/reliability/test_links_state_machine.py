"""Staff link, unlink, move and type, the environment changes, syncs run, calls fail and processes die, in any order: no
link is lost, doubled or used in another OneFile, and both sides stay as they were wherever nobody wrote.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import ProtectedError
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from onefile_sync import host as picsweb
from onefile_sync import services
from onefile_sync.host.mapping import WRITTEN
from onefile_sync.host.snapshot import LearnerRow
from onefile_sync.linking import learner_links, linker, moving
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import (
    LearnerOutcome,
    LinkMethod,
    OneFileSettings,
    OutcomeState,
    RecordLink,
    SyncRun,
)
from onefile_sync.models.staged import Leased
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.endpoints import READ_CUSTOMER, SEARCH_CENTRES
from onefile_sync.onefile.operations import Operation
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import World
from onefile_sync.services import LinkDecision, LinkRefused, Refused, ReviewsAnswer
from onefile_sync.sync import short_calls, worker
from onefile_sync.sync.connection.aim_fields import aim_fields
from onefile_sync.sync.planning import rules
from tests.conftest import PROFILE
from tests.factories import HOSTS, Host
from tests.scenarios.two_of_each import flat, let_doubts_pass

from .conftest import LONG
from .socketless import Killed, Wire, bounds, each_statement, undone_afterwards

#: On both hosts together; one takes half a second, and twice as long where the database is a server.
EXAMPLES = {"quick": 4, "thorough": 200, "nightly": 5000}
ON_SERVERS = 20
STEPS = 16
#: Rounds within which every run and every move has ended, and syncs after which nothing changes any more.
SOON, QUIET_AFTER = 5, 2
ENVIRONMENTS = ("practice", "live")
#: Calls that name no record of anybody.
OF_NOBODY = (READ_CUSTOMER, SEARCH_CENTRES)
KINDS = ("learner", "qualification", "review", "officer", "organisation")
WHICH = st.integers(0, 3)

Key = tuple[str, str]


class WatchedWire(Wire):
    """Asserts that nobody's record is asked for or written while PICSWeb's IDs are those of another OneFile."""

    def __init__(self, environment: str, settings: Callable[[], OneFileSettings]) -> None:
        super().__init__(World(), Switches(rate_limit=0))
        self.environment, self.settings = environment, settings
        #: What another worker does right before a later call, and before which.
        self.meanwhile: tuple[int, Callable[[], None]] | None = None

    def send(
        self, operation: Operation, path_args: Sequence[object] = (), *more: Any, **options: Any
    ) -> object:
        if operation not in OF_NOBODY:
            settings = self.settings()
            if settings.linked_tenant is None:  # an old installation, which has known one OneFile only
                return super().send(operation, path_args, *more, **options)
            assert settings.linked_tenant.environment == self.environment, operation.name
        if self.meanwhile is not None:
            left, work = self.meanwhile
            self.meanwhile = (left - 1, work) if left else None
            if not left:
                work()
        return super().send(operation, path_args, *more, **options)


class Links(RuleBasedStateMachine):
    """Four learners on both sides, of whom two are the same person, and two environments with the same OneFile IDs."""

    host: Host

    @initialize(typed=st.booleans())
    def begin(self, typed: bool) -> None:
        self.stack = ExitStack()
        self.stack.enter_context(undone_afterwards())
        self.kept: dict[str, Any] = {}
        self.stack.enter_context(connection.execute_wrapper(self.watch))
        patch = self.stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(moving, "PIECE", 2)
        self.wires = {name: WatchedWire(name, self.settings) for name in ENVIRONMENTS}
        for module in (worker, short_calls):
            patch.setattr(module, "connect", self.connect)
        self.save_fields, self.refuses = picsweb.save_fields, 0
        patch.setattr(picsweb, "save_fields", self.save_or_refuse)
        self.link_all, self.before_linking = learner_links._link_all, lambda: None
        patch.setattr(learner_links, "_link_all", self.link_all_later)
        self.make_both_sides()
        self.remembered: dict[str, dict[Key, int]] = {name: {} for name in ENVIRONMENTS}
        #: Rows into which somebody typed an ID, and OneFile learners whose reviews may be doubled by that (as today).
        self.typed: set[Key] = set()
        self.doubled: set[tuple[str, int]] = set()
        self.doubled_rows: set[str] = set()
        self.allowed: set[str] = set()
        self.last_link = 0
        self.edited: set[Key] = set()
        self.blanks: dict[Any, bool] = {}
        self.looked_at: object = None
        self.here = "practice"
        settings = OneFileSettings(enabled=True, environment="practice")
        settings.set_customer_token("token-of-practice")
        settings.save()
        if typed:
            self.type_an_id(0, 0)
            self.type_officers()

    def make_both_sides(self) -> None:
        host = self.host
        self.officers = [host.officer(onefile_id=None) for _each in range(2)]
        self.organisation = host.organisation(onefile_id=None)
        names = ["Abel", "Bron", "Cai"]
        person = [
            {"first_name": each, "surname": f"{each}son", "date_of_birth": date(2004, 1, 1 + number)}
            for number, each in enumerate(names)
        ]
        self.learners = [host.learner(onefile_id=None, **person[which]) for which in (0, 1, 2, 0)]
        self.rows: dict[Key, Any] = {}
        for number, learner in enumerate(self.learners):
            made = [("learner", learner), ("qualification", host.qualification(learner))]
            for each in range(2):
                review = host.review(
                    learner,
                    proposed_date=self.day(number, each),
                    proposed_time=time(10),
                    officer=self.officers[0],
                )
                made.append(("review", review))
            self.rows |= {(kind, str(row.pk)): row for kind, row in made}
        self.rows |= {("officer", str(row.pk)): row for row in self.officers}
        self.rows |= {("organisation", str(self.organisation.pk)): self.organisation}
        for name, wire in self.wires.items():
            world, order = wire.api.world, (0, 1, 2) if name == "practice" else (2, 1, 0)
            self.assessors = [world.add_assessor().id for _each in range(2)]
            self.placements = [world.add_placement().id for _each in range(2)]
            self.people = []
            for which in order:
                given = person[which]
                user = world.add_learner(
                    first_name=given["first_name"],
                    last_name=given["surname"],
                    dob=given["date_of_birth"].isoformat(),
                )
                self.people.append(user.id)
                world.add_aim(user.id, start_date=date(2025, 9, 1), registration_number=f"{name}-{which}")
                for each in (0, 5):  # one that PICSWeb has as well, and one of OneFile's own
                    world.add_review(
                        user.id,
                        scheduled_for=rules.scheduled_for(self.day(which, each), time(10)),
                        created_on=datetime(2026, 1, 2, tzinfo=UTC),
                        assessor_id=self.assessors[0],
                    )

    @staticmethod
    def day(which: int, each: int) -> date:
        return date(2027, 1, 4) + timedelta(days=10 * which + each)

    def connect(self, settings: OneFileSettings, *_anything: Any, **_more: Any) -> OneFile:
        return OneFile(self.wires[settings.environment], aim_fields())  # type: ignore[arg-type]

    def save_or_refuse(self, kind: str, pk: str, *values: Any) -> Any:
        self.refuses -= 1
        if self.refuses == 0:
            raise picsweb.Rejected(kind, pk)
        return self.save_fields(kind, pk, *values)

    def link_all_later(self, *given: Any) -> RecordLink:
        """Between the look at both records and the transaction, somebody else may do something."""
        work, self.before_linking = self.before_linking, lambda: None
        work()
        return self.link_all(*given)

    def teardown(self) -> None:
        if not hasattr(self, "here"):
            return
        try:
            self.everything_comes_to_rest()
        finally:
            self.stack.close()

    # What people do

    @rule(
        which=WHICH,
        person=st.integers(0, 2),
        answer=st.sampled_from(ReviewsAnswer),
        move=st.booleans(),
        dies=st.one_of(st.none(), st.none(), st.none(), st.integers(0, 60)),
        refuses=st.sampled_from([0, 0, 0, 1, 2, 3]),
        meanwhile=st.sampled_from(["", "", "", "link", "unlink", "move", "type"]),
    )
    def link_a_learner(
        self,
        which: int,
        person: int,
        answer: ReviewsAnswer,
        move: bool,
        dies: int | None,
        refuses: int,
        meanwhile: str,
    ) -> None:
        self.before_linking = lambda: self.somebody_else(meanwhile, which, person)
        with self.nothing_half_done(dies, refuses, meanwhile):
            self.link(which, person, answer, move=move)
        self.before_linking = lambda: None

    def link(self, which: int, person: int, answer: ReviewsAnswer, *, move: bool) -> RecordLink | None:
        self.allowed |= {
            LinkMethod.CHECKED,
            LinkMethod.MOVED,
            LinkMethod.PAIRED,
            LinkMethod.RESTORED,
            LinkMethod.UNRECORDED,
        }
        learner, onefile_id = self.learners[which], self.people[person]
        writes = self.writes()
        try:
            seen = services.check_onefile_id(learner, onefile_id)
            if answer is ReviewsAnswer.DIFFERENT and seen.reviews.certain:
                answer = ReviewsAnswer.LATER
            chosen = dict(
                zip(
                    [each.pk for each in seen.qualifications.ours],
                    [each.onefile_id for each in seen.qualifications.theirs],
                    strict=False,
                )
            )
            decision = LinkDecision(
                shown=seen.shown,
                same_person=True,
                move_from=(seen.holder or "") if move else "",
                qualifications=seen.qualifications.certain or chosen,
                reviews=seen.reviews.certain,
                reviews_answer=answer,
            )
            made = services.link(learner, onefile_id, decision)
        except (LinkRefused, Refused):
            return None
        assert self.writes() == writes
        return made

    @rule(
        which=WHICH,
        dies=st.one_of(st.none(), st.none(), st.integers(0, 50)),
        refuses=st.sampled_from([0, 0, 1, 2]),
    )
    def unlink_a_learner(self, which: int, dies: int | None, refuses: int) -> None:
        with self.nothing_half_done(dies, refuses):
            self.unlink(which)

    def unlink(self, which: int) -> bool:
        self.allowed.add(LinkMethod.UNRECORDED)
        try:
            return services.unlink(self.learners[which]) is not None
        except (LinkRefused, Refused):
            return False

    @rule(which=WHICH)
    def unlink_and_link_to_the_same_record(self, which: int) -> None:
        pk = str(self.learners[which].pk)
        onefile_id = picsweb.onefile_ids("learner", [pk]).get(pk)
        if onefile_id not in self.people:
            return
        before = {(kind, row): each for kind, row, each in picsweb.linked_rows_of(pk)}
        if not self.unlink(which):
            return
        if self.link(which, self.people.index(onefile_id), ReviewsAnswer.PAIRED, move=False) is not None:
            held = self.ids()
            # An ID that was typed into another row as well stays with that one.
            back = {
                key: each for key, each in before.items() if self.holders(held, key[0], each) in ([], [key])
            }
            assert {key: held.get(key) for key in back} == back

    @rule(which=WHICH, person=st.integers(0, 2))
    def type_an_id(self, which: int, person: int) -> None:
        pk = str(self.learners[which].pk)
        self.type(("learner", pk), self.people[person])
        self.doubled |= {(each, self.people[person]) for each in ENVIRONMENTS}
        self.doubled_rows.add(pk)

    @rule(which=WHICH)
    def type_a_blank(self, which: int) -> None:
        if self.settings().moving_to_id is None:
            self.type(("learner", str(self.learners[which].pk)), None)
            self.doubled_rows.add(str(self.learners[which].pk))
            self.doubled |= {(each, person) for each in ENVIRONMENTS for person in self.people}

    def type_officers(self) -> None:
        for officer, onefile_id in zip(self.officers, self.assessors, strict=True):
            self.type(("officer", str(officer.pk)), onefile_id)

    def type(self, key: Key, onefile_id: int | None) -> None:
        row = self.rows.get(key)
        if row is not None:
            type(row)._base_manager.filter(pk=row.pk).update(onefile_id=onefile_id)
            self.typed.add(key)

    @rule(which=WHICH)
    def a_learner_marries(self, which: int) -> None:
        row = self.learners[which]
        type(row)._base_manager.filter(pk=row.pk).update(
            **self.host.translate("learner", {"surname": "Newname"})
        )

    @rule(which=WHICH, kind=st.sampled_from(["learner", "qualification", "review", "officer"]))
    def delete_a_row(self, which: int, kind: str) -> None:
        keys = [key for key in self.rows if key[0] == kind]
        if len(keys) < 2 or SyncRun.objects.exclude(state="finished").exists():
            return
        key = keys[which % len(keys)]
        if kind == "officer" or not which:
            row = type(self.rows[key])._base_manager.filter(pk=self.rows[key].pk).first()
            with suppress(ProtectedError):  # in PICSWeb, an officer with reviews may have to stay
                if row is not None:  # it may have gone with its learner
                    row.delete()
                self.rows.pop(key)

    @rule(which=st.integers(0, 2), record=st.integers(0, 1), again=st.sampled_from(["link", "unlink"]))
    def look_up_an_officer_or_organisation(self, which: int, record: int, again: str) -> None:
        row, kind, onefile_id = (
            (self.organisation, "organisation", self.placements[record])
            if which == 2
            else (self.officers[which], "officer", self.assessors[record])
        )
        if (kind, str(row.pk)) not in self.rows or self.settings().moving_to_id is not None:
            return
        self.allowed |= {LinkMethod.LOOKED_UP, LinkMethod.UNRECORDED}
        try:
            if again == "link":
                linker.link(kind, str(row.pk), onefile_id, tenant=present_tenant(), how=LinkMethod.LOOKED_UP)
            else:
                linker.unlink(kind, str(row.pk), tenant=present_tenant())
        except LinkRefused:
            return

    @rule(which=st.integers(0, 1), record=st.integers(0, 1), centre=st.integers(1, 2))
    def put_an_officer_of_a_further_centre_on_record(self, which: int, record: int, centre: int) -> None:
        if (
            "officer",
            str(self.officers[which].pk),
        ) in self.rows and self.settings().moving_to_id is None:
            self.allowed.add(LinkMethod.MIS_VALUE)
            try:
                linker.link(
                    "officer",
                    str(self.officers[which].pk),
                    self.assessors[record] + 900,
                    tenant=present_tenant(),
                    how=LinkMethod.MIS_VALUE,
                    centre_id=centre,
                    in_row=False,
                )
            except LinkRefused:
                return

    # The environment

    @rule(
        environment=st.sampled_from(ENVIRONMENTS),
        has_left=st.booleans(),
        dies=st.one_of(st.none(), st.integers(0, 150)),
        refuses=st.sampled_from([0, 0, 0, 1, 4]),
    )
    def change_the_environment(
        self, environment: str, has_left: bool, dies: int | None, refuses: int
    ) -> None:
        if services.refusal_to_move(has_left=has_left) is None:
            self.go_to(environment, dies, refuses)

    def go_to(self, environment: str, dies: int | None = None, refuses: int = 0) -> None:
        settings = OneFileSettings.load()
        settings.environment = environment
        settings.set_customer_token(f"token-of-{environment}")
        services.change_of_onefile(settings)  # asks once about typed IDs of an old installation
        self.remember()
        settings = OneFileSettings.load()
        settings.environment = environment
        settings.set_customer_token(f"token-of-{environment}")
        settings.save()
        self.allowed.add(LinkMethod.UNRECORDED)
        self.work(lambda: services.begin_move(None), dies, refuses)

    @rule(dies=st.one_of(st.none(), st.integers(0, 100)), refuses=st.sampled_from([0, 0, 1]))
    def go_on_moving(self, dies: int | None, refuses: int) -> None:
        self.allowed.add(LinkMethod.UNRECORDED)
        self.remember()
        self.work(services.move_links, dies, refuses)

    def remember(self) -> None:
        """Before IDs are moved: which they are here."""
        settings = self.settings()
        here = settings.linked_tenant.environment if settings.linked_tenant else settings.environment
        if settings.moving_to_id is None:
            self.remembered[here] = self.ids()
        else:  # somebody may have typed one meanwhile
            self.remembered[here] |= {key: each for key, each in self.ids().items() if key in self.typed}
        self.moved = True

    # What we do, and what goes wrong

    @rule(
        which=st.sets(WHICH, min_size=1),
        daily=st.booleans(),
        dies=st.one_of(st.none(), st.none(), st.integers(0, 150)),
        fails=st.lists(
            st.tuples(st.sampled_from(["", "", "timed_out", "server_error", "conflict"]), st.booleans()),
            max_size=8,
        ),
        meanwhile=st.sampled_from(["", "", "", "link", "unlink", "move", "type"]),
        at=st.integers(0, 8),
    )
    def sync(
        self,
        which: set[int],
        daily: bool,
        dies: int | None,
        fails: list[tuple[str, bool]],
        meanwhile: str,
        at: int,
    ) -> None:
        wire = self.wires[self.settings().environment]
        wire.fails = [(code, after and code != "conflict") for code, after in fails]
        first = min(which)
        wire.meanwhile = (at, lambda: self.somebody_else(meanwhile, first, at % 3)) if meanwhile else None
        self.sync_once(sorted(which), daily=daily, dies=None if daily else dies)
        wire.fails, wire.meanwhile = [], None

    def sync_once(
        self, which: Sequence[int], *, daily: bool = False, dies: int | None = None
    ) -> SyncRun | None:
        if LearnerOutcome.objects.filter(state=OutcomeState.WORKING).exists():
            services.sweep()
        if LearnerOutcome.objects.filter(state=OutcomeState.WORKING).exists():
            return None
        done: list[SyncRun] = []
        self.slept = 0
        try:
            run = SyncRun.objects.exclude(state="finished").first() or self.new_run(which, daily=daily)
        except Refused:
            return None
        was_moving = self.settings().moving_to_id is not None
        self.work(lambda: done.append(services.perform(run, sleep=self.sleep)), dies)
        if not was_moving and self.settings().moving_to_id is not None:
            # A learner who was at work when the move began is brought to an end, and only then are links put away.
            linked = self.settings().linked_tenant
            assert linked is not None
            self.remembered[linked.environment] |= self.ids()
        return done[0] if done else None

    def new_run(self, which: Sequence[int], *, daily: bool) -> SyncRun:
        if daily:
            return services.start_daily(new_run=True)
        learners: list[Any] = picsweb.learners_by_pk([str(self.learners[each].pk) for each in which])
        return services.refresh_now([each for each in learners if each.onefile_id])

    @rule()
    def time_passes(self) -> None:
        let_doubts_pass()
        LearnerOutcome.objects.filter(state=OutcomeState.WORKING).update(
            lease_expires_at=timezone.now() - timedelta(seconds=1)
        )

    def sleep(self, _seconds: float) -> None:
        """Whoever waits for a worker that died sees its leases expire."""
        self.slept += 1
        assert self.slept < 200, "the run never ends"
        long_ago = timezone.now() - timedelta(seconds=1)
        for leased in (LearnerOutcome, *Leased.__subclasses__()):
            leased._default_manager.exclude(lease_expires_at=None).update(lease_expires_at=long_ago)  # type: ignore[attr-defined]

    def somebody_else(self, what: str, which: int, person: int) -> None:
        """What another person or worker does at that moment."""
        before, self.before_linking = self.before_linking, lambda: None
        for wire in self.wires.values():
            wire.meanwhile = None
        if what == "link":
            self.link((which + 1) % 4, person, ReviewsAnswer.PAIRED, move=False)
        elif what == "unlink":
            self.unlink(which)
        elif what == "type":
            self.type_an_id(which, person)
        elif what == "move":
            self.go_to("live" if self.settings().environment == "practice" else "practice")
        self.before_linking = before

    def work(self, task: Callable[[], object], dies: int | None = None, refuses: int = 0) -> bool:
        """Do something that may die at a statement, or be refused by PICSWeb. Returns whether it came to its end."""
        wire = self.wires["practice"]
        for each in self.wires.values():
            each.dies_at = dies
        self.refuses = refuses
        try:
            with connection.execute_wrapper(each_statement(wire)):
                task()
        except Killed:
            transaction.set_rollback(False)  # what was committed stays
            return False
        finally:
            self.refuses = 0
            for each in self.wires.values():
                each.dies_at = None
        return True

    @contextmanager
    def nothing_half_done(self, dies: int | None, refuses: int, meanwhile: str = "") -> Iterator[None]:
        """Work of one transaction: whoever dies within it has written nothing."""
        before, links = self.ids(), self.links()
        wire = self.wires["practice"]
        for each in self.wires.values():
            each.dies_at = dies
        self.refuses = refuses
        try:
            with connection.execute_wrapper(each_statement(wire)):
                yield
        except Killed:
            transaction.set_rollback(False)
            if not meanwhile:
                assert (self.ids(), self.links()) == (before, links)
        finally:
            self.refuses = 0
            for each in self.wires.values():
                each.dies_at = None

    # What must hold

    @invariant()
    def links_and_rows_agree(self) -> None:
        if not hasattr(self, "here"):
            return
        settings, held = self.settings(), self.ids()
        in_rows: Counter[Any] = Counter()
        for link in self.record_links():
            if link.ended_at is not None:
                continue
            key = (link.subject_kind, link.subject_pk)
            assert link.tenant_id in (settings.linked_tenant_id, settings.moving_to_id)
            if link.in_row:
                in_rows[link.tenant_id, key] += 1
                assert held.get(key) == link.onefile_id or key in self.typed, link
        assert all(times == 1 for times in in_rows.values()), in_rows

    @invariant()
    def every_link_is_explained(self) -> None:
        if not hasattr(self, "here"):
            return
        for link in self.record_links():
            if link.pk <= self.last_link:
                continue
            assert link.how in self.allowed, link.how
            self.last_link = link.pk
        self.allowed = set()

    @invariant()
    def ids_are_those_of_this_onefile(self) -> None:
        if not getattr(self, "moved", False):
            return
        settings = self.settings()
        if settings.linked_tenant is None:
            self.moved = False
            return
        here, held = settings.linked_tenant.environment, self.ids()
        expected = self.remembered[here]
        for key, onefile_id in held.items():
            assert expected.get(key) == onefile_id or key in self.typed, (key, onefile_id)
        if settings.moving_to_id is None:
            for key, onefile_id in expected.items():
                if key in self.rows_now() and key not in held and key not in self.typed:
                    assert self.holders(held, key[0], onefile_id), (key, onefile_id)
            self.moved = False

    @invariant()
    def no_review_is_doubled(self) -> None:
        if not hasattr(self, "here"):
            return
        for name, wire in self.wires.items():
            there = Counter((each.learner_id, each.scheduled_for) for each in wire.api.world.reviews.values())
            for (learner, moment), times in there.items():
                assert times == 1 or (name, learner) in self.doubled, (name, learner, moment)
        for learner in self.in_picsweb()[1]:
            if learner.pk in self.doubled_rows:
                continue
            here = Counter((each.proposed_date, each.proposed_time) for each in learner.reviews)
            assert all(times == 1 for times in here.values()), here

    @invariant()
    def nothing_is_blanked(self) -> None:
        if not hasattr(self, "here"):
            return
        looked_at = (self.in_picsweb(), self.writes())
        if looked_at == self.looked_at:
            return
        self.looked_at, blanks = looked_at, self.blank_values()
        for key, is_blank in blanks.items():
            assert not is_blank or self.blanks.get(key, True), key
        self.blanks = blanks

    def everything_comes_to_rest(self) -> None:
        for _again in range(SOON):
            self.time_passes()
            self.sync_once(range(4))
            self.remember()
            self.allowed.add(LinkMethod.UNRECORDED)
            services.move_links()
            if not self.is_under_way():
                break
        assert not self.is_under_way()
        self.check_all()
        for _again in range(QUIET_AFTER):
            if self.a_sync_changes_nothing():
                break
        self.time_passes()
        assert self.a_sync_changes_nothing()
        self.check_all()
        assert not self.is_under_way()
        here = self.settings().environment
        if services.refusal_to_move() is None:
            for environment in ENVIRONMENTS if here == "live" else reversed(ENVIRONMENTS):
                self.go_to(environment)
                self.check_all()
            assert self.settings().environment == here

    def is_under_way(self) -> bool:
        return self.settings().moving_to_id is not None or SyncRun.objects.exclude(state="finished").exists()

    def a_sync_changes_nothing(self) -> bool:
        before = (self.writes(), self.ids(), self.links())
        self.sync_once(self.linked())
        return (self.writes(), self.ids(), self.links()) == before

    def check_all(self) -> None:
        for check in (
            self.links_and_rows_agree,
            self.every_link_is_explained,
            self.ids_are_those_of_this_onefile,
            self.no_review_is_doubled,
            self.nothing_is_blanked,
        ):
            check()

    # Looking

    def watch(self, run: Any, sql: str, *given: Any) -> Any:
        """What was read is read again only after a statement has written to its table."""
        if not sql.startswith(("SELECT", "SAVEPOINT", "RELEASE")):
            undone = sql.startswith("ROLLBACK")
            self.kept = {table: each for table, each in self.kept.items() if not undone and table not in sql}
        return run(sql, *given)

    def look(self, table: str, read: Callable[[], Any]) -> Any:
        if table not in self.kept:
            self.kept[table] = read()
        return self.kept[table]

    def settings(self) -> OneFileSettings:
        return self.look(OneFileSettings._meta.db_table, OneFileSettings.load)

    def record_links(self) -> list[RecordLink]:
        return self.look(RecordLink._meta.db_table, lambda: list(RecordLink.objects.order_by("pk")))

    def in_picsweb(self) -> tuple[dict[Key, int], list[LearnerRow]]:
        """The OneFile IDs of all rows, and the learners."""
        return self.look(f"{self.host.name}_", self.read_picsweb)

    def read_picsweb(self) -> tuple[dict[Key, int], list[LearnerRow]]:
        learners = picsweb.learners_by_pk([str(each.pk) for each in self.learners])
        held = {
            (kind, pk): onefile_id
            for kind in KINDS
            for pk, onefile_id, _centre in picsweb.rows_with_onefile_id(kind)
        }
        return held, list(picsweb.read_learners(learners))

    def ids(self) -> dict[Key, int]:
        return self.in_picsweb()[0]

    def linked(self) -> list[int]:
        held = self.ids()
        return [each for each in range(4) if ("learner", str(self.learners[each].pk)) in held]

    def rows_now(self) -> set[Key]:
        return {
            (kind, str(pk))
            for kind in KINDS
            for pk in WRITTEN[kind].model._base_manager.values_list("pk", flat=True)
        }

    def links(self) -> list[Any]:
        columns = (
            "tenant_id",
            "subject_kind",
            "subject_pk",
            "onefile_id",
            "ended_at",
            "ending",
            "reviews_pending",
        )
        return [tuple(getattr(each, column) for column in columns) for each in self.record_links()]

    def holders(self, held: Mapping[Key, int], kind: str, onefile_id: int) -> list[Key]:
        return [key for key, each in held.items() if key[0] == kind and each == onefile_id]

    def writes(self) -> list[int]:
        return [wire.api.world.writes for wire in self.wires.values()]

    def blank_values(self) -> dict[Any, bool]:
        found: dict[Any, bool] = {}
        for read in self.in_picsweb()[1]:
            for each in (*read.qualifications, *read.reviews):
                for name, value in flat(each).items():
                    if name not in (
                        "onefile_id",
                        "officer_onefile_id",
                        "officer",
                        "attended",
                        "actual_date",
                        "label",
                    ):
                        found[type(each).__name__, each.pk, name] = rules.is_blank(value)
        for environment, wire in self.wires.items():
            world = wire.api.world
            for record in (*world.aims.values(), *world.reviews.values()):
                for name, value in flat(record).items():
                    if name != "wire":
                        found[environment, type(record).__name__, record.id, name] = rules.is_blank(value)
        return found


@pytest.mark.hypothesis
@pytest.mark.matrix
@pytest.mark.parametrize("host", HOSTS)
def test_links_stay_right_whatever_happens(host: str, settings: Any, db: None, figures: Any) -> None:
    chosen = HOSTS[host]
    settings.ONEFILE_SYNC = {
        **{key: value for key, value in chosen.mapping.items() if key != "BASE_URL"},
        "CALLS_PER_MINUTE": None,
        "CALLS_AT_ONCE": 1,
    }
    few = connection.vendor != "sqlite" and not LONG
    examples = (ON_SERVERS if few else EXAMPLES["nightly" if LONG else PROFILE]) // len(HOSTS)

    class OnThisHost(Links):
        pass

    OnThisHost.host = chosen
    run_state_machine_as_test(OnThisHost, settings=bounds(examples, STEPS))
    figures(f"links, {host}", examples=examples, counterexamples=0)
