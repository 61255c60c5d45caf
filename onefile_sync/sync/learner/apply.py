"""Carries out a plan: pushes to OneFile, saves PICSWeb's rows, and records what was done.

Calls are never made inside a database transaction. A failure of one item becomes a problem and the rest goes on. A
failure that would affect everything is raised (OneFileError of scope ``RUN``), after recording what was done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from django.db import transaction

from onefile_sync import events, host
from onefile_sync.host.snapshot import LearnerRow, ReviewRow, Value, comparable, roles_of
from onefile_sync.models import UploadIntent
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.errors import OneFileError, Scope
from onefile_sync.onefile.records import LearningAim
from onefile_sync.sync.connection.rate_limit import RateLimitLost
from onefile_sync.sync.planning import rules
from onefile_sync.sync.planning.types import (
    PICSWEB,
    AimPush,
    FieldChange,
    FinishedUpload,
    FoundProblem,
    KeptValue,
    Plan,
    ReviewCreation,
    ReviewUpload,
    RowWrite,
    Subject,
)
from onefile_sync.sync.runs.leases import TimeIsUp
from onefile_sync.transactions import retried

from . import uploads

#: Exceptions raised while a call waits for its turn, so the call has not been sent.
NOT_SENT = (TimeIsUp, RateLimitLost)


class Stale(Exception):
    """Someone has edited the learner since the plan was made. Raised before anything is sent."""


@dataclass(slots=True)
class Applied:
    """What was done. ``stale``: someone has edited the learner meanwhile, so the learner must be planned again.

    ``record`` stores changes. It is called as soon as they are made, for PICSWeb's in the same transaction, so that
    nothing done is lost if the process is killed. ``hold`` renews the lease on the learner before anything is created.
    ``compare`` stores values that a side keeps differently from what it was sent, and returns the problems to report.
    ``finished_uploads`` are completed uploads by the primary key of PICSWeb's review; they are closed together with the
    outcome, which reports what they left behind.
    """

    record: Callable[[Sequence[FieldChange]], None]
    hold: uploads.Hold
    compare: Callable[[Sequence[KeptValue]], list[FoundProblem]] = lambda _kept: []
    changes: int = 0
    problems: list[FoundProblem] = field(default_factory=list)
    stale: bool = False
    finished_uploads: dict[str, FinishedUpload] = field(default_factory=dict)

    def done(self, *changes: FieldChange) -> None:
        self.record(changes)
        self.changes += len(changes)


def apply_plan(onefile: OneFile, plan: Plan, visit_type: int, applied: Applied) -> None:
    """Carry out one learner's plan, recording each step in ``applied`` as soon as it is done.

    Uploads go before downloads (R14), so that a review just created is matched by its ID.
    """
    for push in plan.aim_pushes:
        _push(onefile, plan.learner, push, applied)
    for upload in plan.uploads:
        _upload(onefile, plan, upload, visit_type, applied)
    for write in plan.writes:
        _save(write, applied)
    applied.finished_uploads |= plan.finished_uploads
    for creation in plan.creations:
        _create(plan.learner, creation, applied)


def _push(onefile: OneFile, learner: LearnerRow, push: AimPush, applied: Applied) -> None:
    """Fill blanks of a learning aim. Reads it just before, so that OneFile's value wins, and after (decision 4)."""
    as_planned = {"onefile_id": push.aim_id, **_new_values(push.changes)}

    def make_sure() -> None:
        if not _still_holds("qualification", push.qualification_pk, as_planned, learner):
            raise Stale

    accepted = False
    try:
        make_sure()
        aim = onefile.learning_aim(push.aim_id)
        still_blank = [
            change
            for change in push.changes
            if change.field not in aim.unreadable and rules.is_blank(aim.values[change.field])
        ]
        applied.stale |= len(still_blank) < len(push.changes)
        if not still_blank:
            return
        _update(onefile, aim, still_blank, make_sure, applied)
        accepted = True
        aim = onefile.learning_aim(push.aim_id)
    except Stale:
        applied.stale = True
        return
    except (OneFileError, *NOT_SENT) as error:
        if accepted:
            applied.done(*still_blank)
        if not isinstance(error, OneFileError):
            raise
        _report(error, push.changes[0], applied)
        return
    pushed = [
        KeptValue(change, aim.values[change.field])
        for change in still_blank
        if change.field not in aim.unreadable
    ]
    with transaction.atomic():
        applied.done(*_as_kept(pushed))
        applied.problems += applied.compare(pushed)


def _update(
    onefile: OneFile,
    aim: LearningAim,
    changes: list[FieldChange],
    about_to_send: Callable[[], None],
    applied: Applied,
) -> None:
    """Send an update. If OneFile refuses it or fails on it, send it again without the values that we cannot parse."""
    try:
        onefile.update_learning_aim(aim, without=(), about_to_send=about_to_send, **_pushable(changes))
    except OneFileError as error:
        if error.code not in ("refused", "server_error") or not aim.odd:
            raise
        if error.code == "server_error":
            # If OneFile is not available at all, this raises: a value must not be left out, and perhaps lost, for that.
            aim = onefile.learning_aim(aim.id)
        onefile.update_learning_aim(aim, without=aim.odd, about_to_send=about_to_send, **_pushable(changes))
        for name in sorted(aim.odd.values()):
            applied.problems.append(FoundProblem("unreadable_left_out", changes[0].subject, {"field": name}))


