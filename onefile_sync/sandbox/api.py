"""The API operations that the exchange uses, as OneFile's public documentation describes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from itertools import islice
from operator import attrgetter
from typing import Final, TypeVar

from .entities import (
    ASSESSOR,
    LEARNER,
    LONDON,
    TRAINEE_ASSESSOR,
    Moment,
    SandboxAim,
    SandboxClassroom,
    SandboxPlacement,
    SandboxRecord,
    SandboxReview,
    SandboxUser,
)
from .limits import Clock
from .switches import Switches
from .wire import ApiRefusal, Body, SandboxResponse, as_detail, as_item, in_json, property_name
from .world import World

AnyRecord = TypeVar("AnyRecord", bound=SandboxRecord)

NO_CONTENT: Final = SandboxResponse(204)
#: ``LearningAimCompletionStatus`` of an achieved learning aim. OneFile documents no other value.
ACHIEVED: Final = 1
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


class Api:
    """Carries out calls on a world, one at a time: the caller must hold the world's lock."""

    def __init__(self, world: World, switches: Switches, clock: Clock) -> None:
        self.world = world
        self.switches = switches
        self.clock = clock

    def carry_out(self, call: Call) -> SandboxResponse:
        """Raise :class:`ApiRefusal` where OneFile would answer with a 4xx status."""
        return _CARRY_OUT[call.operation](self, call)

    # Customer, centres, people and places

    def get_customer(self, _: Call) -> SandboxResponse:
        style = self.switches.property_names
        return in_json(
            {
                property_name("id", style): self.world.customer_id,
                property_name("name", style): self.world.customer_name,
            }
        )

    def search_centres(self, call: Call) -> SandboxResponse:
        of_this_customer = call.body.number("CustomerID") in (None, self.world.customer_id)
        return self.found(list(self.world.centres.values()) if of_this_customer else [], call)

    def get_centre(self, call: Call) -> SandboxResponse:
        return self.detail(self.known(self.world.centres, call.id))

    def search_users(self, call: Call) -> SandboxResponse:
        body = call.body
        centre, role, since = body.number("OrganisationID"), body.number("Role"), body.moment("LastModified")
        users = [
            user
            for user in self.world.users.values()
            if centre in (None, user.organisation_id)
            and role in (None, user.role)
            # A user without this date may have changed at any time, so the search must return them.
            and (since is None or user.last_modified is None or moment_of(user.last_modified) >= since)
            and all(
                body.text(name).casefold() in ("", value.casefold())
                for name, value in (
                    ("FirstName", user.first_name),
                    ("LastName", user.last_name),
                    ("Email", user.email),
                    ("MISID", user.misid),
                )
            )
        ]
        return self.found(users, call)

    def get_user(self, call: Call) -> SandboxResponse:
        return self.detail(self.known(self.world.users, call.id))

    def search_placements(self, call: Call) -> SandboxResponse:
        return self.found(self.in_centre(self.world.placements.values(), call.body), call)

    def get_placement(self, call: Call) -> SandboxResponse:
        return self.detail(self.known(self.world.placements, call.id))

    def search_classrooms(self, call: Call) -> SandboxResponse:
        return self.found(self.in_centre(self.world.classrooms.values(), call.body), call)

    def get_classroom(self, call: Call) -> SandboxResponse:
        return self.detail(self.known(self.world.classrooms, call.id))

    def in_centre(
        self, records: Iterable[SandboxPlacement] | Iterable[SandboxClassroom], body: Body
    ) -> list[SandboxPlacement | SandboxClassroom]:
        centre, name = body.number("OrganisationID"), body.text("Name").casefold()
        return [
            record
            for record in records
            if centre in (None, record.organisation_id) and name in ("", record.name.casefold())
        ]

    # Learning aims

    def search_aims(self, call: Call) -> SandboxResponse:
        """With ``LearningAimCompletionStatus`` 1, the dates select the aims achieved between them."""
        body = call.body
        learner_id, status = body.number("UserID"), body.number("LearningAimCompletionStatus")
        earliest, latest = body.moment("DateFrom"), body.moment("DateTo")
        if learner_id is None and self.switches.aim_search_without_user == "refused":
            raise ApiRefusal(400, "UserID is required.")
        any_time = earliest is None and latest is None

        def wanted(aim: SandboxAim) -> bool:
            achieved = aim.achieved_date is not None
            return (status is None or (status == ACHIEVED) == achieved) and (
                any_time or is_within(aim.achieved_date, earliest, latest)
            )

        candidates = self.world.aims.values() if learner_id is None else self.world.aims_of(learner_id)
        return self.found(candidates, call, wanted)

    def get_aim(self, call: Call) -> SandboxResponse:
        return self.detail(self.known(self.world.aims, call.id))

    def update_aim(self, call: Call) -> SandboxResponse:
        aim, body = self.known(self.world.aims, call.id), call.body
        if body.number("ID") not in (None, aim.id):
            raise ApiRefusal(400, "ID is not that of the address.")
        if body.number("UserID") not in (None, aim.user_id):
            raise ApiRefusal(400, "UserID is not the learner of this learning aim.")
        values: dict[str, object] = {}
        for attribute in SandboxAim.WRITABLE:
            name = property_name(attribute, "pascal")
            if name not in body and self.switches.update_mode == "partial":
                continue
            if attribute == "status":
                values[attribute] = body.number(name) or 0
            elif attribute == "registration_number":
                values[attribute] = body.text(name)
            else:
                values[attribute] = body.moment(name)
        for attribute, value in values.items():
            setattr(aim, attribute, value)
        self.world.writes += 1
        return NO_CONTENT if self.switches.update_answer == "no content" else self.detail(aim)

    # Visits and reviews

    def create_visit(self, call: Call) -> SandboxResponse:
        body = call.body
        learner = self.required_learner(body)
        centre = body.number("OrganisationID")
        if centre is None:
            raise ApiRefusal(400, "OrganisationID is required.")
        if centre not in self.world.centres:
            raise ApiRefusal(400, "The organisation was not found.", ApiRefusal.UNKNOWN_CENTRE)
        if centre != learner.organisation_id:
            raise ApiRefusal(400, "The learner belongs to another organisation.")
        starts, ends = self.required_moment(body, "DateFrom"), self.required_moment(body, "DateTo")
        if ends <= starts:
            raise ApiRefusal(400, "DateTo must be after DateFrom.")
        visit = self.world.add_visit(
            learner.id,
            organisation_id=centre,
            date_from=starts,
            date_to=ends,
            visit_type_id=body.number("VisitTypeID") or 0,
            assessor_id=self.known_assessor(body),
        )
        return self.created(visit)

    def search_reviews(self, call: Call) -> SandboxResponse:
        body = call.body
        centre, learner_id = body.number("OrganisationID"), body.number("LearnerID")
        if centre is None and self.switches.review_search_without_centre == "refused":
            raise ApiRefusal(400, "OrganisationID is required.")
        status, earliest, latest = body.number("Status"), body.moment("DateFrom"), body.moment("DateTo")
        everybody = learner_id is None
        candidates = self.world.reviews.values() if everybody else self.world.reviews_of(learner_id or 0)
        of_centre = {user.id for user in self.world.users.values() if user.organisation_id == centre}
        any_centre, any_time = centre is None, earliest is None and latest is None

        def wanted(review: SandboxReview) -> bool:
            return (
                (any_centre or review.learner_id in of_centre)
                and status in (None, review.status)
                and (any_time or is_within(review.scheduled_for, earliest, latest))
            )

        return self.found(candidates, call, wanted)

    def get_review(self, call: Call) -> SandboxResponse:
        return self.detail(self.known(self.world.reviews, call.id))

    def create_review(self, call: Call) -> SandboxResponse:
        body = call.body
        learner = self.required_learner(body)
        scheduled_for = self.required_moment(body, "ScheduledFor")
        visit_id = body.number("VisitID")
        if visit_id is None and self.switches.visit_id == "required":
            raise ApiRefusal(400, "VisitID is required.")
        if visit_id is not None:
            visit = self.world.visits.get(visit_id)
            if visit is None or visit.learner_id != learner.id:
                raise ApiRefusal(400, "The learner has no such visit.")
        review = self.world.add_review(
            learner.id,
            scheduled_for=scheduled_for,
            status=body.number("Status") or 1,
            visit_id=visit_id,
            assessor_id=self.known_assessor(body),
            created_on=self.clock(),
        )
        return self.created(review)

    # Shared helpers

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
        return in_json(self.detail_of(record))

    def detail_of(self, record: SandboxRecord) -> dict[str, object]:
        detail = as_detail(record, self.switches)
        if isinstance(record, SandboxUser) and not self.switches.users_carry_centre:
            detail.pop(property_name("organisation_id", self.switches.property_names), None)
        return detail

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
            return in_json([self.detail_of(record) for record in chosen])
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


