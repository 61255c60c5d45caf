"""Links rows of PICSWeb to records of OneFile and unlinks them; each link is put on record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypedDict

from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, router, transaction
from django.db.models import Q, QuerySet
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
    in_row: bool = True,
) -> RecordLink:
    """Write a OneFile ID into a row that has none, and record the link. ``by`` is the user's primary key.

    ``kind`` is a :class:`~onefile_sync.models.SubjectKind`. A learner's centre is written as well, if it is given.
    A row that has this OneFile ID already keeps the link it has; an ID that was typed gets one. ``in_row=False`` is for
    the user that an officer has in a further centre: it is put on record instead of an earlier one, and the row stays.

    Raises :class:`LinkRefused`: ``link_taken`` if another row has this OneFile ID, ``link_exists`` if the row has
    another one, ``link_row_gone`` if it was deleted, ``link_changed`` if somebody changed it meanwhile,
    ``link_not_taken`` if PICSWeb refuses the value, ``link_elsewhere`` if PICSWeb's IDs are those of another tenant.
    """
    record_use(tenant)
    values = _Values(
        centre_id=centre_id,
        how=how,
        evidence=list(evidence),
        parent=parent,
        reviews_pending=reviews_pending,
        linked_by_id=by,
        in_row=in_row,
    )
    try:
        made, is_new = _write(kind, pk, onefile_id, tenant, values)
    except IntegrityError:  # another person linked the row or the record at the same moment
        if _is_claimed(tenant, kind, pk, onefile_id):
            raise LinkRefused("link_taken", onefile_id=onefile_id) from None
        raise LinkRefused("link_changed") from None
    if is_new:
        _on_commit(lambda: events.info("linked", kind=kind, row=pk, onefile_id=onefile_id, how=how))
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
    """Clear a row's OneFile ID, and a learner's centre, and end its link, which keeps what is needed to restore it.

    Returns the ended link, or ``None`` if the row had no OneFile ID. OneFile is not touched. A link is recorded even
    for an ID that was typed into the row. Raises :class:`LinkRefused`.
    """
    record_use(tenant)
    ended = _clear(kind, pk, tenant, ending, by, parent)
    if ended is not None:
        known_as = ended.onefile_id
        _on_commit(lambda: events.info("unlinked", kind=kind, row=pk, onefile_id=known_as, ending=ending))
    return ended


@retried
@transaction.atomic
def end_further(made: RecordLink, *, ending: LinkEnding = LinkEnding.UNLINKED, by: Any = None) -> bool:
    """End a link that is on record only, such as an officer's in a further centre. PICSWeb's row stays as it is.

    Returns false if it had ended already. OneFile is not touched.
    """
    still_open = RecordLink.objects.filter(pk=made.pk, in_row=False, ended_at=None)
    ended = still_open.update(ended_at=timezone.now(), ending=ending, ended_by_id=by)
    if ended:
        kind, pk, known_as = made.subject_kind, made.subject_pk, made.onefile_id
        _on_commit(lambda: events.info("unlinked", kind=kind, row=pk, onefile_id=known_as, ending=ending))
    return bool(ended)


def note_put_away(kind: str, rows: Iterable[tuple[str, int, int | None]], tenant: Tenant) -> None:
    """Put the links of these rows away with their OneFile. A link is recorded even for an ID that was typed.

    ``rows`` are those of :func:`onefile_sync.host.rows_with_onefile_id`. Calling it again changes nothing. The caller
    must hold a lock against others who do the same.
    """
    held = host.onefile_ids(kind, [pk for pk, _onefile_id, _centre_id in rows])
    wanted = {pk: (onefile_id, centre or 0) for pk, onefile_id, centre in rows if held.get(pk) == onefile_id}
    found = RecordLink.objects.filter(
        Q(ended_at=None) | Q(ending=LinkEnding.PUT_AWAY),
        tenant=tenant,
        subject_kind=kind,
        subject_pk__in=wanted,
        in_row=True,
    )
    recorded = {each.subject_pk: each for each in found if wanted[each.subject_pk][0] == each.onefile_id}
    put_away = {"ended_at": timezone.now(), "ending": LinkEnding.PUT_AWAY}
    RecordLink.objects.filter(pk__in=[each.pk for each in recorded.values()]).update(**put_away)
    superseded = [each.pk for each in found if each.pk not in {kept.pk for kept in recorded.values()}]
    _end(RecordLink.objects.filter(pk__in=superseded))
    RecordLink.objects.bulk_create(
        RecordLink(
            tenant=tenant,
            subject_kind=kind,
            subject_type=_content_type(kind),
            subject_pk=pk,
            centre_id=centre_id,
            onefile_id=onefile_id,
            how=LinkMethod.UNRECORDED,
            **put_away,
        )
        for pk, (onefile_id, centre_id) in wanted.items()
        if pk not in recorded
    )
    for each in recorded.values():
        if wanted[each.subject_pk][1] not in (0, each.centre_id):
            RecordLink.objects.filter(pk=each.pk).update(centre_id=wanted[each.subject_pk][1])


def clear_put_away(kind: str, rows: Iterable[tuple[str, int, int | None]]) -> None:
    """Clear the OneFile IDs of these rows, whose links are put away. A row that PICSWeb does not save keeps its ID."""
    for pk, onefile_id, _centre_id in rows:
        held = host.link_values(kind, pk)
        if held is None or held["onefile_id"] != onefile_id:
            continue
        try:
            host.save_fields(kind, pk, held, dict.fromkeys(held))
        except host.Rejected:
            events.warning("link_not_put_away", kind=kind, row=pk, onefile_id=onefile_id)


def end_all(tenant: Tenant) -> None:
    """End the links that no row holds, as its OneFile is left: those of further centres are put away."""
    still_open = RecordLink.objects.filter(tenant=tenant, ended_at=None)
    still_open.filter(in_row=False).update(ended_at=timezone.now(), ending=LinkEnding.PUT_AWAY)
    _end(still_open)


def bring_back(link: RecordLink) -> bool:
    """Reopen a link that was put away, and write its OneFile ID and centre into the row again.

    False if the row was deleted or has another OneFile ID, another row has this one, or PICSWeb refuses it.
    """
    kind, pk = link.subject_kind, link.subject_pk
    held = host.link_values(kind, pk)
    if held is None:
        return False
    wanted: dict[str, int | None] = {"onefile_id": link.onefile_id}
    if "centre_id" in held and link.centre_id:
        wanted["centre_id"] = link.centre_id
    if link.in_row:
        holders = host.pks_with_onefile_id(kind, [link.onefile_id]).get(link.onefile_id, [])
        if held["onefile_id"] not in (None, link.onefile_id) or any(holder != pk for holder in holders):
            return False
    try:
        with host.kept_together():
            mine = RecordLink.objects.filter(pk=link.pk, ending=LinkEnding.PUT_AWAY)
            mine.update(ended_at=None, ending="", ended_by=None)
            if link.in_row and any(held[name] != value for name, value in wanted.items()):
                _save(kind, pk, held, wanted)
    except (IntegrityError, LinkRefused):
        return False
    return True


def open_links(tenant: Tenant, kind: str, pks: Sequence[str]) -> list[RecordLink]:
    """The links in force of these rows. Two queries.

    A link that the row contradicts, as somebody entered another OneFile ID, is left out.
    """
    found = RecordLink.objects.filter(
        tenant=tenant, subject_kind=kind, subject_pk__in=pks, ended_at=None
    ).order_by("pk")
    held = host.onefile_ids(kind, pks)
    return [each for each in found if not each.in_row or held.get(each.subject_pk) == each.onefile_id]


@retried
def record_use(tenant: Tenant) -> None:
    """Note that links are recorded from now on, and whose IDs PICSWeb's rows hold, before the first link is written.

    Raises :class:`LinkRefused` if the IDs are those of another tenant.
    """
    settings = OneFileSettings.load()
    if settings.linked_tenant_id not in (None, tenant.pk):
        raise LinkRefused("link_elsewhere")
    if settings.links_recorded and settings.linked_tenant_id is not None:
        return
    # Not by saving the settings as read: somebody may be changing them at the moment.
    OneFileSettings.objects.get_or_create(pk=1)
    OneFileSettings.objects.filter(pk=1, linked_tenant=None).update(linked_tenant=tenant)
    OneFileSettings.objects.filter(pk=1).update(links_recorded=True)


class _Values(TypedDict):
    """The columns of a new link that its maker decides."""

    centre_id: int
    how: LinkMethod
    evidence: list[str]
    parent: RecordLink | None
    reviews_pending: bool
    linked_by_id: Any
    in_row: bool


@retried
@host.kept_together()
def _write(kind: str, pk: str, onefile_id: int, tenant: Tenant, values: _Values) -> tuple[RecordLink, bool]:
    """The link, and whether it is new."""
    _hold(tenant)
    held = host.link_values(kind, pk)
    if held is None:
        raise LinkRefused("link_row_gone")
    if values["in_row"] and held["onefile_id"] not in (None, onefile_id):
        raise LinkRefused("link_exists", onefile_id=held["onefile_id"] or 0)
    _end_outdated(tenant, kind, pk, onefile_id)
    if (known := _recorded(tenant, kind, pk, onefile_id)) is not None:
        return known, False
    if _is_claimed(tenant, kind, pk, onefile_id):
        raise LinkRefused("link_taken", onefile_id=onefile_id)
    in_its_place = Q(centre_id=values["centre_id"]) | Q(onefile_id=onefile_id)
    _end(_open(tenant, kind).filter(in_its_place, subject_pk=pk, in_row=False))
    if values["in_row"]:
        _supersede(tenant, kind, pk)
    # Before PICSWeb's row is written: the unique constraint makes a second worker wait here, and fail.
    made = RecordLink.objects.create(
        tenant=tenant,
        subject_kind=kind,
        subject_type=_content_type(kind),
        subject_pk=pk,
        onefile_id=onefile_id,
        **values,
    )
    holders = host.pks_with_onefile_id(kind, [onefile_id]).get(onefile_id, [])
    if any(holder != pk for holder in holders):
        raise LinkRefused("link_taken", onefile_id=onefile_id)
    if not values["in_row"]:
        return made, True
    wanted = {"onefile_id": onefile_id}
    if "centre_id" in held and values["centre_id"]:
        wanted["centre_id"] = values["centre_id"]
    if any(held[name] != value for name, value in wanted.items()):
        _save(kind, pk, held, wanted)
    return made, True


@retried
@host.kept_together()
def _clear(
    kind: str, pk: str, tenant: Tenant, ending: LinkEnding, by: Any, parent: RecordLink | None
) -> RecordLink | None:
    _hold(tenant)
    held = host.link_values(kind, pk)
    onefile_id = held["onefile_id"] if held is not None else None
    if held is None or onefile_id is None:
        return None
    _end_outdated(tenant, kind, pk, onefile_id)
    kept = _recorded(tenant, kind, pk, onefile_id) or RecordLink(
        tenant=tenant,
        subject_kind=kind,
        subject_type=_content_type(kind),
        subject_pk=pk,
        centre_id=held.get("centre_id") or 0,
        onefile_id=onefile_id,
        how=LinkMethod.UNRECORDED,
    )
    _supersede(tenant, kind, pk)
    kept.ended_at, kept.ending, kept.ended_by_id = timezone.now(), ending, by
    kept.parent = parent or kept.parent
    kept.save()
    _save(kind, pk, held, dict.fromkeys(held))
    return kept


def _hold(tenant: Tenant) -> None:
    """Keep the OneFile IDs of this tenant in PICSWeb's rows until the transaction ends, if they are there.

    Raises :class:`LinkRefused` if they are being moved, or were: another environment may have been chosen meanwhile.
    """
    settings = OneFileSettings.objects.select_for_update().get(pk=1)
    if settings.moving_to_id is not None or settings.linked_tenant_id != tenant.pk:
        raise LinkRefused("link_elsewhere")


def _save(kind: str, pk: str, old: Mapping[str, int | None], new: Mapping[str, int | None]) -> None:
    """Raises :class:`LinkRefused` if PICSWeb refuses the values, or somebody changed the row meanwhile."""
    try:
        saved = host.save_fields(kind, pk, old, new)
    except host.Rejected:
        raise LinkRefused("link_not_taken") from None
    if saved is None:
        raise LinkRefused("link_changed")


def _recorded(tenant: Tenant, kind: str, pk: str, onefile_id: int) -> RecordLink | None:
    """The link on record of a row with this OneFile ID."""
    return _claiming(tenant, kind).filter(subject_pk=pk, onefile_id=onefile_id).first()


def _is_claimed(tenant: Tenant, kind: str, pk: str, onefile_id: int) -> bool:
    """Whether another row is linked to this record of OneFile, however it was linked."""
    return _open(tenant, kind).filter(onefile_id=onefile_id).exclude(subject_pk=pk).exists()


def _open(tenant: Tenant, kind: str) -> QuerySet[RecordLink]:
    return RecordLink.objects.filter(tenant=tenant, subject_kind=kind, ended_at=None)


def _claiming(tenant: Tenant, kind: str) -> QuerySet[RecordLink]:
    """The open links that say what PICSWeb's rows hold."""
    return _open(tenant, kind).filter(in_row=True)


