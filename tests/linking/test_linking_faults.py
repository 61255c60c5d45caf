"""Every call of linking × everything that may go wrong with it: once that is over, all ends as if it had not been."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time
from itertools import product
from typing import Any

import pytest

from onefile_sync import host as picsweb
from onefile_sync import services
from onefile_sync.linking import directory, match_run
from onefile_sync.linking.confirmed_matches import LEFT_BEHIND, TICKABLE, UNDECIDED
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import (
    ApiSession,
    DirectoryEntry,
    DirectoryKind,
    MatchSuggestion,
    OneFileSettings,
    RecordLink,
    SubjectKind,
    SyncRun,
)
from onefile_sync.models.staged import Leased
from onefile_sync.sandbox.faults import Fault
from onefile_sync.sandbox.server import SandboxServer
from onefile_sync.sandbox.switches import Switches
from onefile_sync.sandbox.world import LEARNER, World
from onefile_sync.services import LinkCheck, LinkDecision, LinkRefused, Refused, ReviewsAnswer
from onefile_sync.sync.planning import rules
from tests.conftest import dont_wait
from tests.factories import HOSTS, Host
from tests.reliability.conftest import LONG
from tests.reliability.trouble import FAULTS, PATIENCE

ALWAYS = 1000
LISTS, STANDARDS, MATCH, TICKED, CHECK, CHECKED, BOTH = (
    "read the lists",
    "refresh qualification links",
    "match",
    "link what was ticked",
    "check",
    "link what was checked",
    "check and link",
)
#: The calls of each stage. "check" is of a person who links a single learner; that needs no lists but the standards.
CALLS = [
    *product([LISTS], ["Authentication", "Customer/get", "Organisation/Search", "User/Search"]),
    *product([LISTS], ["Placement/Search", "Classroom/Search", "Standard/Search"]),
    *product([STANDARDS], ["Organisation/Search", "Standard/Search"]),
    *product([MATCH], ["User/get"]),
    *product([TICKED], ["User/get", "LearningAim/Search", "Review/Search"]),
    *product([CHECK], ["Authentication", "User/get", "LearningAim/Search", "Review/Search"]),
    *product([CHECKED], ["User/get", "Review/Search"]),
    *product([BOTH], ["User/get", "LearningAim/Search", "Review/Search"]),
]
#: What was done before a stage, and what a person does once the trouble is over.
BEFORE = {
    MATCH: [LISTS],
    TICKED: [LISTS, MATCH],
    CHECK: [STANDARDS],
    CHECKED: [STANDARDS, CHECK],
    BOTH: [STANDARDS],
}
AFTER = {
    LISTS: [MATCH, TICKED, LISTS, MATCH, TICKED],
    STANDARDS: [STANDARDS, CHECK, CHECKED],
    MATCH: [TICKED, MATCH, TICKED],
    TICKED: [TICKED],
    CHECK: [CHECK, CHECKED],
    CHECKED: [CHECKED, CHECK, CHECKED],
    BOTH: [CHECK, CHECKED],
}
MATCHED = (SubjectKind.LEARNER, SubjectKind.OFFICER, SubjectKind.ORGANISATION)
ULNS = ("9876543228", "9876543236")
BORN, SPRING, SUMMER = date(2004, 5, 6), date(2027, 4, 14), date(2027, 7, 1)


class Provider:
    """A learner with officer and organisation, none of them with a OneFile ID, and the records that each is.

    OneFile also has the learner's twin, an archived namesake, and others who are like the officer and organisation.
    """

    def __init__(self, host: Host, world: World) -> None:
        self.world, self.checked = world, None
        placement = world.add_placement(name="Tŷ Gwyn Care")
        world.add_placement(name="Tŷ Coch Care")
        assessor = world.add_assessor(first_name="Gwen", last_name="Price", misid="S1")
        world.add_assessor(first_name="Gwen", last_name="Prys", misid="S2")
        world.add_classroom(name="September")
        standard = world.add_standard(title="Team Leader", code="196AS")
        them = {"first_name": "Ann", "last_name": "Ash", "dob": BORN.isoformat()}
        self.ann = world.add_learner(**them, uln=ULNS[0], misid="L1").id
        world.add_learner(**them | {"first_name": "Anna"}, uln=ULNS[1], misid="L2")
        world.add_learner(**them | {"dob": "1999-01-01"}, archived=True)
        officer = host.officer(onefile_id=None, first_name="Gwen", surname="Price", ident="S1")
        self.learner = host.learner(
            onefile_id=None, first_name="Ann", surname="Ash", ident="L1", uln=ULNS[0], date_of_birth=BORN
        )
        aim = world.add_aim(self.ann, start_date=date(2025, 9, 1), standard_id=standard.id)
        self.rows = {
            ("organisation", placement.id): host.organisation(onefile_id=None, name="Tŷ Gwyn Care"),
            ("officer", assessor.id): officer,
            ("learner", self.ann): self.learner,
            ("qualification", aim.id): host.qualification(self.learner, reference="196AS"),
        }
        for day in (SPRING, SUMMER):
            review = world.add_review(
                self.ann,
                scheduled_for=rules.scheduled_for(day, time(10)),
                created_on=datetime(2026, 1, 2, tzinfo=UTC),
                assessor_id=assessor.id,
            )
            self.rows["review", review.id] = host.review(
                self.learner, proposed_date=day, proposed_time=time(10), officer=officer
            )
        self.true = {(kind, str(row.pk), onefile_id) for (kind, onefile_id), row in self.rows.items()}
        self.of_learner = {each for each in self.true if each[0] not in ("officer", "organisation")}
        self.in_onefile = {("standard", standard.id), ("classroom", next(iter(world.classrooms)))}
        self.in_onefile |= {("placement", each) for each in world.placements}
        self.in_onefile |= {
            ("learner" if each.role == LEARNER else "assessor", each.id) for each in world.users.values()
        }

    def do(self, stage: str) -> None:
        """Go through a stage. What is refused is told to a person, who tries again another time."""
        work: dict[str, Callable[[], object]] = {
            LISTS: lambda: perform(directory.start_reading(tuple(DirectoryKind), queued=False)),
            STANDARDS: lambda: perform(services.refresh_links_now()),
            MATCH: lambda: perform(match_run.start(MATCHED, queued=False)),
            TICKED: self.link_ticked,
            CHECK: self.check,
            CHECKED: self.link_checked,
            BOTH: lambda: (self.check(), self.link_checked()),
        }
        with suppress(LinkRefused, Refused):
            work[stage]()

    def link_ticked(self) -> None:
        found = MatchSuggestion.objects.filter(UNDECIDED, level__in=TICKABLE)
        run = services.link_ticked(list(found.values_list("pk", flat=True)), queued=False)
        if run is not None:
            perform(run)

    def check(self) -> None:
        self.checked: LinkCheck | None = services.check_onefile_id(self.learner, self.ann)

    def link_checked(self) -> None:
        """A person has seen both records and takes what is proposed; if they contradict each other, nothing."""
        if self.checked is not None:
            decision = LinkDecision(
                shown=self.checked.shown,
                qualifications=self.checked.qualifications.certain,
                reviews=self.checked.reviews.certain,
                reviews_answer=ReviewsAnswer.LATER
                if self.checked.reviews.needs_a_look
                else ReviewsAnswer.PAIRED,
            )
            services.link(self.learner, self.ann, decision)

    def linked(self) -> set[tuple[str, str, int]]:
        in_rows = {
            (kind, pk, onefile_id)
            for kind in ("learner", "qualification", "review", "officer", "organisation")
            for pk, onefile_id, _centre in picsweb.rows_with_onefile_id(kind)
        }
        on_record = RecordLink.objects.filter(ended_at=None)
        return in_rows | set(on_record.values_list("subject_kind", "subject_pk", "onefile_id"))

    def listed(self) -> set[tuple[str, int]]:
        """What is kept of OneFile's lists, with its name."""
        entries = DirectoryEntry.objects.filter(tenant=present_tenant(), gone_at=None).exclude(name="")
        return set(entries.values_list("kind", "onefile_id"))


