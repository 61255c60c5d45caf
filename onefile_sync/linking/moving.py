"""Exchanges PICSWeb's OneFile IDs for those of another OneFile, after a change of environment or customer.

Every link of the old OneFile is put away, then those of the new one are brought back. While ``moving_to`` is set,
nothing else uses OneFile IDs. The work is done in pieces: within the request if it is little, else by tasks that
the sweep queues. Each piece locks the row of settings and looks again how far the move has got, so that an interruption
loses nothing and two workers double nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from onefile_sync import events, host
from onefile_sync.conf import deployment
from onefile_sync.models import (
    CreateIntent,
    LinkEnding,
    OneFileSettings,
    RecordLink,
    RunState,
    SyncRun,
    Tenant,
    UploadIntent,
)
from onefile_sync.sync.connection import id_owner
from onefile_sync.sync.connection.session import NotConnected, fingerprint
from onefile_sync.sync.runs import queue
from onefile_sync.transactions import retried

from . import linker
from .linker import LinkRefused

#: Rows in one piece, which is one transaction.
PIECE = 200
#: Up to this number of links is moved within the request.
AT_ONCE = 200
MOVE = "onefile_sync.tasks.move_links"
#: What is cleared first, to what it belongs.
KINDS = ("review", "qualification", "learner", "officer", "organisation")

AskCustomer = Callable[[OneFileSettings], int]


@dataclass(frozen=True, slots=True)
class OneFileChange:
    """Settings lead to another OneFile than the one to which rows are linked, or have a new token of the same one.

    ``counts`` says how many rows of each kind are linked. ``customer_id`` is whose the new token is, if OneFile was
    asked. ``is_same``: the customer is the linked one. ``may_be_same``: the address is the same, and nobody knows to
    whom the rows are linked.
    """

    linked: Tenant
    counts: dict[str, int]
    customer_id: int | None
    is_same: bool
    may_be_same: bool


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """What the settings page says: ``code`` of the obstacle, if any, and how many rows are linked to ``linked``.

    ``waiting`` counts the links still to be put away or brought back. ``left_behind`` are links of the OneFile in use
    that were not brought back: the row was deleted or has another OneFile ID, or another row has this one.
    """

    code: str
    linked: Tenant | None
    moving_to: Tenant | None
    counts: dict[str, int]
    waiting: int
    left_behind: list[RecordLink]


def change_of_onefile(settings: OneFileSettings, ask_customer: AskCustomer) -> OneFileChange | None:
    """Whether these settings, perhaps unsaved, lead elsewhere than PICSWeb's OneFile IDs; ``None`` if not.

    Calls OneFile at most once, only if the token is new at a known address. Raises what ``ask_customer`` raises.
    """
    stored = OneFileSettings.load()
    if not settings.address:
        return None
    try:
        digest = fingerprint(settings)
        if stored.linked_tenant is None and id_owner.is_in_use(stored):
            _record_present(stored)
    except NotConnected:
        return None
    linked = stored.linked_tenant
    if linked is None or digest == linked.token_digest or not id_owner.is_in_use(stored):
        return None
    settings.linked_tenant = linked
    customer = ask_customer(settings) if id_owner.has_to_ask(settings) else None
    here = settings.address == linked.address and not Tenant.objects.filter(token_digest=digest).exists()
    is_same = here and customer is not None and customer == linked.customer_id
    may_be_same = here and linked.customer_id is None
    return OneFileChange(linked, host.count_linked(), customer, is_same, may_be_same)


def _record_present(stored: OneFileSettings) -> None:
    """Record whose IDs the rows of an old installation hold: those of the OneFile used until now."""
    try:
        id_owner.adopt(stored, id_owner.tenant_of(stored))
    except NotConnected:
        events.warning("links_of_unknown_onefile")


def refusal_to_move(*, has_left: bool = False) -> LinkRefused | None:
    """Why links cannot be moved now. ``has_left``: the old OneFile cannot be asked any more about creates in doubt."""
    run = SyncRun.objects.exclude(state=RunState.FINISHED).order_by("created_at").first()
    if run is not None:
        return LinkRefused("move_run_open", run=str(run))
    doubtful = UploadIntent.objects.filter(finished_at=None, put_away_for=None, in_doubt_since__isnull=False)
    if has_left:  # such an upload is looked for once its OneFile is back
        doubtful = doubtful.filter(in_doubt_since__gt=timezone.now() - deployment.lease)
    intent = doubtful.order_by("pk").first()
    if intent is not None:
        return LinkRefused("move_in_doubt", learner=intent.learner_pk)
    created = CreateIntent.objects.filter(
        tenant=OneFileSettings.load().linked_tenant, finished_at=None, in_doubt_since__isnull=False
    )
    if has_left:  # it stays on record for its own OneFile
        created = created.filter(in_doubt_since__gt=timezone.now() - deployment.enrol_quiet)
    create = created.order_by("pk").first()
    return LinkRefused("move_create_in_doubt", learner=create.learner_pk) if create is not None else None


@retried
@transaction.atomic
def begin(customer_id: int | None, *, same_customer: bool = False) -> None:
    """Make the OneFile of the stored settings the one to which rows are linked, by moving links if there are any.

    A move that is under way goes there instead. ``same_customer``: a person says that the token is a new one of the
    same customer. Then nothing moves.
    """
    settings = OneFileSettings.load()
    if same_customer and settings.linked_tenant is not None:
        present = id_owner.renew(settings, settings.linked_tenant)
    else:
        present = id_owner.identify(settings, lambda: customer_id or 0)
    if settings.moving_to_id is None:
        if present.pk == settings.linked_tenant_id:
            return
        if settings.linked_tenant is None or not id_owner.is_in_use(settings):
            id_owner.adopt(settings, present)
            return
    # IDs that were typed are put away as links as well, so from now on links have to be asked for.
    OneFileSettings.objects.filter(pk=1).update(moving_to=present, links_recorded=True)
    events.info("links_moving", tenant=present.pk, old=settings.linked_tenant_id)


def go_on() -> None:
    """Go on with a move: here if it is little, else in the workers' tasks. Does nothing if none is under way."""
    settings = OneFileSettings.load()
    if settings.moving_to_id is None:
        return
    if _waiting(settings) > AT_ONCE or not move_on():
        queue.enqueue_task(MOVE)


