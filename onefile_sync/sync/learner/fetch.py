"""Reads OneFile's side of one learner from a :class:`.sources.Source`.

A failure of one item becomes a problem and the rest goes on. A failure that would affect everything is raised
(:class:`onefile_sync.onefile.errors.OneFileError` with scope ``RUN``).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import Generic

from onefile_sync.host.snapshot import LearnerRow, QualificationRow, ReviewRow
from onefile_sync.models import ListingKind
from onefile_sync.onefile.errors import OneFileError, Scope
from onefile_sync.onefile.records import LearningAim, Review, SearchResult
from onefile_sync.sync.connection.list_evidence import ListEvidence
from onefile_sync.sync.planning import rules
from onefile_sync.sync.planning.types import (
    FoundProblem,
    OneFileSide,
    OnRecord,
    Policy,
    Subject,
    about_learner,
)

from .sources import Record, RecordList, Source

#: OneFile's number for the role of a learner.
ROLE_LEARNER = 1


class NotTheLearner(Exception):
    """The OneFile ID belongs to no user, or to a user who is not a learner. ``code`` is that of the problem."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def read_onefile(
    source: Source,
    learner: LearnerRow,
    on_record: OnRecord,
    policy: Policy,
    lists: ListEvidence | None = None,
) -> OneFileSide:
    """Read everything about one learner in OneFile that the exchange needs.

    A live source makes two searches. It makes one more call for each search result that lacks a value which ``lists``
    cannot take as blank, or because of which PICSWeb would lose or send a value; one for each linked record that is not
    listed; and, in a learner's first refresh, one to three to find the centre. If a linked review is missing, or no
    record is found, the centre is looked up again, as the learner may have moved or the OneFile ID may have been
    corrected. It is also looked up before a review is created, as the visit belongs to the learner's centre.

    A staged source makes calls only where the staged records leave a doubt. If we have begun to create a review, the
    learner's reviews are searched again. Raises :class:`NotTheLearner`, OneFileError of scope RUN, and the errors of
    the source.
    """
    lists = lists or ListEvidence()
    problems: list[FoundProblem] = []
    known_centre_id = source.known_centre_id(learner.centre_id)
    centre_id = known_centre_id or _find_centre(source, learner, problems)
    about = about_learner(learner)

    linked_aims = {row.onefile_id for row in learner.qualifications if row.onefile_id is not None}
    aims: _Reading[LearningAim] = _Reading(about, ListingKind.AIM, "qualification", problems, lists)
    if linked_aims:
        aims.search(lambda: source.learning_aims(learner.onefile_id, linked_aims))
        aims.keep_only(linked_aims)
        aims.fill_in(source.learning_aim, learner.qualifications)

    reviews: _Reading[Review] = _Reading(about, ListingKind.REVIEW, "review", problems, lists)
    begun = any(
        upload.may_be_there
        for row in learner.reviews
        if row.onefile_id is None and (upload := on_record.upload_of(row))
    )
    # Before a review is created again, the search for it must be complete, so a short page must not end it.
    linked = None if begun else _linked_reviews(learner)
    wait = on_record.reviews_wait(learner)
    needs_reviews = (policy.download_reviews or begun) and not wait
    if needs_reviews:
        reviews.search(lambda: source.reviews(learner.onefile_id, centre_id, linked))

    made_sure = known_centre_id is None and centre_id is not None
    nothing_there = not aims.records and not reviews.records
    to_upload = policy.upload_reviews and not wait and any(map(rules.may_be_uploaded, learner.reviews))
    if not made_sure and (nothing_there or to_upload or _seems_elsewhere(learner, reviews)):
        try:
            present_centre_id = _make_sure_of(source, learner)
        except OneFileError as error:
            # The learner may not exist in OneFile, so missing records do not count as deleted.
            aims.answered = reviews.answered = reviews.complete = False
            aims.report(error, about)
        else:
            if present_centre_id not in (None, centre_id):
                centre_id = present_centre_id
                if needs_reviews:
                    reviews.search(lambda: source.reviews(learner.onefile_id, centre_id, linked))
    reviews.fill_in(source.review, learner.reviews, rules.TELL_AN_UPLOAD if begun else frozenset())
    aims.look_for(linked_aims, source.learning_aim)
    if policy.download_reviews and not wait:
        reviews.look_for(_linked_reviews(learner), source.review)
    return OneFileSide(
        centre_id=centre_id,
        aims=aims.records,
        reviews=reviews.records,
        gone_aims=frozenset(aims.gone),
        gone_reviews=frozenset(reviews.gone),
        reviews_complete=reviews.complete,
        unread_reviews=frozenset(reviews.unread),
        problems=tuple(problems),
    )


def _find_centre(source: Source, learner: LearnerRow, problems: list[FoundProblem]) -> int | None:
    """The centre in the learner's record, else the customer's only centre."""
    try:
        centre_id = _make_sure_of(source, learner)
        if centre_id is not None:
            return centre_id
        centres = source.centres()
    except OneFileError as error:
        if error.scope is Scope.RUN:
            raise
        about = about_learner(learner)
        problems.append(FoundProblem(error.code, about))
        return None
    # An unreadable centre might be the learner's.
    return centres.records[0].id if len(centres.records) == 1 and not centres.unreadable_items else None


