"""The mixin for PICSWeb's learner admin: Refresh with OneFile, Preview, the panel and the admin action.

It works alongside other admin extensions: our template extends the one that would have been used, and only fills
blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import quote, unquote
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from onefile_sync import access, services
from onefile_sync.models import SyncRun
from onefile_sync.web import links
from onefile_sync.web.learner_panel import Panel, panel_for

from .registration import register

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Model]
else:
    Base = object

#: Learners named in each list of the confirmation page; the others are only counted.
NAMED = 20

ACTION = "refresh_with_onefile"

#: Buttons that save the form first: name, required permission and view.
SAVE_AND = {
    "_onefile_refresh": (access.REFRESH, "onefile_refresh_view"),
    "_onefile_preview": (access.PREVIEW, "onefile_preview_view"),
}


@dataclass(frozen=True, slots=True)
class Button:
    """Refresh or Preview on a learner's page. ``save_label`` is shown while the form has unsaved input."""

    name: str
    label: str
    save_label: str
    address: str


@dataclass(frozen=True, slots=True)
class Group:
    """Learners on the confirmation page who are refused for the same reason; a blank ``reason`` means accepted."""

    reason: str
    named: list[Model]
    total: int

    @property
    def unnamed(self) -> int:
        return self.total - len(self.named)


