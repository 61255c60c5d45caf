"""System checks: everything that can be wrong in how the app is deployed, each with a hint that says what to write.

``onefile_sync.E0…`` would keep the exchange from working, ``onefile_sync.W0…`` would let it work badly. Numbers: 001
on the mapping and the other deployment settings, 020 on the django-q2 cluster, 030 on what lies in the database,
050 on the database itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.checks import ERROR, CheckMessage, Tags, Warning, register  # noqa: A004 - Django's own name
from django.urls import NoReverseMatch, reverse

from . import cluster, database, engine, mapping
from .database import why_it_cannot_run

__all__ = ["mapping_errors", "why_it_cannot_run"]


@register("onefile_sync")
def check_mapping(**_kwargs: Any) -> list[CheckMessage]:
    return list(mapping.messages())


@register("onefile_sync")
def check_settings(**_kwargs: Any) -> list[CheckMessage]:
    return list(engine.settings_messages())


@register("onefile_sync")
def check_cluster(**_kwargs: Any) -> list[CheckMessage]:
    return list(cluster.messages())


@register(Tags.urls)
def check_pages(**_kwargs: Any) -> list[CheckMessage]:
    """Whether the run's page has an address: every Refresh button leads there."""
    try:
        reverse("onefile_sync:run", args=[UUID(int=0)])
    except NoReverseMatch:
        hint = 'Add path("onefile/", include("onefile_sync.urls")) to the URLconf, under an address of your choice.'
        return [Warning("OneFile's pages are not among the URLs.", hint=hint, id="onefile_sync.W003")]
    return []


@register(Tags.database)
def check_database(*, databases: Sequence[str] | None = None, **_kwargs: Any) -> list[CheckMessage]:
    return [*engine.messages(databases or ()), *database.messages(databases or ())]


def mapping_errors() -> list[CheckMessage]:
    """What is so wrong with ``ONEFILE_SYNC`` that no work should be taken on. No query."""
    found = [*engine.settings_messages(), *mapping.messages()]
    return [message for message in found if message.level >= ERROR]
