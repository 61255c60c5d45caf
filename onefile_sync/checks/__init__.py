"""System checks of the deployment, each with a hint that says what to write.

An error ``onefile_sync.E0…`` would prevent the exchange, a warning ``onefile_sync.W0…`` would impair it, and an info
``onefile_sync.I0…`` says what the mapping lacks for *Create in OneFile*. Numbers from 001: mapping and other deployment
settings; 020 and 060: django-q2 cluster; 030: URLs and database rows (for schedules in
:mod:`onefile_sync.sync.runs.schedule_checks`); 040: routers; 050: the database itself; 070: mapping, continued.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.apps import apps
from django.core.checks import ERROR, CheckMessage, Error, Tags, register
from django.urls import NoReverseMatch, reverse

from . import cluster, database, engine, picsweb, routers

__all__ = ["mapping_errors"]


@register("onefile_sync")
def check_mapping(**_kwargs: Any) -> list[CheckMessage]:
    return [*picsweb.messages(), *routers.messages()]


@register("onefile_sync")
def check_settings(**_kwargs: Any) -> list[CheckMessage]:
    return list(engine.settings_messages())


@register("onefile_sync")
def check_cluster(**_kwargs: Any) -> list[CheckMessage]:
    return list(cluster.messages())


@register(Tags.urls)
def check_pages(**_kwargs: Any) -> list[CheckMessage]:
    """Check that the run's page has a URL, as every Refresh button leads there, and the REST URLs' requirements."""
    messages: list[CheckMessage] = []
    if not _has_address("onefile_sync:run"):
        hint = 'Add path("onefile/", include("onefile_sync.urls")) to the URLconf, under an address of your choice.'
        messages.append(Error("OneFile's pages are not among the URLs.", hint=hint, id="onefile_sync.E031"))
    if _has_address("onefile_sync_rest:run") and not apps.is_installed("rest_framework"):
        hint = (
            'Write "rest_framework" into INSTALLED_APPS, or take onefile_sync.rest.urls out of the URLconf.'
        )
        text = "OneFile's REST interface is among the URLs, and Django REST framework is not installed as an app."
        messages.append(Error(text, hint=hint, id="onefile_sync.E032"))
    return messages


def _has_address(name: str) -> bool:
    try:
        reverse(name, args=[UUID(int=0)])
    except NoReverseMatch:
        return False
    return True


@register(Tags.database)
def check_database(*, databases: Sequence[str] | None = None, **_kwargs: Any) -> list[CheckMessage]:
    return [*engine.messages(databases or ()), *database.messages(databases or ())]


def mapping_errors() -> list[CheckMessage]:
    """The errors in ``ONEFILE_SYNC`` that prevent any work. Makes no query."""
    found = [*engine.settings_messages(), *picsweb.messages(), *routers.messages()]
    return [message for message in found if message.level >= ERROR]
