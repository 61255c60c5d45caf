"""The part of :mod:`onefile_sync.services` about linking, kept apart for its length.

Callers use it through ``services``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Model

from . import host
from .linking import confirmed_matches, learner_check, learner_links, match_run, suggestions, waiting_reviews
from .linking.learner_check import LinkCheck
from .linking.learner_links import LinkDecision
from .linking.waiting_reviews import ReviewsDecision, ReviewsQuestion
from .messages.catalogue import explain, remedy_by_hand
from .models import AnswerState, MatchSuggestion, RecordLink, SyncRun, WaitingReviews

User = AbstractBaseUser | AnonymousUser


def check_onefile_id(learner: Model, onefile_id: int) -> LinkCheck:
    """Compare a learner with a OneFile learner before the two are linked: three short calls to OneFile.

    Nothing is written. Works while the integration is off. Raises :class:`LinkRefused` and :class:`Refused`.
    """
    return learner_check.check(str(learner.pk), onefile_id)


def link(learner: Model, onefile_id: int, decision: LinkDecision, *, by: User | None = None) -> RecordLink:
    """Link a learner, and qualifications and reviews, as a person decided on seeing :func:`check_onefile_id`.

    Reads both records once more: three short calls. Raises :class:`AskAgain` if something has changed or another
    decision is needed, :class:`LinkRefused` and :class:`Refused`; nothing is written then.
    """
    return learner_links.link_learner(str(learner.pk), onefile_id, decision, by=primary_key_of(by))


def unlink(learner: Model, *, by: User | None = None) -> RecordLink | None:
    """Unlink a learner, and qualifications and reviews, and keep what linking to the same record again restores.

    OneFile is not touched. ``None`` if the learner had no OneFile ID. Raises :class:`LinkRefused` and :class:`Refused`.
    """
    return learner_links.unlink_learner(str(learner.pk), by=primary_key_of(by))


def names_of(records: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """The names in PICSWeb of records given by kind and primary key. One query for each kind; none if unmapped."""
    pks: dict[str, list[str]] = {}
    for kind, pk in records:
        pks.setdefault(kind, []).append(pk)
    return {(kind, pk): name for kind in pks for pk, name in host.names(kind, pks[kind]).items()}


def reviews_wait(learner: Model) -> bool:
    """Whether the learner's reviews go neither way until a person has paired them. One query."""
    return learner_links.reviews_wait(str(learner.pk), getattr(learner, "onefile_id", None))


def waiting_links() -> list[RecordLink]:
    """The links of the learners whose reviews wait for an answer that is not being saved. Raises :class:`Refused`."""
    return waiting_reviews.waiting_links()


def review_questions(links: Sequence[RecordLink]) -> list[ReviewsQuestion]:
    """Both sides' reviews of the learners with these links, in their order. A few queries, and no call to OneFile."""
    return waiting_reviews.questions(links)


def answer_reviews(
    decisions: Mapping[int, ReviewsDecision], *, by: User | None = None, queued: bool = True
) -> SyncRun | None:
    """Queue a run that saves which reviews are the same, by the primary keys of the learners' links.

    OneFile's reviews are read once more before each is saved. ``None`` if none is asked any more. Raises
    :class:`Refused`.
    """
    return waiting_reviews.answer(decisions, by=primary_key_of(by), queued=queued)


def runs_saving_reviews() -> list[SyncRun]:
    """The open runs that save answers about reviews."""
    return waiting_reviews.runs_saving()


def refusal_of_answer(question: ReviewsQuestion | WaitingReviews) -> str:
    """Why an answer was not saved, in the active language; ``""`` if none was refused."""
    if not question.refusal:
        return ""
    text = explain(question.refusal).text % defaultdict(str)
    return f"{text} {remedy_by_hand(question.refusal)}"


def answers_not_saved(run: SyncRun) -> list[tuple[str, str]]:
    """The learners of a run whose answers were not saved, by primary key, each with the reason."""
    refused = run.reviews_to_pair.filter(state=AnswerState.REFUSED).select_related("link").order_by("pk")
    return [(each.link.subject_pk, refusal_of_answer(each)) for each in refused]


def link_refusal(code: str, **details: str | int) -> str:
    """The text of a refused link, in the active language."""
    return explain(code).refusal % details


def match(
    kinds: Sequence[str], centres: Sequence[int] = (), *, by: User | None = None, queued: bool = True
) -> SyncRun:
    """Queue a run that finds which OneFile records these kinds may be, in these centres (none: all).

    Nothing is linked. While OneFile's lists are being read, another call returns that run. Raises :class:`Refused`.
    """
    return match_run.start(kinds, centres, by=primary_key_of(by), queued=queued)


def link_ticked(
    suggestion_pks: Sequence[int], *, singly: bool = False, by: User | None = None, queued: bool = True
) -> SyncRun | None:
    """Queue a run that links pairs that a match found, each checked anew; ``None`` if all were decided already.

    Only certain and strong pairs, unless ``singly``: a person has looked at the pair. Raises :class:`Refused`.
    """
    return confirmed_matches.link_ticked(suggestion_pks, singly=singly, by=primary_key_of(by), queued=queued)


def not_same(suggestion: MatchSuggestion, *, by: User | None = None) -> bool:
    """Remember that a pair is not the same; it is never suggested again. Returns false if it is decided already."""
    confirmed_matches.take_back()
    return suggestions.not_same(suggestion, primary_key_of(by))


def primary_key_of(by: User | None) -> Any:
    """The primary key of the user, of whatever type; ``None`` without a user or for an anonymous one."""
    return by.pk if by is not None and by.is_authenticated else None
