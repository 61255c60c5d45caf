"""The answer of the REST interface about VQ References and OneFile's standards."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from onefile_sync import services


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
