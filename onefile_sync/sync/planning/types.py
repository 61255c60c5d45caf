"""The parts of a plan, as plain data: changes, problems, and the steps that make them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from onefile_sync.host.snapshot import Label, LearnerRow, QualificationRow, ReviewRow, Value, comparable
from onefile_sync.onefile.records import LearningAim, Review

PICSWEB = "picsweb"
ONEFILE = "onefile"

#: Whether PICSWeb's field can hold a value: (kind of row, field, value). Pure; given by the host.
CanHold = Callable[[str, str, Value], bool]


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings that the rules depend on, named as in :class:`onefile_sync.models.OneFileSettings`."""

    upload_reviews: bool = True
    download_reviews: bool = True
    skip_elements_with_units: bool = True
    #: Whether a link may say that a learner's reviews wait until a person has paired them.
    links_recorded: bool = False
    #: Whether to send a value again that OneFile did not keep before, because a person requested the refresh.
    send_again: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """What a change or a problem is about. ``pk`` is PICSWeb's primary key as text, if the row exists there."""

    kind: str
    pk: str = ""
    onefile_id: int | None = None
    label: Label = ""


def about_learner(learner: LearnerRow) -> Subject:
    return Subject("learner", learner.pk, learner.onefile_id, learner.label)


def about_qualification(row: QualificationRow) -> Subject:
    return Subject("qualification", row.pk, row.onefile_id, row.label)


def about_review(row: ReviewRow) -> Subject:
    return Subject("review", row.pk, row.onefile_id, row.label)


def about_record(record: Review) -> Subject:
    """A review in OneFile that PICSWeb does not have."""
    return Subject("review", "", record.id)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One value that would change. ``rule`` is the code of a row of :data:`onefile_sync.sync.planning.rules.RULES`."""

    side: str
    subject: Subject
    field: str
    old: Value | datetime
    new: Value | datetime
    rule: str


@dataclass(frozen=True, slots=True)
class KeptValue:
    """What a side stored for a value that it was sent. ``aside``: it was not sent, but changed along with others."""

    change: FieldChange
    kept: Value
    aside: bool = False

    @property
    def differs(self) -> bool:
        return comparable(self.kept) != comparable(self.change.new)

    @property
    def key(self) -> tuple[str, str, str, str]:
        """The key of the difference in :data:`Differences`."""
        about = self.change.subject
        return self.change.side, about.kind, about.pk, self.change.field


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """A review that we began to create in OneFile without recording a result.

    ``visit_id`` and ``review_id`` are the IDs that OneFile returned before we were interrupted. ``may_still_arrive``:
    the last create was sent so recently that OneFile may still carry it out. ``visits_in_doubt`` counts visits that
    OneFile may have created without our knowing their IDs, so they will never get a review.
    """

    scheduled_for: datetime
    visit_id: int | None = None
    review_id: int | None = None
    may_still_arrive: bool = False
    visits_in_doubt: int = 0

    @property
    def may_be_there(self) -> bool:
        """Whether OneFile may have the review. It is created only after its visit has been recorded."""
        return self.visit_id is not None or self.review_id is not None


#: (side, kind of row, primary key, field) -> (the value that was sent, the value that was stored instead)
Differences = Mapping[tuple[str, str, str, str], tuple[str, str]]


@dataclass(frozen=True, slots=True)
class OnRecord:
    """What only our own tables know about a learner.

    ``uploads`` are the open ones, by the primary key of PICSWeb's review, which may have been deleted. ``differences``
    are values that a side stores differently from what it was sent, and that have already been reported.
    ``unpaired_with`` is the OneFile ID with which the learner was linked, if nobody has said yet which reviews are the
    same.
    """

    uploads: Mapping[str, OpenUpload] = field(default_factory=dict)
    differences: Differences = field(default_factory=dict)
    unpaired_with: int | None = None

    def reviews_wait(self, learner: LearnerRow) -> bool:
        """Whether the learner's reviews go neither way until a person has paired them."""
        return self.unpaired_with == learner.onefile_id

    def upload_of(self, review: ReviewRow) -> OpenUpload | None:
        return self.uploads.get(review.pk)

    def doubt_of(self, review: ReviewRow) -> int:
        """How uncertain the upload of a review is: 0 if its ID is known, 1 if only its visit is, 2 otherwise."""
        begun = self.upload_of(review)
        if begun is not None and begun.review_id is not None:
            return 0
        return 1 if begun is not None and begun.visit_id is not None else 2


