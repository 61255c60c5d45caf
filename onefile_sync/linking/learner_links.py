"""Links a learner together with qualifications and reviews, unlinks them, and moves a link to another record."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from onefile_sync import host
from onefile_sync.models import (
    CreateEnding,
    CreateIntent,
    CreateKind,
    Difference,
    LearnerOutcome,
    LinkEnding,
    LinkMethod,
    OutcomeState,
    RecordLink,
    SubjectKind,
    Tenant,
    UploadIntent,
    WaitingReviews,
)
from onefile_sync.sync.eligibility import refuse_another_onefile, refuse_wrong_mapping
from onefile_sync.sync.short_calls import trouble_told
from onefile_sync.transactions import retried

from . import choices, linker
from .choices import Part, fits
from .learner_check import LinkCheck, check
from .linker import LinkRefused
from .tenants import present_tenant


class ReviewsAnswer(Enum):
    """What a person said about the reviews of both sides. Until *later* is replaced, they go neither way."""

    PAIRED = "paired"
    DIFFERENT = "different"
    LATER = "later"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkDecision:
    """What a person decided on seeing a :class:`~.learner_check.LinkCheck`.

    ``move_from`` is the earlier record from which the link is to be moved. ``qualifications`` and ``reviews`` are
    OneFile IDs by PICSWeb's primary key.
    """

    shown: str
    same_person: bool = False
    move_from: str = ""
    qualifications: Mapping[str, int] = field(default_factory=dict)
    reviews: Mapping[str, int] = field(default_factory=dict)
    reviews_answer: ReviewsAnswer = ReviewsAnswer.LATER


class AskAgain(LinkRefused):
    """Nothing was written; the person has to decide on seeing ``seen``."""

    def __init__(self, code: str, seen: LinkCheck) -> None:
        super().__init__(code)
        self.seen = seen


def link_learner(learner_pk: str, onefile_id: int, decision: LinkDecision, *, by: Any = None) -> RecordLink:
    """Link a learner as decided, after both records were read once more: three calls.

    Raises :class:`AskAgain` if something is not as it was shown or needs another decision,
    :class:`~.linker.LinkRefused` and :class:`~onefile_sync.sync.eligibility.Refused`.
    """
    seen = check(learner_pk, onefile_id, decision.shown)
    if seen.shown != decision.shown:
        raise AskAgain("link_record_changed", seen)
    if seen.needs_tick and not decision.same_person:
        raise AskAgain("link_contradicted", seen)
    if seen.holder is not None and seen.holder != decision.move_from:
        raise AskAgain("link_has_earlier_record", seen)
    reviews = decision.reviews if decision.reviews_answer is ReviewsAnswer.PAIRED else {}
    chosen = {"qualification": decision.qualifications, "review": reviews}
    if not (fits(chosen["qualification"], seen.qualifications) and fits(reviews, seen.reviews)):
        raise AskAgain("link_pairs_wrong", seen)
    with trouble_told():
        tenant = present_tenant()
    return _link_all(seen, tenant, chosen, decision.reviews_answer, by)


def link_matched(seen: LinkCheck, tenant: Tenant, evidence: Sequence[str], *, by: Any = None) -> RecordLink:
    """Link a learner whose match a person confirmed, and what of the history is surely the same.

    If reviews are left over that may be the same, the learner's reviews wait until a person has paired them.
    """
    chosen = {"qualification": seen.qualifications.certain, "review": seen.reviews.certain}
    answer = ReviewsAnswer.LATER if seen.reviews.needs_a_look else ReviewsAnswer.PAIRED
    return _link_all(seen, tenant, chosen, answer, by, how=LinkMethod.MATCHED, evidence=evidence)


def unlink_learner(learner_pk: str, *, by: Any = None) -> RecordLink | None:
    """Clear the OneFile IDs of a learner, the qualifications and the reviews, and keep them for linking again.

    OneFile is not touched. Returns ``None`` if the learner had none. Raises :class:`~.linker.LinkRefused` and
    :class:`~onefile_sync.sync.eligibility.Refused`.
    """
    refuse_wrong_mapping()
    refuse_another_onefile()
    with trouble_told():
        tenant = present_tenant()
    return _unlink_all(learner_pk, tenant, LinkEnding.UNLINKED, by)


def reviews_wait(learner_pk: str, onefile_id: int | None) -> bool:
    """Whether a learner with this OneFile ID was linked, and nobody has said yet which reviews are the same."""
    waiting = RecordLink.objects.filter(
        subject_kind=SubjectKind.LEARNER, subject_pk=learner_pk, ended_at=None, reviews_pending=True
    )
    return onefile_id is not None and waiting.filter(onefile_id=onefile_id).exists()


@retried
@host.kept_together()
def _link_all(
    seen: LinkCheck,
    tenant: Tenant,
    chosen: Mapping[str, Mapping[str, int]],
    answer: ReviewsAnswer,
    by: Any,
    *,
    how: LinkMethod = LinkMethod.CHECKED,
    evidence: Sequence[str] | None = None,
) -> RecordLink:
    _refuse_while_at_work(seen.learner_pk)
    if seen.holder is not None:
        _unlink_all(seen.holder, tenant, LinkEnding.MOVED, by)
    wait = answer is ReviewsAnswer.LATER and bool(seen.reviews)
    before = set(seen.restored)
    made = linker.link(
        SubjectKind.LEARNER,
        seen.learner_pk,
        seen.onefile_id,
        tenant=tenant,
        how=LinkMethod.MOVED if seen.holder is not None else how,
        centre_id=seen.centre_id or 0,
        evidence=seen.comparison.codes if evidence is None else evidence,
        by=by,
        reviews_pending=wait,
    )
    # Where OneFile had not said whether it created the learner, a person has now said which record it is.
    _open_creates(seen.learner_pk, tenant).filter(kind=CreateKind.LEARNER).update(
        finished_at=timezone.now(), ending=CreateEnding.CHOSEN
    )
    if made.reviews_pending != wait:
        RecordLink.objects.filter(pk=made.pk).update(reviews_pending=wait)
        made.reviews_pending = wait
    _keep_question(made, seen, chosen["review"].values())
    pairs = [(kind, pk, each) for kind in chosen for pk, each in chosen[kind].items()]
    pairs += [part for part in seen.restored if not _was_shown(seen, part)]
    for kind, pk, onefile_id in pairs:
        linker.link(
            kind,
            pk,
            onefile_id,
            tenant=tenant,
            how=LinkMethod.RESTORED if (kind, pk, onefile_id) in before else LinkMethod.PAIRED,
            by=by,
            parent=made,
        )
    return made


def _keep_question(made: RecordLink, seen: LinkCheck, just_paired: Collection[int]) -> None:
    """Keep what OneFile has of a learner whose reviews wait, so that the question can be shown without a call."""
    if made.reviews_pending:
        left = [each for each in seen.reviews.theirs if each.onefile_id not in just_paired]
        WaitingReviews.objects.update_or_create(
            link=made, defaults={"theirs": choices.as_kept(left), "read_at": timezone.now()}
        )
    else:
        WaitingReviews.objects.filter(link=made).update(theirs=[])


@retried
@host.kept_together()
def answer_reviews(
    made: RecordLink, tenant: Tenant, pairs: Mapping[str, int], restored: Collection[Part], *, by: Any = None
) -> None:
    """Pair the reviews of a learner whose reviews wait, and let the others be exchanged from now on.

    Raises :class:`~.linker.LinkRefused`, and nothing is written then.
    """
    _refuse_while_at_work(made.subject_pk)
    waiting = RecordLink.objects.select_for_update().filter(pk=made.pk, ended_at=None, reviews_pending=True)
    if not list(waiting):
        raise LinkRefused("reviews_answered")
    if host.onefile_ids(SubjectKind.LEARNER, [made.subject_pk]).get(made.subject_pk) != made.onefile_id:
        raise LinkRefused("link_changed")
    for pk, onefile_id in pairs.items():
        before = ("review", pk, onefile_id) in restored
        linker.link(
            SubjectKind.REVIEW,
            pk,
            onefile_id,
            tenant=tenant,
            how=LinkMethod.RESTORED if before else LinkMethod.PAIRED,
            by=by,
            parent=made,
        )
    RecordLink.objects.filter(pk=made.pk).update(reviews_pending=False)
    WaitingReviews.objects.filter(link=made).update(theirs=[])


def _was_shown(seen: LinkCheck, part: tuple[str, str, int]) -> bool:
    """Whether a person could decide about a row that was linked before. Those that PICSWeb hides are not shown."""
    kind, pk, onefile_id = part
    choices = seen.qualifications if kind == SubjectKind.QUALIFICATION else seen.reviews
    return pk in {each.pk for each in choices.ours} and onefile_id in {
        each.onefile_id for each in choices.theirs
    }


@retried
@host.kept_together()
def _unlink_all(learner_pk: str, tenant: Tenant, ending: LinkEnding, by: Any) -> RecordLink | None:
    _refuse_while_at_work(learner_pk)
    begun = ~Q(in_doubt_since=None) | ~Q(onefile_id=None)
    if _open_creates(learner_pk, tenant).filter(begun).exists():
        raise LinkRefused("link_create_unfinished")
    ended = linker.unlink(SubjectKind.LEARNER, learner_pk, tenant=tenant, ending=ending, by=by)
    if ended is None:
        return None
    for kind, pk, _onefile_id in host.linked_rows_of(learner_pk):
        linker.unlink(kind, pk, tenant=tenant, ending=ending, by=by, parent=ended)
    Difference.objects.filter(learner_type=host.learner_type(), learner_pk=learner_pk).delete()
    return ended


def _open_creates(learner_pk: str, tenant: Tenant) -> QuerySet[CreateIntent]:
    """The creates of a learner, and of parts of the learner, that are not finished."""
    return CreateIntent.objects.filter(
        tenant=tenant, learner_type=host.learner_type(), learner_pk=learner_pk, finished_at=None
    ).exclude(kind__in=(CreateKind.ASSESSOR, CreateKind.PLACEMENT, CreateKind.CLASSROOM))


def _refuse_while_at_work(learner_pk: str) -> None:
    """Raise :class:`~.linker.LinkRefused` while a run exchanges the learner, or an upload of theirs is not finished.

    Locks the learner's outcomes, so that no run begins with the learner before the transaction ends.
    """
    mine = Q(learner_type=host.learner_type(), learner_pk=learner_pk)
    at_stake = LearnerOutcome.objects.select_for_update().filter(
        mine, state__in=(OutcomeState.QUEUED, OutcomeState.WORKING)
    )
    if OutcomeState.WORKING in set(at_stake.order_by("pk").values_list("state", flat=True)):
        raise LinkRefused("link_at_work")
    begun = ~Q(in_doubt_since=None) | ~Q(visit_id=None) | ~Q(review_id=None)
    if UploadIntent.objects.filter(mine, begun, finished_at=None, put_away_for=None).exists():
        raise LinkRefused("link_upload_unfinished")
