"""The mixin for PICSWeb's admins of officers and organisations: the button *Look Up OneFile ID*."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from onefile_sync.web.look_up_page import look_up_link

from .registration import register

if TYPE_CHECKING:
    LookUpModelAdmin = admin.ModelAdmin[Model]
else:
    LookUpModelAdmin = object


class OneFileLookUpAdminMixin(LookUpModelAdmin):
    """Adds *Look Up OneFile ID* to PICSWeb's admin of officers or organisations::

        @admin.register(Officer)
        class OfficerAdmin(OneFileLookUpAdminMixin, admin.ModelAdmin): ...

    The button requires ``onefile_sync.link_records``, and permission to change the row. A model that the mapping does
    not name gets no button. An existing ``change_form_template`` is extended.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        register(self.admin_site)  # our pages belong on the same admin site

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Add our block to the page, which other extensions may have changed."""
        row = context.get("original")
        response = super().render_change_form(request, context, *args, **kwargs)
        address = look_up_link(request, row) if row is not None else ""
        if not address or not isinstance(response, TemplateResponse):
            return response
        response.context_data = {
            **(response.context_data or {}),
            "onefile_extended_template": response.resolve_template(response.template_name),
            "onefile_look_up": address,
        }
        response.template_name = "admin/onefile_sync/look_up_change_form.html"
        return response
