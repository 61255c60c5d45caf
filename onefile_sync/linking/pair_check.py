"""Reads both records of one suggestion, so that a person sees their values side by side. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable

from django.views.decorators.debug import sensitive_variables

from onefile_sync import host
from onefile_sync.models import LIST_OF, MatchSuggestion, OneFileSettings, SubjectKind
from onefile_sync.sync.eligibility import refuse_another_onefile
from onefile_sync.sync.short_calls import onefile_at_once, trouble_told

from . import directory, identity
from .comparison import Agreement, ComparedValue, compare
from .linker import LinkRefused
from .tenants import present_tenant


@sensitive_variables()
def look_at_pair(suggestion: MatchSuggestion) -> tuple[ComparedValue, ...]:
    """The values of both sides: one call to OneFile, none for an organisation, whose placement's name is kept.

    Raises :class:`~.linker.LinkRefused` if one of the two is gone, or the pair was found in another OneFile than the
    one in use, where the same ID is somebody else; and :class:`~onefile_sync.sync.eligibility.Refused` if OneFile
    cannot be read.
    """
    refuse_another_onefile()
    settings = OneFileSettings.load()
    with trouble_told():
        is_here = present_tenant(settings).pk == suggestion.tenant_id
    if not is_here:
        raise LinkRefused("link_elsewhere")
    if suggestion.subject_kind == SubjectKind.ORGANISATION:
        return _organisation(suggestion)
    is_learner = suggestion.subject_kind == SubjectKind.LEARNER
    rows = host.read_people("learner" if is_learner else "officer", [suggestion.subject_pk])
    if not rows:
        raise LinkRefused("link_row_gone")
    with onefile_at_once(settings) as onefile:
        theirs = onefile.person(suggestion.onefile_id)
    return compare(rows[0], theirs).values


def _organisation(suggestion: MatchSuggestion) -> tuple[ComparedValue, ...]:
    row = next(host.organisations([suggestion.subject_pk]), None)
    if row is None:
        raise LinkRefused("link_row_gone")
    kept = directory.entries(suggestion.tenant, LIST_OF[SubjectKind.ORGANISATION])
    entry = kept.filter(onefile_id=suggestion.onefile_id).first()
    if entry is None:
        raise LinkRefused("match_not_listed")
    return (
        _value("name", row.name, entry.name, identity.organisation_name),
        _value("ident", row.ident, entry.mis_value, identity.mis_value),
    )


def _value(name: str, ours: str, theirs: str, normalise: Callable[[str], str]) -> ComparedValue:
    if not ours or not theirs:
        return ComparedValue(name, ours, theirs, Agreement.BLANK)
    agree = normalise(ours) == normalise(theirs)
    return ComparedValue(name, ours, theirs, Agreement.AGREES if agree else Agreement.DIFFERS)
