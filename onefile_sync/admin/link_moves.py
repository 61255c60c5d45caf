"""The part of the OneFile settings page about OneFile IDs that belong to another OneFile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from onefile_sync import services
from onefile_sync.models import OneFileSettings, Tenant

if TYPE_CHECKING:
    SettingsModelForm = forms.ModelForm[OneFileSettings]
else:
    SettingsModelForm = forms.ModelForm

#: What a person may choose: to move links, or that the token is a new one of the same customer.
PUT_AWAY, SAME_CUSTOMER = "put_away", "same_customer"
CHOICES = {
    PUT_AWAY: gettext_lazy("Put these links away. They come back as soon as their OneFile is chosen again."),
    SAME_CUSTOMER: gettext_lazy("This is a new token of the same OneFile customer. The links stay."),
}


def counted(counts: Mapping[str, int]) -> str:
    """How many rows of each kind are linked, as text."""
    words = {
        "learner": ngettext("learner", "learners", counts.get("learner", 0)),
        "qualification": ngettext("qualification", "qualifications", counts.get("qualification", 0)),
        "review": ngettext("review", "reviews", counts.get("review", 0)),
        "officer": ngettext("officer", "officers", counts.get("officer", 0)),
        "organisation": ngettext("organisation", "organisations", counts.get("organisation", 0)),
    }
    return ", ".join(
        f"{number_format(counts[kind], force_grouping=True)} {word}"
        for kind, word in words.items()
        if counts.get(kind)
    )


def what_is_linked(linked_to: Tenant | None, counts: Mapping[str, int], to: str) -> str:
    """That rows are linked to one OneFile, and what their IDs mean in the one ``to`` which the settings lead."""
    linked = linked_to.get_environment_display() if linked_to is not None else ""
    if linked == to:
        to = _("another OneFile")
    return _(
        "Linked to OneFile %(linked)s: %(counts)s. The same numbers are other people's records in %(to)s."
    ) % {"linked": linked, "counts": counted(counts) or _("no record at present"), "to": to}


class OldLinksForm(SettingsModelForm):
    """Asks what becomes of the links before another environment or token is saved."""

    old_links = forms.ChoiceField(
        choices=list(CHOICES.items()),
        required=False,
        widget=forms.RadioSelect(attrs={"class": "onefile-choices"}),
    )

    #: What the page asks; blank if it asks nothing.
    asks = ""
    change: services.OneFileChange | None = None

    def ask_about_links(self, typed: OneFileSettings) -> None:
        """Called once everything else in the form is valid. ``typed`` is an unsaved copy of the settings."""
        if not {"environment", "new_customer_token"} & set(self.changed_data):
            if self.cleaned_data.get("old_links"):
                self.add_error(None, _("Nothing was saved. Enter the token of the new OneFile again."))
            return
        if self.instance.moving_to_id is not None:
            self.add_error(None, services.Refusal("links_moving").reason)
            return
        try:
            self.change = services.change_of_onefile(typed)
        except services.Refused as refused:
            self.add_error("new_customer_token", refused.reason)
            return
        if self.change is not None and not self.change.is_same:
            self._ask(typed, self.change, self.cleaned_data.get("old_links"))

    def _ask(self, typed: OneFileSettings, change: services.OneFileChange, chosen: str | None) -> None:
        if chosen == SAME_CUSTOMER and change.may_be_same:
            return
        refusal = services.refusal_to_move()
        if refusal is not None and (chosen == PUT_AWAY or not change.may_be_same):
            self.add_error(None, refusal.reason)
        elif chosen != PUT_AWAY and any(change.counts.values()):
            self.asks = what_is_linked(change.linked, change.counts, typed.get_environment_display())
            if not change.may_be_same:
                self.fields["old_links"].choices = [(PUT_AWAY, CHOICES[PUT_AWAY])]  # type: ignore[attr-defined]
            self.add_error("old_links", _("Nothing was saved. Choose what becomes of the links."))

    def move_links(self) -> None:
        """Called once the form is saved."""
        if self.change is not None:
            same = self.change.is_same or self.cleaned_data.get("old_links") == SAME_CUSTOMER
            services.begin_move(self.change.customer_id, same_customer=same)


def move_after_change_elsewhere(request: HttpRequest) -> None:
    """Put links away after the deployment's own settings have changed, and tell the user what became of it."""
    try:
        change = services.change_of_onefile(OneFileSettings.load())
    except services.Refused as refused:
        messages.error(request, refused.reason)
        return
    refusal = services.refusal_to_move(has_left=True)
    if change is None:
        messages.info(request, _("Nothing is to be done: the OneFile IDs in PICSWeb belong to this OneFile."))
    elif refusal is not None:
        messages.error(request, refusal.reason)
    else:
        services.begin_move(change.customer_id, same_customer=change.is_same)
        tell(request)


def tell(request: HttpRequest) -> None:
    """Say whether the links have been moved."""
    if services.link_status().moving_to is None:
        messages.success(request, _("The OneFile IDs in PICSWeb are now those of the chosen OneFile."))


def status_context(settings: OneFileSettings) -> dict[str, Any]:
    """What the template of the settings page needs."""
    status = services.link_status()
    to = settings.get_environment_display()
    return {
        "links": status,
        "links_text": what_is_linked(status.linked, status.counts, to)
        if status.code == "other_onefile"
        else "",
    }
