"""How the operations of the API find records and answer: by ID, as a page of a search, or as a new record's ID."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from itertools import islice
from operator import attrgetter
from typing import Final, TypeVar

from .entities import (
    ASSESSOR,
    LEARNER,
    LONDON,
    TRAINEE_ASSESSOR,
    Moment,
    SandboxPlacement,
    SandboxRecord,
    SandboxUser,
)
from .limits import Clock
from .switches import Switches
from .wire import ApiRefusal, Body, SandboxResponse, as_detail, as_item, in_json, property_name
from .world import World

AnyRecord = TypeVar("AnyRecord", bound=SandboxRecord)

NO_CONTENT: Final = SandboxResponse(204)
#: Odd and large, so that multiplying by it scatters neighbouring IDs over the whole range.
_SHUFFLER: Final = 2654435761


@dataclass(frozen=True, slots=True)
class Call:
    """A parsed request. ``page`` counts from 1; ``None`` asks for all records in one answer.

    ``learner_id`` and ``only_assigned`` are from the paths of ``Standard/Assign`` and ``FrameworkTemplate/Assign``.
    """

    operation: str
    id: int = 0
    page: int | None = None
    size: int = 0
    learner_id: int = 0
    only_assigned: bool = False
    body: Body = field(default_factory=lambda: Body({}))


class Answers:
    """What the operations of every kind of record share. The caller must hold the world's lock."""

    def __init__(self, world: World, switches: Switches, clock: Clock) -> None:
        self.world = world
        self.switches = switches
        self.clock = clock

    def known(self, shelf: Mapping[int, AnyRecord], record_id: int) -> AnyRecord:
        record = shelf.get(record_id)
        if record is None:
            raise ApiRefusal(self.switches.unknown_id, "There is no record with this ID.")
        return record

    def required_learner(self, body: Body) -> SandboxUser:
        learner_id = body.number("LearnerID")
        if learner_id is None:
            raise ApiRefusal(400, "LearnerID is required.")
        learner = self.world.users.get(learner_id)
        if learner is None or learner.role != LEARNER:
            raise ApiRefusal(400, "There is no such learner.")
        return learner

    def required_moment(self, body: Body, name: str) -> datetime:
        moment = body.moment(name)
        if moment is None:
            raise ApiRefusal(400, f"{name} is required.")
        return moment

    def known_assessor(self, body: Body) -> int | None:
        assessor_id = body.number("AssessorID")
        if assessor_id is None:
            return None
        assessor = self.world.users.get(assessor_id)
        if assessor is None or assessor.role not in (ASSESSOR, TRAINEE_ASSESSOR):
            raise ApiRefusal(400, "There is no such assessor.")
        return assessor_id

    def required_centre(self, body: Body) -> int:
        centre = body.number("OrganisationID")
        if centre is None:
            raise ApiRefusal(400, "OrganisationID is required.")
        if centre not in self.world.centres:
            raise ApiRefusal(400, "The organisation was not found.", ApiRefusal.UNKNOWN_CENTRE)
        return centre

    def required_text(self, body: Body, name: str) -> str:
        text = body.text(name)
        if not text.strip():
            raise ApiRefusal(400, f"{name} is required.")
        return text

    def refuse_same_mis_value(self, misid: str, others: Iterable[SandboxUser | SandboxPlacement]) -> None:
        """Refuse a MIS Value that another record has, if OneFile does so and MIS Values are enabled in the centre."""
        if self.switches.same_mis_value == "allowed" or self.switches.mis_values == "dropped":
            return
        wanted = misid.strip().casefold()
        if wanted and any(other.misid.strip().casefold() == wanted for other in others):
            raise ApiRefusal(400, "MISID belongs to another record.", ApiRefusal.SAME_MIS_VALUE)

    def mark_created(self, record: SandboxRecord) -> None:
        self.world.writes += 1
        record.created_by_api_at = self.clock()

    def created(self, record: SandboxRecord) -> SandboxResponse:
        self.mark_created(record)
        return self.id_of(record)

    def id_of(self, record: SandboxRecord) -> SandboxResponse:
        if self.switches.create_answer == "number":
            return in_json(record.id)
        return in_json({property_name("id", self.switches.property_names): record.id})

    def detail(self, record: SandboxRecord) -> SandboxResponse:
        return in_json(as_detail(record, self.switches))

    def found(
        self,
        records: Collection[AnyRecord],
        call: Call,
        wanted: Callable[[AnyRecord], bool] = lambda _record: True,
    ) -> SandboxResponse:
        """Answer a search with one page or with all matches. Records after the page are not examined."""
        if self.switches.search_lag:
            records = [record for record in records if not self.is_too_new(record)]
        matching = filter(wanted, self.in_order(records))
        if call.page is None:
            chosen = list(islice(matching, self.switches.unpaged_limit))
        else:
            chosen = self.on_page(matching, call.page, call.size)
        if not chosen:
            past_the_end = call.page is not None and any(map(wanted, records))
            when_empty = self.switches.past_the_end if past_the_end else self.switches.empty_search
            return NO_CONTENT if when_empty == "no content" else in_json([])
        if call.page is not None and self.switches.items == "rich":
            return in_json([as_detail(record, self.switches) for record in chosen])
        paged = call.page is not None
        return in_json([as_item(record, self.switches, paged=paged) for record in chosen])

    def is_too_new(self, record: SandboxRecord) -> bool:
        """Whether searches do not find the record yet."""
        created = record.created_by_api_at
        return created is not None and self.clock() < created + timedelta(seconds=self.switches.search_lag)

    def in_order(self, records: Collection[AnyRecord]) -> list[AnyRecord]:
        if self.switches.page_order == "by id":
            return sorted(records, key=attrgetter("id"))
        return sorted(records, key=lambda record: record.id * _SHUFFLER % 2**32)

    def on_page(self, records: Iterator[AnyRecord], page: int, size: int) -> list[AnyRecord]:
        if page < 1 or size < 1:
            raise ApiRefusal(400, "Pages are counted from 1 and hold at least one record.")
        size = min(size, self.switches.page_limit or size)
        # "unstable" repeats the last record of a page on the next one, as if a record had been inserted before it.
        step = max(1, size - 1) if self.switches.page_order == "unstable" else size
        first = (page - 1) * step
        return list(islice(records, first, first + size))


def moment_of(moment: Moment) -> datetime:
    return moment if isinstance(moment, datetime) else datetime.combine(moment, time(), LONDON)


def is_within(moment: Moment | None, earliest: datetime | None, latest: datetime | None) -> bool:
    """Whether ``moment`` lies in the window, bounds included. ``None`` never does."""
    if moment is None:
        return False
    at = moment_of(moment)
    return (earliest is None or at >= earliest) and (latest is None or at <= latest)
