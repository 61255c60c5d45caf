"""Puts our pages of the admin on the site where PICSWeb keeps its learners."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model

from onefile_sync.models import Change, Heartbeat, LearnerOutcome, OneFileSettings, Problem, SyncRun

from .health_entry import HealthAdmin
from .run_lists import ChangeAdmin, LearnerOutcomeAdmin, ProblemAdmin, SyncRunAdmin
from .settings import OneFileSettingsAdmin

ADMINS: dict[type[Model], type[admin.ModelAdmin[Any]]] = {
    OneFileSettings: OneFileSettingsAdmin,
    SyncRun: SyncRunAdmin,
    LearnerOutcome: LearnerOutcomeAdmin,
    Change: ChangeAdmin,
    Problem: ProblemAdmin,
    Heartbeat: HealthAdmin,
}


def register(site: admin.AdminSite) -> None:
    """Put the settings and the records of runs on an admin site; what is there already stays as it is.

    The site of a learner admin with :class:`~onefile_sync.admin.OneFileLearnerAdminMixin` has them without this.
    """
    for model, model_admin in ADMINS.items():
        if not site.is_registered(model):
            site.register(model, model_admin)