def resume() -> bool:
    """Queue a task for a move that is under way. The sweep does so, as tasks may be lost."""
    if not OneFileSettings.objects.filter(moving_to__isnull=False).exists():
        return False
    queue.enqueue_task(MOVE)
    return True


def move_on(time_is_up: Callable[[], bool] = lambda: False) -> bool:
    """Do what is left of a move. ``False`` if time is up, a run is still open, or a row could not be cleared."""
    settings = OneFileSettings.load()
    old, new = settings.linked_tenant, settings.moving_to
    if new is None or old is None:
        return True
    if SyncRun.objects.exclude(state=RunState.FINISHED).exists():
        return False  # opened at the same moment; the next worker that takes it up ends it
    try:
        if old.pk != new.pk:
            if not _put_all_away(old, new, time_is_up):
                return False
            _switch(old, new)
        if not _bring_all_back(new, time_is_up):
            return False
        _finish(new)
    except _GoneOn:
        return False
    return True


class _GoneOn(Exception):
    """Another worker has brought the move further, or a row has a OneFile ID again: begin anew."""


@contextmanager
def _locked(linked: Tenant, new: Tenant) -> Iterator[None]:
    """A transaction in which nobody else moves links, while PICSWeb's rows hold the IDs of ``linked``."""
    with transaction.atomic():
        row = OneFileSettings.objects.select_for_update().get(pk=1)
        if (row.linked_tenant_id, row.moving_to_id) != (linked.pk, new.pk):
            raise _GoneOn
        yield


def _put_all_away(old: Tenant, new: Tenant, time_is_up: Callable[[], bool]) -> bool:
    for kind in KINDS:
        after = ""
        while rows := host.rows_with_onefile_id(kind, after, PIECE):
            if time_is_up():
                return False
            _note(kind, rows, old, new)
            _clear(kind, rows, old, new)
            after = rows[-1][0]
    return True


# Two transactions: if PICSWeb's rows are in another database, none must be cleared before its link is on record.


@retried
def _note(kind: str, rows: list[tuple[str, int, int | None]], old: Tenant, new: Tenant) -> None:
    with _locked(old, new):
        linker.note_put_away(kind, rows, old)


@retried
def _clear(kind: str, rows: list[tuple[str, int, int | None]], old: Tenant, new: Tenant) -> None:
    with _locked(old, new):
        linker.clear_put_away(kind, rows)


@retried
def _switch(old: Tenant, new: Tenant) -> None:
    with _locked(old, new):
        if host.is_anything_linked():
            raise _GoneOn
        linker.end_all(old)
        id_owner.put_records_away(old)
        OneFileSettings.objects.filter(pk=1).update(linked_tenant=new)


def _bring_all_back(new: Tenant, time_is_up: Callable[[], bool]) -> bool:
    before: int | None = None
    while links := _next_put_away(new, before):
        if time_is_up():
            return False
        _bring_back(links, new)
        before = links[-1].pk
    return True


def _next_put_away(new: Tenant, before: int | None) -> list[RecordLink]:
    """The next links to be brought back, newest first: of two that contradict each other, the newer one is right."""
    links = RecordLink.objects.filter(tenant=new, ending=LinkEnding.PUT_AWAY).order_by("-pk")
    return list((links if before is None else links.filter(pk__lt=before))[:PIECE])


@retried
def _bring_back(links: list[RecordLink], new: Tenant) -> None:
    with _locked(new, new):
        for link in links:
            linker.bring_back(link)


@retried
def _finish(new: Tenant) -> None:
    with _locked(new, new):
        id_owner.take_uploads_up(new)
        OneFileSettings.objects.filter(pk=1).update(moving_to=None)
    events.info("links_moved", tenant=new.pk)


def _waiting(settings: OneFileSettings) -> int:
    """How many links are still to be put away or brought back."""
    back = RecordLink.objects.filter(tenant=settings.moving_to, ending=LinkEnding.PUT_AWAY).count()
    away = 0 if settings.moving_to_id == settings.linked_tenant_id else sum(host.count_linked().values())
    return away + back


def link_status() -> LinkStatus:
    """How PICSWeb's links stand, for the settings page."""
    settings = OneFileSettings.load()
    try:
        code = id_owner.obstacle(settings) or ""
    except NotConnected:
        code = ""
    is_moving = settings.moving_to_id is not None
    left = RecordLink.objects.filter(tenant=settings.linked_tenant, ending=LinkEnding.PUT_AWAY).order_by("pk")
    return LinkStatus(
        code,
        settings.linked_tenant,
        settings.moving_to,
        host.count_linked() if code else {},
        _waiting(settings) if is_moving else 0,
        [] if is_moving or not settings.links_recorded else list(left[:PIECE]),
    )
