"""How the operations of the API find records and answer: by ID, as a page of a search, or as a new record's ID."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from itertools import islice
from operator import attrgetter
from typing import Final, TypeVar

from .entities import ASSESSOR, LEARNER, LONDON, TRAINEE_ASSESSOR, Moment, SandboxRecord, SandboxUser
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
    """A parsed request. ``page`` counts from 1; ``None`` asks for all records in one answer."""

    operation: str
    id: int = 0
    page: int | None = None
    size: int = 0
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

    def created(self, record: SandboxRecord) -> SandboxResponse:
        self.world.writes += 1
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
