"""Links the pairs of *Match with OneFile* that a person ticked. Each is looked at once more, right before it is linked.

A pair is linked or still queued, whatever happens to the worker: the link and what goes with it are one transaction,
and a pair that is found linked already counts as linked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Literal

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from onefile_sync import host
from onefile_sync.conf import deployment
from onefile_sync.host.snapshot import PersonRow
from onefile_sync.models import (
    LIST_OF,
    DirectoryList,
    LinkMethod,
    MatchSuggestion,
    OutcomeState,
    RecordLink,
    RunKind,
    RunState,
    SubjectKind,
    SuggestionState,
    SyncRun,
    Tenant,
)
from onefile_sync.onefile.client import OneFile
from onefile_sync.onefile.records import Person
from onefile_sync.sync.eligibility import ENVIRONMENT_CHANGED, check_setup, refuse_another_onefile
from onefile_sync.sync.learner.fetch import ROLE_LEARNER
from onefile_sync.sync.runs import leases, lifecycle, queue
from onefile_sync.transactions import retried

from . import candidates, decided_rows, directory, learner_check, learner_links, linker
from .directory_entries import digests_of
from .linker import LinkRefused
from .matching import Confidence, Identity, Pair, match_learners, match_officers, match_organisations
from .tenants import present_tenant

#: The confidences of pairs that may be ticked together. Any other pair has to be opened.
TICKABLE: Final = (Confidence.CERTAIN.value, Confidence.STRONG.value)
_BATCH: Final = 500
#: Pairs whose run ended, by a person or a failure, before it linked them.
LEFT_BEHIND: Final = Q(state=SuggestionState.QUEUED) & (
    Q(linking_run=None) | Q(linking_run__state=RunState.FINISHED)
)
#: Pairs that nobody has decided about, or whose run ended before it linked them. :func:`take_back` tidies up.
UNDECIDED: Final = Q(state__in=(SuggestionState.OPEN, SuggestionState.REFUSED)) | LEFT_BEHIND


def link_ticked(
    pks: Iterable[int], *, singly: bool = False, by: Any = None, queued: bool = True
) -> SyncRun | None:
    """Queue a run that links these suggestions; ``None`` if all of them have been decided about already.

    ``singly``: a person has looked at the pair, so that it may be of any confidence. Raises
    :class:`~onefile_sync.sync.eligibility.Refused`.
    """
    check_setup()
    refuse_another_onefile()
    tenant = present_tenant()
    take_back()
    run = _open(list(pks), tenant, singly, by)
    if run is not None and queued:
        queue.enqueue(run)
    return run


@retried
def take_back() -> None:
    """Make pairs undecided again whose run ended before it linked them."""
    left = MatchSuggestion.objects.filter(LEFT_BEHIND).values_list("pk", flat=True)
    MatchSuggestion.objects.filter(pk__in=list(left), state=SuggestionState.QUEUED).update(
        state=SuggestionState.OPEN, linking_run=None, decided_at=None, decided_by=None, **leases.FREE
    )


@retried
@transaction.atomic
def _open(pks: list[int], tenant: Tenant, singly: bool, by: Any) -> SyncRun | None:
    chosen: list[tuple[int, str]] = []
    for first in range(0, len(pks), _BATCH):
        some = MatchSuggestion.objects.select_for_update().filter(
            pk__in=pks[first : first + _BATCH],
            tenant=tenant,
            state__in=(SuggestionState.OPEN, SuggestionState.REFUSED),
        )
        chosen += (some if singly else some.filter(level__in=TICKABLE)).values_list("pk", "subject_kind")
    if not chosen:
        return None
    run, _created = lifecycle.open_run(RunKind.LINKING, [], by=by)
    calls = {SubjectKind.LEARNER: 3, SubjectKind.OFFICER: 1}
    SyncRun.objects.filter(pk=run.pk).update(
        options={"tenant": tenant.pk},
        expected_calls=sum(calls.get(SubjectKind(kind), 0) for _pk, kind in chosen),
    )
    for first in range(0, len(chosen), _BATCH):
        MatchSuggestion.objects.filter(pk__in=[pk for pk, _kind in chosen[first : first + _BATCH]]).update(
            state=SuggestionState.QUEUED,
            linking_run=run,
            refusal="",
            decided_at=timezone.now(),
            decided_by_id=by,
            **leases.FREE,
        )
    run.refresh_from_db()
    return run


def step(run: SyncRun, onefile: OneFile, _time_is_up: Callable[[], bool]) -> bool:
    """Link the next pair of a run. Returns false if other workers have the rest. Raises as reading a list does."""
    tenant = present_tenant()
    if run.options.get("tenant") != tenant.pk:
        lifecycle.give_up(run, OutcomeState.FAILED, ENVIRONMENT_CHANGED.code)
        return True
    left = run.suggestions_to_link.filter(state=SuggestionState.QUEUED)
    return decided_rows.deal_with_next(
        run,
        onefile,
        left,
        lambda suggestion: _link(suggestion, tenant, onefile),
        done=SuggestionState.LINKED,
        refused=SuggestionState.REFUSED,
    )


def _link(suggestion: MatchSuggestion, tenant: Tenant, onefile: OneFile) -> None:
    kind, pk, onefile_id = suggestion.subject_kind, suggestion.subject_pk, suggestion.onefile_id
    held = host.onefile_ids(kind, [pk])
    if pk not in held:
        raise LinkRefused("link_row_gone")
    if held[pk] == onefile_id:
        return  # linked by an earlier attempt, or by somebody else meanwhile
    if kind == SubjectKind.LEARNER:
        _link_learner(suggestion, tenant, onefile, held[pk])
        return
    _refuse_second_in_centre(suggestion, tenant, held[pk])
    pair = (
        _officer_pair(suggestion, onefile)
        if kind == SubjectKind.OFFICER
        else _organisation_pair(suggestion, tenant)
    )
    linker.link(
        kind,
        pk,
        onefile_id,
        tenant=tenant,
        how=LinkMethod.MATCHED,
        centre_id=suggestion.centre_id,
        evidence=_evidence(suggestion, pair),
        by=suggestion.decided_by_id,
        in_row=held[pk] is None,
    )


def _link_learner(suggestion: MatchSuggestion, tenant: Tenant, onefile: OneFile, held: int | None) -> None:
    if held is not None:
        raise LinkRefused("match_linked_meanwhile")
    ours = _person_row("learner", suggestion.subject_pk)
    theirs = onefile.person(suggestion.onefile_id)
    if theirs.role not in (None, ROLE_LEARNER) and not theirs.archived:
        raise LinkRefused("link_not_a_learner", onefile_id=theirs.id)
    _refuse_other_centre(suggestion, theirs)
    pairs = match_learners([candidates.person_of_row(ours)], [_identity(theirs, with_email=False)])
    evidence = _evidence(suggestion, next(iter(pairs), None))
    seen = learner_check.check_with_history(onefile, tenant, ours, theirs)
    learner_links.link_matched(seen, tenant, evidence, by=suggestion.decided_by_id)


def _officer_pair(suggestion: MatchSuggestion, onefile: OneFile) -> Pair | None:
    ours = _person_row("officer", suggestion.subject_pk)
    theirs = onefile.person(suggestion.onefile_id)
    if theirs.role is not None and theirs.role not in deployment.assessor_roles:
        raise LinkRefused("match_other_role")
    _refuse_other_centre(suggestion, theirs)
    pairs = match_officers([candidates.person_of_row(ours)], [_identity(theirs, with_email=True)])
    return next(iter(pairs), None)


def _organisation_pair(suggestion: MatchSuggestion, tenant: Tenant) -> Pair | None:
    """OneFile is not asked about single placements: the list must be of today."""
    entry = (
        directory.entries(tenant, LIST_OF[SubjectKind.ORGANISATION])
        .filter(onefile_id=suggestion.onefile_id, centre_id=suggestion.centre_id)
        .first()
    )
    lists = DirectoryList.objects.filter(
        tenant=tenant, kind=LIST_OF[SubjectKind.ORGANISATION], centre_id=suggestion.centre_id
    )
    row = next(host.organisations([suggestion.subject_pk]), None)
    if row is None:
        raise LinkRefused("link_row_gone")
    if entry is None or not any(directory.is_fresh(each) for each in lists):
        raise LinkRefused("match_not_listed")
    ours = candidates.organisation_of(row.pk, row.ident, row.name)
    theirs = candidates.organisation_of(str(entry.onefile_id), entry.mis_value, entry.name)
    return next(iter(match_organisations([ours], [theirs])), None)


def _person_row(kind: Literal["learner", "officer"], pk: str) -> PersonRow:
    rows = host.read_people(kind, [pk])
    if not rows:
        raise LinkRefused("link_row_gone")
    return rows[0]


def _identity(person: Person, *, with_email: bool) -> Identity:
    """A record of OneFile as the matching saw it. ``with_email``: e-mails are compared in clear."""
    return candidates.person_of_values(
        str(person.id),
        digests_of(person),
        mis=person.mis_value,
        email=person.email if with_email else "",
        first=person.first_name,
        surname=person.last_name,
    )


def _refuse_other_centre(suggestion: MatchSuggestion, theirs: Person) -> None:
    if theirs.centre_id not in (None, suggestion.centre_id) and suggestion.centre_id:
        raise LinkRefused("match_other_role")


def _refuse_second_in_centre(suggestion: MatchSuggestion, tenant: Tenant, held: int | None) -> None:
    """Officers and organisations have one record in each centre, the one in the row among them."""
    there = RecordLink.objects.filter(
        tenant=tenant,
        subject_kind=suggestion.subject_kind,
        subject_pk=suggestion.subject_pk,
        ended_at=None,
    )
    elsewhere = there.exclude(centre_id__in=(0, suggestion.centre_id)).values_list("onefile_id", flat=True)
    in_centre = there.filter(centre_id=suggestion.centre_id).exclude(onefile_id=suggestion.onefile_id).first()
    if in_centre is not None:
        raise LinkRefused("match_linked_meanwhile")
    if held is None or held in elsewhere:
        return
    kind = LIST_OF[suggestion.subject_kind]
    known = directory.entries(tenant, kind).filter(onefile_id=held).exclude(centre_id=suggestion.centre_id)
    if not known.exists():
        raise LinkRefused("match_linked_meanwhile")


def _evidence(suggestion: MatchSuggestion, pair: Pair | None) -> list[str]:
    """The evidence now. Raises :class:`~.linker.LinkRefused` if the two agree less than when they were matched."""
    then = {code for code in suggestion.evidence if not code.startswith("~")}
    agrees = (
        pair is not None
        and then <= set(pair.evidence)
        and set(pair.contradictions) <= set(suggestion.contradictions)
        and pair.best.rank <= Confidence(suggestion.best).rank
    )
    if pair is None or not agrees:
        raise LinkRefused("match_changed")
    return candidates.codes_of(pair)
