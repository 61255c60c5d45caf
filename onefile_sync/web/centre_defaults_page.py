"""*Defaults of centres*: the class and the placement of new learners who have none of their own.

The page calls no OneFile: both are chosen from its kept lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from onefile_sync import access, services
from onefile_sync.models import DirectoryKind

from .views import page_of

#: The longest list that is shown as a menu. A longer one is a text box that proposes what fits.
LONGEST_MENU = 30


class RecordField(forms.CharField):
    """A record of a kept list, by its text. The value is a OneFile ID, or ``None``."""

    def __init__(self, records: Mapping[int, str], **kwargs: Any) -> None:
        self.records = records
        super().__init__(required=False, max_length=400, **kwargs)

    def clean(self, value: Any) -> int | None:
        typed = " ".join(str(super().clean(value)).split()).casefold()
        if not typed:
            return None
        for onefile_id, text in self.records.items():
            if typed in (str(onefile_id), " ".join(text.split()).casefold()):
                return onefile_id
        raise forms.ValidationError(_("Choose one of the list, or leave it blank."))


@dataclass(frozen=True, slots=True)
class FieldLine:
    """One field of a centre. ``field`` is ``None`` if there is no list to choose from; ``proposals`` are texts."""

    label: str
    field: forms.BoundField | None
    proposals: Sequence[str] = ()


class CentreDefaultsForm(forms.Form):
    """A field for the class and the placement of each centre."""

    def __init__(self, choices: Sequence[services.CentreChoices], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.choices = choices
        for centre in choices:
            for each in centre.defaults:
                if each.records is not None or each.chosen is not None:
                    self.fields[_name(centre, each)] = _field(_name(centre, each), each)

    def centres(self) -> list[tuple[str, list[FieldLine]]]:
        """The name of each centre with its fields."""
        return [
            (centre.name, [self._line(centre, each) for each in centre.defaults]) for centre in self.choices
        ]

    def _line(self, centre: services.CentreChoices, each: services.DefaultChoice) -> FieldLine:
        label, name = _label(each.kind), _name(centre, each)
        if name not in self.fields:
            return FieldLine(label, None)
        field: Any = self.fields[name]
        is_menu = isinstance(field.widget, forms.Select)
        return FieldLine(label, self[name], () if is_menu else list(field.records.values()))

    def chosen(self) -> dict[int, dict[DirectoryKind, int | None]]:
        """The defaults by centre and kind, of the lists that there are."""
        return {
            centre.centre_id: {
                each.kind: self.cleaned_data[_name(centre, each)]
                for each in centre.defaults
                if _name(centre, each) in self.cleaned_data
            }
            for centre in self.choices
        }


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def centre_defaults(request: HttpRequest) -> HttpResponse:
    """Show and keep the defaults of every centre."""
    if not access.may_change_settings(request):
        raise PermissionDenied
    choices = services.centre_choices()
    form = CentreDefaultsForm(choices, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            services.keep_centre_defaults(form.chosen())
        except services.UnknownRecord:
            messages.error(
                request, _("Nothing was saved: OneFile's lists were read again meanwhile. Look again.")
            )
        else:
            messages.success(request, _("The defaults of the centres were saved."))
        return redirect("onefile_sync:centre-defaults")
    return page_of(
        request,
        "onefile_sync/centre_defaults.html",
        _("Defaults of centres"),
        form=form,
        may_see_lists=access.may_see_lists(request),
    )


def _field(name: str, choice: services.DefaultChoice) -> RecordField:
    records = {
        onefile_id: f"{title} ({onefile_id})" if title else str(onefile_id)
        for onefile_id, title in (choice.records or {}).items()
    }
    if choice.chosen is not None and choice.chosen not in records:
        gone = _("OneFile ID %(id)d, no longer in OneFile's list") % {"id": choice.chosen}
        records = {choice.chosen: gone, **records}
    chosen: Any = choice.chosen
    if len(records) <= LONGEST_MENU:
        menu = [("", _("None")), *records.items()]
        return RecordField(
            records, label=_label(choice.kind), initial=chosen, widget=forms.Select(choices=menu)
        )
    box = forms.TextInput(attrs={"list": f"{name}-records", "autocomplete": "off", "size": 40})
    return RecordField(records, label=_label(choice.kind), initial=records.get(chosen), widget=box)


def _label(kind: DirectoryKind) -> str:
    return {DirectoryKind.CLASSROOM: _("Class"), DirectoryKind.PLACEMENT: _("Placement")}[kind]


def _name(centre: services.CentreChoices, each: services.DefaultChoice) -> str:
    return f"{each.kind.value}-{centre.centre_id}"
