"""The entries on the admin's front page and in its navigation that lead to our pages outside the admin."""

# ruff: noqa: ARG002 - Django passes arguments that these methods do not need

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path

from onefile_sync import access

if TYPE_CHECKING:
    EntryModelAdmin = admin.ModelAdmin[Model]
else:
    EntryModelAdmin = admin.ModelAdmin


class PageEntryAdmin(EntryModelAdmin):
    """Redirects from the list of a model, which needs none of its own, to the page that shows what is in it.

    One of ``permissions`` is required.
    """

    page: str
    permissions: tuple[str, ...]

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_changelist"
        return [path("", self.admin_site.admin_view(self.changelist_view), name=name)]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return redirect(self.page)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return any(request.user.has_perm(permission) for permission in self.permissions)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class HealthAdmin(PageEntryAdmin):
    """*Is it working?*, which evaluates the heartbeats."""

    page = "onefile_sync:health"
    permissions = (access.VIEW_HEALTH,)


class MatchAdmin(PageEntryAdmin):
    """*Match with OneFile*, which finds the suggestions and shows them."""

    page = "onefile_sync:match"
    permissions = (access.MATCH_RECORDS,)


class ListsAdmin(PageEntryAdmin):
    """*OneFile's lists*, with their age."""

    page = "onefile_sync:lists"
    permissions = access.SEE_LISTS
