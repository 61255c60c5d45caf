"""The entry on the admin's front page and in its navigation that leads to *Is it working?*."""

# ruff: noqa: ARG002 - Django passes arguments that these methods do not need

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path

from onefile_sync import access
from onefile_sync.models import Heartbeat

if TYPE_CHECKING:
    HeartbeatModelAdmin = admin.ModelAdmin[Heartbeat]
else:
    HeartbeatModelAdmin = admin.ModelAdmin


class HealthAdmin(HeartbeatModelAdmin):
    """Redirects to the health page, which evaluates the heartbeats. They need no list of their own."""

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_changelist"
        return [path("", self.admin_site.admin_view(self.changelist_view), name=name)]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return redirect("onefile_sync:health")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(access.VIEW_HEALTH)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(access.VIEW_HEALTH)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