def _end_outdated(tenant: Tenant, kind: str, pk: str, onefile_id: int) -> None:
    """End links that PICSWeb's rows contradict, as another OneFile ID was typed into them, or they were deleted."""
    links = list(_claiming(tenant, kind).filter(Q(onefile_id=onefile_id) | Q(subject_pk=pk)))
    held = host.onefile_ids(kind, [each.subject_pk for each in links])
    outdated = [each.pk for each in links if held.get(each.subject_pk) != each.onefile_id]
    if outdated:
        _end(RecordLink.objects.filter(pk__in=outdated))


def _supersede(tenant: Tenant, kind: str, pk: str) -> None:
    """What was put away and could not be brought back is out of date once somebody links or unlinks the row."""
    RecordLink.objects.filter(
        tenant=tenant, subject_kind=kind, subject_pk=pk, ending=LinkEnding.PUT_AWAY, in_row=True
    ).update(ending=LinkEnding.REPLACED)


def _end(links: QuerySet[RecordLink]) -> None:
    links.update(ended_at=timezone.now(), ending=LinkEnding.REPLACED)


def _content_type(kind: str) -> ContentType:
    return ContentType.objects.get_for_model(host.model_of(kind))


def _on_commit(work: Callable[[], None]) -> None:
    """A link that is rolled back with others was not made."""
    transaction.on_commit(work, using=router.db_for_write(RecordLink))
