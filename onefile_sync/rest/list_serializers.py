"""The answers of the REST interface about VQ References and OneFile's standards, and about what is unmatched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from onefile_sync import services
from onefile_sync.models import Side


@extend_schema_serializer(component_name="OneFileStandard")
class StandardSerializer(serializers.Serializer[Any]):
    """A standard in one centre of OneFile."""

    onefile_id = serializers.IntegerField()
    centre_id = serializers.IntegerField(help_text="0 if OneFile does not list its centres.")
    title = serializers.CharField()
    code = serializers.CharField()


@extend_schema_serializer(component_name="OneFileReference")
class ReferenceSerializer(serializers.Serializer[services.ReferenceLink]):
    """A VQ Reference of qualifications that are not linked, with its standards."""

    reference = serializers.CharField()
    qualifications = serializers.IntegerField(help_text="Qualifications with this reference.")
    standards = StandardSerializer(
        many=True, help_text="The standards with this code; empty if there are none."
    )
    pathways = serializers.BooleanField(help_text="One centre has several of them: a person has to choose.")
    near = StandardSerializer(
        many=True, help_text="Standards with nearly this code, if there are none with it."
    )


@extend_schema_serializer(component_name="OneFileQualificationLinks")
class QualificationLinksSerializer(serializers.Serializer[services.QualificationLinks]):
    """What OneFile's lists of standards, as they were last read, say of the VQ References in use."""

    read_at = serializers.DateTimeField(
        allow_null=True, help_text="When the oldest of the lists was read; null if one was never read."
    )
    standards = serializers.IntegerField(help_text="Standards in OneFile.")
    references = ReferenceSerializer(many=True)


@dataclass(frozen=True, slots=True)
class UnmatchedPage:
    """The sections of Unmatched, and one page of the records of the section that was asked for, if any."""

    found: services.Unmatched
    records: list[services.UnmatchedLine]
    pages: int


@extend_schema_serializer(component_name="OneFileUnmatchedSection")
class UnmatchedSectionSerializer(serializers.Serializer[services.UnmatchedSection]):
    """The records of one kind on one side."""

    code = serializers.CharField()
    side = serializers.ChoiceField(choices=Side.choices, help_text="The side on which the records stand.")
    title = serializers.CharField()
    count = serializers.SerializerMethodField()
    list_read_at = serializers.DateTimeField(
        source="read_at",
        allow_null=True,
        help_text="When the list of OneFile that decides this was read; null if it was not, or none is needed.",
    )

    def get_count(self, section: services.UnmatchedSection) -> int:
        return len(section.lines)


@extend_schema_serializer(component_name="OneFileUnmatchedRecord")
class UnmatchedRecordSerializer(serializers.Serializer[services.UnmatchedLine]):
    """A record that stands on one side only."""

    name = serializers.CharField()
    value = serializers.CharField(help_text="The Ident, VQ Reference, MIS Value or code.")
    why = serializers.CharField()
    picsweb_id = serializers.CharField(source="pk", help_text="The primary key in PICSWeb, or blank.")
    learner = serializers.CharField(source="learner_pk", help_text="The learner's primary key, or blank.")
    onefile_id = serializers.IntegerField(allow_null=True)
    centre = serializers.CharField()


@extend_schema_serializer(component_name="OneFileUnmatched")
class UnmatchedSerializer(serializers.Serializer[UnmatchedPage]):
    """What stands in PICSWeb or in OneFile only."""

    sees_everyone = serializers.BooleanField(
        source="found.sees_everyone", help_text="False if learners were left out whom the caller may not see."
    )
    sections = UnmatchedSectionSerializer(source="found.sections", many=True)
    records = UnmatchedRecordSerializer(many=True, help_text="Of the section asked for.")
    pages = serializers.IntegerField(help_text="How many pages of records the section has.")
