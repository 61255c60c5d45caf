"""``{% load onefile_sync %}{% refresh_with_onefile learner %}``: the OneFile panel for PICSWeb's own pages."""

from __future__ import annotations

from typing import Any

from django import template
from django.db.models import Model
from django.template import Context

from onefile_sync.web.learner_panel import panel_for

register = template.Library()


@register.inclusion_tag("onefile_sync/refresh_panel.html", takes_context=True)
def refresh_with_onefile(context: Context, learner: Model) -> dict[str, Any]:
    """Show the OneFile ID, the Refresh button or why there is none, the last synchronisation and the open run.

    Renders nothing for a user who may not see the status. Needs ``request`` in the context (Django's request context
    processor), for the user and the CSRF token.
    """
    request = context["request"]
    return {"request": request, "panel": panel_for(request, learner)}
