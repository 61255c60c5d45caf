"""The class and the placement that new learners of a centre have by default, chosen from OneFile's kept lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from onefile_sync.linking import directory
from onefile_sync.linking.tenants import present_tenant
from onefile_sync.models import CentreDefaults, DirectoryEntry, DirectoryKind, Tenant
from onefile_sync.sync.connection.session import NotConnected

#: What has a default, and the field of :class:`~onefile_sync.models.CentreDefaults` that holds it.
DEFAULTS: Mapping[DirectoryKind, str] = {
    DirectoryKind.CLASSROOM: "classroom_id",
    DirectoryKind.PLACEMENT: "placement_id",
}


@dataclass(frozen=True, slots=True)
class DefaultChoice:
    """One default of a centre. ``records`` are names by OneFile ID, by name; ``None`` if that list was never read.

    ``chosen`` may be an ID that OneFile's list no longer has.
    """

    kind: DirectoryKind
    chosen: int | None
    records: Mapping[int, str] | None


@dataclass(frozen=True, slots=True)
class CentreChoices:
    """The defaults of one centre, in the order of :data:`DEFAULTS`."""

    centre_id: int
    name: str
    defaults: tuple[DefaultChoice, ...]

    @property
    def is_complete(self) -> bool:
        return all(each.chosen is not None for each in self.defaults)


class UnknownRecord(Exception):
    """A class or placement, or a centre, is not in OneFile's kept lists."""


def centre_choices() -> list[CentreChoices]:
    """The defaults of every centre, by name; none if OneFile is not set up or its centres were never read.

    A constant number of queries. Archived records are not offered.
    """
    try:
        tenant = present_tenant()
    except (NotConnected, ImproperlyConfigured):
        return []
    return _choices(tenant)


def keep_centre_defaults(chosen: Mapping[int, Mapping[DirectoryKind, int | None]]) -> None:
    """Keep the defaults of these centres. Other centres, and kinds that are not given, stay as they are.

    Raises :class:`UnknownRecord`, and keeps nothing, if a record is not in the centre's list; what was chosen before
    may stay.
    """
    with transaction.atomic():
        tenant = present_tenant()
        known = {each.centre_id: each for each in _choices(tenant)}
        for centre_id, records in chosen.items():
            if centre_id not in known:
                raise UnknownRecord
            for each in known[centre_id].defaults:
                onefile_id = records.get(each.kind)
                if onefile_id not in (None, each.chosen, *(each.records or ())):
                    raise UnknownRecord
            CentreDefaults.objects.update_or_create(
                tenant=tenant,
                centre_id=centre_id,
                defaults={DEFAULTS[kind]: onefile_id for kind, onefile_id in records.items()},
            )


def _choices(tenant: Tenant) -> list[CentreChoices]:
    kept = {each.centre_id: each for each in CentreDefaults.objects.filter(tenant=tenant)}
    read = set(
        directory.lists(tenant)
        .filter(kind__in=DEFAULTS, read_at__isnull=False)
        .values_list("kind", "centre_id")
    )
    records = _records(tenant)
    return [
        CentreChoices(
            centre.onefile_id,
            centre.name or str(centre.onefile_id),
            tuple(
                DefaultChoice(
                    kind,
                    getattr(kept.get(centre.onefile_id), field, None),
                    records.get((kind, centre.onefile_id), {}) if (kind, centre.onefile_id) in read else None,
                )
                for kind, field in DEFAULTS.items()
            ),
        )
        for centre in directory.centres(tenant)
    ]


def _records(tenant: Tenant) -> dict[tuple[str, int], dict[int, str]]:
    """The names of classes and placements by OneFile ID, by kind and centre."""
    found: dict[tuple[str, int], dict[int, str]] = {}
    entries = (
        DirectoryEntry.objects.filter(tenant=tenant, kind__in=DEFAULTS, gone_at__isnull=True)
        .exclude(archived=True)
        .order_by("name", "onefile_id")
    )
    for kind, centre_id, onefile_id, name in entries.values_list("kind", "centre_id", "onefile_id", "name"):
        found.setdefault((kind, centre_id), {})[onefile_id] = name
    return found
