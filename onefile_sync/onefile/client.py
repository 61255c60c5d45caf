"""One method for each OneFile operation that we use (REST API v2.1)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from datetime import date, datetime
from typing import Any, TypeVar

from django.views.decorators.debug import sensitive_variables

from . import centre_records, endpoints, parsing
from .centre_records import PLACEMENT_NAMES, STANDARD_NAMES, USER_NAMES
from .operations import Operation
from .records import (
    AimField,
    AimOutline,
    AimValue,
    Centre,
    Customer,
    LearningAim,
    NamedRecord,
    Person,
    Review,
    SearchPage,
    SearchResult,
    Standard,
    User,
)
from .transport import Transport

#: Half a million records at the default page size. A search that needs more pages is not making progress.
MAX_PAGES = 5_000
#: OneFile's status number of a scheduled review. No API client is known to send another one.
SCHEDULED = 1
#: The dates of a learning aim that can be set whether or not the caller wanted them read, with OneFile's names.
AIM_DATES: Mapping[str, str] = {"start_date": "StartDate", "planned_end_date": "PlannedEnd"}

Listed = TypeVar("Listed", AimOutline, Centre, LearningAim, Review, Person, NamedRecord, Standard)
Single = TypeVar("Single", User, LearningAim, Review, Person, NamedRecord)


class OneFile:
    """The API for one customer. Every method raises :class:`onefile_sync.onefile.errors.OneFileError`.

    Not thread-safe, as its ``transport`` is not; ``transport`` also counts the calls. ``aim_fields`` are the values to
    read of learning aims. The three mappings have OneFile's names for the values of a :class:`Person`, a placement and
    a :class:`Standard`, by ours. Users with one of the ``archived_roles``, or with the ``archived_property``, are
    archived.
    """

    def __init__(
        self,
        transport: Transport,
        aim_fields: Sequence[AimField] = (),
        page_size: int = 100,
        *,
        user_names: Mapping[str, str] = USER_NAMES,
        placement_names: Mapping[str, str] = PLACEMENT_NAMES,
        standard_names: Mapping[str, str] = STANDARD_NAMES,
        archived_property: str | None = None,
        archived_roles: Collection[int] = (2,),
    ) -> None:
        self.transport = transport
        self._aim_fields = aim_fields
        self.page_size = page_size
        self.user_names = user_names
        self.placement_names = placement_names
        self.standard_names = standard_names
        self._archived_property = archived_property
        self._archived_roles = archived_roles
        self._longest_page: dict[str, int] = {}

    def customer(self) -> Customer:
        """The customer to whom the customer token belongs."""
        customer = parsing.customer(self.transport.send(endpoints.READ_CUSTOMER))
        if customer is None:
            raise endpoints.READ_CUSTOMER.failure("bad_answer")
        return customer

    def centres(self, customer_id: int) -> SearchResult[Centre]:
        return self._search(endpoints.SEARCH_CENTRES, {"CustomerID": customer_id}, parsing.centre)

    def page_of_centres(self, number: int, customer_id: int) -> SearchPage[Centre]:
        return self._page(endpoints.SEARCH_CENTRES, number, {"CustomerID": customer_id}, parsing.centre)

    def user(self, user_id: int) -> User:
        return self._read(endpoints.READ_USER, user_id, parsing.user)

    def person(self, user_id: int) -> Person:
        """A user's details. Use :meth:`user` where the name, role and centre are enough."""
        return self._read(endpoints.READ_USER, user_id, lambda item: self.as_person(item, read_alone=True))

    def as_person(self, sent: object, *, read_alone: bool = False) -> Person | None:
        """A user as OneFile sends it, or ``None`` if it cannot be parsed."""
        return centre_records.person(
            sent,
            self.user_names,
            archived_property=self._archived_property,
            archived_roles=self._archived_roles,
            read_alone=read_alone,
        )

    @sensitive_variables()
    def people(
        self,
        *,
        centre_id: int | None = None,
        role: int | None = None,
        mis_value: str = "",
        email: str = "",
        first_name: str = "",
        last_name: str = "",
    ) -> SearchResult[Person]:
        """Search for users. Blank filters are not sent.

        OneFile does not document whether text filters are exact, nor that they are honoured, so compare the records.
        """
        texts = {"mis_value": mis_value, "email": email, "first_name": first_name, "last_name": last_name}
        return self._search(endpoints.SEARCH_USERS, self._people_of(centre_id, role, texts), self.as_person)

    @sensitive_variables()
    def page_of_people(
        self, number: int, *, centre_id: int | None, role: int | None, texts: Mapping[str, str] | None = None
    ) -> SearchPage[Person]:
        """Read a page of the users of a centre with a role, or of all. ``texts`` are filters, as of :meth:`people`."""
        return self._page(
            endpoints.SEARCH_USERS, number, self._people_of(centre_id, role, texts or {}), self.as_person
        )

    def page_of_placements(self, number: int, centre_id: int | None) -> SearchPage[NamedRecord]:
        body = {"OrganisationID": centre_id}
        return self._page(endpoints.SEARCH_PLACEMENTS, number, body, self._as_placement)

    @sensitive_variables()
    def placements(self, centre_id: int | None, name: str = "") -> SearchResult[NamedRecord]:
        """Search for placements, to the end. As of people, a blank name is not sent: compare the records."""
        body = {"OrganisationID": centre_id, self.placement_names["name"]: name or None}
        return self._search(endpoints.SEARCH_PLACEMENTS, body, self._as_placement)

    def placement(self, placement_id: int) -> NamedRecord:
        return self._read(endpoints.READ_PLACEMENT, placement_id, self._as_placement)

    def page_of_classrooms(self, number: int, centre_id: int | None) -> SearchPage[NamedRecord]:
        body = {"OrganisationID": centre_id}
        return self._page(endpoints.SEARCH_CLASSROOMS, number, body, centre_records.named_record)

    def classrooms(self, centre_id: int | None, name: str = "") -> SearchResult[NamedRecord]:
        """Search for classrooms, to the end. See :meth:`placements`."""
        body = {"OrganisationID": centre_id, "Name": name or None}
        return self._search(endpoints.SEARCH_CLASSROOMS, body, centre_records.named_record)

    def page_of_standards(self, number: int, centre_id: int | None) -> SearchPage[Standard]:
        body = {"OrganisationID": centre_id}
        return self._page(endpoints.SEARCH_STANDARDS, number, body, self._as_standard)

    def standards(self, centre_id: int | None) -> SearchResult[Standard]:
        return self._search(endpoints.SEARCH_STANDARDS, {"OrganisationID": centre_id}, self._as_standard)

    def learning_aims(
        self, learner_id: int, wanted: Collection[int] | None = None
    ) -> SearchResult[LearningAim]:
        """Read a learner's learning aims; some may be thin (``complete`` is false).

        With ``wanted`` IDs, the search ends with the page on which the last of them was found.
        """
        return self._search(
            endpoints.SEARCH_LEARNING_AIMS,
            {"UserID": learner_id},
            self._as_aim,
            lambda found, _length: wanted is not None and found >= set(wanted),
        )

    def page_of_learning_aims(self, number: int) -> SearchPage[LearningAim]:
        """Read one page of all learners' learning aims. Fails as ``refused`` where OneFile requires a learner."""
        return self._page(endpoints.SEARCH_LEARNING_AIMS, number, {}, self._as_aim)

    def page_of_reviews(
        self, number: int, centre_id: int | None, learner_id: int | None = None
    ) -> SearchPage[Review]:
        """Read one page of the reviews of one learner, or of all learners in a centre."""
        body = {"LearnerID": learner_id, "OrganisationID": centre_id}
        return self._page(endpoints.SEARCH_REVIEWS, number, body, parsing.review)

    def page_of_aim_outlines(self, number: int, learner_id: int) -> SearchPage[AimOutline]:
        """Read one page of a learner's learning aims, as far as it tells which standards they are of."""
        body = {"UserID": learner_id}
        return self._page(endpoints.SEARCH_LEARNING_AIMS, number, body, centre_records.aim_outline)

    def is_surely_last(self, page: SearchPage[Any]) -> bool:
        """Whether a first page of reviews is too short to have been cut off: one was longer, or it is no cap."""
        if page.items == 0 or page.items < self._longest_page.get(endpoints.SEARCH_REVIEWS.name, 0):
            return True
        return page.items < self.page_size and not _may_be_a_cap(page.items, self.page_size)

    def learning_aim(self, aim_id: int) -> LearningAim:
        return self._read(
            endpoints.READ_LEARNING_AIM, aim_id, lambda item: self._as_aim(item, read_alone=True)
        )

    def update_learning_aim(
        self,
        aim: LearningAim,
        *,
        without: Collection[str] = (),
        about_to_send: Callable[[], object] = lambda: None,
        **values: str | date,
    ) -> None:
        """Set some of the writable values, by our names for them, or of ``start_date`` and ``planned_end_date``.

        ``aim`` must have been read just now: OneFile does not document whether an update may be partial, so all
        writable values are sent, except those named in ``without``. Blanks are never sent. ``about_to_send`` is called
        immediately before each attempt. Raises TypeError for any other name and for a date-time.
        """
        writable = {each.name: each.json_name for each in self._aim_fields if each.is_writable}
        for name, value in values.items():
            if name not in {**writable, **AIM_DATES} or isinstance(value, datetime):
                raise TypeError(name)
        as_read = {name: value for name, value in aim.writable.items() if name not in without}
        body: dict[str, object] = {"ID": aim.id, "UserID": aim.learner_id, **as_read}
        json_names = {**AIM_DATES, **writable}
        wanted: dict[str, AimValue] = {json_names[name]: aim.values.get(name) for name in writable}
        wanted |= {json_names[name]: value for name, value in values.items() if value}
        body |= {n: parsing.date_text(v) if isinstance(v, date) else v for n, v in wanted.items() if v}
        self.transport.send(
            endpoints.UPDATE_LEARNING_AIM, (aim.id,), _without_blanks(body), about_to_send=about_to_send
        )

    def reviews(
        self, learner_id: int, centre_id: int | None, known: Collection[int] | None = None
    ) -> SearchResult[Review]:
        """Read a learner's reviews; some may be thin (``complete`` is false).

        With the IDs of the ``known`` reviews, a short page ends the search if an earlier page of reviews was longer,
        or if the search has found exactly these IDs and the page's length does not look like a server's cap. Leave
        ``known`` out when a review will be created because it was not found: then a short page never ends the search.
        """
        body = {"LearnerID": learner_id, "OrganisationID": centre_id}

        def is_the_end(found: Set[int], length: int) -> bool:
            if known is None or length >= self.page_size:
                return False
            as_expected = found == set(known) and not _may_be_a_cap(length, self.page_size)
            return as_expected or length < self._longest_page[endpoints.SEARCH_REVIEWS.name]

        return self._search(endpoints.SEARCH_REVIEWS, body, parsing.review, is_the_end)

    def review(self, review_id: int) -> Review:
        return self._read(
            endpoints.READ_REVIEW, review_id, lambda item: parsing.review(item, read_alone=True)
        )

    def create_visit(
        self,
        *,
        learner_id: int,
        centre_id: int,
        start: datetime,
        end: datetime,
        visit_type: int,
        assessor_id: int | None,
        about_to_send: Callable[[], object],
    ) -> int:
        """Create a visit, the time slot of a review, and return its ID. ``start`` and ``end`` are aware.

        ``about_to_send`` is called immediately before the request is sent.
        """
        return self.create(
            endpoints.CREATE_VISIT,
            {
                "LearnerID": learner_id,
                "OrganisationID": centre_id,
                "DateFrom": parsing.moment_text(start),
                "DateTo": parsing.moment_text(end),
                "VisitTypeID": visit_type,
                "SMSReminder": False,
                "AssessorID": assessor_id,
            },
            about_to_send=about_to_send,
        )

    def create_review(
        self,
        *,
        learner_id: int,
        centre_id: int,
        visit_id: int,
        scheduled_for: datetime,
        assessor_id: int | None,
        about_to_send: Callable[[], object],
    ) -> int:
        """Create a review in a visit and return its ID. ``scheduled_for`` is aware. See :meth:`create_visit`."""
        return self.create(
            endpoints.CREATE_REVIEW,
            {
                "LearnerID": learner_id,
                "OrganisationID": centre_id,
                "Status": SCHEDULED,
                "ScheduledFor": parsing.moment_text(scheduled_for),
                "VisitID": visit_id,
                "AssessorID": assessor_id,
            },
            about_to_send=about_to_send,
        )

    @sensitive_variables()
    def create(
        self,
        operation: Operation,
        body: Mapping[str, object],
        path_args: Sequence[int] = (),
        *,
        about_to_send: Callable[[], object],
    ) -> int:
        """Carry out a create and return the new record's ID. ``None`` in ``body`` is not sent.

        An answer without an ID leaves the create in doubt. See :mod:`.creating` for the creates of an enrolment.
        """
        answer = self.transport.send(operation, path_args, _without_blanks(body), about_to_send=about_to_send)
        new_id = parsing.created_id(answer)
        if new_id is None:
            raise operation.failure("bad_answer")
        return new_id

    def _as_aim(self, sent: object, *, read_alone: bool = False) -> LearningAim | None:
        return parsing.learning_aim(sent, self._aim_fields, read_alone=read_alone)

    def _as_placement(self, sent: object) -> NamedRecord | None:
        return centre_records.named_record(sent, self.placement_names)

    def _as_standard(self, sent: object) -> Standard | None:
        return centre_records.standard(sent, self.standard_names)

    @sensitive_variables()
    def _people_of(self, centre_id: int | None, role: int | None, texts: Mapping[str, str]) -> dict[str, Any]:
        filters = {self.user_names[name]: text or None for name, text in texts.items()}
        return {self.user_names["centre_id"]: centre_id, self.user_names["role"]: role, **filters}

    @sensitive_variables()
    def _search(
        self,
        operation: Operation,
        body: Mapping[str, object],
        parse: Callable[[object], Listed | None],
        is_enough: Callable[[Set[int], int], bool] = lambda _found, _length: False,
    ) -> SearchResult[Listed]:
        """Read page after page and return each ID once, as OneFile guarantees neither an order nor a total.

        An empty page ends the search, and so does a page without new IDs (from a server that ignores paging). A short
        page does not, as servers may cap pages below the size requested; nor does the first page of unreadable items
        only. ``is_enough`` receives the IDs found so far and the length of the last page, and may end the search early.
        """
        found: dict[int, Listed] = {}
        unreadable_items, is_broken = 0, False
        for number in range(1, MAX_PAGES + 1):
            page = self._page(operation, number, body, parse)
            unreadable_items += page.unreadable_items
            known_before, was_broken, is_broken = (
                len(found),
                is_broken,
                0 < page.unreadable_items == page.items,
            )
            for record in page.records:
                found.setdefault(record.id, record)
            nothing_new = len(found) == known_before and (was_broken or not is_broken)
            if nothing_new or is_enough(found.keys(), page.items):
                return SearchResult(tuple(found.values()), unreadable_items)
        raise operation.failure("bad_answer")

    @sensitive_variables()
    def _page(
        self,
        operation: Operation,
        number: int,
        body: Mapping[str, object],
        parse: Callable[[object], Listed | None],
    ) -> SearchPage[Listed]:
        items = self.transport.send(operation, (number, self.page_size), _without_blanks(body))
        if items is None:
            items = []
        if not isinstance(items, list):
            raise operation.failure("bad_answer")
        self._longest_page[operation.name] = max(self._longest_page.get(operation.name, 0), len(items))
        records = [record for item in items if (record := parse(item)) is not None]
        return SearchPage(tuple(records), len(items) - len(records), len(items))

    @sensitive_variables()
    def _read(self, operation: Operation, wanted: int, parse: Callable[[object], Single | None]) -> Single:
        record = parse(self.transport.send(operation, (wanted,)))
        if record is None or record.id != wanted:
            raise operation.failure("bad_answer")
        return record


def _may_be_a_cap(length: int, asked_for: int) -> bool:
    """Whether the server may have capped the page at this length. Caps are round numbers or very small ones."""
    return length <= 2 or length % 5 == 0 or length == asked_for - 1


def _without_blanks(body: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in body.items() if value is not None}
