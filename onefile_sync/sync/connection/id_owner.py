"""Whose OneFile IDs stand in PICSWeb's rows, and whether the settings lead to that OneFile.

The same number is another person in another environment or of another customer. So OneFile IDs are used only while the
address and customer token in use are those of ``OneFileSettings.linked_tenant``.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import IntegrityError, transaction

from onefile_sync import events, host
from onefile_sync.models import Difference, OneFileSettings, StagedRecord, Tenant, UploadIntent
from onefile_sync.transactions import retried

from .session import fingerprint

#: The codes of the two refusals.
OTHER_ONEFILE, LINKS_MOVING = "other_onefile", "links_moving"
#: Asks OneFile whose the customer token is: one call. Raises what calls raise.
AskCustomer = Callable[[], int]


def obstacle(settings: OneFileSettings) -> str | None:
    """The code of why OneFile IDs must not be used now, or ``None``. Raises :class:`.session.NotConnected`.

    No query, unless the settings lead elsewhere. A new token at the same address is no obstacle until OneFile has said
    whose it is (:func:`confirm`).
    """
    if settings.moving_to_id is not None:
        return LINKS_MOVING
    linked = settings.linked_tenant
    if linked is None or not settings.address:  # system checks report an address that is wrong
        return None
    digest = fingerprint(settings)
    if digest == linked.token_digest or not is_in_use(settings):
        return None
    is_new = settings.address == linked.address and not Tenant.objects.filter(token_digest=digest).exists()
    return None if is_new else OTHER_ONEFILE


def is_in_use(settings: OneFileSettings) -> bool:
    """Whether any row has a OneFile ID, or a link was ever recorded. At most one query for each kind of row."""
    return settings.links_recorded or host.is_anything_linked()


def confirm(settings: OneFileSettings, customer_id: AskCustomer) -> str | None:
    """Check before a run calls OneFile that the IDs belong there. Returns the code of an obstacle, or ``None``.

    Records the OneFile in use if none is recorded. ``customer_id`` is called only if the token is new.
    """
    code = obstacle(settings)
    linked = settings.linked_tenant
    if code is not None or (linked is not None and fingerprint(settings) == linked.token_digest):
        return code
    if linked is None or not is_in_use(settings):
        adopt(settings, identify(settings, customer_id))
        return None
    return None if identify(settings, customer_id) == linked else OTHER_ONEFILE


def tenant_of(settings: OneFileSettings) -> Tenant:
    """The OneFile to which the settings lead. Raises :class:`.session.NotConnected`.

    A new token at a known address counts as the same customer's until OneFile is asked (:func:`identify`).
    """
    linked, digest = settings.linked_tenant, fingerprint(settings)
    if linked is not None and digest == linked.token_digest:
        return linked
    known = Tenant.objects.filter(token_digest=digest).first()
    return known or _first_at(settings) or _made(settings)


def identify(settings: OneFileSettings, customer_id: AskCustomer) -> Tenant:
    """The OneFile to which the settings lead. A new token of a known customer is recorded as that customer's.

    OneFile is asked only if the token is new and customers at this address are known. An address with one OneFile whose
    customer is not known, as of old releases, has the same customer.
    """
    known = Tenant.objects.filter(token_digest=fingerprint(settings)).first()
    if known is not None:
        return known
    first = _first_at(settings)
    if first is None:
        return _made(settings)
    if first.customer_id is None:
        return renew(settings, first)
    customer = customer_id()
    same = Tenant.objects.filter(address=settings.address, customer_id=customer).order_by("pk").first()
    return renew(settings, same) if same is not None else _made(settings, customer)


def has_to_ask(settings: OneFileSettings) -> bool:
    """Whether only OneFile can say whose the token is: it is new, and a customer at this address is known."""
    if Tenant.objects.filter(token_digest=fingerprint(settings)).exists():
        return False
    first = _first_at(settings)
    return first is not None and first.customer_id is not None


def _first_at(settings: OneFileSettings) -> Tenant | None:
    """The linked OneFile, if it has this address, else the first one that has."""
    linked = settings.linked_tenant
    if linked is not None and linked.address == settings.address:
        return linked
    return Tenant.objects.filter(address=settings.address).order_by("pk").first()


@retried
def _made(settings: OneFileSettings, customer_id: int | None = None) -> Tenant:
    made, _created = Tenant.objects.get_or_create(
        token_digest=fingerprint(settings),
        defaults={
            "environment": settings.environment,
            "address": settings.address,
            "customer_id": customer_id,
        },
    )
    return made


@retried
def renew(settings: OneFileSettings, tenant: Tenant) -> Tenant:
    """Record the token in use as a new one of this OneFile's customer. Nothing else changes."""
    digest = fingerprint(settings)
    try:
        with transaction.atomic():
            Tenant.objects.filter(pk=tenant.pk).update(token_digest=digest, environment=settings.environment)
    except IntegrityError:  # another process has found another customer
        return Tenant.objects.get(token_digest=digest)
    events.info("customer_token_renewed", tenant=tenant.pk)
    tenant.refresh_from_db()
    return tenant


@retried
@transaction.atomic
def adopt(settings: OneFileSettings, present: Tenant) -> None:
    """Record to which OneFile rows are linked from now on, while no row is linked or that was never recorded."""
    if settings.linked_tenant is not None:
        put_records_away(settings.linked_tenant)
        take_uploads_up(present)
    OneFileSettings.objects.filter(pk=settings.pk).update(linked_tenant=present)
    settings.linked_tenant = present


def note_customer(settings: OneFileSettings, customer_id: int) -> None:
    """Record the customer to whom the linked OneFile belongs, unless it is known. Usually no query."""
    linked = settings.linked_tenant
    if linked is not None and linked.customer_id is None and fingerprint(settings) == linked.token_digest:
        Tenant.objects.filter(pk=linked.pk, customer_id=None).update(customer_id=customer_id)


def put_records_away(tenant: Tenant) -> None:
    """Keep a OneFile's open uploads for its return, and delete what was read of it for everyone."""
    UploadIntent.objects.filter(finished_at=None, put_away_for=None).update(put_away_for=tenant)
    StagedRecord.objects.all().delete()
    Difference.objects.all().delete()


def take_uploads_up(tenant: Tenant) -> None:
    """Go on with the uploads that were begun in this OneFile."""
    UploadIntent.objects.filter(finished_at=None, put_away_for=tenant).update(put_away_for=None)
