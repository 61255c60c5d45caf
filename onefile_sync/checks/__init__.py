"""System checks: everything that can be wrong in how the app is deployed, each with a hint that says what to write.

``onefile_sync.E0…`` would keep the exchange from working, ``onefile_sync.W0…`` would let it work badly. Numbers: 001
on the mapping and the other deployment settings, 020 on the django-q2 cluster, 030 on what lies in the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import ERROR, CheckMessage, Tags, register

from . import cluster, database, mapping


@register("onefile_sync")
def check_mapping(**_kwargs: Any) -> list[CheckMessage]:
    return list(mapping.messages())


@register("onefile_sync")
def check_cluster(**_kwargs: Any) -> list[CheckMessage]:
    return list(cluster.messages())


@register(Tags.database)
def check_database(*, databases: Sequence[str] | None = None, **_kwargs: Any) -> list[CheckMessage]:
    return list(database.messages(databases or ()))


def mapping_errors() -> list[CheckMessage]:
    """What is so wrong with ``ONEFILE_SYNC`` that no work should be taken on. No query."""
    return [message for message in mapping.messages() if message.level >= ERROR]