def perform(run: SyncRun) -> SyncRun:
    return services.perform(run, sleep=dont_wait)


def cases() -> Iterator[Any]:
    """Every call × every fault, on either host and once or always by turns, in the long run.

    "make test-exhaustive" tries each call with a quarter of the faults, "make test" each call and each fault once.
    """
    for (fault_number, fault), (call_number, call) in product(enumerate(FAULTS), enumerate(CALLS)):
        turn = fault_number + call_number + fault_number // 2
        times, often = ((1, "once"), (ALWAYS, "always"))[turn % 2]
        host, items = list(HOSTS)[turn // 2 % 2], ("thin", "rich")[turn // 4 % 2]
        is_chosen = call_number == fault_number % len(CALLS)
        if LONG or is_chosen or (fault_number + call_number) % 4 == 0:
            name = "-".join([*call, fault, often, host, items])
            marks = () if is_chosen else pytest.mark.exhaustive
            yield pytest.param(host, items, *call, fault, times, id=name, marks=marks)


@pytest.fixture
def switches(items: Any) -> Switches:
    return Switches(rate_limit=0, items=items)


@pytest.mark.parametrize(
    ("host", "items", "stage", "operation", "fault", "times"), list(cases()), indirect=["host"]
)
def test_linking_ends_as_without_trouble(
    stage: str,
    operation: str,
    fault: str,
    times: int,
    host: Host,
    world: World,
    onefile: SandboxServer,
    settings: Any,
) -> None:
    provider = Provider(host, world)
    OneFileSettings.objects.update(match_by="mis_value")
    for earlier in BEFORE.get(stage, ()):
        provider.do(earlier)
    ApiSession.objects.all().delete()
    trouble = Fault(operation=operation, times=times, **FAULTS[fault])
    onefile.faults.append(trouble)
    patient = settings.ONEFILE_SYNC
    if fault.startswith("time-out"):
        settings.ONEFILE_SYNC = {**patient, "TIMEOUT_SECONDS": PATIENCE}
    for _again in range(2):
        provider.do(stage)
        assert_nothing_is_wrong_or_open(provider)
    onefile.faults.clear()
    settings.ONEFILE_SYNC = patient
    assert trouble.times < times
    ApiSession.objects.update(paused_until=None)  # time has passed since OneFile refused calls

    for later in AFTER[stage]:
        provider.do(later)
        assert_nothing_is_wrong_or_open(provider)
    if not provider.linked() >= provider.of_learner or services.reviews_wait(provider.learner):
        provider.do(CHECK)  # there was nothing to tick, or reviews wait: a person does it singly
        provider.do(CHECKED)
    assert not services.reviews_wait(provider.learner)
    if stage in (CHECK, CHECKED, BOTH, STANDARDS):
        assert provider.linked() == provider.of_learner
    else:
        assert provider.linked() == provider.true
        # A user of whom OneFile has said that there is none is listed again once the lists are read again.
        assert provider.listed() >= provider.in_onefile or (stage, fault) == (MATCH, "404")


def assert_nothing_is_wrong_or_open(provider: Provider) -> None:
    assert provider.linked() <= provider.true
    assert set(SyncRun.objects.values_list("state", flat=True)) <= {"finished"}
    assert not MatchSuggestion.objects.filter(state__in=("queued", "working")).exclude(LEFT_BEHIND).exists()
    for leased in Leased.__subclasses__():
        assert not leased._default_manager.exclude(lease_expires_at=None).exists(), leased