@dataclass(frozen=True, slots=True)
class FoundProblem:
    """A problem that a person or a retry has to solve. ``code`` is the code of a row in the catalogue of messages."""

    code: str
    subject: Subject
    details: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OneFileSide:
    """What was read of one learner in OneFile, and what could not be read.

    ``gone_aims`` and ``gone_reviews`` are the OneFile IDs that OneFile did not find when asked for that very record; a
    record missing from a list is not enough. ``unread_reviews`` could not be read. ``reviews_complete``: the search was
    answered and all its items were readable; only then is it certain that a review we may have created does not exist.
    """

    centre_id: int | None = None
    aims: tuple[LearningAim, ...] = ()
    reviews: tuple[Review, ...] = ()
    gone_aims: frozenset[int] = frozenset()
    gone_reviews: frozenset[int] = frozenset()
    reviews_complete: bool = True
    unread_reviews: frozenset[int] = frozenset()
    problems: tuple[FoundProblem, ...] = ()


def assessors_of(learner: LearnerRow, onefile: OneFileSide) -> set[int]:
    """Every assessor the plan may have to find the officer of."""
    mentioned = {
        learner.main_officer_onefile_id,
        *(review.officer_onefile_id for review in learner.reviews),
        *(record.assessor_id for record in onefile.reviews),
    }
    return {assessor for assessor in mentioned if assessor is not None}


@dataclass(frozen=True, slots=True)
class RowWrite:
    """Changes to one existing row of PICSWeb; saved together or not at all.

    ``found`` is what turns out to have been created in OneFile earlier, without our having had the answer.
    """

    kind: str
    pk: str
    changes: tuple[FieldChange, ...]
    found: FieldChange | None = None


@dataclass(frozen=True, slots=True)
class AimPush:
    """Values of a qualification for the blank fields of its learning aim."""

    aim_id: int
    qualification_pk: str
    changes: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class ReviewUpload:
    """A review to create in OneFile, and what PICSWeb's row becomes then (``write``)."""

    review: ReviewRow
    scheduled_for: datetime
    assessor_id: int
    change: FieldChange
    write: RowWrite


@dataclass(frozen=True, slots=True)
class ReviewCreation:
    """A review to create in PICSWeb."""

    onefile_id: int
    changes: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class FinishedUpload:
    """An upload that was begun and is over. ``came_about``: the review is linked, so its visit has a review."""

    subject: Subject
    came_about: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything one learner's exchange would do."""

    learner: LearnerRow
    centre_id: int | None = None
    aim_pushes: tuple[AimPush, ...] = ()
    uploads: tuple[ReviewUpload, ...] = ()
    writes: tuple[RowWrite, ...] = ()
    creations: tuple[ReviewCreation, ...] = ()
    #: Begun uploads of which nothing is left to be done, by the primary key of PICSWeb's review.
    finished_uploads: Mapping[str, FinishedUpload] = field(default_factory=dict)
    problems: tuple[FoundProblem, ...] = ()

    def uploads_that_end(self) -> Mapping[str, FinishedUpload]:
        """Begun uploads that carrying out the plan would end, as far as it is known before OneFile is asked."""
        linked = (
            write
            for write in self.writes
            if write.kind == "review" and any(change.field == "onefile_id" for change in write.changes)
        )
        return {
            write.pk: FinishedUpload(write.changes[0].subject, came_about=True) for write in linked
        } | dict(self.finished_uploads)

    def changes(self) -> Iterator[FieldChange]:
        """All changes, in the order in which they are made."""
        for push in self.aim_pushes:
            yield from push.changes
        for upload in self.uploads:
            yield upload.change
            yield from upload.write.changes
        for write in self.writes:
            yield from write.changes
        for creation in self.creations:
            yield from creation.changes
