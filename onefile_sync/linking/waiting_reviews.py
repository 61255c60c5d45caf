"""The question which reviews are the same, of many learners at once: shown without a call, answered by a run.

OneFile's reviews are those that were read when the learner was linked. Before an answer is saved, they are read once
more, by one or two calls for a learner, more for very many reviews. An answer to something else than OneFile and
PICSWeb have by then is not saved.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from onefile_sync import crypto, host
from onefile_sync.host.snapshot import ReviewLinkRow
from onefile_sync.models import (
    AnswerState,
    OutcomeState,
    RecordLink,
    RunKind,
    RunState,
    SubjectKind,
    SyncRun,
    Tenant,
    WaitingReviews,
)
from onefile_sync.onefile.client import OneFile
from onefile_sync.sync.eligibility import (
    ENVIRONMENT_CHANGED,
    check_setup,
    refuse_another_onefile,
    refuse_wrong_mapping,
)
from onefile_sync.sync.runs import lifecycle, queue
from onefile_sync.sync.short_calls import trouble_told
from onefile_sync.transactions import retried

from . import choices, decided_rows, learner_check, learner_links, linker
from .choices import Choices, Option, Part
from .linker import LinkRefused
from .tenants import present_tenant

_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class ReviewsQuestion:
    """The question about one learner. ``read_at`` is when OneFile's reviews were read, ``None`` if they are not kept.

    ``shown`` is a digest of both sides' reviews, to be given back with the answer. ``refusal`` is the code of why the
    last answer was not saved.
    """

    link: RecordLink
    reviews: Choices
    restored: tuple[Part, ...]
    shown: str
    read_at: datetime | None
    refusal: str


@dataclass(frozen=True, slots=True)
class ReviewsDecision:
    """What a person answered: OneFile IDs by PICSWeb's primary key, none if all reviews are different."""

    shown: str
    pairs: Mapping[str, int] = field(default_factory=dict)


def waiting_links() -> list[RecordLink]:
    """The links of the learners whose reviews wait, but for those whose answer is being saved. Three queries.

    Raises :class:`~onefile_sync.sync.eligibility.Refused`.
    """
    tenant = _tenant()
    waiting = RecordLink.objects.filter(
        tenant=tenant, subject_kind=SubjectKind.LEARNER, reviews_pending=True, ended_at=None
    ).exclude(waiting_reviews__in=_being_saved())
    found = dict(waiting.values_list("pk", "subject_pk"))
    return [
        each
        for each in linker.open_links(tenant, SubjectKind.LEARNER, list(found.values()))
        if each.pk in found
    ]


def runs_saving() -> list[SyncRun]:
    """The open runs that save answers."""
    return list(SyncRun.objects.filter(kind=RunKind.PAIRING).exclude(state=RunState.FINISHED))


def questions(links: Sequence[RecordLink]) -> list[ReviewsQuestion]:
    """The questions about some learners, in their order. A few queries for any number of them, and no call."""
    kept = {each.link_id: each for each in WaitingReviews.objects.filter(link__in=links)}
    theirs = {pk: choices.from_kept(each.theirs) for pk, each in kept.items()}
    return _questions(links, theirs, kept)


def answer(
    decisions: Mapping[int, ReviewsDecision], *, by: Any = None, queued: bool = True
) -> SyncRun | None:
    """Queue a run that saves these answers, by the primary keys of the links; ``None`` if none is asked any more.

    Raises :class:`~onefile_sync.sync.eligibility.Refused`.
    """
    check_setup()
    refuse_another_onefile()
    run = _open(decisions, _tenant(), by)
    if run is not None and queued:
        queue.enqueue(run)
    return run


def step(run: SyncRun, onefile: OneFile, _time_is_up: Callable[[], bool]) -> bool:
    """Save the next answer of a run. Returns false if other workers have the rest. Raises as reading a list does."""
    tenant = present_tenant()
    if run.options.get("tenant") != tenant.pk:
        lifecycle.give_up(run, OutcomeState.FAILED, ENVIRONMENT_CHANGED.code)
        return True
    return decided_rows.deal_with_next(
        run,
        onefile,
        run.reviews_to_pair.filter(state=AnswerState.QUEUED),
        lambda waiting: _save(waiting, run, tenant, onefile),
        done=AnswerState.SAVED,
        refused=AnswerState.REFUSED,
    )


def _tenant() -> Tenant:
    refuse_wrong_mapping()
    with trouble_told():
        return present_tenant()


