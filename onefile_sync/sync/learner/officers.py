"""Which officers of PICSWeb are which users of OneFile, for the learners to be planned.

Where the customer has one centre, the OneFile ID on an officer's record says it. Where there are several, an officer
has a user in each (R15): links say which, or else the MIS Value, which is the officer's Ident.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from onefile_sync import host
from onefile_sync.host.snapshot import LearnerRow, Officers
from onefile_sync.idents import ident_key
from onefile_sync.models import (
    AssessorName,
    DirectoryEntry,
    DirectoryKind,
    MatchBy,
    OneFileSettings,
    RecordLink,
    SubjectKind,
)
from onefile_sync.onefile.client import OneFile
from onefile_sync.sync.connection import assessors
from onefile_sync.sync.planning.types import OneFileSide, assessors_of

Sides = Sequence[tuple[LearnerRow, OneFileSide]]


def has_several_centres(settings: OneFileSettings) -> bool:
    """Whether the customer had more than one centre when they were last listed."""
    tenant = settings.linked_tenant
    return tenant is not None and (tenant.centres or 0) > 1


def is_by_mis_value(settings: OneFileSettings) -> bool:
    """Whether officers and organisations are known by MIS Value (R15, R16)."""
    if settings.match_by == MatchBy.AUTOMATIC:
        return has_several_centres(settings)
    return settings.match_by == MatchBy.MIS_VALUE


def read_officers(sides: Sides, settings: OneFileSettings, onefile: OneFile | None = None) -> Officers:
    """The officers whom these learners' plans may need.

    Two or three queries for one centre; with several, seven more, and with a client a call for each assessor of whom
    nothing was read lately. Raises as :func:`~onefile_sync.sync.connection.assessors.learn_names` does.
    """
    users = {user for row, side in sides for user in assessors_of(row, side)}
    named = {review.officer for row, _side in sides for review in row.reviews if review.officer is not None}
    if not has_several_centres(settings):
        return host.read_officers(users, also=named)
    main = {row.main_officer for row, _side in sides if row.main_officer is not None}
    links = _links(settings, named | main, users)
    officers = host.read_officers(users, also=named | {each.subject_pk for each in links})
    if onefile is not None:
        assessors.learn_names(onefile, users, assessors.A_DAY)
    stored = assessors.known(users)
    by_user = dict(officers.by_onefile_id)
    for each in links:
        if each.onefile_id not in officers.ambiguous:
            by_user.setdefault(each.onefile_id, each.subject_pk)
    unknown = users - by_user.keys() - officers.ambiguous
    by_value = _by_mis_value(settings, stored, unknown) if is_by_mis_value(settings) else {}
    centres = {user: row.centre_id for user, row in stored.items() if row.centre_id}
    centres |= _listed_centres(settings, users)
    # In this order: a OneFile ID on the officer's record counts more than a MIS Value, and a link more than both.
    of_officers = {
        (pk, centres[user]): user
        for known in (by_value, by_user)
        for user, pk in known.items()
        if user in centres
    }
    by_user |= by_value
    of_officers |= {(each.subject_pk, each.centre_id): each.onefile_id for each in links if each.centre_id}
    shown = host.read_officers((), also=set(by_user.values()) - officers.names.keys())
    return replace(
        officers,
        by_onefile_id=by_user,
        names={**officers.names, **shown.names},
        several_centres=True,
        users=of_officers,
        centres=centres,
    )


def _links(settings: OneFileSettings, pks: Iterable[str], users: Iterable[int]) -> list[RecordLink]:
    """The links in force of these officers, and to these users."""
    if not settings.links_recorded:
        return []
    of_officers = RecordLink.objects.filter(
        tenant=settings.linked_tenant, subject_kind=SubjectKind.OFFICER, ended_at=None
    )
    found = of_officers.filter(subject_pk__in=list(pks)) | of_officers.filter(onefile_id__in=list(users))
    links = list(found.order_by("pk"))
    in_rows = host.onefile_ids("officer", {each.subject_pk for each in links})
    # Somebody may have entered another OneFile ID on the record since.
    return [each for each in links if not each.in_row or in_rows.get(each.subject_pk) == each.onefile_id]


def _by_mis_value(
    settings: OneFileSettings, stored: Mapping[int, AssessorName], users: Iterable[int]
) -> dict[int, str]:
    """The officers whose Ident is the MIS Value of these users.

    Nobody where two officers have it, or two users of a centre, archived ones included, as far as they are known.
    """
    values = {
        user: value for user in users if user in stored and (value := ident_key(stored[user].mis_value))
    }
    officers = host.officers_by_ident() if values else {}
    found = {user: officers[value] for user, value in values.items() if len(officers.get(value, ())) == 1}
    if not found:
        return {}
    holders: defaultdict[tuple[int, str], set[int]] = defaultdict(set)
    for row in stored.values():
        holders[row.centre_id or 0, ident_key(row.mis_value)].add(row.onefile_id)
    listed = DirectoryEntry.objects.filter(
        tenant=settings.linked_tenant, kind=DirectoryKind.ASSESSOR, gone_at=None
    ).exclude(mis_value="")
    for centre_id, onefile_id, value in listed.values_list("centre_id", "onefile_id", "mis_value"):
        holders[centre_id, ident_key(value)].add(onefile_id)
    return {
        user: pks[0]
        for user, pks in found.items()
        if len(holders[stored[user].centre_id or 0, values[user]]) == 1
    }


def _listed_centres(settings: OneFileSettings, users: Iterable[int]) -> dict[int, int]:
    """The centres of the lists in which these users stand."""
    listed = DirectoryEntry.objects.filter(
        tenant=settings.linked_tenant, kind=DirectoryKind.ASSESSOR, onefile_id__in=list(users), gone_at=None
    ).exclude(centre_id=0)
    return dict(listed.values_list("onefile_id", "centre_id"))
