"""Routers as a deployment may have them."""

from __future__ import annotations

from typing import Any

HOSTS = ("picsweb", "college", "academy")


class Apart:
    """PICSWeb's own models have a database to themselves."""

    def db_for_read(self, model: Any, **_hints: Any) -> str | None:
        return "mis" if model._meta.app_label in HOSTS else None

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **_hints: Any) -> bool:
        return (app_label in HOSTS) == (db == "mis")


class Lagging:
    """Everything is read from a replica. In the tests nothing ever reaches it, unless a test puts it there."""

    def db_for_read(self, _model: Any, **_hints: Any) -> str:
        return "replica"

    def db_for_write(self, _model: Any, **_hints: Any) -> str:
        return "default"

    def allow_relation(self, *_rows: Any, **_hints: Any) -> bool:
        return True