def _upload(onefile: OneFile, plan: Plan, upload: ReviewUpload, visit_type: int, applied: Applied) -> None:
    """Create a visit and a review, recording each step before the next one begins (R7)."""
    review = upload.review
    # Whatever a rule may have read when the review was chosen.
    read = ("is_normal", *roles_of(ReviewRow))
    as_planned = {"onefile_id": None, **{name: getattr(review, name) for name in read}}

    def make_sure() -> None:
        if not _still_holds("review", review.pk, as_planned, plan.learner):
            raise Stale

    try:
        make_sure()
    except Stale:
        applied.stale = True
        return
    creation = _Creation(onefile, plan, upload, visit_type, make_sure, applied.hold)
    try:
        review_id = creation.carry_out()
    except Stale:
        creation.came_to_nothing()
        applied.stale = True
        return
    except OneFileError as error:
        if error.unsure:
            applied.problems.append(FoundProblem("upload_unsure", upload.change.subject))
        else:
            creation.came_to_nothing(error)
        _report(error, upload.change, applied)
        return
    except NOT_SENT:
        creation.came_to_nothing()
        raise
    about = replace(upload.change.subject, onefile_id=review_id)
    _note_created(creation.intent, review_id, replace(upload.change, subject=about), applied)
    link, later = upload.write.changes[:1], upload.write.changes[1:]
    # The ID is saved first and separately (R7), so that an edit of another field cannot prevent it.
    linked = tuple(replace(change, subject=about, new=review_id) for change in link)
    _save(RowWrite("review", review.pk, linked), applied)
    if later:
        _save(RowWrite("review", review.pk, tuple(replace(c, subject=about) for c in later)), applied)
    _check_upload(onefile, review_id, upload, applied)


def _still_holds(kind: str, pk: str, as_planned: Mapping[str, Value], learner: LearnerRow) -> bool:
    """Whether a row and its learner are as planned, so that what is sent reaches the right person's record."""
    return host.still_holds(kind, pk, as_planned, learner=(learner.pk, learner.onefile_id))


class _Creation:
    """Creates a visit and a review in OneFile, step by step. The upload intent always records the progress."""

    def __init__(
        self,
        onefile: OneFile,
        plan: Plan,
        upload: ReviewUpload,
        visit_type: int,
        make_sure: Callable[[], None],
        hold: uploads.Hold,
    ) -> None:
        assert plan.centre_id is not None  # noqa: S101 - for mypy: a plan has no upload without a centre
        self.onefile = onefile
        self.learner, self.centre_id = plan.learner, plan.centre_id
        self.upload = upload
        self.visit_type = visit_type
        self.make_sure = make_sure
        self.hold = hold
        self.visit_asked_for = self.review_asked_for = False
        self.intent = uploads.begin(plan.learner.pk, upload.review.pk, upload.scheduled_for)

    def carry_out(self) -> int:
        """Return the new review's ID. Raises OneFileError, Stale, and the exceptions of :data:`NOT_SENT`."""
        self.visit_is_of_before = self.intent.visit_id is not None
        if self.intent.visit_id is None:
            visit_id = self.onefile.create_visit(
                learner_id=self.learner.onefile_id,
                centre_id=self.centre_id,
                start=self.upload.scheduled_for,
                end=self.upload.scheduled_for + rules.VISIT_LENGTH,
                visit_type=self.visit_type,
                assessor_id=self.upload.assessor_id,
                about_to_send=self.note_sending_visit,
            )
            self.visit_asked_for = False
            uploads.note_visit(self.intent, visit_id)
        else:
            visit_id = self.intent.visit_id
        return self.onefile.create_review(
            learner_id=self.learner.onefile_id,
            centre_id=self.centre_id,
            visit_id=visit_id,
            scheduled_for=self.upload.scheduled_for,
            assessor_id=self.upload.assessor_id,
            about_to_send=self.note_sending_review,
        )

    def note_sending_visit(self) -> None:
        self.make_sure()
        uploads.note_sending_visit(self.intent, self.hold, again=self.visit_asked_for)
        self.visit_asked_for = True

    def note_sending_review(self) -> None:
        self.make_sure()
        uploads.note_sending_review(self.intent, self.hold)
        self.review_asked_for = True

    def came_to_nothing(self, refused: OneFileError | None = None) -> None:
        """Record that the last create failed for certain; close the intent if OneFile cannot hold anything."""
        uploads.note_not_created(self.intent, visit_asked_for=self.visit_asked_for)
        if refused is not None and refused.scope is Scope.ITEM and self.review_asked_for:
            # OneFile may refuse a visit of an earlier refresh: it may have been deleted, or be another learner's.
            uploads.note_review_refused(self.intent, visit_is_new=not self.visit_is_of_before)
        if self.intent.visit_id is None and not self.intent.visits_in_doubt:
            uploads.close(self.learner.pk, [self.upload.review.pk])


