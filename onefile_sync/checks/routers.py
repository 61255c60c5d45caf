"""Checks of database routers: which tables must be in the same database. Makes no query."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, router
from django.db.models import Model

from onefile_sync.host.mapping import LEARNER, OFFICER, QUALIFICATION, REVIEW


def messages() -> Iterator[CheckMessage]:
    """All messages about routers. Never raises."""
    ours: list[type[Model]] = [
        *apps.get_app_config("onefile_sync").get_models(),
        ContentType,
        get_user_model(),
    ]
    elsewhere = {
        model._meta.label: alias
        for model in ours
        if (alias := router.db_for_write(model)) != DEFAULT_DB_ALIAS
    }
    if elsewhere:
        told = ", ".join(f"{label} in {alias!r}" for label, alias in sorted(elsewhere.items()))
        yield Error(
            f"onefile_sync's tables, content types and users are not all in the database {DEFAULT_DB_ALIAS!r}: {told}.",
            hint=f"Let DATABASE_ROUTERS lead all of these to {DEFAULT_DB_ALIAS!r}; PICSWeb's models may be elsewhere.",
            id="onefile_sync.E040",
        )
    try:
        theirs = {part.key: part.database for part in (LEARNER, QUALIFICATION, REVIEW, OFFICER)}
    except (ImproperlyConfigured, LookupError):
        return  # reported by the checks of that part
    if len(set(theirs.values())) > 1:
        told = ", ".join(f"{key} in {alias!r}" for key, alias in theirs.items())
        yield Error(
            f"The models of ONEFILE_SYNC are in several databases: {told}.",
            hint="Let DATABASE_ROUTERS lead learners, qualifications, reviews and officers to one database.",
            id="onefile_sync.E041",
        )
