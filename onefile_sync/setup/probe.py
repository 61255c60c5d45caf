"""Reads a few real records and reports what OneFile sends (design, decision 6).

Only reads. The report contains property names, kinds of values, formats of dates and counts, but no values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import date
from typing import Literal, Protocol

from onefile_sync import host
from onefile_sync.conf import deployment
from onefile_sync.host.snapshot import LearnerRow, QualificationRow, ReviewRow
from onefile_sync.onefile import endpoints, parsing
from onefile_sync.onefile.operations import Operation
from onefile_sync.onefile.records import AimField, LearningAim, Review
from onefile_sync.onefile.transport import Transport
from onefile_sync.sync.connection.aim_fields import aim_fields
from onefile_sync.sync.eligibility import NO_ONEFILE_ID, Refusal, Refused

from .probe_answers import ProbeAnswer, Property, ask
from .redaction import is_date, shown

#: An ID that no record has, but that every database accepts as an ID.
NO_SUCH_ID = 2**31 - 1
#: A page number beyond any learner's records, even with one record per page.
FAR_PAGE = 10_000
#: Words (in lower case) that are likely to occur in the property names we look for on a learning aim.
LIKELY = ("cert", "element", "total", "done", "regist")

# The probe reports a 204 as a separate answer, to distinguish it from an empty list.
_TOLD_APART = {204: "not_found"}
SEARCH_LEARNING_AIMS = replace(endpoints.SEARCH_LEARNING_AIMS, meanings=_TOLD_APART)
SEARCH_REVIEWS = replace(endpoints.SEARCH_REVIEWS, meanings=_TOLD_APART)
# OneFile does not document reading visits. If it is possible, the URL follows the pattern of its other reads.
READ_VISIT = Operation("read visit", "GET", "/Visit/{}", repeatable=True)

NO_SUCH_LEARNER = Refusal("no_such_learner")
NOBODY_LINKED = Refusal("nobody_linked")


class ReadRecord(Protocol):
    """A function that parses a learning aim or a review."""

    def __call__(self, sent: object, *, read_alone: bool = False) -> LearningAim | Review | None: ...


NameState = Literal["present", "blank", "absent", "unreadable", "unknown"]


@dataclass(frozen=True, slots=True)
class Search:
    """The answer to a search. ``items`` says how the sync treats its records: thin ones are fetched individually.

    ``left_out`` are the synchronised properties (OneFile's names) that have a value in the record but none in the
    list; such a list is ``partial`` at best. ``without_a_value`` are those that no item has; they may be blank.
    """

    answer: str
    found: int
    items: Literal["thin", "partial", "full", "mixed", "none"]
    properties: tuple[Property, ...]
    left_out: tuple[str, ...] = ()
    without_a_value: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Detail:
    """The answer to reading one record. ``unreadable`` are the values, by our names, that the sync cannot parse."""

    answer: str
    properties: tuple[Property, ...]
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AimName:
    """Whether learning aims have a property of a configured name. ``absent`` may just mean that the value is blank."""

    name: str
    state: NameState


@dataclass(frozen=True, slots=True)
class Paging:
    """How OneFile pages the search with the most records; ``None`` where the records do not show it.

    ``found`` is the number of records on the first page of ``page_size``, ``unpaged`` the number without paging.
    """

    search: str
    page_size: int
    found: int
    page_size_honoured: bool | None
    next_page_differs: bool | None
    unpaged: int | None
    unpaged_equals_paged: bool | None
    past_the_end: str


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What OneFile sends for one learner, without values. ``learner`` is PICSWeb's primary key.

    ``blanks`` counts nulls and empty texts; if there are none, OneFile leaves blank properties out.
    """

    learner: str
    api_calls: int
    user: Detail
    user_tells_centre: bool
    learning_aims: Search
    learning_aim: Detail | None
    aim_names: Mapping[str, AimName]
    aim_name_candidates: tuple[str, ...]
    reviews: Search
    reviews_searched_with_centre: bool
    review: Detail | None
    visit: Detail | None
    paging: Paging | None
    unknown_id: Mapping[str, str]
    date_shapes: tuple[str, ...]
    blanks: Mapping[str, int]


def learner_to_probe(pk: str | None, today: date) -> LearnerRow:
    """The learner with this primary key, else the first learner in scope (R2) with a linked qualification.

    Raises :class:`Refused` if there is no such learner, or if the learner is not linked to OneFile.
    """
    if pk is not None:
        learner = host.learner_by_pk(pk)
        if learner is None:
            raise Refused(NO_SUCH_LEARNER)
        if getattr(learner, "onefile_id", None) is None:
            raise Refused(NO_ONEFILE_ID)
        return host.read_learner(learner)
    rows = (host.read_learner(candidate) for candidate in host.scope(today))
    linked = next((row for row in rows if _fullest(row.qualifications) is not None), None)
    if linked is None:
        raise Refused(NOBODY_LINKED)
    return linked


def look(transport: Transport, learner: LearnerRow) -> ProbeReport:
    """Read this learner's records in OneFile: at most twelve calls, none of which changes anything.

    Raises OneFileError if the learner's user cannot be read, and for errors of scope RUN. Any other refusal becomes
    part of the report.
    """
    calls_before = transport.calls
    wanted = aim_fields()
    size = deployment.page_size

    user_answer = ProbeAnswer(transport.send(endpoints.READ_USER, (learner.onefile_id,)))
    user = parsing.user(user_answer.content)
    if user is None:
        raise endpoints.READ_USER.failure("bad_answer")
    centre_id = learner.centre_id or user.centre_id

    def read_aim(sent: object, *, read_alone: bool = False) -> LearningAim | None:
        return parsing.learning_aim(sent, wanted, read_alone=read_alone)

    aim_search = _Asking(transport, SEARCH_LEARNING_AIMS, {"UserID": learner.onefile_id})
    aims = aim_search.page(1, size)
    aim_id = _fullest(learner.qualifications) or _first_id(aims)
    aim = ask(transport, endpoints.READ_LEARNING_AIM, (aim_id,)) if aim_id else None

    in_centre = {} if centre_id is None else {"OrganisationID": centre_id}
    review_search = _Asking(transport, SEARCH_REVIEWS, {"LearnerID": learner.onefile_id, **in_centre})
    reviews = review_search.page(1, size)
    review_id = _fullest(learner.reviews) or _first_id(reviews)
    review = ask(transport, endpoints.READ_REVIEW, (review_id,)) if review_id else None
    review_read = parsing.review(review.content) if review else None
    visit_id = review_read and review_read.visit_id
    visit = ask(transport, READ_VISIT, (visit_id,)) if visit_id else None

    longer = (aim_search, aims) if len(aims.listed) > len(reviews.listed) else (review_search, reviews)
    paging = _paging(*longer, size)
    unknown_id = {
        operation.name: ask(transport, operation, (NO_SUCH_ID,)).described
        for operation in (endpoints.READ_USER, endpoints.READ_LEARNING_AIM)
    }

    kinds: Counter[str] = Counter()
    for answer in (user_answer, aims, aim, reviews, review, visit):
        for each in answer.properties if answer else ():
            kinds.update(each.kinds)
    aim_records = (aim.records if aim else []) or aims.records
    return ProbeReport(
        learner=learner.pk,
        api_calls=transport.calls - calls_before,
        user=_detail(user_answer),
        user_tells_centre=user.centre_id is not None,
        learning_aims=_search(
            aims, aim, read_aim, parsing.aim_names(wanted), [each.json_name for each in wanted]
        ),
        learning_aim=_detail(aim, read_aim) if aim else None,
        aim_names=_aim_names(aim_records, wanted),
        aim_name_candidates=_candidates(aim_records, wanted),
        reviews=_search(reviews, review, parsing.review, parsing.REVIEW_NAMES, ("CreatedOn", "StartedOn")),
        reviews_searched_with_centre=centre_id is not None,
        review=_detail(review, parsing.review) if review else None,
        visit=_detail(visit) if visit else None,
        paging=paging,
        unknown_id=unknown_id,
        date_shapes=tuple(sorted(filter(is_date, kinds))),
        blanks={kind: kinds[kind] for kind in ("null", "empty text")},
    )


@dataclass(frozen=True, slots=True)
class _Asking:
    """A search that can be sent with or without paging."""

    transport: Transport
    operation: Operation
    body: Mapping[str, object]

    def page(self, number: int, size: int) -> ProbeAnswer:
        return ask(self.transport, self.operation, (number, size), self.body)

    def unpaged(self) -> ProbeAnswer:
        without_page = replace(self.operation, path=self.operation.path.removesuffix("/{}/{}"))
        return ask(self.transport, without_page, (), self.body)


def _paging(search: _Asking, first_page: ProbeAnswer, page_size: int) -> Paging | None:
    found = len(first_page.listed)
    if not found:
        return None
    honoured = differs = equals = None
    if found > 1:
        one, next_one = search.page(1, 1), search.page(2, 1)
        if one.refused is None:
            honoured = len(one.listed) == 1
        if one.listed and next_one.listed:
            differs = _first_id(one) != _first_id(next_one)
    answer = search.unpaged()
    unpaged = len(answer.listed) if answer.refused is None else None
    # If a full page is followed by another one, the total is unknown without more calls.
    if unpaged is not None and not (found == page_size < unpaged):
        equals = unpaged == found
    return Paging(
        search=search.operation.name,
        page_size=page_size,
        found=found,
        page_size_honoured=honoured,
        next_page_differs=differs,
        unpaged=unpaged,
        unpaged_equals_paged=equals,
        past_the_end=search.page(FAR_PAGE, page_size).described,
    )


def _fullest(rows: Sequence[QualificationRow] | Sequence[ReviewRow]) -> int | None:
    """The OneFile ID of the linked row with the most values, whose record is likely to have the most properties."""
    linked = [row for row in rows if row.onefile_id is not None]
    if not linked:
        return None

    def values(row: QualificationRow | ReviewRow) -> int:
        synchronised = row.values.values() if isinstance(row, QualificationRow) else ()
        return sum(value not in (None, "") for value in (*astuple(row), *synchronised))

    return max(linked, key=values).onefile_id


def _first_id(answer: ProbeAnswer) -> int | None:
    ids = (found[1] for found in map(parsing.item_with_id, answer.records) if found)
    return next(ids, None)


def _search(
    answer: ProbeAnswer,
    alone: ProbeAnswer | None,
    read: ReadRecord,
    names: Mapping[str, str],
    details: Iterable[str],
) -> Search:
    """Describe the answer to a search.

    ``names`` maps our names of synchronised values to OneFile's. ``details`` are the properties that thin items lack.
    ``alone`` is the answer to reading one of the records individually.
    """
    records = [record for record in answer.records if parsing.item_with_id(record) is not None]
    completeness = {any(map(parsing.Item(record).has, details)) for record in records}
    silent = {item.id: item.silent for record in records if (item := read(record)) is not None}
    whole = read(alone.content, read_alone=True) if alone else None
    left_out = (
        {name for name in silent.get(whole.id, ()) if parsing.has_value(whole, name)} if whole else set()
    )
    without = frozenset(names).intersection(*silent.values()) - left_out if silent else frozenset[str]()
    items: Literal["thin", "partial", "full", "mixed", "none"] = "none"
    if completeness:
        full: Literal["partial", "full"] = "partial" if left_out else "full"
        items = "mixed" if len(completeness) > 1 else full if True in completeness else "thin"
    told = (tuple(sorted(names[name] for name in chosen)) for chosen in (left_out, without))
    return Search(answer.described, len(answer.listed), items, answer.properties, *told)


def _detail(answer: ProbeAnswer, read: ReadRecord | None = None) -> Detail:
    record = read(answer.content) if read else None
    return Detail(answer.described, answer.properties, tuple(sorted(record.unreadable)) if record else ())


def _aim_names(records: Sequence[Mapping[str, object]], wanted: Sequence[AimField]) -> dict[str, AimName]:
    return {each.name: AimName(each.json_name, _name_state(records, each)) for each in wanted}


def _name_state(records: Sequence[Mapping[str, object]], wanted: AimField) -> NameState:
    """The strongest state of a configured name over all records."""
    states: set[NameState] = set()
    for record in records:
        item = parsing.Item(record)
        aim = parsing.learning_aim(record, [wanted])
        if aim is not None and wanted.name in aim.unreadable:
            states.add("unreadable")
        elif not item.has(wanted.json_name):
            states.add("absent")
        else:
            states.add("blank" if parsing.is_blank(item.as_sent(wanted.json_name)) else "present")
    order: tuple[NameState, ...] = ("unreadable", "present", "blank", "absent")
    return next((state for state in order if state in states), "unknown")


def _candidates(records: Sequence[Mapping[str, object]], wanted: Sequence[AimField]) -> tuple[str, ...]:
    """Properties that may hold one of the values we look for, under a name that is not configured."""
    configured = {each.json_name.casefold() for each in wanted}
    sent = {shown(name) for record in records for name in record}
    likely = (name for name in sent if any(word in name.casefold() for word in LIKELY))
    return tuple(sorted(name for name in likely if name.casefold() not in configured))
