"""Gives a learner in OneFile the learning aims that were planned, with their dates and assessors.

What has to be done is on record from the moment when the learner is linked, so an interruption forgets none of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from onefile_sync import host
from onefile_sync.models import (
    CreateEnding,
    CreateIntent,
    CreateKind,
    LinkMethod,
    RecordLink,
    SubjectKind,
)
from onefile_sync.onefile import creating, parsing
from onefile_sync.onefile.client import AIM_DATES
from onefile_sync.onefile.errors import OneFileError
from onefile_sync.onefile.records import AimOutline, Centre
from onefile_sync.sync.learner.apply import NOT_SENT, Stale
from onefile_sync.sync.planning.types import ONEFILE, FieldChange, Subject

from . import creates
from .create_steps import Resolved, Steps
from .creates import Create
from .enrolment_applied import REFUSED
from .find_again import aims_of_standard, ours_among
from .plan import (
    LEVEL_ADDITIONAL,
    LEVEL_OF_AIM,
    EnrolmentPlan,
    Party,
    PlannedQualification,
)

_RULES = {LEVEL_ADDITIONAL: "enrol_additional", LEVEL_OF_AIM: "enrol_aim_assessor"}


def note_parts(steps: Steps, plan: EnrolmentPlan, centre: Centre, learner_id: int) -> None:
    """Record what is still to be done for a learner who has just been linked. Call it in that transaction."""
    for row in plan.qualifications:
        if row.is_created:
            creates.begin(steps.tenant, plan.learner.pk, aim_create(row, centre, row.standard_id))
    for party in plan.additional:
        begin_assignment(steps, party, centre, learner_id, LEVEL_ADDITIONAL)


def begin_assignment(
    steps: Steps, party: Party, centre: Centre, learner_id: int, level: int, standard_id: int | None = None
) -> None:
    """Record that an officer is to become an assessor, unless that was sent before: it cannot be read in OneFile."""
    target = f"{level}:{standard_id or ''}:{learner_id}"
    create = Create(CreateKind.ASSIGNMENT, party.subject, centre.id, target)
    if party.is_usable and not creates.was_sent_before(steps.tenant, create):
        creates.begin(steps.tenant, steps.learner.pk, create)


def aim_create(row: PlannedQualification, centre: Centre, standard_id: int | None) -> Create:
    about = Subject("qualification", row.pk, None, row.label)
    return Create(CreateKind.AIM, about, centre.id, str(standard_id), {"standard_id": standard_id})


def carry_out_aims(
    steps: Steps, plan: EnrolmentPlan, centre: Centre, learner_id: int, ids: Mapping[str, int | None]
) -> None:
    """Carry out what was planned, or begun by an interrupted run, after the learner is linked.

    ``ids`` are the OneFile IDs of the parties, by key.
    """
    _Aims(steps, plan, centre, learner_id, ids).carry_out()


@dataclass(slots=True)
class _Aims:
    steps: Steps
    plan: EnrolmentPlan
    centre: Centre
    learner_id: int
    ids: Mapping[str, int | None]
    listed: tuple[list[AimOutline], bool] | None = field(default=None)

    def carry_out(self) -> None:
        learner_link = RecordLink.objects.filter(
            tenant=self.steps.tenant,
            subject_kind=SubjectKind.LEARNER,
            subject_pk=self.plan.learner.pk,
            ended_at=None,
        ).first()
        for row, standard_id in list(self.to_do()):
            try:
                self.aim(row, standard_id, learner_link)
            except OneFileError as error:
                about = Subject("qualification", row.pk, None, row.label)
                self.steps.applied.report(error, about)
        open_assignments = creates.of_learner(self.steps.tenant, self.plan.learner.pk).filter(
            kind=CreateKind.ASSIGNMENT
        )
        for intent in open_assignments.order_by("pk"):
            self.assign(intent)

    def to_do(self) -> Iterator[tuple[PlannedQualification, int]]:
        """The qualifications that have to become learning aims, each with its standard."""
        rows = {row.pk: row for row in self.plan.qualifications}
        planned = {row.pk: row.standard_id for row in rows.values() if row.is_created}
        begun = creates.of_learner(self.steps.tenant, self.plan.learner.pk).filter(kind=CreateKind.AIM)
        for intent in begun.order_by("pk"):
            row, standard_id = rows.get(intent.subject_pk), int(intent.target)
            if planned.get(intent.subject_pk) == standard_id:
                continue
            is_known = intent.in_doubt_since is not None or intent.onefile_id is not None
            if is_known and row is not None:
                planned.pop(intent.subject_pk, None)
                yield row, standard_id
            elif is_known:
                about = Subject("qualification", intent.subject_pk, intent.onefile_id)
                self.steps.leave_over(intent, about)
            else:
                creates.close(intent, CreateEnding.NOT_NEEDED)
        for pk, standard in planned.items():
            if standard is not None:
                yield rows[pk], standard

    # One learning aim

    def aim(self, row: PlannedQualification, standard_id: int, learner_link: RecordLink | None) -> None:
        steps = self.steps
        create = aim_create(row, self.centre, standard_id)
        intent = creates.begin(steps.tenant, self.plan.learner.pk, create)
        about = create.subject
        earlier = Resolved(intent.onefile_id)
        if intent.onefile_id is None:
            earlier = self.aim_that_is_there(intent, about, standard_id)
            if earlier.onefile_id is None and not earlier.may_create:
                return
        aim_id = earlier.onefile_id
        if aim_id is None:
            before = (self.plan.learner.pk, self.learner_id)
            aim_id = steps.send(
                intent,
                create,
                lambda: host.still_holds("qualification", row.pk, {"onefile_id": None}, learner=before),
                lambda about_to_send: creating.assign_standard(
                    steps.onefile, standard_id, self.learner_id, about_to_send=about_to_send
                ),
            )
        if aim_id is None:
            if intent.in_doubt_since is None and not steps.applied.stale:
                creates.close(intent, CreateEnding.REFUSED)
            return

        def note_assessor(_made: RecordLink) -> None:
            if row.assessor is not None:
                begin_assignment(steps, row.assessor, self.centre, self.learner_id, LEVEL_OF_AIM, standard_id)

        made = steps.link(
            intent,
            create,
            aim_id,
            how=earlier.how,
            parent=learner_link,
            and_then=note_assessor,
            closes=False,
        )
        if made is not None:
            self.set_dates(replace(about, onefile_id=aim_id), aim_id, row)
            creates.close(intent, CreateEnding.CREATED)

    def all_aims(self) -> tuple[list[AimOutline], bool]:
        if self.listed is None:
            self.listed = self.steps.search.all_aims(self.learner_id)
        return self.listed

    def aim_that_is_there(self, intent: CreateIntent, about: Subject, standard_id: int) -> Resolved:
        """What the learner has of this standard already: a learning aim that is there is linked, never doubled."""
        applied = self.steps.applied
        hits = aims_of_standard(*self.all_aims(), standard_id)
        ours = ours_among(hits, intent)
        taken = set(hits.ids) - set(ours.ids) - set(intent.seen_before)
        if taken and not ours.ids:
            applied.tell("link_taken", about, onefile_id=min(taken))
        elif len(ours.ids) > 1:
            creates.note_candidates(intent, ours.ids)
            applied.tell("create_ambiguous", about, ids=", ".join(map(str, ours.ids)))
        elif not ours.ids and not hits.complete and intent.in_doubt_since is None:
            applied.tell("could_not_make_sure", self.plan.learner)
        elif ours.ids and intent.in_doubt_since is None:
            creates.note_created(intent, ours.ids[0])
            return Resolved(ours.ids[0], how=LinkMethod.PAIRED)
        else:
            return self.steps.resolve(intent, about, lambda: hits)
        return Resolved()

    def set_dates(self, about: Subject, aim_id: int, row: PlannedQualification) -> None:
        """Set the dates of a new learning aim, and report those that OneFile does not show afterwards."""
        applied = self.steps.applied
        dates = {"start_date": row.start_date, "planned_end_date": row.planned_end_date}
        given = {name: day for name, day in dates.items() if day is not None}
        if not given:
            return
        onefile = self.steps.onefile
        try:
            aim = onefile.learning_aim(aim_id)
            creating.set_aim_dates(onefile, aim, start=row.start_date, planned_end=row.planned_end_date)
            kept = onefile.learning_aim(aim_id)
        except OneFileError as error:
            applied.report(error, about)
            return
        applied.aims_read[aim_id] = kept
        for name, json_name in AIM_DATES.items():
            if name in given and parsing.is_blank(kept.writable.get(json_name)):
                applied.tell("push_not_taken", about, field=name)
        applied.done(
            *(
                FieldChange(ONEFILE, about, name, None, day, "enrol_qualification")
                for name, day in given.items()
            )
        )

    # Assessors

    def assign(self, intent: CreateIntent) -> None:
        """Make an officer an assessor. OneFile cannot be asked about that, so it is never sent again."""
        steps, applied = self.steps, self.steps.applied
        level, standard, learner = (int(part or 0) for part in intent.target.split(":"))
        about = creates.subject_of(intent)
        title = self.title_of(standard)
        if intent.in_doubt_since is not None:
            self.unsure(intent, about, title)
            return
        assessor_id = self.assessor_id(intent)
        if assessor_id is None or learner != self.learner_id:
            creates.close(intent, CreateEnding.NOT_NEEDED)
            return
        about = replace(about, onefile_id=assessor_id)
        asked = False

        def about_to_send() -> None:
            nonlocal asked
            held = host.link_values("learner", self.plan.learner.pk) or {}
            if held.get("onefile_id") != self.learner_id:
                raise Stale
            creates.note_sending(intent, {}, applied.hold, again=asked)
            asked = True

        try:
            creating.assign_assessor(
                steps.onefile,
                assessor_id,
                learner_id=self.learner_id,
                level=level,
                standard_id=standard or None,
                about_to_send=about_to_send,
            )
        except Stale:
            creates.note_not_created(intent, sent=asked)
            applied.stale = True
        except NOT_SENT:
            creates.note_not_created(intent, sent=asked)
            raise
        except OneFileError as error:
            if error.unsure:
                self.unsure(intent, about, title)
                applied.report(error, about)
                return
            creates.note_not_created(intent, sent=asked)
            applied.refused(error, about, self.centre.name)
            # What is refused for another reason than what was sent, such as a missing right, is sent the next time.
            if error.code in REFUSED:
                creates.close(intent, CreateEnding.REFUSED)
        else:
            applied.done(FieldChange(ONEFILE, about, "assessor_id", None, assessor_id, _RULES[level]))
            creates.close(intent, CreateEnding.CREATED)

    def unsure(self, intent: CreateIntent, about: Subject, title: str) -> None:
        creates.close(intent, CreateEnding.UNSURE)
        self.steps.applied.tell("assignment_unsure", about, officer=str(about.label), title=title)

    def assessor_id(self, intent: CreateIntent) -> int | None:
        """The officer's user in the centre."""
        known = self.ids.get(f"assessor:{intent.subject_pk}")
        if known is not None:
            return known
        link = RecordLink.objects.filter(
            tenant=self.steps.tenant,
            subject_kind=SubjectKind.OFFICER,
            subject_pk=intent.subject_pk,
            centre_id=self.centre.id,
            ended_at=None,
        ).first()
        if link is not None:
            return link.onefile_id
        return (host.link_values("officer", intent.subject_pk) or {}).get("onefile_id")

    def title_of(self, standard_id: int) -> str:
        """What an officer becomes assessor of: a qualification, or the learner."""
        for row in self.plan.qualifications:
            if standard_id and row.standard_id == standard_id:
                return str(row.label)
        return str(self.plan.learner.label)
