"""The OneFile settings page: one form for the one row, the customer token write-only, and Test connection."""

# ruff: noqa: ARG002 - Django calls these methods with arguments that they need not look at

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST
from django_q.models import Schedule

from onefile_sync import access, services
from onefile_sync.conf import DAILY, deployment
from onefile_sync.crypto import Undecipherable
from onefile_sync.models import OneFileSettings

if TYPE_CHECKING:
    SettingsModelAdmin = admin.ModelAdmin[OneFileSettings]
    SettingsModelForm = forms.ModelForm[OneFileSettings]
else:
    SettingsModelAdmin = admin.ModelAdmin
    SettingsModelForm = forms.ModelForm


class OneFileSettingsForm(SettingsModelForm):
    """The token goes in and never comes out: blank keeps the stored one."""

    new_customer_token = forms.CharField(
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
        fields = (
            "enabled", "paused", "environment", "upload_reviews", "download_reviews", "visit_type",
            "skip_elements_with_units", "safety_stop_percent", "safety_stop_learners",
        )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        typed, forget = cleaned.get("new_customer_token"), cleaned.get("forget_customer_token")
        if typed and forget:
            self.add_error(
                "forget_customer_token", _("Either enter a token or forget the stored one, not both.")
            )
        kept = _has_readable_token(self.instance) and not forget
        if cleaned.get("enabled") and not (typed or kept or _deployment_token()):
            self.add_error(
                "new_customer_token",
                _(
                    "The integration cannot be enabled without a customer token. Enter the one OneFile issued to you."
                ),
            )
        return cleaned

    def save(self, commit: bool = True) -> OneFileSettings:
        if self.cleaned_data["forget_customer_token"]:
            self.instance.set_customer_token("")
        elif self.cleaned_data["new_customer_token"]:
            self.instance.set_customer_token(self.cleaned_data["new_customer_token"])
        return super().save(commit)


@admin.register(OneFileSettings)
class OneFileSettingsAdmin(SettingsModelAdmin):
    form = OneFileSettingsForm
    change_form_template = "admin/onefile_sync/settings_change_form.html"
    readonly_fields = ("address", "token_status", "last_synchronised", "next_daily_sync")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        # It calls OneFile: not within a transaction, in which it would hold the pace of all processes.
        test = transaction.non_atomic_requests(
            self.admin_site.admin_view(require_POST(self.test_connection_view))
        )
        return [
            path("test-connection/", test, name="onefile_sync_onefilesettings_test_connection"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """There is one row of settings: its form is the list."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        return redirect(_form_url())

    @method_decorator(sensitive_post_parameters("new_customer_token"))
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().changeform_view(request, *args, **kwargs)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: Any = None
    ) -> OneFileSettings | None:
        """The row, or the defaults where nobody has saved any yet."""
        return OneFileSettings.load() if object_id == "1" else None

    def save_model(self, request: HttpRequest, settings: OneFileSettings, form: Any, change: bool) -> None:
        super().save_model(request, settings, form, change)
        if "paused" in form.changed_data and not settings.paused:
            services.resume()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        connection = ["environment", "address", "token_status"]
        if self.has_change_permission(request, obj):
            connection += ["new_customer_token", "forget_customer_token"]
        return [
            (
                _("Integration Status"),
                {"fields": ["enabled", "paused", "last_synchronised", "next_daily_sync"]},
            ),
            (_("Connection"), {"fields": connection}),
            (_("Reviews"), {"fields": ["upload_reviews", "download_reviews", "visit_type"]}),
            (_("Qualifications"), {"fields": ["skip_elements_with_units"]}),
            (_("Safety stop"), {"fields": ["safety_stop_percent", "safety_stop_learners"]}),
        ]

    @admin.display(description=gettext_lazy("Address"))
    def address(self, settings: OneFileSettings) -> str:
        """Where OneFile is called, and whether the environment above has a say in it."""
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
        """Whether there is a token and whose; never the token."""
        if _deployment_token():
            return _("The installation's own settings give a token, and that one is used.")
        if not settings.has_customer_token:
            return _("No token is stored.")
        if not _has_readable_token(settings):
            return _("A token is stored but can no longer be read: SECRET_KEY was changed. Enter it again.")
        return _("A token is stored.")

    @admin.display(description=gettext_lazy("Last Synchronised"))
    def last_synchronised(self, settings: OneFileSettings) -> str:
        """The end of the last daily sync; a single learner's refresh does not count."""
        daily = services.last_daily_run()
        return _moment(daily.finished_at if daily is not None else None) or _("Not yet.")

    @admin.display(description=gettext_lazy("Next daily sync"))
    def next_daily_sync(self, settings: OneFileSettings) -> str:
        schedule = Schedule.objects.filter(name=DAILY.name).first()
        if schedule is None:
            return _(
                "Not scheduled. Ask whoever runs PICSWeb to run: python manage.py onefile_schedule install"
            )
        return _moment(schedule.next_run) or _("Not scheduled.")

    def test_connection_view(self, request: HttpRequest) -> HttpResponse:
        """Ask OneFile who we are with the settings as saved, and say the answer."""
        if not request.user.has_perm(access.CHANGE_SETTINGS):
            raise PermissionDenied
        report = services.test_connection(OneFileSettings.load())
        messages.add_message(request, messages.SUCCESS if report.ok else messages.ERROR, report.text)
        return redirect(_form_url())


def _form_url() -> str:
    return reverse("admin:onefile_sync_onefilesettings_change", args=["1"])


def _deployment_token() -> str:
    """The token of the installation's settings; a wrong entry there is the system checks' to report."""
    try:
        return deployment.customer_token or ""
    except ImproperlyConfigured:
        return ""


def _has_readable_token(settings: OneFileSettings) -> bool:
    try:
        return bool(settings.customer_token)
    except Undecipherable:
        return False


def _moment(at: datetime | None) -> str:
    return f"{timezone.localtime(at):%d/%m/%Y %H:%M}" if at is not None else ""
