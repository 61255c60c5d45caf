"""Links rows of PICSWeb to records of OneFile and unlinks them; each link is put on record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, transaction
from django.utils import timezone

from onefile_sync import events, host
from onefile_sync.messages.catalogue import explain
from onefile_sync.models import LinkEnding, LinkMethod, OneFileSettings, RecordLink, Tenant
from onefile_sync.transactions import retried


class LinkRefused(Exception):
    """A row was not linked or unlinked, and nothing was written. ``code`` is a row of the catalogue of messages."""

    def __init__(self, code: str, **details: str | int) -> None:
        super().__init__(code)
        self.code = code
        self.details = details

    @property
    def reason(self) -> str:
        """The reason and what to do about it, in the active language."""
        return explain(self.code).refusal % self.details


def link(
    kind: str,
    pk: str,
    onefile_id: int,
    *,
    tenant: Tenant,
    how: LinkMethod,
    centre_id: int = 0,
    evidence: Sequence[str] = (),
    by: Any = None,
    parent: RecordLink | None = None,
    reviews_pending: bool = False,
) -> RecordLink:
    """Write a OneFile ID into a row that has none, and record the link. ``by`` is the user's primary key.

    ``kind`` is a :class:`~onefile_sync.models.SubjectKind`. A learner's centre is written as well, if it is given.
    Raises :class:`LinkRefused`: ``link_taken`` if another row has this OneFile ID, ``link_exists`` if the row has
    another one, ``link_row_gone`` if it was deleted, ``link_not_taken`` if PICSWeb refuses the value.
    """
    record_use(tenant)
    try:
        made = _write(
            kind, pk, onefile_id, tenant, how, centre_id, list(evidence), by, parent, reviews_pending
        )
    except IntegrityError:  # another person linked the row or the record at the same moment
        raise LinkRefused("link_taken", onefile_id=onefile_id) from None
    events.info("linked", kind=kind, row=pk, onefile_id=onefile_id, how=how)
    return made


def unlink(
    kind: str,
    pk: str,
    *,
    tenant: Tenant,
    ending: LinkEnding = LinkEnding.UNLINKED,
    by: Any = None,
    parent: RecordLink | None = None,
) -> RecordLink | None:
    """Clear a row's OneFile ID and end its link, which keeps what is needed to restore it.

    Returns the ended link, or ``None`` if the row had no OneFile ID. OneFile is not touched. A link is recorded even
    for an ID that was typed into the row. Raises :class:`LinkRefused`.
    """
    record_use(tenant)
    ended = _clear(kind, pk, tenant, ending, by, parent)
    if ended is not None:
        events.info("unlinked", kind=kind, row=pk, onefile_id=ended.onefile_id, ending=ending)
    return ended


def open_links(tenant: Tenant, kind: str, pks: Sequence[str]) -> list[RecordLink]:
    """The links in force of these rows. Two queries.

    A link that the row contradicts, as somebody entered another OneFile ID, is left out.
    """
    found = RecordLink.objects.filter(
        tenant=tenant, subject_kind=kind, subject_pk__in=pks, ended_at=None
    ).order_by("pk")
    held = host.onefile_ids(kind, pks)
    of_other_centres = LinkMethod.MIS_VALUE
    return [
        each for each in found if held.get(each.subject_pk) == each.onefile_id or each.how == of_other_centres
    ]


@retried
def record_use(tenant: Tenant) -> None:
    """Note that links are recorded from now on, and whose IDs PICSWeb's rows hold, before the first link is written."""
    settings = OneFileSettings.load()
    if not settings.links_recorded or settings.linked_tenant_id is None:
        settings.links_recorded = True
        settings.linked_tenant = settings.linked_tenant or tenant
        settings.save()


@retried
@transaction.atomic
def _write(
    kind: str,
    pk: str,
    onefile_id: int,
    tenant: Tenant,
    how: LinkMethod,
    centre_id: int,
    evidence: list[str],
    by: Any,
    parent: RecordLink | None,
    reviews_pending: bool,
) -> RecordLink:
    held = host.onefile_ids(kind, [pk])
    if pk not in held:
        raise LinkRefused("link_row_gone")
    if held[pk] not in (None, onefile_id):
        raise LinkRefused("link_exists", onefile_id=held[pk] or 0)
    _end_outdated(tenant, kind, pk, onefile_id)
    # Before PICSWeb's row is written: the unique constraint makes a second worker wait here, and fail.
    made = RecordLink.objects.create(
        tenant=tenant,
        subject_kind=kind,
        subject_type=_content_type(kind),
        subject_pk=pk,
        centre_id=centre_id,
        onefile_id=onefile_id,
        how=how,
        evidence=evidence,
        parent=parent,
        reviews_pending=reviews_pending,
        linked_by_id=by,
    )
    others = [
        other for other in host.pks_with_onefile_id(kind, [onefile_id]).get(onefile_id, []) if other != pk
    ]
    if others:
        raise LinkRefused("link_taken", onefile_id=onefile_id)
    if held[pk] is None and not _save(kind, pk, None, onefile_id):
        raise LinkRefused("link_exists", onefile_id=onefile_id)
    return made


@retried
@transaction.atomic
def _clear(
    kind: str, pk: str, tenant: Tenant, ending: LinkEnding, by: Any, parent: RecordLink | None
) -> RecordLink | None:
    onefile_id = host.onefile_ids(kind, [pk]).get(pk)
    if onefile_id is None:
        return None
    _end_outdated(tenant, kind, pk, onefile_id)
    mine = RecordLink.objects.filter(tenant=tenant, subject_kind=kind, subject_pk=pk, ended_at=None)
    kept = mine.filter(onefile_id=onefile_id).first() or RecordLink(
        tenant=tenant,
        subject_kind=kind,
        subject_type=_content_type(kind),
        subject_pk=pk,
        onefile_id=onefile_id,
        how=LinkMethod.UNRECORDED,
        linked_at=timezone.now(),
    )
    kept.ended_at, kept.ending, kept.ended_by_id = timezone.now(), ending, by
    kept.parent = parent or kept.parent
    kept.save()
    mine.update(ended_at=timezone.now(), ending=ending, ended_by_id=by)
    if not _save(kind, pk, onefile_id, None):
        raise LinkRefused("link_changed")
    return kept


def _save(kind: str, pk: str, old: int | None, new: int | None) -> bool:
    """Whether PICSWeb took the OneFile ID; false if somebody changed it meanwhile."""
    try:
        return host.save_fields(kind, pk, {"onefile_id": old}, {"onefile_id": new}) is not None
    except host.Rejected:
        raise LinkRefused("link_not_taken") from None


def _end_outdated(tenant: Tenant, kind: str, pk: str, onefile_id: int) -> None:
    """End links that PICSWeb's rows contradict, as another OneFile ID was typed into them."""
    claiming = RecordLink.objects.filter(tenant=tenant, subject_kind=kind, ended_at=None).exclude(
        how=LinkMethod.MIS_VALUE
    )
    for each in [
        *claiming.filter(onefile_id=onefile_id).exclude(subject_pk=pk),
        *claiming.filter(subject_pk=pk),
    ]:
        if host.onefile_ids(kind, [each.subject_pk]).get(each.subject_pk) != each.onefile_id:
            RecordLink.objects.filter(pk=each.pk).update(ended_at=timezone.now(), ending=LinkEnding.REPLACED)


def _content_type(kind: str) -> ContentType:
    return ContentType.objects.get_for_model(host.model_of(kind))
