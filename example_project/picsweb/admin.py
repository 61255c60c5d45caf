"""PICSWeb's administration. The mixins add Refresh with OneFile and Look Up OneFile ID."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.contrib import admin
from django.db import models
from django.utils.translation import gettext_lazy as _

from onefile_sync.admin import OneFileLearnerAdminMixin, OneFileLookUpAdminMixin

from .models import Learner, Officer, Organisation, Placement, Qualification, Review, Unit

if TYPE_CHECKING:  # these classes are generic in django-stubs, but not in Django
    LearnerModelAdmin = admin.ModelAdmin[Learner]
    OfficerModelAdmin = admin.ModelAdmin[Officer]
    OrganisationModelAdmin = admin.ModelAdmin[Organisation]
    QualificationModelAdmin = admin.ModelAdmin[Qualification]
    ReviewModelAdmin = admin.ModelAdmin[Review]
    PlacementModelAdmin = admin.ModelAdmin[Placement]
    QualificationTable = admin.TabularInline[Qualification, Learner]
    ReviewTable = admin.TabularInline[Review, Learner]
    PlacementTable = admin.TabularInline[Placement, Learner]
    UnitTable = admin.TabularInline[Unit, Qualification]
else:
    LearnerModelAdmin = OfficerModelAdmin = OrganisationModelAdmin = admin.ModelAdmin
    QualificationModelAdmin = ReviewModelAdmin = PlacementModelAdmin = admin.ModelAdmin
    QualificationTable = ReviewTable = PlacementTable = UnitTable = admin.TabularInline


admin.site.site_header = admin.site.site_title = _("PICSWeb administration")


class QualificationInline(QualificationTable):
    model = Qualification
    extra = 0
    fields = [
        "reference",
        "title",
        "assessor",
        "total_elements",
        "elements_done",
        "registration_number",
        "registration_date",
        "certificate_applied_date",
        "certificate_received_date",
        "onefile_id",
    ]
    # With the admin's default field width, the last of the ten columns would be outside the window.
    formfield_overrides = {models.CharField: {"widget": forms.TextInput(attrs={"size": 14})}}
    autocomplete_fields = ["assessor"]
    show_change_link = True


class ReviewInline(ReviewTable):
    model = Review
    extra = 0
    autocomplete_fields = ["officer"]
    readonly_fields = ["onefile_id"]


class PlacementInline(PlacementTable):
    model = Placement
    extra = 0
    autocomplete_fields = ["organisation"]


class UnitInline(UnitTable):
    model = Unit
    extra = 0


@admin.register(Learner)
class LearnerAdmin(OneFileLearnerAdminMixin, LearnerModelAdmin):
    list_display = [
        "ident",
        "full_name",
        "status",
        "start_date",
        "actual_end_date",
        "main_officer",
        "onefile_id",
    ]
    list_display_links = ["ident", "full_name"]
    list_filter = ["status", ("onefile_id", admin.EmptyFieldListFilter), "main_officer"]
    list_select_related = ["main_officer"]
    search_fields = ["ident", "first_name", "surname", "email", "uln", "=onefile_id"]
    autocomplete_fields = ["main_officer"]
    fieldsets = [
        (None, {"fields": [("ident", "onefile_id"), ("first_name", "surname"), ("status", "main_tag")]}),
        (
            _("Programme"),
            {"fields": [("start_date", "planned_end_date", "actual_end_date"), "main_officer"]},
        ),
        (
            _("Person"),
            {
                "fields": [
                    ("email", "telephone", "mobile"),
                    ("date_of_birth", "uln", "ni_number"),
                    ("sex", "ethnicity", "disability"),
                ]
            },
        ),
    ]
    inlines = [QualificationInline, ReviewInline, PlacementInline]

    class Media:
        css = {"screen": ["picsweb/admin.css"]}


@admin.register(Officer)
class OfficerAdmin(OneFileLookUpAdminMixin, OfficerModelAdmin):
    list_display = ["ident", "full_name", "email", "onefile_id"]
    list_display_links = ["ident", "full_name"]
    search_fields = ["ident", "first_name", "surname", "email"]


@admin.register(Organisation)
class OrganisationAdmin(OneFileLookUpAdminMixin, OrganisationModelAdmin):
    list_display = ["ident", "name", "onefile_id"]
    list_display_links = ["ident", "name"]
    search_fields = ["ident", "name"]


@admin.register(Qualification)
class QualificationAdmin(QualificationModelAdmin):
    list_display = ["reference", "title", "learner", "elements_done", "total_elements", "registration_number"]
    list_select_related = ["learner"]
    list_filter = ["reference"]
    search_fields = ["reference", "title", "learner__ident", "learner__first_name", "learner__surname"]
    autocomplete_fields = ["learner", "assessor"]
    inlines = [UnitInline]


@admin.register(Review)
class ReviewAdmin(ReviewModelAdmin):
    list_display = ["learner", "type", "proposed_date", "proposed_time", "attended", "actual_date", "officer"]
    list_select_related = ["learner", "officer"]
    list_filter = ["type", "attended"]
    date_hierarchy = "proposed_date"
    search_fields = ["learner__ident", "learner__first_name", "learner__surname", "=onefile_id"]
    autocomplete_fields = ["learner", "officer"]
    readonly_fields = ["onefile_id"]


@admin.register(Placement)
class PlacementAdmin(PlacementModelAdmin):
    list_display = ["learner", "organisation", "type", "start_date"]
    list_select_related = ["learner", "organisation"]
    list_filter = ["type"]
    search_fields = ["learner__ident", "learner__surname", "organisation__name"]
    autocomplete_fields = ["learner", "organisation"]
