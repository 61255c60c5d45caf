"""Registers our admin pages on PICSWeb's admin site."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model

from onefile_sync.models import (
    Change,
    DirectoryList,
    Heartbeat,
    LearnerOutcome,
    MatchSuggestion,
    OneFileSettings,
    Problem,
    RecordLink,
    SyncRun,
)

from .link_list import RecordLinkAdmin
from .page_entries import HealthAdmin, ListsAdmin, MatchAdmin
from .run_lists import ChangeAdmin, LearnerOutcomeAdmin, ProblemAdmin, SyncRunAdmin
from .settings import OneFileSettingsAdmin

ADMINS: dict[type[Model], type[admin.ModelAdmin[Any]]] = {
    OneFileSettings: OneFileSettingsAdmin,
    SyncRun: SyncRunAdmin,
    LearnerOutcome: LearnerOutcomeAdmin,
    Change: ChangeAdmin,
    Problem: ProblemAdmin,
    RecordLink: RecordLinkAdmin,
    MatchSuggestion: MatchAdmin,
    DirectoryList: ListsAdmin,
    Heartbeat: HealthAdmin,
}


def register(site: admin.AdminSite) -> None:
    """Register the settings page and the ledger on an admin site, leaving existing registrations alone.

    :class:`~onefile_sync.admin.OneFileLearnerAdminMixin` calls this for its own site.
    """
    for model, model_admin in ADMINS.items():
        if not site.is_registered(model):
            site.register(model, model_admin)
