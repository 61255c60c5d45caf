"""The parts of a plan, as plain data: changes, problems, and the steps that make them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from onefile_sync.host.snapshot import Label, LearnerRow, ReviewRow, Value, comparable
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
    #: Whether to send what OneFile did not keep when it was sent before: somebody asked for it.
    send_again: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """What a change or a problem is about. ``pk`` is PICSWeb's primary key as text, if the row exists there."""

    kind: str
    pk: str = ""
    onefile_id: int | None = None
    label: Label = ""


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
    """What a side keeps of a value that it was given. ``aside``: it was not given, but changed with others."""

    change: FieldChange
    kept: Value
    aside: bool = False

    @property
    def differs(self) -> bool:
        return comparable(self.kept) != comparable(self.change.new)

    @property
    def key(self) -> tuple[str, str, str, str]:
        """By which a difference is remembered (:data:`Differences`)."""
        about = self.change.subject
        return self.change.side, about.kind, about.pk, self.change.field


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """A review that we began to create in OneFile without having recorded the end of it.

    ``visit_id`` and ``review_id`` are what OneFile is known to have answered before we stopped. ``may_still_arrive``:
    the last create was sent so lately that OneFile may yet carry it out. ``visits_in_doubt`` counts the visits that
    OneFile may hold without our knowing their ID, so that no review will ever be put into them.
    """

    scheduled_for: datetime
    visit_id: int | None = None
    review_id: int | None = None
    may_still_arrive: bool = False
    visits_in_doubt: int = 0

    @property
    def may_be_there(self) -> bool:
        """A review is asked for only after its visit is on record: without one there is nothing of ours to find."""
        return self.visit_id is not None or self.review_id is not None


#: Side, kind of row, primary key and field -> the value that was offered, and what is kept there instead.
Differences = Mapping[tuple[str, str, str, str], tuple[str, str]]


@dataclass(frozen=True, slots=True)
class OnRecord:
    """What our own tables hold of a learner: what neither PICSWeb nor OneFile can tell.

    ``uploads`` are those that are open, by the primary key of PICSWeb's review, which may be gone. ``differences`` are
    what one side keeps differently from what it was given, as was said already.
    """

    uploads: Mapping[str, OpenUpload] = field(default_factory=dict)
    differences: Differences = field(default_factory=dict)

    def upload_of(self, review: ReviewRow) -> OpenUpload | None:
        return self.uploads.get(review.pk)

    def doubt_of(self, review: ReviewRow) -> int:
        """How little is known of a review that we began to create in OneFile: 0 its ID is, 1 its visit, 2 less."""
        begun = self.upload_of(review)
        if begun is not None and begun.review_id is not None:
            return 0
        return 1 if begun is not None and begun.visit_id is not None else 2


@dataclass(frozen=True, slots=True)
class FoundProblem:
    """One thing that needs a person or a retry; ``code`` is a row of the catalogue of problems."""

    code: str
    subject: Subject
    details: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OneFileSide:
    """What was read of one learner in OneFile, and what could not be.

    ``gone`` holds the OneFile IDs of which OneFile itself, asked for that very record, says that it has none: that a
    list leaves a record out says nothing. ``unread_reviews`` are those whose details could not be had, and
    ``reviews_complete`` says whether the search was answered with nothing but readable items: only then can a review
    that we may have created be known not to be there.
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