UNKNOWN_OPERATION: Final = "unknown"
AUTHENTICATION: Final = "Authentication"

_SEARCH: Final = r"/search(?:/(?P<page>\d{1,9})/(?P<size>\d{1,9}))?"
_ONE: Final = r"/(?P<id>\d{1,18})"

#: Operation, method, path and handler. Authentication is not listed: it needs no session, so the server handles it.
_OPERATIONS: Final[Sequence[tuple[str, str, str, Callable[[Api, Call], SandboxResponse]]]] = (
    ("Customer/get", "GET", "customer", Api.get_customer),
    ("Organisation/Search", "POST", "organisation" + _SEARCH, Api.search_centres),
    ("Organisation/get", "GET", "organisation" + _ONE, Api.get_centre),
    ("User/Search", "POST", "user" + _SEARCH, Api.search_users),
    ("User/get", "GET", "user" + _ONE, Api.get_user),
    ("LearningAim/Search", "POST", "learningaim" + _SEARCH, Api.search_aims),
    ("LearningAim/get", "GET", "learningaim" + _ONE, Api.get_aim),
    ("LearningAim/update", "POST", "learningaim" + _ONE, Api.update_aim),
    ("Review/Search", "POST", "review" + _SEARCH, Api.search_reviews),
    ("Review/get", "GET", "review" + _ONE, Api.get_review),
    ("Review/create", "POST", "review", Api.create_review),
    ("Visit/create", "POST", "visit", Api.create_visit),
    ("Placement/Search", "POST", "placement" + _SEARCH, Api.search_placements),
    ("Placement/get", "GET", "placement" + _ONE, Api.get_placement),
    ("Classroom/Search", "POST", "classroom" + _SEARCH, Api.search_classrooms),
    ("Classroom/get", "GET", "classroom" + _ONE, Api.get_classroom),
)
_CARRY_OUT: Final = {operation: carry_out for operation, _, _, carry_out in _OPERATIONS}
_ROUTES: Final = [
    (AUTHENTICATION, "POST", re.compile("authentication")),
    *((operation, method, re.compile(path)) for operation, method, path, _ in _OPERATIONS),
]


def understand(method: str, path: str) -> Call:
    """Parse method and path into a call. ``path`` starts after the version; case and a trailing slash are ignored."""
    plain = path.strip("/").lower()
    for operation, of_method, pattern in _ROUTES:
        match = pattern.fullmatch(plain) if method == of_method else None
        if match:
            found = match.groupdict()
            return Call(
                operation,
                id=int(found.get("id") or 0),
                page=int(found["page"]) if found.get("page") else None,
                size=int(found.get("size") or 0),
            )
    return Call(UNKNOWN_OPERATION)