@retried
@transaction.atomic
def _note_created(intent: UploadIntent, review_id: int, change: FieldChange, applied: Applied) -> None:
    """Record the change and the review's ID in one transaction, so that the create is reported exactly once."""
    applied.done(change)
    uploads.note_review(intent, review_id)


def _check_upload(onefile: OneFile, review_id: int, upload: ReviewUpload, applied: Applied) -> None:
    """Read back a review that was just created, and report values that OneFile did not store."""
    about = replace(upload.change.subject, onefile_id=review_id)
    try:
        record = onefile.review(review_id)
    except OneFileError as error:
        _report(error, replace(upload.change, subject=about), applied)
        return
    sent = {"scheduled_for": upload.scheduled_for, "assessor_id": upload.assessor_id}
    for name, value in sent.items():
        if getattr(record, name) != value:
            applied.problems.append(FoundProblem("push_not_taken", about, {"field": name}))


@retried
def _save(write: RowWrite, applied: Applied) -> None:
    """Save one of PICSWeb's rows, unless one of the values has changed since it was read."""
    about = write.changes[0].subject
    old = {change.field: _plain(change.old) for change in write.changes}
    is_link = "onefile_id" in old
    if about.onefile_id is not None and not is_link:
        old["onefile_id"] = (
            about.onefile_id
        )  # a row that was unlinked meanwhile takes no values of that record
    try:
        with transaction.atomic(), host.saving(write.kind, write.pk):
            saved = host.save_fields(write.kind, write.pk, old, _new_values(write.changes))
            if not saved:
                applied.stale = True
                return
            kept = _kept(write.changes, saved)
            applied.done(*((write.found,) if write.found else ()), *_as_kept(kept))
            said = applied.compare(kept)
        applied.problems += said
    except host.Rejected as refused:
        _not_saved(refused, write.changes[0].subject, applied)
        return
    if write.kind == "review" and is_link:
        applied.finished_uploads[write.pk] = FinishedUpload(about, came_about=True)


@retried
def _create(learner: LearnerRow, creation: ReviewCreation, applied: Applied) -> None:
    try:
        with transaction.atomic(), host.saving("review"):
            saved = host.create_review(
                learner.pk, _new_values(creation.changes), linked_to=learner.onefile_id
            )
            if not saved:
                applied.stale = (
                    True  # another worker has created it, or somebody unlinked the learner: plan again
                )
                return
            about = replace(creation.changes[0].subject, pk=saved.pk)
            kept = _kept([replace(change, subject=about) for change in creation.changes], saved)
            applied.done(*_as_kept(kept))
            said = applied.compare(kept)
        applied.problems += said
    except host.NowhereToPut:
        applied.problems.append(FoundProblem("review_nowhere_to_put", creation.changes[0].subject))
    except host.Rejected as refused:
        _not_saved(refused, creation.changes[0].subject, applied)


def _kept(changes: Sequence[FieldChange], saved: host.Saved) -> list[KeptValue]:
    """What PICSWeb stored for each value, and which other values changed with them."""
    about = changes[0].subject
    given = {change.field for change in changes}
    others = (
        FieldChange(PICSWEB, about, name, after, before, "")
        for name, before in saved.before.items()
        if name not in given and comparable(before) != comparable(after := saved.values[name])
    )
    return [
        *(KeptValue(change, saved.values[change.field]) for change in changes),
        *(KeptValue(change, saved.values[change.field], aside=True) for change in others),
    ]


def _as_kept(kept: Iterable[KeptValue]) -> list[FieldChange]:
    """The changes that were really made. A value that the side left as it was is not a change."""
    return [
        replace(each.change, new=each.kept) if each.differs else each.change
        for each in kept
        if not each.aside and comparable(each.kept) != comparable(each.change.old)
    ]


def _not_saved(refused: host.Rejected, about: Subject, applied: Applied) -> None:
    """Report what PICSWeb refused, by field names. Values and the model's own messages may be personal."""
    events.warning(
        "not_saved", kind=refused.kind, row=refused.pk or None, fields=",".join(refused.fields) or None
    )
    details: dict[str, str | int] = {"fields": ", ".join(refused.fields)} if refused.fields else {}
    applied.problems.append(FoundProblem("not_saved", about, details))


def _report(error: OneFileError, change: FieldChange, applied: Applied) -> None:
    if error.scope is Scope.RUN:
        raise error
    applied.problems.append(FoundProblem(error.code, change.subject))


def _new_values(changes: tuple[FieldChange, ...]) -> Mapping[str, Value]:
    return {change.field: _plain(change.new) for change in changes}


def _pushable(changes: list[FieldChange]) -> dict[str, str | date]:
    values = {}
    for change in changes:
        if not isinstance(change.new, str | date):
            raise TypeError(change.field)
        values[change.field] = change.new
    return values


def _plain(value: Value | datetime) -> Value:
    """Check that a row's value is not a date-time, which occurs only in the creation of a review in OneFile."""
    if isinstance(value, datetime):
        raise TypeError(value)
    return value
