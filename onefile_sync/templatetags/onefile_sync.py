"""The OneFile panels for PICSWeb's own pages: ``{% load onefile_sync %}{% refresh_with_onefile learner %}``.

``{% onefile_look_up officer %}`` is for an officer or an organisation.
"""

from __future__ import annotations

from typing import Any

from django import template
from django.db.models import Model
from django.template import Context

from onefile_sync.web.learner_panel import panel_for
from onefile_sync.web.look_up_page import look_up_link

register = template.Library()


@register.inclusion_tag("onefile_sync/refresh_panel.html", takes_context=True)
def refresh_with_onefile(context: Context, learner: Model) -> dict[str, Any]:
    """Show the OneFile ID, the Refresh button or why there is none, the last synchronisation and the open run.

    Renders nothing for a user who may not see the status. Needs ``request`` in the context (Django's request context
    processor), for the user and the CSRF token.
    """
    request = context["request"]
    return {"request": request, "panel": panel_for(request, learner)}


@register.inclusion_tag("onefile_sync/look_up_panel.html", takes_context=True)
def onefile_look_up(context: Context, row: Model) -> dict[str, Any]:
    """Show an officer's or organisation's OneFile ID, and the way to *Look Up OneFile ID*.

    Renders nothing for a user who may not link the row. Needs ``request`` in the context.
    """
    request = context["request"]
    return {"request": request, "row": row, "address": look_up_link(request, row)}
