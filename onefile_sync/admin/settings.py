"""The OneFile settings page: a form for the single row of settings, with a write-only token and Test connection."""

# ruff: noqa: ARG002 - Django passes arguments that these methods do not need

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from onefile_sync import services
from onefile_sync.conf import deployment
from onefile_sync.crypto import Undecipherable
from onefile_sync.models import Environment, OneFileSettings, SettingsGroup
from onefile_sync.secret import Secret
from onefile_sync.web import text
from onefile_sync.web.unmatched_page import matching_in_words

from . import link_moves
from .link_moves import OldLinksForm

if TYPE_CHECKING:
    SettingsModelAdmin = admin.ModelAdmin[OneFileSettings]
    SettingsModelForm = forms.ModelForm[OneFileSettings]
else:
    SettingsModelAdmin = admin.ModelAdmin
    SettingsModelForm = forms.ModelForm


#: The name of the button that tests the unsaved input.
TEST_CONNECTION = "_test_connection"


class TokenField(forms.CharField):
    """A token as a :class:`Secret`, so that no traceback shows it."""

    def to_python(self, value: object) -> Secret:
        return Secret(super().to_python(value) or "")


class OneFileSettingsForm(OldLinksForm):
    """The settings form. It never shows the token; a blank field keeps the stored one."""

    #: Whether the input is only tested: then nothing is asked, as nothing is saved.
    is_test = False

    new_customer_token = TokenField(
        label=gettext_lazy("Customer Token"),
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "class": "vTextField"}),
        help_text=gettext_lazy(
            "The code that OneFile issued for this environment. Leave blank to keep the stored one."
        ),
    )
    forget_customer_token = forms.BooleanField(label=gettext_lazy("Forget the stored token"), required=False)

    class Meta:
        model = OneFileSettings
        fields = [name for names in OneFileSettings.shown().values() for name in names]
        help_texts = {
            "environment": gettext_lazy(
                "Another environment needs its own customer token and its own OneFile IDs: those of learners, "
                "qualifications, reviews and officers in this one are wrong in any other."
            )
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("new_customer_token") and cleaned.get("forget_customer_token"):
            self.add_error(
                "forget_customer_token", _("Either enter a token or forget the stored one, not both.")
            )
        if cleaned.get("enabled") and "environment" in cleaned:
            self._see_that_there_is_a_token(self.typed())
        if not self.errors and not self.is_test:
            self.ask_about_links(self.typed())
        return cleaned

    def _see_that_there_is_a_token(self, chosen: OneFileSettings) -> None:
        if _deployment_token(chosen.environment) or _has_readable_token(chosen):
            return
        if chosen.has_customer_token and not chosen.token_belongs_here:
            why = _(
                "The stored token was entered for another environment or address. Enter the token that OneFile "
                "issued for this one."
            )
        else:
            why = _(
                "The integration cannot be enabled without a customer token. Enter the one OneFile issued to you."
            )
        self.add_error("new_customer_token", why)

    def typed(self) -> OneFileSettings:
        """An unsaved copy of the settings, with the environment and token of the form."""
        settings = copy(self.instance)
        settings.environment = self.cleaned_data.get("environment", settings.environment)
        self._put_token_into(settings)
        return settings

    @sensitive_variables()
    def _put_token_into(self, settings: OneFileSettings) -> None:
        if self.cleaned_data.get("forget_customer_token"):
            settings.set_customer_token("")
        elif token := self.cleaned_data.get("new_customer_token"):
            settings.set_customer_token(token)

    def save(self, commit: bool = True) -> OneFileSettings:
        self._put_token_into(self.instance)
        return super().save(commit)


class TestedForm(OneFileSettingsForm):
    """The form behind *Test connection*. It is never valid, so the admin saves nothing and shows the input again."""

    is_test = True

    def is_valid(self) -> bool:
        super().is_valid()
        return False


#: The columns that the form saves.
_ON_THE_FORM = [
    *(name for names in OneFileSettings.shown().values() for name in names),
    "encrypted_customer_token",
    "token_environment",
    "token_address",
]


@admin.register(OneFileSettings)
class OneFileSettingsAdmin(SettingsModelAdmin):
    form = OneFileSettingsForm
    change_form_template = "admin/onefile_sync/settings_change_form.html"
    readonly_fields = (
        "address",
        "token_status",
        "last_synchronised",
        "last_attempt",
        "next_daily_sync",
        "qualification_links",
        "matching_by",
        "centre_defaults",
    )
    #: What else stands under a heading, below the fields of the model.
    told: Mapping[SettingsGroup, Sequence[str]] = {
        SettingsGroup.STATUS: ("last_synchronised", "last_attempt", "next_daily_sync"),
        SettingsGroup.CONNECTION: ("address", "token_status"),
        SettingsGroup.LINKING: ("matching_by", "qualification_links"),
        SettingsGroup.CREATING: ("centre_defaults",),
    }

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        # Test connection calls OneFile. Inside a transaction it would lock the rate limit of all processes.
        form = transaction.non_atomic_requests(self.admin_site.admin_view(self.change_view))
        return [
            path("<path:object_id>/change/", form, name="onefile_sync_onefilesettings_change"),
            path(
                "1/move-links/",
                transaction.non_atomic_requests(self.admin_site.admin_view(self.move_links_view)),
                name="onefile_sync_onefilesettings_move_links",
            ),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Redirect to the form, as there is only one row of settings."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        return redirect(self._form_url())

    @method_decorator(sensitive_post_parameters("new_customer_token"))
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        response = super().changeform_view(request, *args, **kwargs)
        if _is_test(request) and isinstance(response, TemplateResponse):
            self._test_connection(request, (response.context_data or {})["adminform"].form)
        return response

    def _test_connection(self, request: HttpRequest, form: Any) -> None:
        """Test the unsaved input against OneFile and show the result above the form."""
        if form.errors:
            return
        report = services.test_connection(form.typed())
        messages.add_message(request, messages.SUCCESS if report.ok else messages.ERROR, report.text)
        if form.cleaned_data["new_customer_token"]:
            messages.warning(
                request,
                _(
                    "Nothing was saved. Enter the token once more before you save: a token is never shown again."
                ),
            )
        elif form.has_changed():
            messages.warning(request, _("Nothing was saved. Save to keep what you have typed."))

    def move_links_view(self, request: HttpRequest) -> HttpResponse:
        """The button shown after the deployment's own settings have led to another OneFile."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_change_permission(request):
            raise PermissionDenied
        link_moves.move_after_change_elsewhere(request)
        return redirect(self._form_url())

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context.update(link_moves.status_context(OneFileSettings.load()))
        return super().render_change_form(request, context, *args, **kwargs)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: Any = None
    ) -> OneFileSettings | None:
        """The settings; the defaults if nobody has saved any yet."""
        return OneFileSettings.load() if object_id == "1" else None

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[SettingsModelForm]:
        if _is_test(request):
            kwargs["form"] = TestedForm
        return super().get_form(request, obj, change, **kwargs)

    def save_model(self, request: HttpRequest, settings: OneFileSettings, form: Any, change: bool) -> None:
        if OneFileSettings.objects.filter(pk=1).exists():
            settings.save(update_fields=_ON_THE_FORM)  # links may be moved at the same moment
        else:
            settings.save()
        if form.change is not None:
            form.move_links()
            link_moves.tell(request)
        elif "environment" in form.changed_data:
            messages.warning(request, _environment_changed(form.initial["environment"], settings))
        if "paused" in form.changed_data and not settings.paused:
            services.resume()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = {
            group: [*names, *self.told.get(group, ())] for group, names in OneFileSettings.shown().items()
        }
        if self.has_change_permission(request, obj):
            fields[SettingsGroup.CONNECTION] += ["new_customer_token", "forget_customer_token"]
        return [(group.label, {"fields": names}) for group, names in fields.items()]

    @admin.display(description=gettext_lazy("Address"))
    def address(self, settings: OneFileSettings) -> str:
        """OneFile's address, and whether the environment chosen above decides it."""
        try:
            given, address = deployment.base_url, deployment.address(settings.environment)
        except ImproperlyConfigured:
            return _("The installation's own settings are wrong: python manage.py check says where.")
        if given is None:
            return address
        return _(
            "%(address)s: the installation's own settings give this address, whichever environment is chosen."
        ) % {"address": address}

    @admin.display(description=gettext_lazy("Token"))
    def token_status(self, settings: OneFileSettings) -> str:
        """Whether there is a token and where it comes from; never the token itself."""
        if _deployment_token(settings.environment):
            return _("A token is set in the installation's own settings, and that one is used.")
        if not settings.has_customer_token:
            return _("No token is stored.")
        if not settings.token_belongs_here:
            return _(
                "The stored token was entered for %(environment)s (%(address)s). It is not sent anywhere else: enter "
                "the token of the environment chosen above."
            ) % {
                "environment": _label(settings.token_environment),
                "address": settings.token_address or _("address not known"),
            }
        if not _has_readable_token(settings):
            return _("A token is stored but can no longer be read: SECRET_KEY was changed. Enter it again.")
        return _("A token is stored.")

    @admin.display(description=gettext_lazy("Last Synchronised"))
    def last_synchronised(self, settings: OneFileSettings) -> str:
        """When the last successful daily sync finished. Refreshes do not count."""
        daily = services.last_daily_run()
        return _moment(daily.finished_at if daily is not None else None) or _("Not yet.")

    @admin.display(description=gettext_lazy("Last attempt"))
    def last_attempt(self, settings: OneFileSettings) -> str:
        """The last daily sync that is not running, and its result."""
        daily = services.last_daily_attempt()
        if daily is None:
            return _("Not yet.")
        result = text.run_result(daily, failed=services.progress(daily).has_failed)
        return f"{_moment(daily.finished_at or daily.held_at)}: {result}"

    @admin.display(description=gettext_lazy("Next daily sync"))
    def next_daily_sync(self, settings: OneFileSettings) -> str:
        schedules = services.installed_schedules()
        if not schedules:
            return _("Not scheduled. Ask PICSWeb support to run: python manage.py onefile_schedule install")
        return _moment(schedules[0].next_run) or _("Not scheduled.")

    @admin.display(description=gettext_lazy("Qualification Links"))
    def qualification_links(self, settings: OneFileSettings) -> str:
        """How many standards OneFile has, and how many VQ References are without one."""
        return text.links_summary(services.qualification_links())

    @admin.display(description=gettext_lazy("Matching by"))
    def matching_by(self, settings: OneFileSettings) -> str:
        """What the choice above comes to for this customer."""
        return matching_in_words(settings)

    @admin.display(description=gettext_lazy("Defaults of centres"))
    def centre_defaults(self, settings: OneFileSettings) -> str:
        return text.centre_defaults_summary(services.centre_choices())

    def _form_url(self) -> str:
        return reverse(f"{self.admin_site.name}:onefile_sync_onefilesettings_change", args=["1"])


def _is_test(request: HttpRequest) -> bool:
    return request.method == "POST" and TEST_CONNECTION in request.POST


def _environment_changed(before: str, settings: OneFileSettings) -> str:
    return _(
        "The environment was changed from %(before)s to %(now)s: OneFile is called at %(address)s from now on. OneFile "
        "IDs belong to one environment, so those entered for %(before)s lead to other people's records in %(now)s. "
        "Pause the integration, or change back, until they are the IDs of %(now)s."
    ) % {
        "before": _label(before),
        "now": _label(settings.environment),
        "address": settings.address or _("an address that is not known"),
    }


def _label(environment: str) -> str:
    return str(dict(Environment.choices).get(environment, environment))


def _deployment_token(environment: str) -> str:
    """The token from the installation's settings; ``""`` if those are wrong, which the system checks report."""
    try:
        return deployment.token_for(environment)
    except ImproperlyConfigured:
        return ""


def _has_readable_token(settings: OneFileSettings) -> bool:
    """Whether a readable token for the chosen environment is stored."""
    try:
        return settings.token_belongs_here and bool(settings.customer_token)
    except Undecipherable:
        return False


def _moment(at: datetime | None) -> str:
    return f"{timezone.localtime(at):%d/%m/%Y %H:%M}" if at is not None else ""
