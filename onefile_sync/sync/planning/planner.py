"""Makes a plan from PICSWeb's rows and OneFile's records: plain data on what would change, on which side and why.

Pure: no database, no network, no clock. A preview is a plan that is not applied.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from onefile_sync.fields import two_way_fields
from onefile_sync.host.snapshot import (
    Attendance,
    LearnerRow,
    Officers,
    QualificationRow,
    ReviewRow,
    Value,
    comparable,
)
from onefile_sync.onefile.records import LearningAim, Review

from . import rules
from .types import (
    ONEFILE,
    PICSWEB,
    AimPush,
    CanHold,
    FieldChange,
    FinishedUpload,
    FoundProblem,
    OneFileSide,
    OnRecord,
    OpenUpload,
    Plan,
    Policy,
    ReviewCreation,
    ReviewUpload,
    RowWrite,
    Subject,
    about_learner,
    about_qualification,
    about_record,
    about_review,
)


def make_plan(
    learner: LearnerRow,
    on_record: OnRecord,
    onefile: OneFileSide,
    officers: Officers,
    policy: Policy,
    can_hold: CanHold,
) -> Plan:
    """Decide what one learner's exchange does. The rules are those of
    :data:`onefile_sync.sync.planning.rules.RULES`."""
    return _Planner(learner, on_record, onefile, officers, policy, can_hold).plan()


@dataclass(slots=True)
class _Planner:
    """Collects the parts of one plan."""

    learner: LearnerRow
    on_record: OnRecord
    onefile: OneFileSide
    officers: Officers
    policy: Policy
    can_hold: CanHold
    problems: list[FoundProblem] = field(default_factory=list)
    pushes: list[AimPush] = field(default_factory=list)
    uploads: list[ReviewUpload] = field(default_factory=list)
    writes: list[RowWrite] = field(default_factory=list)
    creations: list[ReviewCreation] = field(default_factory=list)
    finished: dict[str, FinishedUpload] = field(default_factory=dict)
    unmatched_assessors: Counter[tuple[str, int]] = field(default_factory=Counter)

    def plan(self) -> Plan:
        centre_id = self.onefile.centre_id or self.learner.centre_id
        self.problems += self.onefile.problems
        self.plan_centre(centre_id)
        self.plan_qualifications()
        self.plan_reviews(centre_id)
        for (code, assessor), reviews in sorted(self.unmatched_assessors.items()):
            details: dict[str, str | int] = {"assessor": assessor, "reviews": reviews}
            self.problems.append(FoundProblem(code, about_learner(self.learner), details))
        return Plan(
            learner=self.learner,
            centre_id=centre_id,
            aim_pushes=tuple(self.pushes),
            uploads=tuple(self.uploads),
            writes=tuple(self.writes),
            creations=tuple(self.creations),
            finished_uploads=self.finished,
            problems=tuple(self.problems),
        )

    def plan_centre(self, centre_id: int | None) -> None:
        if centre_id is not None and centre_id != self.learner.centre_id:
            about = about_learner(self.learner)
            change = FieldChange(PICSWEB, about, "centre_id", self.learner.centre_id, centre_id, "centre")
            self.write("learner", self.learner.pk, self.unsettled([change]))

    # Qualifications

    def plan_qualifications(self) -> None:
        aims = {aim.id: aim for aim in self.onefile.aims}
        shared = _shared_ids(self.learner.qualifications)
        for qualification in self.learner.qualifications:
            if qualification.onefile_id is None:
                continue
            about = about_qualification(qualification)
            aim = aims.get(qualification.onefile_id)
            if qualification.onefile_id in shared:
                self.problems.append(FoundProblem("qualification_duplicate", about))
            elif aim is not None and aim.learner_id not in (None, self.learner.onefile_id):
                self.problems.append(FoundProblem("foreign_aim", about))
            elif aim is not None:
                self.plan_qualification(qualification, aim, about)
            elif qualification.onefile_id in self.onefile.gone_aims:
                self.problems.append(FoundProblem("aim_gone", about))

    def plan_qualification(self, qualification: QualificationRow, aim: LearningAim, about: Subject) -> None:
        self.report_unreadable(about, aim.unreadable)
        to_picsweb: list[FieldChange] = []
        to_onefile: list[FieldChange] = []
        for name in two_way_fields():
            if name in aim.unreadable:
                continue
            ours, theirs = qualification.values[name], aim.values[name]
            winner = rules.two_way(ours, theirs)
            sent = FieldChange(ONEFILE, about, name, theirs, ours, name)
            if winner is rules.Winner.PICSWEB and self.is_settled(sent) and not self.policy.send_again:
                self.problems.append(FoundProblem("push_not_taken", about, {"field": name}))
            elif winner is rules.Winner.PICSWEB:
                to_onefile.append(sent)
            elif winner is rules.Winner.ONEFILE and not self.is_settled(sent):
                to_picsweb.append(FieldChange(PICSWEB, about, name, ours, theirs, name))
        if to_onefile:
            self.pushes.append(AimPush(aim.id, qualification.pk, tuple(to_onefile)))
        elements = self.element_changes(qualification, aim, about)
        self.write("qualification", qualification.pk, elements + self.holdable(to_picsweb))

    def element_changes(
        self, qualification: QualificationRow, aim: LearningAim, about: Subject
    ) -> list[FieldChange]:
        if qualification.has_units and self.policy.skip_elements_with_units:
            return []
        ours = qualification.values
        wanted = rules.progress_after(ours, aim.values)
        changes = self.unsettled(
            [
                FieldChange(PICSWEB, about, name, ours[name], value, "elements")
                for name, value in wanted.items()
                if value != ours[name]
            ]
        )
        total, done = wanted[rules.TOTAL], wanted[rules.DONE]
        if changes and not rules.elements_fit(total, done):
            self.problems.append(
                FoundProblem("elements_above_total", about, {"done": done or 0, "total": total or 0})
            )
            return []
        holdable = self.holdable(changes)
        # Saving only one of them could leave more elements done than the total.
        return holdable if len(holdable) == len(changes) else []

    # Reviews

    def plan_reviews(self, centre_id: int | None) -> None:
        if self.on_record.reviews_wait(self.learner):
            self.problems.append(FoundProblem("reviews_not_paired", about_learner(self.learner)))
            return
        shared = _shared_ids(self.learner.reviews)
        linked = {review.onefile_id for review in self.learner.reviews if review.onefile_id is not None}
        records = {record.id: record for record in self.onefile.reviews if self.is_of_this_learner(record)}
        possible: set[int] = set()
        self.plan_uploads_that_are_over()
        # Reviews with the most certain record come first, so that another one at the same time cannot take it.
        for review in sorted(self.learner.reviews, key=self.on_record.doubt_of):
            if review.onefile_id is None:
                found, could_be = self.plan_upload(review, records, linked, centre_id)
                linked |= found
                possible |= could_be
        if not self.policy.download_reviews:
            return
        linked |= self.plan_hidden_reviews(records)
        for review in self.learner.reviews:
            if review.onefile_id is not None:
                self.plan_download(review, review.onefile_id, records, shared)
        for record in records.values():
            if record.id not in linked | possible:
                about = about_record(record)
                changes = self.holdable(self.review_changes(ReviewRow("", "", None), record, about))
                if self.learner.has_place_for_reviews:
                    self.creations.append(ReviewCreation(record.id, tuple(changes)))
                else:
                    self.problems.append(FoundProblem("review_nowhere_to_put", about))

    def plan_hidden_reviews(self, records: Mapping[int, Review]) -> set[int]:
        """Report linked reviews that PICSWeb hides, which are left alone. Returns their OneFile IDs."""
        for review in self.learner.hidden_reviews:
            said = (PICSWEB, "review", review.pk, "review_hidden") in self.on_record.differences
            if review.onefile_id in records and not said:
                self.problems.append(FoundProblem("review_hidden", about_review(review)))
        return {review.onefile_id for review in self.learner.hidden_reviews if review.onefile_id is not None}

    def plan_uploads_that_are_over(self) -> None:
        """Finish begun uploads of reviews that are linked or deleted by now; they may have left a visit to report."""
        for review in self.learner.reviews:
            begun = self.on_record.upload_of(review)
            if review.onefile_id is not None and begun is not None:
                self.finished[review.pk] = FinishedUpload(about_review(review), came_about=True)
            elif begun is not None:
                self.tell_of_visits_left_by(begun, about_review(review))
        there = {review.pk for review in self.learner.reviews}
        for pk, begun in self.on_record.uploads.items():
            if pk not in there and not begun.may_still_arrive:
                self.finished[pk] = FinishedUpload(about_learner(self.learner), came_about=False)

    def tell_of_visits_left_by(self, begun: OpenUpload, about: Subject) -> None:
        """Report visits left behind while the upload is still open, as it may never be completed."""
        if begun.visits_in_doubt and not begun.may_still_arrive:
            when = rules.in_words(begun.scheduled_for)
            self.problems.append(FoundProblem("visit_left_over", about, {"when": when}))

    def is_of_this_learner(self, record: Review) -> bool:
        if "learner_id" in record.unreadable or record.learner_id not in (None, self.learner.onefile_id):
            self.problems.append(FoundProblem("foreign_review", about_record(record)))
            return False
        return True

    def plan_download(
        self, review: ReviewRow, onefile_id: int, records: Mapping[int, Review], shared: Iterable[int]
    ) -> None:
        about = about_review(review)
        if onefile_id in shared:
            self.problems.append(FoundProblem("review_duplicate", about))
        elif onefile_id in records:
            changes = self.review_changes(review, records[onefile_id], about)
            self.write("review", review.pk, self.holdable(changes))
        elif onefile_id in self.onefile.gone_reviews:
            self.problems.append(FoundProblem("review_gone", about))

    def plan_upload(
        self, review: ReviewRow, records: Mapping[int, Review], linked: set[int], centre_id: int | None
    ) -> tuple[set[int], set[int]]:
        """Plan a review without a OneFile ID. Returns the OneFile IDs that are this review, and those that may be."""
        about = about_review(review)
        begun = self.on_record.upload_of(review)
        resumed = rules.resume_upload(begun, records.values(), linked)
        if resumed.found is not None:
            self.link(review, resumed.found, records.get(resumed.found), about)
            return {resumed.found}, set()
        if resumed.ambiguous:
            ids = ", ".join(map(str, resumed.ambiguous))
            self.problems.append(FoundProblem("upload_ambiguous", about, {"reviews": ids}))
            return set(), set(resumed.ambiguous)
        if begun and begun.may_be_there and self.cannot_look(linked):
            self.problems.append(FoundProblem("upload_unresolved", about))
            return set(), {record.id for record in records.values() if rules.may_hide_an_upload(record)}
        if begun and begun.may_still_arrive:
            self.problems.append(FoundProblem("upload_on_its_way", about))
            return set(), set()
        if self.policy.upload_reviews and rules.may_be_uploaded(review):
            self.upload(review, about, centre_id)
        elif begun:
            self.finished[review.pk] = FinishedUpload(about, came_about=False)
        return set(), set()

    def cannot_look(self, linked: set[int]) -> bool:
        """Whether a review that we began to create may exist in OneFile although we could not read it."""
        return (
            not self.onefile.reviews_complete
            or bool(self.onefile.unread_reviews)
            or any(
                record.id not in linked and rules.may_hide_an_upload(record)
                for record in self.onefile.reviews
            )
        )

    def link(self, review: ReviewRow, onefile_id: int, record: Review | None, about: Subject) -> None:
        about = replace(about, onefile_id=onefile_id)
        changes = [FieldChange(PICSWEB, about, "onefile_id", None, onefile_id, "review_upload")]
        if record is not None and self.policy.download_reviews:
            changes += [
                change
                for change in self.review_changes(review, record, about)
                if change.field != "onefile_id"
            ]
        begun = self.on_record.upload_of(review)
        created = None
        if begun is not None and begun.review_id is None:  # otherwise it was reported with OneFile's answer
            created = FieldChange(ONEFILE, about, "review", None, begun.scheduled_for, "review_upload")
        self.write("review", review.pk, self.holdable(changes), found=created)

    def upload(self, review: ReviewRow, about: Subject, centre_id: int | None) -> None:
        by_officer = review.officer is not None
        officer = review.officer if by_officer else self.learner.main_officer
        own = review.officer_onefile_id if by_officer else self.learner.main_officer_onefile_id
        if centre_id is None:
            self.problems.append(FoundProblem("centre_unknown", about))
            return
        assessor = self.officers.assessor_in(centre_id, officer, own)
        if assessor is None:
            elsewhere = "officer_not_linked" if own is None else "officer_of_other_centre"
            self.problems.append(FoundProblem("no_officer" if officer is None else elsewhere, about))
            return
        assert review.proposed_date is not None  # noqa: S101 - for mypy: may_be_uploaded checks it
        starts = rules.scheduled_for(review.proposed_date, review.proposed_time)
        change = FieldChange(ONEFILE, about, "review", None, starts, "review_upload")
        # PICSWeb's review gets the values that the next download would bring for the review as just created. So a
        # second refresh finds nothing to do, and the preview shows these changes.
        expected = Review(
            id=0, learner_id=self.learner.onefile_id, assessor_id=assessor, scheduled_for=starts
        )
        changes = [FieldChange(PICSWEB, about, "onefile_id", None, None, "review_upload")]
        if self.policy.download_reviews:
            changes += [
                later
                for later in self.holdable(self.review_changes(review, expected, about))
                if later.field != "onefile_id"
            ]
        write = RowWrite("review", review.pk, tuple(changes))
        self.uploads.append(ReviewUpload(review, starts, assessor, change, write))

    def review_changes(self, review: ReviewRow, record: Review, about: Subject) -> list[FieldChange]:
        """The changes of PICSWeb's review from OneFile's (R10-R13)."""
        self.report_unreadable(about, record.unreadable - {"learner_id", "visit_id", "assessor_signed_on"})
        wanted: list[tuple[str, Value, str]] = []
        if review.onefile_id is None:
            wanted.append(("onefile_id", record.id, "review_match"))
        if record.scheduled_for is not None:
            on, at = rules.proposed(record.scheduled_for)
            wanted.append(("proposed_date", on, "review_proposed"))
            if at is not None:
                wanted.append(("proposed_time", at, "review_proposed"))
        if "started_on" not in record.unreadable:
            attended, actual_date = rules.attendance(record)
            wanted.append(("attended", attended, "review_attended"))
            wanted.append(("actual_date", actual_date, "review_attended"))
        if record.assessor_id is not None:
            officer = self.officers.by_onefile_id.get(record.assessor_id)
            if officer is not None:
                wanted.append(("officer", officer, "review_officer"))
            else:
                ambiguous = record.assessor_id in self.officers.ambiguous
                code = "officer_ambiguous" if ambiguous else "officer_unmatched"
                self.unmatched_assessors[code, record.assessor_id] += 1
        if record.learner_signed_on is not None:
            wanted.append(("trainee_signed_date", record.learner_signed_on, "review_signed"))
        return [
            FieldChange(PICSWEB, about, name, getattr(review, name), new, rule)
            for name, new, rule in wanted
            if getattr(review, name) != new
        ]

    # Common to both

    def write(self, kind: str, pk: str, changes: list[FieldChange], found: FieldChange | None = None) -> None:
        if changes:
            self.writes.append(RowWrite(kind, pk, tuple(changes), found))

    def report_unreadable(self, about: Subject, names: Iterable[str]) -> None:
        for name in sorted(names):
            self.problems.append(FoundProblem("bad_value", about, {"field": name}))

    def is_settled(self, change: FieldChange) -> bool:
        """Whether that side was sent this value before and stored the current one instead."""
        about = change.subject
        known = self.on_record.differences.get((change.side, about.kind, about.pk, change.field))
        return known == (comparable(change.new), comparable(change.old))

    def unsettled(self, changes: list[FieldChange]) -> list[FieldChange]:
        return [change for change in changes if not self.is_settled(change)]

    def holdable(self, changes: list[FieldChange]) -> list[FieldChange]:
        """The changes that PICSWeb's fields can hold. The others become problems, unless they are settled."""
        kept = []
        for change in self.unsettled(changes):
            new = change.new
            if isinstance(new, datetime) or self.can_hold(change.subject.kind, change.field, new):
                kept.append(change)
            else:
                shown = new.value if isinstance(new, Attendance) else str(new)
                details: dict[str, str | int] = {"field": change.field, "value": shown[:100]}
                self.problems.append(FoundProblem("cannot_hold", change.subject, details))
        return kept


def _shared_ids(rows: Iterable[QualificationRow | ReviewRow]) -> frozenset[int]:
    counted = Counter(row.onefile_id for row in rows if row.onefile_id is not None)
    return frozenset(onefile_id for onefile_id, times in counted.items() if times > 1)
