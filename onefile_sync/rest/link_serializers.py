"""What the REST interface takes and answers when a learner is linked to an existing OneFile learner."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from onefile_sync import services
from onefile_sync.models import LinkMethod


@extend_schema_serializer(component_name="OneFileLinkDecision")
class DecisionSerializer(serializers.Serializer[Any]):
    """A OneFile ID to check; with ``shown``, the decision to link."""

    onefile_id = serializers.IntegerField(
        min_value=1, max_value=2**63 - 1, help_text="The learner's user ID in OneFile."
    )
    shown = serializers.CharField(
        required=False, help_text="From the answer to the check. Without it nothing is written."
    )
    same_person = serializers.BooleanField(
        default=False, help_text="Needed to link in spite of contradictions."
    )
    move_from = serializers.CharField(
        default="",
        allow_blank=True,
        help_text="The learner from whom the link is to be moved, as in the check.",
    )
    qualifications = serializers.DictField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        default=dict,
        help_text="OneFile IDs of learning aims, by the qualification's primary key in PICSWeb.",
    )
    reviews = serializers.DictField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        default=dict,
        help_text="OneFile IDs of reviews, by the review's primary key in PICSWeb.",
    )
    reviews_answer = serializers.ChoiceField(
        choices=[each.value for each in services.ReviewsAnswer],
        default=services.ReviewsAnswer.LATER.value,
        help_text="`paired`: those in `reviews` are the same. `different`: none is. `later`: reviews go neither way.",
    )


@extend_schema_serializer(component_name="OneFileComparedValue")
class ComparedValueSerializer(serializers.Serializer[Any]):
    """A value of both records."""

    name = serializers.CharField()
    picsweb = serializers.CharField(source="ours", help_text="Dates are dd/mm/yyyy.")
    onefile = serializers.CharField(source="theirs")
    agreement = serializers.ChoiceField(
        choices=[each.value for each in services.Agreement], source="agreement.value"
    )


@extend_schema_serializer(component_name="OneFileLinkOption")
class LinkOptionSerializer(serializers.Serializer[Any]):
    """A learning aim or review of OneFile to which no row of PICSWeb is linked."""

    onefile_id = serializers.IntegerField()
    code = serializers.CharField(help_text="The code of the learning aim's standard, if it is known.")
    title = serializers.CharField()
    day = serializers.DateField(allow_null=True, help_text="The day of a review.")


@extend_schema_serializer(component_name="OneFileLinkChoice")
class LinkChoiceSerializer(serializers.Serializer[Any]):
    """A qualification or review of PICSWeb without a OneFile ID."""

    pk = serializers.CharField()
    name = serializers.CharField(source="label", help_text="As PICSWeb shows it.")
    onefile_id = serializers.IntegerField(
        source="chosen", allow_null=True, help_text="The record that is surely the same."
    )


@extend_schema_serializer(component_name="OneFileLinkChoices")
class LinkChoicesSerializer(serializers.Serializer[Any]):
    """What may be paired."""

    picsweb = LinkChoiceSerializer(source="ours", many=True)
    onefile = LinkOptionSerializer(source="theirs", many=True)


@extend_schema_serializer(component_name="OneFileLinkCheck")
class LinkCheckSerializer(serializers.Serializer[Any]):
    """A learner and a OneFile learner side by side. Nothing was written."""

    learner = serializers.CharField(source="learner_pk")
    onefile_id = serializers.IntegerField()
    values = ComparedValueSerializer(source="comparison.values", many=True)
    contradictions = serializers.ListField(
        source="comparison.contradictions",
        child=serializers.CharField(),
        help_text="If there are any, linking needs `same_person`.",
    )
    archived = serializers.BooleanField(allow_null=True, help_text="Null if OneFile does not say.")
    move_from = serializers.CharField(
        source="holder",
        allow_null=True,
        help_text="An earlier record of the same person that has the OneFile ID.",
    )
    qualifications = LinkChoicesSerializer()
    reviews = LinkChoicesSerializer()
    shown = serializers.CharField(help_text="To be given back with the decision.")


@extend_schema_serializer(component_name="OneFileLink")
class LinkSerializer(serializers.Serializer[Any]):
    """A link on record."""

    learner = serializers.CharField(source="subject_pk")
    onefile_id = serializers.IntegerField()
    how = serializers.ChoiceField(choices=LinkMethod.choices)
    linked_at = serializers.DateTimeField()
    reviews_pending = serializers.BooleanField(
        help_text="Nobody has said yet which reviews are the same, so they go neither way."
    )