def _make_sure_of(source: Source, learner: LearnerRow) -> int | None:
    """Check that the OneFile ID belongs to a learner. Returns the learner's centre, if the record names one."""
    try:
        user = source.user(learner.onefile_id)
    except OneFileError as error:
        if error.code == "not_found":
            raise NotTheLearner("learner_gone") from None
        raise
    if user.role not in (None, ROLE_LEARNER):
        raise NotTheLearner("not_a_learner")
    return user.centre_id


def _seems_elsewhere(learner: LearnerRow, reviews: _Reading[Review]) -> bool:
    """Whether linked reviews are missing, or all reviews, as if the stored centre were no longer the learner's."""
    found = {record.id for record in reviews.records}
    nothing_or_too_little = not found or not _linked_reviews(learner) <= found
    return reviews.asked and reviews.complete and nothing_or_too_little


def _linked_reviews(learner: LearnerRow) -> set[int]:
    return {row.onefile_id for row in learner.reviews if row.onefile_id is not None}


class _Reading(Generic[Record]):
    """One search with the individual records it needs, and a note of what could not be read.

    ``answered``: the search was answered, for a learner who exists. ``complete``: it had no unreadable item. ``gone``
    are linked records that do not exist according to OneFile; ``unread`` are records that could not be read.
    """

    def __init__(
        self,
        learner: Subject,
        listed_as: ListingKind,
        kind: str,
        problems: list[FoundProblem],
        lists: ListEvidence,
    ) -> None:
        self.learner = learner
        self.listed_as = listed_as
        self.kind = kind
        self.problems = problems
        self.lists = lists
        #: Set for staged records: asks OneFile for the current list.
        self.ask_again: Callable[[], SearchResult[Record]] | None = None
        self.records: tuple[Record, ...] = ()
        self.asked = False
        self.answered = True
        self.complete = True
        self.gone: set[int] = set()
        self.unread: set[int] = set()

    def search(self, ask: Callable[[], RecordList[Record]]) -> None:
        try:
            found = ask()
        except OneFileError as error:
            self.answered = self.complete = False
            self.report(error, self.learner)
            return
        listing, self.ask_again = found.result, found.ask_again
        self.records, self.asked = listing.records, found.ask_again is None
        if not self.asked:
            return
        self.lists.saw(self.listed_as, self.records)
        if listing.unreadable_items:
            self.complete = False
            details: dict[str, str | int] = {"items": listing.unreadable_items}
            self.problems.append(FoundProblem("unreadable_items", self.learner, details))

    def look_for(self, linked: set[int], read: Callable[[int], Record]) -> None:
        """Read linked records that are not listed. A list may omit them, so each is looked up by its ID."""
        if self.answered:
            known = {record.id for record in self.records} | self.gone | self.unread
            self.records += self.read_alone(sorted(linked - known), read)

    def keep_only(self, wanted: Container[int]) -> None:
        self.records = tuple(record for record in self.records if record.id in wanted)

    def fill_in(
        self,
        read: Callable[[int], Record],
        rows: Iterable[QualificationRow | ReviewRow],
        needed: frozenset[str] = frozenset(),
    ) -> None:
        """Replace search results by full records where the plan depends on values that they lack.

        For records that PICSWeb does not have, ``needed`` are the fields that must be certain.
        """
        linked = {row.onefile_id: row for row in rows if row.onefile_id is not None}
        filled: list[Record] = []
        for record in self.records:
            row = linked.get(record.id)
            doubtful = (
                not needed.isdisjoint(record.silent) if row is None else rules.rests_on_silence(row, record)
            )
            if not doubtful and self.is_known(record):
                filled.append(record)
                continue
            for full in self.read_alone([record.id], read):
                self.learn(record, full)
                filled.append(full)
        self.records = tuple(filled)

    def is_known(self, record: Record) -> bool:
        """Whether a search result can be used: it is complete, or the values it lacks can be taken as blank.

        What OneFile has just listed cannot, if the last daily sync found its lists and its records to differ.
        """
        if self.asked and self.lists.differ(self.listed_as):
            return False
        return record.complete or bool(record.silent and self.lists.believes(self.listed_as, record.silent))

    def learn(self, item: Record, full: Record) -> None:
        """Learn about lists by comparing a full record with its list item."""
        silent = item.silent
        if self.ask_again is not None and self.lists.contradicted(self.listed_as, silent, full):
            try:
                again = {record.id: record.silent for record in self.ask_again().records}
            except OneFileError as error:
                if error.scope is Scope.RUN:
                    raise
                again = {}
            silent = again.get(item.id, frozenset())
        self.lists.compare(self.listed_as, silent, full, one_learner=True)

    def read_alone(self, ids: Iterable[int], read: Callable[[int], Record]) -> tuple[Record, ...]:
        found = []
        for record_id in ids:
            try:
                found.append(read(record_id))
            except OneFileError as error:
                if error.code == "not_found":
                    self.gone.add(record_id)
                    continue
                self.unread.add(record_id)
                self.report(error, Subject(self.kind, "", record_id))
        return tuple(found)

    def report(self, error: OneFileError, about: Subject) -> None:
        if error.scope is Scope.RUN:
            raise error
        self.problems.append(FoundProblem(error.code, about))
