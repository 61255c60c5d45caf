"""What the REST interface takes and answers about *Match with OneFile*."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from onefile_sync import services
from onefile_sync.models import LIST_OF

_KINDS = [str(kind) for kind in LIST_OF]
_LEVELS = [each.value for each in services.Confidence]
#: Pairs that one request may decide about.
MOST_PAIRS = 500


def _pairs() -> serializers.ListField:
    return serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        min_length=1,
        max_length=MOST_PAIRS,
        help_text=f"The IDs of at most {MOST_PAIRS} pairs.",
    )


@extend_schema_serializer(component_name="OneFileMatchWish")
class MatchWishSerializer(serializers.Serializer[Any]):
    """What to match."""

    kinds = serializers.ListField(
        child=serializers.ChoiceField(choices=_KINDS),
        default=lambda: list(_KINDS),
        min_length=1,
        max_length=len(_KINDS),
    )
    centres = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        default=list,
        max_length=1000,
        help_text="The OneFile IDs of centres; none means all.",
    )


@extend_schema_serializer(component_name="OneFileMatchEstimate")
class MatchEstimateSerializer(serializers.Serializer[services.MatchEstimate]):
    """What a run would do. Nothing was started."""

    unlinked = serializers.DictField(child=serializers.IntegerField(), help_text="Rows not linked, by kind.")
    calls = serializers.IntegerField(help_text="About how many calls to OneFile the run makes.")
    minutes = serializers.IntegerField()
    is_known = serializers.BooleanField(help_text="False if a list was never read, so that this is a guess.")


@extend_schema_serializer(component_name="OneFileSuggestionFilter")
class SuggestionFilterSerializer(serializers.Serializer[Any]):
    """Which pairs to list."""

    kind = serializers.ChoiceField(choices=_KINDS, default=_KINDS[0])
    level = serializers.ChoiceField(choices=["", *_LEVELS], default="", allow_blank=True)


@extend_schema_serializer(component_name="OneFileSuggestion")
class SuggestionSerializer(serializers.Serializer[Any]):
    """A row of PICSWeb and a record of OneFile that may be the same. Nobody has decided about the pair."""

    id = serializers.IntegerField(source="suggestion.pk")
    kind = serializers.CharField(
        source="suggestion.subject_kind", help_text="`learner`, `officer` or `organisation`."
    )
    picsweb_id = serializers.CharField(
        source="suggestion.subject_pk", help_text="The primary key in PICSWeb."
    )
    picsweb = serializers.CharField(source="ours", help_text="The name in PICSWeb.")
    onefile_id = serializers.IntegerField(source="suggestion.onefile_id")
    onefile = serializers.CharField(source="theirs", help_text="The name in OneFile, as last listed.")
    mis_value = serializers.CharField()
    centre_id = serializers.IntegerField(source="suggestion.centre_id")
    archived = serializers.BooleanField()
    level = serializers.ChoiceField(source="suggestion.level", choices=_LEVELS)
    matched_on = serializers.SerializerMethodField(help_text="Fields that agree.")
    differs = serializers.SerializerMethodField(help_text="Fields that contradict each other, and slips.")
    refusal = serializers.CharField(help_text="Why the pair was not linked, if that was tried.")

    def get_matched_on(self, line: services.matches.MatchLine) -> list[str]:
        return [code for code in line.suggestion.evidence if not code.startswith("~")]

    def get_differs(self, line: services.matches.MatchLine) -> list[str]:
        slips = [code[1:] for code in line.suggestion.evidence if code.startswith("~")]
        return [*line.suggestion.contradictions, *slips]


@extend_schema_serializer(component_name="OneFileChosenPairs")
class ChosenPairsSerializer(serializers.Serializer[Any]):
    """The pairs to link."""

    suggestions = _pairs()
    singly = serializers.BooleanField(
        default=False,
        help_text="A person has looked at each of these pairs. Otherwise only certain and strong ones are linked.",
    )


@extend_schema_serializer(component_name="OneFileNotSame")
class NotSameSerializer(serializers.Serializer[Any]):
    """Pairs that are not the same: those to remember, or in an answer those that were."""

    suggestions = _pairs()