class OneFileLearnerAdminMixin(Base):
    """Adds OneFile to PICSWeb's learner admin::

        @admin.register(Learner)
        class LearnerAdmin(OneFileLearnerAdminMixin, admin.ModelAdmin): ...

    Buttons and URLs require ``onefile_sync.refresh_learner`` or ``onefile_sync.preview_learner``, and view permission
    on the learner. An existing ``change_form_template`` is extended.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        register(self.admin_site)  # our pages belong on the same admin site as the learners
        if self.actions is not None:  # None means that this admin has no actions at all
            self.actions = [*self.actions, ACTION]

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Show the OneFile ID without thousands separators, so that it can be copied."""
        columns = super().get_list_display(request)
        by_name = {*(self.list_editable or ()), *(self.get_list_display_links(request, columns) or ())}
        return [
            _onefile_id if column == "onefile_id" and column not in by_name else column for column in columns
        ]

    def has_refresh_onefile_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(access.REFRESH)

    def get_urls(self) -> list[URLPattern]:
        names = f"{self.opts.app_label}_{self.opts.model_name}"
        return [
            path(
                f"<path:object_id>/onefile/{name}/",
                self.admin_site.admin_view(require_POST(view)),
                name=f"{names}_onefile_{name}",
            )
            for name, view in (("refresh", self.onefile_refresh_view), ("preview", self.onefile_preview_view))
        ] + super().get_urls()

    def onefile_refresh_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Queue a refresh and redirect to the run's page. While a refresh is open, redirect to that run."""
        learner = self._learner_for(request, object_id, access.REFRESH)
        return self._lead_to(request, learner, lambda: services.refresh([learner], by=request.user))

    def onefile_preview_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Queue a preview, which writes nothing, and redirect to its page."""
        learner = self._learner_for(request, object_id, access.PREVIEW)
        return self._lead_to(request, learner, lambda: services.preview(learner, by=request.user))

    @admin.action(
        permissions=["refresh_onefile"], description=gettext_lazy("Refresh selected learners with OneFile")
    )
    def refresh_with_onefile(self, request: HttpRequest, queryset: QuerySet[Model]) -> HttpResponse | None:
        """Ask for confirmation, listing accepted and refused learners; once confirmed, queue one run for all."""
        selection = services.partition(access.visible(request, queryset))
        if "onefile_confirmed" not in request.POST:
            return self._ask_for_confirmation(request, selection)
        if not selection.accepted:
            messages.error(request, _("None of the selected learners can be refreshed."))
            return None
        try:
            return redirect(services.refresh(selection.accepted, by=request.user))
        except services.Refused as refused:
            messages.error(request, _("Not refreshed: %(reason)s") % {"reason": refused.reason})
            return None

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Add our blocks to the page, which other extensions may have changed."""
        learner = context.get("original")
        response = super().render_change_form(request, context, *args, **kwargs)
        if learner is None or not isinstance(response, TemplateResponse):
            return response
        panel = panel_for(request, learner)
        response.context_data = {
            **(response.context_data or {}),
            "onefile_extended_template": response.resolve_template(response.template_name),
            "onefile_panel": panel,
            "onefile_buttons": self._buttons(learner, panel),
            "onefile_may_save": context["has_change_permission"]
            or context["has_editable_inline_admin_formsets"],
        }
        response.template_name = "admin/onefile_sync/learner_change_form.html"
        return response

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Handle *Save and refresh* and *Save and preview*: if the form was saved, redirect to the run."""
        button = next((each for each in SAVE_AND if each in request.POST), None)
        if button is None or object_id is None:
            return super().changeform_view(request, object_id, *args, **kwargs)
        permission, view = SAVE_AND[button]
        self._learner_for(request, object_id, permission)
        response = super().changeform_view(request, object_id, *args, **kwargs)
        is_saved = response.status_code == HTTPStatus.FOUND
        return getattr(self, view)(request, object_id) if is_saved else response

    def _buttons(self, learner: Model, panel: Panel) -> list[Button]:
        offered = []
        if panel.may_refresh and not panel.refusal:
            offered.append(("refresh", _("Refresh with OneFile"), _("Save and refresh")))
        if panel.may_preview and not panel.refusal:
            offered.append(("preview", _("Preview"), _("Save and preview")))
        names, pk = self._url_names(), quote(learner.pk)
        return [
            Button(name, label, save_label, reverse(f"{names}_onefile_{name}", args=[pk]))
            for name, label, save_label in offered
        ]

    def _url_names(self) -> str:
        return f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}"

    def _learner_for(self, request: HttpRequest, object_id: str, permission: str) -> Model:
        learner = self.get_object(request, unquote(object_id))
        if (
            learner is None
            or not access.holds(request.user, permission, learner)
            or not access.may_view_learner(request, learner)
        ):
            access.refuse(request, permission)
        return learner

    def _lead_to(self, request: HttpRequest, learner: Model, start: Callable[[], SyncRun]) -> HttpResponse:
        learners_page = reverse(f"{self._url_names()}_change", args=[quote(learner.pk)])
        try:
            return HttpResponseRedirect(links.followed_at(request, start(), learner, learners_page))
        except services.Refused as refused:
            messages.error(request, str(refused.reason))
            return HttpResponseRedirect(learners_page)

    def _ask_for_confirmation(self, request: HttpRequest, selection: services.Selection) -> HttpResponse:
        across = request.POST.get("select_across") == "1"
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Refresh selected learners with OneFile"),
            "opts": self.opts,
            "accepted": Group("", selection.accepted[:NAMED], len(selection.accepted)),
            "guarded": services.is_guarded(len(selection.accepted)),
            "refused": _by_reason(selection.refused),
            "refused_total": len(selection.refused),
            "checkbox_name": ACTION_CHECKBOX_NAME,
            # "Select all 3,000 learners" is a flag of its own; Django only requires that something is ticked.
            "chosen": chosen[:1] if across else chosen,
            "across": across,
            "action": ACTION,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/onefile_sync/confirm_refresh.html", context)


@admin.display(description=gettext_lazy("OneFile ID"), ordering="onefile_id")
def _onefile_id(learner: Any) -> str | None:
    return None if learner.onefile_id is None else str(learner.onefile_id)


def _by_reason(refused: Iterable[tuple[Model, services.Refusal]]) -> list[Group]:
    """Group refused learners by reason, the most frequent reason first."""
    by_reason: dict[str, list[Model]] = {}
    for learner, refusal in refused:
        by_reason.setdefault(str(refusal.reason), []).append(learner)
    groups = [Group(reason, learners[:NAMED], len(learners)) for reason, learners in by_reason.items()]
    return sorted(groups, key=lambda group: -group.total)