def _being_saved() -> Any:
    """The answers that a run is still to save. Those of a run that ended before are open again."""
    queued = WaitingReviews.objects.filter(state=AnswerState.QUEUED)
    return queued.exclude(run=None).exclude(run__state=RunState.FINISHED)


@retried
@transaction.atomic
def _open(decisions: Mapping[int, ReviewsDecision], tenant: Tenant, by: Any) -> SyncRun | None:
    asked: list[WaitingReviews] = []
    pks = sorted(decisions)
    for first in range(0, len(pks), _BATCH):
        asked += (
            WaitingReviews.objects.select_for_update()
            .filter(
                link__in=pks[first : first + _BATCH],
                link__tenant=tenant,
                link__reviews_pending=True,
                link__ended_at=None,
            )
            .exclude(pk__in=_being_saved())
        )
    if not asked:
        return None
    run, _created = lifecycle.open_run(RunKind.PAIRING, [], by=by)
    SyncRun.objects.filter(pk=run.pk).update(options={"tenant": tenant.pk}, expected_calls=2 * len(asked))
    for each in asked:
        decision = decisions[each.link_id]
        each.state, each.run, each.refusal = AnswerState.QUEUED, run, ""
        each.pairs, each.shown = dict(decision.pairs), decision.shown
        each.claimed_by, each.lease_expires_at = None, None
    columns = ["state", "run", "refusal", "pairs", "shown", "claimed_by", "lease_expires_at"]
    WaitingReviews.objects.bulk_update(asked, columns, batch_size=_BATCH)
    run.refresh_from_db()
    return run


def _save(waiting: WaitingReviews, run: SyncRun, tenant: Tenant, onefile: OneFile) -> None:
    link = waiting.link
    if link.ended_at is not None or not link.reviews_pending or link.tenant_id != tenant.pk:
        raise LinkRefused("reviews_answered")
    records = learner_check.read_reviews(
        onefile, link.onefile_id, link.centre_id or None, to_the_end=True
    ).values()
    taken = host.pks_with_onefile_id("review", [review.id for review in records])
    there = choices.review_options(review for review in records if review.id not in taken)
    [now] = _questions([link], {link.pk: there}, {link.pk: waiting})
    if now.shown != waiting.shown:
        _keep(waiting, there)
        raise LinkRefused("link_record_changed")
    if not choices.fits(waiting.pairs, now.reviews):
        raise LinkRefused("link_pairs_wrong")
    try:
        learner_links.answer_reviews(link, tenant, waiting.pairs, now.restored, by=run.requested_by_id)
    except LinkRefused as refused:
        is_about_review = refused.code in ("link_exists", "link_taken", "link_row_gone")
        raise (LinkRefused("link_record_changed") if is_about_review else refused) from None


@retried
def _keep(waiting: WaitingReviews, there: Collection[Option]) -> None:
    WaitingReviews.objects.filter(pk=waiting.pk).update(theirs=choices.as_kept(there), read_at=timezone.now())


def _questions(
    links: Sequence[RecordLink],
    theirs: Mapping[int, list[Option]],
    kept: Mapping[int, WaitingReviews],
) -> list[ReviewsQuestion]:
    rows: dict[str, list[ReviewLinkRow]] = {each.subject_pk: [] for each in links}
    for row in host.reviews_of(rows):
        if row.onefile_id is None:
            rows[row.learner_pk].append(row)
    taken = host.pks_with_onefile_id("review", {each.onefile_id for of in theirs.values() for each in of})
    restorable = _restorable(links)
    found = []
    for link in links:
        mine = rows[link.subject_pk]
        free = choices.in_order(each for each in theirs.get(link.pk, ()) if each.onefile_id not in taken)
        waiting = kept.get(link.pk)
        found.append(
            ReviewsQuestion(
                link,
                choices.review_choices(mine, free, restorable[link.subject_pk]),
                restorable[link.subject_pk],
                _shown(link, mine, free),
                waiting.read_at if waiting is not None else None,
                waiting.refusal if waiting is not None else "",
            )
        )
    return found


def _restorable(links: Sequence[RecordLink]) -> dict[str, tuple[Part, ...]]:
    """All links are of one OneFile."""
    if not links:
        return {}
    return choices.restorable(links[0].tenant, {each.subject_pk: each.onefile_id for each in links})


def _shown(link: RecordLink, ours: Sequence[ReviewLinkRow], theirs: Sequence[Option]) -> str:
    seen = [
        [link.pk, link.subject_pk, link.onefile_id],
        [(row.pk, str(row.proposed), str(row.actual_date)) for row in ours],
        choices.as_kept(theirs),
    ]
    return crypto.fingerprint("reviews", repr(seen))
